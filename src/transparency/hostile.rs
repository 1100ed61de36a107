//! What a peer may send instead of a checkpoint, verifier key, frontier or proof: it is refused, it never panics, and
//! what is accepted is written back byte for byte.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::prelude::{BASE64_STANDARD, Engine as _};
use proptest::prelude::*;

use super::*;
use crate::domain::Hash;
use crate::limits::{CHECKPOINT_BYTES_MAX, LOG_SIZE_MAX, PROOF_EXTRA_BYTES_MAX, PROOF_HASHES_MAX};
use crate::seal::SecretKey;

const ORIGIN: &str = "test.invalid";

fn log_key() -> LogKey {
    LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[8; 32]))
}

/// A note of `text` with a signature line of the log's key whose signature bytes went through `change`.
fn signed_and(text: &str, change: impl FnOnce(&mut [u8])) -> String {
    let vkey = log_key().verifier().vkey();
    let mut sig = hex::decode(vkey.split('+').nth(1).unwrap()).unwrap();
    sig.extend(SecretKey::from_seed(&[8; 32]).sign(text.as_bytes()));
    change(&mut sig[4..]);
    format!("{text}\n\u{2014} {ORIGIN} {}\n", BASE64_STANDARD.encode(sig))
}

/// A note of `text`, well signed by the log's key: what a log that misbehaves could sign.
fn signed(text: &str) -> String {
    signed_and(text, |_| ())
}

/// Even signed by the log, a text that is not exactly a checkpoint of this log is refused; a table of texts.
#[test]
fn a_signed_text_that_is_no_checkpoint_is_refused() {
    const ROOT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let table = [
        (format!("{ORIGIN}\n1\n{ROOT}\n"), Ok(())),
        (format!("{ORIGIN}\n{LOG_SIZE_MAX}\n{ROOT}\n"), Ok(())),
        (
            format!("{ORIGIN}\n{}\n{ROOT}\n", LOG_SIZE_MAX + 1),
            Err(InvalidNote::Size),
        ),
        (format!("{ORIGIN}\n01\n{ROOT}\n"), Err(InvalidNote::Size)),
        (format!("{ORIGIN}\n+1\n{ROOT}\n"), Err(InvalidNote::Size)),
        (format!("{ORIGIN}\n-1\n{ROOT}\n"), Err(InvalidNote::Size)),
        (format!("{ORIGIN}\n\n{ROOT}\n"), Err(InvalidNote::Size)),
        (
            format!("{ORIGIN}\n18446744073709551616\n{ROOT}\n"),
            Err(InvalidNote::Size),
        ),
        (format!("{ORIGIN}\n0\n{ROOT}\n"), Err(InvalidNote::Size)),
        (
            format!("{ORIGIN}\n1\n{}\n", &ROOT[1..]),
            Err(InvalidNote::Malformed),
        ),
        (
            format!("{ORIGIN}\n1\n{}\n", ROOT.replace("A=", "B=")),
            Err(InvalidNote::Malformed),
        ),
        (
            format!("{ORIGIN}\n1\n{}\n", ROOT.trim_end_matches('=')),
            Err(InvalidNote::Malformed),
        ),
        (
            format!("{ORIGIN}\n1\n{ROOT}\nextension\n"),
            Err(InvalidNote::Extension),
        ),
        (format!("{ORIGIN}\n1\n{ROOT}\n\n"), Err(InvalidNote::Extension)),
        (
            format!("other.invalid\n1\n{ROOT}\n"),
            Err(InvalidNote::WrongOrigin),
        ),
        (format!("{ORIGIN} \n1\n{ROOT}\n"), Err(InvalidNote::Malformed)),
        (format!("{ORIGIN}\n1\n"), Err(InvalidNote::Malformed)),
    ];
    for (text, verdict) in table {
        assert_eq!(
            log_key().verifier().open(&signed(&text)).map(|_| ()),
            verdict,
            "{text:?}"
        );
    }
}

