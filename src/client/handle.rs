//! [`Client`]: one profile, one connection, one trusted checkpoint, one verified directory. What it can do is in the files
//! beside this one, a group of calls each; here is what all of them share.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tonic::transport::Channel;

use super::compose::Author;
use super::connection::Connection;
use super::directory::{DirectoryNews, KnownDirectory};
use super::directory_cache::{self, DirectoryCache};
use super::error::ClientError;
use super::fault::Fault;
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::profile::{ProfileDir, Settings, SignerSetting, read_public_key};
use super::proven::{ProvenRecord, prove_all, prove_message};
use super::seal_keys::{SealKeys, Stamp};
use super::trust::{ConsistencySource, Keep, Trust, blocking};
use super::verification::VerificationError;
use crate::domain::{DeskAddress, Hash, KeyRole, Principal};
use crate::error::ErrorCode;
use crate::ledger::KeyEntry;
use crate::seal::{ExecSigner, FileSigner, Signer};
use crate::time::{Clock, SystemClock};
use crate::transparency::SignedCheckpoint;
use crate::wire::v1;

/// A client of one relay, for one profile. Clones share everything.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) profile: ProfileDir,
    pub(super) settings: Settings,
    pub(super) connection: Connection,
    pub(super) trust: Trust,
    pub(super) directory: Mutex<Followed>,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    signers: Mutex<HashMap<KeyRole, Arc<dyn Signer>>>,
    /// What opens; none: not read yet.
    pub(super) seal_keys: Mutex<Option<(Arc<SealKeys>, Stamp)>>,
    clock: Arc<dyn Clock>,
}

/// The directory and where it is kept.
pub(super) struct Followed {
    pub(super) known: Arc<KnownDirectory>,
    cache: DirectoryCache,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("profile", &self.inner.profile)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Opens a profile. Connects to nobody yet; fails if the profile's checkpoint is lost.
    pub fn open(profile: &ProfileDir) -> Result<Self, ClientError> {
        let settings = Settings::read(profile)?;
        let connection = Connection::of(profile, &settings)?;
        Self::over(profile, settings, connection, Arc::new(SystemClock))
    }

    /// Opens a profile over a channel that is made elsewhere (another transport, a simulation), which vouches for the relay's
    /// identity, with the time from `clock`.
    pub fn open_over(
        profile: &ProfileDir,
        channel: Channel,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let settings = Settings::read(profile)?;
        Self::over(profile, settings, Connection::over(channel), clock)
    }

    fn over(
        profile: &ProfileDir,
        settings: Settings,
        connection: Connection,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let trust = Trust::open(profile.clone(), settings.log.clone())?;
        let (cache, known) = DirectoryCache::open(profile, &settings.log)?;
        Ok(Self {
            inner: Arc::new(Inner {
                outbox: Outbox::of(profile),
                inbox: Inbox::of(profile).timed_by(Arc::clone(&clock)),
                profile: profile.clone(),
                settings,
                connection,
                trust,
                directory: Mutex::new(Followed {
                    known: Arc::new(known),
                    cache,
                }),
                signers: Mutex::new(HashMap::new()),
                seal_keys: Mutex::new(None),
                clock,
            }),
        })
    }

    /// The profile.
    pub fn profile(&self) -> &ProfileDir {
        &self.inner.profile
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What was signed and has no verified receipt yet.
    pub fn outbox(&self) -> &Outbox {
        &self.inner.outbox
    }

    /// What was delivered.
    pub fn inbox(&self) -> &Inbox {
        &self.inner.inbox
    }

    /// The newest checkpoint that was verified.
    pub async fn newest_checkpoint(&self) -> SignedCheckpoint {
        self.inner.trust.newest().await
    }

    /// Asks for the newest checkpoint and verifies it.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, ClientError> {
        let before = self.inner.trust.newest().await.size();
        let answer = self
            .inner
            .connection
            .call(&v1::GetCheckpointRequest {}, |channel, message| async move {
                v1::audit_client::AuditClient::new(channel)
                    .get_checkpoint(message)
                    .await
            })
            .await?;
        self.inner
            .trust
            .accept_fresh(&answer.checkpoint, before, self)
            .await
    }

    /// The directory as it is known, without asking the relay.
    pub async fn known_directory(&self) -> Arc<KnownDirectory> {
        Arc::clone(&self.inner.directory.lock().await.known)
    }

    /// Asks for what is new in the directory and verifies it. Gives what this profile had not seen before.
    pub async fn follow_directory(&self) -> Result<Vec<DirectoryNews>, ClientError> {
        let mut followed = self.inner.directory.lock().await;
        let before = self.inner.trust.newest().await.size();
        let mut news = Vec::new();
        loop {
            let request = v1::GetDirectoryRequest {
                from_seq: followed.known.next_seq(),
            };
            let answer = self
                .inner
                .connection
                .call(&request, |channel, message| async move {
                    v1::directory_client::DirectoryClient::new(channel)
                        .max_decoding_message_size(crate::limits::GRPC_ANSWER_BYTES_MAX)
                        .get_directory(message)
                        .await
                })
                .await?;
            let checkpoint = self
                .inner
                .trust
                .accept_fresh(&answer.checkpoint, before, self)
                .await?;
            let page = prove_all(answer.records, &checkpoint)?;
            // Taken in as a whole or not at all.
            let mut known = KnownDirectory::clone(&followed.known);
            news.extend(known.take_in(&page, &self.inner.settings.log)?);
            let whole = known.next_seq() > answer.newest_seq;
            if whole {
                known.completed_to(checkpoint.size());
            } else if page.is_empty() {
                return Err(VerificationError::Incomplete("the directory's chain ends early").into());
            }
            followed.known = Arc::new(known);
            if !page.is_empty() {
                followed.cache.append(&page)?;
            }
            if whole {
                return Ok(news);
            }
        }
    }

