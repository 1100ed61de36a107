//! A witness's directory: its key, which logs it witnesses, what it cosigned last of each, and evidence.
//!
//! | file | what it holds |
//! |---|---|
//! | `key.pem` | the secret key, 0600 |
//! | `witness` | the witness's verifier key and the logs' |
//! | `logs/HASH` | of the log whose origin has this SHA-256: its verifier key, and `none`, the last cosigned note or `lost` |
//! | `evidence/` | what contradicts what a log signed before |
//! | `lock` | held by the one process that uses the directory |
//!
//! A log of `witness` without its file in `logs`, or whose file says `lost`, is not one that was never cosigned: its state
//! was lost, and it is not served. The other logs of the directory are; if there is none, the directory is refused.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::error;

use super::cosign::{Store, Watched, Witness};
use super::evidence::Kept;
use super::format::{Conf, Stored, parse_state, repeated, state_bytes};
use super::log::LogState;
use crate::domain::Origin;
use crate::files::{self, FileError, Lock};
use crate::limits::{WITNESS_CONF_BYTES_MAX, WITNESS_LOGS_MAX, WITNESS_STATE_BYTES_MAX};
use crate::seal::{KeyFileError, RandomError, SecretKey};
use crate::time::{Clock, Timestamp};
use crate::transparency::{
    CosignedCheckpoint, InvalidNote, LogVerifier, Policy, SignedCheckpoint, WitnessKey, WitnessName,
    WitnessVerifier, origin_hash,
};

/// Why no witness was begun, or no log added.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// There is one already.
    #[error("{0} holds a witness's key already, and a key is never overwritten")]
    Exists(PathBuf),
    /// Two keys for one origin.
    #[error("the log {0} is given twice, or known already; an origin has one key")]
    SameLog(Origin),
    /// Too many.
    #[error("a witness has at most {WITNESS_LOGS_MAX} logs")]
    TooManyLogs,
    /// The state of the log was lost, and only its last cosigned checkpoint brings it back.
    #[error(
        "what was cosigned last of {0} is lost: give the last checkpoint that this witness can have cosigned, or all that follows may \
         contradict it"
    )]
    NeedsLast(Origin),
    /// The checkpoint that is given as the last is none of that log.
    #[error("the checkpoint given for {0} is not one of it: {1}")]
    Last(Origin, #[source] InvalidNote),
    /// The checkpoint that is given as the last is older than what this witness is known to have cosigned.
    #[error(
        "the checkpoint given for {log} has size {given}, and this witness has cosigned size {known}: give the newest that it can have \
         cosigned, which is at least that one, or all that follows may contradict it"
    )]
    LastOlder {
        /// Of which log.
        log: Origin,
        /// The size that is given.
        given: u64,
        /// The size that its lost state names.
        known: u64,
    },
    /// The checkpoint that is given as the last is another tree than the one that this witness is known to have cosigned.
    #[error(
        "the checkpoint given for {log} is of another tree of size {size} than the one that this witness has cosigned: the log has two \
         histories, and this witness stays with the first"
    )]
    LastOther {
        /// Of which log.
        log: Origin,
        /// Their size.
        size: u64,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The key's file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The directory holds no sound witness.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why a directory is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses it.
    #[error("another witness runs on {0}")]
    InUse(PathBuf),
    /// There is none.
    #[error("{0} is no witness's directory: wardline witness init")]
    NoWitness(PathBuf),
    /// The file that says whose it is says nothing sound.
    #[error("{path}: line {line} is not what a witness writes", path = .0.display(), line = .1)]
    Malformed(PathBuf, usize),
    /// The key is another one than the directory was made with.
    #[error("{0} is not the key of this witness")]
    OtherKey(PathBuf),
    /// What was cosigned last of a log is not there, or was found to be an old copy.
    #[error(
        "what was cosigned last of {0} is lost ({1} is missing, or says so); nothing is cosigned until a person says what it was"
    )]
    Lost(Origin, PathBuf),
    /// What was cosigned last of a log cannot be believed.
    #[error(
        "what was cosigned last of {0} is broken ({1}); nothing is cosigned until a person says what it was"
    )]
    Broken(Origin, PathBuf),
    /// The key's file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Another file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A witness that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// What others verify its cosignatures by.
    pub verifier: WitnessVerifier,
    /// The logs that it witnesses.
    pub logs: Vec<Origin>,
}

/// A log to be witnessed.
#[derive(Debug, Clone)]
pub struct NewLog {
    /// Its key.
    pub log: LogVerifier,
    /// A checkpoint of it to begin from instead of nothing: what this witness can have cosigned last, if it lost that.
    pub last: Option<String>,
}

