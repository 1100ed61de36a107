//! Wires a relay together: the only file that names concrete backends. [`begin`] writes a log's genesis, once;
//! [`start`] opens the log and binds the ports; [`Running::until`] serves, and on the way out answers what is in
//! flight before it cuts what is left.

mod error;
mod keys;
mod settings;

pub use error::{BeginError, LogSignerError, ServeError, StartError};
pub use keys::KEYS;
pub use settings::{Explained, RelaySettings};

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::domain::{KeyId, SignedEnvelope};
use crate::grpc::{self, CallMeters, Edge, HealthReporter};
use crate::http::{self, PublicMeters, Readiness, Shown};
use crate::journal::{Index, Journal as _, OpenError as JournalError, SledJournal};
use crate::limits;
use crate::relay::{
    CreateError, CreateOptions, FollowerOptions, OpenError, Relay, RelayOptions, WitnessOptions,
};
use crate::retention::{Keyring, KeyringError};
use crate::seal::{ExecSigner, PublicKey, SecretKey};
use crate::time::{ShiftedClock, SystemClock};
use crate::tls::{self, AcceptLimits, ConnectionMeters, Doors, TlsIdentity};
use crate::transparency::{LogKey, LogSigner, LogVerifier};

/// The version of this software.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The services whose health is told.
const SERVICES: [&str; 5] = [
    "",
    "wardline.v1.Exchange",
    "wardline.v1.Directory",
    "wardline.v1.Audit",
    "wardline.v1.Operator",
];

/// A log that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// What others verify its checkpoints by.
    pub verifier: LogVerifier,
    /// Its first checkpoint, a signed note.
    pub checkpoint: Arc<str>,
    /// What clients pin.
    pub tls_keyid: KeyId,
}

/// Begins a log: makes the log's key and the relay's TLS key where they are absent, and writes the genesis. A journal
/// that is not empty is refused before any key is made.
pub async fn begin(
    settings: &RelaySettings,
    operator_certificates: Vec<SignedEnvelope>,
) -> Result<Begun, BeginError> {
    let journal = Arc::new(open_journal(&settings.data_dir).await?);
    if journal.head().await.map_err(CreateError::from)?.size > 0 {
        return Err(CreateError::NotEmpty.into());
    }
    let tls = make_tls_identity(settings)?;
    let log_key = make_log_key(settings)?;
    open_keyring(settings).await?;
    let verifier = log_key.verifier().clone();
    let created = Relay::create(CreateOptions {
        log_key,
        journal,
        operator_certificates,
        deadlines: settings.deadlines.clone(),
        clock: Arc::new(SystemClock),
    })
    .await?;
    Ok(Begun {
        verifier,
        checkpoint: created.checkpoint,
        tls_keyid: tls.keyid(),
    })
}

fn make_log_key(settings: &RelaySettings) -> Result<LogSigner, BeginError> {
    let file = &settings.log_key_file;
    if settings.log_signer.is_none() && !file.exists() {
        make_parent(file)?;
        SecretKey::generate()?
            .write_to(file)
            .map_err(LogSignerError::from)?;
    }
    Ok(log_signer(settings)?)
}

/// The log's key, or the program that holds it.
fn log_signer(settings: &RelaySettings) -> Result<LogSigner, LogSignerError> {
    let (origin, file) = (settings.origin.clone(), &settings.log_key_file);
    let Some(command) = &settings.log_signer else {
        return Ok(LogKey::new(origin, SecretKey::read_from(file)?).into());
    };
    let bytes = crate::files::read(file, limits::KEY_FILE_BYTES_MAX)?;
    let raw = bytes.and_then(|bytes| hex::decode(bytes.trim_ascii()).ok());
    let public_key = raw.and_then(|raw| PublicKey::parse(&raw).ok());
    let public_key = public_key.ok_or_else(|| LogSignerError::PublicKey(file.clone()))?;
    Ok(LogSigner::program(
        origin,
        ExecSigner::of_log(command, public_key)?,
    ))
}

fn make_tls_identity(settings: &RelaySettings) -> Result<TlsIdentity, BeginError> {
    let (certificate, key) = (&settings.tls_certificate_file, &settings.tls_key_file);
    if certificate.exists() || key.exists() {
        return Ok(TlsIdentity::read(certificate, key)?);
    }
    make_parent(certificate)?;
    make_parent(key)?;
    Ok(TlsIdentity::create(certificate, key, settings.origin.as_str())?)
}

fn make_parent(file: &Path) -> Result<(), BeginError> {
    let Some(directory) = file.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(directory).map_err(|source| BeginError::Directory {
        path: directory.to_owned(),
        source,
    })
}

async fn open_journal(data_dir: &Path) -> Result<SledJournal, JournalError> {
    let directory = data_dir.to_owned();
    // The error is a panic of the blocking thread, which nothing in it should do.
    tokio::task::spawn_blocking(move || SledJournal::open(&directory))
        .await
        .unwrap_or_else(|error| Err(JournalError::Storage(error.to_string())))
}

