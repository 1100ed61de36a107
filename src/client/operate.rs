//! Changing the directory: what an operator enrols and suspends, what an agency publishes of itself. Each is signed into the
//! outbox, sent, and done only when the record that holds it was proven.

use std::future::Future;
use std::path::PathBuf;

use prost::Message;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::error::ClientError;
use super::handle::Client;
use super::matching;
use super::outbox::{OutboxEntry, OutboxKind};
use super::proven::{ProvenRecord, prove_all};
use super::receipts;
use super::submit::damaged;
use super::trust::{Keep, blocking};
use super::verification::VerificationError;
use crate::domain::{
    AgencyEnrolment, AgencyId, AgencyKind, Common, Desk, Desks, Digest, Hold, KeyId, KeyRevocation, KeyRole,
    Mandate, PayloadId, Principal, RecordKind, RevocationReason, SignedEnvelope, StateEnrolment, StateId,
    Suspension,
};
use crate::error::Refused;
use crate::seal::{PayloadKind, sign_envelope};
use crate::time::Timestamp;
use crate::transparency::SignedCheckpoint;
use crate::wire::v1::directory_client::DirectoryClient;
use crate::wire::v1::operator_client::OperatorClient;
use crate::wire::{self, v1};

/// A change of the directory that is on the record; verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The id of what was signed.
    pub id: PayloadId,
    /// Its digest.
    pub digest: Digest,
    /// The record.
    pub index: u64,
    /// The tlog-proof of the record.
    pub receipt: PathBuf,
    /// It was on the record before.
    pub repeated: bool,
    /// What it was proven against: it holds the record.
    pub checkpoint: SignedCheckpoint,
}

/// An answer to a change: one record, with its checkpoint, and those that follow from it.
trait Answer: Message + Default {
    fn parts(self) -> (Option<v1::Receipt>, Vec<v1::Receipt>, bool);
}

macro_rules! answers {
    ($($name:ident)+) => {
        $(impl Answer for v1::$name {
            fn parts(self) -> (Option<v1::Receipt>, Vec<v1::Receipt>, bool) {
                (self.receipt, Vec::new(), self.repeated)
            }
        })+
    };
}
answers! {
    EnrolStateResponse SuspendAgencyResponse ReinstateAgencyResponse PublishOperatorKeyResponse PublishKeyResponse
    PublishDesksResponse PublishMandateResponse PlaceHoldResponse
}

impl Answer for v1::EnrolAgencyResponse {
    fn parts(self) -> (Option<v1::Receipt>, Vec<v1::Receipt>, bool) {
        (self.receipt, self.keys, self.repeated)
    }
}

impl Client {
    /// Enrols a state by its first root, whose own certificate this is.
    pub async fn enrol_state(
        &self,
        state: StateId,
        root_certificate: SignedEnvelope,
    ) -> Result<Recorded, ClientError> {
        let common = self.operator_common().await?;
        let payload = wire::encode_state_enrolment(&StateEnrolment {
            common: common.clone(),
            state,
            root_certificate_digest: root_certificate.digest(),
            home_origin: String::new(),
            extensions: Vec::new(),
        });
        let enrolment = self
            .sign_as(KeyRole::Operator, PayloadKind::StateEnrolment, payload)
            .await?;
        let request = v1::EnrolStateRequest {
            enrolment: Some((&enrolment).into()),
            root_certificate: Some((&root_certificate).into()),
        };
        self.keep_and_send(&common, OutboxKind::StateEnrolment, &request)
            .await
    }

