//! A proof of misbehaviour: two statements under one log's key of which at most one can be true. It needs nothing else, and
//! convicts the log to whoever trusts that key; of the records' contents nothing need be believed.
//!
//! ```text
//! { "format": "wardline-misbehaviour/v1",
//!   "origin": "relay.example/2024",
//!   "kind": "TWO_ROOTS" | "TWO_LEAVES" | "TWO_IN_THREAD" | "TWO_IN_DIRECTORY" |
//!           "KEY_ENDED" | "OLD_DIRECTORY",
//!   "a": SIDE, "b": SIDE }
//! SIDE of TWO_ROOTS = { "checkpoint": "<signed note>", "size": n, "root": "<base64>", "consistency": ["<base64>", …] }
//!                     the log of the note begins with n records of this root (RFC 6962 §2.1.2)
//! SIDE of the others = { "proof": "<c2sp.org/tlog-proof@v1>", "leaf": "<base64>", "record": "<base64>" | null }
//! ```
//! `TWO_ROOTS`: one size, two roots. `TWO_LEAVES`: one index, two leaves. `TWO_IN_THREAD`: two records with one `seq` in the
//! thread of one warning and desk, at two indexes or with two leaves. `TWO_IN_DIRECTORY`: the same in the directory's chain.
//! `KEY_ENDED`: `a` revokes a key, or names its successor as root; `b`, at a higher index, is signed by that key. `OLD_DIRECTORY`:
//! `a` has a number in the directory's chain; `b`, `ROUTED` at a higher index, names a lower one as the newest. All but the
//! first two need both records.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::super::bundle::BundleFault;
use super::super::trusted::Trusted;
use super::ended::{ends, names_newest, signers as signers_in};
use crate::domain::{Hash, Origin, Record};
use crate::limits;
use crate::objects::only_objects;
use crate::transparency::{CosignedCheckpoint, TlogProof, leaf_hash, verify_consistency, verify_inclusion};
use crate::wire;

/// What the member `format` says.
pub const MISBEHAVIOUR_FORMAT: &str = "wardline-misbehaviour/v1";

/// A proof of misbehaviour as it was read or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misbehaviour {
    /// Whose.
    pub origin: Origin,
    /// Which kind.
    pub kind: Kind,
    /// One statement.
    pub a: Side,
    /// The other.
    pub b: Side,
}

/// What the log's key has signed that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two roots of one size.
    TwoRoots,
    /// Two leaves at one index.
    TwoLeaves,
    /// Two records of one number in one thread.
    TwoInThread,
    /// Two records of one number in the directory's chain.
    TwoInDirectory,
    /// A record that ends a key, and a later one that the key has signed.
    KeyEnded,
    /// A record of the directory, and a later `ROUTED` that names an older one as the newest.
    OldDirectory,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::TwoRoots,
        Self::TwoLeaves,
        Self::TwoInThread,
        Self::TwoInDirectory,
        Self::KeyEnded,
        Self::OldDirectory,
    ];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TwoRoots => "TWO_ROOTS",
            Self::TwoLeaves => "TWO_LEAVES",
            Self::TwoInThread => "TWO_IN_THREAD",
            Self::TwoInDirectory => "TWO_IN_DIRECTORY",
            Self::KeyEnded => "KEY_ENDED",
            Self::OldDirectory => "OLD_DIRECTORY",
        }
    }
}

/// One of the two statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The log of this note begins with so many records, which have this root.
    Root {
        /// The signed note.
        checkpoint: String,
        /// How many.
        size: u64,
        /// Their root.
        root: Hash,
        /// From them to the note.
        consistency: Vec<Hash>,
    },
    /// The log of the proof's note has this leaf at its index.
    Record {
        /// Where, and under which note.
        proof: TlogProof,
        /// Which leaf.
        leaf: Hash,
        /// The record, if it is shown.
        record: Option<Bytes>,
    },
}

/// A proof of misbehaviour that verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conviction {
    /// Whose, by its key.
    pub log_vkey: String,
    /// Which kind.
    pub kind: Kind,
    /// Who signed what, and why both cannot be true.
    pub sentences: Vec<String>,
}

