//! Erasing what is due in the inbox, by the profile's rules and as auditors' holds allow, and attesting it: an officer signs what
//! was erased, when and by what. The relay is asked only for the directory, where the holds are; no record is made of it in this version.

use std::collections::BTreeSet;

use super::compose::unsignable;
use super::error::ClientError;
use super::handle::Client;
use super::inbox::InboxName;
use super::inbox_erasure::{ErasedBy, ErasedHere, Fate, KeptFile};
use super::trust::blocking;
use crate::domain::{
    AgencyId, Bucket, DeskAddress, Digest, ErasureAttestation, KeyId, KeyRole, Principal, SignedEnvelope,
};
use crate::ledger::HoldEntry;
use crate::limits;
use crate::seal::{PayloadKind, sign_envelope, verify_envelope_as};
use crate::time::Timestamp;
use crate::wire;

/// Something in the inbox of which what it says is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHere {
    /// Which delivery.
    pub name: InboxName,
    /// Its class and day.
    pub bucket: Bucket,
    /// The rule: so many whole days after the day.
    pub days: u32,
    /// When the rule erases it.
    pub due: Timestamp,
    /// The record of an auditor's hold that keeps it.
    pub held: Option<u64>,
}

/// An attestation whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// What is attested.
    pub attestation: ErasureAttestation,
    /// The key that signed it.
    pub keyid: KeyId,
    /// Whether a person has confirmed that key.
    pub key_confirmed: bool,
    /// Up to which size of the log its key is known not to be revoked.
    pub known_to: u64,
}

/// The holds as this profile knows them, and whose inbox it is.
#[derive(Debug, Clone)]
struct Holds {
    holds: Vec<HoldEntry>,
    own: Option<AgencyId>,
}

impl Holds {
    /// The first that reaches a delivery: it was between its originator and us. Who else got it, this profile does not know.
    fn reach(&self, file: &KeptFile) -> Option<u64> {
        let between = || file.originator.iter().chain(&self.own);
        let mut holds = self.holds.iter();
        let reaches = |hold: &&HoldEntry| hold.reaches(&file.name.digest, between());
        holds.find(reaches).map(|hold| hold.index)
    }
}

fn check_office(office: &str) -> Result<(), ClientError> {
    if office.is_empty() || office.chars().any(char::is_control) || office.len() > limits::NAME_CHARS_MAX {
        return Err(ClientError::Invalid(
            "an office orders it, in one line and not too many words".to_owned(),
        ));
    }
    Ok(())
}

impl Client {
    /// What the inbox keeps with what it says, and when that is erased. Knows the holds of the directory as it was last followed.
    pub async fn inbox_kept(&self) -> Result<Vec<KeptHere>, ClientError> {
        let (inbox, rules, holds) = (
            self.inbox().clone(),
            self.settings().retention,
            self.holds().await,
        );
        let kept = blocking(move || Ok(inbox.kept()?)).await?;
        let kept = kept.into_iter().map(|file| {
            let days = rules.days(file.bucket.class());
            KeptHere {
                held: holds.reach(&file),
                name: file.name,
                bucket: file.bucket,
                days,
                due: file.bucket.due(days),
            }
        });
        Ok(kept.collect())
    }

    /// Erases what is due, but what an auditor holds, and finishes what was begun. Gives what was erased. The directory is followed
    /// first: while the relay is away nobody knows what is held, so nothing is erased, and the error [is
    /// passing](ClientError::is_passing). Nor is anything by a clock that is far ahead: see
    /// [`clock_checked`](Self::clock_checked).
    pub async fn erase_due(&self) -> Result<Vec<(InboxName, ErasedHere)>, ClientError> {
        if let Err(error) = self.follow_directory().await {
            tracing::warn!(%error, "nothing is erased in the inbox until the directory can be followed");
            // What earlier versions stored plain waits for nobody.
            let inbox = self.inbox().clone();
            blocking(move || Ok(inbox.encrypt()?)).await?;
            return Err(error);
        }
        self.erase_due_as_known().await
    }