    /// Enrols an agency with its first keys.
    pub async fn enrol_agency(
        &self,
        agency: AgencyId,
        name: &str,
        kind: AgencyKind,
        certificates: &[SignedEnvelope],
    ) -> Result<Recorded, ClientError> {
        let common = self.operator_common().await?;
        let payload = wire::encode_agency_enrolment(&AgencyEnrolment {
            common: common.clone(),
            agency,
            name: name.to_owned(),
            kind,
            certificate_digests: certificates.iter().map(SignedEnvelope::digest).collect(),
            home_origin: String::new(),
            extensions: Vec::new(),
        });
        let enrolment = self
            .sign_as(KeyRole::Operator, PayloadKind::AgencyEnrolment, payload)
            .await?;
        let request = v1::EnrolAgencyRequest {
            enrolment: Some((&enrolment).into()),
            certificates: certificates.iter().map(Into::into).collect(),
        };
        self.keep_and_send(&common, OutboxKind::AgencyEnrolment, &request)
            .await
    }

    /// Stops an agency's submissions.
    pub async fn suspend(&self, agency: AgencyId, reason: &str) -> Result<Recorded, ClientError> {
        let common = self.operator_common().await?;
        let payload = wire::encode_suspension(&suspension(&common, agency, reason));
        let envelope = self
            .sign_as(KeyRole::Operator, PayloadKind::Suspension, payload)
            .await?;
        let request = v1::SuspendAgencyRequest {
            envelope: Some((&envelope).into()),
        };
        self.keep_and_send(&common, OutboxKind::Suspension, &request)
            .await
    }

    /// Allows an agency's submissions again.
    pub async fn reinstate(&self, agency: AgencyId, reason: &str) -> Result<Recorded, ClientError> {
        let common = self.operator_common().await?;
        let payload = wire::encode_reinstatement(&suspension(&common, agency, reason));
        let envelope = self
            .sign_as(KeyRole::Operator, PayloadKind::Reinstatement, payload)
            .await?;
        let request = v1::ReinstateAgencyRequest {
            envelope: Some((&envelope).into()),
        };
        self.keep_and_send(&common, OutboxKind::Reinstatement, &request)
            .await
    }

    /// Publishes an operator's key, or its revocation, which others have signed.
    pub async fn publish_operator_key(&self, envelope: &SignedEnvelope) -> Result<Recorded, ClientError> {
        let request = v1::PublishOperatorKeyRequest {
            envelope: Some(envelope.into()),
        };
        self.keep_and_send(&common_of(envelope)?, OutboxKind::OperatorKey, &request)
            .await
    }

    /// Publishes a key's certificate, its revocation or a root's succession, which others have signed.
    pub async fn publish_key(&self, envelope: &SignedEnvelope) -> Result<Recorded, ClientError> {
        let request = v1::PublishKeyRequest {
            envelope: Some(envelope.into()),
        };
        self.keep_and_send(&common_of(envelope)?, OutboxKind::Key, &request)
            .await
    }

    /// Revokes a key of this agency with that very key, which the profile does not use any more.
    pub async fn revoke_by(
        &self,
        old: &dyn crate::seal::Signer,
        role: KeyRole,
        keyid: KeyId,
        reason: RevocationReason,
    ) -> Result<Recorded, ClientError> {
        let common = self.author(role, None, "").await.common()?;
        let payload = wire::encode_key_revocation(&KeyRevocation {
            common,
            principal: self.settings().principal.clone(),
            keyid,
            reason,
            extensions: Vec::new(),
        });
        let envelope = sign_envelope(old, PayloadKind::KeyRevocation, payload).await?;
        self.publish_key(&envelope).await
    }