impl Conviction {
    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "verified": true,
            "misbehaviour": self.kind.word(),
            "log_vkey": self.log_vkey,
            "sentences": self.sentences,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Json {
    format: String,
    origin: String,
    kind: String,
    a: JsonSide,
    b: JsonSide,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum JsonSide {
    Root(JsonRoot),
    Record(JsonRecord),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonRoot {
    checkpoint: String,
    size: u64,
    root: String,
    consistency: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct JsonRecord {
    proof: String,
    leaf: String,
    #[serde(deserialize_with = "required")]
    record: Option<String>,
}

only_objects!(Json, JsonRoot, JsonRecord);

fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

impl Misbehaviour {
    /// Reads a proof, strictly. Nothing in it has been checked then but its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleFault> {
        if bytes.len() > limits::MISBEHAVIOUR_BYTES_MAX {
            return Err(BundleFault::new("the document", "it is too long"));
        }
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| BundleFault::new("the document", error))?;
        if json.format != MISBEHAVIOUR_FORMAT {
            return Err(BundleFault::new(
                "format",
                format!("it is not {MISBEHAVIOUR_FORMAT:?}"),
            ));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == json.kind);
        Ok(Self {
            origin: json
                .origin
                .parse()
                .map_err(|error| BundleFault::new("origin", error))?,
            kind: kind.ok_or_else(|| BundleFault::new("kind", "it is none that is known"))?,
            a: side("a", json.a)?,
            b: side("b", json.b)?,
        })
    }

    /// Writes it, indented, with a line feed at the end.
    pub fn to_json(&self) -> String {
        let json = Json {
            format: MISBEHAVIOUR_FORMAT.to_owned(),
            origin: self.origin.to_string(),
            kind: self.kind.word().to_owned(),
            a: json_side(&self.a),
            b: json_side(&self.b),
        };
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Checks it under what a verifier trusts: both statements are signed by one
    /// key of the log, and they contradict each other.
    pub fn check(&self, trusted: &Trusted) -> Result<Conviction, BundleFault> {
        let a = self.open("a", &self.a, trusted)?;
        let b = self.open("b", &self.b, trusted)?;
        // A policy may have several keys of one origin. What one of them has signed binds no other.
        let signers = trusted.policy().signers_of(a.note());
        let Some(log) = signers.into_iter().find(|log| log.open(b.note()).is_ok()) else {
            let why = "they are signed by two different keys: neither key has contradicted itself";
            return Err(BundleFault::new("a and b", why));
        };
        let no_contradiction = |why: &str| Err(BundleFault::new("a and b", why));
        let sentences = match (self.kind, &a, &b) {
            (
                Kind::TwoRoots,
                Opened::Root { size, root, .. },
                Opened::Root {
                    size: other_size,
                    root: other,
                    ..
                },
            ) => {
                if size != other_size || root == other {
                    return no_contradiction("they are not two roots of one size");
                }
                vec![
                    format!("that its first {size} records have the root {root} ({})", a.under()),
                    format!("that its first {size} records have the root {other} ({})", b.under()),
                    "A log has one root at each size, and only grows: at most one of the two is the log that it showed to \
                     others."
                        .to_owned(),
                ]
            }
            (
                Kind::TwoLeaves,
                Opened::Record { index, leaf, .. },
                Opened::Record {
                    index: other_index,
                    leaf: other,
                    ..
                },
            ) => {
                if index != other_index || leaf == other {
                    return no_contradiction("they are not two leaves at one index");
                }
                vec![
                    format!("that its record {index} has the leaf hash {leaf} ({})", a.under()),
                    format!(
                        "that its record {index} has the leaf hash {other} ({})",
                        b.under()
                    ),
                    "A log has one record at each index, for ever.".to_owned(),
                ]
            }
            (
                Kind::TwoInThread | Kind::TwoInDirectory,
                Opened::Record {
                    index,
                    leaf,
                    record: Some(record),
                    ..
                },
                Opened::Record {
                    index: other_index,
                    leaf: other,
                    record: Some(other_record),
                    ..
                },
            ) => {
                if (index, leaf) == (other_index, other) {
                    return no_contradiction("they are one record");
                }
                let Some(place) = one_place(self.kind, record, other_record) else {
                    return no_contradiction("the records do not claim one place");
                };
                vec![
                    format!("that number {place} is its record {index} with the leaf hash {leaf} ({})", a.under()),
                    format!("that number {place} is its record {other_index} with the leaf hash {other} ({})", b.under()),
                    "Each number is given once: whoever was shown one of the two was not shown the other in its place.".to_owned(),
                ]
            }
            (
                Kind::KeyEnded,
                Opened::Record {
                    index,
                    leaf,
                    record: Some(record),
                    ..
                },
                Opened::Record {
                    index: later,
                    leaf: other,
                    record: Some(other_record),
                    ..
                },
            ) => {
                let ended = ends(record).filter(|keyid| signers_in(other_record).contains(keyid));
                let Some(keyid) = ended.filter(|_| index < later) else {
                    return no_contradiction(
                        "the one does not end a key that has signed the other, which comes later",
                    );
                };
                vec![
                    format!("that its record {index} with the leaf hash {leaf} ends the key {keyid} ({})", a.under()),
                    format!("that its record {later} with the leaf hash {other} is signed by the key {keyid} ({})", b.under()),
                    "From its end on a key signs nothing that a log takes, and no key is enrolled twice: whoever was shown the                      later record was told that the key was valid."
                        .to_owned(),
                ]
            }
            (
                Kind::OldDirectory,
                Opened::Record {
                    index,
                    leaf,
                    record: Some(record),
                    ..
                },
                Opened::Record {
                    index: later,
                    leaf: other,
                    record: Some(other_record),
                    ..
                },
            ) => {
                let seq = record.directory.as_ref().map(|link| link.seq);
                let pair = seq.zip(names_newest(other_record));
                let Some((seq, named)) = pair.filter(|(seq, named)| index < later && named < seq) else {
                    return no_contradiction(
                        "the one is no record of the directory that the other, which comes later, leaves out",
                    );
                };
                vec![
                    format!("that number {seq} of the directory's chain is its record {index} with the leaf hash {leaf} ({})", a.under()),
                    format!(
                        "that number {named} of it was the newest at its record {later}, ROUTED, with the leaf hash {other} ({})",
                        b.under()
                    ),
                    "What is routed names the newest record of the directory: whoever was shown the later record was told that the                      earlier one, which may revoke a key, is not there."
                        .to_owned(),
                ]
            }
            (
                Kind::TwoRoots
                | Kind::TwoLeaves
                | Kind::TwoInThread
                | Kind::TwoInDirectory
                | Kind::KeyEnded
                | Kind::OldDirectory,
                _,
                _,
            ) => {
                return no_contradiction("they do not hold what this kind needs");
            }
        };
        let mut told = vec![format!(
            "The key of the log {} has signed two statements that cannot both be true.",
            self.origin
        )];
        let (last, both) = sentences
            .split_last()
            .map_or((None, &[][..]), |(last, both)| (Some(last), both));
        told.extend(both.iter().map(|sentence| format!("It has signed {sentence}.")));
        told.extend(last.cloned());
        Ok(Conviction {
            log_vkey: log.vkey(),
            kind: self.kind,
            sentences: told,
        })
    }

    fn open(&self, part: &str, side: &Side, trusted: &Trusted) -> Result<Opened, BundleFault> {
        let open = |part: String, note: &str| {
            let opened = trusted
                .policy()
                .open(note)
                .map_err(|error| BundleFault::new(part.as_str(), error))?;
            if opened.checkpoint().origin == self.origin {
                Ok(opened)
            } else {
                Err(BundleFault::new(part, "it is of another log"))
            }
        };
        match side {
            Side::Root {
                checkpoint,
                size,
                root,
                consistency,
            } => {
                let note = open(format!("{part}.checkpoint"), checkpoint)?;
                let to = note.checkpoint();
                verify_consistency(*size, root, to.size, &to.root, consistency)
                    .map_err(|error| BundleFault::new(format!("{part}.consistency"), error))?;
                Ok(Opened::Root {
                    note,
                    size: *size,
                    root: *root,
                })
            }
            Side::Record { proof, leaf, record } => {
                let note = open(format!("{part}.proof"), &proof.checkpoint_note)?;
                let to = note.checkpoint();
                if proof.extra.is_some() {
                    let why = "it has extra data, which nobody has signed";
                    return Err(BundleFault::new(format!("{part}.proof"), why));
                }
                verify_inclusion(leaf, proof.index, to.size, &proof.hashes, &to.root)
                    .map_err(|error| BundleFault::new(format!("{part}.proof"), error))?;
                let wrong = |why: String| BundleFault::new(format!("{part}.record"), why);
                let record = match record {
                    None => None,
                    Some(bytes) if leaf_hash(bytes) != *leaf => {
                        return Err(wrong("it has another leaf hash".to_owned()));
                    }
                    // One that this version cannot read is still a leaf.
                    Some(bytes) => wire::record(bytes).ok(),
                };
                Ok(Opened::Record {
                    note,
                    index: proof.index,
                    leaf: *leaf,
                    record: record.map(Box::new),
                })
            }
        }
    }
}

/// A statement that is the log's.
enum Opened {
    Root {
        note: CosignedCheckpoint,
        size: u64,
        root: Hash,
    },
    Record {
        note: CosignedCheckpoint,
        index: u64,
        leaf: Hash,
        record: Option<Box<Record>>,
    },
}

impl Opened {
    fn note(&self) -> &str {
        let (Self::Root { note, .. } | Self::Record { note, .. }) = self;
        note.note()
    }

    fn under(&self) -> String {
        let (Self::Root { note, .. } | Self::Record { note, .. }) = self;
        let size = note.checkpoint().size;
        let names: Vec<String> = note
            .cosignatures()
            .iter()
            .map(|cosignature| format!("{} at {}", cosignature.name, cosignature.time))
            .collect();
        match names.as_slice() {
            [] => format!("in its checkpoint of {size} records"),
            names => format!(
                "in its checkpoint of {size} records, which was cosigned by {}",
                names.join(" and ")
            ),
        }
    }
}

/// The place that both records claim, if it is one.
fn one_place(kind: Kind, one: &Record, other: &Record) -> Option<String> {
    if kind == Kind::TwoInDirectory {
        let (one, other) = (one.directory.as_ref()?, other.directory.as_ref()?);
        return (one.seq == other.seq).then(|| format!("{} of the directory's chain", one.seq));
    }
    let (one, other) = (one.thread.as_ref()?, other.thread.as_ref()?);
    let is_one = (one.warning, &one.desk, one.seq) == (other.warning, &other.desk, other.seq);
    is_one.then(|| {
        format!(
            "{} of the thread of warning {} and {}",
            one.seq, one.warning, one.desk
        )
    })
}

fn side(part: &str, json: JsonSide) -> Result<Side, BundleFault> {
    match json {
        JsonSide::Root(json) => {
            if json.consistency.len() > limits::PROOF_HASHES_MAX {
                return Err(BundleFault::new(format!("{part}.consistency"), "it is too long"));
            }
            let consistency = json.consistency.iter();
            Ok(Side::Root {
                root: hash(&format!("{part}.root"), &json.root)?,
                consistency: consistency
                    .map(|text| hash(&format!("{part}.consistency"), text))
                    .collect::<Result<_, _>>()?,
                checkpoint: json.checkpoint,
                size: json.size,
            })
        }
        JsonSide::Record(json) => {
            let record = json.record.map(|text| BASE64_STANDARD.decode(text)).transpose();
            let record = record.ok().filter(|bytes| {
                bytes
                    .as_ref()
                    .is_none_or(|bytes| bytes.len() <= limits::RECORD_BYTES_MAX)
            });
            let no_record = || BundleFault::new(format!("{part}.record"), "it is no base64, or too long");
            Ok(Side::Record {
                proof: TlogProof::parse(&json.proof)
                    .map_err(|error| BundleFault::new(format!("{part}.proof"), error))?,
                leaf: hash(&format!("{part}.leaf"), &json.leaf)?,
                record: record.ok_or_else(no_record)?.map(Bytes::from),
            })
        }
    }
}

fn hash(part: &str, text: &str) -> Result<Hash, BundleFault> {
    let bytes = BASE64_STANDARD.decode(text).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    Ok(Hash(bytes.ok_or_else(|| {
        BundleFault::new(part, "it is not 32 bytes in base64")
    })?))
}

fn json_side(side: &Side) -> JsonSide {
    match side {
        Side::Root {
            checkpoint,
            size,
            root,
            consistency,
        } => JsonSide::Root(JsonRoot {
            checkpoint: checkpoint.clone(),
            size: *size,
            root: BASE64_STANDARD.encode(root.as_bytes()),
            consistency: consistency
                .iter()
                .map(|hash| BASE64_STANDARD.encode(hash.as_bytes()))
                .collect(),
        }),
        Side::Record { proof, leaf, record } => JsonSide::Record(JsonRecord {
            proof: proof.to_string(),
            leaf: BASE64_STANDARD.encode(leaf.as_bytes()),
            record: record.as_ref().map(|bytes| BASE64_STANDARD.encode(bytes)),
        }),
    }
}
