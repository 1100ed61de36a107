//! How a bundle is made of what a relay shows to one profile: the warning with its threads and the directory in one tree,
//! the cosigned checkpoints around each record, and a proof of each root that a signer had seen. It is checked as any verifier
//! would check it before it is given to anybody.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::{Act, Deed, Findings, check};
use super::super::timeline::{BodyShown, Note};
use super::super::trusted::Trusted;
use super::tokens::{Tokens, TokensLeftOut, stored_tokens};
use super::{Bundle, BundleFault, BundledThread, Earlier, Entry, Opened, SeenRoot};
use crate::client::{Client, ClientError, ProvenRecord, RawEvidence, SealedEvidence};
use crate::domain::{DetachedPart, Receipt, RecordKind, Seen, SignedEnvelope, WarningName, Wrap};
use crate::ledger::{seeing, seen_in};
use crate::limits;
use crate::seal::OpenedPart;
use crate::transparency::{Policy, SignedCheckpoint, TlogProof};
use crate::wire;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// What is needed could not be had, or a checkpoint contradicts what was verified before.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the relay gave does not verify.
    #[error("what the relay gave makes no bundle that verifies: {0}")]
    Fault(#[from] BundleFault),
    /// It would be longer than any verifier reads.
    #[error("the bundle would have {0} bytes, more than {max}", max = limits::BUNDLE_BYTES_MAX)]
    TooLong(usize),
}

/// A bundle that verifies under the profile's own pin of the log.
#[derive(Debug)]
pub struct Made {
    /// The bundle.
    pub bundle: Bundle,
    /// As a file.
    pub json: String,
    /// What it shows to whoever pins the log as this profile does, and trusts no witness and no root.
    pub findings: Findings,
    /// How many records the log had when it was made; what lies beyond the bundle's checkpoint is not in it.
    pub newest_size: u64,
    /// How much of the log the newest cosigned checkpoint holds, where that is not all of what the bundle shows: the bundle's own is
    /// newer then, and this one among the earlier.
    pub cosigned_size: Option<u64>,
    /// Timestamp tokens of the profile that are not in it.
    pub tokens_left_out: TokensLeftOut,
    /// The wraps of the body's key that the relay has for this profile.
    wraps: Vec<Wrap>,
}

impl Made {
    /// The same with what is sealed in it opened, as far as this profile can.
    pub async fn opened(mut self, client: &Client) -> Result<Self, NotMade> {
        let bundle = &self.bundle;
        let mut records = Vec::new();
        for thread in &bundle.threads {
            for (index, part) in &thread.texts {
                let mut entries = thread.records.iter();
                let entry = entries.find(|entry| entry.proof.index == *index);
                let record = entry.and_then(|entry| wire::record(&entry.record).ok());
                if let Some(RecordKind::Acknowledged(envelope)) = record.map(|record| record.kind) {
                    records.push((*index, envelope, part));
                }
            }
        }
        let texts = records.iter();
        let sealed = SealedEvidence {
            envelope: &bundle.envelope,
            body: bundle.body.as_ref(),
            wraps: &self.wraps,
            texts: texts
                .map(|(index, envelope, part)| (*index, envelope, *part))
                .collect(),
        };
        let opened = client.open_evidence(sealed).await?;
        let part = |opened: OpenedPart| DetachedPart {
            salt: opened.salt,
            content: opened.text.clone().into(),
        };
        let texts = opened.texts.into_iter();
        let mut texts: Vec<_> = texts.map(|(index, opened)| (index, part(opened))).collect();
        texts.sort_by_key(|(index, _)| *index);
        self.bundle.opened = Opened {
            body: opened.body.map(part),
            texts,
        };
        (self.json, self.findings) = written(&self.bundle, client)?;
        Ok(self)
    }

    /// What is sealed in it and stays so: the body, and how many texts.
    pub fn left_sealed(&self) -> (bool, usize) {
        let findings = &self.findings;
        let is_sealed = |act: &&Act| matches!(&act.what, Deed::Said(said) if said.note == Note::Sealed);
        let texts = findings.acts.iter().filter(is_sealed).count();
        (findings.warning.body == BodyShown::Sealed, texts)
    }
}

