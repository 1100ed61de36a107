//! How a bundle is made of what a relay shows to one profile: the warning with its threads and the directory in one tree,
//! the cosigned checkpoints around each record, and a proof of each root that a signer had seen. It is checked as any verifier
//! would check it before it is given to anybody.

use std::collections::{BTreeMap, BTreeSet};

use super::super::check::{Findings, check};
use super::super::timestamp::StoredTimestamp;
use super::super::trusted::Trusted;
use super::{Bundle, BundleFault, BundledThread, Earlier, Entry, SeenRoot, TimestampToken};
use crate::client::{Client, ClientError, RawEvidence};
use crate::domain::{Receipt, Seen, SignedEnvelope, WarningName};
use crate::files;
use crate::ledger::seen;
use crate::limits;
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
    /// The log's own key cannot be written as a policy.
    #[error("the profile's log key makes no policy")]
    Policy,
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
}

/// Makes the bundle of a warning, of what is the profile's to see.
pub async fn make(client: &Client, name: &WarningName) -> Result<Made, NotMade> {
    let raw = client.raw_evidence(name).await?;
    let mut earlier = earlier(client, &raw).await?;
    let timestamps = stored_tokens(client, &raw, &mut earlier).await?;
    let seen = seen_roots(client, &raw, &earlier).await?;
    let (newest_size, origin) = (raw.newest_size, raw.checkpoint.origin().clone());
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
        timestamps,
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
        directory: raw.directory.into_iter().map(&entry).collect(),
    };
    let own = format!("log {}\nquorum none\n", client.settings().log.vkey());
    let own = Policy::parse(own.as_bytes()).map_err(|_| NotMade::Policy)?;
    let json = bundle.to_json();
    if json.len() > limits::BUNDLE_BYTES_MAX {
        return Err(NotMade::TooLong(json.len()));
    }
    // What is checked is what is written, byte for byte.
    let read = Bundle::parse(json.as_bytes())?;
    let findings = check(&read, &Trusted::new(own, None))?;
    Ok(Made {
        bundle,
        json,
        findings,
        newest_size,
    })
}

/// The cosigned checkpoints around each record of the exchange, as far as they lie before the bundle's.
async fn earlier(client: &Client, raw: &RawEvidence) -> Result<Vec<Earlier>, ClientError> {
    let of_threads = raw.threads.values().flat_map(|thread| &thread.records);
    let indexes: Vec<u64> = raw
        .accepted
        .iter()
        .chain(of_threads)
        .map(|receipt| receipt.index)
        .collect();
    let mut earlier: Vec<Earlier> = Vec::new();
    let mut notes = BTreeSet::new();
    let mut newest: Option<(u64, Vec<crate::domain::Hash>)> = None;
    for checkpoint in client.cosigned_around(&indexes).await? {
        let (old, size) = (checkpoint.size(), raw.checkpoint.size());
        let is_it = checkpoint.note() == raw.checkpoint.note();
        if old > size || is_it || earlier.len() >= limits::BUNDLE_EARLIER_MAX {
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

/// The tokens that the profile keeps (`audit timestamp`): for each record the one over the smallest checkpoint that holds it.
/// Their checkpoints come among the earlier ones.
async fn stored_tokens(
    client: &Client,
    raw: &RawEvidence,
    earlier: &mut Vec<Earlier>,
) -> Result<Vec<TimestampToken>, ClientError> {
    let directory = client.profile().timestamps();
    let log = &client.settings().log;
    let mut kept: BTreeMap<u64, StoredTimestamp> = BTreeMap::new();
    for name in files::names(&directory)? {
        let bytes = files::read(&directory.join(name), limits::TIMESTAMP_FILE_BYTES_MAX)?;
        // What is no token, or of another log, is passed over: it proves nothing here.
        let stored = bytes.and_then(|bytes| StoredTimestamp::parse(&bytes).ok());
        let opened = stored.and_then(|stored| Some((log.open(&stored.checkpoint).ok()?.size(), stored)));
        kept.extend(opened.filter(|(size, _)| *size <= raw.checkpoint.size()));
    }
    let of_threads = raw.threads.values().flat_map(|thread| &thread.records);
    let indexes = raw.accepted.iter().chain(of_threads).map(|receipt| receipt.index);
    let wanted: BTreeSet<u64> = indexes
        .filter_map(|index| {
            kept.range(index.saturating_add(1)..)
                .next()
                .map(|(size, _)| *size)
        })
        .take(limits::BUNDLE_TIMESTAMPS_MAX)
        .collect();
    let mut tokens = Vec::new();
    for (size, stored) in kept.into_iter().filter(|(size, _)| wanted.contains(size)) {
        let checkpoint = client.accept_checkpoint(&stored.checkpoint).await?;
        let is_there = |it: &Earlier| log.open(&it.checkpoint).is_ok_and(|it| it.size() == size);
        if size < raw.checkpoint.size() && !earlier.iter().any(is_there) {
            let consistency = client.consistency_proof(size, raw.checkpoint.size()).await?;
            earlier.push(Earlier {
                checkpoint: checkpoint.note().to_owned(),
                consistency,
            });
        }
        tokens.push(TimestampToken {
            size,
            token: stored.token,
        });
    }
    earlier.sort_by_key(|it| log.open(&it.checkpoint).map_or(0, |it| it.size()));
    Ok(tokens)
}

/// A proof of each root that a signer of the exchange had seen, where no checkpoint of the bundle shows it.
async fn seen_roots(
    client: &Client,
    raw: &RawEvidence,
    earlier: &[Earlier],
) -> Result<Vec<SeenRoot>, ClientError> {
    let mut all: BTreeMap<u64, (Seen, &[u8])> = BTreeMap::new();
    if let Some(seen) = seen_by_originator(&raw.envelope) {
        all.insert(seen.size, (seen, raw.envelope.payload.as_ref()));
    }
    for receipt in raw.threads.values().flat_map(|thread| &thread.records) {
        if let Some(seen) = wire::record(&receipt.record)
            .ok()
            .and_then(|record| seen(&record))
        {
            all.insert(seen.size, (seen, receipt.record.as_ref()));
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
    for (size, (seen, signed)) in all {
        if shown.contains(&size) || size > raw.checkpoint.size() || roots.len() >= limits::BUNDLE_SEEN_MAX {
            continue;
        }
        roots.push(SeenRoot {
            size,
            root: seen.root,
            consistency: client.seen_proof(&seen, signed, &raw.checkpoint).await?,
        });
    }
    Ok(roots)
}

fn seen_by_originator(envelope: &SignedEnvelope) -> Option<Seen> {
    // Only to ask for a proof of it: the check verifies the signature before anything is believed.
    let kind = envelope.payload_type.parse().ok()?;
    let common = wire::common(kind, &envelope.payload)?;
    common.named()?.seen
}
