//! What a verifier of this world's evidence trusts: its log and its states' roots. In reality each verifier writes this
//! by itself, from what the states and the operator publish elsewhere; here all of it is on one machine.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{LocalWitnesses, World};
use crate::audit::TrustedRoots;
use crate::cli::{Exit, Fault};
use crate::client::keys::KeyRequest;
use crate::files;
use crate::seal::PublicKey;
use crate::transparency::LogVerifier;

impl World {
    /// Where it lies.
    pub fn policy(&self) -> PathBuf {
        self.directory().join("policy")
    }

    /// Writes it: the log's policy with these witnesses if there is none yet, so that others may be added to it; the roots
    /// anew, as there may be more of them than before.
    pub fn write_policy(
        &self,
        log: &LogVerifier,
        witnesses: Option<&LocalWitnesses>,
    ) -> Result<PathBuf, Fault> {
        let directory = self.policy();
        files::create_directory(&directory)?;
        let log_policy = directory.join("log.policy");
        if !log_policy.exists() {
            let witnesses = witnesses.map_or_else(|| "quorum none\n".to_owned(), LocalWitnesses::lines);
            let text = format!(
                "# Which log evidence is believed of, and on whose word: C2SP tlog-policy.\nlog {log}\n{witnesses}"
            );
            files::replace(&log_policy, text.as_bytes())?;
        }
        let mut roots = "# The states' roots that are trusted; written anew at each start.\n".to_owned();
        for state in self.plan().states() {
            let certificate = KeyRequest::read(&self.root(&state).join("root.cert.json"))?.certificate;
            let key = PublicKey::parse(&certificate.public_key)
                .map_err(|error| Fault::new(Exit::Usage, format!("the root of {state}: {error}")))?;
            let _ = write!(roots, "{}", TrustedRoots::line(&state, &key));
        }
        files::replace(&directory.join("roots"), roots.as_bytes())?;
        Ok(directory)
    }
}
