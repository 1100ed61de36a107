//! What may come instead of a cosignature, a witness's key or a cosigned note: it is refused, it never
//! panics, and what is accepted is written back byte for byte.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use proptest::prelude::*;

use super::*;
use crate::domain::Hash;
use crate::limits::{NOTE_SIGNATURES_MAX, WITNESS_NAME_BYTES_MAX};
use crate::seal::SecretKey;
use crate::time::Timestamp;

const NAME: &str = "w.invalid";

fn log_key() -> LogKey {
    LogKey::new("test.invalid".parse().unwrap(), SecretKey::from_seed(&[8; 32]))
}

fn witness(seed: u8) -> WitnessKey {
    WitnessKey::new(NAME.parse().unwrap(), SecretKey::from_seed(&[seed; 32]))
}

fn policy() -> Policy {
    let file = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log_key().verifier(),
        witness(1).verifier()
    );
    Policy::parse(file.as_bytes()).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "test.invalid".parse().unwrap(),
        size: 9,
        root: Hash([1; 32]),
    }
}

fn note() -> String {
    log_key().sign_checkpoint(9, Hash([1; 32]))
}

fn line() -> String {
    witness(1).cosign(&checkpoint(), Timestamp::from_unix_ms(10_000))
}

/// The witness's line with the bytes of its signature (4 of key hash, 8 of time, 64 of Ed25519) changed.
fn line_and(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let line = line();
    let (head, signature) = line.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = BASE64_STANDARD.decode(signature).unwrap();
    change(&mut bytes);
    format!("{head} {}\n", BASE64_STANDARD.encode(bytes))
}

/// The line with another time, signed for that time by the witness's own key.
fn line_at(seconds: u64) -> String {
    let text = checkpoint().to_text();
    let signature =
        SecretKey::from_seed(&[1; 32]).sign(format!("cosignature/v1\ntime {seconds}\n{text}").as_bytes());
    line_and(|bytes| {
        bytes[4..12].copy_from_slice(&seconds.to_be_bytes());
        bytes[12..].copy_from_slice(&signature);
    })
}

/// What a signature line in or beside a witness's name does to a note; a table. The error is as important as the
/// number: a known witness's broken line refuses the note, a stranger's is passed over.
#[test]
fn a_signature_line_counts_refuses_or_is_passed_over() {
    let other = Checkpoint {
        size: 10,
        ..checkpoint()
    };
    let strange_name = line().replace(NAME, "x.invalid");
    let last = u64::try_from(i64::MAX).unwrap() / 1000;
    for (what, line, verdict) in [
        ("good", line(), Ok(1)),
        ("time 0", line_at(0), Ok(1)),
        ("the last time", line_at(last), Ok(1)),
        (
            "beyond the last time",
            line_at(last + 1),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "largest time",
            line_at(u64::MAX),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "time changed",
            line_and(|b| b[11] ^= 1),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "signature changed",
            line_and(|b| b[40] ^= 1),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "cut",
            line_and(|b| b.truncate(75)),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "longer",
            line_and(|b| b.push(0)),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "without time",
            line_and(|b| drop(b.drain(4..12))),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "hash alone",
            line_and(|b| b.truncate(4)),
            Err(InvalidNote::Malformed),
        ),
        ("other key hash", line_and(|b| b[0] ^= 1), Ok(0)),
        ("other name", strange_name, Ok(0)),
        (
            "other key",
            witness(2).cosign(&checkpoint(), Timestamp::default()),
            Ok(0),
        ),
        (
            "another checkpoint's",
            witness(1).cosign(&other, Timestamp::default()),
            Err(InvalidNote::BadCosignature),
        ),
        (
            "no dash",
            line().replace('\u{2014}', "-"),
            Err(InvalidNote::Malformed),
        ),
        (
            "no newline",
            line().trim_end().to_owned(),
            Err(InvalidNote::Malformed),
        ),
        (
            "an empty line",
            format!("{}\n", line()),
            Err(InvalidNote::Malformed),
        ),
        (
            "a tab",
            line().replace(NAME, "w\t.invalid"),
            Err(InvalidNote::Malformed),
        ),
        (
            "a return",
            line().replace('\n', "\r\n"),
            Err(InvalidNote::Malformed),
        ),
        ("a deletion", line().replace(NAME, "w\u{7f}.invalid"), Ok(0)),
    ] {
        let opened = policy().open(&format!("{}{line}", note()));
        let count = opened.map(|opened| opened.cosignatures().len());
        assert_eq!(count, verdict, "{what}");
        // Merged into the note, the line has the same effect.
        let merged = policy().open(&note()).unwrap().merged(&line);
        assert_eq!(
            merged.map(|merged| merged.cosignatures().len()),
            verdict,
            "{what}, merged"
        );
    }
}

/// More lines than a note may have are refused, and merging never makes such a note.
#[test]
fn too_many_signatures_are_refused() {
    let strangers = |count: usize| -> String {
        (0..count)
            .map(|n| line().replace(NAME, &format!("w{n}.invalid")))
            .collect()
    };
    let full = format!("{}{}", note(), strangers(NOTE_SIGNATURES_MAX - 1));
    let opened = policy().open(&full).unwrap();
    assert_eq!(opened.merged(&line()), Err(InvalidNote::TooLong));
    assert_eq!(
        opened.merged(&strangers(NOTE_SIGNATURES_MAX + 1)),
        Err(InvalidNote::TooLong)
    );
    assert_eq!(
        policy().open(&format!("{full}{}", line())),
        Err(InvalidNote::Malformed)
    );
}

