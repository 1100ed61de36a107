//! A profile: the directory in which one principal's client keeps its settings, keys and everything that it must not
//! forget. What each file is for stands here; what is in it, in the module that writes it.
//!
//! ```text
//! profile.toml     who we are, which relay, which log, who signs
//! keys/            ROLE.pem (secret, PKCS#8) or ROLE.pub (64 hex digits, for exec signers); tls.pem, tls.crt
//! keys/seal.pem    what opens sealed bodies (no PKCS#8, never in a token); keys/opens/ holds the earlier ones
//! checkpoint       the newest checkpoint that was verified; never goes back
//! directory        the directory's chain as far as it was verified
//! confirmed        keys of others that a person has confirmed
//! outbox/          what was signed and has no verified receipt yet
//! inbox/           what was delivered, for ever; what it says, encrypted, until it is erased
//! retention.keys   what opens that; belongs in no backup
//! receipts/        tlog-proofs, each beside the record that it proves
//! evidence/        what contradicted itself: keep it
//! timestamps/      checkpoints with an authority's token over each (RFC 3161)
//! ```

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::{AgencyId, DeskAddress, KeyId, KeyRole, Language, OperatorName, Origin, Principal};
use crate::files::{self, FileError};
use crate::limits;
use crate::retention::RetentionRules;
use crate::seal::PublicKey;
use crate::transparency::LogVerifier;

/// Where a profile lies. Says nothing of what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileDir(PathBuf);

impl ProfileDir {
    /// The profile in this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The settings.
    pub fn settings_file(&self) -> PathBuf {
        self.0.join("profile.toml")
    }

    /// The directory of the keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The secret key of a role, PEM PKCS#8. That of TLS may be of any kind that TLS takes.
    pub fn secret_key(&self, role: KeyRole) -> PathBuf {
        self.keys().join(format!("{role}.pem"))
    }

    /// The public key of a role whose secret half is elsewhere: 64 hex digits.
    pub fn public_key(&self, role: KeyRole) -> PathBuf {
        self.keys().join(format!("{role}.pub"))
    }

    /// Earlier keys that opened sealed bodies, each in a file of its own: kept for as long as those are to be read.
    pub fn earlier_seal_keys(&self) -> PathBuf {
        self.keys().join("opens")
    }

    /// The TLS certificate, PEM.
    pub fn tls_certificate(&self) -> PathBuf {
        self.keys().join("tls.crt")
    }

    /// The newest verified checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The verified chain of the directory.
    pub fn directory(&self) -> PathBuf {
        self.0.join("directory")
    }

    /// Confirmed keys.
    pub fn confirmed(&self) -> PathBuf {
        self.0.join("confirmed")
    }

    /// What has no verified receipt yet.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// What was delivered.
    pub fn inbox(&self) -> PathBuf {
        self.0.join("inbox")
    }

    /// The keys that what lies in the inbox is encrypted under; in no backup.
    pub fn inbox_keys(&self) -> PathBuf {
        self.0.join("retention.keys")
    }

    /// Proofs and records.
    pub fn receipts(&self) -> PathBuf {
        self.0.join("receipts")
    }

    /// What an audit has verified, for the next one to go on from.
    pub fn audit(&self) -> PathBuf {
        self.0.join("audit")
    }

    /// What contradicted itself.
    pub fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }

    /// Checkpoints with the tokens of timestamp authorities over them.
    pub fn timestamps(&self) -> PathBuf {
        self.0.join("timestamps")
    }

    /// Held while `checkpoint`, `directory` or `confirmed` are changed.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join(".lock")
    }
}

/// Who signs for a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerSetting {
    /// Keys in `keys/`.
    File,
    /// A program (`exec:CMD`), which holds the keys that `keys/ROLE.pub` names.
    Exec(String),
}

impl FromStr for SignerSetting {
    type Err = BadSetting;
    fn from_str(text: &str) -> Result<Self, BadSetting> {
        if text == "file" {
            Ok(Self::File)
        } else if text
            .strip_prefix("exec:")
            .is_some_and(|command| !command.trim().is_empty())
        {
            Ok(Self::Exec(text.to_owned()))
        } else {
            Err(BadSetting::new(
                "signer",
                "it is \"file\", or \"exec:\" and a command",
            ))
        }
    }
}

/// `profile.toml`, parsed and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// An agency, an auditor or an operator.
    pub principal: Principal,
    /// The desk that `watch` and `ack` speak for; absent: the duty desk. Agencies only.
    pub desk: Option<DeskAddress>,
    /// `https://HOST:PORT`.
    pub url: String,
    /// SHA-256 of the relay's TLS SubjectPublicKeyInfo.
    pub tls_pin: KeyId,
    /// The log's key, with its origin.
    pub log: LogVerifier,
    /// Who signs.
    pub signer: SignerSetting,
    /// What the officers read, best first.
    pub languages: Vec<Language>,
    /// By which rules the inbox is erased.
    pub retention: RetentionRules,
}

