//! What is done over the network once the relay serves: the operator's profile, enrolments, welcomes, desks, mandates.

use std::path::PathBuf;

use futures_util::future::try_join_all;

use super::keys::certified;
use super::{AgencyPlan, Serving, World};
use crate::cli::Fault;
use crate::client::keys::KeyRequest;
use crate::client::{
    Client, ClientError, KnownDirectory, Outcome, ProfileDir, Reset, Settings, SignerSetting, Welcome,
};
use crate::domain::{AgencyId, AgencyKind, KeyRole, Language, Principal};
use crate::files;
use crate::transparency::SignedCheckpoint;

impl World {
    /// Enrols whoever is not enrolled yet, and makes every profile know this relay. Ends when all of it is on the record.
    pub async fn enrol(&self, relay: &Serving) -> Result<(), Fault> {
        self.move_profiles(relay)?;
        let operator = self.operator_client(relay).await?;
        settle(&operator).await?;
        let known = operator.known_directory().await;
        self.enrol_states(&operator, &known).await?;
        self.enrol_agencies(&operator, &known).await?;
        for agency in self.enrolled() {
            self.install_welcome(agency)?;
        }
        for plan in &self.plan.agencies {
            set_languages(&self.agency(&plan.id), &plan.languages)?;
        }
        try_join_all(self.plan.agencies.iter().map(|plan| self.publish(plan))).await?;
        Ok(())
    }

    /// Profiles of an earlier run, those too that are not in the plan, learn where the relay is now.
    fn move_profiles(&self, relay: &Serving) -> Result<(), Fault> {
        for name in files::names(&self.profiles())? {
            let profile = ProfileDir::new(self.profiles().join(name));
            if !profile.settings_file().exists() {
                continue;
            }
            let mut settings = Settings::read(&profile).map_err(ClientError::from)?;
            if settings.url != relay.url() && settings.log == relay.log {
                settings.url = relay.url();
                settings.write(&profile).map_err(ClientError::from)?;
            }
        }
        Ok(())
    }

    /// The operator made the relay, so it takes the relay's pins and first checkpoint from there.
    async fn operator_client(&self, relay: &Serving) -> Result<Client, Fault> {
        let profile = self.operator();
        if !profile.settings_file().exists() {
            let settings = Settings {
                principal: Principal::Operator(self.plan.operator.clone()),
                desk: None,
                url: relay.url(),
                tls_pin: relay.tls_pin,
                log: relay.log.clone(),
                signer: SignerSetting::File,
                languages: Vec::new(),
                retention: crate::retention::RetentionRules::default(),
            };
            settings.write(&profile).map_err(ClientError::from)?;
        }
        if !profile.checkpoint().exists() && !profile.directory().exists() {
            Reset::ask(&profile).await?.install().await?;
        }
        Ok(Client::open(&profile)?)
    }

    async fn enrol_states(&self, operator: &Client, known: &KnownDirectory) -> Result<(), Fault> {
        let states = self.plan.states().into_iter();
        let missing = states.filter(|state| known.directory().state(state).is_none());
        // All at once: the relay writes them with a few syncs instead of one for each.
        try_join_all(missing.map(|state| async move {
            let root = KeyRequest::read(&self.root(&state).join("root.cert.json"))?;
            operator.enrol_state(state, root.envelope).await?;
            Ok::<(), Fault>(())
        }))
        .await?;
        Ok(())
    }

    async fn enrol_agencies(&self, operator: &Client, known: &KnownDirectory) -> Result<(), Fault> {
        let enrolling = self.enrolled().map(|agency| async move {
            let is_enrolled = known.directory().agency(agency).is_some();
            let enrolled = match is_enrolled {
                true => operator.newest_checkpoint().await,
                false => self.enrol_agency(operator, agency).await?,
            };
            self.write_welcome(operator, agency, enrolled)
        });
        try_join_all(enrolling).await?;
        Ok(())
    }

    /// Gives the checkpoint that holds it.
    async fn enrol_agency(&self, operator: &Client, agency: &AgencyId) -> Result<SignedCheckpoint, Fault> {
        let plan = self.plan.agencies.iter().find(|plan| plan.id == *agency);
        let (name, kind) = match plan {
            Some(plan) => (plan.name.as_str(), AgencyKind::Agency),
            None => ("Auditor (exercise)", AgencyKind::Auditor),
        };
        let certificates = self.certificates(agency)?;
        let recorded = operator
            .enrol_agency(agency.clone(), name, kind, &certificates)
            .await?;
        Ok(recorded.checkpoint)
    }

    fn write_welcome(
        &self,
        operator: &Client,
        agency: &AgencyId,
        checkpoint: SignedCheckpoint,
    ) -> Result<(), Fault> {
        let file = self.welcome_file(agency);
        if file.exists() {
            return Ok(());
        }
        let settings = operator.settings();
        let welcome = Welcome {
            principal: Principal::Agency(agency.clone()),
            url: settings.url.clone(),
            tls_pin: settings.tls_pin,
            log: settings.log.clone(),
            checkpoint,
        };
        files::create_directory(&self.directory.join("welcomes"))?;
        Ok(welcome.write(&file)?)
    }

    fn welcome_file(&self, agency: &AgencyId) -> PathBuf {
        self.directory.join("welcomes").join(format!("{agency}.json"))
    }

    fn install_welcome(&self, agency: &AgencyId) -> Result<(), Fault> {
        let profile = self.agency(agency);
        if !profile.settings_file().exists() {
            Welcome::read(&self.welcome_file(agency))?.install(&profile)?;
        }
        Ok(())
    }

    /// What an agency says of itself: its desks, and whom it admits to everything.
    async fn publish(&self, plan: &AgencyPlan) -> Result<(), Fault> {
        let client = Client::open(&self.agency(&plan.id))?;
        settle(&client).await?;
        let known = client.known_directory().await;
        let Some(entry) = known.directory().agency(&plan.id) else {
            return Err(Fault::refused(format!("{} was not enrolled", plan.id)));
        };
        // Enrolled by a version that knew no seal keys.
        let seal = certified(&self.agency(&plan.id), KeyRole::Seal)?;
        if known.directory().key(&seal.keyid).is_none() {
            client.publish_key(&seal.envelope).await?;
        }
        let published = |desk| entry.desks.contains_key(desk);
        if !plan.desks.iter().all(|desk| published(&desk.address)) {
            client
                .publish_desks(plan.desks.clone(), "directory office")
                .await?;
        }
        if !entry.auditors.contains(&self.plan.auditor) {
            client
                .publish_mandate(self.plan.auditor.clone(), false, "directory office")
                .await?;
        }
        Ok(())
    }
}

/// Ends what a crash left unfinished: what is in the outbox is sent again, then the directory says what is done. A change
/// that is on the record already is refused, which is as good: it is given up.
async fn settle(client: &Client) -> Result<(), Fault> {
    for entry in client.outbox().list()? {
        match client.resend(&entry).await {
            Ok(_) => {}
            Err(error) if error.outcome() == Outcome::Refused => {
                if client.outbox().holds(&entry) {
                    client.outbox().drop_entry(&entry)?;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    client.follow_directory().await?;
    Ok(())
}

/// What the officers read, unless somebody has chosen already.
fn set_languages(profile: &ProfileDir, languages: &[Language]) -> Result<(), Fault> {
    let mut settings = Settings::read(profile).map_err(ClientError::from)?;
    if settings.languages.is_empty() && !languages.is_empty() {
        settings.languages = languages.to_vec();
        settings.write(profile).map_err(ClientError::from)?;
    }
    Ok(())
}
