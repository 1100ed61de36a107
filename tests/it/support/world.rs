//! A relay in this process with states, agencies and the operator alice, whose profiles lie in its home: what the tests of
//! the edge and of the client begin with. Everything goes through real TLS and a real journal.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use tonic::transport::Channel;
use wardline::client::keys::{AGENCY_ROLES, Certifier, KeyRequest, certify, make_agency_keys, make_root};
use wardline::client::{Client, Draft, ProfileDir, Settings, Welcome};
use wardline::domain::{
    AgencyId, AgencyKind, Common, Form, KeyId, KeyRevocation, KeyRole, Origin, PayloadId, Principal,
    RevocationReason, SignedBy, SignedEnvelope, Signer, Submission,
};
use wardline::seal::{FileSigner, PayloadKind, random_bytes, sign_envelope};
use wardline::server::{Begun, RelaySettings};
use wardline::time::{Clock as _, SystemClock};
use wardline::tls::TlsIdentity;
use wardline::wire::{self, v1};

use super::home::{ORIGIN, Served};
use super::{Home, RelayProcess};
use crate::world::parsed;

/// The operator's profile.
pub(crate) const OPERATOR: &str = "alice";

pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) served: Served,
    settings: RelaySettings,
}

impl World {
    /// A relay with these agencies enrolled, one a state.
    pub(crate) async fn with(agencies: &[&str]) -> Self {
        Self::new(&[], agencies).await
    }

