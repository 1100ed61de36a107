//! A relay in this process, on a port of its own, with states, agencies and an operator whose profiles lie in a temporary
//! directory: what the tests of the client begin with. Everything goes through real TLS and a real journal.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wardline::client::draft::Draft;
use wardline::client::keys::{
    AGENCY_ROLES, Certifier, KeyRequest, certify, make_agency_keys, make_operator_keys, make_root,
};
use wardline::client::{Client, ProfileDir, Settings, Welcome};
use wardline::config::FlagSetting;
use wardline::domain::{AgencyId, AgencyKind, KeyRole, Origin, Principal, SignedEnvelope};
use wardline::server::{self, RelaySettings};
use wardline::time::{Clock as _, SystemClock};

pub(crate) const ORIGIN: &str = "relay.invalid/client-tests";

pub(crate) struct World {
    directory: TempDir,
    settings: RelaySettings,
    address: SocketAddr,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    pub(crate) operator: Client,
}

pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn flag(key: &str, value: impl ToString) -> FlagSetting {
    FlagSetting {
        flag: format!("--{key}"),
        key: key.to_owned(),
        value: value.to_string(),
    }
}

impl World {
    /// A relay with an operator; nobody else is enrolled.
    pub(crate) async fn empty() -> Self {
        let directory = TempDir::new().unwrap();
        let origin: Origin = parsed(ORIGIN);
        let profile = ProfileDir::new(directory.path().join("operator"));
        let now = SystemClock.now();
        let requests = make_operator_keys(&profile, &parsed("main"), None, &origin, now).unwrap();
        let certificates = envelopes(requests);
        let settings = RelaySettings::load(
            None,
            &[
                flag("origin", ORIGIN),
                flag("data_dir", directory.path().join("relay").display()),
                flag("listen", "127.0.0.1:0"),
            ],
        )
        .unwrap();
        let begun = server::begin(&settings, certificates).await.unwrap();
        let (address, stop) = serve(&settings).await;
        let welcome = Welcome {
            principal: parsed("operator:main"),
            url: format!("https://{address}"),
            tls_pin: begun.tls_keyid,
            checkpoint: begun.verifier.open(&begun.checkpoint).unwrap(),
            log: begun.verifier,
        };
        welcome.install(&profile).unwrap();
        let operator = Client::open(&profile).unwrap();
        Self {
            directory,
            settings,
            address,
            serving: Some(stop),
            operator,
        }
    }

    /// A relay with these agencies enrolled.
    pub(crate) async fn with(agencies: &[&str]) -> Self {
        let world = Self::empty().await;
        for agency in agencies {
            world.enrol(agency).await;
        }
        world
    }

    /// The directory of a profile.
    pub(crate) fn profile(&self, name: &str) -> ProfileDir {
        ProfileDir::new(self.directory.path().join(name))
    }

    /// A client of a profile, opened anew.
    pub(crate) fn client(&self, name: &str) -> Client {
        Client::open(&self.profile(name)).unwrap()
    }

    /// The temporary directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Enrols an agency, and its state if that is new; its profile is ready.
    pub(crate) async fn enrol(&self, agency: &str) {
        let id: AgencyId = parsed(agency);
        let origin: Origin = parsed(ORIGIN);
        let now = SystemClock.now();
        let root = self.directory.path().join(format!("root-{}", id.state()));
        if !root.exists() {
            let request = make_root(&root, &id.state(), &origin, now).unwrap();
            self.operator
                .enrol_state(id.state(), request.envelope)
                .await
                .unwrap();
        }
        let profile = self.profile(agency);
        let certifier = Certifier::root(&root).unwrap();
        let mut certificates = Vec::new();
        for request in make_agency_keys(&profile, &id, &AGENCY_ROLES, &origin, now).unwrap() {
            certificates.push(certify(request, &certifier).await.unwrap().envelope);
        }
        let recorded = self
            .operator
            .enrol_agency(id.clone(), agency, AgencyKind::Agency, &certificates)
            .await
            .unwrap();
        let operator = self.operator.settings();
        let welcome = Welcome {
            principal: Principal::Agency(id),
            url: operator.url.clone(),
            tls_pin: operator.tls_pin,
            log: operator.log.clone(),
            checkpoint: recorded.checkpoint,
        };
        welcome.install(&profile).unwrap();
    }

    /// A new key of an agency in a role, certified by its state's root.
    pub(crate) async fn new_key(&self, agency: &str, role: KeyRole, into: &str) -> KeyRequest {
        let id: AgencyId = parsed(agency);
        let origin: Origin = parsed(ORIGIN);
        let root = self.directory.path().join(format!("root-{}", id.state()));
        let certifier = Certifier::root(&root).unwrap();
        let profile = self.profile(into);
        let requests = make_agency_keys(&profile, &id, &[role], &origin, SystemClock.now()).unwrap();
        certify(requests.into_iter().next().unwrap(), &certifier)
            .await
            .unwrap()
    }

    /// Stops the relay and waits until it has.
    pub(crate) async fn stop(&mut self) {
        if let Some((stop, serving)) = self.serving.take() {
            let _ = stop.send(());
            serving.await.unwrap();
        }
    }

    /// Starts the relay again, on another port; the profiles are told.
    pub(crate) async fn start(&mut self, profiles: &[&str]) {
        let (address, stop) = serve(&self.settings).await;
        (self.address, self.serving) = (address, Some(stop));
        let url = format!("https://{address}");
        for name in profiles {
            let profile = self.profile(name);
            let settings = Settings {
                url: url.clone(),
                ..Settings::read(&profile).unwrap()
            };
            settings.write(&profile).unwrap();
        }
    }
}

impl World {
    /// Starts the relay again where it was: clients that are open find it.
    pub(crate) async fn start_where_it_was(&mut self) {
        let mut settings = self.settings.clone();
        settings.listen = self.address;
        let (_, stop) = serve(&settings).await;
        self.serving = Some(stop);
    }
}

fn envelopes(requests: Vec<KeyRequest>) -> Vec<SignedEnvelope> {
    requests.into_iter().map(|request| request.envelope).collect()
}

async fn serve(settings: &RelaySettings) -> (SocketAddr, (oneshot::Sender<()>, JoinHandle<()>)) {
    let running = server::start(settings).await.unwrap();
    let address = running.address;
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(async move {
        let stop = async {
            let _ = stopped.await;
        };
        running.until(stop).await.unwrap();
    });
    (address, (stop, serving))
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