/// A note is refused if its signature is missing, another key's, broken, or if it is no note; a table.
#[test]
fn a_note_that_is_not_signed_by_the_log_is_refused() {
    let note = log_key().sign_checkpoint(9, Hash([1; 32]));
    let (text, signature) = note.split_once("\n\n").unwrap();
    let other = LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[9; 32]));
    let other = other.sign_checkpoint(9, Hash([1; 32]));
    let foreign = other.split_once("\n\n").unwrap().1;
    let broken = |byte: usize| signed_and(&format!("{text}\n"), |sig| sig[byte] ^= 1);
    let long = "x".repeat(CHECKPOINT_BYTES_MAX);
    for (note, verdict) in [
        (note.clone(), Ok(())),
        (format!("{text}\n\n{foreign}{signature}"), Ok(())),
        (format!("{text}\n\n{signature}{foreign}"), Ok(())),
        (other.clone(), Err(InvalidNote::NotSigned)),
        (note.replacen('9', "8", 1), Err(InvalidNote::BadSignature)),
        (broken(0), Err(InvalidNote::BadSignature)),
        (broken(63), Err(InvalidNote::BadSignature)),
        (format!("{text}\n\n"), Err(InvalidNote::Malformed)),
        (format!("{text}\n"), Err(InvalidNote::Malformed)),
        (note.replace('\u{2014}', "-"), Err(InvalidNote::Malformed)),
        (note.trim_end().to_owned(), Err(InvalidNote::Malformed)),
        (note.replace('\n', "\r\n"), Err(InvalidNote::Malformed)),
        (format!("{long}{note}"), Err(InvalidNote::TooLong)),
        (String::new(), Err(InvalidNote::Malformed)),
    ] {
        assert_eq!(log_key().verifier().open(&note).map(|_| ()), verdict, "{note:?}");
    }
}

/// A verifier key that is malformed, weak, or under a wrong name or hash is refused; a table of changes.
#[test]
fn a_wrong_verifier_key_is_refused() {
    let vkey = log_key().verifier().vkey();
    let [origin, hash, key] = vkey.splitn(3, '+').collect::<Vec<_>>()[..] else {
        unreachable!()
    };
    let head = format!("{origin}+{hash}");
    let mut weak = [0u8; 33];
    weak[..2].copy_from_slice(&[1, 1]);
    let weak = BASE64_STANDARD.encode(weak);
    for (vkey, expected) in [
        (vkey.replacen("test", "fest", 1), InvalidVkey::Hash),
        (
            format!("{origin}+{}+{key}", hash.to_uppercase()),
            InvalidVkey::Hash,
        ),
        (format!("{origin}+0{hash}+{key}"), InvalidVkey::Hash),
        (format!("{ORIGIN}+00000000+{key}"), InvalidVkey::Hash),
        (format!("{head}+{weak}"), InvalidVkey::Key),
        (format!("{head}+Ag=="), InvalidVkey::Key),
        (format!("{head}+"), InvalidVkey::Key),
        (format!("{head}+{key} "), InvalidVkey::Malformed),
        (format!("+{head}+{key}"), InvalidVkey::Malformed),
        (head.clone(), InvalidVkey::Malformed),
        (String::new(), InvalidVkey::Malformed),
    ] {
        let refused = LogVerifier::parse(&vkey).unwrap_err();
        assert!(
            refused == expected || vkey == vkey.to_uppercase() && vkey.len() > 20,
            "{vkey}: {refused}"
        );
    }
}

