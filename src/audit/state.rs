//! What an audit keeps between runs, in a directory of the auditor's own: the facts, the tree, and up to where they were
//! verified. A next run begins there.
//!
//! It never claims more than was verified: it is committed as one, at a verified checkpoint. A run from the start writes beside what
//! is there, and takes its place at that moment. What is trusted is the auditor's own disk: that nobody who can write there
//! has made another state with good checksums. What is torn, altered by chance or of another log is refused.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::carried::Verified;
use super::store::Store;
use super::tree::Tree;
use crate::domain::{AgencyId, Hash};
use crate::files::{self, FileError, Lock};
use crate::limits;
use crate::seal::random_bytes;
use crate::transparency::LogVerifier;

const FORMAT: &str = "wardline-audit-state/v2";
const CURRENT: &str = "current";
const LOCK: &str = ".lock";
const FACTS: &str = "facts.redb";
const TREE: &str = "tree";
const ABOUT: &str = "about";
const VERIFIED: &str = "verified";

/// Why an auditor's own state serves nothing. Never the log's fault.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is another log's.
    #[error("the state is of another log, {theirs}; this one is {ours}")]
    OtherLog {
        /// Whose it is: the log's verifier key.
        theirs: String,
        /// Which was asked for.
        ours: String,
    },
    /// Somebody else's view of the log: what was in its scope was not in ours.
    #[error("the state is what {theirs} may see, not what {ours} may see")]
    OtherViewer {
        /// Whose view.
        theirs: String,
        /// Who asks.
        ours: String,
    },
    /// It is torn or altered.
    #[error("the state is torn or altered: {0}")]
    Damaged(String),
    /// An earlier version kept less of each thread, or a later one more.
    #[error("the state is of another version: begin it anew")]
    OtherVersion,
    /// Another run writes it.
    #[error("another audit is under way with this state")]
    InUse,
    /// The disk failed.
    #[error("the state could not be read or written: {0}")]
    Failed(String),
}

impl StateError {
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(super) fn io(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }

