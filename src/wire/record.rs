//! One entry of the log, from its stored bytes to the domain. Reading is lenient where the future may write (unknown
//! fields and kinds still hash and chain) and strict in all that this version knows: what stands twice is refused, since two
//! readers could take the one or the other for it.

use bytes::{Buf, Bytes};

use super::convert_envelope::{envelope, openings};
use super::fields::{
    Within, exactly, invalid, name, optional_exactly, optional_time, payload_id, required, word,
};
use super::parse_warning::deadlines;
use super::v1;
use super::walker::walk_record;
use crate::domain::{
    Accepted, Deadlines, Digest, DirectoryLink, DirectoryPosition, Genesis, HandedOver, Hash, Origin,
    Precedence, Record, RecordKind, Rejected, RelayStarted, Routed, ThreadLink,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;
use crate::time::Timestamp;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// Too large to be one.
    #[error("a record has at most {max} bytes, this one {0}", max = limits::RECORD_BYTES_MAX)]
    TooLarge(usize),
    /// Not protobuf.
    #[error("a record is protobuf, this is not")]
    NotProtobuf,
    /// A field that this version knows holds what it may not.
    #[error("a field of a record is wrong: {0}")]
    Field(Refused),
}

/// A record from its stored bytes.
pub fn record(bytes: &[u8]) -> Result<Record, BadRecord> {
    read(bytes)
}

/// The same without a copy: what was signed in it stays a part of `bytes`.
pub fn record_of(bytes: Bytes) -> Result<Record, BadRecord> {
    read(bytes)
}

fn read(bytes: impl Buf + AsRef<[u8]>) -> Result<Record, BadRecord> {
    let length = bytes.as_ref().len();
    if length > limits::RECORD_BYTES_MAX {
        return Err(BadRecord::TooLarge(length));
    }
    walk_record(bytes.as_ref()).map_err(|refused| {
        if matches!(refused.code, ErrorCode::Malformed | ErrorCode::WrongType) {
            BadRecord::NotProtobuf
        } else {
            BadRecord::Field(refused)
        }
    })?;
    let message: v1::Record = prost::Message::decode(bytes).map_err(|_| BadRecord::NotProtobuf)?;
    parse_record(message).map_err(BadRecord::Field)
}

fn parse_record(message: v1::Record) -> Result<Record, Refused> {
    Ok(Record {
        nonce: exactly(&message.nonce, "nonce")?,
        time: Timestamp::from_unix_ms(message.time_unix_ms),
        thread: message.thread.map(thread_link).transpose().within("thread")?,
        directory: message
            .directory
            .map(directory_link)
            .transpose()
            .within("directory")?,
        kind: message.kind.map_or(Ok(RecordKind::Unknown), record_kind)?,
    })
}

fn thread_link(message: v1::ThreadLink) -> Result<ThreadLink, Refused> {
    Ok(ThreadLink {
        warning: Digest(exactly(&message.warning_digest, "warning_digest")?),
        desk: name(&message.desk, "desk")?,
        seq: message.seq,
        prev: prev(message.seq, &message.prev)?,
    })
}

fn directory_link(message: v1::DirectoryLink) -> Result<DirectoryLink, Refused> {
    Ok(DirectoryLink {
        seq: message.seq,
        prev: prev(message.seq, &message.prev)?,
    })
}

/// The link to the record before: there is one exactly if this is not the first.
fn prev(seq: u64, bytes: &[u8]) -> Result<Option<Hash>, Refused> {
    let prev = optional_exactly(bytes, "prev")?.map(Hash);
    if (seq == 0) != prev.is_none() {
        return Err(invalid("prev", "only the first of a chain has none before it"));
    }
    Ok(prev)
}

