//! The settings of a relay and what may be in them. All are checked here, before a file is made or a port is bound.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::keys::KEYS;
use crate::config::{ConfigError, FlagSetting, Settings};
use crate::domain::{Deadlines, OperatorName, Origin, Precedence};
use crate::fetch::Url;
use crate::files;
use crate::grpc::EdgeLimits;
use crate::limits;
use crate::relay::SessionTimes;
use crate::relay::{HourlyQuota, Quotas, WitnessPolicy, WitnessTimes};
use crate::retention::RetentionRules;
use crate::telemetry::{LogFormat, LogLevel};
use crate::time::Timestamp;
use crate::tls::AcceptLimits;

/// The settings of a relay, checked.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The log's name.
    pub origin: Origin,
    /// Where the journal is.
    pub data_dir: PathBuf,
    /// Where agencies connect.
    pub listen: SocketAddr,
    /// Metrics and health.
    pub http_listen: Option<SocketAddr>,
    /// The log's public read side.
    pub public_listen: Option<SocketAddr>,
    /// Who cosigns the log's checkpoints.
    pub witness_policy: Option<WitnessPolicy>,
    /// Where others show copies of the log's newest checkpoint.
    pub followers: Vec<Url>,
    /// How the witnesses are asked, and at a start the followers. No setting of its own.
    pub witness_times: WitnessTimes,
    /// The log's secret key; with `log_signer` its public key.
    pub log_key_file: PathBuf,
    /// The program that holds the log's key (`exec:CMD`).
    pub log_signer: Option<String>,
    /// The relay's TLS key.
    pub tls_key_file: PathBuf,
    /// Its certificate.
    pub tls_certificate_file: PathBuf,
    /// The keys of the buckets of what is stored.
    pub bucket_keys_file: PathBuf,
    /// When what was said is erased.
    pub retention: RetentionRules,
    /// Up to when an operator says that the clock is right.
    pub clock_checked_until: Option<Timestamp>,
    /// How far the relay's clock is ahead of the machine's. No setting of its own: tests let days pass with it.
    pub clock_ahead_ms: i64,
    /// Operators' key requests, for the genesis.
    pub operators: BTreeMap<OperatorName, Vec<PathBuf>>,
    /// The defaults, one a precedence; recorded in the genesis.
    pub deadlines: Vec<(Precedence, Deadlines)>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which are written.
    pub log_level: LogLevel,
    /// What each agency may add in an hour.
    pub quotas: Quotas,
    /// Of connections.
    pub accept: AcceptLimits,
    /// Of calls.
    pub edge: EdgeLimits,
    /// Of delivery sessions, in the engine. No setting of its own: the edge sees first that a stream is not read.
    pub session_times: SessionTimes,
    /// How long a shutdown waits.
    pub drain_ms_max: u64,
    /// SHA-256 of what is effective, without secrets, and (if there is one) of the witness policy; in `RELAY_STARTED`.
    pub digest: [u8; 32],
    effective: Settings,
}

impl RelaySettings {
    /// Loads the file, the process's environment and the flags, and checks all of it.
    pub fn load(file: Option<&Path>, flags: &[FlagSetting]) -> Result<Self, ConfigError> {
        // A variable that is no text is no setting of ours: our names are ASCII.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::check(Settings::load(KEYS, file, environment, flags)?)
    }

    /// Loads the file and the flags, and nothing of the environment: a relay that a tool makes for itself is not the one
    /// that somebody has set variables for.
    pub fn load_apart(file: &Path, flags: &[FlagSetting]) -> Result<Self, ConfigError> {
        Self::check(Settings::load(KEYS, Some(file), [], flags)?)
    }

