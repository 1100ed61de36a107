//! The inbox: every warning that was delivered, its header for ever, and how far this system is with it. A warning is stored before
//! its handler runs, and its handler has succeeded before `RECEIVED` is signed; both outlast a power cut.
//!
//! A file's name says all that a lookup needs: `ID_DIGEST_DESK_NUMBER.warning` (the desk's `/` written as `+`), and beside
//! it `.shown` once a session that only looks on has shown it, `.handled` once a handler succeeded, and `.received` once
//! `RECEIVED` is on the record. `.answered` stands apart from these: an officer's answer is on the record, as far as this
//! profile has verified. `DIGEST_DESK_INDEX.elsewhere` is no delivery: that warning never came here, and is proven to have come to
//! another machine of the desk; its `ROUTED` record is at INDEX. What a delivery says lies encrypted (`inbox_file`), until it is erased: then
//! `.erased` says when and by what (`inbox_erasure`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::inbox_erasure::Said;
use super::inbox_file::{self, InboxFile};
use super::inbox_keys::{InboxKeys, LockedKeys};
use super::inbox_state::InboxState;
use super::profile::ProfileDir;
use crate::domain::{Bucket, DeskAddress, Digest, PayloadId};
use crate::files::{self, FileError};
use crate::limits;
use crate::retention::{BucketKey, cipher};
use crate::seal::random_bytes;
use crate::time::{Clock, SystemClock, Timestamp};

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

/// A profile's inbox.
#[derive(Clone)]
pub struct Inbox {
    directory: PathBuf,
    keys: Arc<InboxKeys>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Inbox").field(&self.directory).finish()
    }
}

