//! Golden bytes of the log's public forms, computed outside of this crate by the definitions of RFC 6962 and C2SP: a
//! verifier of anyone's must read what this log writes.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;
use crate::seal::SecretKey;

const VKEY: &str = "relay.test.invalid/2026+bbcf5a43+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const ROOT_5: &str = "ab5ba240d5c5f66d57c43fc3e948d87beca519d4da8b028b6c582fda7bbf99b4";
const NOTE_5: &str = "relay.test.invalid/2026\n5\nq1uiQNXF9m1XxD/D6UjYe+ylGdTaiwKLbFgv2nu/mbQ=\n\n\
    \u{2014} relay.test.invalid/2026 u89aQ5z4iqUesD4E2zgpy/701rZKlOM8PYkWvKV5rElrrYuVlM3DP6wPJ2l9tKYKPFCAFhiokP9t0FF50gZ/njAvwQQ=\n";
const NOTE_0: &str = "relay.test.invalid/2026\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\
    \u{2014} relay.test.invalid/2026 u89aQ3zgL8JceVxDfvq+WWlIiBAjMe8FEdWuV39CtGTJckZfwtc2CqJO582WHd+dBoBZCLJfOU+m2NDp2t6j3LZxTgY=\n";
const PROOF_HEAD: &str = "c2sp.org/tlog-proof@v1\n\
    extra d2FyZGxpbmU=\n\
    index 2\n\
    zgHiTyZCGwocqrHsogbzT7tOTci5RDQ4qWNCPZqvb50=\n\
    XDShEgWHfs8sTyjiVJXQgwGzPb+4YkGfeUb6b9+BJO8=\n\
    4/xhsimX2iSB/tWu1E/YKdvUyNH5pt75w0DiEhlhg+k=\n\n";

fn log_key() -> LogKey {
    let seed = std::array::from_fn(|i| i as u8);
    LogKey::new(
        "relay.test.invalid/2026".parse().unwrap(),
        SecretKey::from_seed(&seed),
    )
}

/// The frontier of the records "record 0" … "record 4".
fn five() -> Frontier {
    let mut frontier = Frontier::new();
    for i in 0..5 {
        frontier
            .append(leaf_hash(format!("record {i}").as_bytes()))
            .unwrap();
    }
    frontier
}

/// Leaf, node and root hashes, and the stored form of a frontier.
#[test]
fn hashes_of_the_tree() {
    let leaf = leaf_hash(b"record 0");
    assert_eq!(
        leaf.to_string(),
        "3b367d6db7bc51726d918b18e9a79e0fce53f867fbe38671f609e6bb59d46035"
    );
    assert_eq!(
        node_hash(&leaf, &leaf_hash(b"record 1")).to_string(),
        "5c34a11205877ecf2c4f28e25495d08301b33dbfb862419f7946fa6fdf8124ef"
    );
    assert_eq!(five().root().to_string(), ROOT_5);
    assert_eq!(
        hex::encode(five().to_bytes()),
        "0000000000000005\
         550726662d8f1330f57665133dc5acdcc04add0d95df6a656205e24f7dcaa611\
         e3fc61b22997da2481fed5aed44fd829dbd4c8d1f9a6def9c340e212196183e9"
    );
    assert_eq!(
        Frontier::new().root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

/// The verifier key is printed and read in its one form.
#[test]
fn verifier_key() {
    assert_eq!(log_key().verifier().vkey(), VKEY);
    let verifier: LogVerifier = VKEY.parse().unwrap();
    assert_eq!(&verifier, log_key().verifier());
    assert_eq!(verifier.to_string(), VKEY);
}

/// The verifier key that golang.org/x/mod/sumdb/note publishes as its example is read.
#[test]
fn verifier_key_of_another_implementation() {
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(LogVerifier::parse(vkey).unwrap().vkey(), vkey);
}

/// Checkpoints are signed to the byte as C2SP says, of an empty log too, and open to what was signed.
#[test]
fn checkpoints() {
    let key = log_key();
    for (size, root, note) in [(5, ROOT_5.parse().unwrap(), NOTE_5), (0, EMPTY_ROOT, NOTE_0)] {
        assert_eq!(key.sign_checkpoint(size, root), note);
        let opened = key.verifier().open(note).unwrap();
        assert_eq!((opened.size(), opened.root(), opened.note()), (size, root, note));
        assert_eq!(opened.origin(), key.origin());
    }
}

/// A receipt is written to the byte as C2SP says, with extra data and without, and proves its record.
#[test]
fn tlog_proof() {
    let text = format!("{PROOF_HEAD}{NOTE_5}");
    let proof: TlogProof = text.parse().unwrap();
    assert_eq!(
        (proof.index, proof.hashes.len(), proof.checkpoint_note.as_str()),
        (2, 3, NOTE_5)
    );
    assert_eq!(proof.extra.as_deref(), Some(&b"wardline"[..]));
    assert_eq!(proof.to_string(), text);
    let verified = proof
        .verify(&leaf_hash(b"record 2"), log_key().verifier())
        .unwrap();
    assert_eq!(verified.size(), 5);
    let bare = TlogProof { extra: None, ..proof };
    assert_eq!(bare.to_string(), text.replace("extra d2FyZGxpbmU=\n", ""));
    assert_eq!(TlogProof::parse(&bare.to_string()), Ok(bare));
}

/// The stored order of hashes (Crosby and Wallach; tlog): where each hash of a log of five stands.
#[test]
fn stored_order() {
    let table = [
        ((0, 0), 0),
        ((0, 1), 1),
        ((1, 0), 2),
        ((0, 2), 3),
        ((0, 3), 4),
        ((1, 1), 5),
        ((2, 0), 6),
        ((0, 4), 7),
    ];
    for ((level, n), index) in table {
        assert_eq!(stored_hash_index(level, n), Some(index), "level {level}, {n}");
    }
    let counts: Vec<_> = (0..=5).map(|size| stored_hash_count(size).unwrap()).collect();
    assert_eq!(counts, [0, 1, 3, 4, 7, 8]);
}