    pub(super) fn store(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<FileError> for StateError {
    fn from(error: FileError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Whose state it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    format: String,
    log: String,
    /// Whose view of the log; none: nobody's in particular (a copy).
    viewer: Option<String>,
}

impl About {
    pub(super) fn of(log: &LogVerifier, viewer: Option<&AgencyId>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            log: log.to_string(),
            viewer: viewer.map(ToString::to_string),
        }
    }

    /// Whether the one that was found may be continued, or replaced, as this one.
    fn check(&self, found: &Self) -> Result<(), StateError> {
        if found.format != FORMAT {
            return Err(StateError::OtherVersion);
        }
        if found.log != self.log {
            return Err(StateError::OtherLog {
                theirs: found.log.clone(),
                ours: self.log.clone(),
            });
        }
        if found.viewer != self.viewer {
            let name =
                |viewer: &Option<String>| viewer.clone().unwrap_or_else(|| "a copy's reader".to_owned());
            return Err(StateError::OtherViewer {
                theirs: name(&found.viewer),
                ours: name(&self.viewer),
            });
        }
        Ok(())
    }
}

/// A directory that holds states, of which one counts. Locked as long as this lives.
#[derive(Debug)]
pub(super) struct StateDir {
    root: PathBuf,
    /// To be removed with all that is in it.
    temporary: bool,
    _lock: Lock,
}

impl StateDir {
    /// Opens or makes the directory, and removes what runs left that never came to an end.
    pub(super) fn open(root: &Path) -> Result<Self, StateError> {
        files::create_directory(root)?;
        let lock = Lock::try_acquire(&root.join(LOCK))?.ok_or(StateError::InUse)?;
        let directory = Self {
            root: root.to_owned(),
            temporary: false,
            _lock: lock,
        };
        if let Ok(current) = directory.current() {
            remove_runs(&directory.root, current.as_deref())?;
        }
        Ok(directory)
    }

    /// One that is gone afterwards, for who names none.
    pub(super) fn temporary() -> Result<Self, StateError> {
        let name = format!("wardline-audit-{}", random_name()?);
        let mut directory = Self::open(&std::env::temp_dir().join(name))?;
        directory.temporary = true;
        Ok(directory)
    }

    /// What was verified before; none: nothing was.
    pub(super) fn resume(&self, about: &About) -> Result<Option<(State, Tree, Verified)>, StateError> {
        let Some(current) = self.current()? else {
            return Ok(None);
        };
        let directory = self.root.join(current);
        let store = Store::open(&directory.join(FACTS))?;
        about.check(&about_of(&store)?)?;
        let verified = store.small(VERIFIED)?;
        let verified = verified.ok_or_else(|| StateError::damaged("it does not say what was verified"))?;
        let verified: Verified = serde_json::from_slice(&verified)
            .map_err(|error| StateError::damaged(format!("what was verified does not read: {error}")))?;
        let tree = OpenOptions::new()
            .read(true)
            .write(true)
            .open(directory.join(TREE))
            .map_err(|error| StateError::damaged(format!("its tree is missing: {error}")))?;
        let root: Hash = verified
            .root
            .parse()
            .map_err(|_| StateError::damaged("its root does not read"))?;
        let tree = Tree::open(tree, verified.size, root)?;
        let state = State {
            root: self.root.clone(),
            directory,
            store,
            is_current: true,
            temporary: self.temporary,
        };
        Ok(Some((state, tree, verified)))
    }

    /// An empty state beside the one that counts, whose place it takes when it is committed. Refused if that one is another
    /// log's or another viewer's; one that does not read is not missed.
    pub(super) fn begin(&self, about: &About) -> Result<(State, Tree), StateError> {
        if let Ok(Some(current)) = self.current() {
            let store = Store::open(&self.root.join(current).join(FACTS));
            match store.and_then(|store| about_of(&store)) {
                Ok(found) => match about.check(&found) {
                    Err(StateError::Damaged(_) | StateError::OtherVersion) | Ok(()) => {}
                    Err(error) => return Err(error),
                },
                Err(StateError::Damaged(_) | StateError::Failed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let directory = self.root.join(format!("run-{}", random_name()?));
        files::create_directory(&directory)?;
        let new = |name: &str| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(directory.join(name))
                .map_err(StateError::io)
        };
        drop(new(FACTS)?);
        let tree = Tree::in_file(new(TREE)?);
        let mut store = Store::create(&directory.join(FACTS))?;
        let about = serde_json::to_vec(about).map_err(StateError::store)?;
        store.put_small(ABOUT, &about)?;
        let state = State {
            root: self.root.clone(),
            directory,
            store,
            is_current: false,
            temporary: self.temporary,
        };
        Ok((state, tree))
    }

    fn current(&self) -> Result<Option<String>, StateError> {
        let Some(bytes) = files::read(&self.root.join(CURRENT), limits::AUDIT_NAME_BYTES_MAX)? else {
            return Ok(None);
        };
        let name = String::from_utf8(bytes).ok();
        let name = name.filter(|name| is_run(name));
        name.map(Some)
            .ok_or_else(|| StateError::damaged("which of its runs counts does not read"))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        if self.temporary {
            // Best effort: it is in the place where the system removes such things too.
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}

fn is_run(name: &str) -> bool {
    name.strip_prefix("run-")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn remove_runs(root: &Path, but: Option<&str>) -> Result<(), StateError> {
    for name in files::names(root)? {
        if is_run(&name) && Some(name.as_str()) != but {
            std::fs::remove_dir_all(root.join(name)).map_err(StateError::io)?;
        }
    }
    Ok(())
}

fn about_of(store: &Store) -> Result<About, StateError> {
    let bytes = store.small(ABOUT)?;
    let bytes = bytes.ok_or_else(|| StateError::damaged("it does not say whose it is"))?;
    serde_json::from_slice(&bytes).map_err(|_| StateError::damaged("whose it is does not read"))
}

fn random_name() -> Result<String, StateError> {
    random_bytes::<8>().map(hex::encode).map_err(StateError::store)
}

/// One state.
#[derive(Debug)]
pub(super) struct State {
    root: PathBuf,
    directory: PathBuf,
    pub(super) store: Store,
    is_current: bool,
    /// Nobody goes on from it.
    temporary: bool,
}

impl State {
    /// Whether it is gone when the run ends: nothing of it need be durable.
    pub(super) fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Makes all of it durable as what was verified, and the one that counts.
    pub(super) fn commit(&mut self, tree: &mut Tree, verified: &Verified) -> Result<(), StateError> {
        tree.sync()?;
        let bytes = serde_json::to_vec(verified).map_err(StateError::store)?;
        self.store.put_small(VERIFIED, &bytes)?;
        self.store.commit()?;
        if !self.is_current {
            let name = self.directory.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| StateError::store("the state's directory has no name"))?;
            files::replace(&self.root.join(CURRENT), name.as_bytes())?;
            self.is_current = true;
            remove_runs(&self.root, Some(name))?;
        }
        Ok(())
    }
}
