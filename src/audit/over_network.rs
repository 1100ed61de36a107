//! The verification of a relay's log over the network, for one profile: every record in its scope, against the checkpoint
//! that the relay shows now and the one that the profile verified before. A fault is looked for to its first record, and
//! what it was found in is kept.

use std::path::PathBuf;

use async_trait::async_trait;

use super::fault::Fault;
use super::locate::{Prover, locate};
use super::verify::{Verdict, Verifier};
use crate::client::{Client, ClientError};
use crate::domain::{Hash, Record, ReplayedContent, ReplayedRecord};

/// Why an audit gave no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log, or what was shown of it, is bad.
    #[error("{fault}{}", kept(.evidence))]
    Fault {
        /// What, and where first.
        fault: Box<Fault>,
        /// Where what was shown is kept.
        evidence: Option<PathBuf>,
    },
    /// The replay could not be had, or its checkpoint contradicts what was verified before.
    #[error(transparent)]
    Client(#[from] ClientError),
}

fn kept(evidence: &Option<PathBuf>) -> String {
    match evidence {
        Some(path) => format!(" (kept in {})", path.display()),
        None => String::new(),
    }
}

/// Verifies the whole log as far as the profile may see it. `each` is given every index as it passes, with its record if
/// that is in scope: checked by itself, but the tree is known to be the signed one only at the end.
///
/// Memory grows by 32 bytes a record, by the facts of each warning, and with `telling` by the timeline.
pub async fn verify<E: From<AuditError>>(
    client: &Client,
    telling: bool,
    mut each: impl FnMut(&ReplayedRecord, Option<&Record>) -> Result<(), E>,
) -> Result<Verdict, E> {
    let before = client.newest_checkpoint().await;
    let mut replay = client.replay(0, 0, true).await.map_err(AuditError::from)?;
    let begun = Verifier::new(client.settings().log.clone(), replay.checkpoint().note())
        .and_then(|verifier| verifier.continuing(before.checkpoint().clone()));
    let mut verifier = match begun {
        Ok(verifier) => verifier,
        Err(fault) => {
            return Err(AuditError::Fault {
                fault: Box::new(fault),
                evidence: None,
            }
            .into());
        }
    };
    if let Some(agency) = client.settings().principal.agency() {
        verifier = verifier.viewed_by(agency.clone());
    }
    if telling {
        verifier = verifier.telling();
    }
    while let Some(shown) = replay.next().await.map_err(AuditError::from)? {
        match verifier.feed(&shown) {
            Ok(record) => each(&shown, record.as_ref())?,
            Err(fault) => return Err(convicted(client, &verifier, fault, Some(&shown)).await.into()),
        }
    }
    match verifier.finish() {
        Ok(verdict) => Ok(verdict),
        Err(fault) => Err(convicted(client, &verifier, fault, None).await.into()),
    }
}

/// Looks for the first bad record, and keeps what was shown.
async fn convicted(
    client: &Client,
    verifier: &Verifier,
    fault: Fault,
    shown: Option<&ReplayedRecord>,
) -> AuditError {
    let fault = locate(verifier, fault, client).await;
    let index = shown.map_or(verifier.shown(), |shown| shown.index);
    let sentence = fault.to_string();
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("checkpoint", verifier.checkpoint().note().as_bytes()),
        ("fault.txt", sentence.as_bytes()),
    ];
    if let Some(ReplayedContent::Record(bytes)) = shown.map(|shown| &shown.content) {
        parts.push(("record", bytes));
    }
    let name = format!("audit-{}-{index}", verifier.checkpoint().size());
    AuditError::Fault {
        evidence: client.keep_evidence(&name, &parts),
        fault: Box::new(fault),
    }
}

#[async_trait]
impl Prover for Client {
    type Error = ClientError;
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError> {
        self.consistency_proof(old, new).await
    }
}
