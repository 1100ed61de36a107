//! A relay with agencies enrolled at it, each with its own profile and its own state's root.

use std::path::PathBuf;

use tonic::transport::Channel;
use wardline::client::keys::{AGENCY_ROLES, Certifier, certify_to_file, make_agency_keys, make_root};
use wardline::client::{Client, Draft, ProfileDir, Welcome};
use wardline::domain::{
    AgencyId, AgencyKind, Common, KeyRevocation, KeyRole, PayloadId, Principal, RevocationReason, SignedBy,
    SignedEnvelope, Signer, Submission,
};
use wardline::seal::{FileSigner, PayloadKind, random_bytes, sign_envelope};
use wardline::server::{Begun, RelaySettings};
use wardline::time::{Clock as _, SystemClock};
use wardline::tls::TlsIdentity;
use wardline::wire::{self, v1};

use super::Home;
use super::home::{ORIGIN, Served};

pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) served: Served,
    begun: Begun,
}

impl World {
    /// A relay with these agencies, one a state.
    pub(crate) async fn new(set: &[(&str, &str)], agencies: &[&str]) -> Self {
        Self::adjusted(set, agencies, |_| {}).await
    }

    /// The same with settings that no file can hold.
    pub(crate) async fn adjusted(
        set: &[(&str, &str)],
        agencies: &[&str],
        adjust: impl FnOnce(&mut RelaySettings),
    ) -> Self {
        let home = Home::new();
        let begun = home.begin().await;
        let mut settings = home.settings(set);
        adjust(&mut settings);
        let served = home.serve_with(&settings).await;
        let world = Self { home, served, begun };
        let operator = world.client("operator:alice");
        for agency in agencies {
            world.enrol(&operator, agency.parse().unwrap()).await;
        }
        world
    }

    async fn enrol(&self, operator: &Client, agency: AgencyId) {
        let origin = ORIGIN.parse().unwrap();
        let now = SystemClock.now();
        let root_directory = self.home.path().join(format!("root-{}", agency.state()));
        let root = make_root(&root_directory, &agency.state(), &origin, now).unwrap();
        operator.enrol_state(agency.state(), root.envelope).await.unwrap();
        let certifier = Certifier::root(&root_directory).unwrap();
        let profile = self.profile(agency.as_str());
        let mut certificates: Vec<SignedEnvelope> = Vec::new();
        for request in make_agency_keys(&profile, &agency, &AGENCY_ROLES, &origin, now).unwrap() {
            certificates.push(certify_to_file(request, &certifier).await.unwrap().envelope);
        }
        operator
            .enrol_agency(agency.clone(), agency.as_str(), AgencyKind::Agency, &certificates)
            .await
            .unwrap();
    }

    pub(crate) fn root(&self, state: &str) -> PathBuf {
        self.home.path().join(format!("root-{state}"))
    }

    fn profile(&self, principal: &str) -> ProfileDir {
        let name = principal.trim_start_matches("operator:");
        ProfileDir::new(self.home.path().join(name))
    }

    /// The SDK in a principal's profile.
    pub(crate) fn client(&self, principal: &str) -> Client {
        let profile = self.profile(principal);
        let welcome = Welcome {
            principal: principal.parse::<Principal>().unwrap(),
            url: format!("https://{}", self.served.address),
            tls_pin: self.served.pin,
            log: self.begun.verifier.clone(),
            checkpoint: self.begun.verifier.open(&self.begun.checkpoint).unwrap(),
        };
        welcome.install(&profile).unwrap();
        Client::open(&profile).unwrap()
    }

    /// A principal's TLS key.
    pub(crate) fn tls_identity(&self, principal: &str) -> TlsIdentity {
        let profile = self.profile(principal);
        TlsIdentity::read(&profile.tls_certificate(), &profile.secret_key(KeyRole::Tls)).unwrap()
    }

    /// The generated client over a connection with a principal's TLS key.
    pub(crate) async fn exchange(&self, principal: &str) -> v1::exchange_client::ExchangeClient<Channel> {
        let identity = self.tls_identity(principal);
        v1::exchange_client::ExchangeClient::new(self.served.channel(&identity).await)
    }
}

/// A signed exercise to one address, with a description of that many characters.
pub(crate) async fn exercise(client: &Client, to: &str, characters: usize) -> Submission {
    let draft = format!(
        "to: [{to}]\nstatus: EXERCISE\ntype: NOTICE\nprecedence: ROUTINE\nexpires: 48h\n\
         specifics: {{place: UNKNOWN, time: UNKNOWN, method: UNKNOWN, target: UNKNOWN, perpetrator: UNKNOWN}}\n\
         handling: {{tlp: RED, onward: NONE, notify_victim: MUST_NOT}}\nauthoritative: en\ntext:\n  en:\n    event: E\n    \
         headline: H\n    description: {}\n    instruction: I\n",
        "d".repeat(characters.max(1))
    );
    let draft = Draft::parse(&draft).unwrap_or_else(|faults| panic!("{faults}"));
    client.sign(&draft).await.unwrap()
}

/// The revocation of an agency's TLS key, signed by its state's root.
pub(crate) async fn revocation_of_tls_key(world: &World, agency: &str) -> SignedEnvelope {
    let client = world.client(agency);
    let tls = wardline::client::keys::show(client.profile().path()).unwrap();
    let tls = tls.iter().find(|key| key.role == KeyRole::Tls).unwrap();
    let agency: AgencyId = agency.parse().unwrap();
    let now = SystemClock.now();
    let payload = wire::encode_key_revocation(&KeyRevocation {
        common: Common {
            origin: client.settings().log.origin().clone(),
            id: PayloadId::from_parts(now.unix_ms().try_into().unwrap(), random_bytes().unwrap()),
            sent: now,
            signer: SignedBy::Named(Signer {
                principal: Principal::Root(agency.state()),
                role: KeyRole::Root,
                desk: None,
                office: String::new(),
                seen: None,
            }),
        },
        principal: Principal::Agency(agency.clone()),
        keyid: tls.keyid,
        reason: RevocationReason::Compromised,
        extensions: Vec::new(),
    });
    let signer = FileSigner::load(&world.root(agency.state().as_str()).join("root.pem")).unwrap();
    sign_envelope(&signer, PayloadKind::KeyRevocation, payload)
        .await
        .unwrap()
}
