//! What an agency signs when it passes a warning on.

use super::{AgencyId, Common, DeskAddress, Digest, Extension};

/// An agency that holds a warning passes it on to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnwardTransfer {
    /// Origin, id, sent, the agency that passes it on.
    pub common: Common,
    /// Which warning.
    pub warning_digest: Digest,
    /// The desk that held it.
    pub desk: DeskAddress,
    /// The agency that it goes to.
    pub to: AgencyId,
    /// The digest of the key's new wrap.
    pub wrap_digest: [u8; 32],
    /// Whether its originator was asked and agreed: the signer's word.
    pub originator_agreed: bool,
    /// Room for growth.
    pub extensions: Vec<Extension>,
}