    /// The directory with every change below a log index known.
    pub(super) async fn directory_to(&self, size: u64) -> Result<Arc<KnownDirectory>, ClientError> {
        let known = self.known_directory().await;
        if known.complete_to() >= size {
            return Ok(known);
        }
        self.follow_directory().await?;
        Ok(self.known_directory().await)
    }

    /// The directory up to a number of its chain, at least.
    pub(super) async fn directory_with(&self, seq: u64) -> Result<Arc<KnownDirectory>, ClientError> {
        let known = self.known_directory().await;
        if known.next_seq() > seq {
            return Ok(known);
        }
        self.follow_directory().await?;
        Ok(self.known_directory().await)
    }

    /// Keeps that a person has compared these keys' fingerprints with their owner's; gives the keys.
    pub async fn confirm_keys(
        &self,
        choose: impl Fn(&KeyEntry) -> bool,
    ) -> Result<Vec<KeyEntry>, ClientError> {
        let mut followed = self.inner.directory.lock().await;
        let chosen: Vec<KeyEntry> = followed
            .known
            .directory()
            .keys()
            .filter(|key| choose(key))
            .cloned()
            .collect();
        let mut known = KnownDirectory::clone(&followed.known);
        directory_cache::confirm(&self.inner.profile, &mut known, &chosen)?;
        followed.known = Arc::new(known);
        Ok(chosen)
    }

    /// The agency's desk that this profile speaks for.
    pub fn own_desk(&self) -> Result<DeskAddress, ClientError> {
        self.inner
            .settings
            .desk()
            .ok_or_else(|| ClientError::Invalid(format!("{} has no desk", self.inner.settings.principal)))
    }

    /// The time of the client's clock.
    pub fn time(&self) -> crate::time::Timestamp {
        self.now()
    }

    /// The same.
    pub(super) fn now(&self) -> crate::time::Timestamp {
        self.inner.clock.now()
    }

    /// Who signs now, in a role.
    pub(super) async fn author(&self, role: KeyRole, desk: Option<DeskAddress>, office: &str) -> Author {
        Author {
            origin: self.inner.settings.log.origin().clone(),
            principal: self.inner.settings.principal.clone(),
            role,
            desk,
            office: office.to_owned(),
            seen: Some(self.inner.trust.seen().await),
            now: self.now(),
        }
    }

    /// The signer of a role; its key is read once.
    pub(super) async fn signer(&self, role: KeyRole) -> Result<Arc<dyn Signer>, ClientError> {
        let mut signers = self.inner.signers.lock().await;
        if let Some(signer) = signers.get(&role) {
            return Ok(Arc::clone(signer));
        }
        let profile = self.inner.profile.clone();
        let setting = self.inner.settings.signer.clone();
        let signer = blocking(move || load_signer(&profile, &setting, role)).await?;
        signers.insert(role, Arc::clone(&signer));
        Ok(signer)
    }

    /// Whether this profile is the principal.
    pub(super) fn is_us(&self, principal: &Principal) -> bool {
        self.inner.settings.principal == *principal
    }

    /// Verifies the checkpoint that stands in a receipt, then the receipt.
    pub(super) async fn prove_with_own_checkpoint(
        &self,
        receipt: Option<v1::Receipt>,
        keep: Keep,
    ) -> Result<ProvenRecord, ClientError> {
        let note = receipt.as_ref().map(|receipt| receipt.checkpoint.clone());
        let note = note.ok_or(VerificationError::Incomplete("a receipt is missing"))?;
        let checkpoint = self.inner.trust.accept_and(keep, &note, self).await?;
        Ok(prove_message(receipt, &checkpoint)?)
    }
}

#[async_trait]
impl ConsistencySource for Client {
    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, ClientError> {
        if old == 0 {
            return Ok(Vec::new());
        }
        let request = v1::ProveConsistencyRequest {
            old_size: old,
            new_size: new,
        };
        let answered = self
            .inner
            .connection
            .call(&request, |channel, message| async move {
                v1::audit_client::AuditClient::new(channel)
                    .prove_consistency(message)
                    .await
            })
            .await;
        let answer = match answered {
            Ok(answer) => answer,
            // It signed both sizes, so it can prove them; refusing is as good as a contradiction, unless it would refuse us
            // anything: a key of ours that was revoked meanwhile is no fault of the log's.
            Err(Fault::Refused(refusal, _))
                if !refusal.refused.code.retryable() && !is_about_who_asks(refusal.refused.code) =>
            {
                return Err(VerificationError::NotConsistent { old, new }.into());
            }
            Err(fault) => return Err(fault.into()),
        };
        crate::wire::proof_hashes(&answer.proof)
            .map_err(|_| VerificationError::NotConsistent { old, new }.into())
    }
}

/// Whether a code refuses whoever asks, whatever the question.
const fn is_about_who_asks(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownCertificate | ErrorCode::RevokedKey | ErrorCode::PermissionDenied
    )
}

fn load_signer(
    profile: &ProfileDir,
    setting: &SignerSetting,
    role: KeyRole,
) -> Result<Arc<dyn Signer>, ClientError> {
    match setting {
        SignerSetting::File => Ok(Arc::new(FileSigner::load(&profile.secret_key(role))?)),
        SignerSetting::Exec(command) => {
            let public_key = read_public_key(profile, role)?;
            Ok(Arc::new(ExecSigner::parse(command, role, public_key)?))
        }
    }
}