    /// Checks settings that were loaded.
    pub fn check(settings: Settings) -> Result<Self, ConfigError> {
        let data_dir: PathBuf = settings.required("data_dir")?;
        let file = |key: &str, name: &str| -> Result<PathBuf, ConfigError> {
            let keys = data_dir.join("keys");
            Ok(settings.optional(key)?.unwrap_or_else(|| keys.join(name)))
        };
        let origin: Origin = settings.required("origin")?;
        let witness_policy = witness_policy(&settings, &origin)?;
        let log_signer: Option<String> = settings.optional("log_signer")?;
        if let Some(signer) = &log_signer
            && signer
                .strip_prefix("exec:")
                .is_none_or(|command| command.trim().is_empty())
        {
            return Err(settings.refuse("log_signer", "takes \"exec:\" and a command"));
        }
        Ok(Self {
            digest: digest(&settings, witness_policy.as_ref()),
            witness_policy,
            followers: followers(&settings)?,
            witness_times: WitnessTimes::default(),
            origin,
            listen: settings.required("listen")?,
            http_listen: settings.optional("http_listen")?,
            public_listen: settings.optional("public_listen")?,
            log_key_file: match &log_signer {
                None => file("log_key_file", "log.pem")?,
                Some(_) => file("log_key_file", "log.pub")?,
            },
            log_signer,
            tls_key_file: file("tls.key_file", "tls.pem")?,
            tls_certificate_file: file("tls.certificate_file", "tls-cert.pem")?,
            bucket_keys_file: file("retention.keys", "buckets")?,
            retention: retention(&settings)?,
            clock_checked_until: checked_until(&settings)?,
            clock_ahead_ms: 0,
            operators: operators(&settings)?,
            deadlines: Precedence::ALL
                .iter()
                .map(|precedence| Ok((*precedence, deadlines(&settings, *precedence)?)))
                .collect::<Result<_, ConfigError>>()?,
            log_format: settings.required("log.format")?,
            log_level: settings.required("log.level")?,
            quotas: Quotas {
                warnings: HourlyQuota {
                    count: quota(&settings, "warnings_per_hour", limits::WARNINGS_PER_HOUR_MIN)?,
                    bytes: quota(
                        &settings,
                        "warning_bytes_per_hour",
                        limits::WARNING_BYTES_PER_HOUR_MIN,
                    )?,
                },
                ..Quotas::default()
            },
            accept: accept_limits(&settings)?,
            edge: EdgeLimits {
                streams_per_connection_max: lowered(
                    &settings,
                    "streams_per_connection_max",
                    limits::STREAMS_PER_CONNECTION_MAX,
                )?,
                submissions_in_flight_max: lowered(
                    &settings,
                    "submissions_in_flight_max",
                    limits::SUBMISSIONS_IN_FLIGHT_MAX,
                )?,
                stall_ms_max: stall_ms_max(&settings)?,
                ..EdgeLimits::default()
            },
            session_times: SessionTimes {
                stall_ms_max: stall_ms_max(&settings)?,
                ..SessionTimes::default()
            },
            drain_ms_max: lowered(&settings, "drain_ms_max", limits::DRAIN_MS_MAX)?,
            data_dir,
            effective: settings,
        })
    }

    /// Every setting with its effective value, where that came from and what it is for, in the order of [`KEYS`].
    pub fn explain(&self) -> Vec<Explained> {
        let mut rows = Vec::new();
        for key in KEYS {
            let set: Vec<_> = match key.name.strip_suffix(".*") {
                Some(table) => self
                    .effective
                    .iter()
                    .filter(|(name, _)| name.starts_with(table))
                    .collect(),
                None => self
                    .effective
                    .iter()
                    .filter(|(name, _)| *name == key.name)
                    .collect(),
            };
            if set.is_empty() {
                rows.push(Explained {
                    key: key.name.to_owned(),
                    value: self.unset(key.name),
                    source: "default".to_owned(),
                    help: key.help,
                    means: None,
                });
            }
            rows.extend(set.into_iter().map(|(name, effective)| Explained {
                key: name.to_owned(),
                value: Some(effective.values.join(", ")),
                source: effective.source.to_string(),
                help: key.help,
                means: self.means(name),
            }));
        }
        rows
    }

