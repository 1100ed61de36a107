//! The relay of a world: its configuration, its genesis, and the port that it keeps.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::{World, WorldPlan};
use crate::cli::relay::certificates;
use crate::cli::{Exit, Fault};
use crate::config::FlagSetting;
use crate::domain::{KeyId, Origin};
use crate::files;
use crate::limits::QUOTA_MAX;
use crate::relay::CreateError;
use crate::seal::random_bytes;
use crate::server::{self, BeginError, RelaySettings, Running};
use crate::transparency::LogVerifier;

/// A relay that serves, as its profiles need to know it.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What clients pin.
    pub tls_pin: KeyId,
    /// The log's key.
    pub log: LogVerifier,
}

impl Serving {
    /// One in this process.
    pub fn of(running: &Running) -> Self {
        Self {
            listen: running.address,
            tls_pin: running.tls_keyid,
            log: running.verifier.clone(),
        }
    }

    /// As a profile names it.
    pub fn url(&self) -> String {
        format!("https://{}", self.listen)
    }
}

/// The name of the log that a configuration is of; makes the configuration if there is none.
pub(super) fn configured(config: &Path, plan: &WorldPlan) -> Result<Origin, Fault> {
    if !config.exists() {
        let random = random_bytes::<4>().map_err(|error| Fault::new(Exit::Retry, error))?;
        let origin = format!("{}/{}", plan.host, hex::encode(random));
        write(config, &origin, plan, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    }
    Ok(RelaySettings::load_apart(config, &[])?.origin)
}

fn write(config: &Path, origin: &str, plan: &WorldPlan, listen: SocketAddr) -> Result<(), Fault> {
    let operator = &plan.operator;
    let text = format!(
        "# Made for a relay on this machine only. `wardline relay check` explains every setting.\n\
         origin = \"{origin}\"\n\
         data_dir = \"data\"\n\
         listen = \"{listen}\"\n\
         \n\
         [operators]\n\
         {operator} = [\"../profiles/operator/requests/operator.json\", \"../profiles/operator/requests/tls.json\"]\n\
         \n\
         # Everybody here is oneself: a measurement may send as fast as it can.\n\
         [quota]\n\
         warnings_per_hour = {QUOTA_MAX}\n\
         warning_bytes_per_hour = {QUOTA_MAX}\n\
         \n\
         [log]\n\
         level = \"warn\"\n"
    );
    if let Some(directory) = config.parent() {
        files::create_directory(directory)?;
    }
    Ok(files::replace(config, text.as_bytes())?)
}

impl World {
    /// Writes the genesis, unless the log has begun.
    pub(super) async fn begin(&self) -> Result<(), Fault> {
        let settings = RelaySettings::load_apart(&self.config(), &[])?;
        match server::begin(&settings, certificates::read(&settings)?).await {
            Ok(_) | Err(BeginError::Create(CreateError::NotEmpty)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The settings to run the relay with, some laid over: on the port that it had, or on another if somebody else has that now.
    pub fn relay_settings(&self, set: &[FlagSetting]) -> Result<RelaySettings, Fault> {
        let config = self.config();
        let settings = RelaySettings::load_apart(&config, set)?;
        // Tried before the relay starts, because it records its start before it binds.
        if TcpListener::bind(settings.listen).is_ok() {
            return Ok(settings);
        }
        let any = FlagSetting {
            flag: "--listen".to_owned(),
            key: "listen".to_owned(),
            value: SocketAddr::new(settings.listen.ip(), 0).to_string(),
        };
        let set: Vec<FlagSetting> = set.iter().cloned().chain([any]).collect();
        Ok(RelaySettings::load_apart(&config, &set)?)
    }

    /// Keeps the port for the next start.
    pub fn remember(&self, listen: SocketAddr) -> Result<(), Fault> {
        let config = self.config();
        if RelaySettings::load_apart(&config, &[])?.listen == listen {
            return Ok(());
        }
        write(&config, self.origin.as_str(), &self.plan, listen)
    }
}
