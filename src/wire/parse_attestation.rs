//! What recipients sign about themselves, from what is signed to the domain. On no record: whoever is handed one verifies it.

use super::fields::invalid;
use super::parse_common::{extensions, parse_common};
use super::payload::{Parsable, parse};
use super::walker::Fields;
use crate::domain::{Bucket, Digest, ErasureAttestation, RetentionClass};
use crate::error::Refused;
use crate::limits;
use crate::seal::PayloadKind;

/// An attestation of an erasure.
pub fn erasure_attestation(source: &impl Parsable) -> Result<ErasureAttestation, Refused> {
    parse(source, PayloadKind::ErasureAttestation, parse_erasure_attestation)
}

fn parse_erasure_attestation(attestation: &Fields<'_>) -> Result<ErasureAttestation, Refused> {
    use super::at::erasure_attestation as at;
    let class = attestation.word(at::RETENTION_CLASS, RetentionClass::from_number)?;
    let bucket = Bucket::new(class, attestation.uint32(at::DAY))
        .ok_or_else(|| invalid("day", "lies beyond all calendars"))?;
    let days = attestation.uint32(at::DAYS);
    if days > limits::RETENTION_DAYS_MAX {
        return Err(invalid("days", "is longer than any rule"));
    }
    let common = attestation.required(at::COMMON, parse_common)?;
    let erased_at = attestation.time(at::ERASED_AT_UNIX_MS);
    if days > 0 && erased_at < bucket.due(days) {
        return Err(invalid("erased_at_unix_ms", "is earlier than its own rule"));
    }
    if erased_at > common.sent {
        return Err(invalid("erased_at_unix_ms", "is later than it was signed"));
    }
    Ok(ErasureAttestation {
        common,
        warning_digest: Digest(attestation.exactly(at::WARNING_DIGEST)?),
        desk: attestation.name(at::DESK)?,
        bucket,
        days,
        erased_at,
        extensions: extensions(attestation, at::EXTENSIONS)?,
    })
}
