//! Hashes, signatures, proofs, checkpoints and policies, one case each: `kind`, `what` it shows, the inputs by name, and
//! `expect`. Bytes are hex.

use std::convert::Infallible;

use serde_json::{Value, json};
use wardline::domain::{AudienceKind, Hash};
use wardline::seal::{self, PublicKey, SecretKey};
use wardline::time::Timestamp;
use wardline::transparency::{
    Checkpoint, Frontier, HashReader, LogKey, Policy, TilePath, TlogProof, WitnessKey, consistency_proof,
    inclusion_proof, leaf_hash, node_hash, read_tile, root_at, verify_consistency, verify_inclusion,
};

pub(super) const ORIGIN: &str = "relay.test.invalid/2026";
const TIME: i64 = 1_790_000_000;

pub(super) fn log_key() -> LogKey {
    LogKey::new(ORIGIN.parse().unwrap(), SecretKey::from_seed(&[1; 32]))
}

pub(super) fn witness(n: u8) -> WitnessKey {
    let name = format!("witness.test.invalid/w{n}");
    WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&[100 + n; 32]))
}

pub(super) fn seconds(after: i64) -> Timestamp {
    Timestamp::from_unix_ms((TIME + after) * 1000)
}

/// A log of the records "record 0", "record 1", …
pub(super) struct Log(Vec<Hash>);

impl Log {
    pub(super) fn of(size: u64) -> Self {
        let mut frontier = Frontier::new();
        let mut stored = Vec::new();
        for n in 0..size {
            stored.extend(frontier.append(leaf(n)).unwrap());
        }
        Self(stored)
    }

    fn root(&self, size: u64) -> Hash {
        root_at(size, self).unwrap()
    }

    pub(super) fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint {
            origin: ORIGIN.parse().unwrap(),
            size,
            root: self.root(size),
        }
    }
}

impl HashReader for Log {
    type Error = Infallible;
    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, Infallible> {
        let at = |index: &u64| self.0[usize::try_from(*index).unwrap()];
        Ok(stored_indexes.iter().map(at).collect())
    }
}

fn leaf(n: u64) -> Hash {
    leaf_hash(format!("record {n}").as_bytes())
}

fn flipped(hash: Hash) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[31] ^= 1;
    Hash(bytes)
}

/// Every vector is what this version computes, and every verdict in it is what this version gives.
#[test]
fn the_primitives_are_held() {
    let mut cases = Vec::new();
    hashes(&mut cases);
    signatures(&mut cases);
    tree(&mut cases);
    notes(&mut cases);
    more_proofs(&mut cases);
    super::policies::policies(&mut cases);
    super::policies::roots(&mut cases);
    weak_keys(&mut cases);
    super::hold("primitives.json", &Value::Array(cases));
}

fn hashes(cases: &mut Vec<Value>) {
    let salt = [0x5a; 32];
    let mut h = |what: &str, name: &str, x: Vec<u8>, expect: [u8; 32]| {
        assert_eq!(seal::h(name, &[&x]), expect);
        let case = json!({"kind": "H", "what": what, "name": name, "x": hex::encode(&x), "expect": hex::encode(expect)});
        cases.push(case);
    };
    let body = b"a body";
    h(
        "a body's digest",
        "body",
        [&salt[..], body].concat(),
        seal::body_digest(&salt, body),
    );
    h(
        "a text's digest",
        "text",
        [&salt[..], body].concat(),
        seal::text_digest(&salt, body),
    );
    let to = seal::audience_commitment(AudienceKind::To, &salt, "be.ctc/aviation");
    h(
        "an audience entry",
        "audience",
        [&[1][..], &salt, b"be.ctc/aviation"].concat(),
        to,
    );
    let pad = seal::audience_commitment(AudienceKind::Pad, &salt, "");
    h("padding", "audience", [&[3][..], &salt].concat(), pad);
    let inbox = seal::inbox_commitment(&salt, 258, "be.ctc");
    let number = [0, 0, 0, 0, 0, 0, 1, 2];
    h(
        "an inbox number",
        "inbox",
        [&salt[..], &number, b"be.ctc"].concat(),
        inbox,
    );

    let (payload_type, payload) = ("application/vnd.wardline.warning.v1+protobuf", b"\x0a\x00");
    cases.push(json!({
        "kind": "pae", "what": "what is signed, and its digest", "type": payload_type, "payload": hex::encode(payload),
        "expect": {"pae": hex::encode(seal::pae(payload_type, payload)), "digest": seal::digest(payload_type, payload).to_string()},
    }));
    let key = SecretKey::from_seed(&[7; 32]).public_key();
    cases.push(json!({"kind": "keyid", "what": "a key's id", "key": hex::encode(key.as_bytes()), "expect": key.keyid().to_string()}));
}