    /// Revokes a key with a key of this profile: its own (an agency's key by itself), or any operator's by an operator. A
    /// TLS key signs nothing: its root revokes it ([`super::keys::revoke_to_file`]).
    pub async fn revoke(&self, keyid: KeyId, reason: RevocationReason) -> Result<Recorded, ClientError> {
        self.follow_directory().await?;
        let known = self.known_directory().await;
        let missing = || ClientError::Invalid(format!("the directory has no key {keyid}"));
        let key = known.directory().key(&keyid).ok_or_else(missing)?;
        let operator = matches!(key.principal, Principal::Operator(_));
        let role = if operator { KeyRole::Operator } else { key.role };
        if !role.signs() {
            let why = format!("a {role} key signs nothing: the root of its state revokes it");
            return Err(ClientError::Invalid(why));
        }
        if !operator && self.signer(role).await?.public_key().keyid() != keyid {
            let why =
                format!("{keyid} is not this profile's {role} key: it is revoked by itself or its root");
            return Err(ClientError::Invalid(why));
        }
        let common = self.author(role, None, "").await.common()?;
        let payload = wire::encode_key_revocation(&KeyRevocation {
            common,
            principal: key.principal.clone(),
            keyid,
            reason,
            extensions: Vec::new(),
        });
        let envelope = self.sign_as(role, PayloadKind::KeyRevocation, payload).await?;
        if operator {
            self.publish_operator_key(&envelope).await
        } else {
            self.publish_key(&envelope).await
        }
    }

    /// Publishes all desks of this agency, in place of what it published before.
    pub async fn publish_desks(&self, mut desks: Vec<Desk>, office: &str) -> Result<Recorded, ClientError> {
        desks.sort_by(|a, b| a.address.cmp(&b.address));
        let common = self.officer_common(office).await?;
        let payload = wire::encode_desks(&Desks {
            common: common.clone(),
            desks,
            extensions: Vec::new(),
        });
        let envelope = self
            .sign_as(KeyRole::Officer, PayloadKind::Desks, payload)
            .await?;
        let request = v1::PublishDesksRequest {
            envelope: Some((&envelope).into()),
        };
        self.keep_and_send(&common, OutboxKind::Desks, &request).await
    }

    /// Admits an auditor to all that this agency may see, or dismisses it.
    pub async fn publish_mandate(
        &self,
        auditor: AgencyId,
        withdrawn: bool,
        office: &str,
    ) -> Result<Recorded, ClientError> {
        let common = self.officer_common(office).await?;
        let payload = wire::encode_mandate(&Mandate {
            common: common.clone(),
            auditor,
            withdrawn,
            extensions: Vec::new(),
        });
        let envelope = self
            .sign_as(KeyRole::Officer, PayloadKind::Mandate, payload)
            .await?;
        let request = v1::PublishMandateRequest {
            envelope: Some((&envelope).into()),
        };
        self.keep_and_send(&common, OutboxKind::Mandate, &request).await
    }

    /// Holds, until a time, what rules of retention would erase: of these warnings, or of all of these agencies, or of all
    /// that admit this auditor.
    pub async fn place_hold(
        &self,
        until: Timestamp,
        reason: &str,
        mut warnings: Vec<Digest>,
        mut agencies: Vec<AgencyId>,
        office: &str,
    ) -> Result<Recorded, ClientError> {
        warnings.sort_unstable();
        warnings.dedup();
        agencies.sort_unstable();
        agencies.dedup();
        let common = self.officer_common(office).await?;
        let payload = wire::encode_hold(&Hold {
            common: common.clone(),
            until,
            reason: reason.to_owned(),
            warnings,
            agencies,
            extensions: Vec::new(),
        });
        let envelope = self.sign_as(KeyRole::Officer, PayloadKind::Hold, payload).await?;
        let request = v1::PlaceHoldRequest {
            envelope: Some((&envelope).into()),
        };
        self.keep_and_send(&common, OutboxKind::Hold, &request).await
    }

    /// How the relay is, by its own word.
    pub async fn operator_status(&self) -> Result<v1::GetStatusResponse, ClientError> {
        let answer = self
            .inner
            .connection
            .call(&v1::GetStatusRequest {}, |channel, message| async move {
                OperatorClient::new(channel)
                    .max_decoding_message_size(crate::limits::GRPC_ANSWER_BYTES_MAX)
                    .get_status(message)
                    .await
            })
            .await?;
        self.inner.trust.accept(&answer.checkpoint, self).await?;
        Ok(answer)
    }