    /// The same by the directory as it was followed last.
    pub(in crate::client) async fn erase_due_as_known(
        &self,
    ) -> Result<Vec<(InboxName, ErasedHere)>, ClientError> {
        let (inbox, rules, holds) = (
            self.inbox().clone(),
            self.settings().retention,
            self.holds().await,
        );
        let now = self.now();
        let fate = move |file: &KeptFile| {
            let days = rules.days(file.bucket.class());
            match (holds.reach(file), file.bucket.due(days) <= now) {
                (Some(_), _) => Fate::Held,
                (None, true) => Fate::Goes(ErasedBy::Rule { days }),
                (None, false) => Fate::Stays,
            }
        };
        blocking(move || {
            inbox.encrypt()?;
            inbox.believe(now)?;
            Ok(inbox.erase(&fate)?)
        })
        .await
    }

    /// A person has checked that the clock is right, however far it is ahead of what was last known: what is due by it may be
    /// erased.
    pub async fn clock_checked(&self) -> Result<(), ClientError> {
        let (inbox, now) = (self.inbox().clone(), self.now());
        blocking(move || Ok(inbox.clock_checked(now)?)).await
    }

    /// Erases one warning before its rule would, by order of an office, at whichever desks of ours it came to. What an auditor
    /// holds is not erased. The directory is followed first, and nothing is erased by a clock that is far ahead, as in
    /// [`erase_due`](Self::erase_due).
    pub async fn erase_early(
        &self,
        warning: Digest,
        office: &str,
    ) -> Result<Vec<(InboxName, ErasedHere)>, ClientError> {
        check_office(office)?;
        self.follow_directory().await?;
        self.erase_early_as_known(warning, office).await
    }

    /// The same by the directory as it was followed last.
    pub(in crate::client) async fn erase_early_as_known(
        &self,
        warning: Digest,
        office: &str,
    ) -> Result<Vec<(InboxName, ErasedHere)>, ClientError> {
        check_office(office)?;
        let (inbox, holds, office) = (self.inbox().clone(), self.holds().await, office.to_owned());
        let now = self.now();
        blocking(move || {
            // By a clock that is ahead a hold would have ended.
            inbox.believe(now)?;
            let mut kept = inbox.kept()?.into_iter();
            let ours = |file: &KeptFile| file.name.digest == warning;
            if let Some(hold) = kept.find_map(|file| holds.reach(&file).filter(|_| ours(&file))) {
                return Err(ClientError::Invalid(format!(
                    "an auditor holds it by record {hold}: see wardline audit holds"
                )));
            }
            let fate = |file: &KeptFile| match (holds.reach(file), ours(file)) {
                (Some(_), _) => Fate::Held,
                (None, true) => Fate::Goes(ErasedBy::Order {
                    office: office.clone(),
                }),
                (None, false) => Fate::Stays,
            };
            Ok(inbox.erase(&fate)?)
        })
        .await
    }

    async fn holds(&self) -> Holds {
        let known = self.known_directory().await;
        Holds {
            holds: known.directory().holds_at(self.now()).cloned().collect(),
            own: self.settings().principal.agency().cloned(),
        }
    }

    /// An officer attests that a warning was erased here, at a desk. Refused while anything of it is kept, at any desk of ours.
    pub async fn attest_erasure(
        &self,
        warning: Digest,
        desk: &DeskAddress,
        office: &str,
    ) -> Result<SignedEnvelope, ClientError> {
        let inbox = self.inbox().clone();
        let of_desk = desk.clone();
        let erased = blocking(move || {
            let invalid = |why: String| Err(ClientError::Invalid(why));
            let names = inbox.list()?.into_keys().filter(|name| name.digest == warning);
            let (mut erased, mut kept_at) = (None, BTreeSet::new());
            for name in names {
                match inbox.erased(&name)? {
                    Some(it) if name.desk == of_desk => erased = Some(it),
                    Some(_) => {}
                    None => {
                        kept_at.insert(name.desk.to_string());
                    }
                }
            }
            match (erased, kept_at.is_empty()) {
                (Some(erased), true) => Ok(erased),
                (None, true) => invalid(format!("{warning} never came to {of_desk}")),
                (_, false) => {
                    let desks: Vec<String> = kept_at.into_iter().collect();
                    invalid(format!("{warning} is not erased at {}", desks.join(", ")))
                }
            }
        })
        .await?;
        let acts = self.settings().desk.clone();
        let author = self.author(KeyRole::Officer, acts, office).await;
        let attestation = ErasureAttestation {
            common: author.common()?,
            warning_digest: warning,
            desk: desk.clone(),
            bucket: erased.bucket,
            days: match erased.by {
                ErasedBy::Rule { days } => days,
                ErasedBy::Order { .. } => 0,
            },
            erased_at: erased.at,
            extensions: Vec::new(),
        };
        let payload = wire::encode_erasure_attestation(&attestation);
        let signer = self.signer(KeyRole::Officer).await?;
        let envelope = sign_envelope(signer.as_ref(), PayloadKind::ErasureAttestation, payload).await?;
        let key = signer.public_key();
        let verified = verify_envelope_as(envelope.clone(), PayloadKind::ErasureAttestation, |_| Some(key))
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
        wire::erasure_attestation(&verified).map_err(unsignable)?;
        Ok(envelope)
    }