    /// What a setting means beyond its value, in words: what the file says that it names, or what is done with it.
    fn means(&self, key: &str) -> Option<String> {
        match key {
            "witness_policy" => self.witness_policy.as_ref().map(WitnessPolicy::explain),
            "followers" if !self.followers.is_empty() => Some(format!(
                "at each start {} asked for a checkpoint of {}; one that this log's key has signed and that is not on this log \
                 stops the start",
                match self.followers.len() {
                    1 => "this one is".to_owned(),
                    count => format!("these {count} are"),
                },
                self.origin
            )),
            _ => None,
        }
    }

    /// What holds where nothing is set and the default depends on other settings or on a bound.
    fn unset(&self, key: &str) -> Option<String> {
        let path = |path: &Path| Some(path.display().to_string());
        match key {
            "log_key_file" => path(&self.log_key_file),
            "tls.key_file" => path(&self.tls_key_file),
            "tls.certificate_file" => path(&self.tls_certificate_file),
            "retention.keys" => path(&self.bucket_keys_file),
            "limits.connections_max" => Some(self.accept.connections_max.to_string()),
            "limits.connections_per_principal_max" => {
                Some(self.accept.connections_per_principal_max.to_string())
            }
            "limits.handshakes_max" => Some(self.accept.handshakes_max.to_string()),
            "limits.handshakes_per_address_max" => Some(self.accept.handshakes_per_address_max.to_string()),
            "limits.strangers_max" => Some(self.accept.strangers_max.to_string()),
            "limits.stranger_ms_max" => Some(self.accept.stranger_ms_max.to_string()),
            "limits.handshake_ms_max" => Some(self.accept.handshake_ms_max.to_string()),
            "limits.streams_per_connection_max" => Some(self.edge.streams_per_connection_max.to_string()),
            "limits.submissions_in_flight_max" => Some(self.edge.submissions_in_flight_max.to_string()),
            "limits.session_stall_ms_max" => Some(self.edge.stall_ms_max.to_string()),
            "limits.drain_ms_max" => Some(self.drain_ms_max.to_string()),
            _ => None,
        }
    }
}

/// One row of an explained configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// The setting.
    pub key: String,
    /// Its effective value; none: it is absent.
    pub value: Option<String>,
    /// Where that came from.
    pub source: String,
    /// What it is for.
    pub help: &'static str,
    /// What that means beyond the value, in words: what the file says that it names, or what is done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<String>,
}

fn operators(settings: &Settings) -> Result<BTreeMap<OperatorName, Vec<PathBuf>>, ConfigError> {
    let mut operators = BTreeMap::new();
    for (name, effective) in settings.table("operators") {
        let parsed: OperatorName = name
            .parse()
            .map_err(|error| settings.refuse(&format!("operators.{name}"), error))?;
        operators.insert(parsed, effective.values.iter().map(PathBuf::from).collect());
    }
    Ok(operators)
}

/// Each later step needs the earlier one, so each later deadline is not before the earlier one.
fn deadlines(settings: &Settings, precedence: Precedence) -> Result<Deadlines, ConfigError> {
    let table = format!("deadlines.{}", precedence.word().to_ascii_lowercase());
    let read = |name: &str, at_least: i64| -> Result<i64, ConfigError> {
        let key = format!("{table}.{name}");
        let ms: i64 = settings.required(&key)?;
        if ms < at_least {
            return Err(settings.refuse(&key, format!("takes at least {at_least}")));
        }
        Ok(ms)
    };
    let received_ms = read("received_ms", 1)?;
    let opened_ms = read("opened_ms", received_ms)?;
    Ok(Deadlines {
        received_ms,
        opened_ms,
        answered_ms: read("answered_ms", opened_ms)?,
    })
}

