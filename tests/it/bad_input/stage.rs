//! One relay for the whole table, the real binary over real TLS: who is enrolled at it, their connections, and the
//! log as an auditor with everybody's mandate reads it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use prost::Message;
use rcgen::{CertificateParams, KeyPair};
use tonic::Status;
use tonic::transport::Channel;
use v1::audit_client::AuditClient;
use v1::replay_response::Kind;
use wardline::domain::{AgencyKind, KeyId, KeyRole, Record, ReplayedContent, ReplayedRecord, Seen};
use wardline::time::{Clock as _, SystemClock};
use wardline::tls::TlsIdentity;
use wardline::transparency::{LogVerifier, SignedCheckpoint};
use wardline::wire::{self, v1};

use super::row::Request;
use crate::support::{self, Home, RelayProcess, call, call_stream};
use crate::world::{World, parsed};

/// ACTUAL is tested only at a log that can never be a real relay's (RFC 2606).
pub(super) const ORIGIN: &str = "bad-input.invalid";

/// Sends.
pub(super) const US: &str = "us.ctc";
/// Receives.
pub(super) const RU: &str = "ru.ctc";
/// Another desk of the one that receives; nobody listens there.
pub(super) const AVIATION: &str = "ru.ctc/aviation";
/// Has no part in what the others send each other; its `originate` key is revoked.
pub(super) const BE: &str = "be.ctc";
/// Is suspended.
pub(super) const FR: &str = "fr.ctc";
/// Has the mandate of all four.
pub(super) const AUDITOR: &str = "us.audit";
pub(super) const OPERATOR: &str = "operator:alice";
/// Has a TLS key that nobody enrolled.
pub(super) const STRANGER: &str = "a stranger";
/// Has a TLS key of the sender's that was revoked.
pub(super) const REVOKED: &str = "a revoked TLS key";