    /// Sends a change of the outbox, these very bytes.
    pub(super) async fn send_change(&self, entry: &OutboxEntry) -> Result<Recorded, ClientError> {
        match entry.kind {
            OutboxKind::StateEnrolment => {
                let request: v1::EnrolStateRequest = decode(entry)?;
                let envelope = envelope(request.enrolment.clone(), entry)?;
                let call =
                    |channel, message| async move { OperatorClient::new(channel).enrol_state(message).await };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::AgencyEnrolment => {
                let request: v1::EnrolAgencyRequest = decode(entry)?;
                let envelope = envelope(request.enrolment.clone(), entry)?;
                let keys = request
                    .certificates
                    .iter()
                    .map(|certificate| SignedEnvelope::try_from(certificate.clone()))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| damaged(entry))?;
                let call = |channel, message| async move {
                    OperatorClient::new(channel).enrol_agency(message).await
                };
                self.change(entry, envelope, &keys, &request, call).await
            }
            OutboxKind::Suspension => {
                let request: v1::SuspendAgencyRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    OperatorClient::new(channel).suspend_agency(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Reinstatement => {
                let request: v1::ReinstateAgencyRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    OperatorClient::new(channel).reinstate_agency(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::OperatorKey => {
                let request: v1::PublishOperatorKeyRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    OperatorClient::new(channel).publish_operator_key(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Key => {
                let request: v1::PublishKeyRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    DirectoryClient::new(channel).publish_key(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Desks => {
                let request: v1::PublishDesksRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    DirectoryClient::new(channel).publish_desks(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Hold => {
                let request: v1::PlaceHoldRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call =
                    |channel, message| async move { DirectoryClient::new(channel).place_hold(message).await };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Mandate => {
                let request: v1::PublishMandateRequest = decode(entry)?;
                let envelope = envelope(request.envelope.clone(), entry)?;
                let call = |channel, message| async move {
                    DirectoryClient::new(channel).publish_mandate(message).await
                };
                self.change(entry, envelope, &[], &request, call).await
            }
            OutboxKind::Warning | OutboxKind::Acknowledgement => Err(damaged(entry)),
        }
    }

    /// One change: the call, the proof that the record holds our envelope, and those of the keys that came with it.
    async fn change<Q, A, F>(
        &self,
        entry: &OutboxEntry,
        envelope: SignedEnvelope,
        keys: &[SignedEnvelope],
        request: &Q,
        call: impl Fn(Channel, Q) -> F,
    ) -> Result<Recorded, ClientError>
    where
        Q: Clone,
        A: Answer,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let answer = match self.inner.connection.call(request, call).await {
            Ok(answer) => answer,
            Err(fault) => return Err(self.not_done(Some(entry), &envelope, fault, None).await),
        };
        let evidence = answer.encode_to_vec();
        let verified = self.settle_change(entry, &envelope, keys, answer).await;
        self.with_evidence(verified, &format!("change-{}", entry.id), &evidence)
    }

    async fn settle_change(
        &self,
        entry: &OutboxEntry,
        envelope: &SignedEnvelope,
        keys: &[SignedEnvelope],
        answer: impl Answer,
    ) -> Result<Recorded, ClientError> {
        let (receipt, more, repeated) = answer.parts();
        let proven = self.prove_with_own_checkpoint(receipt, Keep::Now).await?;
        let more = prove_all(more, proven.checkpoint())?;
        matching::recorded(envelope, &proven)?;
        check_keys(keys, &proven, &more)?;
        let (profile, outbox, entry) = (self.profile().clone(), self.outbox().clone(), entry.clone());
        let (id, index, checkpoint) = (entry.id, proven.index(), proven.checkpoint().clone());
        let name = format!("{}-{}", entry.kind.name(), entry.id);
        let receipt = blocking(move || {
            let receipt = receipts::keep(&profile, &name, &proven, &more)?;
            outbox.remove(&entry)?;
            Ok(receipt)
        })
        .await?;
        Ok(Recorded {
            id,
            digest: envelope.digest(),
            index,
            receipt,
            repeated,
            checkpoint,
        })
    }

    async fn keep_and_send(
        &self,
        common: &Common,
        kind: OutboxKind,
        request: &impl Message,
    ) -> Result<Recorded, ClientError> {
        let entry = self.put(common.id, kind, request.encode_to_vec()).await?;
        self.send_change(&entry).await
    }

    async fn sign_as(
        &self,
        role: KeyRole,
        kind: PayloadKind,
        payload: bytes::Bytes,
    ) -> Result<SignedEnvelope, ClientError> {
        let signer = self.signer(role).await?;
        Ok(sign_envelope(signer.as_ref(), kind, payload).await?)
    }

    async fn operator_common(&self) -> Result<Common, ClientError> {
        self.author(KeyRole::Operator, None, "").await.common()
    }

    async fn officer_common(&self, office: &str) -> Result<Common, ClientError> {
        let desk = self.settings().desk.clone();
        self.author(KeyRole::Officer, desk, office).await.common()
    }
}

fn suspension(common: &Common, agency: AgencyId, reason: &str) -> Suspension {
    Suspension {
        common: common.clone(),
        agency,
        reason: reason.to_owned(),
        extensions: Vec::new(),
    }
}

fn decode<M: Message + Default>(entry: &OutboxEntry) -> Result<M, ClientError> {
    M::decode(entry.message.clone()).map_err(|_| damaged(entry))
}

fn envelope(message: Option<v1::Envelope>, entry: &OutboxEntry) -> Result<SignedEnvelope, ClientError> {
    message
        .and_then(|message| message.try_into().ok())
        .ok_or_else(|| damaged(entry))
}

/// The beginning of what somebody else has signed.
pub(super) fn common_of(envelope: &SignedEnvelope) -> Result<Common, ClientError> {
    let refused = |refused: Refused| ClientError::Invalid(refused.to_string());
    let kind: PayloadKind = envelope
        .payload_type
        .parse()
        .map_err(|error| ClientError::Invalid(format!("{error}")))?;
    match kind {
        PayloadKind::KeyCertificate => Ok(wire::key_certificate(envelope).map_err(refused)?.common),
        PayloadKind::RootSuccession => Ok(wire::root_succession_unverified(envelope)
            .map_err(refused)?
            .common),
        PayloadKind::KeyRevocation
        | PayloadKind::Warning
        | PayloadKind::Acknowledgement
        | PayloadKind::Desks
        | PayloadKind::Mandate
        | PayloadKind::Hold
        | PayloadKind::ErasureAttestation
        | PayloadKind::OnwardTransfer
        | PayloadKind::StateEnrolment
        | PayloadKind::AgencyEnrolment
        | PayloadKind::Suspension
        | PayloadKind::Reinstatement => wire::common(kind, &envelope.payload)
            .ok_or_else(|| ClientError::Invalid("what was signed cannot be read".to_owned())),
    }
}

/// The keys of an enrolment follow it at once, in its order.
fn check_keys(
    keys: &[SignedEnvelope],
    enrolment: &ProvenRecord,
    published: &[ProvenRecord],
) -> Result<(), VerificationError> {
    if keys.len() != published.len() {
        return Err(VerificationError::Incomplete(
            "another number of keys is on the record than was enrolled",
        ));
    }
    let mut last = enrolment.index();
    for (key, proven) in keys.iter().zip(published) {
        let ours = matches!(&proven.record().kind, RecordKind::KeyPublished(envelope) if envelope == key);
        if !ours || proven.index() <= last {
            return Err(VerificationError::OtherRecord {
                index: proven.index(),
                why: "it does not publish the key that was enrolled",
            });
        }
        last = proven.index();
    }
    Ok(())
}