/// A tlog-proof of another form is refused; a table of changes to a good one.
#[test]
fn a_malformed_tlog_proof_is_refused() {
    let note = log_key().sign_checkpoint(9, Hash([1; 32]));
    let good = TlogProof {
        index: 7,
        hashes: vec![Hash([2; 32])],
        checkpoint_note: note,
        extra: Some(vec![1]),
    };
    let text = good.to_string();
    assert_eq!(text.parse(), Ok(good.clone()));
    let line = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
    assert!(text.contains(line));
    let many_hashes = text.replace(line, &line.repeat(PROOF_HASHES_MAX + 1));
    let much_extra = TlogProof {
        extra: Some(vec![0; PROOF_EXTRA_BYTES_MAX + 1]),
        ..good
    }
    .to_string();
    for (text, expected) in [
        (text.replace("@v1", "@v2"), InvalidTlogProof::Malformed),
        (text.replace("index 7", "index 07"), InvalidTlogProof::Malformed),
        (text.replace("index 7", "index -7"), InvalidTlogProof::Malformed),
        (text.replace("index 7\n", ""), InvalidTlogProof::Malformed),
        (text.replace("extra AQ==", "extra "), InvalidTlogProof::Malformed),
        (
            text.replace("extra AQ==", "extra AR=="),
            InvalidTlogProof::Malformed,
        ),
        (
            text.replace("extra AQ==", "extra AQ==\nextra AQ=="),
            InvalidTlogProof::Malformed,
        ),
        (text.replace(line, "AgI=\n"), InvalidTlogProof::Malformed),
        (
            text.replace(line, &format!("{}\n", "A".repeat(60))),
            InvalidTlogProof::Malformed,
        ),
        (text.replace('\n', "\r\n"), InvalidTlogProof::Malformed),
        (
            "c2sp.org/tlog-proof@v1\nindex 7\n\n".to_owned(),
            InvalidTlogProof::Malformed,
        ),
        (String::new(), InvalidTlogProof::Malformed),
        (many_hashes, InvalidTlogProof::TooLong),
        (much_extra, InvalidTlogProof::TooLong),
        (
            format!("{text}{}", "x".repeat(CHECKPOINT_BYTES_MAX)),
            InvalidTlogProof::TooLong,
        ),
    ] {
        assert_eq!(
            TlogProof::parse(&text),
            Err(expected),
            "{}",
            text.get(..200).unwrap_or(&text)
        );
    }
}

/// A frontier whose length does not fit its size, or whose size is too large, is refused; a full one takes no more.
#[test]
fn a_wrong_frontier_is_refused() {
    let bytes = |size: u64, hashes: usize| [&size.to_be_bytes()[..], &vec![7; 32 * hashes]].concat();
    assert!(Frontier::from_bytes(&bytes(5, 2)).is_ok());
    for wrong in [
        bytes(5, 1),
        bytes(5, 3),
        bytes(0, 1),
        bytes(u64::MAX, 64),
        bytes(LOG_SIZE_MAX + 1, 2),
        vec![0; 7],
    ] {
        assert_eq!(Frontier::from_bytes(&wrong), Err(InvalidFrontier));
    }
    assert_eq!(
        Frontier::from_bytes(&[&bytes(1, 1)[..], &[0]].concat()),
        Err(InvalidFrontier)
    );
    let mut full = Frontier::from_bytes(&bytes(LOG_SIZE_MAX, 1)).unwrap();
    assert_eq!(full.append(Hash::default()), Err(InvalidFrontier));
    let mut last = Frontier::from_bytes(&bytes(LOG_SIZE_MAX - 1, 62)).unwrap();
    assert_eq!(last.append(Hash::default()).unwrap().len(), 63);
    assert_eq!(last.size(), LOG_SIZE_MAX);
}

/// Where a hash is stored is told for every hash of the largest log, and for none beyond.
#[test]
fn stored_indexes_end_with_the_largest_log() {
    assert!(stored_hash_index(0, LOG_SIZE_MAX - 1).is_some() && stored_hash_index(62, 0).is_some());
    for (level, n) in [
        (0, LOG_SIZE_MAX),
        (0, u64::MAX),
        (1, LOG_SIZE_MAX / 2),
        (62, 1),
        (63, 0),
        (255, 0),
        (64, 5),
    ] {
        assert_eq!(stored_hash_index(level, n), None, "level {level}, {n}");
    }
    assert!(stored_hash_count(LOG_SIZE_MAX).is_some());
    assert_eq!(stored_hash_count(LOG_SIZE_MAX + 1), None);
}

