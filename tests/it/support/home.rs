//! A relay's home: its configuration, its log that has begun, and an operator.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use wardline::client::ProfileDir;
use wardline::client::keys::make_operator_keys;
use wardline::config::{FlagSetting, Settings};
use wardline::domain::{KeyId, KeyRole, SignedEnvelope};
use wardline::server::{self, Begun, KEYS, RelaySettings, ServeError, Stopped};
use wardline::time::{Clock as _, SystemClock};
use wardline::tls::{TlsIdentity, client_connector};

use super::http_get;

pub(crate) const ORIGIN: &str = "relay.example.invalid/log";

/// A directory with an operator's profile in it, and where the relay's data goes.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    certificates: Vec<SignedEnvelope>,
}

impl Home {
    /// A home in which no log has begun.
    pub(crate) fn new() -> Self {
        let mut home = Self::of(ORIGIN, Vec::new());
        let profile = ProfileDir::new(home.path().join("alice"));
        let origin = ORIGIN.parse().unwrap();
        let name = "alice".parse().unwrap();
        let made = make_operator_keys(&profile, &name, None, &origin, SystemClock.now()).unwrap();
        home.certificates = made.into_iter().map(|request| request.envelope).collect();
        home
    }

    /// A home for a log of this origin, which begins with these operators' certificates; the configuration names alice's
    /// requests, where a profile has them.
    pub(crate) fn of(origin: &str, certificates: Vec<SignedEnvelope>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = format!(
            "origin = \"{origin}\"\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [operators]\nalice = [\"alice/requests/operator.json\", \"alice/requests/tls.json\"]\n"
        );
        std::fs::write(directory.path().join("relay.toml"), config).unwrap();
        Self {
            directory,
            certificates,
        }
    }

    /// Another home with a copy of all that lies here. The relay must have stopped.
    pub(crate) fn copied(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.path(), directory.path());
        Self {
            directory,
            certificates: self.certificates.clone(),
        }
    }

    /// A home in which the log has begun.
    pub(crate) async fn begun() -> Self {
        let home = Self::new();
        home.begin().await;
        home
    }

    pub(crate) async fn begin(&self) -> Begun {
        server::begin(&self.settings(&[]), self.certificates.clone())
            .await
            .unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path().join("relay.toml")
    }

    /// The configuration with some settings laid over it; the environment of the test is left aside.
    pub(crate) fn settings(&self, set: &[(&str, &str)]) -> RelaySettings {
        let flags: Vec<FlagSetting> = set
            .iter()
            .map(|(key, value)| FlagSetting {
                flag: "--set".into(),
                key: (*key).into(),
                value: (*value).into(),
            })
            .collect();
        let settings = Settings::load(KEYS, Some(&self.config_file()), [], &flags).unwrap();
        RelaySettings::check(settings).unwrap()
    }

    /// The operator's TLS key, which is enrolled.
    pub(crate) fn operator(&self) -> TlsIdentity {
        let profile = ProfileDir::new(self.path().join("alice"));
        TlsIdentity::read(&profile.tls_certificate(), &profile.secret_key(KeyRole::Tls)).unwrap()
    }

    /// A TLS key that nobody has enrolled.
    pub(crate) fn stranger(&self) -> TlsIdentity {
        let file = |name| self.path().join(name);
        let (certificate, key) = (file("stranger.crt"), file("stranger.pem"));
        if key.exists() {
            return TlsIdentity::read(&certificate, &key).unwrap();
        }
        TlsIdentity::create(&certificate, &key, "stranger").unwrap()
    }

    /// The relay, served in this process.
    pub(crate) async fn serve(&self, set: &[(&str, &str)]) -> Served {
        self.serve_with(&self.settings(set)).await
    }

    /// The same with settings that need not have come out of a file.
    pub(crate) async fn serve_with(&self, settings: &RelaySettings) -> Served {
        let running = server::start(settings).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        Served {
            address: running.address,
            http_address: running.http_address,
            public_address: running.public_address,
            pin: running.tls_keyid,
            stop: Some(stop),
            serving: tokio::spawn(running.until(async move {
                // Dropping the sender stops it too.
                let _ = stopped.await;
            })),
        }
    }
}

/// A relay that is served in this process.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) http_address: Option<SocketAddr>,
    pub(crate) public_address: Option<SocketAddr>,
    pub(crate) pin: KeyId,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<Stopped, ServeError>>,
}

impl Served {
    pub(crate) async fn channel(&self, identity: &TlsIdentity) -> Channel {
        channel(self.address, self.pin, identity).await
    }

    /// The metric of this name; the relay must be served with `http_listen`.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let metrics = http_get(self.http_address.unwrap(), "/metrics").await;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {name} in {metrics}"));
        value.parse().unwrap()
    }

    pub(crate) async fn stop(mut self) -> Stopped {
        self.end().await.unwrap()
    }

    /// The same of one that may have been stopped before.
    pub(super) async fn end(&mut self) -> Option<Stopped> {
        drop(self.stop.take()?);
        Some((&mut self.serving).await.unwrap().unwrap())
    }
}

/// Copies a directory with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

pub(crate) async fn channel(address: SocketAddr, pin: KeyId, identity: &TlsIdentity) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        // Small, so that a test need not send much before a client that does not read is felt.
        .initial_stream_window_size(64 * 1024)
        .connect_with_connector(client_connector(pin, identity).unwrap())
        .await
        .unwrap()
}
