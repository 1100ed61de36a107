//! The story, changed as an input says and made sound again: every record of the vectors' bundle may be edited as protobuf, down
//! into what is signed; then all is signed again by the keys of the story, linked, hung into a tree and cosigned.
//!
//! What comes of it is what a log and its agencies can say together if all of them lie, in a form that a verifier must look at to
//! the end: no signature, link or proof is the reason that it is refused, unless the input says so.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use wardline::audit::{Bundle, bundle};
use wardline::domain::{Hash, Record, RecordKind, ReplayedContent, ReplayedRecord, SignedEnvelope};
use wardline::seal::{body_digest, text_digest};
use wardline::time::Timestamp;
use wardline::transparency::{LogVerifier, Policy, TlogProof, leaf_hash};
use wardline::wire;

use crate::story::{BUNDLES, KEYS, LOG, ORIGIN, TRUSTED, WITNESSES};
use crate::{Script, Tree};

/// Changes protobuf: a field somewhere in it.
pub fn protobuf(bytes: &[u8], script: &mut Script<'_>) -> Vec<u8> {
    let Some(mut fields) = fields(bytes).filter(|fields| !fields.is_empty()) else {
        return plain(bytes, script);
    };
    let at = usize::try_from(script.below(fields.len() as u64)).unwrap_or(0);
    match script.below(16) {
        // Most often down.
        0..=8 => {
            let field = &mut fields[at];
            field.value = match &field.value {
                Value::Bytes(bytes) => Value::Bytes(protobuf(bytes, script)),
                Value::Varint(_) => Value::Varint(script.number()),
                Value::Fixed(bytes) => Value::Fixed(plain(bytes, script)),
            };
        }
        9 => drop(fields.remove(at)),
        10 => {
            let field = fields[at].clone();
            fields.insert(at, field);
        }
        11 => {
            let other = usize::try_from(script.below(fields.len() as u64)).unwrap_or(0);
            fields.swap(at, other);
        }
        12 => fields[at].value = Value::Bytes(plain(&[], script)),
        _ => fields.push(Field {
            number: script.below(40) + 1,
            value: Value::Varint(script.number()),
        }),
    }
    fields.iter().flat_map(Field::to_bytes).collect()
}

/// Changes bytes that have no form.
fn plain(bytes: &[u8], script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = usize::try_from(script.below(bytes.len() as u64 + 1)).unwrap_or(0);
    match script.below(5) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => bytes[at] ^= script.byte(),
        2 => bytes = script.bytes(255).to_vec(),
        3 => bytes.extend_from_slice(&bytes.repeat(usize::from(script.byte()) % 40)),
        _ => drop(bytes.splice(at..at, script.bytes(255).iter().copied())),
    }
    bytes
}

#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Varint(u64),
    Bytes(Vec<u8>),
    /// Four bytes, or eight.
    Fixed(Vec<u8>),
}

