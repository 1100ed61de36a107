//! The outbox: what was signed and has no verified receipt yet. An entry is on stable storage before it is sent, a retry
//! sends its very bytes, and only a verified receipt (of acceptance or of refusal) or a person removes it.
//!
//! An entry is a file `ID.KIND`. Beside it, `ID.KIND.refused` is what the relay said against it without a proof; what a person
//! has given up lies in `dropped/`. `ID.KIND.sealed` names the keys that it is sealed to.

use std::path::PathBuf;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::profile::ProfileDir;
use crate::domain::{KeyId, PayloadId};
use crate::error::ErrorCode;
use crate::files::{self, FileError};
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
    /// A `PlaceHoldRequest`.
    Hold,
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
    pub const ALL: [Self; 11] = [
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
        Self::Hold,
    ];

    /// The name of it, in file names and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Acknowledgement => "acknowledgement",
            Self::Key => "key",
            Self::Desks => "desks",
            Self::Mandate => "mandate",
            Self::Hold => "hold",
            Self::StateEnrolment => "state-enrolment",
            Self::AgencyEnrolment => "agency-enrolment",
            Self::Suspension => "suspension",
            Self::Reinstatement => "reinstatement",
            Self::OperatorKey => "operator-key",
        }
    }

    /// Whether it is sent again, unasked, after a refusal that nothing proves. Not a change of the directory: such a refusal
    /// never has a record, and a suspension that was refused long ago must not be repeated by the way.
    pub const fn outlasts_refusal(self) -> bool {
        match self {
            Self::Warning | Self::Acknowledgement => true,
            Self::Key
            | Self::Desks
            | Self::Mandate
            | Self::Hold
            | Self::StateEnrolment
            | Self::AgencyEnrolment
            | Self::Suspension
            | Self::Reinstatement
            | Self::OperatorKey => false,
        }
    }
}

/// What the relay said against an entry, and did not prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// Why.
    pub code: ErrorCode,
    /// The same in words.
    pub sentence: String,
}

/// The same, as its file holds it.
#[derive(Serialize, Deserialize)]
struct UnprovenFile {
    code: String,
    sentence: String,
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

    /// Whether an entry is still there.
    pub fn holds(&self, entry: &OutboxEntry) -> bool {
        self.path(entry.id, entry.kind).exists()
    }

    /// What the relay last said against an entry; `None`: nothing, so it only waits.
    pub fn refusal(&self, entry: &OutboxEntry) -> Result<Option<Unproven>, FileError> {
        let bytes = files::read(&self.refusal_path(entry), limits::OUTBOX_REFUSAL_BYTES_MAX)?;
        // One that cannot be read says nothing: the entry waits.
        let file: Option<UnprovenFile> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(file.and_then(|file| {
            Some(Unproven {
                code: ErrorCode::from_name(&file.code)?,
                sentence: file.sentence,
            })
        }))
    }

    /// Keeps what the relay said against an entry. The entry stays.
    pub(crate) fn note_refusal(&self, entry: &OutboxEntry, refusal: &Unproven) -> Result<(), FileError> {
        let file = UnprovenFile {
            code: refusal.code.name().to_owned(),
            sentence: refusal.sentence.clone(),
        };
        // Two strings: there is nothing in it that JSON cannot say.
        let text = serde_json::to_string(&file).unwrap_or_default();
        files::replace(&self.refusal_path(entry), text.as_bytes())
    }

    /// Keeps which keys an entry is sealed to.
    pub(crate) fn note_sealed_to(&self, entry: &OutboxEntry, keys: &[KeyId]) -> Result<(), FileError> {
        let lines: Vec<String> = keys.iter().map(ToString::to_string).collect();
        files::replace(&self.sealed_path(entry), lines.join("\n").as_bytes())
    }

    /// The same; none that is not known.
    pub(crate) fn sealed_to(&self, entry: &OutboxEntry) -> Result<Vec<KeyId>, FileError> {
        let bytes = files::read(&self.sealed_path(entry), limits::OUTBOX_SEALED_BYTES_MAX)?;
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Removes an entry, whose receipt was verified.
    pub(crate) fn remove(&self, entry: &OutboxEntry) -> Result<(), FileError> {
        files::remove(&self.path(entry.id, entry.kind))?;
        files::remove(&self.sealed_path(entry))?;
        files::remove(&self.refusal_path(entry))
    }

    /// Gives an entry up, because a person says so: it is never sent again, and its bytes lie in `dropped/`, at the path that
    /// this gives.
    pub fn drop_entry(&self, entry: &OutboxEntry) -> Result<PathBuf, FileError> {
        let dropped = self.0.join("dropped");
        files::create_directory(&dropped)?;
        let path = dropped.join(file_name(entry.id, entry.kind));
        files::replace(&path, &entry.message)?;
        self.remove(entry)?;
        Ok(path)
    }

    fn sealed_path(&self, entry: &OutboxEntry) -> PathBuf {
        self.0.join(format!("{}.sealed", file_name(entry.id, entry.kind)))
    }

    fn refusal_path(&self, entry: &OutboxEntry) -> PathBuf {
        self.0
            .join(format!("{}.refused", file_name(entry.id, entry.kind)))
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

    /// Entries come back byte for byte, oldest first, until they are removed or given up; other files are passed over.
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
        let dropped = outbox.drop_entry(&entries[1]).unwrap();
        assert_eq!(outbox.list().unwrap(), entries[2..]);
        assert_eq!(std::fs::read(dropped).unwrap(), entries[1].message);
    }

    /// What the relay said stays beside an entry, which stays where it is; both go together.
    #[test]
    fn an_unproven_refusal_is_kept_beside_its_entry() {
        let directory = tempfile::tempdir().unwrap();
        let outbox = Outbox::of(&ProfileDir::new(directory.path()));
        let entry = entry(1, OutboxKind::Warning);
        outbox.put(&entry).unwrap();
        assert_eq!(outbox.refusal(&entry).unwrap(), None);
        let refusal = Unproven {
            code: ErrorCode::RevokedKey,
            sentence: "the key is revoked".to_owned(),
        };
        outbox.note_refusal(&entry, &refusal).unwrap();
        assert_eq!(outbox.refusal(&entry).unwrap(), Some(refusal));
        assert_eq!(outbox.list().unwrap(), std::slice::from_ref(&entry));
        outbox.remove(&entry).unwrap();
        assert!(!outbox.holds(&entry) && outbox.refusal(&entry).unwrap().is_none());
    }
}