impl Inbox {
    /// The inbox of a profile.
    pub fn of(profile: &ProfileDir) -> Self {
        Self {
            directory: profile.inbox(),
            keys: Arc::new(InboxKeys::of(profile)),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same with another clock, which says when something came and when it was erased.
    #[must_use]
    pub fn timed_by(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Stores a delivery (the message as it came) durably, what it says encrypted; one that is there already stays as it is.
    pub(crate) fn store(&self, name: &InboxName, delivery: &[u8]) -> Result<(), FileError> {
        let path = self.path(name, InboxState::Stored);
        if path.exists() {
            return Ok(());
        }
        let keys = self.keys.locked()?;
        if path.exists() {
            return Ok(());
        }
        let (clear, _) = inbox_file::split(delivery);
        let of = inbox_file::kept(&clear, Some(self.now()), self.now());
        let bytes = self.encrypted(&keys, name, of.bucket, delivery)?;
        files::replace(&path, &bytes)
    }

    /// The file of a delivery.
    pub(super) fn encrypted(
        &self,
        keys: &LockedKeys,
        name: &InboxName,
        bucket: Bucket,
        delivery: &[u8],
    ) -> Result<Vec<u8>, FileError> {
        let (clear, said) = inbox_file::split(delivery);
        if said.is_empty() {
            return Ok(inbox_file::encode(bucket, &clear, b""));
        }
        let key = keys.done(keys.keyring.ensure(bucket))?;
        let path = self.path(name, InboxState::Stored);
        let seed = random_bytes().map_err(|error| files::at(&path)(std::io::Error::other(error)))?;
        let sealed = cipher::seal(&key, seed, inbox_file::item(bucket), said);
        let sealed = sealed.map_err(|error| files::at(&path)(std::io::Error::other(error)))?;
        Ok(inbox_file::encode(bucket, &clear, &sealed))
    }

    /// It is in this state now. All but `Received` outlast a power cut: that one the relay knows too, and does not deliver
    /// the warning again.
    pub(crate) fn mark(&self, name: &InboxName, state: InboxState) -> Result<(), FileError> {
        let path = self.path(name, state);
        match state {
            InboxState::Stored => Ok(()),
            InboxState::Shown | InboxState::Handled => files::replace(&path, b""),
            InboxState::Received => std::fs::write(&path, b"").map_err(files::at(&path)),
        }
    }

    /// How far this system is with a delivery; `None`: it never came.
    pub fn state(&self, name: &InboxName) -> Option<InboxState> {
        STATES
            .into_iter()
            .rev()
            .find(|state| self.path(name, *state).exists())
    }

    /// Everything that was ever delivered, in the order of signing, without reading it.
    pub fn list(&self) -> Result<BTreeMap<InboxName, InboxState>, FileError> {
        let mut all = BTreeMap::new();
        for file in files::names(&self.directory)? {
            let Some((name, state)) = parse_name(&file) else {
                continue;
            };
            let known = all.entry(name).or_insert(state);
            *known = (*known).max(state);
        }
        Ok(all)
    }

    /// The desk's answer is on the record. Not synced: it is found out again.
    pub(crate) fn mark_answered(&self, name: &InboxName) -> Result<(), FileError> {
        let path = self.stem(name, ANSWERED);
        std::fs::write(&path, b"").map_err(files::at(&path))
    }

    /// This warning, whose `ROUTED` record is at `routed`, is proven to have come to another machine of the desk. Not synced: it
    /// is found out again.
    pub(crate) fn mark_elsewhere(
        &self,
        digest: &Digest,
        desk: &DeskAddress,
        routed: u64,
    ) -> Result<(), FileError> {
        files::create_directory(&self.directory)?;
        let desk = desk.to_string().replace('/', "+");
        let path = self
            .directory
            .join(format!("{digest}_{desk}_{routed}{ELSEWHERE}"));
        std::fs::write(&path, b"").map_err(files::at(&path))
    }

    /// What is proven to have come to another machine of the desk, and where its `ROUTED` record is.
    pub(crate) fn elsewhere(&self, desk: &DeskAddress) -> Result<BTreeMap<Digest, u64>, FileError> {
        let names = files::names(&self.directory)?;
        let of_desk = |file: &String| {
            let mut parts = file.strip_suffix(ELSEWHERE)?.split('_');
            let digest = parts.next()?.parse().ok()?;
            let of: DeskAddress = parts.next()?.replace('+', "/").parse().ok()?;
            let routed = parts.next()?.parse().ok()?;
            (of == *desk && parts.next().is_none()).then_some((digest, routed))
        };
        Ok(names.iter().filter_map(of_desk).collect())
    }

    /// A desk's deliveries of which no answer is known here, in the order of signing.
    pub fn unanswered(&self, desk: &DeskAddress) -> Result<Vec<InboxName>, FileError> {
        let files = files::names(&self.directory)?;
        let answered: BTreeSet<&str> = files
            .iter()
            .filter_map(|file| file.strip_suffix(ANSWERED))
            .collect();
        let of_desk: BTreeSet<InboxName> = files
            .iter()
            .filter(|file| {
                !file
                    .rsplit_once('.')
                    .is_some_and(|(stem, _)| answered.contains(stem))
            })
            .filter_map(|file| Some(parse_name(file)?.0))
            .filter(|name| name.desk == *desk)
            .collect();
        Ok(of_desk.into_iter().collect())
    }

    /// The delivery as it came; once it is [`erased`](Self::erased), or lost, without body and wrap. `None`: it never came.
    pub fn read(&self, name: &InboxName) -> Result<Option<Bytes>, FileError> {
        let Some((file, said)) = self.opened(name)? else {
            return Ok(None);
        };
        Ok(Some(match (file, said) {
            (InboxFile::Plain(delivery), _) => delivery,
            (InboxFile::Kept { clear, .. }, Said::Something(said)) => inbox_file::join(&clear, said),
            (InboxFile::Kept { clear, .. }, Said::Nothing) => clear,
            (InboxFile::Kept { clear, .. }, Said::Unreadable) => {
                // Erased; or lost with its key, in the place of which the bucket may have another by now; or altered. What is
                // left proves itself, and one file keeps nobody from the others.
                if !self.erasure_file(name).exists() {
                    let file = self.stored_file(name);
                    tracing::error!(
                        file = %file.display(),
                        "what a delivery says opens under no key of its bucket: its key is lost, or it was altered, or moved"
                    );
                }
                clear
            }
        }))
    }

    /// The file of a delivery and what it says; `None`: it never came.
    pub(super) fn opened(&self, name: &InboxName) -> Result<Option<(InboxFile, Said)>, FileError> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        let said = match &file {
            InboxFile::Kept { bucket, sealed, .. } if !sealed.is_empty() => {
                Self::said(&file, &self.keys.keys(*bucket)?)
            }
            InboxFile::Plain(_) | InboxFile::Kept { .. } => Self::said(&file, &[]),
        };
        let (Said::Unreadable, InboxFile::Kept { bucket, .. }) = (&said, &file) else {
            return Ok(Some((file, said)));
        };
        // It may have been encrypted anew since it was read.
        let keys = self.keys.locked()?.keyring.keys(*bucket);
        let file = self.file(name)?;
        Ok(file.map(|file| {
            let said = Self::said(&file, &keys);
            (file, said)
        }))
    }

    /// What a file says, if one of these keys opens it.
    pub(super) fn said(file: &InboxFile, keys: &[BucketKey]) -> Said {
        match file {
            InboxFile::Plain(delivery) => match inbox_file::split(delivery).1 {
                said if said.is_empty() => Said::Nothing,
                said => Said::Something(said),
            },
            InboxFile::Kept { sealed, .. } if sealed.is_empty() => Said::Nothing,
            InboxFile::Kept { bucket, sealed, .. } => {
                let item = inbox_file::item(*bucket);
                let said = keys.iter().find_map(|key| cipher::open(key, item, sealed).ok());
                said.map_or(Said::Unreadable, Said::Something)
            }
        }
    }

    /// The file of a delivery as it lies; `None`: it never came.
    pub(super) fn file(&self, name: &InboxName) -> Result<Option<InboxFile>, FileError> {
        let path = self.path(name, InboxState::Stored);
        let bytes = files::read(&path, limits::GRPC_MESSAGE_BYTES_MAX + inbox_file::OVERHEAD_BYTES)?;
        let file = bytes.map(|bytes| InboxFile::parse(bytes.into())).transpose();
        file.map_err(|error| self.damaged(name, &error.to_string()))
    }

    fn damaged(&self, name: &InboxName, what: &str) -> FileError {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
        files::at(&self.path(name, InboxState::Stored))(error)
    }

    pub(super) fn keys(&self) -> &InboxKeys {
        &self.keys
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn stored_file(&self, name: &InboxName) -> PathBuf {
        self.path(name, InboxState::Stored)
    }

    pub(super) fn erasure_file(&self, name: &InboxName) -> PathBuf {
        self.stem(name, ERASED)
    }

    fn path(&self, name: &InboxName, state: InboxState) -> PathBuf {
        self.stem(name, suffix(state))
    }

    fn stem(&self, name: &InboxName, suffix: &str) -> PathBuf {
        let desk = name.desk.to_string().replace('/', "+");
        self.directory.join(format!(
            "{}_{}_{desk}_{}{suffix}",
            name.id, name.digest, name.number
        ))
    }
}

const ANSWERED: &str = ".answered";
const ELSEWHERE: &str = ".elsewhere";
const ERASED: &str = ".erased";

/// From the first to the last.
const STATES: [InboxState; 4] = [
    InboxState::Stored,
    InboxState::Shown,
    InboxState::Handled,
    InboxState::Received,
];

/// The end of the file's name that says so; never change one.
const fn suffix(state: InboxState) -> &'static str {
    match state {
        InboxState::Stored => ".warning",
        InboxState::Shown => ".shown",
        InboxState::Handled => ".handled",
        InboxState::Received => ".received",
    }
}

fn parse_name(file: &str) -> Option<(InboxName, InboxState)> {
    let (stem, state) = STATES
        .into_iter()
        .find_map(|state| Some((file.strip_suffix(suffix(state))?, state)))?;
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
        inbox.mark(&first, InboxState::Handled).unwrap();
        inbox.mark(&first, InboxState::Received).unwrap();
        inbox.mark(&second, InboxState::Shown).unwrap();
        let all: Vec<_> = inbox.list().unwrap().into_iter().collect();
        assert_eq!(all, [(first, InboxState::Received), (second, InboxState::Shown)]);
    }

    /// What came to another machine is remembered for its desk, and is no delivery.
    #[test]
    fn what_came_elsewhere_is_remembered_by_desk() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(&ProfileDir::new(directory.path()));
        let [duty, aviation]: [DeskAddress; 2] =
            ["be.ctc", "be.ctc/aviation"].map(|desk| desk.parse().unwrap());
        assert!(inbox.elsewhere(&duty).unwrap().is_empty());
        inbox.mark_elsewhere(&Digest([1; 32]), &duty, 7).unwrap();
        inbox.mark_elsewhere(&Digest([1; 32]), &duty, 7).unwrap();
        inbox.mark_elsewhere(&Digest([2; 32]), &aviation, 9).unwrap();
        assert_eq!(inbox.elsewhere(&duty).unwrap(), [(Digest([1; 32]), 7)].into());
        assert_eq!(inbox.elsewhere(&aviation).unwrap(), [(Digest([2; 32]), 9)].into());
        assert!(inbox.list().unwrap().is_empty() && inbox.unanswered(&duty).unwrap().is_empty());
    }

    /// What has no answer is listed for its desk, whatever else is known of it.
    #[test]
    fn the_unanswered_are_listed_by_desk() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = Inbox::of(&ProfileDir::new(directory.path()));
        let all = [
            name("be.ctc", 1),
            name("be.ctc/aviation", 2),
            name("be.ctc", 3),
            name("be.ctc", 4),
        ];
        for name in &all {
            inbox.store(name, b"as it came").unwrap();
        }
        inbox.mark(&all[2], InboxState::Received).unwrap();
        inbox.mark_answered(&all[0]).unwrap();
        let [_, aviation, third, fourth] = all;
        assert_eq!(inbox.unanswered(&third.desk).unwrap(), [third, fourth]);
        assert_eq!(inbox.unanswered(&aviation.desk).unwrap(), [aviation]);
    }
}
