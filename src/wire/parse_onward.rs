//! What an agency signs when it passes a warning on, from what is signed to the domain. On no record: whoever is handed one
//! verifies it.

use super::fields::invalid;
use super::parse_common::{extensions, parse_common};
use super::payload::{Parsable, parse};
use super::walker::Fields;
use crate::domain::{Digest, OnwardTransfer};
use crate::error::Refused;
use crate::seal::PayloadKind;

/// A statement of an onward transfer.
pub fn onward_transfer(source: &impl Parsable) -> Result<OnwardTransfer, Refused> {
    parse(source, PayloadKind::OnwardTransfer, parse_onward_transfer)
}

fn parse_onward_transfer(transfer: &Fields<'_>) -> Result<OnwardTransfer, Refused> {
    use super::at::onward_transfer as at;
    let transfer = OnwardTransfer {
        common: transfer.required(at::COMMON, parse_common)?,
        warning_digest: Digest(transfer.exactly(at::WARNING_DIGEST)?),
        desk: transfer.name(at::DESK)?,
        to: transfer.name(at::TO)?,
        wrap_digest: transfer.exactly(at::WRAP_DIGEST)?,
        originator_agreed: transfer.flag(at::ORIGINATOR_AGREED),
        extensions: extensions(transfer, at::EXTENSIONS)?,
    };
    if transfer.desk.agency() == &transfer.to {
        return Err(invalid("to", "is the agency that held it"));
    }
    Ok(transfer)
}
