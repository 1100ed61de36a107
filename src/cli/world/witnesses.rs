//! Three witnesses of a world, served beside its relay, so that whoever learns sees evidence that does not hang on the relay's
//! word. In reality each runs where neither the relay's operator nor another witness decides (`wardline witness run`).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::World;
use crate::cli::{Exit, Fault};
use crate::config::FlagSetting;
use crate::files;
use crate::seal::SecretKey;
use crate::server::RelaySettings;
use crate::time::SystemClock;
use crate::transparency::{LogKey, LogVerifier, WitnessVerifier};
use crate::witness::{self, Witness};

const NAMES: [&str; 3] = ["north", "south", "west"];

/// The lines of a policy for which two of the three are enough.
const QUORUM: &str = "group two 2 north south west\nquorum two\n";

/// Witnesses that serve. Dropping them stops them.
#[derive(Debug)]
pub struct LocalWitnesses {
    log: LogVerifier,
    witnesses: Vec<(&'static str, WitnessVerifier, SocketAddr)>,
    stop: CancellationToken,
    serving: Vec<JoinHandle<std::io::Result<()>>>,
}

impl World {
    /// Begins the witnesses that are not there yet, and serves all of them on ports that the system chooses.
    pub async fn serve_witnesses(&self) -> Result<LocalWitnesses, Fault> {
        let settings = RelaySettings::load_apart(&self.config(), &[])?;
        let secret = SecretKey::read_from(&settings.log_key_file).map_err(Fault::usage)?;
        let log = LogKey::new(settings.origin, secret).verifier().clone();
        let root = self.directory().join("witnesses");
        files::create_directory(&root)?;
        let mut all = LocalWitnesses {
            log,
            witnesses: Vec::new(),
            stop: CancellationToken::new(),
            serving: Vec::new(),
        };
        for name in NAMES {
            let directory = root.join(name);
            if !directory.exists() {
                let signs_as = format!("{name}.{}", self.plan().host);
                let signs_as = signs_as.parse().map_err(Fault::usage)?;
                witness::begin(&directory, signs_as, vec![all.log.clone()])?;
            }
            let witness = Arc::new(Witness::open(&directory, Arc::new(SystemClock))?);
            let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.map_err(|error| Fault::new(Exit::Retry, error))?;
            let address = listener
                .local_addr()
                .map_err(|error| Fault::new(Exit::Retry, error))?;
            all.witnesses.push((name, witness.verifier().clone(), address));
            let serving = witness::serve(listener, witness, all.stop.clone());
            all.serving.push(tokio::spawn(serving));
        }
        let policy = all.policy_with_urls();
        files::replace(&self.relays_policy(), policy.as_bytes())?;
        Ok(all)
    }

    /// What tells the relay to ask them.
    pub fn ask_witnesses(&self) -> FlagSetting {
        FlagSetting {
            flag: "witness_policy".to_owned(),
            key: "witness_policy".to_owned(),
            value: self.relays_policy().display().to_string(),
        }
    }

    /// The relay's own policy: with URLs, and written anew at each start.
    fn relays_policy(&self) -> PathBuf {
        self.directory().join("witnesses").join("relay.policy")
    }
}

impl LocalWitnesses {
    /// Their lines in a verifier's policy, with the quorum.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for (name, verifier, _) in &self.witnesses {
            let _ = writeln!(lines, "witness {name} {verifier}");
        }
        lines + QUORUM
    }

    fn policy_with_urls(&self) -> String {
        let mut text = format!("log {}\n", self.log);
        for (name, verifier, address) in &self.witnesses {
            let _ = writeln!(text, "witness {name} {verifier} http://{address}");
        }
        text + QUORUM
    }

    /// Their names and where they listen.
    pub fn listening(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.witnesses.iter().map(|(name, _, address)| (*name, *address))
    }

    /// Stops them, after the relay.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for serving in std::mem::take(&mut self.serving) {
            // What they answered is durable; how they end says nothing.
            let _ = serving.await;
        }
    }
}

impl Drop for LocalWitnesses {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
