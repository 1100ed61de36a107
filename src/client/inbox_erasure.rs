//! Erasing what lies in the inbox: what a delivery says, and what opens it, is gone from disk, from old copies and from backups
//! without the keys' file; its header, its proofs and its states stay, and a mark beside it says when it was erased and by what.
//!
//! The order: the marks are on stable storage; then the bucket's key is destroyed, or, if anything else of the bucket stays, replaced
//! by another under which that was encrypted anew; then the files are written without what cannot be read any more. A mark says nothing
//! while its file can still be read. Whatever ends the process, the next run goes on from what it finds.

use std::collections::BTreeMap;
use std::fmt;

use super::inbox::{Inbox, InboxName};
use super::inbox_file::{self, InboxFile};
use super::inbox_keys::LockedKeys;
use crate::domain::{AgencyId, Bucket};
use crate::files::{self, FileError};
use crate::limits;
use crate::retention::cipher;
use crate::seal::random_bytes;
use crate::time::Timestamp;

/// By what something in the inbox was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasedBy {
    /// The rule of its class: so many days after the day of its bucket.
    Rule {
        /// How many.
        days: u32,
    },
    /// Early, by order of an office.
    Order {
        /// Which.
        office: String,
    },
}

/// What was erased in the inbox, when and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedHere {
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// What it was of.
    pub bucket: Bucket,
    /// By what.
    pub by: ErasedBy,
}

impl fmt::Display for ErasedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { days } => write!(f, "the rule of {days} days"),
            Self::Order { office } => write!(f, "order of {office}"),
        }
    }
}

impl fmt::Display for ErasedHere {
    /// For people: when, what class, by what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "erased at {} by {} ({})", self.at, self.by, self.bucket)
    }
}

impl ErasedHere {
    /// `UNIX_MS BUCKET days N` or `UNIX_MS BUCKET order OFFICE`, and a line feed. Persisted.
    pub(super) fn to_line(&self) -> String {
        let by = match &self.by {
            ErasedBy::Rule { days } => format!("days {days}"),
            ErasedBy::Order { office } => format!("order {office}"),
        };
        format!("{} {} {by}\n", self.at.unix_ms(), self.bucket.number())
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_suffix('\n')?.splitn(4, ' ');
        let at = Timestamp::from_unix_ms(parts.next()?.parse().ok()?);
        let bucket = Bucket::from_number(parts.next()?.parse().ok()?)?;
        let by = match (parts.next()?, parts.next()?) {
            ("days", days) => ErasedBy::Rule {
                days: days.parse().ok()?,
            },
            ("order", office) => ErasedBy::Order {
                office: office.to_owned(),
            },
            _ => return None,
        };
        Some(Self { at, bucket, by })
    }
}

/// A file of the inbox of which what it says is kept.
#[derive(Debug, Clone)]
pub(super) struct KeptFile {
    pub(super) name: InboxName,
    pub(super) originator: Option<AgencyId>,
    pub(super) bucket: Bucket,
}

/// What goes of a bucket, and what stays.
type Parted = (Vec<(InboxName, ErasedHere)>, Vec<InboxName>);

/// What is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// An auditor holds it.
    Held,
    Goes(ErasedBy),
}

impl Inbox {
    /// When and by what it was erased here; none: it was not.
    pub fn erased(&self, name: &InboxName) -> Result<Option<ErasedHere>, FileError> {
        let Some(mark) = self.erasure_mark(name)? else {
            return Ok(None);
        };
        Ok(match self.opened(name)? {
            Some((_, Said::Nothing | Said::Unreadable)) => Some(mark),
            Some((_, Said::Something(_))) | None => None,
        })
    }

    /// What is kept with what it says.
    pub(super) fn kept(&self) -> Result<Vec<KeptFile>, FileError> {
        let mut kept = Vec::new();
        for name in self.list()?.into_keys() {
            let Some(file) = self.file(&name)? else {
                continue;
            };
            let of = inbox_file::kept(file.clear(), None, self.now());
            let bucket = match &file {
                InboxFile::Plain(delivery) => match inbox_file::split(delivery) {
                    (_, said) if said.is_empty() => continue,
                    _ => of.bucket,
                },
                InboxFile::Kept { sealed, .. } if sealed.is_empty() => continue,
                InboxFile::Kept { bucket, .. } => *bucket,
            };
            kept.push(KeptFile {
                name,
                originator: of.originator,
                bucket,
            });
        }
        Ok(kept)
    }

    /// Encrypts what earlier versions stored plain.
    pub(super) fn encrypt(&self) -> Result<(), FileError> {
        let keys = self.keys().locked()?;
        self.encrypt_plain(&keys)
    }