/// What is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct BadSetting {
    setting: &'static str,
    problem: String,
}

impl BadSetting {
    fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self {
            setting,
            problem: problem.into(),
        }
    }
}

/// Why a profile was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is none.
    #[error("{0} is no profile yet: install a welcome with \"wardline trust accept FILE\"")]
    Missing(PathBuf),
    /// The file is not what it should be.
    #[error("{path}: {problem}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The file as it is written; unknown keys are errors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    agency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<String>,
    url: String,
    tls_pin: String,
    origin: String,
    log_key: String,
    #[serde(default = "file_signer")]
    signer: String,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retention: Option<RetentionTable>,
}

/// Days after expiry, by class; what is left out is as a relay has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionTable {
    ordinary_days: Option<u32>,
    personal_data_days: Option<u32>,
    exercise_days: Option<u32>,
}

impl RetentionTable {
    /// Each rule is a day at least, and personal data is not kept longer than what is ordinary.
    fn rules(&self) -> Result<RetentionRules, BadSetting> {
        let default = RetentionRules::default();
        let days = |setting, days: Option<u32>, default| match days.unwrap_or(default) {
            days if (1..=limits::RETENTION_DAYS_MAX).contains(&days) => Ok(days),
            _ => Err(BadSetting::new(
                setting,
                format!("it is 1 to {}", limits::RETENTION_DAYS_MAX),
            )),
        };
        let rules = RetentionRules {
            ordinary_days: days(
                "retention.ordinary_days",
                self.ordinary_days,
                default.ordinary_days,
            )?,
            personal_data_days: days(
                "retention.personal_data_days",
                self.personal_data_days,
                default.personal_data_days,
            )?,
            exercise_days: days(
                "retention.exercise_days",
                self.exercise_days,
                default.exercise_days,
            )?,
        };
        if rules.personal_data_days > rules.ordinary_days {
            let setting = "retention.personal_data_days";
            return Err(BadSetting::new(setting, "it is no more than ordinary_days"));
        }
        Ok(rules)
    }

    fn of(rules: RetentionRules) -> Option<Self> {
        (rules != RetentionRules::default()).then_some(Self {
            ordinary_days: Some(rules.ordinary_days),
            personal_data_days: Some(rules.personal_data_days),
            exercise_days: Some(rules.exercise_days),
        })
    }
}

fn file_signer() -> String {
    "file".to_owned()
}