/// What a strict verifier takes, and what laxer ones take too.
fn signatures(cases: &mut Vec<Value>) {
    let secret = SecretKey::from_seed(&[7; 32]);
    let key = *secret.public_key().as_bytes();
    let message = b"message";
    let good = secret.sign(message);
    let mut changed = good;
    changed[0] ^= 1;
    let identity = {
        let mut point = [0u8; 32];
        point[0] = 1;
        point
    };
    // R the identity, S zero: the equation holds for a key of small order, whatever was signed.
    let mut forged = [0u8; 64];
    forged[..32].copy_from_slice(&identity);
    let rows = [
        ("a signature", key, good),
        ("one bit changed", key, changed),
        (
            "S + L in place of S: another text of the same signature",
            key,
            plus_order(good),
        ),
        ("a key of small order, for which anybody signs", identity, forged),
    ];
    for (what, key, sig) in rows {
        let valid = PublicKey::parse(&key).is_ok_and(|key| key.verify(message, &sig).is_ok());
        cases.push(json!({
            "kind": "ed25519", "what": what, "key": hex::encode(key), "message": hex::encode(message), "sig": hex::encode(sig), "expect": valid,
        }));
    }
}

/// Adds the group's order to S.
fn plus_order(mut sig: [u8; 64]) -> [u8; 64] {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0u16;
    for (byte, add) in sig[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    sig
}

fn tree(cases: &mut Vec<Value>) {
    let log = Log::of(300);
    cases.push(json!({"kind": "leaf", "what": "a leaf", "record": hex::encode("record 0"), "expect": leaf(0).to_string()}));
    let node = node_hash(&leaf(0), &leaf(1));
    cases.push(json!({"kind": "node", "what": "a node", "left": leaf(0).to_string(), "right": leaf(1).to_string(), "expect": node.to_string()}));
    for (size, index) in [
        (1, 0),
        (2, 1),
        (5, 2),
        (5, 4),
        (7, 6),
        (256, 255),
        (257, 256),
        (300, 128),
    ] {
        let proof = inclusion_proof(size, index, &log).unwrap();
        let (root, leaf) = (log.root(size), leaf(index));
        for (what, index, root) in [
            ("a record is there", index, root),
            ("not under another root", index, flipped(root)),
            ("not at another index", index + 1, root),
        ] {
            let valid = verify_inclusion(&leaf, index, size, &proof, &root).is_ok();
            cases.push(json!({
                "kind": "inclusion", "what": what, "leaf": leaf.to_string(), "index": index, "size": size,
                "proof": texts(&proof), "root": root.to_string(), "expect": valid,
            }));
        }
    }
    for (old, new) in [
        (0, 5),
        (1, 2),
        (3, 7),
        (4, 7),
        (6, 7),
        (7, 7),
        (255, 256),
        (256, 257),
        (257, 300),
    ] {
        let proof = consistency_proof(old, new, &log).unwrap();
        let (old_root, new_root) = (log.root(old), log.root(new));
        for (what, old_root, new_root) in [
            ("the log only grew", old_root, new_root),
            ("not from another root", flipped(old_root), new_root),
        ] {
            let valid = verify_consistency(old, &old_root, new, &new_root, &proof).is_ok();
            cases.push(json!({
                "kind": "consistency", "what": what, "old": old, "old_root": old_root.to_string(), "new": new, "new_root": new_root.to_string(),
                "proof": texts(&proof), "expect": valid,
            }));
        }
    }
    for path in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let tile: TilePath = path.parse().unwrap();
        let bytes = read_tile(&tile, 300, &log).unwrap();
        let digest = wardline::seal::h("vector", &[&bytes]);
        cases.push(json!({
            "kind": "tile", "what": "a tile of the log of the 300 records \"record 0\" … (expect: its length, H(\"vector\", its bytes))",
            "path": path, "size": 300, "expect": {"bytes": bytes.len(), "hash": hex::encode(digest)},
        }));
    }
}

