//! How a relay begins: the genesis, once, and each start after it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Relay;
use super::budget::{Budgets, Quotas};
use super::contradictions::Contradictions;
use super::delivery::SessionTimes;
use super::delivery::hub::Hub;
use super::durable::Durable;
use super::engine::Engine;
use super::follow::{FollowError, Followed, follow};
use super::followers::{self, FollowerOptions};
use super::heartbeat;
use super::meters::Meters;
use super::reads::Reads;
use super::retention::clock::Belief;
use super::retention::eraser::Eraser;
use super::retention::held::Resting;
use super::sequencer::{self, Answer, Phase, Sequencer, SystemNonces};
use super::signing::Earlier;
use super::witnesses::{BehindWitnesses, WitnessOptions, Witnesses, WitnessesError};
use crate::alarm::Alarms;
use crate::domain::{Deadlines, Genesis, Precedence, RelayStarted, SignedEnvelope};
use crate::error::Refused;
use crate::fetch::Fetch;
use crate::journal::{AppendError, Block, Head, Index, IndexError, Journal, ReadError};
use crate::ledger::{Command, Decision, Directory, Facts, MemoryFacts, apply, decide};
use crate::limits;
use crate::retention::{Keyring, RetentionRules};
use crate::seal::SignerError;
use crate::time::{Clock, Timestamp};
use crate::transparency::{Frontier, LogSigner};

/// What a log begins with.
pub struct CreateOptions {
    /// The log's key, under the name of its origin.
    pub log_key: LogSigner,
    /// Empty.
    pub journal: Arc<dyn Journal>,
    /// Key certificates of the first operators: signing keys signed by themselves, TLS keys by the operator's.
    pub operator_certificates: Vec<SignedEnvelope>,
    /// The defaults, one a precedence.
    pub deadlines: Vec<(Precedence, Deadlines)>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A log that has begun.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its first checkpoint, a signed note.
    pub checkpoint: Arc<str>,
}