/// Makes the bundle of a warning, of what is the profile's to see. What is sealed in it stays so.
pub async fn make(client: &Client, name: &WarningName) -> Result<Made, NotMade> {
    let raw = client.raw_evidence(name).await?;
    let mut earlier = earlier(client, &raw).await?;
    let Tokens { tokens, left_out } = stored_tokens(client, &raw, &mut earlier).await?;
    let seen = seen_roots(client, &raw, &earlier).await?;
    let (newest_size, origin) = (raw.newest_size, raw.checkpoint.origin().clone());
    let cosigned_size = raw.cosigned.as_ref().map(SignedCheckpoint::size);
    let note = raw.checkpoint.note().to_owned();
    let entry = |receipt: Receipt| Entry {
        proof: TlogProof {
            index: receipt.index,
            hashes: receipt.inclusion_proof,
            checkpoint_note: note.clone(),
            extra: None,
        },
        record: receipt.record,
    };
    let bundle = Bundle {
        origin,
        checkpoint: note.clone(),
        earlier,
        seen,
        timestamps: tokens,
        envelope: raw.envelope,
        body: raw.body,
        accepted: raw.accepted.map(&entry),
        threads: raw
            .threads
            .into_iter()
            .map(|(desk, parts)| BundledThread {
                desk,
                records: parts.records.into_iter().map(&entry).collect(),
                texts: parts.texts.into_iter().collect(),
            })
            .collect(),
        opened: Opened::default(),
        directory: raw.directory.into_iter().map(&entry).collect(),
    };
    let (json, findings) = written(&bundle, client)?;
    Ok(Made {
        bundle,
        json,
        findings,
        newest_size,
        cosigned_size,
        tokens_left_out: left_out,
        wraps: raw.wraps,
    })
}

/// The bundle as a file, and what it shows. What is checked is what is written, byte for byte.
fn written(bundle: &Bundle, client: &Client) -> Result<(String, Findings), NotMade> {
    let json = bundle.to_json();
    if json.len() > limits::BUNDLE_BYTES_MAX {
        return Err(NotMade::TooLong(json.len()));
    }
    let read = Bundle::parse(json.as_bytes())?;
    let pinned = Trusted::new(Policy::of_log(client.settings().log.clone()), None);
    let findings = check(&read, &pinned)?;
    Ok((json, findings))
}

/// The checkpoints of timestamp tokens come beside them.
const EARLIER_MAX: usize = limits::BUNDLE_EARLIER_MAX - limits::BUNDLE_TIMESTAMPS_MAX;

/// The cosigned checkpoints around each record of the exchange, as far as they lie before the bundle's, and the newest one.
async fn earlier(client: &Client, raw: &RawEvidence) -> Result<Vec<Earlier>, ClientError> {
    let mut earlier: Vec<Earlier> = Vec::new();
    let mut notes = BTreeSet::new();
    let mut newest: Option<(u64, Vec<crate::domain::Hash>)> = None;
    let mut around = client.cosigned_around(&raw.indexes()).await?;
    around.extend(raw.cosigned.clone());
    around.sort_by_key(SignedCheckpoint::size);
    for checkpoint in around {
        let (old, size) = (checkpoint.size(), raw.checkpoint.size());
        let is_it = checkpoint.note() == raw.checkpoint.note();
        if old > size || is_it || earlier.len() >= EARLIER_MAX {
            continue;
        }
        // Whatever the relay gives: a bundle that holds a note twice is refused.
        if !notes.insert(checkpoint.note().to_owned()) {
            continue;
        }
        let consistency = match &newest {
            Some((known, proof)) if *known == old => proof.clone(),
            Some(_) | None => client.consistency_proof(old, size).await?,
        };
        newest = Some((old, consistency.clone()));
        earlier.push(Earlier {
            checkpoint: checkpoint.note().to_owned(),
            consistency,
        });
    }
    Ok(earlier)
}

/// A proof of each root that a signer of the exchange had seen, where no checkpoint of the bundle shows it.
async fn seen_roots(
    client: &Client,
    raw: &RawEvidence,
    earlier: &[Earlier],
) -> Result<Vec<SeenRoot>, ClientError> {
    let mut all: BTreeMap<u64, (Seen, SignedEnvelope, ProvenRecord)> = BTreeMap::new();
    let mut of_threads = raw.threads.values().flat_map(|thread| &thread.records);
    // Only to ask for a proof of it: the check verifies the signatures before anything is believed.
    if let Some(seen) = seen_in(&raw.envelope)
        && let Some(first) = raw.accepted.as_ref().or_else(|| of_threads.next())
    {
        let record = raw.prove(first).map_err(ClientError::from)?;
        all.insert(seen.size, (seen, raw.envelope.clone(), record));
    }
    for receipt in raw.threads.values().flat_map(|thread| &thread.records) {
        let record = raw.prove(receipt).map_err(ClientError::from)?;
        let Some(envelope) = seeing(record.record()).cloned() else {
            continue;
        };
        if let Some(seen) = seen_in(&envelope) {
            all.insert(seen.size, (seen, envelope, record));
        }
    }
    let log = &client.settings().log;
    let shown: Vec<u64> = earlier
        .iter()
        .filter_map(|it| log.open(&it.checkpoint).ok())
        .map(|it: SignedCheckpoint| it.size())
        .chain([0, raw.checkpoint.size()])
        .collect();
    let mut roots = Vec::new();
    for (size, (seen, envelope, record)) in all {
        if shown.contains(&size) || size > raw.checkpoint.size() || roots.len() >= limits::BUNDLE_SEEN_MAX {
            continue;
        }
        roots.push(SeenRoot {
            size,
            root: seen.root,
            consistency: client.seen_proof(&seen, &envelope, &record).await?,
        });
    }
    Ok(roots)
}
