//! The policy whose witnesses a relay asks: a C2SP tlog-policy in which each witness has a URL, read and checked before a
//! port is bound.

use sha2::{Digest as _, Sha256};

use crate::domain::Origin;
use crate::fetch::{InvalidUrl, Url};
use crate::limits;
use crate::transparency::{InvalidPolicy, LogVerifier, Policy, WitnessVerifier};

/// A policy whose witnesses can be asked.
#[derive(Debug, Clone)]
pub struct WitnessPolicy {
    policy: Policy,
    asked: Vec<Asked>,
    digest: [u8; 32],
}

/// One witness of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its name in the policy.
    pub name: String,
    /// By what its cosignatures are verified.
    pub verifier: WitnessVerifier,
    /// Its submission prefix (C2SP tlog-witness).
    pub url: Url,
    /// Where it stands in the policy.
    pub(super) place: usize,
}

/// Why a relay cannot use a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWitnessPolicy {
    /// It is none.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
    /// It is about other logs.
    #[error("the policy names other logs than this one")]
    OtherLogs,
    /// It names nobody to ask.
    #[error("the policy names no witness")]
    NoWitness,
    /// A witness cannot be asked.
    #[error("the policy says no URL of the witness {0}")]
    NoUrl(String),
    /// A note with all their signatures would be longer than is stored.
    #[error("the policy names too many witnesses, or by too long names, for one note")]
    TooMany,
    /// A witness's URL is none that is asked.
    #[error("the URL of the witness {0}: {1}")]
    Url(String, InvalidUrl),
}

impl Asked {
    /// It in a sentence.
    pub(super) fn named(&self) -> String {
        format!("the witness {}", self.name)
    }
}

impl WitnessPolicy {
    /// Reads the policy of the relay of this log.
    pub fn read(bytes: &[u8], origin: &Origin) -> Result<Self, BadWitnessPolicy> {
        let policy = Policy::parse(bytes)?;
        if !policy.logs().is_empty() && policy.log_for(origin).is_none() {
            return Err(BadWitnessPolicy::OtherLogs);
        }
        let mut asked = Vec::new();
        for (place, witness) in policy.witnesses().iter().enumerate() {
            let name = witness.name();
            let url = witness
                .url()
                .ok_or_else(|| BadWitnessPolicy::NoUrl(name.clone()))?;
            let url = url
                .parse()
                .map_err(|error| BadWitnessPolicy::Url(name.clone(), error))?;
            let verifier = witness.verifier().clone();
            asked.push(Asked {
                name,
                verifier,
                url,
                place,
            });
        }
        if asked.is_empty() {
            return Err(BadWitnessPolicy::NoWitness);
        }
        const LINE_BYTES: usize = 128;
        let lines = asked.iter().map(|asked| asked.verifier.name().as_str().len());
        let longest: usize = lines.map(|name| name.saturating_add(LINE_BYTES)).sum();
        if longest.saturating_add(4 * limits::ORIGIN_CHARS_MAX) > limits::COSIGNED_NOTE_BYTES_MAX {
            return Err(BadWitnessPolicy::TooMany);
        }
        Ok(Self {
            policy,
            asked,
            digest: Sha256::digest(bytes).into(),
        })
    }

    /// Whether it is about the log with this key. One that names no log is about any.
    pub fn is_about(&self, log: &LogVerifier) -> bool {
        self.policy.logs().is_empty() || self.policy.logs().iter().any(|known| known.verifier() == log)
    }

    /// The rule.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whom it names, in its order.
    pub fn witnesses(&self) -> &[Asked] {
        &self.asked
    }

    /// SHA-256 of its text.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// It in words: who is asked where, and how many of them are enough.
    pub fn explain(&self) -> String {
        let asked: Vec<String> = self
            .asked
            .iter()
            .map(|witness| format!("{} at {}", witness.name, witness.url))
            .collect();
        let rule = match self.policy.requires_witnesses() {
            true => format!("at least {} of them make a quorum", self.policy.quorum_size_min()),
            false => "no quorum is asked for".to_owned(),
        };
        format!("{}; {rule}", asked.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SecretKey;
    use crate::transparency::{LogKey, WitnessKey};

    fn log(origin: &str) -> LogVerifier {
        let key = SecretKey::from_seed(&[1; 32]);
        LogKey::new(origin.parse().unwrap(), key).verifier().clone()
    }

    fn witness() -> WitnessVerifier {
        let key = SecretKey::from_seed(&[2; 32]);
        WitnessKey::new("w.example/one".parse().unwrap(), key)
            .verifier()
            .clone()
    }

    /// What a relay can ask by and what it cannot: a table.
    #[test]
    fn every_witness_can_be_asked() {
        let (ours, other) = (log("ours.example"), log("other.example"));
        let w = witness();
        let asked = format!("witness one {w} https://w.example/a\nquorum one\n");
        for (text, verdict) in [
            (asked.clone(), Ok(())),
            (
                format!("log {ours}\nlog {}\n{asked}", log_of(3, "other.example")),
                Ok(()),
            ),
            (format!("log {other}\n{asked}"), Err(BadWitnessPolicy::OtherLogs)),
            ("quorum none\n".to_owned(), Err(BadWitnessPolicy::NoWitness)),
            (
                format!("witness one {w}\nquorum one\n"),
                Err(BadWitnessPolicy::NoUrl("one".to_owned())),
            ),
            (
                format!("witness one {w} w.example\nquorum one\n"),
                Err(BadWitnessPolicy::Url("one".to_owned(), InvalidUrl)),
            ),
        ] {
            let read = WitnessPolicy::read(text.as_bytes(), ours.origin());
            assert_eq!(read.map(drop), verdict, "{text}");
        }
        assert!(matches!(
            WitnessPolicy::read(b"quorum nobody\n", ours.origin()),
            Err(BadWitnessPolicy::Policy(_))
        ));
    }

    fn log_of(seed: u8, origin: &str) -> LogVerifier {
        let key = SecretKey::from_seed(&[seed; 32]);
        LogKey::new(origin.parse().unwrap(), key).verifier().clone()
    }

    /// A policy that names this log's origin with another key is not about this log.
    #[test]
    fn another_key_is_another_log() {
        let ours = log("ours.example");
        let asked = format!("witness one {} http://w.example\nquorum one\n", witness());
        for (text, about_us) in [
            (asked.clone(), true),
            (format!("log {ours}\n{asked}"), true),
            (format!("log {}\n{asked}", log_of(9, "ours.example")), false),
        ] {
            let read = WitnessPolicy::read(text.as_bytes(), ours.origin()).unwrap();
            assert_eq!(read.is_about(&ours), about_us);
            assert_eq!(
                read.explain(),
                "one at http://w.example/; at least 1 of them make a quorum"
            );
        }
    }
}