/// Why no log was begun.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A checkpoint was not signed.
    #[error("the log's key: {0}")]
    Signer(#[from] SignerError),
    /// There is one.
    #[error("the journal is not empty: a log begins once")]
    NotEmpty,
    /// The genesis is not as the rules ask.
    #[error("the genesis is refused: {0}")]
    Refused(#[from] Refused),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The journal did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What belongs to the log contradicts itself.
    #[error("{0}")]
    Corrupt(String),
}

/// What a relay runs on.
pub struct RelayOptions {
    /// The log's key, under the name of its origin; must be the genesis' own.
    pub log_key: LogSigner,
    /// The truth.
    pub journal: Arc<dyn Journal>,
    /// Derived from it.
    pub index: Index,
    /// Of what lies encrypted beside the records.
    pub keyring: Arc<Keyring>,
    /// When that is erased.
    pub retention: RetentionRules,
    /// Up to when the operator says that the clock is right, whatever the log says; none: it is believed two days ahead of what was.
    pub clock_checked_until: Option<Timestamp>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Of the software.
    pub version: String,
    /// SHA-256 of the effective configuration, without secrets.
    pub configuration_digest: [u8; 32],
    /// What each principal may add in an hour.
    pub quotas: Quotas,
    /// The file that is rewritten every [`crate::limits::HEARTBEAT_MS`]; none: no heartbeat.
    pub heartbeat: Option<PathBuf>,
    /// How long delivery sessions wait for what.
    pub session_times: SessionTimes,
    /// Who cosigns its checkpoints; none: nobody is asked.
    pub witnesses: Option<WitnessOptions>,
    /// Who keeps its checkpoints, and is asked at a start.
    pub followers: FollowerOptions,
    /// The directory for what the log's key has signed and is not on this log; none: it is said only.
    pub contradictions: Option<PathBuf>,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A checkpoint was not signed.
    #[error("the log's key: {0}")]
    Signer(#[from] SignerError),
    /// No genesis.
    #[error("the journal is empty: begin the log first (`wardline relay init`)")]
    Empty,
    /// The log's origin or key is not the genesis'.
    #[error("the journal is of the log {journal}, not of {configured} with this key")]
    OtherLog {
        /// The genesis' origin.
        journal: String,
        /// The configured one.
        configured: String,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// `RELAY_STARTED` was not recorded.
    #[error("the start could not be recorded: {0}")]
    NotStarted(Refused),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The log contradicts itself: a person must look.
    #[error("the log is corrupt: {0}")]
    Corrupt(String),
    /// The log is behind, or beside, what its witnesses have cosigned: a person must look.
    #[error(transparent)]
    BehindWitnesses(#[from] BehindWitnesses),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Witnesses(#[from] WitnessesError),
    /// No thread, no random bytes.
    #[error("{0}")]
    System(String),
}

impl From<FollowError> for OpenError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Journal(error) => Self::Read(error),
            FollowError::Index(error) => Self::Index(error),
            FollowError::Contradiction(what) => Self::Corrupt(what),
        }
    }
}

/// The version of the formats that a genesis of this software begins.
const FORMAT_VERSION: u32 = 1;

/// Writes the genesis.
pub(super) async fn create(options: CreateOptions) -> Result<Created, CreateError> {
    let CreateOptions {
        log_key,
        journal,
        operator_certificates,
        deadlines,
        clock,
    } = options;
    if journal.head().await? != Head::EMPTY {
        return Err(CreateError::NotEmpty);
    }
    let genesis = Command::Genesis(Genesis {
        origin: log_key.origin().clone(),
        log_public_key: *log_key.verifier().public_key().as_bytes(),
        format_version: FORMAT_VERSION,
        operator_certificates,
        deadlines,
        predecessor: None,
    });
    let corrupt = |e: &dyn std::fmt::Display| CreateError::Corrupt(e.to_string());
    let (mut directory, facts) = (Directory::default(), MemoryFacts::new());
    let decision =
        decide(&directory, &facts, genesis, clock.now(), 0, &mut SystemNonces).map_err(|e| corrupt(&e))?;
    let records = match decision {
        Decision::Append { records, .. } => records,
        Decision::Refuse(refused) | Decision::Reject { refused, .. } => return Err(refused.into()),
        Decision::Existing(_) | Decision::Unrecorded => return Err(CreateError::NotEmpty),
    };
    let mut frontier = Frontier::new();
    for new in &records {
        apply(&mut directory, &facts, frontier.size(), new.leaf, &new.record).map_err(|e| corrupt(&e))?;
        frontier.append(new.leaf).map_err(|e| corrupt(&e))?;
    }
    let block = Block {
        records: records.into_iter().map(|new| new.bytes).collect(),
        parts: Vec::new(),
        root: frontier.root(),
    };
    let head = journal.append(block, Head::EMPTY).await?;
    Ok(Created {
        checkpoint: log_key.sign_checkpoint(head.size, head.root).await?.into(),
    })
}

/// Opens a log that has begun.
pub(super) async fn open(options: RelayOptions) -> Result<Relay, OpenError> {
    let RelayOptions {
        log_key,
        journal,
        index,
        keyring,
        retention,
        clock_checked_until,
        clock,
        version,
        configuration_digest,
        quotas,
        heartbeat,
        session_times,
        witnesses,
        followers,
        contradictions,
    } = options;
    let Followed {
        head,
        directory,
        frontier,
    } = follow(&journal, &index).await?;
    if head == Head::EMPTY {
        return Err(OpenError::Empty);
    }
    check_log(&directory, &log_key)?;
    let last = index.last_time().map_err(|e| OpenError::Corrupt(e.to_string()))?;
    let started = clock.now();
    let stopped_at = stopped_at(
        head,
        last,
        heartbeat.as_deref().and_then(heartbeat::last),
        started,
    );

    let belief = Arc::new(Belief::at_start(&keyring, last, started, clock_checked_until));
    let log_key = Arc::new(log_key);
    let meters = Arc::new(Meters::default());
    let hub = Arc::new(Hub::default());
    let shared_directory = Arc::new(directory.clone());
    let durable = Arc::new(Durable::new(head, &log_key, Arc::clone(&shared_directory)).await?);
    let others = Others {
        witnesses,
        followers,
        contradictions,
    };
    let (witnesses, witnesses_reached) = ask_others(others, &durable, &index, &log_key, &clock).await?;
    let (durable_sender, durable) = watch::channel(durable);
    let (directories_sender, directories) = watch::channel(shared_directory);
    let phase = watch::Sender::new(Phase::Running);
    let (queue, commands) = sequencer::channel();
    let origin = log_key.origin().clone();
    let untold = sequencer::untold(journal.as_ref(), &keyring).await?;
    let sequencer = Sequencer {
        journal: Arc::clone(&journal),
        index: index.clone(),
        keyring: Arc::clone(&keyring),
        log_key: Arc::clone(&log_key),
        clock: Arc::clone(&clock),
        hub: Arc::clone(&hub),
        meters: Arc::clone(&meters),
        runtime: tokio::runtime::Handle::current(),
        directory,
        frontier,
        durable: durable_sender,
        directories: directories_sender,
        phase: phase.clone(),
        unrecorded: HashMap::new(),
        untold,
    };
    sequencer
        .start(commands)
        .map_err(|e| OpenError::System(format!("no thread for the sequencer: {e}")))?;
    let began = Command::RelayStarted(RelayStarted {
        version: version.clone(),
        configuration_digest,
        stopped_at,
        witnesses_reached,
        retention: Some(retention),
    });
    match queue.ask(began, 0).await {
        Ok(Answer::Recorded { .. }) => {}
        Ok(Answer::Refused(refused) | Answer::Rejected { refused, .. }) | Err(refused) => {
            return Err(OpenError::NotStarted(refused));
        }
        Ok(Answer::Existing { .. } | Answer::Unrecorded) => {
            return Err(OpenError::Corrupt("RELAY_STARTED left no record".into()));
        }
    }
    let eraser = Eraser {
        journal: Arc::clone(&journal),
        index: index.clone(),
        keyring: Arc::clone(&keyring),
        queue: queue.clone(),
        clock: Arc::clone(&clock),
        rules: retention,
        durable: durable.clone(),
        running: Arc::default(),
        belief,
        resting: Resting::default(),
    };
    // What the log owes is told before anybody is served.
    let finish_ms = Duration::from_millis(limits::RETENTION_START_MS_MAX);
    match tokio::time::timeout(finish_ms, eraser.finish()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, "what was erased before is not all told yet; it is tried again");
        }
        Err(_) => tracing::warn!(
            "what was erased before is not all told yet: the rest is told while the relay runs"
        ),
    }
    let attended = match &witnesses {
        Some(witnesses) => witnesses.attend(&durable).map_err(OpenError::Corrupt)?,
        None => JoinSet::new(),
    };
    Ok(Relay {
        engine: Arc::new(Engine {
            journal,
            index,
            keyring,
            queue,
            clock: Arc::clone(&clock),
            budgets: Budgets::new(Arc::clone(&clock), quotas),
            alarms: Alarms::default(),
            reads: Reads::new(),
            hub,
            meters,
            log_key,
            earlier: Earlier::default(),
            origin,
            version,
            session_times,
            started,
            durable,
            directories,
            phase,
            in_flight: watch::Sender::new(0),
            witnesses,
            _attended: attended,
            heartbeat: heartbeat.map(|path| heartbeat::start(path, clock)),
            erasing: eraser.clone().start(),
            #[cfg(test)]
            eraser,
        }),
    })
}

