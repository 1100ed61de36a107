//! Receipts as they are kept: a C2SP tlog-proof for each record, and beside it the record's bytes, so that anybody with the
//! log's key can check them offline, years later.

use std::path::PathBuf;

use super::error::ClientError;
use super::files;
use super::profile::ProfileDir;
use super::proven::ProvenRecord;

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