pub(super) struct Stage {
    pub(super) world: World,
    pub(super) log: LogVerifier,
    channels: BTreeMap<&'static str, Channel>,
    relay: RelayProcess,
    address: SocketAddr,
    pin: KeyId,
    home: Home,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let mut world = World::new();
        world.origin = parsed(ORIGIN);
        world.now = SystemClock.now();
        let home = Home::of(ORIGIN, world.genesis(&["alice"]).operator_certificates);
        let begun = home.begin().await;
        let relay = RelayProcess::start(home.path(), &[]);
        let address = relay.serving["listen"].as_str().unwrap().parse().unwrap();
        let pin = begun.tls_keyid;
        let mut stage = Self {
            world,
            log: begun.verifier,
            channels: BTreeMap::new(),
            relay,
            address,
            pin,
            home,
        };
        stage.connect(OPERATOR, OPERATOR, 0).await;
        for state in ["be", "fr", "ru", "us"] {
            stage.enrol_state(state).await;
        }
        for agency in [US, RU, BE, FR] {
            let roles = [
                KeyRole::Originate,
                KeyRole::Receive,
                KeyRole::Officer,
                KeyRole::Tls,
            ];
            stage.enrol_agency(agency, AgencyKind::Agency, &roles).await;
        }
        let roles = [KeyRole::Originate, KeyRole::Tls];
        stage.enrol_agency(AUDITOR, AgencyKind::Auditor, &roles).await;
        stage.publish().await;
        let stranger = stage.home.stranger();
        let channel = support::channel(address, pin, &stranger).await;
        stage.channels.insert(STRANGER, channel);
        stage.connect(REVOKED, US, 1).await;
        stage.look().await;
        stage
    }

    async fn enrol_state(&mut self, state: &str) {
        self.look().await;
        let (enrolment, root) = self.world.state("alice", state);
        let request = v1::EnrolStateRequest {
            enrolment: Some((&enrolment).into()),
            root_certificate: Some((&root).into()),
        };
        self.change(OPERATOR, "/wardline.v1.Operator/EnrolState", &request)
            .await;
    }

    async fn enrol_agency(&mut self, agency: &'static str, kind: AgencyKind, roles: &[KeyRole]) {
        self.look().await;
        let (enrolment, certificates) = self.world.agency("alice", agency, kind, roles);
        let request = v1::EnrolAgencyRequest {
            enrolment: Some((&enrolment).into()),
            certificates: certificates.iter().map(v1::Envelope::from).collect(),
        };
        self.change(OPERATOR, "/wardline.v1.Operator/EnrolAgency", &request)
            .await;
        self.connect(agency, agency, 0).await;
    }

    /// A desk, the mandates, a TLS key that comes and goes, a key that is revoked, a suspension.
    async fn publish(&mut self) {
        self.look().await;
        let desks = v1::PublishDesksRequest {
            envelope: Some((&self.world.desks(RU, &[AVIATION])).into()),
        };
        self.change(RU, "/wardline.v1.Directory/PublishDesks", &desks)
            .await;
        for agency in [US, RU, BE, FR] {
            let mandate = v1::PublishMandateRequest {
                envelope: Some((&self.world.mandate(agency, AUDITOR, false)).into()),
            };
            self.change(agency, "/wardline.v1.Directory/PublishMandate", &mandate)
                .await;
        }
        let tls = World::keyid(US, KeyRole::Tls, 1);
        let originate = World::keyid(BE, KeyRole::Originate, 0);
        for envelope in [
            self.world.certificate(US, KeyRole::Tls, 1, "root:us", |_| ()),
            self.world.revocation("root:us", KeyRole::Root, US, tls),
            self.world.revocation("root:be", KeyRole::Root, BE, originate),
        ] {
            let request = v1::PublishKeyRequest {
                envelope: Some((&envelope).into()),
            };
            self.change(BE, "/wardline.v1.Directory/PublishKey", &request)
                .await;
        }
        let suspension = v1::SuspendAgencyRequest {
            envelope: Some((&self.world.suspension("alice", FR, false)).into()),
        };
        self.change(OPERATOR, "/wardline.v1.Operator/SuspendAgency", &suspension)
            .await;
    }

    /// Connects with the `generation`th TLS key of a principal.
    async fn connect(&mut self, session: &'static str, principal: &str, generation: u32) {
        let file = |end| self.home.path().join(format!("{principal}-{generation}.{end}"));
        let (certificate_file, key_file) = (file("crt"), file("pem"));
        World::key(principal, KeyRole::Tls, generation)
            .write_to(&key_file)
            .unwrap();
        let key = KeyPair::from_pem(&std::fs::read_to_string(&key_file).unwrap()).unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate_file, params.self_signed(&key).unwrap().pem()).unwrap();
        let identity = TlsIdentity::read(&certificate_file, &key_file).unwrap();
        assert_eq!(
            identity.keyid(),
            World::keyid(principal, KeyRole::Tls, generation)
        );
        let channel = support::channel(self.address, self.pin, &identity).await;
        self.channels.insert(session, channel);
    }

    pub(super) fn channel(&self, session: &str) -> Channel {
        self.channels[session].clone()
    }

    /// Sends it as it is; the answer's bytes.
    pub(super) async fn send(&self, session: &str, request: &Request) -> Result<Bytes, Status> {
        let channel = self.channel(session);
        match request.clone() {
            Request::Submit(submission) => {
                let message = v1::SubmitRequest {
                    submission: Some(submission),
                };
                call(channel, "/wardline.v1.Exchange/Submit", encoded(&message)).await
            }
            Request::Acknowledge(acknowledgement) => {
                let message = v1::AcknowledgeRequest {
                    acknowledgement: Some(acknowledgement),
                };
                call(channel, "/wardline.v1.Exchange/Acknowledge", encoded(&message)).await
            }
            Request::Call(path, message) => call(channel, path, message).await,
            Request::Stream(path, message) => {
                Ok(call_stream(channel, path, message).await?.unwrap_or_default())
            }
        }
    }

    async fn change(&self, session: &str, path: &'static str, message: &impl Message) {
        let request = Request::call(path, message);
        self.send(session, &request)
            .await
            .unwrap_or_else(|status| panic!("{path}: {status:?}"));
    }

    /// The newest checkpoint.
    pub(super) async fn checkpoint(&self) -> SignedCheckpoint {
        let answer = AuditClient::new(self.channel(OPERATOR))
            .get_checkpoint(v1::GetCheckpointRequest {})
            .await
            .unwrap()
            .into_inner();
        self.log
            .open(std::str::from_utf8(&answer.checkpoint).unwrap())
            .unwrap()
    }

    /// Everybody sees the newest of the log.
    pub(super) async fn look(&mut self) {
        let checkpoint = self.checkpoint().await;
        self.world.seen = Some(Seen {
            size: checkpoint.size(),
            root: checkpoint.root(),
        });
    }

    /// The log from an index on, as somebody may see it, and the checkpoint that it is of.
    pub(super) async fn replay(&self, viewer: &str, from_index: u64) -> (String, Vec<ReplayedRecord>) {
        let request = v1::ReplayRequest {
            from_index,
            to_index: 0,
            warning_digest: Bytes::new(),
            with_parts: true,
        };
        let mut stream = AuditClient::new(self.channel(viewer))
            .replay(request)
            .await
            .unwrap()
            .into_inner();
        let mut checkpoint = None;
        let mut records = Vec::new();
        while let Some(answer) = stream.message().await.unwrap() {
            match answer.kind.unwrap() {
                Kind::Checkpoint(note) => checkpoint = Some(String::from_utf8(note.to_vec()).unwrap()),
                Kind::Record(record) => records.push(record.try_into().unwrap()),
            }
        }
        (checkpoint.unwrap(), records)
    }

    /// What was recorded from an index on. The auditor sees all of it.
    pub(super) async fn recorded(&self, from_index: u64) -> Vec<(u64, Record)> {
        let (_, shown) = self.replay(AUDITOR, from_index).await;
        shown
            .into_iter()
            .map(|shown| match shown.content {
                ReplayedContent::Record(bytes) => (shown.index, wire::record(&bytes).unwrap()),
                ReplayedContent::LeafHash(_) => panic!("record {} is kept from the auditor", shown.index),
            })
            .collect()
    }

    pub(super) async fn stop(self) {
        let Self {
            channels,
            relay,
            home,
            ..
        } = self;
        drop(channels);
        relay.signal("TERM");
        let (code, last, log) = relay.ended();
        assert_eq!((code, &last["event"]), (Some(0), &"stopped".into()), "{log}");
        for secret in ["BEGIN PRIVATE KEY", "A gathering may be attacked"] {
            assert!(!log.contains(secret), "{log}");
        }
        drop(home);
    }
}

pub(super) fn encoded(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}
