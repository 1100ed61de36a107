//! Whatever lies in a file that is held against another, it is an exhibit or it is none, and two of them compare or say why not.
//! What the comparison gives convicts, under the same policy, to whoever checks it; and nothing that is in the sound bundles
//! alone ever does.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardline::audit::compare::{Comparison, Exhibit, Misbehaviour, compare};
use wardline::audit::copy::{Copy, MAGIC};
use wardline::transparency::leaf_hash;
use wardline_fuzz::story::{BUNDLES, LOG, TRUSTED};
use wardline_fuzz::{Tree, in_memory};

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| in_memory("exhibit"));

thread_local! {
    /// The sound bundle, and a checkpoint of its log's key of another history.
    static OTHERS: [Exhibit; 2] = {
        let sound = DIRECTORY.join("sound.json");
        std::fs::write(&sound, BUNDLES[0].to_json()).expect("a file");
        let forked = DIRECTORY.join("forked.checkpoint");
        let tree = Tree::of((0..19).map(|it| leaf_hash(&[it])));
        std::fs::write(&forked, LOG.sign_checkpoint(19, tree.root(19))).expect("a file");
        [sound, forked].map(|path| Exhibit::read(&path, TRUSTED.policy()).expect("an exhibit"))
    };
}

/// A copy under the note that the log would sign of it, if the input is one.
fn signed_copy(data: &[u8]) -> Option<Vec<u8>> {
    let leaves: Vec<_> = Copy::read_from(data)
        .ok()?
        .leaves()
        .collect::<Result<_, _>>()
        .ok()?;
    let tree = Tree::of(leaves.into_iter().map(|(_, leaf)| leaf));
    let note = LOG.sign_checkpoint(tree.size(), tree.root(tree.size()));
    let (head, rest) = data.split_at_checked(MAGIC.len())?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let records = rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..)?;
    let length = u32::try_from(note.len()).ok()?.to_be_bytes();
    Some([head, &length, note.as_bytes(), records].concat())
}

fuzz_target!(|data: &[u8]| OTHERS.with(|others| held_against(data, others)));

fn held_against(data: &[u8], others: &[Exhibit]) {
    // A receipt has its record in a file beside it.
    let split = data.windows(4).position(|it| it == b"\0\0\0\0");
    let (file, record) = match split {
        Some(at) if data.starts_with(b"c2sp") => (&data[..at], Some(&data[at + 4..])),
        _ => (data, None),
    };
    let signed = signed_copy(data);
    let path = DIRECTORY.join("it.tlog-proof");
    std::fs::write(&path, signed.as_deref().unwrap_or(file)).expect("a file");
    match record {
        Some(record) => std::fs::write(path.with_extension("record"), record).expect("a file"),
        None => drop(std::fs::remove_file(path.with_extension("record"))),
    }
    let Ok(exhibit) = Exhibit::read(&path, TRUSTED.policy()) else {
        return;
    };
    for (at, other) in others.iter().chain([&exhibit]).enumerate() {
        match compare(&exhibit, other) {
            Ok(Comparison::Convicted(proof)) => {
                let read = Misbehaviour::parse(proof.to_json().as_bytes()).expect("what is written is read");
                assert_eq!(read, *proof);
                assert!(
                    read.check(&TRUSTED).is_ok(),
                    "what was found does not convict: {}",
                    proof.to_json()
                );
                let is_lie = at == 1 || signed.is_some();
                assert!(
                    is_lie,
                    "the log of the vectors was convicted: {}",
                    proof.to_json()
                );
            }
            Ok(Comparison::Consistent { compared, .. }) => assert!(!compared.is_empty()),
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}
