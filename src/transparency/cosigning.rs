//! Cosignatures, policies and tiles as they are meant to work: what is signed opens, quorums are counted, and tiles
//! hold the hashes that they name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::domain::Hash;
use crate::seal::SecretKey;
use crate::time::Timestamp;

const ORIGIN: &str = "test.invalid";

fn log_key() -> LogKey {
    LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[8; 32]))
}

fn witness(n: u8) -> WitnessKey {
    let name = format!("witness.invalid/w{n}").parse().unwrap();
    WitnessKey::new(name, SecretKey::from_seed(&[100 + n; 32]))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(seconds * 1000)
}

/// Three witnesses in a group, of which `threshold` are enough.
fn policy(threshold: &str) -> Policy {
    let mut file = format!("log {}\n", log_key().verifier());
    for n in 1..=3 {
        file.push_str(&format!(
            "witness w{n} {} http://127.0.0.1:{n}/\n",
            witness(n).verifier()
        ));
    }
    file.push_str(&format!("group g {threshold} w1 w2 w3\nquorum g\n"));
    Policy::parse(file.as_bytes()).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.parse().unwrap(),
        size: 9,
        root: Hash([1; 32]),
    }
}

/// The note of [`checkpoint`] with cosignatures by these witnesses at these seconds.
fn note(cosigned: &[(u8, i64)]) -> String {
    let mut note = log_key().sign_checkpoint(9, Hash([1; 32]));
    for (n, seconds) in cosigned {
        note.push_str(&witness(*n).cosign(&checkpoint(), at(*seconds)));
    }
    note
}

/// A cosigned note opens to its checkpoint, witnesses and times; the quorum's time is the earliest at which enough
/// had signed, and the last is the latest since which enough have; a table.
#[test]
fn a_quorum_has_a_time() {
    for (threshold, cosigned, first, last) in [
        ("2", &[][..], None, None),
        ("2", &[(1, 10)], None, None),
        ("2", &[(1, 10), (1, 20)], None, None),
        ("2", &[(1, 30), (3, 10)], Some(30), Some(10)),
        ("2", &[(1, 30), (3, 10), (2, 20)], Some(20), Some(20)),
        ("2", &[(1, 10), (1, 50), (2, 20), (2, 60)], Some(20), Some(50)),
        ("all", &[(1, 30), (3, 10), (2, 20)], Some(30), Some(10)),
        ("any", &[(1, 30), (3, 10), (2, 20)], Some(10), Some(30)),
    ] {
        let opened = policy(threshold).open(&note(cosigned)).unwrap();
        assert_eq!(opened.checkpoint(), &checkpoint());
        assert_eq!(opened.cosignatures().len(), cosigned.len());
        assert_eq!(opened.has_quorum(), first.is_some(), "{threshold} {cosigned:?}");
        assert_eq!(opened.quorum_time(), first.map(at), "{threshold} {cosigned:?}");
        assert_eq!(
            opened.quorum_time_last(),
            last.map(at),
            "{threshold} {cosigned:?}"
        );
    }
}

/// What a witness answers is merged into the note, one line for each witness, and opens again as the same.
#[test]
fn an_answer_is_merged() {
    let policy = policy("2");
    let stranger = witness(9).cosign(&checkpoint(), at(5));
    let first = policy.open(&note(&[(1, 10)])).unwrap();
    let lines = format!(
        "{}{stranger}{}",
        witness(1).cosign(&checkpoint(), at(40)),
        witness(2).cosign(&checkpoint(), at(20))
    );
    let latest = first.merged(&lines).unwrap();
    assert_eq!(latest.note(), note(&[(1, 40), (2, 20)]));
    assert_eq!(policy.open(latest.note()), Ok(latest));
    let earliest = first.merged_earliest(&lines).unwrap();
    assert_eq!(earliest.note(), note(&[(1, 10), (2, 20)]));
    assert_eq!(first.merged(""), Ok(first));
}

/// A policy says who is known and how few are enough, and is written back as the same.
#[test]
fn a_policy_is_read() {
    for (threshold, size) in [("2", 2), ("all", 3), ("any", 1)] {
        let policy = policy(threshold);
        assert_eq!(policy.quorum_size_min(), size);
        assert_eq!(
            policy.log_for(&ORIGIN.parse().unwrap()),
            Some(log_key().verifier())
        );
        assert_eq!(policy.witnesses()[2].name(), "w3");
        assert_eq!(policy.witnesses()[2].url(), Some("http://127.0.0.1:3/"));
        assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    }
    let none = Policy::parse(b"quorum none\n").unwrap();
    assert!(!none.requires_witnesses() && none.is_met(&Default::default()));
    let of_log = Policy::of_log(log_key().verifier().clone());
    let text = format!("log {}\nquorum none\n", log_key().verifier().vkey());
    assert_eq!(Policy::parse(text.as_bytes()), Ok(of_log));
}

/// The example of C2SP tlog-tiles: the tiles of a log of 70,000 records, and how an index is written.
#[test]
fn tiles_of_the_specification() {
    for (size, level, index, width, exists) in [
        (70_000, 0, 272, 256, true),
        (70_000, 0, 273, 112, true),
        (70_000, 0, 273, 113, false),
        (70_000, 1, 0, 256, true),
        (70_000, 1, 1, 17, true),
        (70_000, 1, 1, 18, false),
        (70_000, 2, 0, 1, true),
        (70_000, 2, 0, 2, false),
        (256, 0, 0, 256, true),
        (256, 0, 1, 1, false),
        (256, 1, 0, 1, true),
    ] {
        let tile = TilePath::new(level, index, width).unwrap();
        assert_eq!(tile.exists_at(size), exists, "{tile} of {size}");
    }
    let path = TilePath::new(0, 1_234_067, 256).unwrap();
    assert_eq!(path.to_string(), "tile/0/x001/x234/067");
    assert_eq!("tile/0/x001/067.p/8".parse(), TilePath::new(0, 1067, 8));
}
