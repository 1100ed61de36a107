//! The bundle of a forged log: its records linked one after the other, under good proofs of one checkpoint, which its log has
//! signed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::tampering::Honest;
use super::super::world::ORIGIN;
use super::forge::{Forged, Item, Place};
use crate::domain::*;
use crate::transparency::{Frontier, TlogProof, inclusion_proof, leaf_hash};
use crate::wire;

impl Forged {
    /// The records' places, in the order in which they are linked.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        self.crossed.iter().for_each(|at| order.swap(*at, at + 1));
        order
    }

    /// The stored bytes, each linked to those before it.
    fn stored(&self) -> Vec<Bytes> {
        let encoded = |item: &Item, record: &Record| -> Bytes {
            let mut bytes = wire::encode_record(record).to_vec();
            item.bytes.iter().for_each(|change| change(&mut bytes));
            bytes.into()
        };
        let mut position: Option<DirectoryPosition> = None;
        let mut threads: BTreeMap<String, (u64, Hash)> = BTreeMap::new();
        let mut stored = vec![Bytes::new(); self.items.len()];
        for at in self.order() {
            let item = &self.items[at];
            let mut record = item.record.clone();
            let next = position.map_or(0, |it| it.seq + 1);
            if let Some(link) = &mut record.directory {
                (link.seq, link.prev) = (next, position.map(|it| it.head));
            }
            if let Place::Thread(desk) = &item.place {
                let before = threads.get(desk);
                let link = record.thread.as_mut().unwrap();
                link.seq = before.map_or(0, |(seq, _)| seq + 1);
                link.prev = before.map(|(_, leaf)| *leaf);
            }
            if let RecordKind::Routed(routed) = &mut record.kind {
                routed.directory = position.unwrap();
            }
            if let (Some(change), true) = (&item.linked, item.place != Place::Accepted) {
                change(&mut record);
            }
            let bytes = encoded(item, &record);
            let head = leaf_hash(&bytes);
            match (&item.place, &record.thread) {
                (Place::Directory, _) => position = Some(DirectoryPosition { seq: next, head }),
                (Place::Thread(desk), Some(link)) => drop(threads.insert(desk.clone(), (link.seq, head))),
                (_, _) => {}
            }
            stored[at] = bytes;
        }
        // The acceptance lists those that it stands before; nothing links to it.
        let is_routed = |item: &Item| matches!(item.record.kind, RecordKind::Routed(_));
        let all = self.items.iter().zip(&stored);
        let leaves: Vec<Hash> = all
            .filter(|(item, _)| is_routed(item))
            .map(|(_, bytes)| leaf_hash(bytes))
            .collect();
        for (item, bytes) in self.items.iter().zip(&mut stored) {
            let mut record = item.record.clone();
            if let RecordKind::Accepted(accepted) = &mut record.kind {
                accepted.routed.clone_from(&leaves);
                item.linked.iter().for_each(|change| change(&mut record));
                *bytes = encoded(item, &record);
            }
        }
        stored
    }

    /// The bundle; records by their number in `records`, proofs without their note, which is "checkpoint".
    pub(super) fn bundle(&self, records: &mut Records) -> Value {
        let stored = self.stored();
        let (mut frontier, mut hashes) = (Frontier::new(), Vec::new());
        for bytes in &stored {
            hashes.extend(frontier.append(leaf_hash(bytes)).unwrap());
        }
        let (size, reader) = (frontier.size(), Honest::with(hashes));
        let mut entry = |at: usize| {
            let index = u64::try_from(at).unwrap();
            let proof = TlogProof {
                index,
                hashes: inclusion_proof(size, index, &reader).unwrap(),
                checkpoint_note: String::new(),
                extra: None,
            };
            json!({"proof": proof.to_string(), "record": records.number(&stored[at])})
        };
        let (mut accepted, mut directory, mut threads) = (Value::Null, Vec::new(), Vec::<Value>::new());
        for at in self.order() {
            let item = &self.items[at];
            match &item.place {
                Place::Nowhere => {}
                Place::Accepted => accepted = entry(at),
                Place::Directory => directory.push(entry(at)),
                Place::Thread(desk) => {
                    let known = threads.iter().position(|it| it["desk"] == **desk);
                    let thread = known.unwrap_or_else(|| {
                        threads.push(json!({"desk": desk, "records": [], "texts": []}));
                        threads.len() - 1
                    });
                    let push = |list: &mut Value, it: Value| list.as_array_mut().unwrap().push(it);
                    push(&mut threads[thread]["records"], entry(at));
                    if let Some(text) = &item.text {
                        let mut text = part(text);
                        text["index"] = json!(at);
                        push(&mut threads[thread]["texts"], text);
                    }
                }
            }
        }
        let signed: Value = serde_json::from_str(&crate::seal::envelope_to_json(&self.warning)).unwrap();
        let mut bundle = json!({
            "format": super::super::bundle::FORMAT, "origin": ORIGIN,
            "checkpoint": self.world.log.sign_checkpoint(size, frontier.root()),
            "earlier": [], "seen": [], "timestamps": [],
            "warning": {"envelope": signed, "body": Value::Null},
            "accepted": accepted, "threads": threads, "directory": directory,
        });
        if let Some(change) = &self.shown {
            change(&mut bundle);
        }
        bundle
    }
}

/// A detached part as a bundle has it.
pub(super) fn part(part: &DetachedPart) -> Value {
    json!({"salt": BASE64_STANDARD.encode(part.salt), "content": BASE64_STANDARD.encode(&part.content)})
}

/// Stored bytes, each once.
#[derive(Default)]
pub(super) struct Records(pub(super) Vec<String>);

impl Records {
    fn number(&mut self, bytes: &Bytes) -> usize {
        let text = BASE64_STANDARD.encode(bytes);
        self.0.iter().position(|it| *it == text).unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        })
    }
}