/// Begins a witness: makes its key and its directory.
pub fn begin(directory: &Path, name: WitnessName, logs: Vec<LogVerifier>) -> Result<Begun, BeginError> {
    let places = Places(directory.to_owned());
    refuse_same(&logs)?;
    files::create_directory(directory)?;
    let _lock = places.lock()?;
    if places.key().exists() || places.conf().exists() {
        return Err(BeginError::Exists(directory.to_owned()));
    }
    let secret = SecretKey::generate()?;
    let verifier = WitnessVerifier::new(name, secret.public_key());
    secret.write_to(&places.key())?;
    files::create_directory(&places.logs())?;
    files::create_directory(&places.evidence())?;
    for log in &logs {
        files::replace(&places.state(log.origin()), &state_bytes(log, None))?;
    }
    // Last: a directory without it is no witness's.
    let origins = logs.iter().map(|log| log.origin().clone()).collect();
    let conf = Conf {
        verifier: verifier.clone(),
        logs,
    };
    files::replace(&places.conf(), conf.to_text().as_bytes())?;
    Ok(Begun {
        verifier,
        logs: origins,
    })
}

/// Adds a log to a witness that does not run, or says what it cosigned last of a log whose state was lost.
pub fn add_log(directory: &Path, new: &NewLog, clock: &dyn Clock) -> Result<Begun, BeginError> {
    let places = Places(directory.to_owned());
    if !places.conf().exists() {
        return Err(OpenError::NoWitness(directory.to_owned()).into());
    }
    let _lock = places.lock()?;
    let mut conf = places.read_conf()?;
    let key = places.read_key(&conf)?;
    let origin = new.log.origin();
    let known = conf.logs.iter().find(|log| log.origin() == origin);
    if known.is_some_and(|known| *known != new.log) {
        return Err(BeginError::SameLog(origin.clone()));
    }
    let is_lost = known.is_some();
    let mut newest_known = None;
    if is_lost {
        newest_known = match places.read_stored(&conf, &new.log) {
            Ok(Stored::Lost(newest)) => newest,
            Err(OpenError::Lost(..) | OpenError::Broken(..)) => None,
            Err(error) => return Err(error.into()),
            Ok(Stored::Last(_)) => return Err(BeginError::SameLog(origin.clone())),
        };
    }
    let note = match &new.last {
        None if is_lost => return Err(BeginError::NeedsLast(origin.clone())),
        None => None,
        Some(last) => {
            let bad = |error| BeginError::Last(origin.clone(), error);
            let signed = new.log.open_bare(last).map_err(bad)?;
            if let Some(known) = &newest_known {
                refuse_older(origin, &signed, known.signed())?;
            }
            let policy = Policy::of_one(new.log.clone(), conf.verifier.clone());
            // Never before what this witness itself has said of it: it would deny its own word, and be shown it as a later one.
            let given = policy.open(last).ok();
            let said = [newest_known.as_ref(), given.as_ref()];
            let said = said
                .into_iter()
                .flatten()
                .flat_map(CosignedCheckpoint::cosignatures);
            let time = said.map(|said| said.time).fold(clock.now(), Timestamp::max);
            let line = key.cosign(signed.checkpoint(), time);
            let opened = policy.open_signed(signed).map_err(bad)?;
            Some(opened.merged(&line).map_err(bad)?.note().to_owned())
        }
    };
    files::create_directory(&places.logs())?;
    files::replace(&places.state(origin), &state_bytes(&new.log, note.as_deref()))?;
    if !is_lost {
        conf.logs.push(new.log.clone());
        refuse_same(&conf.logs)?;
        files::replace(&places.conf(), conf.to_text().as_bytes())?;
    }
    Ok(Begun {
        verifier: conf.verifier,
        logs: conf.logs.iter().map(|log| log.origin().clone()).collect(),
    })
}

/// From an older checkpoint, or another tree, a witness could contradict its own word.
fn refuse_older(log: &Origin, given: &SignedCheckpoint, known: &SignedCheckpoint) -> Result<(), BeginError> {
    let log = log.clone();
    match given.size().cmp(&known.size()) {
        Ordering::Less => Err(BeginError::LastOlder {
            log,
            given: given.size(),
            known: known.size(),
        }),
        Ordering::Equal if given.root() != known.root() => Err(BeginError::LastOther {
            log,
            size: known.size(),
        }),
        Ordering::Equal | Ordering::Greater => Ok(()),
    }
}

fn refuse_same(logs: &[LogVerifier]) -> Result<(), BeginError> {
    match repeated(logs) {
        Some(log) => Err(BeginError::SameLog(log.origin().clone())),
        None if logs.len() > WITNESS_LOGS_MAX => Err(BeginError::TooManyLogs),
        None => Ok(()),
    }
}