    /// The same with settings laid over the configuration.
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
        Self::over(home, begun, settings, agencies).await
    }

    /// The same in a home where the log has begun.
    pub(crate) async fn over(home: Home, begun: Begun, settings: RelaySettings, agencies: &[&str]) -> Self {
        let served = home.serve_with(&settings).await;
        let welcome = Welcome {
            principal: parsed("operator:alice"),
            url: format!("https://{}", served.address),
            tls_pin: served.pin,
            checkpoint: begun.verifier.open(&begun.checkpoint).unwrap(),
            log: begun.verifier,
        };
        let profile = ProfileDir::new(home.path().join(OPERATOR));
        welcome.install(&profile).unwrap();
        let world = Self {
            home,
            served,
            settings,
        };
        let operator = world.operator();
        // One a state, so all at once.
        join_all(agencies.iter().map(|agency| world.enrol(&operator, agency))).await;
        world
    }

    /// Enrols a state and its agency, whose profile is ready then.
    pub(crate) async fn enrol(&self, operator: &Client, agency: &str) {
        self.enrol_as(operator, agency, AgencyKind::Agency, &AGENCY_ROLES)
            .await;
    }

    /// The same with these of the keys.
    pub(crate) async fn enrol_with(&self, operator: &Client, agency: &str, roles: &[KeyRole]) {
        self.enrol_as(operator, agency, AgencyKind::Agency, roles).await;
    }

    /// Enrols an auditor, whom this agency admits to what is its own.
    pub(crate) async fn enrol_auditor(&self, auditor: &str, of: &str) {
        self.enrol_auditor_with(auditor, of, &[KeyRole::Tls]).await;
    }

    /// The same with more keys than it needs to look.
    pub(crate) async fn enrol_auditor_with(&self, auditor: &str, of: &str, roles: &[KeyRole]) {
        self.enrol_as(&self.operator(), auditor, AgencyKind::Auditor, roles)
            .await;
        let mandated = self
            .client(of)
            .publish_mandate(parsed(auditor), false, "director")
            .await;
        mandated.unwrap();
    }

    async fn enrol_as(&self, operator: &Client, agency: &str, kind: AgencyKind, roles: &[KeyRole]) {
        let id: AgencyId = parsed(agency);
        let origin: Origin = parsed(ORIGIN);
        let now = SystemClock.now();
        let root = self.root(id.state().as_str());
        let request = make_root(&root, &id.state(), &origin, now).unwrap();
        operator.enrol_state(id.state(), request.envelope).await.unwrap();
        let certifier = Certifier::root(&root).unwrap();
        let mut certificates: Vec<SignedEnvelope> = Vec::new();
        for request in make_agency_keys(&self.profile(agency), &id, roles, &origin, now).unwrap() {
            certificates.push(certify(request, &certifier).await.unwrap().envelope);
        }
        let enrolled = operator
            .enrol_agency(id.clone(), agency, kind, &certificates)
            .await
            .unwrap();
        let settings = operator.settings();
        let welcome = Welcome {
            principal: Principal::Agency(id),
            url: settings.url.clone(),
            tls_pin: settings.tls_pin,
            log: settings.log.clone(),
            checkpoint: enrolled.checkpoint,
        };
        welcome.install(&self.profile(agency)).unwrap();
    }

    /// A new key of an agency in a role, certified by its state's root.
    pub(crate) async fn new_key(&self, agency: &str, role: KeyRole, into: &str) -> KeyRequest {
        let id: AgencyId = parsed(agency);
        let certifier = Certifier::root(&self.root(id.state().as_str())).unwrap();
        let (profile, origin) = (self.profile(into), parsed(ORIGIN));
        let requests = make_agency_keys(&profile, &id, &[role], &origin, SystemClock.now()).unwrap();
        let request = requests.into_iter().next().unwrap();
        certify(request, &certifier).await.unwrap()
    }

    /// Where all of it lies.
    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// The directory of a state's root.
    pub(crate) fn root(&self, state: &str) -> PathBuf {
        self.path().join(format!("root-{state}"))
    }

    /// The profile of this name.
    pub(crate) fn profile(&self, name: &str) -> ProfileDir {
        ProfileDir::new(self.path().join(name))
    }

    /// The SDK in a profile, opened anew.
    pub(crate) fn client(&self, name: &str) -> Client {
        Client::open(&self.profile(name)).unwrap()
    }

    /// The operator's SDK, opened anew: one that is kept would hold a connection.
    pub(crate) fn operator(&self) -> Client {
        self.client(OPERATOR)
    }

    /// The TLS key of a profile.
    pub(crate) fn tls_identity(&self, name: &str) -> TlsIdentity {
        let profile = self.profile(name);
        TlsIdentity::read(&profile.tls_certificate(), &profile.secret_key(KeyRole::Tls)).unwrap()
    }

    /// The generated client over a connection with the TLS key of a profile.
    pub(crate) async fn exchange(&self, name: &str) -> v1::exchange_client::ExchangeClient<Channel> {
        let identity = self.tls_identity(name);
        v1::exchange_client::ExchangeClient::new(self.served.channel(&identity).await)
    }

    /// Stops the relay and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.served.end().await;
    }

    /// Starts the relay again, on another port; the profiles are told.
    pub(crate) async fn start(&mut self, profiles: &[&str]) {
        self.served = self.home.serve_with(&self.settings).await;
        for name in profiles {
            self.lead_here(&self.profile(name));
        }
    }

    /// Ends the relay and starts it with other settings; the profiles are told.
    pub(crate) async fn restart(
        &mut self,
        set: &[(&str, &str)],
        adjust: impl FnOnce(&mut RelaySettings),
        profiles: &[&str],
    ) {
        self.stop().await;
        self.settings = self.home.settings(set);
        adjust(&mut self.settings);
        self.start(profiles).await;
    }

    /// Has a profile ask this relay from now on, as its operator or a load balancer would; nothing else of it changes.
    pub(crate) fn lead_here(&self, profile: &ProfileDir) {
        let settings = Settings {
            url: format!("https://{}", self.served.address),
            ..Settings::read(profile).unwrap()
        };
        settings.write(profile).unwrap();
    }

    /// A second relay over a copy of all that lies here, data, keys and profiles, while this one is stopped. The copied
    /// profiles of these names ask the second one.
    pub(crate) async fn copied(&self, set: &[(&str, &str)], profiles: &[&str]) -> Self {
        let home = self.home.copied();
        let settings = home.settings(set);
        let served = home.serve_with(&settings).await;
        let copied = Self {
            home,
            served,
            settings,
        };
        for name in profiles {
            copied.lead_here(&copied.profile(name));
        }
        copied
    }

    /// The real binary in the place of the relay in this process: same data, same port, so that everybody finds it. The earlier
    /// one, of either kind, must have ended or ends now.
    pub(crate) async fn start_as_process(&mut self) -> RelayProcess {
        self.start_as_process_with(&[]).await
    }

    /// The same with settings laid over the configuration.
    pub(crate) async fn start_as_process_with(&mut self, set: &[&str]) -> RelayProcess {
        self.stop().await;
        let mut set: Vec<String> = set.iter().map(ToString::to_string).collect();
        set.push(format!("listen={}", self.served.address));
        let path = self.path().to_owned();
        // Its first line is waited for.
        let starting = tokio::task::spawn_blocking(move || {
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            RelayProcess::start(&path, &set)
        });
        starting.await.unwrap()
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

/// An exercise to these addresses.
pub(crate) fn draft(to: &[&str]) -> Draft {
    let text = format!(
        r#"{{"to": [{}], "status": "EXERCISE", "precedence": "FLASH", "expires": "48h",
            "harm": ["INTENTIONAL_KILLING"], "assert": ["credible", "specific", "impending"],
            "specifics": {{"place": "KNOWN", "time": "PARTLY", "method": "UNKNOWN", "target": "KNOWN", "perpetrator": "PARTLY"}},
            "handling": {{"tlp": "RED", "onward": "NONE", "notify_victim": "MAY"}},
            "territory": "ru", "victims_of": ["ru"], "authoritative": "en",
            "text": {{"en": {{"event": "Attack", "headline": "Concert hall", "description": "An attack is planned.",
                     "instruction": "Protect it."}}}}}}"#,
        to.iter()
            .map(|to| format!("\"{to}\""))
            .collect::<Vec<_>>()
            .join(", ")
    );
    Draft::parse(&text).unwrap()
}

/// The same in clear: for the relay to read.
pub(crate) fn in_clear(to: &[&str]) -> Draft {
    Draft {
        form: Form::Clear,
        ..draft(to)
    }
}

/// The revocation of an agency's TLS key, signed by its state's root.
pub(crate) async fn revocation_of_tls_key(world: &World, agency: &str) -> SignedEnvelope {
    let tls = wardline::client::keys::show(world.profile(agency).path()).unwrap();
    let tls = tls.iter().find(|key| key.role == KeyRole::Tls).unwrap();
    revocation_by_root(world, agency, tls.keyid).await
}

/// The same of any of its keys.
pub(crate) async fn revocation_by_root(world: &World, agency: &str, keyid: KeyId) -> SignedEnvelope {
    let client = world.client(agency);
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
        keyid,
        reason: RevocationReason::Compromised,
        extensions: Vec::new(),
    });
    let signer = FileSigner::load(&world.root(agency.state().as_str()).join("root.pem")).unwrap();
    sign_envelope(&signer, PayloadKind::KeyRevocation, payload)
        .await
        .unwrap()
}
