//! Whom a verifier trusts: the one place from which trust comes when evidence is checked. It is the verifier's own file or
//! directory, and nothing of it comes from what is checked.
//!
//! ```text
//! DIR/log.policy   C2SP tlog-policy: the log's key, the witnesses, and which of them together are enough
//! DIR/roots        lines "root STATE KEY": a state's root, the raw Ed25519 key as 64 hex digits; '#' begins a comment
//! DIR/tsa/*.pem    roots of timestamp authorities (RFC 3161)
//! ```
//! A plain file is a `log.policy` alone. Without `roots` no state's root is trusted: that a key is an agency's is then told
//! as what the relay claims.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::timestamp::{InvalidRoots, TsaRoots};
use crate::domain::{KeyId, StateId};
use crate::files;
use crate::limits;
use crate::seal::PublicKey;
use crate::transparency::{InvalidPolicy, Policy};

/// What a verifier trusts.
#[derive(Debug, Clone)]
pub struct Trusted {
    policy: Policy,
    roots: Option<TrustedRoots>,
    authorities: TsaRoots,
}

/// The state roots that a verifier trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedRoots(BTreeMap<KeyId, StateId>);

/// Why a policy cannot be used. Nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum UnusablePolicy {
    /// A file is missing.
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// The C2SP policy is malformed.
    #[error("{path}: {error}", path = .path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidPolicy,
    },
    /// The roots of the timestamp authorities cannot be used.
    #[error(transparent)]
    Authorities(#[from] InvalidRoots),
    /// A line of the roots is malformed.
    #[error("{path}, line {line}: {what}", path = .path.display())]
    Roots {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Trusted {
    /// Reads a verifier's policy: a directory, or a C2SP policy alone.
    pub fn read(path: &Path) -> Result<Self, UnusablePolicy> {
        let policy = Self::read_policy(path)?;
        if !path.is_dir() {
            return Ok(Self::new(policy, None));
        }
        let roots_path = path.join("roots");
        let roots = match files::read(&roots_path, limits::TRUSTED_ROOTS_BYTES_MAX)? {
            None => None,
            Some(bytes) => {
                let parsed = TrustedRoots::parse(&bytes);
                Some(parsed.map_err(|(line, what)| UnusablePolicy::Roots {
                    path: roots_path,
                    line,
                    what,
                })?)
            }
        };
        Ok(Self {
            authorities: TsaRoots::read(&path.join("tsa"))?,
            ..Self::new(policy, roots)
        })
    }

    /// The same without the roots, for what nobody but the log has signed.
    pub fn read_policy(path: &Path) -> Result<Policy, UnusablePolicy> {
        match path.is_dir() {
            true => policy_in(&path.join("log.policy")),
            false => policy_in(path),
        }
    }

    /// Also trusts timestamp authorities under these roots.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn with_authorities(mut self, authorities: TsaRoots) -> Self {
        self.authorities = authorities;
        self
    }

    /// Of what was read already.
    pub fn new(policy: Policy, roots: Option<TrustedRoots>) -> Self {
        Self {
            policy,
            roots,
            authorities: TsaRoots::default(),
        }
    }

    /// Logs, witnesses and the quorum.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The roots of timestamp authorities.
    pub fn authorities(&self) -> &TsaRoots {
        &self.authorities
    }

    /// The state roots; none: they were not given.
    pub fn roots(&self) -> Option<&TrustedRoots> {
        self.roots.as_ref()
    }
}

fn policy_in(path: &Path) -> Result<Policy, UnusablePolicy> {
    let bytes = files::read(path, limits::POLICY_BYTES_MAX)?;
    let bytes = bytes.ok_or_else(|| UnusablePolicy::Missing(path.to_owned()))?;
    Policy::parse(&bytes).map_err(|error| UnusablePolicy::Policy {
        path: path.to_owned(),
        error,
    })
}

impl TrustedRoots {
    /// These roots.
    pub fn new(roots: impl IntoIterator<Item = (StateId, PublicKey)>) -> Self {
        Self(
            roots
                .into_iter()
                .map(|(state, key)| (key.keyid(), state))
                .collect(),
        )
    }

    /// Whether this key is trusted as a root of this state.
    pub fn holds(&self, state: &StateId, root: &KeyId) -> bool {
        self.0.get(root) == Some(state)
    }

    /// One line of the file.
    pub fn line(state: &StateId, key: &PublicKey) -> String {
        format!("root {state} {}\n", hex::encode(key.as_bytes()))
    }

    /// Reads the file; an error is a line, from 1, and what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, (usize, &'static str)> {
        let text = std::str::from_utf8(bytes).map_err(|_| (1, "the file is not UTF-8"))?;
        let mut roots = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| (number, what);
            let mut items = line.split_ascii_whitespace();
            let form = wrong("a line is \"root STATE KEY\", the key as 64 lower-case hex digits");
            let (Some("root"), Some(state), Some(key), None) =
                (items.next(), items.next(), items.next(), items.next())
            else {
                return Err(form);
            };
            let state = state.parse().map_err(|_| wrong("this is no state"))?;
            let mut raw = [0u8; 32];
            if key.bytes().any(|b| b.is_ascii_uppercase()) || hex::decode_to_slice(key, &mut raw).is_err() {
                return Err(form);
            }
            let key = PublicKey::parse(&raw).map_err(|_| wrong("this is no sound Ed25519 key"))?;
            if roots.insert(key.keyid(), state).is_some() {
                return Err(wrong("this key stands on an earlier line already"));
            }
        }
        Ok(Self(roots))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::SecretKey;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed(&[seed; 32]).public_key()
    }

    /// Roots are read with their comments, and each is trusted for its own state only.
    #[test]
    fn roots_are_read() {
        let (ru, us) = ("ru".parse().unwrap(), "us".parse().unwrap());
        let text = format!(
            "# from the ministries\n\n{}  {}",
            TrustedRoots::line(&ru, &key(1)),
            TrustedRoots::line(&us, &key(2))
        );
        let roots = TrustedRoots::parse(text.as_bytes()).unwrap();
        assert_eq!(
            roots,
            TrustedRoots::new([(ru.clone(), key(1)), (us.clone(), key(2))])
        );
        assert!(roots.holds(&ru, &key(1).keyid()) && !roots.holds(&us, &key(1).keyid()));
    }

    /// A line of another form is an error with its number; a table.
    #[test]
    fn other_lines_are_refused() {
        let good = TrustedRoots::line(&"ru".parse().unwrap(), &key(1));
        for bad in [
            "root ru",
            "root ru 00",
            "toor ru 00",
            &format!("root RU {}", "00".repeat(32)),
            &format!("root ru {}", "00".repeat(32)),
            &format!("{} more", good.trim()),
            &good.to_uppercase().replace("ROOT RU", "root ru"),
            good.trim(),
        ] {
            let text = format!("{good}{bad}\n");
            assert!(
                matches!(TrustedRoots::parse(text.as_bytes()), Err((2, _))),
                "{bad}"
            );
        }
    }

    /// A directory without its C2SP policy, and a path that is not there, are unusable and say which file.
    #[test]
    fn what_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = Trusted::read(directory.path()).unwrap_err().to_string();
        assert!(missing.contains("log.policy: there is no such file"), "{missing}");
        let path = directory.path().join("nothing");
        assert!(matches!(
            Trusted::read(&path),
            Err(UnusablePolicy::Missing(named)) if named == path
        ));
    }
}