    /// Verifies what somebody attests, offline, with the directory as this profile has verified it. The error is a sentence. It is on no
    /// record, so its key must be valid still: once it is revoked, nothing shows that it signed before.
    pub async fn verify_attestation(&self, envelope: SignedEnvelope) -> Result<Attested, ClientError> {
        // Its key may have been revoked since; where nobody can be asked, what is known counts, and is told.
        self.learn_keys().await?;
        let known = self.known_directory().await;
        let newest = self.newest_checkpoint().await.size();
        let untrue = |why: String| ClientError::Verification {
            error: Box::new(super::VerificationError::Attestation(why)),
            evidence: None,
        };
        let [signature] = envelope.signatures.as_slice() else {
            return Err(untrue("it is not signed by exactly one key".to_owned()));
        };
        let keyid = signature.keyid;
        let Some(key) = known.directory().key(&keyid) else {
            return Err(untrue(format!("{keyid} is enrolled nowhere that is known here")));
        };
        let Some(public_key) = key.signing().filter(|_| key.role == KeyRole::Officer) else {
            return Err(untrue(format!("{keyid} is no officer's key")));
        };
        if !key.is_valid_at(newest) {
            return Err(untrue(format!(
                "{keyid} is revoked: nothing shows that it signed before"
            )));
        }
        let verified = verify_envelope_as(envelope, PayloadKind::ErasureAttestation, |_| Some(public_key));
        let verified = verified.map_err(|error| untrue(error.to_string()))?;
        let attestation =
            wire::erasure_attestation(&verified).map_err(|refused| untrue(refused.to_string()))?;
        let signer = attestation.common.named();
        let signer = signer.ok_or_else(|| untrue("its signer is not named".to_owned()))?;
        if attestation.common.origin != *self.settings().log.origin() {
            return Err(untrue("it was signed for another log".to_owned()));
        }
        if signer.principal != key.principal || signer.role != key.role {
            return Err(untrue("it names another signer than its key's".to_owned()));
        }
        if signer.principal != Principal::Agency(attestation.desk.agency().clone()) {
            return Err(untrue("it is about a desk of another agency".to_owned()));
        }
        let seen = signer.seen.as_ref();
        if !seen.is_some_and(|seen| key.is_valid_at(seen.size)) {
            return Err(untrue(
                "its key was not valid where its signer says to have seen the log".to_owned(),
            ));
        }
        Ok(Attested {
            key_confirmed: known.is_confirmed(&keyid),
            known_to: known.complete_to(),
            attestation,
            keyid,
        })
    }
}

/// Erases what is due once a day, by the client's clock.
#[derive(Debug)]
pub struct DailyErasure {
    client: Client,
    pub(in crate::client) last: Option<Timestamp>,
}

impl DailyErasure {
    /// It has never run.
    pub fn of(client: &Client) -> Self {
        Self {
            client: client.clone(),
            last: None,
        }
    }

    /// Runs, if a day has passed since the last run; `None`: it has not. After an error the next call tries again.
    pub async fn look(&mut self) -> Result<Option<Vec<(InboxName, ErasedHere)>>, ClientError> {
        let now = self.client.now();
        if !self.is_time(now) {
            return Ok(None);
        }
        let erased = self.client.erase_due().await?;
        self.last = Some(now);
        Ok(Some(erased))
    }

    /// Whether a day has passed since the last run, or the clock was set back.
    pub(in crate::client) fn is_time(&self, now: Timestamp) -> bool {
        let early = |last: Timestamp| (0..limits::INBOX_ERASURE_EVERY_MS).contains(&now.ms_since(last));
        !self.last.is_some_and(early)
    }
}