    /// Encrypts what earlier versions stored plain, finishes what was begun, and erases what goes.
    pub(super) fn erase(
        &self,
        fate: &dyn Fn(&KeptFile) -> Fate,
    ) -> Result<Vec<(InboxName, ErasedHere)>, FileError> {
        let keys = self.keys().locked()?;
        self.encrypt_plain(&keys)?;
        let mut buckets: BTreeMap<Bucket, Parted> = BTreeMap::new();
        for bucket in keys.keyring.renewing() {
            buckets.entry(bucket).or_default();
        }
        for file in self.kept()? {
            let (goes, stays) = buckets.entry(file.bucket).or_default();
            match self.note(&keys, &file, fate)? {
                Some(note) => goes.push((file.name, note)),
                None => stays.push(file.name),
            }
        }
        let mut erased = Vec::new();
        for (bucket, (goes, stays)) in buckets {
            let renewing = keys.keyring.renewing().contains(&bucket);
            if goes.is_empty() && !renewing {
                continue;
            }
            for (name, note) in &goes {
                files::replace(&self.erasure_file(name), note.to_line().as_bytes())?;
            }
            if stays.is_empty() && !renewing {
                keys.done(keys.keyring.destroy(bucket, 0))?;
                keys.done(keys.keyring.told(bucket))?;
            } else {
                self.encrypt_anew(&keys, bucket, &stays)?;
            }
            for (name, _) in &goes {
                self.strip(name)?;
            }
            erased.extend(goes);
        }
        Ok(erased)
    }

    /// What the mark of a file is to say, if it goes. A mark that is there already was written by a run that was cut.
    fn note(
        &self,
        keys: &LockedKeys,
        file: &KeptFile,
        fate: &dyn Fn(&KeptFile) -> Fate,
    ) -> Result<Option<ErasedHere>, FileError> {
        let begun = self.erasure_mark(&file.name)?;
        let readable = match self.file(&file.name)? {
            Some(stored) => {
                let said = Self::said(&stored, &keys.keyring.keys(file.bucket));
                matches!(said, Said::Something(_))
            }
            None => false,
        };
        if !readable {
            // Gone already, and told below; or lost with its key, of which nobody said that it was to go.
            return Ok(begun);
        }
        let by = match (fate(file), begun) {
            (Fate::Goes(by), _) | (Fate::Stays, Some(ErasedHere { by, .. })) => by,
            (Fate::Stays, None) => return Ok(None),
            (Fate::Held, begun) => {
                if begun.is_some() {
                    files::remove(&self.erasure_file(&file.name))?;
                }
                return Ok(None);
            }
        };
        let (at, bucket) = (self.now(), file.bucket);
        Ok(Some(ErasedHere { at, bucket, by }))
    }

    /// What stays of a bucket is encrypted under another key, and then the one before is destroyed.
    fn encrypt_anew(&self, keys: &LockedKeys, bucket: Bucket, stays: &[InboxName]) -> Result<(), FileError> {
        let new = keys.done(keys.keyring.renew(bucket))?;
        for name in stays {
            let Some(InboxFile::Kept { clear, sealed, .. }) = self.file(name)? else {
                continue;
            };
            let item = inbox_file::item(bucket);
            let done = cipher::open(&new, item, &sealed).is_ok();
            let mut olds = keys.keyring.keys(bucket).into_iter();
            let said = olds.find_map(|key| cipher::open(&key, item, &sealed).ok());
            // What no key opens is lost already; it stays as it lies.
            let Some(said) = said.filter(|_| !done) else {
                continue;
            };
            let path = self.stored_file(name);
            let seed = random_bytes().map_err(|error| files::at(&path)(std::io::Error::other(error)))?;
            let sealed = cipher::seal(&new, seed, item, said);
            let sealed = sealed.map_err(|error| files::at(&path)(std::io::Error::other(error)))?;
            files::replace(&path, &inbox_file::encode(bucket, &clear, &sealed))?;
        }
        keys.done(keys.keyring.renewed(bucket))
    }

    /// A file without what cannot be read any more.
    pub(super) fn strip(&self, name: &InboxName) -> Result<(), FileError> {
        match self.file(name)? {
            Some(InboxFile::Kept { bucket, clear, .. }) => {
                files::replace(&self.stored_file(name), &inbox_file::encode(bucket, &clear, b""))
            }
            Some(InboxFile::Plain(_)) | None => Ok(()),
        }
    }

    /// What earlier versions stored plain is encrypted, and overwritten where it lay.
    fn encrypt_plain(&self, keys: &LockedKeys) -> Result<(), FileError> {
        for name in self.list()?.into_keys() {
            let Some(InboxFile::Plain(delivery)) = self.file(&name)? else {
                continue;
            };
            let of = inbox_file::kept(&delivery, None, self.now());
            let bytes = self.encrypted(keys, &name, of.bucket, &delivery)?;
            files::wiping::replace_in_place(&self.stored_file(&name), &bytes)?;
        }
        Ok(())
    }

    fn erasure_mark(&self, name: &InboxName) -> Result<Option<ErasedHere>, FileError> {
        let path = self.erasure_file(name);
        let Some(bytes) = files::read(&path, limits::ERASURE_MARK_BYTES_MAX)? else {
            return Ok(None);
        };
        let mark = std::str::from_utf8(&bytes).ok().and_then(ErasedHere::parse);
        let damaged =
            || std::io::Error::new(std::io::ErrorKind::InvalidData, "it does not say what was erased");
        mark.map(Some).ok_or_else(|| files::at(&path)(damaged()))
    }
}

/// What a file of the inbox says.
#[derive(Debug)]
pub(super) enum Said {
    Something(Vec<u8>),
    /// It came without, or it is erased.
    Nothing,
    /// No key opens it.
    Unreadable,
}
