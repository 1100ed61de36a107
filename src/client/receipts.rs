//! Receipts as they are kept: a C2SP tlog-proof for each record, and beside it the record's bytes, so that anybody with the
//! log's key can check them offline, years later.
//!
//! The name of an acknowledgement's receipt says where in which thread its record stands, so that whoever is shown that
//! thread later finds, by names alone, what must be in it.

use std::path::PathBuf;

use super::error::ClientError;
use super::profile::ProfileDir;
use super::proven::ProvenRecord;
use crate::domain::{DeskAddress, Digest, Hash, PayloadId};
use crate::files::{self, FileError};
use crate::limits;
use crate::transparency::{LogVerifier, SignedCheckpoint, TlogProof, leaf_hash};

/// Keeps the receipts of one call durably: `NAME.tlog-proof` with `NAME.record`, and `NAME.1…` for those that follow from
/// it. Gives the path of the first proof.
pub(crate) fn keep(
    profile: &ProfileDir,
    name: &str,
    first: &ProvenRecord,
    more: &[ProvenRecord],
) -> Result<PathBuf, ClientError> {
    let directory = profile.receipts();
    files::create_directory(&directory)?;
    let path = directory.join(format!("{name}.tlog-proof"));
    let mut proofs = vec![(path.clone(), first.tlog_proof().to_string())];
    let mut records = vec![(directory.join(format!("{name}.record")), first)];
    for (number, proven) in (1..).zip(more) {
        proofs.push((
            directory.join(format!("{name}.{number}.tlog-proof")),
            proven.tlog_proof().to_string(),
        ));
        records.push((directory.join(format!("{name}.{number}.record")), proven));
    }
    let proofs = proofs.iter().map(|(path, text)| (path.clone(), text.as_bytes()));
    let records = records
        .iter()
        .map(|(path, proven)| (path.clone(), proven.bytes().as_ref()));
    files::replace_all(&proofs.chain(records).collect::<Vec<_>>())?;
    Ok(path)
}

const ACKNOWLEDGEMENT: &str = "acknowledgement-";

/// Keeps the receipt of an acknowledgement, under a name that says which record of which thread it is.
pub(crate) fn keep_acknowledgement(
    profile: &ProfileDir,
    id: &PayloadId,
    proven: &ProvenRecord,
) -> Result<PathBuf, ClientError> {
    let name = match &proven.record().thread {
        Some(link) => {
            let desk = link.desk.to_string().replace('/', "+");
            format!("{ACKNOWLEDGEMENT}{id}_{}_{desk}_{}", link.warning, link.seq)
        }
        None => format!("{ACKNOWLEDGEMENT}{id}"),
    };
    keep(profile, &name, proven, &[])
}

/// A receipt of an acknowledgement of ours, as its name tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// The warning.
    pub(crate) digest: Digest,
    /// The desk that acknowledged.
    pub(crate) desk: DeskAddress,
    /// Its number in that thread.
    pub(crate) seq: u64,
    name: String,
}

/// All receipts of acknowledgements, without reading them.
pub(crate) fn held(profile: &ProfileDir) -> Result<Vec<Held>, FileError> {
    let names = files::names(&profile.receipts())?;
    Ok(names.into_iter().filter_map(parse_name).collect())
}

fn parse_name(file: String) -> Option<Held> {
    let name = file.strip_suffix(".record")?;
    let mut parts = name.strip_prefix(ACKNOWLEDGEMENT)?.split('_');
    let _: PayloadId = parts.next()?.parse().ok()?;
    let held = Held {
        digest: parts.next()?.parse().ok()?,
        desk: parts.next()?.replace('+', "/").parse().ok()?,
        seq: parts.next()?.parse().ok()?,
        name: name.to_owned(),
    };
    parts.next().is_none().then_some(held)
}

/// A kept receipt, read and verified.
#[derive(Debug, Clone)]
pub(crate) struct KeptReceipt {
    /// Where its record stands.
    pub(crate) index: u64,
    /// The record's leaf hash.
    pub(crate) leaf: Hash,
    /// The checkpoint that proves it.
    pub(crate) checkpoint: SignedCheckpoint,
    /// The tlog-proof, as it is kept.
    pub(crate) proof: Vec<u8>,
    /// The record.
    pub(crate) record: Vec<u8>,
}

/// Reads the receipt of this name and checks it with the log's key; `None`: it is not there, or proves nothing any more,
/// which is no fault of the relay's.
pub(crate) fn read(
    profile: &ProfileDir,
    log: &LogVerifier,
    name: &str,
) -> Result<Option<KeptReceipt>, FileError> {
    let directory = profile.receipts();
    let proof = files::read(
        &directory.join(format!("{name}.tlog-proof")),
        limits::RECORD_BYTES_MAX,
    )?;
    let record = files::read(
        &directory.join(format!("{name}.record")),
        limits::RECORD_BYTES_MAX,
    )?;
    let (Some(proof), Some(record)) = (proof, record) else {
        return Ok(None);
    };
    let leaf = leaf_hash(&record);
    let parsed = std::str::from_utf8(&proof)
        .ok()
        .and_then(|text| TlogProof::parse(text).ok());
    let verified = parsed.and_then(|parsed| Some((parsed.index, parsed.verify(&leaf, log).ok()?)));
    let Some((index, checkpoint)) = verified else {
        tracing::error!(name, "a kept receipt is damaged: it proves nothing any more");
        return Ok(None);
    };
    Ok(Some(KeptReceipt {
        index,
        leaf,
        checkpoint,
        proof,
        record,
    }))
}

impl Held {
    /// The receipt itself.
    pub(crate) fn read(
        &self,
        profile: &ProfileDir,
        log: &LogVerifier,
    ) -> Result<Option<KeptReceipt>, FileError> {
        read(profile, log, &self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A name leads back to what it names; names of other receipts, and of earlier versions, say nothing.
    #[test]
    fn a_name_says_where_a_record_stands() {
        let id = PayloadId::from_parts(1_700_000_000_000, [1; 10]);
        let digest = Digest([7; 32]);
        let name = format!("acknowledgement-{id}_{digest}_be.ctc+aviation_3");
        let held = parse_name(format!("{name}.record")).unwrap();
        assert_eq!(
            held,
            Held {
                digest,
                desk: "be.ctc/aviation".parse().unwrap(),
                seq: 3,
                name: name.clone(),
            }
        );
        for other in [
            format!("{name}.tlog-proof"),
            format!("{name}_1.record"),
            format!("acknowledgement-{id}.record"),
            format!("{id}.record"),
            format!("rejected-{digest}.record"),
        ] {
            assert_eq!(parse_name(other.clone()), None, "{other}");
        }
    }
}