fn notes(cases: &mut Vec<Value>) {
    let log = Log::of(5);
    let key = log_key();
    let checkpoint = log.checkpoint(5);
    let note = key.sign_checkpoint(5, checkpoint.root);
    let lines: Vec<String> = [(1, 10), (2, 20), (3, 30)]
        .map(|(n, after)| witness(n).cosign(&checkpoint, seconds(after)))
        .into();
    let listed = |quorum: &str| {
        let witnesses: Vec<String> = (1..=3)
            .map(|n| format!("witness w{n} {}\n", witness(n).verifier().vkey()))
            .collect();
        format!(
            "log {}\n{}group two 2 w1 w2 w3\nquorum {quorum}\n",
            key.verifier().vkey(),
            witnesses.concat()
        )
    };
    let changed = |line: &str| line.replacen("A", "B", 1);
    let other = LogKey::new(
        "other.test.invalid".parse().unwrap(),
        SecretKey::from_seed(&[9; 32]),
    );
    let rows = [
        (
            "the log's signature alone, where no witness is asked for",
            listed("none"),
            note.clone(),
        ),
        (
            "the log's signature alone, where two of three are asked for: no time",
            listed("two"),
            note.clone(),
        ),
        ("one of three", listed("two"), [&note[..], &lines[2]].concat()),
        (
            "two of three: the time of the later",
            listed("two"),
            [&note[..], &lines[2], &lines[0]].concat(),
        ),
        (
            "one witness twice is one",
            listed("two"),
            [&note[..], &lines[0], &witness(1).cosign(&checkpoint, seconds(90))].concat(),
        ),
        (
            "all three: the second's time",
            listed("two"),
            [&note[..], &lines.concat()].concat(),
        ),
        (
            "signatures of unknown keys are passed over",
            listed("two"),
            [&note[..], &witness(9).cosign(&checkpoint, seconds(1))].concat(),
        ),
        (
            "a known witness's signature that does not verify",
            listed("two"),
            [&note[..], &witness(1).cosign(&log.checkpoint(4), seconds(1))].concat(),
        ),
        (
            "the log's signature is over another text",
            listed("none"),
            note.replacen("\n5\n", "\n4\n", 1),
        ),
        (
            "another log",
            listed("none"),
            other.sign_checkpoint(5, checkpoint.root),
        ),
        (
            "base64 that is not canonical or not the signature",
            listed("none"),
            changed(&note),
        ),
    ];
    for (what, policy, note) in rows {
        let expect = Policy::parse(policy.as_bytes())
            .unwrap()
            .open(&note)
            .ok()
            .map(|opened| {
                json!({
                    "size": opened.checkpoint().size, "root": opened.checkpoint().root.to_string(),
                    "quorum_time": opened.quorum_time().map(|time| time.unix_ms() / 1000),
                })
            });
        cases.push(
            json!({"kind": "checkpoint", "what": what, "policy": policy, "note": note, "expect": expect}),
        );
    }
    let proof = TlogProof {
        index: 2,
        hashes: inclusion_proof(5, 2, &log).unwrap(),
        checkpoint_note: note,
        extra: None,
    };
    cases.push(json!({
        "kind": "tlog-proof", "what": "a receipt of \"record 2\"", "record": hex::encode("record 2"), "proof": proof.to_string(), "policy": listed("none"),
        "expect": {"index": 2, "size": 5},
    }));
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

/// Proofs of consistency that hold a hash more or one less, at each place.
fn more_proofs(cases: &mut Vec<Value>) {
    let log = Log::of(300);
    for (old, new) in [
        (0, 5),
        (1, 2),
        (3, 7),
        (4, 7),
        (4, 8),
        (7, 7),
        (255, 256),
        (257, 300),
    ] {
        let sound = consistency_proof(old, new, &log).unwrap();
        let (old_root, new_root) = (log.root(old), log.root(new));
        let mut rows = Vec::new();
        for at in 0..=sound.len() {
            let mut proof = sound.clone();
            proof.insert(at, Hash([7; 32]));
            rows.push((format!("with a hash more, at {at}"), proof));
        }
        for at in 0..sound.len() {
            let mut proof = sound.clone();
            proof.remove(at);
            rows.push((format!("without the hash at {at}"), proof));
        }
        for (what, proof) in rows {
            let valid = verify_consistency(old, &old_root, new, &new_root, &proof).is_ok();
            assert!(!valid, "{old} {new} {what}");
            cases.push(json!({
                "kind": "consistency", "what": what, "old": old, "old_root": old_root.to_string(), "new": new, "new_root": new_root.to_string(),
                "proof": texts(&proof), "expect": valid,
            }));
        }
    }
    let (old_root, new_root) = (log.root(7), log.root(4));
    cases.push(json!({
        "kind": "consistency", "what": "a log that shrank", "old": 7, "old_root": old_root.to_string(), "new": 4, "new_root": new_root.to_string(),
        "proof": texts(&consistency_proof(4, 7, &log).unwrap()), "expect": false,
    }));
    cases.push(json!({
        "kind": "consistency", "what": "an empty log with a root", "old": 0, "old_root": new_root.to_string(), "new": 4, "new_root": new_root.to_string(),
        "proof": Vec::<String>::new(), "expect": verify_consistency(0, &new_root, 4, &new_root, &[]).is_ok(),
    }));
    for (size, index) in [(1, 0), (2, 1), (5, 2), (7, 6), (300, 128)] {
        let mut proof = inclusion_proof(size, index, &log).unwrap();
        proof.insert(0, Hash([7; 32]));
        let (root, leaf) = (log.root(size), leaf(index));
        let valid = verify_inclusion(&leaf, index, size, &proof, &root).is_ok();
        cases.push(json!({
            "kind": "inclusion", "what": "with a hash more", "leaf": leaf.to_string(), "index": index, "size": size,
            "proof": texts(&proof), "root": root.to_string(), "expect": valid,
        }));
    }
}

/// A key of small order in its two texts, for which a signature of large order can be made without a secret: R = B, S = 1.
fn weak_keys(cases: &mut Vec<Value>) {
    let base = hex::decode("5866666666666666666666666666666666666666666666666666666666666666").unwrap();
    let mut sig = [0; 64];
    sig[..32].copy_from_slice(&base);
    sig[32] = 1;
    let once = hex::decode("0100000000000000000000000000000000000000000000000000000000000000").unwrap();
    let again = hex::decode("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f").unwrap();
    for (what, key) in [
        ("the identity as a key", once),
        ("the identity as a key, in its other text", again),
    ] {
        let key: [u8; 32] = key.try_into().unwrap();
        let valid = PublicKey::parse(&key).is_ok_and(|key| key.verify(b"message", &sig).is_ok());
        cases.push(json!({
            "kind": "ed25519", "what": what, "key": hex::encode(key), "message": hex::encode(b"message"), "sig": hex::encode(sig), "expect": valid,
        }));
    }
}
