//! The inbox: every warning that was delivered, for ever, and how far this system is with it. A warning is stored before
//! its handler runs, and its handler has succeeded before `RECEIVED` is signed; both outlast a power cut.
//!
//! A file's name says all that a lookup needs: `ID_DIGEST_DESK_NUMBER.warning` (the desk's `/` written as `+`), and beside
//! it `.handled` once the handler succeeded and `.received` once `RECEIVED` is on the record.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;

use super::files::{self, FileError};
use super::profile::ProfileDir;
use crate::domain::{DeskAddress, Digest, PayloadId};
use crate::limits;

/// Names one delivery: a warning to one desk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxName {
    /// The originator's id.
    pub id: PayloadId,
    /// The warning.
    pub digest: Digest,
    /// The desk.
    pub desk: DeskAddress,
    /// The desk's inbox number.
    pub number: u64,
}

/// How far this system is with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InboxState {
    /// Stored; its handler has not succeeded yet.
    Stored,
    /// Its handler has succeeded.
    Handled,
    /// `RECEIVED` was signed and its receipt verified.
    Received,
}

/// A profile's inbox.
#[derive(Debug, Clone)]
pub struct Inbox(PathBuf);

impl Inbox {
    /// The inbox of a profile.
    pub fn of(profile: &ProfileDir) -> Self {
        Self(profile.inbox())
    }

    /// Stores a delivery (the message as it came) durably; one that is there already stays as it is.
    pub(crate) fn store(&self, name: &InboxName, delivery: &[u8]) -> Result<(), FileError> {
        files::create_directory(&self.0)?;
        let path = self.path(name, WARNING);
        if path.exists() {
            return Ok(());
        }
        files::replace(&path, delivery)
    }

    /// Its handler has succeeded.
    pub(crate) fn mark_handled(&self, name: &InboxName) -> Result<(), FileError> {
        files::replace(&self.path(name, HANDLED), b"")
    }

    /// `RECEIVED` is recorded. Not synced: the relay knows it too, and does not deliver it again.
    pub(crate) fn mark_received(&self, name: &InboxName) -> Result<(), FileError> {
        let path = self.path(name, RECEIVED);
        std::fs::write(&path, b"").map_err(files::at(&path))
    }

    /// How far this system is with a delivery; `None`: it never came.
    pub fn state(&self, name: &InboxName) -> Option<InboxState> {
        if self.path(name, RECEIVED).exists() {
            Some(InboxState::Received)
        } else if self.path(name, HANDLED).exists() {
            Some(InboxState::Handled)
        } else {
            self.path(name, WARNING).exists().then_some(InboxState::Stored)
        }
    }

    /// Everything that was ever delivered, in the order of signing, without reading it.
    pub fn list(&self) -> Result<BTreeMap<InboxName, InboxState>, FileError> {
        let mut all = BTreeMap::new();
        for file in files::names(&self.0)? {
            let Some((name, state)) = parse_name(&file) else {
                continue;
            };
            let known = all.entry(name).or_insert(state);
            *known = (*known).max(state);
        }
        Ok(all)
    }

    /// The delivery as it came; `None`: it never did.
    pub fn read(&self, name: &InboxName) -> Result<Option<Bytes>, FileError> {
        let bytes = files::read(&self.path(name, WARNING), limits::GRPC_MESSAGE_BYTES_MAX)?;
        Ok(bytes.map(Bytes::from))
    }

    fn path(&self, name: &InboxName, suffix: &str) -> PathBuf {
        let desk = name.desk.to_string().replace('/', "+");
        self.0.join(format!(
            "{}_{}_{desk}_{}{suffix}",
            name.id, name.digest, name.number
        ))
    }
}

const WARNING: &str = ".warning";
const HANDLED: &str = ".handled";
const RECEIVED: &str = ".received";

fn parse_name(file: &str) -> Option<(InboxName, InboxState)> {
    let (stem, state) = [
        (WARNING, InboxState::Stored),
        (HANDLED, InboxState::Handled),
        (RECEIVED, InboxState::Received),
    ]
    .into_iter()
    .find_map(|(suffix, state)| Some((file.strip_suffix(suffix)?, state)))?;
    let mut parts = stem.split('_');
    let name = InboxName {
        id: parts.next()?.parse().ok()?,
        digest: parts.next()?.parse().ok()?,
        desk: parts.next()?.replace('+', "/").parse().ok()?,
        number: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some((name, state))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(desk: &str, number: u64) -> InboxName {
        InboxName {
            id: PayloadId::from_parts(1_700_000_000_000 + number, [1; 10]),
            digest: Digest([7; 32]),
            desk: desk.parse().unwrap(),
            number,
        }
    }

    /// A delivery is stored once, and moves on only forwards; names lead back to what they name.
    #[test]
    fn a_delivery_is_kept_with_its_state() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(&ProfileDir::new(directory.path()));
        let (first, second) = (name("be.ctc/aviation", 1), name("be.ctc", 2));
        assert_eq!(inbox.state(&first), None);
        inbox.store(&first, b"as it came").unwrap();
        inbox.store(&first, b"again").unwrap();
        inbox.store(&second, b"another").unwrap();
        assert_eq!(inbox.read(&first).unwrap().unwrap(), "as it came");
        assert_eq!(inbox.state(&first), Some(InboxState::Stored));
        inbox.mark_handled(&first).unwrap();
        inbox.mark_received(&first).unwrap();
        inbox.mark_handled(&second).unwrap();
        let all: Vec<_> = inbox.list().unwrap().into_iter().collect();
        assert_eq!(
            all,
            [(first, InboxState::Received), (second, InboxState::Handled)]
        );
    }
}