/// Numbers at and near the edges, and any other.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..10,
        any::<u64>(),
        (0u64..3).prop_map(|n| u64::MAX - n),
        (0u64..3).prop_map(|n| LOG_SIZE_MAX - n),
        (0u32..64).prop_map(|n| 1 << n),
    ]
}

proptest! {
    /// No numbers and no proof, of whatever length, make verification panic, and random hashes prove nothing.
    #[test]
    fn verification_never_panics(
        a in number(), b in number(),
        proof in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..140),
        one in any::<[u8; 32]>(), other in any::<[u8; 32]>(),
    ) {
        let (one, other) = (Hash(one), Hash(other));
        prop_assert!(verify_inclusion(&one, a, b, &proof, &other).is_err());
        prop_assert!(verify_consistency(a, &one, b, &other, &proof).is_err());
    }

    /// No text makes a parser panic, and none of the random ones is accepted.
    #[test]
    fn parsers_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), text in any::<String>()) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            prop_assert!(log_key().verifier().open(text).is_err());
            prop_assert!(LogVerifier::parse(text).is_err());
            prop_assert!(TlogProof::parse(text).is_err());
            prop_assert!(Checkpoint::parse_text(text).is_err());
        }
        if let Ok(frontier) = Frontier::from_bytes(&bytes) {
            prop_assert_eq!(frontier.to_bytes(), bytes);
        }
    }

    /// A good proof with one byte changed is refused, or reads and writes back to the very same changed bytes; in
    /// neither case does it still prove its record, unless the change is in what is not authenticated.
    #[test]
    fn a_changed_proof_is_no_proof(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut frontier = Frontier::new();
        let leaves: Vec<Hash> = (0..3u8).map(|i| leaf_hash(&[i])).collect();
        for leaf in &leaves {
            frontier.append(*leaf).unwrap();
        }
        let left = node_hash(&leaves[0], &leaves[1]);
        let good = TlogProof {
            index: 2,
            hashes: vec![left],
            checkpoint_note: log_key().sign_checkpoint(3, frontier.root()),
            extra: None,
        };
        prop_assert!(good.verify(&leaves[2], log_key().verifier()).is_ok());
        let mut bytes = good.to_string().into_bytes();
        let place = &mut bytes[at.index(good.to_string().len())];
        prop_assume!(*place != byte);
        *place = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(proof) = TlogProof::parse(&text) {
            prop_assert_eq!(proof.to_string(), text);
            prop_assert!(proof.verify(&leaves[2], log_key().verifier()).is_err());
        }
    }

    /// Whatever is built is read back, as a proof, a checkpoint and a verifier key.
    #[test]
    fn what_is_written_is_read_back(
        index in any::<u64>(),
        hashes in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..PROOF_HASHES_MAX),
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 1..50)),
        seed in any::<[u8; 32]>(),
        size in 1..=LOG_SIZE_MAX,
        origin in "[!-*,-~]{1,128}",
    ) {
        let key = LogKey::new(origin.parse().unwrap(), SecretKey::from_seed(&seed));
        let checkpoint_note = key.sign_checkpoint(size, Hash(seed));
        let opened = key.verifier().open(&checkpoint_note).unwrap();
        prop_assert_eq!((opened.size(), opened.root()), (size, Hash(seed)));
        prop_assert_eq!(&LogVerifier::parse(&key.verifier().vkey()).unwrap(), key.verifier());
        let proof = TlogProof { index, hashes, checkpoint_note, extra };
        prop_assert_eq!(TlogProof::parse(&proof.to_string()), Ok(proof));
    }
}