/// The keys of what is stored. The journal is open: its lock keeps others from them.
async fn open_keyring(settings: &RelaySettings) -> Result<Keyring, KeyringError> {
    let (path, data_dir) = (settings.bucket_keys_file.clone(), settings.data_dir.clone());
    let opened = tokio::task::spawn_blocking(move || Keyring::open(&path, &data_dir));
    opened
        .await
        .unwrap_or_else(|error| Err(KeyringError::Stopped(error.to_string())))
}

/// A relay that listens.
pub struct Running {
    relay: Relay,
    /// Where agencies connect.
    pub address: SocketAddr,
    /// Metrics and health.
    pub http_address: Option<SocketAddr>,
    /// The log, for everybody.
    pub public_address: Option<SocketAddr>,
    /// What others verify the log's checkpoints by.
    pub verifier: LogVerifier,
    /// What clients pin.
    pub tls_keyid: KeyId,
    drain_ms_max: u64,
    readiness: watch::Sender<Readiness>,
    health: HealthReporter,
    stops: Stops,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    serving_http: Option<JoinHandle<std::io::Result<()>>>,
    serving_public: Option<JoinHandle<std::io::Result<()>>>,
}

/// What is stopped, one after the other.
#[derive(Default)]
struct Stops {
    /// No more connections.
    accepting: CancellationToken,
    /// Streams come to an end.
    streams: CancellationToken,
    /// Connections close when their calls have ended.
    connections: CancellationToken,
    /// Connections are cut.
    cut: CancellationToken,
    /// Metrics and health; the public read side.
    http: CancellationToken,
}

/// Opens the log, then binds the ports. Nothing is served before both have succeeded.
pub async fn start(settings: &RelaySettings) -> Result<Running, StartError> {
    // Asked first, because opening would make an empty journal wherever a mistyped setting points.
    if !settings.data_dir.is_dir() {
        return Err(OpenError::Empty.into());
    }
    let journal = Arc::new(open_journal(&settings.data_dir).await?);
    if journal.head().await.map_err(OpenError::from)?.size == 0 {
        return Err(OpenError::Empty.into());
    }
    let tls = TlsIdentity::read(&settings.tls_certificate_file, &settings.tls_key_file)?;
    let log_key = log_signer(settings)?;
    let verifier = log_key.verifier().clone();
    let tls_config = tls::server_config(&tls)?;
    let index_directory = settings.data_dir.join("index");
    let index = tokio::task::spawn_blocking(move || Index::open(&index_directory))
        .await
        .map_err(|error| StartError::Index(error.to_string()))?
        .map_err(|error| StartError::Index(error.to_string()))?;
    let keyring = open_keyring(settings).await?;
    let relay = Relay::open(RelayOptions {
        log_key,
        journal: Arc::clone(&journal) as Arc<dyn crate::journal::Journal>,
        index,
        keyring: Arc::new(keyring),
        retention: settings.retention,
        clock_checked_until: settings.clock_checked_until,
        clock: Arc::new(ShiftedClock(settings.clock_ahead_ms)),
        version: VERSION.to_owned(),
        configuration_digest: settings.digest,
        quotas: settings.quotas,
        heartbeat: Some(settings.data_dir.join("heartbeat")),
        session_times: settings.session_times,
        witnesses: settings.witness_policy.clone().map(|policy| WitnessOptions {
            policy,
            store: Some(settings.data_dir.join("cosigned.redb")),
            times: settings.witness_times,
        }),
        followers: FollowerOptions {
            urls: settings.followers.clone(),
            start_ms_max: settings.witness_times.start_ms_max,
        },
        contradictions: Some(settings.data_dir.join("cosigned.contradictions")),
    })
    .await?;

    let listener = bind(settings.listen).await?;
    let address = listener.local_addr().map_err(bind_failed(settings.listen))?;
    let mut registry = Registry::with_prefix("wardline");
    let stops = Stops::default();
    let disk_free_bytes: Arc<dyn Fn() -> u64 + Send + Sync> =
        Arc::new(move || journal.free_bytes().unwrap_or(0));
    http::register_engine(&mut registry, relay.clone(), Arc::clone(&disk_free_bytes));
    let edge = Edge::new(
        relay.clone(),
        stops.streams.clone(),
        disk_free_bytes,
        settings.edge,
        CallMeters::new(&mut registry),
    );
    let doors = doors(&relay, settings.accept, ConnectionMeters::new(&mut registry));
    let (public_address, serving_public) = match settings.public_listen {
        None => (None, None),
        Some(asked) => {
            let listener = bind(asked).await?;
            let bound = listener.local_addr().map_err(bind_failed(asked))?;
            let log = relay.public_log().map_err(StartError::Threads)?;
            let meters = PublicMeters::new(&mut registry);
            let serving = http::serve_log(listener, log, meters, stops.http.clone());
            (Some(bound), Some(tokio::spawn(serving)))
        }
    };
    let (readiness, watched) = watch::channel(Readiness::Ready);
    let (http_address, serving_http) = match settings.http_listen {
        None => (None, None),
        Some(asked) => {
            let listener = bind(asked).await?;
            let bound = listener.local_addr().map_err(bind_failed(asked))?;
            let shown = Shown {
                registry: Arc::new(registry),
                readiness: watched,
            };
            let serving = http::serve(listener, shown, stops.http.clone());
            (Some(bound), Some(tokio::spawn(serving)))
        }
    };
    let (router, health) = grpc::router(edge).await?;
    let incoming = tls::incoming(
        listener,
        tls_config,
        doors,
        stops.accepting.clone(),
        stops.cut.clone(),
    );
    let stopped = stops.connections.clone().cancelled_owned();
    let serving = tokio::spawn(router.serve_with_incoming_shutdown(incoming, stopped));
    for service in SERVICES {
        health
            .set_service_status(service, tonic_health::ServingStatus::Serving)
            .await;
    }
    info!(%address, http_address = http_address.map(tracing::field::display), origin = %settings.origin, version = VERSION, "the relay serves");
    Ok(Running {
        relay,
        address,
        http_address,
        public_address,
        verifier,
        tls_keyid: tls.keyid(),
        drain_ms_max: settings.drain_ms_max,
        readiness,
        health,
        stops,
        serving,
        serving_http,
        serving_public,
    })
}