/// Reads the policy, so that a fault in it is found before anything begins.
fn witness_policy(settings: &Settings, origin: &Origin) -> Result<Option<WitnessPolicy>, ConfigError> {
    const KEY: &str = "witness_policy";
    let Some(path) = settings.optional::<PathBuf>(KEY)? else {
        return Ok(None);
    };
    let read = || {
        let bytes = files::read(&path, limits::POLICY_BYTES_MAX).map_err(|error| error.source.to_string())?;
        let bytes = bytes.ok_or("is not there")?;
        WitnessPolicy::read(&bytes, origin).map_err(|error| error.to_string())
    };
    read().map(Some).map_err(|reason| settings.refuse(KEY, reason))
}

/// Where others show the log's checkpoints.
fn followers(settings: &Settings) -> Result<Vec<Url>, ConfigError> {
    const KEY: &str = "followers";
    let urls: Vec<Url> = settings.list(KEY)?;
    match urls.len() > limits::LOG_FOLLOWERS_MAX {
        true => Err(settings.refuse(KEY, format!("takes at most {}", limits::LOG_FOLLOWERS_MAX))),
        false => Ok(urls),
    }
}

/// Of the settings; what the policy says counts too, not only where it lies.
fn digest(settings: &Settings, policy: Option<&WitnessPolicy>) -> [u8; 32] {
    match policy {
        None => settings.digest(),
        Some(policy) => Sha256::new()
            .chain_update(settings.digest())
            .chain_update(policy.digest())
            .finalize()
            .into(),
    }
}

/// A quota, which may be raised too.
fn quota(settings: &Settings, name: &str, at_least: u64) -> Result<u64, ConfigError> {
    let key = format!("quota.{name}");
    let value: u64 = settings.required(&key)?;
    match value >= at_least && value <= limits::QUOTA_MAX {
        true => Ok(value),
        false => Err(settings.refuse(&key, format!("takes {at_least} to {}", limits::QUOTA_MAX))),
    }
}

/// Each rule is a day at least, and personal data is not kept longer than what is ordinary.
fn retention(settings: &Settings) -> Result<RetentionRules, ConfigError> {
    const PERSONAL: &str = "retention.personal_data_days";
    let days = |key: &str| -> Result<u32, ConfigError> {
        let days: u32 = settings.required(key)?;
        match (1..=limits::RETENTION_DAYS_MAX).contains(&days) {
            true => Ok(days),
            false => Err(settings.refuse(key, format!("takes 1 to {}", limits::RETENTION_DAYS_MAX))),
        }
    };
    let rules = RetentionRules {
        ordinary_days: days("retention.ordinary_days")?,
        personal_data_days: days(PERSONAL)?,
        exercise_days: days("retention.exercise_days")?,
    };
    match rules.personal_data_days <= rules.ordinary_days {
        true => Ok(rules),
        false => Err(settings.refuse(PERSONAL, "takes no more than retention.ordinary_days")),
    }
}

/// A time to come, or one that has passed and says nothing any more.
fn checked_until(settings: &Settings) -> Result<Option<Timestamp>, ConfigError> {
    const KEY: &str = "retention.clock_checked_until";
    let text: Option<String> = settings.optional(KEY)?;
    text.map(|text| Timestamp::parse_rfc3339(&text).map_err(|error| settings.refuse(KEY, error)))
        .transpose()
}

/// One for the connection, the edge's streams and the engine's sessions.
fn stall_ms_max(settings: &Settings) -> Result<u64, ConfigError> {
    lowered(settings, "session_stall_ms_max", limits::SESSION_STALL_MS_MAX)
}

fn accept_limits(settings: &Settings) -> Result<AcceptLimits, ConfigError> {
    let count = |name, bound| lowered(settings, name, bound);
    let ms = |name, bound| lowered(settings, name, bound);
    Ok(AcceptLimits {
        connections_max: count("connections_max", limits::CONNECTIONS_MAX)?,
        connections_per_principal_max: count(
            "connections_per_principal_max",
            limits::CONNECTIONS_PER_PRINCIPAL_MAX,
        )?,
        handshakes_max: count("handshakes_max", limits::HANDSHAKES_MAX)?,
        handshakes_per_address_max: count("handshakes_per_address_max", limits::HANDSHAKES_PER_ADDRESS_MAX)?,
        handshake_ms_max: ms("handshake_ms_max", limits::HANDSHAKE_MS_MAX)?,
        strangers_max: count("strangers_max", limits::STRANGERS_MAX)?,
        stranger_ms_max: ms("stranger_ms_max", limits::STRANGER_MS_MAX)?,
        stall_ms_max: stall_ms_max(settings)?,
    })
}