impl Witness {
    /// Opens a directory, for this process alone. Every state is checked by the log's and this witness's own signature,
    /// and is on stable storage before anything is said by it. A log whose state was lost or is broken is refused by itself
    /// ([`Witness::not_served`]); an error if that is all of them.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let places = Places(directory.to_owned());
        if !places.conf().exists() && !places.key().exists() {
            return Err(OpenError::NoWitness(directory.to_owned()));
        }
        let lock = places.lock()?;
        let conf = places.read_conf()?;
        let key = places.read_key(&conf)?;
        let (mut logs, mut refused) = (Vec::new(), Vec::new());
        for log in &conf.logs {
            let held = match places.read_state(&conf, log) {
                Ok(held) => held,
                Err(why @ (OpenError::Lost(..) | OpenError::Broken(..))) => {
                    refused.push((log.origin().clone(), why));
                    continue;
                }
                Err(error) => return Err(error),
            };
            // A write that was reported as failed may still be what is read here.
            files::settle(&places.state(log.origin()))?;
            let policy = Policy::of_one(log.clone(), conf.verifier.clone());
            logs.push(Watched::new(log.clone(), policy, LogState::of(held)));
        }
        if logs.is_empty()
            && let Some((_, why)) = refused.pop()
        {
            return Err(why);
        }
        for (origin, why) in &refused {
            error!(%origin, %why, "a log is not served: a person must look");
        }
        let refused = refused.into_iter().map(|(origin, why)| (origin, why.to_string()));
        let kept = Kept::of(files::names(&places.evidence())?);
        let store = Box::new(Directory { places, _lock: lock });
        Ok(Self::new(key, logs, store, kept, clock).but_not(refused))
    }
}

/// Where what is.
struct Places(PathBuf);

impl Places {
    fn key(&self) -> PathBuf {
        self.0.join("key.pem")
    }

    fn conf(&self) -> PathBuf {
        self.0.join("witness")
    }

    fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }

    fn state(&self, log: &Origin) -> PathBuf {
        self.logs().join(origin_hash(log))
    }

    fn lock(&self) -> Result<Lock, OpenError> {
        Lock::try_acquire(&self.0.join("lock"))?.ok_or_else(|| OpenError::InUse(self.0.clone()))
    }

    fn read_conf(&self) -> Result<Conf, OpenError> {
        let path = self.conf();
        let bytes = files::read(&path, WITNESS_CONF_BYTES_MAX)?
            .ok_or_else(|| OpenError::NoWitness(self.0.clone()))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| OpenError::Malformed(path.clone(), 1))?;
        Conf::parse(text).map_err(|line| OpenError::Malformed(path, line))
    }

    fn read_key(&self, conf: &Conf) -> Result<WitnessKey, OpenError> {
        let key = WitnessKey::new(conf.verifier.name().clone(), SecretKey::read_from(&self.key())?);
        if *key.verifier() != conf.verifier {
            return Err(OpenError::OtherKey(self.key()));
        }
        Ok(key)
    }

    fn read_state(&self, conf: &Conf, log: &LogVerifier) -> Result<Option<CosignedCheckpoint>, OpenError> {
        match self.read_stored(conf, log)? {
            Stored::Last(held) => Ok(held),
            Stored::Lost(_) => Err(OpenError::Lost(log.origin().clone(), self.state(log.origin()))),
        }
    }

    fn read_stored(&self, conf: &Conf, log: &LogVerifier) -> Result<Stored, OpenError> {
        let path = self.state(log.origin());
        let broken = || OpenError::Broken(log.origin().clone(), path.clone());
        let bytes = match files::read(&path, WITNESS_STATE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(OpenError::Lost(log.origin().clone(), path)),
            Err(error) if error.source.kind() == std::io::ErrorKind::InvalidData => return Err(broken()),
            Err(error) => return Err(error.into()),
        };
        parse_state(&bytes, &conf.verifier, log).ok_or_else(broken)
    }
}

/// The directory as the store of a running witness.
struct Directory {
    places: Places,
    _lock: Lock,
}

impl Store for Directory {
    fn save(&self, log: &Origin, bytes: &[u8]) -> Result<(), FileError> {
        files::replace(&self.places.state(log), bytes)
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        files::create_directory(&self.places.evidence())?;
        files::replace(&self.places.evidence().join(name), bytes)
    }

    fn discard(&self, name: &str) -> Result<(), FileError> {
        files::remove(&self.places.evidence().join(name))
    }
}