impl Field {
    fn to_bytes(&self) -> Vec<u8> {
        let (wire, body) = match &self.value {
            Value::Varint(number) => (0, varint(*number)),
            Value::Bytes(bytes) => (2, [varint(bytes.len() as u64), bytes.clone()].concat()),
            Value::Fixed(bytes) if bytes.len() == 4 => (5, bytes.clone()),
            Value::Fixed(bytes) => (1, bytes.clone()),
        };
        [varint(self.number << 3 | wire), body].concat()
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let take = |bytes: &mut &[u8], length: usize| {
            let (taken, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some(taken.to_vec())
        };
        let value = match key & 7 {
            0 => Value::Varint(read_varint(&mut bytes)?),
            1 => Value::Fixed(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Fixed(take(&mut bytes, 4)?),
            _ => return None,
        };
        fields.push(Field {
            number: key >> 3,
            value,
        });
    }
    fields.iter().all(|field| field.number > 0).then_some(fields)
}

/// Signs an envelope again with the keys that it names, as far as they are the story's.
fn sign(envelope: &mut SignedEnvelope) {
    let pae = envelope.pae();
    for signature in &mut envelope.signatures {
        if let Some(key) = KEYS.get(&signature.keyid) {
            signature.sig = key.sign(&pae);
        }
    }
}

/// The envelopes of a record.
fn envelopes(record: &mut Record) -> Vec<&mut SignedEnvelope> {
    match &mut record.kind {
        RecordKind::Genesis(genesis) => genesis.operator_certificates.iter_mut().collect(),
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => vec![enrolment, root_certificate],
        RecordKind::AgencyEnrolled(it)
        | RecordKind::KeyPublished(it)
        | RecordKind::KeyRevoked(it)
        | RecordKind::RootSucceeded(it)
        | RecordKind::DesksPublished(it)
        | RecordKind::MandatePublished(it)
        | RecordKind::HoldPlaced(it)
        | RecordKind::AgencySuspended(it)
        | RecordKind::AgencyReinstated(it)
        | RecordKind::OperatorKeyPublished(it)
        | RecordKind::Acknowledged(it) => vec![it],
        RecordKind::Accepted(accepted) => vec![&mut accepted.warning],
        RecordKind::RelayStarted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => Vec::new(),
    }
}

/// Names (of leaves, roots, digests: 32 bytes each) that stand for others now, wherever they are written.
#[derive(Default)]
struct Renamed(BTreeMap<[u8; 32], [u8; 32]>);

impl Renamed {
    fn is(&mut self, old: [u8; 32], new: [u8; 32]) {
        if old != new {
            self.0.insert(old, new);
        }
    }

    fn within(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if self.0.is_empty() {
            return bytes;
        }
        let mut at = 0;
        while let Some(here) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
            match self.0.get(here) {
                Some(new) => {
                    bytes[at..at + 32].copy_from_slice(new);
                    at += 32;
                }
                None => at += 1,
            }
        }
        bytes
    }
}

/// The size and the two times of each note of the vectors.
static NOTES: LazyLock<BTreeMap<String, (u64, Timestamp, Timestamp)>> = LazyLock::new(|| {
    let earlier = BUNDLES
        .iter()
        .flat_map(|it| &it.earlier)
        .map(|it| it.checkpoint.clone());
    let notes = earlier.chain(BUNDLES.iter().map(|it| it.checkpoint.clone()));
    let opened = notes.map(|note| (TRUSTED.policy().open(&note).expect("a vector"), note));
    let times = opened.map(|(opened, note)| {
        let (first, last) = (
            opened.quorum_time().expect("a time"),
            opened.quorum_time_last().expect("a time"),
        );
        (note, (opened.checkpoint().size, first, last))
    });
    times.collect()
});

/// The size of the vectors' log, and all of it.
static WHOLE: LazyLock<(u64, Tree)> = LazyLock::new(|| {
    let checkpoint = LOG.verifier().open(&BUNDLES[0].checkpoint).expect("a vector");
    let log = whole(&BUNDLES[0], checkpoint.size());
    assert_eq!(
        log.root(checkpoint.size()),
        checkpoint.root(),
        "a leaf of the vectors is not known"
    );
    (checkpoint.size(), log)
});

/// What came of the edits.
pub struct Edited {
    /// The bundle.
    pub bundle: Bundle,
    /// The same log as a replay shows it: of what the bundle lacks, hashes.
    pub shown: Vec<ReplayedRecord>,
    /// Its checkpoint.
    pub note: String,
}

/// Changes a bundle of the story.
pub fn story(of: &Bundle, script: &mut Script<'_>) -> Edited {
    let mut bundle = of.clone();
    let (size, log) = &*WHOLE;
    let size = *size;
    let mut renamed = Renamed::default();
    // What is edited: so many places, each by its index. Beyond the log lie the body and the texts.
    let mut due: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..script.below(5) {
        *due.entry(script.below(size + 2)).or_default() += 1;
    }
    let times = |due: &BTreeMap<u64, u32>, at: u64| due.get(&at).copied().unwrap_or(0);
    for _ in 0..times(&due, size) {
        if let Some(body) = &mut bundle.body {
            let before = body_digest(&body.salt, &body.content);
            body.content = protobuf(&body.content, script).into();
            renamed.is(before, body_digest(&body.salt, &body.content));
        }
    }
    for _ in 0..times(&due, size + 1) {
        for (_, text) in bundle.threads.iter_mut().flat_map(|it| &mut it.texts) {
            let before = text_digest(&text.salt, &text.content);
            text.content = protobuf(&text.content, script).into();
            renamed.is(before, text_digest(&text.salt, &text.content));
        }
    }
    let mut entries: BTreeMap<u64, Bytes> = BTreeMap::new();
    for entry in all(&mut bundle) {
        entries.insert(entry.proof.index, entry.record.clone());
    }
    let mut tree = Tree::default();
    let mut done: BTreeMap<u64, Bytes> = BTreeMap::new();
    let mut waiting: Option<(u64, Hash, Record)> = None;
    let mut leaves: Vec<Hash> = Vec::new();
    for index in 0..size {
        // The tree of what is whole; an acceptance waits for the records that it lists.
        if waiting.is_none() {
            while let Some(leaf) = leaves.get(usize::try_from(tree.size()).unwrap_or(usize::MAX)) {
                tree.push(*leaf);
            }
            renamed.is(log.root(index).0, tree.root(index).0);
        }
        let Some(before) = entries.get(&index) else {
            leaves.push(log.leaves[usize::try_from(index).unwrap_or(0)]);
            continue;
        };
        let mut bytes = renamed.within(before);
        for _ in 0..times(&due, index) {
            bytes = protobuf(&bytes, script);
        }
        let Ok(mut record) = wire::record(&bytes) else {
            leaves.push(leaf_hash(&bytes));
            done.insert(index, bytes.into());
            continue;
        };
        let mut old = wire::record(before).ok();
        // Twice: the digest of a state's certificate stands in the enrolment beside it.
        for _ in 0..2 {
            let mut olds = old.as_mut().map(envelopes).unwrap_or_default().into_iter();
            for envelope in envelopes(&mut record) {
                let payload = renamed.within(&envelope.payload);
                let old = olds.next();
                // A signature costs as much as all else.
                let is_signed = old.as_deref() == Some(&*envelope) && envelope.payload == payload;
                envelope.payload = payload.into();
                if !is_signed {
                    sign(envelope);
                }
                if let Some(old) = old {
                    renamed.is(old.digest().0, envelope.digest().0);
                }
            }
        }
        if matches!(record.kind, RecordKind::Accepted(_)) && waiting.is_none() {
            leaves.push(Hash::default());
            waiting = Some((index, leaf_hash(before), record));
            continue;
        }
        let bytes = match record.kind {
            RecordKind::Unknown => Bytes::from(bytes),
            _ => wire::encode_record(&record),
        };
        let leaf = leaf_hash(&bytes);
        renamed.is(leaf_hash(before).0, leaf.0);
        leaves.push(leaf);
        done.insert(index, bytes);
        let next_is_routed = entries.get(&(index + 1)).is_some_and(|next| {
            wire::record(next).is_ok_and(|next| matches!(next.kind, RecordKind::Routed(_)))
        });
        if !next_is_routed && let Some((at, old, record)) = waiting.take() {
            let bytes = Bytes::from(renamed.within(&wire::encode_record(&record)));
            let leaf = leaf_hash(&bytes);
            renamed.is(old.0, leaf.0);
            leaves[usize::try_from(at).unwrap_or(0)] = leaf;
            done.insert(at, bytes);
        }
    }
    if let Some((at, _, record)) = waiting {
        let bytes = wire::encode_record(&record);
        leaves[usize::try_from(at).unwrap_or(0)] = leaf_hash(&bytes);
        done.insert(at, bytes);
    }
    let tree = Tree::of(leaves);
    let accepted = bundle.accepted.as_ref().and_then(|it| done.get(&it.proof.index));
    match accepted
        .and_then(|bytes| wire::record(bytes).ok())
        .map(|record| record.kind)
    {
        Some(RecordKind::Accepted(accepted)) => bundle.envelope = accepted.warning,
        _ => {
            bundle.envelope.payload = renamed.within(&bundle.envelope.payload).into();
            sign(&mut bundle.envelope);
        }
    }
    // The witnesses sign at times that the input may move.
    let (north, south) = (&WITNESSES[0], &WITNESSES[1]);
    let mut cosigned = |note: &str| {
        let (at, first, last) = NOTES.get(note).copied().expect("a vector");
        let checkpoint = tree.checkpoint(ORIGIN, at);
        let mut note = LOG.sign_checkpoint(checkpoint.size, checkpoint.root);
        for (witness, time) in [(north, last), (south, first)] {
            let moved = match script.byte() {
                0..=230 => 0,
                _ => i64::try_from(script.number() >> 24).unwrap_or(0) - 100_000,
            };
            note.push_str(&witness.cosign(&checkpoint, time.saturating_add_ms(moved)));
        }
        note
    };
    for it in &mut bundle.earlier {
        it.checkpoint = cosigned(&it.checkpoint);
    }
    bundle.checkpoint = cosigned(&bundle.checkpoint);
    for (it, old) in bundle.earlier.iter_mut().zip(&of.earlier) {
        let (old, ..) = NOTES.get(&old.checkpoint).copied().expect("a vector");
        it.consistency = tree.consistency(old, size);
    }
    for it in &mut bundle.seen {
        it.root = tree.root(it.size);
        it.consistency = tree.consistency(it.size, size);
    }
    let note = bundle.checkpoint.clone();
    for entry in all(&mut bundle) {
        let index = entry.proof.index;
        entry.proof = TlogProof {
            index,
            hashes: tree.inclusion(size, index),
            checkpoint_note: note.clone(),
            extra: None,
        };
        entry.record = done.get(&index).cloned().unwrap_or_default();
    }
    let texts: BTreeMap<u64, _> = bundle
        .threads
        .iter()
        .flat_map(|it| it.texts.iter().cloned())
        .collect();
    let accepted_at = bundle.accepted.as_ref().map(|it| it.proof.index);
    let shown = (0..size).map(|index| ReplayedRecord {
        index,
        content: match done.get(&index) {
            Some(bytes) => ReplayedContent::Record(bytes.clone()),
            None => ReplayedContent::LeafHash(tree.leaves[usize::try_from(index).unwrap_or(0)]),
        },
        part: match accepted_at {
            Some(at) if at == index => bundle.body.clone(),
            _ => texts.get(&index).cloned(),
        },
        inbox: None,
    });
    Edited {
        shown: shown.collect(),
        note,
        bundle,
    }
}

/// The whole log of a bundle: a leaf that it does not show stands in the proof of the one beside it.
fn whole(bundle: &Bundle, size: u64) -> Tree {
    let mut bundle = bundle.clone();
    let entries: Vec<bundle::Entry> = all(&mut bundle).map(|it| it.clone()).collect();
    let at = |index: u64| entries.iter().find(|it| it.proof.index == index);
    Tree::of((0..size).map(|index| {
        match at(index) {
            Some(entry) => leaf_hash(&entry.record),
            None => at(index ^ 1)
                .and_then(|it| it.proof.hashes.first().copied())
                .unwrap_or_default(),
        }
    }))
}

/// The entries of a bundle, in no order.
fn all(bundle: &mut Bundle) -> impl Iterator<Item = &mut bundle::Entry> {
    let threads = bundle.threads.iter_mut().flat_map(|it| &mut it.records);
    bundle
        .directory
        .iter_mut()
        .chain(&mut bundle.accepted)
        .chain(threads)
}

/// The policy that the vectors trust, for what takes it alone.
pub fn policy() -> &'static Policy {
    TRUSTED.policy()
}

/// The log of the story.
pub fn log() -> LogVerifier {
    LOG.verifier().clone()
}