fn record_kind(kind: v1::record::Kind) -> Result<RecordKind, Refused> {
    use v1::record::Kind;
    Ok(match kind {
        Kind::Genesis(it) => RecordKind::Genesis(genesis(it).within("genesis")?),
        Kind::RelayStarted(it) => RecordKind::RelayStarted(relay_started(it).within("relay_started")?),
        Kind::StateEnrolled(it) => RecordKind::StateEnrolled {
            enrolment: envelope(it.enrolment, "state_enrolled.enrolment")?,
            root_certificate: envelope(it.root_certificate, "state_enrolled.root_certificate")?,
        },
        Kind::AgencyEnrolled(it) => {
            RecordKind::AgencyEnrolled(envelope(it.enrolment, "agency_enrolled.enrolment")?)
        }
        Kind::KeyPublished(it) => {
            RecordKind::KeyPublished(envelope(it.certificate, "key_published.certificate")?)
        }
        Kind::KeyRevoked(it) => RecordKind::KeyRevoked(envelope(it.revocation, "key_revoked.revocation")?),
        Kind::RootSucceeded(it) => {
            RecordKind::RootSucceeded(envelope(it.succession, "root_succeeded.succession")?)
        }
        Kind::DesksPublished(it) => RecordKind::DesksPublished(envelope(it.desks, "desks_published.desks")?),
        Kind::MandatePublished(it) => {
            RecordKind::MandatePublished(envelope(it.mandate, "mandate_published.mandate")?)
        }
        Kind::AgencySuspended(it) => {
            RecordKind::AgencySuspended(envelope(it.suspension, "agency_suspended.suspension")?)
        }
        Kind::AgencyReinstated(it) => {
            RecordKind::AgencyReinstated(envelope(it.reinstatement, "agency_reinstated.reinstatement")?)
        }
        Kind::OperatorKeyPublished(it) => {
            RecordKind::OperatorKeyPublished(envelope(it.certificate, "operator_key_published.certificate")?)
        }
        Kind::Accepted(it) => RecordKind::Accepted(accepted(it).within("accepted")?),
        Kind::Rejected(it) => RecordKind::Rejected(rejected(it).within("rejected")?),
        Kind::Routed(it) => RecordKind::Routed(routed(it).within("routed")?),
        Kind::HandedOver(it) => RecordKind::HandedOver(handed_over(it).within("handed_over")?),
        Kind::Acknowledged(it) => {
            RecordKind::Acknowledged(envelope(it.acknowledgement, "acknowledged.acknowledgement")?)
        }
    })
}

fn genesis(message: v1::Genesis) -> Result<Genesis, Refused> {
    if message.format_version == 0 {
        return Err(super::fields::missing("format_version"));
    }
    let certificates = message.operator_certificates.into_iter().enumerate();
    let deadlines = message.deadlines.into_iter().enumerate();
    Ok(Genesis {
        origin: name(&message.origin, "origin")?,
        log_public_key: exactly(&message.log_public_key, "log_public_key")?,
        format_version: message.format_version,
        operator_certificates: certificates
            .map(|(index, it)| it.try_into().within_entry("operator_certificates", index))
            .collect::<Result<_, _>>()?,
        deadlines: deadlines
            .map(|(index, it)| precedence_deadlines(it).within_entry("deadlines", index))
            .collect::<Result<_, _>>()?,
        predecessor: message
            .predecessor
            .map(predecessor)
            .transpose()
            .within("predecessor")?,
    })
}

fn precedence_deadlines(message: v1::PrecedenceDeadlines) -> Result<(Precedence, Deadlines), Refused> {
    Ok((
        word(message.precedence, "precedence", Precedence::from_number)?,
        deadlines(required(message.deadlines, "deadlines")?),
    ))
}

fn predecessor(message: v1::Predecessor) -> Result<(Origin, Vec<u8>), Refused> {
    Ok((name(&message.origin, "origin")?, message.checkpoint.into()))
}

fn relay_started(message: v1::RelayStarted) -> Result<RelayStarted, Refused> {
    Ok(RelayStarted {
        version: message.version,
        configuration_digest: exactly(&message.configuration_digest, "configuration_digest")?,
        stopped_at: optional_time(message.stopped_at_unix_ms),
        witnesses_reached: message.witnesses_reached,
    })
}

fn accepted(message: v1::Accepted) -> Result<Accepted, Refused> {
    let routed = message.routed.iter().enumerate();
    Ok(Accepted {
        warning: envelope(message.warning, "warning")?,
        openings: openings(message.openings)?,
        routed: routed
            .map(|(index, leaf)| exactly(leaf, "").map(Hash).within_entry("routed", index))
            .collect::<Result<_, _>>()?,
    })
}

fn rejected(message: v1::Rejected) -> Result<Rejected, Refused> {
    if message.code.is_empty() {
        return Err(super::fields::missing("code"));
    }
    Ok(Rejected {
        digest: Digest(exactly(&message.digest, "digest")?),
        code: message.code,
        principal: name(&message.principal, "principal")?,
        payload_type: message.payload_type,
        id: payload_id(&message.id, "id")?,
        keyid: name(&message.keyid, "keyid")?,
    })
}

fn routed(message: v1::Routed) -> Result<Routed, Refused> {
    let directory = required(message.directory, "directory")?;
    Ok(Routed {
        warning: Digest(exactly(&message.warning_digest, "warning_digest")?),
        desk: name(&message.desk, "desk")?,
        openings: openings(message.openings)?,
        directory: DirectoryPosition {
            seq: directory.seq,
            head: exactly(&directory.head, "directory.head").map(Hash)?,
        },
        inbox_commitment: exactly(&message.inbox_commitment, "inbox_commitment")?,
        wrap_digest: optional_exactly(&message.wrap_digest, "wrap_digest")?,
    })
}

fn handed_over(message: v1::HandedOver) -> Result<HandedOver, Refused> {
    Ok(HandedOver {
        session_id: exactly(&message.session_id, "session_id")?,
        tls_keyid: name(&message.tls_keyid, "tls_keyid")?,
        unrecorded: message.unrecorded,
    })
}
