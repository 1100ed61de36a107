//! Every byte of every part of a bundle, changed one at a time: each change is found, and the part that it is in is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

use super::stage::{story, trusted};
use super::*;

/// What a leaf of the document is, and so how its bytes are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Base64,
    Hex,
    Text,
    Number,
}

pub(crate) fn leaf_of(path: &str) -> Leaf {
    let last = path.rsplit(['.', ']']).next().unwrap_or_default();
    let name = path
        .trim_end_matches(|c: char| c == ']' || c.is_ascii_digit())
        .trim_end_matches('[');
    match (last, name.rsplit('.').next().unwrap_or_default()) {
        ("size" | "index", _) => Leaf::Number,
        ("keyid", _) => Leaf::Hex,
        ("record" | "salt" | "content" | "payload" | "sig" | "root" | "token", _) | (_, "consistency") => {
            Leaf::Base64
        }
        (_, _) => Leaf::Text,
    }
}

/// Every leaf of the document, by its path.
pub(crate) fn leaves(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(value, &path, found);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                leaves(value, &format!("{path}[{at}]"), found);
            }
        }
        Value::Null => {}
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

pub(crate) fn pointer(path: &str) -> String {
    format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
}

/// All changes of one byte of a leaf, every `stride`th byte: of its lowest bit, and of another.
pub(crate) fn changes(leaf: Leaf, text: &str, stride: usize) -> Vec<Value> {
    // The other bit is each of the seven in turn; a text's highest would be no text.
    let highest = if leaf == Leaf::Text { 6 } else { 7 };
    let masks = |bytes: usize| {
        let all = (0..bytes).step_by(stride);
        all.flat_map(move |at| [(at, 1), (at, 2u8 << (at % highest))])
    };
    let each = |bytes: Vec<u8>, write: &dyn Fn(&[u8]) -> String| {
        masks(bytes.len())
            .map(|(at, mask)| {
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                Value::String(write(&bytes))
            })
            .collect()
    };
    match leaf {
        Leaf::Base64 => each(BASE64_STANDARD.decode(text).unwrap(), &|bytes| {
            BASE64_STANDARD.encode(bytes)
        }),
        Leaf::Hex => each(hex::decode(text).unwrap(), &|bytes| hex::encode(bytes)),
        // A byte of a longer character changes into one that is no text: JSON could not hold it.
        Leaf::Text => masks(text.len())
            .filter_map(|(at, mask)| {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= mask;
                Some(Value::String(String::from_utf8(bytes).ok()?))
            })
            .collect(),
        Leaf::Number => {
            let number: u64 = text.parse().unwrap();
            vec![Value::from(number ^ 1), Value::from(number + 1_000)]
        }
    }
}

/// Whether a fault in `found` is one of the part that was changed: it, what holds it, or what it is compared with.
fn names(found: &str, changed: &str) -> bool {
    let related = |one: &str, other: &str| {
        one.strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let compared_with: &[(&str, &[&str])] = &[
        // Every proof holds the checkpoint, and the first one is compared with it first.
        ("checkpoint", &["directory[0].proof"]),
        ("origin", &["checkpoint"]),
        // The acceptance holds the warning.
        ("warning.envelope", &["accepted.record", "threads"]),
        // A thread's records name their desk.
        ("threads[0].desk", &["threads[0].records[0].record"]),
        ("format", &["the document"]),
    ];
    related(found, changed)
        || related(changed, found)
        || compared_with
            .iter()
            .any(|(part, others)| related(changed, part) && others.iter().any(|other| related(found, other)))
}

/// A check that takes the honest bundle's checkpoints as opened where they are the same, to the last byte: opening them depends
/// on nothing else.
struct Again<'a> {
    honest: &'a Bundle,
    tree: tree::Tree,
    trusted: &'a Trusted,
}