/// A policy with two keys for one origin opens what either has signed, and nothing that a third has.
#[test]
fn the_log_is_looked_up_by_origin_and_key() {
    let second = LogKey::new("test.invalid".parse().unwrap(), SecretKey::from_seed(&[9; 32]));
    let file = format!(
        "log {}\nlog {}\nquorum none\n",
        second.verifier(),
        log_key().verifier()
    );
    let policy = Policy::parse(file.as_bytes()).unwrap();
    assert_eq!(
        policy.log_for(&"test.invalid".parse().unwrap()),
        Some(second.verifier())
    );
    assert!(policy.open(&note()).is_ok());
    assert!(policy.open(&second.sign_checkpoint(9, Hash([1; 32]))).is_ok());
    let third = LogKey::new("test.invalid".parse().unwrap(), SecretKey::from_seed(&[7; 32]));
    assert_eq!(
        policy.open(&third.sign_checkpoint(9, Hash([1; 32]))),
        Err(InvalidNote::NotSigned)
    );
}

/// A witness's verifier key that is malformed, of another type, weak, or under a wrong name or hash is refused; a table.
#[test]
fn a_wrong_witness_key_is_refused() {
    use InvalidWitnessVkey::{Hash, Key, Malformed, Type};
    let vkey = witness(1).verifier().vkey();
    let [name, hash, key] = vkey.splitn(3, '+').collect::<Vec<_>>()[..] else {
        unreachable!()
    };
    let head = format!("{name}+{hash}");
    let mut weak = [0u8; 33];
    weak[..2].copy_from_slice(&[4, 1]);
    let log = LogKey::new(NAME.parse().unwrap(), SecretKey::from_seed(&[1; 32]));
    for (vkey, expected) in [
        (vkey.replacen("w.", "v.", 1), Hash),
        (format!("{name}+00000000+{key}"), Hash),
        (format!("{name}+0{hash}+{key}"), Hash),
        (log.verifier().vkey(), Type),
        (format!("{head}+BgAA"), Type),
        (format!("{head}+"), Type),
        (format!("{head}+{}", BASE64_STANDARD.encode(weak)), Key),
        (format!("{head}+BA=="), Key),
        (format!("{head}+{key} "), Malformed),
        (format!("{head}+{key}="), Malformed),
        (format!("+{head}+{key}"), Malformed),
        (format!("a b+{hash}+{key}"), Malformed),
        (format!("a\u{2003}b+{hash}+{key}"), Malformed),
        (format!("a\u{9b}b+{hash}+{key}"), Malformed),
        (
            format!("{}+{hash}+{key}", "x".repeat(WITNESS_NAME_BYTES_MAX + 1)),
            Malformed,
        ),
        (head.clone(), Malformed),
        (String::new(), Malformed),
    ] {
        assert_eq!(WitnessVerifier::parse(&vkey), Err(expected), "{vkey}");
    }
}

proptest! {
    /// No text makes a parser panic; what is read is written back; no random text is a key or a note.
    #[test]
    fn parsers_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in any::<String>(),
    ) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            prop_assert!(WitnessVerifier::parse(text).is_err());
            prop_assert!(policy().open(text).is_err());
            let opened = policy().open(&note()).unwrap();
            if !text.is_empty() {
                prop_assert!(opened.merged(text).is_err());
            }
        }
    }

    /// A cosigned note with any one byte changed does not open as cosigned: it is refused, or the witness is no longer
    /// among those who signed. Nothing in it can be changed while its cosignature still counts.
    #[test]
    fn a_changed_note_is_not_cosigned(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = format!("{}{}", note(), line());
        let mut bytes = good.clone().into_bytes();
        let place = &mut bytes[at.index(good.len())];
        prop_assume!(*place != byte);
        *place = byte;
        if let Ok(opened) = String::from_utf8(bytes).map_err(drop).and_then(|note| policy().open(&note).map_err(drop)) {
            prop_assert!(opened.cosignatures().is_empty());
            prop_assert_eq!(opened.checkpoint(), &checkpoint());
        }
    }

    /// Whatever a witness signs is read back under its name, key and second.
    #[test]
    fn what_is_cosigned_is_read_back(seed in any::<[u8; 32]>(), ms in 0i64..=i64::MAX, name in "[!-*,-~]{1,60}") {
        let key = WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&seed));
        prop_assert_eq!(&WitnessVerifier::parse(&key.verifier().vkey()).unwrap(), key.verifier());
        let file = format!("log {}\nwitness w {}\nquorum w\n", log_key().verifier(), key.verifier());
        let policy = Policy::parse(file.as_bytes()).unwrap();
        let line = key.cosign(&checkpoint(), Timestamp::from_unix_ms(ms));
        let opened = policy.open(&format!("{}{line}", note())).unwrap();
        prop_assert!(opened.has_quorum());
        prop_assert_eq!(opened.quorum_time(), Some(Timestamp::from_unix_ms(ms / 1000 * 1000)));
        prop_assert_eq!(opened.cosignatures()[0].name.as_str(), name);
    }
}