/// Doors that know whose a key is by the durable directory, and look again at each change of it.
fn doors(relay: &Relay, limits: AcceptLimits, meters: ConnectionMeters) -> Doors {
    let durable = relay.durable();
    let mut changes = durable.clone();
    let who_is = move |keyid: &KeyId| durable.borrow().directory.session_principal(keyid);
    let doors = Doors::new(limits, Arc::new(who_is), meters);
    let watched = doors.clone();
    tokio::spawn(async move {
        let mut seen = Arc::clone(&changes.borrow_and_update().directory);
        // Ends with the relay.
        while changes.changed().await.is_ok() {
            let directory = Arc::clone(&changes.borrow_and_update().directory);
            if !Arc::ptr_eq(&seen, &directory) {
                seen = directory;
                watched.recheck();
            }
        }
    });
    doors
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(bind_failed(address))
}

fn bind_failed(address: SocketAddr) -> impl FnOnce(std::io::Error) -> StartError {
    move |source| StartError::Bind { address, source }
}

/// How a relay went down that was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// All that was under way was answered.
    Drained,
    /// Some of it took too long and was cut.
    Cut,
}

impl Running {
    /// The engine.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Serves until `stop`, then drains. An error says that the relay failed before: what was written is found out by
    /// the next start.
    pub async fn until(mut self, stop: impl Future<Output = ()>) -> Result<Stopped, ServeError> {
        let failed = tokio::select! {
            () = stop => None,
            () = self.relay.failed() => Some(ServeError::Engine),
            ended = &mut self.serving => Some(ServeError::Serving(ended_early(ended))),
            ended = http_ended(&mut self.serving_http) => Some(ServeError::Http(ended)),
            ended = http_ended(&mut self.serving_public) => Some(ServeError::Http(ended)),
        };
        match failed {
            None => Ok(self.drain().await),
            Some(failure) => {
                error!(error = %failure, "the relay has failed");
                self.readiness.send_replace(Readiness::Failed);
                self.tell_health(tonic_health::ServingStatus::NotServing).await;
                self.stops.accepting.cancel();
                self.stops.cut.cancel();
                Err(failure)
            }
        }
    }

    async fn drain(mut self) -> Stopped {
        info!("the relay is shutting down");
        self.readiness.send_replace(Readiness::Draining);
        self.stops.accepting.cancel();
        let bound = Duration::from_millis(self.drain_ms_max);
        let drained = tokio::time::timeout(bound, async {
            self.tell_health(tonic_health::ServingStatus::NotServing).await;
            // Those who watch the health have been told; forgetting the services ends their streams.
            for service in SERVICES {
                self.health.clear_service_status(service).await;
            }
            self.stops.streams.cancel();
            self.relay.drain().await;
            self.stops.connections.cancel();
            // An error of the server at this point loses nothing: all that was in flight is answered.
            let _ = (&mut self.serving).await;
        })
        .await;
        self.stops.cut.cancel();
        self.stops.http.cancel();
        match drained {
            Ok(()) => {
                info!("the relay has stopped");
                Stopped::Drained
            }
            Err(_) => {
                warn!("what was still under way is cut");
                self.serving.abort();
                Stopped::Cut
            }
        }
    }

    async fn tell_health(&self, status: tonic_health::ServingStatus) {
        for service in SERVICES {
            self.health.set_service_status(service, status).await;
        }
    }
}

fn ended_early(ended: Result<Result<(), tonic::transport::Error>, tokio::task::JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "it ended by itself".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Returns when the HTTP side has ended; never if there is none.
async fn http_ended(serving: &mut Option<JoinHandle<std::io::Result<()>>>) -> String {
    match serving {
        None => std::future::pending().await,
        Some(serving) => match serving.await {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        },
    }
}