impl Again<'_> {
    fn check(&self, bundle: &Bundle) -> Result<Findings, BundleFault> {
        let head = |it: &Bundle| {
            let Bundle {
                origin,
                checkpoint,
                earlier,
                seen,
                timestamps,
                ..
            } = it;
            let head = (origin, checkpoint, earlier, seen, timestamps);
            (
                head.0.clone(),
                head.1.clone(),
                head.2.clone(),
                head.3.clone(),
                head.4.clone(),
            )
        };
        if head(bundle) != head(self.honest) {
            return check(bundle, self.trusted);
        }
        let history = history::read(bundle, &self.tree, self.tree.entries(bundle)?)?;
        Ok(telling::tell(bundle, self.trusted, &self.tree, history))
    }
}

/// Every byte of every leaf, one at a time, each in two bits: each change is found, and the fault names the part. The one thing
/// that may change without a fault is which witness an *earlier* checkpoint's cosignature is of: the verifier then does not know
/// the witness, and the findings lose what it said, so they differ from the honest ones.
fn every_byte_is_held(viewer: &str) {
    let story = story();
    let trusted = trusted(&story.world);
    let bundle = story.bundle(viewer);
    let honest = check(&bundle, &trusted).unwrap();
    let again = Again {
        honest: &bundle,
        tree: tree::Tree::open(&bundle, &trusted).unwrap(),
        trusted: &trusted,
    };
    assert_eq!(again.check(&bundle).unwrap(), honest);
    let document: Value = serde_json::from_str(&bundle.to_json()).unwrap();
    let mut all = Vec::new();
    leaves(&document, "", &mut all);
    // The text of the document before and after each leaf is the same for all of its changes.
    const HERE: &str = "(the leaf)";
    let try_all = |path: &str, text: &str| -> (usize, bool) {
        let mut marked = document.clone();
        *marked.pointer_mut(&pointer(path)).unwrap() = Value::from(HERE);
        let marked = marked.to_string();
        let (before, after) = marked.split_once(&format!("{HERE:?}")).unwrap();
        let (mut tried, mut passed) = (0, false);
        for change in changes(leaf_of(path), text, 1) {
            tried += 1;
            let changed = format!("{before}{change}{after}");
            match Bundle::parse(changed.as_bytes()).and_then(|bundle| again.check(&bundle)) {
                Err(fault) => assert!(
                    names(&fault.part, path),
                    "{path} was changed, and the fault is: {fault}"
                ),
                Ok(findings) => {
                    assert_ne!(
                        findings, honest,
                        "a byte of {path} was changed, and nothing is different"
                    );
                    passed = true;
                }
            }
        }
        (tried, passed)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((path, text)) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            done.push((path.clone(), try_all(path, text)));
        }
        done
    };
    let done: Vec<(String, (usize, bool))> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    let mut passed: Vec<&str> = done
        .iter()
        .filter(|(_, (_, passed))| *passed)
        .map(|(path, _)| path.as_str())
        .collect();
    passed.sort_unstable();
    assert_eq!(
        passed,
        [
            "earlier[0].checkpoint",
            "earlier[1].checkpoint",
            "earlier[2].checkpoint"
        ]
    );
    let tried: usize = done.iter().map(|(_, (tried, _))| tried).sum();
    let bytes: usize = all.iter().map(|(path, text)| bytes_in(leaf_of(path), text)).sum();
    // A few changes of a text's bit give no text.
    assert!(
        done.len() == all.len() && tried > bytes * 2 - bytes / 20,
        "{tried} changes of {bytes} bytes"
    );
}

/// How many bytes a leaf says.
fn bytes_in(leaf: Leaf, text: &str) -> usize {
    match leaf {
        Leaf::Base64 => BASE64_STANDARD.decode(text).unwrap().len(),
        Leaf::Hex => text.len() / 2,
        Leaf::Text => text.len(),
        Leaf::Number => 1,
    }
}

#[test]
fn every_byte_of_an_originators_bundle_is_held() {
    every_byte_is_held("us.ctc");
}

#[test]
fn every_byte_of_a_recipients_bundle_is_held() {
    every_byte_is_held("ru.ctc");
}
