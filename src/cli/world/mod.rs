//! A small world on one machine: a relay on loopback, a root for each state, agencies, an auditor and an operator with
//! their profiles. It is made by the same functions as the commands use, one after the other, as people would.
//!
//! ```text
//! DIR/lock              held while somebody uses the world
//! DIR/relay/relay.toml  the relay's configuration; its origin, port and data are the world's for good
//! DIR/roots/STATE/      each state's root (in reality on a machine of that state, without a network)
//! DIR/welcomes/         what the operator handed over
//! DIR/profiles/NAME/    NAME is an agency's id, `auditor` or `operator`
//! DIR/witnesses/NAME/   each witness (in reality on a machine of its own), and the relay's policy
//! DIR/policy/           what a verifier of this world's evidence trusts
//! ```
//! What exists is kept, and what a crash left half-made is completed: each step first looks whether it was done.

mod enrol;
mod keys;
mod plan;
mod policy;
mod process;
mod relay;
mod witnesses;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Exit, Fault};
use crate::client::ProfileDir;
use crate::domain::{AgencyId, Origin, StateId};
use crate::files::{self, FileError};

pub use plan::{AgencyPlan, WorldPlan};
pub use process::RelayProcess;
pub use relay::Serving;
pub use witnesses::LocalWitnesses;

/// A world, held by this process.
#[derive(Debug)]
pub struct World {
    directory: PathBuf,
    plan: WorldPlan,
    origin: Origin,
    /// Whoever has it open holds the world.
    _lock: File,
}

impl World {
    /// Opens or makes the world in `directory`, as far as that goes without its relay: configuration, roots, keys and
    /// certificates, the genesis.
    pub async fn open(directory: &Path, plan: WorldPlan) -> Result<Self, Fault> {
        let directory = std::path::absolute(directory)
            .map_err(|error| Fault::usage(format!("{}: {error}", directory.display())))?;
        files::create_directory(&directory)?;
        let lock = lock(&directory)?;
        let config = directory.join("relay").join("relay.toml");
        let origin = relay::configured(&config, &plan)?;
        let world = Self {
            directory,
            plan,
            origin,
            _lock: lock,
        };
        world.make_keys().await?;
        world.begin().await?;
        Ok(world)
    }

    /// Where it lies; absolute.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it holds.
    pub fn plan(&self) -> &WorldPlan {
        &self.plan
    }

    /// The log's name.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The relay's configuration.
    pub fn config(&self) -> PathBuf {
        self.directory.join("relay").join("relay.toml")
    }

    /// An agency's profile; the auditor's too.
    pub fn agency(&self, agency: &AgencyId) -> ProfileDir {
        if *agency == self.plan.auditor {
            self.auditor()
        } else {
            self.profile(agency.as_str())
        }
    }

    /// The auditor's profile.
    pub fn auditor(&self) -> ProfileDir {
        self.profile("auditor")
    }

    /// The operator's profile.
    pub fn operator(&self) -> ProfileDir {
        self.profile("operator")
    }

    fn profile(&self, name: &str) -> ProfileDir {
        ProfileDir::new(self.profiles().join(name))
    }

    fn profiles(&self) -> PathBuf {
        self.directory.join("profiles")
    }

    fn root(&self, state: &StateId) -> PathBuf {
        self.directory.join("roots").join(state.as_str())
    }
}

/// Two who made one world at once would each make half of it.
fn lock(directory: &Path) -> Result<File, Fault> {
    let path = directory.join("lock");
    let wrong = |error: std::io::Error| Fault::new(Exit::Retry, format!("{}: {error}", path.display()));
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::refused(format!(
            "{} is in use: a relay runs on it",
            directory.display()
        ))
        .advising("Stop the other one first, or name another directory.")),
        Err(TryLockError::Error(error)) => Err(wrong(error)),
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::new(Exit::Retry, error)
    }
}
