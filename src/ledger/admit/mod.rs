//! Admission: the checks that need no order. An [`Admitted`] is the proof that they were made: only this module's
//! functions make one, from an envelope whose signatures they checked, and `decide` takes nothing signed without it.
//!
//! Checked here, against any recent directory: the signatures, whose keys they are and whether those may sign this, the
//! session, the hint, the openings, the body or text. What depends on the index (a key's validity, suspension, expiry, `seen`,
//! ids) is left to `decide`.

mod directory;
mod exchange;
mod signed;

pub use directory::{
    KeyStatement, NewAgency, NewState, desks, enrol_agency, enrol_state, hold, key_statement, mandate,
    operator_key_statement, reinstatement, suspension,
};
pub(super) use directory::{
    agency_enrolment_of, certificate, desks_of, hold_of, mandate_of, reinstatement_of, state_enrolment_of,
    statement_of, suspension_of,
};
pub(super) use exchange::short_enough;
pub use exchange::{
    Condemned, NotAdmitted, SentAcknowledgement, SentWarning, SentWraps, acknowledgement, warning,
};
pub(super) use signed::{check_origin, check_signer, single_signer, single_signer_of};

use super::facts::IdKey;
use crate::domain::{Common, Digest, KeyId, SignedEnvelope};
use crate::seal::Verified;

/// A signed payload with what lies beside it, checked. It can only come from this module.
#[derive(Debug, Clone)]
pub struct Admitted<T> {
    verified: Verified,
    key: IdKey,
    common: Common,
    content: Box<T>,
}

impl<T> Admitted<T> {
    fn new(verified: Verified, key: IdKey, common: Common, content: T) -> Self {
        Self {
            verified,
            key,
            common,
            content: Box::new(content),
        }
    }

    /// The same signature with more beside it.
    fn map<U>(self, into: impl FnOnce(T) -> U) -> Admitted<U> {
        Admitted::new(self.verified, self.key, self.common, into(*self.content))
    }

    /// What was signed, parsed, with what lay beside it.
    pub fn content(&self) -> &T {
        &self.content
    }

    /// The digest of what was signed.
    pub fn digest(&self) -> Digest {
        self.verified.digest()
    }

    /// The envelope as it came.
    pub fn envelope(&self) -> &SignedEnvelope {
        self.verified.envelope()
    }

    /// The keys that signed.
    pub fn keyids(&self) -> impl ExactSizeIterator<Item = KeyId> + '_ {
        self.verified.keyids()
    }

    /// What its id is used up under.
    pub fn id_key(&self) -> &IdKey {
        &self.key
    }

    /// Origin, id, sent, signer.
    pub fn common(&self) -> &Common {
        &self.common
    }

    pub(super) fn verified(&self) -> &Verified {
        &self.verified
    }
}