/// Who may know more of the log than this relay.
struct Others {
    witnesses: Option<WitnessOptions>,
    followers: FollowerOptions,
    contradictions: Option<PathBuf>,
}

/// Asks the witnesses and the followers at once whether the log is behind its own history: the witnesses, to be asked on, and
/// how many of them answered.
async fn ask_others(
    others: Others,
    durable: &Durable,
    index: &Index,
    log_key: &LogSigner,
    clock: &Arc<dyn Clock>,
) -> Result<(Option<Arc<Witnesses>>, u32), OpenError> {
    let Others {
        witnesses,
        followers,
        contradictions,
    } = others;
    if witnesses.is_none() && followers.urls.is_empty() {
        return Ok((None, 0));
    }
    let system = |error: &dyn std::fmt::Display| OpenError::System(error.to_string());
    let contradictions = Contradictions::open(log_key.verifier().clone(), index.clone(), contradictions);
    let contradictions = Arc::new(contradictions.map_err(|e| system(&e))?);
    // It reads the system's roots.
    let fetch = tokio::task::spawn_blocking(Fetch::new)
        .await
        .map_err(|e| system(&e))?;
    let fetch = fetch.map_err(|e| system(&e))?;
    let witnesses = match witnesses {
        None => None,
        Some(options) => {
            let known = Arc::clone(&contradictions);
            Some(Witnesses::open(options, known, index.clone(), fetch.clone(), Arc::clone(clock)).await?)
        }
    };
    let asking = async {
        match &witnesses {
            Some(witnesses) => witnesses.begin(&durable.checkpoint, durable.head).await,
            None => Ok(0),
        }
    };
    let following = followers::ask(&followers, &fetch, &contradictions, durable.head);
    let (reached, agreed) = tokio::join!(asking, following);
    let reached = reached?;
    agreed?;
    Ok((witnesses, reached))
}

/// The genesis names the log and its key, which never change.
fn check_log(directory: &Directory, log_key: &LogSigner) -> Result<(), OpenError> {
    let log = directory
        .log()
        .ok_or_else(|| OpenError::Corrupt("the log has no genesis".into()))?;
    if log.origin == *log_key.origin() && log.public_key == *log_key.verifier().public_key().as_bytes() {
        return Ok(());
    }
    Err(OpenError::OtherLog {
        journal: log.origin.to_string(),
        configured: log_key.origin().to_string(),
    })
}

/// When the relay last ran, as far as is known; a heartbeat from the future says no more than now.
fn stopped_at(
    head: Head,
    last_record: Option<Timestamp>,
    heartbeat: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    // Only the genesis is there: it never ran.
    if head.size <= 1 {
        return None;
    }
    last_record.max(heartbeat.map(|beat| beat.min(now)))
}
