//! Whatever a file holds, reading it as a proof of misbehaviour answers, and so does checking it. And an honest log is never
//! convicted: the input makes any accusation that it likes of what a log that only grew has signed, and none holds; one that says
//! something that the log has not signed never holds either.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wardline::audit::Trusted;
use wardline::audit::compare::{Kind, Misbehaviour, Side};
use wardline::domain::{DeskAddress, Digest, DirectoryLink, Hash, Record, RecordKind, ThreadLink};
use wardline::time::Timestamp;
use wardline::transparency::{Policy, TlogProof, leaf_hash};
use wardline::wire;
use wardline_fuzz::story::{LOG, ORIGIN, TRUSTED};
use wardline_fuzz::{Script, Tree};

/// A log, and one that began as it did and went on otherwise.
struct Log {
    records: Vec<Bytes>,
    tree: Tree,
    notes: Vec<String>,
}

const SIZE: u64 = 24;

fn log(fork: u64) -> Log {
    let desk = |name: &str| -> DeskAddress { name.parse().expect("a desk") };
    let link = |index: u64| ThreadLink {
        warning: Digest([u8::try_from(index % 2).unwrap_or(0); 32]),
        desk: desk(if index % 4 < 2 {
            "ru.ctc"
        } else {
            "us.ctc/aviation"
        }),
        seq: index / 4,
        prev: (index >= 4).then_some(Hash([3; 32])),
    };
    let records: Vec<Bytes> = (0..SIZE)
        .map(|index| {
            wire::encode_record(&Record {
                nonce: [u8::from(index >= fork); 16],
                time: Timestamp::from_unix_ms(1_700_000_000_000),
                thread: (index < 16).then(|| link(index)),
                directory: (index >= 12).then(|| DirectoryLink {
                    seq: index - 12,
                    prev: (index > 12).then_some(Hash([3; 32])),
                }),
                kind: RecordKind::Unknown,
            })
        })
        .collect();
    let tree = Tree::of(records.iter().map(|bytes| leaf_hash(bytes)));
    let notes = (0..=SIZE)
        .map(|size| LOG.sign_checkpoint(size, tree.root(size)))
        .collect();
    Log { records, tree, notes }
}

static HONEST: LazyLock<Log> = LazyLock::new(|| log(SIZE));
static FORKED: LazyLock<Log> = LazyLock::new(|| log(9));
/// As [`TRUSTED`], without witnesses and with a second key of the same log.
static BARE: LazyLock<Trusted> = LazyLock::new(|| {
    let other = wardline::transparency::LogKey::new(
        ORIGIN.parse().expect("an origin"),
        wardline::seal::SecretKey::from_seed(&[5; 32]),
    );
    let text = format!("log {}\nlog {}\nquorum none\n", other.verifier(), LOG.verifier());
    Trusted::new(Policy::parse(text.as_bytes()).expect("a policy"), None)
});

fn hashes(script: &mut Script<'_>, mut honest: Vec<Hash>, tree: &Tree) -> Vec<Hash> {
    for _ in 0..script.below(3) {
        let at = usize::try_from(script.below(honest.len() as u64 + 1)).unwrap_or(0);
        let hash = match script.below(2) {
            0 => script.hash(),
            _ => tree.leaves[usize::try_from(script.below(SIZE)).unwrap_or(0)],
        };
        match script.below(3) {
            0 => honest.insert(at, hash),
            1 => honest.truncate(at),
            _ if at < honest.len() => honest[at] = hash,
            _ => {}
        }
    }
    honest
}

/// A statement about a log, mostly a true one.
fn side(script: &mut Script<'_>, kind: Kind, log: &Log, at: u64) -> Side {
    let under = SIZE - script.below(SIZE + 1);
    let checkpoint = log.notes[usize::try_from(under).unwrap_or(0)].clone();
    let at = match script.byte() {
        0..200 => at,
        _ => script.below(SIZE),
    };
    if (kind == Kind::TwoRoots) != (script.byte() == 255) {
        let of = at.min(under);
        let consistency = hashes(script, log.tree.consistency(of, under), &log.tree);
        let size = if script.byte() < 224 { of } else { script.number() };
        let root = match script.byte() {
            0..128 => log.tree.root(of),
            128..224 => log.tree.root(script.below(SIZE + 1)),
            _ => script.hash(),
        };
        return Side::Root {
            checkpoint,
            size,
            root,
            consistency,
        };
    }
    let inclusion = if at < under {
        log.tree.inclusion(under, at)
    } else {
        Vec::new()
    };
    let of = usize::try_from(if script.byte() < 200 {
        at
    } else {
        script.below(SIZE)
    })
    .unwrap_or(0);
    Side::Record {
        proof: TlogProof {
            index: if script.byte() < 200 { at } else { script.number() },
            hashes: hashes(script, inclusion, &log.tree),
            checkpoint_note: checkpoint,
            extra: (script.byte() > 240).then(|| vec![1]),
        },
        leaf: if script.byte() < 240 {
            log.tree.leaves[of]
        } else {
            script.hash()
        },
        record: (script.byte() < 240).then(|| match script.byte() {
            0..240 => log.records[of].clone(),
            _ => Bytes::copy_from_slice(script.bytes(64)),
        }),
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = Misbehaviour::parse(data) {
        assert_eq!(Misbehaviour::parse(read.to_json().as_bytes()).as_ref(), Ok(&read));
        let _ = (read.check(&TRUSTED), read.check(&BARE));
    }
    let mut script = Script::new(data);
    let (a_forked, b_forked) = (script.byte() > 127, script.byte() > 127);
    let kind = match script.below(4) {
        0 => Kind::TwoRoots,
        1 => Kind::TwoLeaves,
        2 => Kind::TwoInThread,
        _ => Kind::TwoInDirectory,
    };
    let of = |forked: bool| if forked { &*FORKED } else { &*HONEST };
    // Most often both speak of one place.
    let at = script.below(SIZE);
    let a = side(&mut script, kind, of(a_forked), at);
    let b = side(&mut script, kind, of(b_forked), at);
    let accusation = Misbehaviour {
        origin: ORIGIN.parse().expect("an origin"),
        kind,
        a,
        b,
    };
    let text = accusation.to_json();
    assert_eq!(Misbehaviour::parse(text.as_bytes()).as_ref(), Ok(&accusation));
    for trusted in [&*TRUSTED, &*BARE] {
        let Ok(conviction) = accusation.check(trusted) else {
            continue;
        };
        assert_ne!(a_forked, b_forked, "an honest log was convicted: {text}");
        assert_eq!(conviction.log_vkey, LOG.verifier().vkey());
        assert_eq!(conviction.kind, kind);
        assert!(conviction.sentences.len() >= 3);
        let _ = conviction.to_json();
    }
});