/// A bound that may be lowered and not raised.
fn lowered<T>(settings: &Settings, name: &str, bound: T) -> Result<T, ConfigError>
where
    T: FromStr + PartialOrd + fmt::Display + Copy + From<u8>,
    T::Err: fmt::Display,
{
    let key = format!("limits.{name}");
    match settings.optional::<T>(&key)? {
        None => Ok(bound),
        Some(value) if value >= T::from(1) && value <= bound => Ok(value),
        Some(_) => Err(settings.refuse(&key, format!("takes 1 to {bound}: a bound may be lowered only"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(settings: &[(&str, &str)]) -> Result<RelaySettings, String> {
        let base = [("origin", "log.example/relay"), ("data_dir", "/var/lib/wardline")];
        let flags: Vec<FlagSetting> = base
            .iter()
            .chain(settings)
            .map(|(key, value)| FlagSetting {
                flag: "--set".into(),
                key: (*key).into(),
                value: (*value).into(),
            })
            .collect();
        let settings = Settings::load(KEYS, None, [], &flags).map_err(|error| error.to_string())?;
        RelaySettings::check(settings).map_err(|error| error.to_string())
    }

    /// What is not set is the field's own: deadlines as DOMAIN.md has them, bounds as limits.rs has them.
    #[test]
    fn defaults_are_the_fields_own() {
        let settings = check(&[]).unwrap();
        let minutes: Vec<_> = settings
            .deadlines
            .iter()
            .map(|(precedence, deadlines)| {
                let minutes = |ms: i64| ms / 60_000;
                (
                    precedence.word(),
                    minutes(deadlines.received_ms),
                    minutes(deadlines.opened_ms),
                    minutes(deadlines.answered_ms),
                )
            })
            .collect();
        assert_eq!(
            minutes,
            [
                ("FLASH", 2, 5, 10),
                ("IMMEDIATE", 10, 20, 30),
                ("PRIORITY", 60, 120, 180),
                ("ROUTINE", 360, 720, 1440)
            ]
        );
        assert_eq!(settings.accept.connections_max, limits::CONNECTIONS_MAX);
        assert_eq!(settings.quotas, Quotas::default());
        assert_eq!(settings.retention, RetentionRules::default());
        assert_eq!(settings.tls_key_file, Path::new("/var/lib/wardline/keys/tls.pem"));
        assert_eq!(settings.http_listen, None);
    }

    /// Values that do not fit are refused with the place and the reason; a table.
    #[test]
    fn values_that_do_not_fit_are_refused() {
        for (key, value, reason) in [
            (
                "origin",
                "two words",
                "an origin holds printable ASCII without spaces and '+' only",
            ),
            ("listen", "localhost", "invalid socket address syntax"),
            ("log.format", "xml", "takes text or json"),
            ("log.level", "loud", "takes error, warn, info, debug or trace"),
            (
                "limits.connections_max",
                "0",
                "takes 1 to 4096: a bound may be lowered only",
            ),
            (
                "limits.drain_ms_max",
                "10001",
                "takes 1 to 10000: a bound may be lowered only",
            ),
            (
                "limits.streams_per_connection_max",
                "-1",
                "invalid digit found in string",
            ),
            ("quota.warnings_per_hour", "3", "takes 4 to 1099511627776"),
            (
                "quota.warning_bytes_per_hour",
                "1000000",
                "takes 4194304 to 1099511627776",
            ),
            ("deadlines.flash.received_ms", "0", "takes at least 1"),
            ("deadlines.flash.opened_ms", "60000", "takes at least 120000"),
            (
                "operators.Alice",
                "a",
                "\"Alice\" is not an operator's name: lower-case letters, digits and hyphens",
            ),
        ] {
            let refused = check(&[(key, value)]).unwrap_err();
            assert_eq!(refused, format!("flag --set: {key} = {value:?}: {reason}"));
        }
    }

    /// An explanation has a row for every setting, with its value and where it came from.
    #[test]
    fn every_setting_is_explained() {
        let rows = check(&[("operators.alice", "a,b"), ("limits.drain_ms_max", "5")])
            .unwrap()
            .explain();
        assert_eq!(rows.len(), KEYS.len());
        let row = |key: &str| rows.iter().find(|row| row.key == key).unwrap();
        assert_eq!(row("operators.alice").value.as_deref(), Some("a, b"));
        assert_eq!(row("limits.drain_ms_max").source, "flag --set");
        assert_eq!(row("limits.connections_max").value.as_deref(), Some("4096"));
        assert_eq!(row("http_listen").value, None);
    }

    /// Followers are URLs, each whole, and not too many; they are explained.
    #[test]
    fn followers_are_urls() {
        let many = vec!["http://a"; limits::LOG_FOLLOWERS_MAX + 1].join(",");
        for (value, reason) in [
            ("", "takes http:// or https://, a host and a path"),
            (
                "http://a/checkpoint,b",
                "takes http:// or https://, a host and a path",
            ),
            (many.as_str(), "takes at most 16"),
        ] {
            let refused = check(&[("followers", value)]).unwrap_err();
            assert!(refused.contains(reason), "{value}: {refused}");
        }
        let settings = check(&[("followers", "https://a.example/x/checkpoint, http://b")]).unwrap();
        let urls: Vec<_> = settings.followers.iter().map(ToString::to_string).collect();
        assert_eq!(urls, ["https://a.example/x/checkpoint", "http://b/"]);
        let row = settings
            .explain()
            .into_iter()
            .find(|row| row.key == "followers")
            .unwrap();
        let means = row.means.unwrap();
        assert!(means.starts_with("at each start these 2 are asked"), "{means}");
    }

    /// A policy that is not there, is none, or is another log's is refused like any other value, with the line; one that can be
    /// used is explained, and what it says counts in the configuration's digest; a table.
    #[test]
    fn a_witness_policy_is_read_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log.policy");
        let path = file.to_str().unwrap();
        let set = |text: &str| {
            std::fs::write(&file, text).unwrap();
            check(&[("witness_policy", path)])
        };
        let refused = check(&[("witness_policy", path)]).unwrap_err();
        assert!(refused.ends_with(": is not there"), "{refused}");
        let key = crate::seal::SecretKey::from_seed(&[1; 32]);
        let witness =
            crate::transparency::WitnessVerifier::new("w.example".parse().unwrap(), key.public_key());
        let asked = format!("witness one {witness} https://w.example\n");
        for (text, reason) in [
            (format!("{asked}quorum two\n"), "line 2 of the policy: "),
            (format!("{asked}quorum one"), "line 2 of the policy: "),
            (
                format!("witness one {witness}\nquorum one\n"),
                "the policy says no URL of the witness one",
            ),
            ("quorum none\n".to_owned(), "the policy names no witness"),
        ] {
            let refused = set(&text).unwrap_err();
            let begins = format!("flag --set: witness_policy = {path:?}: {reason}");
            assert!(refused.starts_with(&begins), "{refused}");
        }
        let one = set(&format!("{asked}quorum one\n")).unwrap();
        let rows = one.explain();
        let row = rows.iter().find(|row| row.key == "witness_policy").unwrap();
        let means = "one at https://w.example/; at least 1 of them make a quorum";
        assert_eq!(row.means.as_deref(), Some(means));
        let other = set(&format!("{asked}quorum none\n")).unwrap();
        assert_ne!(one.digest, other.digest);
        assert_ne!(one.digest, check(&[]).unwrap().digest);
    }
}
