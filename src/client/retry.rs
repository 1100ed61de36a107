//! Sending what is in the outbox again: the same bytes, by the call that takes them.

use super::acknowledge::Acknowledged;
use super::error::ClientError;
use super::handle::Client;
use super::operate::Recorded;
use super::outbox::{OutboxEntry, OutboxKind};
use super::submit::Sent;

/// What became of an entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resent {
    /// A warning.
    Sent(Box<Sent>),
    /// An acknowledgement.
    Acknowledged(Box<Acknowledged>),
    /// A change of the directory.
    Recorded(Box<Recorded>),
}

impl Client {
    /// Sends an entry of the outbox again. It leaves the outbox when its receipt was verified.
    pub async fn resend(&self, entry: &OutboxEntry) -> Result<Resent, ClientError> {
        match entry.kind {
            OutboxKind::Warning => Ok(Resent::Sent(Box::new(self.submit_entry(entry).await?))),
            OutboxKind::Acknowledgement => Ok(Resent::Acknowledged(Box::new(
                self.acknowledge_entry(entry).await?,
            ))),
            OutboxKind::Key
            | OutboxKind::Desks
            | OutboxKind::Mandate
            | OutboxKind::Hold
            | OutboxKind::StateEnrolment
            | OutboxKind::AgencyEnrolment
            | OutboxKind::Suspension
            | OutboxKind::Reinstatement
            | OutboxKind::OperatorKey => {
                let sent = self.send_change(entry).await;
                let recorded = sent.map_err(|error| self.if_kept(entry, error))?;
                Ok(Resent::Recorded(Box::new(recorded)))
            }
        }
    }
}