impl Settings {
    /// Reads `profile.toml`.
    pub fn read(profile: &ProfileDir) -> Result<Self, ProfileError> {
        let path = profile.settings_file();
        let malformed = |problem: String| ProfileError::Malformed {
            path: path.clone(),
            problem,
        };
        let bytes = files::read(&path, limits::PROFILE_BYTES_MAX)?
            .ok_or_else(|| ProfileError::Missing(profile.path().to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(malformed)
    }

    /// Reads the text of a `profile.toml`; the error is a sentence for its writer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: SettingsFile = toml::from_str(text).map_err(|error| error.to_string())?;
        Self::check(file).map_err(|error| error.to_string())
    }

    fn check(file: SettingsFile) -> Result<Self, BadSetting> {
        let principal = match (&file.agency, &file.operator) {
            (Some(agency), None) => Principal::Agency(parse::<AgencyId>("agency", agency)?),
            (None, Some(operator)) => Principal::Operator(parse::<OperatorName>("operator", operator)?),
            (Some(_), Some(_)) | (None, None) => {
                return Err(BadSetting::new("agency", "name either an agency or an operator"));
            }
        };
        let desk: Option<DeskAddress> = file.desk.as_deref().map(|desk| parse("desk", desk)).transpose()?;
        if let Some(desk) = &desk
            && principal.agency() != Some(desk.agency())
        {
            return Err(BadSetting::new("desk", "it is no desk of this agency"));
        }
        if !file.url.starts_with("https://") || file.url.parse::<http::Uri>().is_err() {
            return Err(BadSetting::new("url", "it is https://HOST:PORT"));
        }
        let origin: Origin = parse("origin", &file.origin)?;
        let log: LogVerifier = parse("log_key", &file.log_key)?;
        if *log.origin() != origin {
            return Err(BadSetting::new("log_key", "it is the key of another origin"));
        }
        Ok(Self {
            principal,
            desk,
            url: file.url,
            tls_pin: parse("tls_pin", &file.tls_pin)?,
            log,
            signer: file.signer.parse()?,
            languages: file
                .languages
                .iter()
                .map(|language| parse("languages", language))
                .collect::<Result<_, _>>()?,
            retention: match &file.retention {
                Some(table) => table.rules()?,
                None => RetentionRules::default(),
            },
        })
    }

    /// Writes `profile.toml`, durably.
    pub fn write(&self, profile: &ProfileDir) -> Result<(), ProfileError> {
        let path = profile.settings_file();
        let text = toml::to_string(&self.to_file()).map_err(|error| ProfileError::Malformed {
            path: path.clone(),
            problem: error.to_string(),
        })?;
        files::create_directory(profile.path())?;
        Ok(files::replace(&path, text.as_bytes())?)
    }

    fn to_file(&self) -> SettingsFile {
        let (agency, operator) = match &self.principal {
            Principal::Agency(agency) => (Some(agency.to_string()), None),
            Principal::Operator(operator) => (None, Some(operator.to_string())),
            // A root signs offline and has no profile; written so, it is refused when read.
            Principal::Root(_) => (None, None),
        };
        SettingsFile {
            agency,
            operator,
            desk: self.desk.as_ref().map(ToString::to_string),
            url: self.url.clone(),
            tls_pin: self.tls_pin.to_string(),
            origin: self.log.origin().to_string(),
            log_key: self.log.vkey(),
            signer: match &self.signer {
                SignerSetting::File => file_signer(),
                SignerSetting::Exec(command) => command.clone(),
            },
            languages: self.languages.iter().map(ToString::to_string).collect(),
            retention: RetentionTable::of(self.retention),
        }
    }

    /// The desk that this profile speaks for: its own, or its agency's duty desk. An operator has none.
    pub fn desk(&self) -> Option<DeskAddress> {
        let agency = self.principal.agency()?;
        Some(
            self.desk
                .clone()
                .unwrap_or_else(|| DeskAddress::duty(agency.clone())),
        )
    }
}

fn parse<T: FromStr>(setting: &'static str, text: &str) -> Result<T, BadSetting>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| BadSetting::new(setting, error.to_string()))
}

/// Reads `keys/ROLE.pub`.
pub(crate) fn read_public_key(profile: &ProfileDir, role: KeyRole) -> Result<PublicKey, ProfileError> {
    let path = profile.public_key(role);
    let malformed = |problem: &str| ProfileError::Malformed {
        path: path.clone(),
        problem: problem.to_owned(),
    };
    let bytes = files::read(&path, limits::KEY_FILE_BYTES_MAX)?
        .ok_or_else(|| malformed("there is no such file: it names the key that the signer holds"))?;
    let raw = hex::decode(bytes.trim_ascii()).map_err(|_| malformed("it holds 64 hex digits"))?;
    PublicKey::parse(&raw).map_err(|error| malformed(&error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SecretKey;

    fn log() -> LogVerifier {
        LogVerifier::new(
            "relay.invalid/2026".parse().unwrap(),
            SecretKey::from_seed(&[9; 32]).public_key(),
        )
    }

    fn text(change: &str) -> String {
        format!(
            "agency = \"be.ctc\"\nurl = \"https://127.0.0.1:7443\"\ntls_pin = \"{}\"\norigin = \"relay.invalid/2026\"\nlog_key = \"{}\"\n{change}",
            KeyId([7; 32]),
            log().vkey()
        )
    }

    /// What is written reads back the same, and what may be left out has its default.
    #[test]
    fn settings_round_trip() {
        let directory = tempfile::tempdir().unwrap();
        let profile = ProfileDir::new(directory.path().join("new/be.ctc"));
        let settings =
            Settings::parse(&text("desk = \"be.ctc/aviation\"\nlanguages = [\"fr\", \"nl\"]")).unwrap();
        settings.write(&profile).unwrap();
        assert_eq!(Settings::read(&profile).unwrap(), settings);
        let rules = Settings::parse(&text("[retention]\nexercise_days = 5")).unwrap();
        assert_eq!(
            (rules.retention.ordinary_days, rules.retention.exercise_days),
            (730, 5)
        );
        rules.write(&profile).unwrap();
        assert_eq!(Settings::read(&profile).unwrap(), rules);
        let plain = Settings::parse(&text("")).unwrap();
        assert_eq!(plain.retention, RetentionRules::default());
        assert_eq!(plain.desk().unwrap().to_string(), "be.ctc");
        assert_eq!(plain.signer, SignerSetting::File);
    }

    /// A wrong setting is named; a table.
    #[test]
    fn wrong_settings_are_named() {
        for (change, named) in [
            ("desk = \"fr.ctc\"", "desk"),
            ("operator = \"alice\"", "agency"),
            ("signer = \"token\"", "signer"),
            ("signer = \"exec: \"", "signer"),
            ("languages = [\"x\"]", "languages"),
            ("colour = 1", "colour"),
            ("[retention]\nordinary_days = 0", "retention.ordinary_days"),
            (
                "[retention]\npersonal_data_days = 731",
                "retention.personal_data_days",
            ),
            ("[retention]\nkeys = \"x\"", "keys"),
        ] {
            let problem = Settings::parse(&text(change)).unwrap_err();
            assert!(problem.contains(named), "{change}: {problem}");
        }
        let other = text("").replace("origin = \"relay", "origin = \"other");
        assert!(Settings::parse(&other).unwrap_err().contains("log_key"));
        assert!(matches!(
            Settings::read(&ProfileDir::new("/nonexistent/profile")),
            Err(ProfileError::Missing(_))
        ));
    }
}
