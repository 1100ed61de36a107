//! The outbox: what was signed and has no verified receipt yet. An entry is on stable storage before it is sent, a retry
//! sends its very bytes, and only a verified receipt (of acceptance or of refusal) removes it.

use std::path::PathBuf;

use bytes::Bytes;

use super::files::{self, FileError};
use super::profile::ProfileDir;
use crate::domain::PayloadId;
use crate::limits;

/// What an entry is, and so which call takes it. The names are those of the files; never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutboxKind {
    /// A `Submission`.
    Warning,
    /// An `AcknowledgementSubmission`.
    Acknowledgement,
    /// A `PublishKeyRequest`.
    Key,
    /// A `PublishDesksRequest`.
    Desks,
    /// A `PublishMandateRequest`.
    Mandate,
    /// An `EnrolStateRequest`.
    StateEnrolment,
    /// An `EnrolAgencyRequest`.
    AgencyEnrolment,
    /// A `SuspendAgencyRequest`.
    Suspension,
    /// A `ReinstateAgencyRequest`.
    Reinstatement,
    /// A `PublishOperatorKeyRequest`.
    OperatorKey,
}

impl OutboxKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Warning,
        Self::Acknowledgement,
        Self::Key,
        Self::Desks,
        Self::Mandate,
        Self::StateEnrolment,
        Self::AgencyEnrolment,
        Self::Suspension,
        Self::Reinstatement,
        Self::OperatorKey,
    ];

    /// The name of it, in file names and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Acknowledgement => "acknowledgement",
            Self::Key => "key",
            Self::Desks => "desks",
            Self::Mandate => "mandate",
            Self::StateEnrolment => "state-enrolment",
            Self::AgencyEnrolment => "agency-enrolment",
            Self::Suspension => "suspension",
            Self::Reinstatement => "reinstatement",
            Self::OperatorKey => "operator-key",
        }
    }
}

/// One entry: the exact message that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The id of the signed payload.
    pub id: PayloadId,
    /// What it is.
    pub kind: OutboxKind,
    /// The message, as it is sent each time.
    pub message: Bytes,
}

/// A profile's outbox.
#[derive(Debug, Clone)]
pub struct Outbox(PathBuf);

impl Outbox {
    /// The outbox of a profile.
    pub fn of(profile: &ProfileDir) -> Self {
        Self(profile.outbox())
    }

    /// Keeps an entry: on stable storage when it returns.
    pub fn put(&self, entry: &OutboxEntry) -> Result<(), FileError> {
        files::create_directory(&self.0)?;
        files::replace(&self.path(entry.id, entry.kind), &entry.message)
    }

    /// The entries, oldest first (ids begin with the time of signing).
    pub fn list(&self) -> Result<Vec<OutboxEntry>, FileError> {
        let mut entries = Vec::new();
        for name in files::names(&self.0)? {
            let Some((id, kind)) = parse_name(&name) else {
                continue;
            };
            let bytes = files::read(&self.0.join(&name), limits::GRPC_MESSAGE_BYTES_MAX)?;
            // One that is gone was finished by another process meanwhile.
            if let Some(bytes) = bytes {
                entries.push(OutboxEntry {
                    id,
                    kind,
                    message: bytes.into(),
                });
            }
        }
        Ok(entries)
    }

    /// Removes an entry, whose receipt was verified.
    pub(crate) fn remove(&self, entry: &OutboxEntry) -> Result<(), FileError> {
        files::remove(&self.path(entry.id, entry.kind))
    }

    /// Keeps an entry that was refused for good, without a record of it, out of the way of retries.
    pub(crate) fn set_aside(&self, entry: &OutboxEntry) -> Result<(), FileError> {
        let refused = self.0.join("refused");
        files::create_directory(&refused)?;
        files::replace(&refused.join(file_name(entry.id, entry.kind)), &entry.message)?;
        self.remove(entry)
    }

    fn path(&self, id: PayloadId, kind: OutboxKind) -> PathBuf {
        self.0.join(file_name(id, kind))
    }
}

fn file_name(id: PayloadId, kind: OutboxKind) -> String {
    format!("{id}.{}", kind.name())
}

fn parse_name(name: &str) -> Option<(PayloadId, OutboxKind)> {
    let (id, kind) = name.split_once('.')?;
    let kind = OutboxKind::ALL.into_iter().find(|it| it.name() == kind)?;
    Some((id.parse().ok()?, kind))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn entry(time: u64, kind: OutboxKind) -> OutboxEntry {
        OutboxEntry {
            id: PayloadId::from_parts(time, [7; 10]),
            kind,
            message: Bytes::from(format!("message {time}")),
        }
    }

    /// Entries come back byte for byte, oldest first, until they are removed or set aside; other files are passed over.
    #[test]
    fn entries_are_kept_until_removed() {
        let directory = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(&ProfileDir::new(directory.path()));
        assert!(outbox.list().unwrap().is_empty());
        let entries: Vec<_> = (1..)
            .zip(OutboxKind::ALL)
            .map(|(time, kind)| entry(time, kind))
            .collect();
        for entry in entries.iter().rev() {
            outbox.put(entry).unwrap();
        }
        std::fs::write(directory.path().join("outbox/notes.txt"), "x").unwrap();
        assert_eq!(outbox.list().unwrap(), entries);
        outbox.remove(&entries[0]).unwrap();
        outbox.set_aside(&entries[1]).unwrap();
        assert_eq!(outbox.list().unwrap(), entries[2..]);
        assert_eq!(
            std::fs::read_dir(directory.path().join("outbox/refused"))
                .unwrap()
                .count(),
            1
        );
    }
}
