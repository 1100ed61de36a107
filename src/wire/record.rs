//! One entry of the log, from its stored bytes to the domain. Reading is lenient where the future may write (unknown
//! fields and kinds still hash and chain) and strict in all that this version knows: what stands twice is refused, since two
//! readers could take the one or the other for it.

use bytes::Bytes;

use super::convert_envelope::{envelope, openings_in};
use super::fields::{invalid, missing};
use super::parse_warning::deadlines;
use super::reader::At;
use super::schema::Root;
use super::walker::{Fields, Of, read};
use crate::domain::{
    Accepted, Bucket, Deadlines, Digest, DirectoryLink, DirectoryPosition, Erased, Genesis, HandedOver, Hash,
    Origin, Precedence, Record, RecordKind, Rejected, RelayStarted, RetentionClass, RetentionRules, Routed,
    ThreadLink,
};
use crate::error::{ErrorCode, Refused};
use crate::limits;

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
    record_of(Bytes::copy_from_slice(bytes))
}

/// The same without a copy: what was signed in it stays a part of `bytes`.
pub fn record_of(bytes: Bytes) -> Result<Record, BadRecord> {
    let length = bytes.len();
    if length > limits::RECORD_BYTES_MAX {
        return Err(BadRecord::TooLarge(length));
    }
    read(Of::Log, Root::Record, bytes, parse_record).map_err(|refused| {
        if matches!(refused.code, ErrorCode::Malformed | ErrorCode::WrongType) {
            BadRecord::NotProtobuf
        } else {
            BadRecord::Field(refused)
        }
    })
}

fn parse_record(record: &Fields<'_>) -> Result<Record, Refused> {
    use super::at::record as at;
    Ok(Record {
        nonce: record.exactly(at::NONCE)?,
        time: record.time(at::TIME_UNIX_MS),
        thread: record.optional(at::THREAD, thread_link)?,
        directory: record.optional(at::DIRECTORY, directory_link)?,
        kind: record_kind(record)?,
    })
}

fn thread_link(link: &Fields<'_>) -> Result<ThreadLink, Refused> {
    use super::at::thread_link as at;
    let seq = link.uint(at::SEQ);
    Ok(ThreadLink {
        warning: Digest(link.exactly(at::WARNING_DIGEST)?),
        desk: link.name(at::DESK)?,
        seq,
        prev: prev(seq, link, at::PREV)?,
    })
}

fn directory_link(link: &Fields<'_>) -> Result<DirectoryLink, Refused> {
    use super::at::directory_link as at;
    let seq = link.uint(at::SEQ);
    Ok(DirectoryLink {
        seq,
        prev: prev(seq, link, at::PREV)?,
    })
}

/// The link to the record before: there is one exactly if this is not the first.
fn prev(seq: u64, link: &Fields<'_>, at: At) -> Result<Option<Hash>, Refused> {
    let prev = link.optional_exactly(at)?.map(Hash);
    if (seq == 0) != prev.is_none() {
        return Err(invalid("prev", "only the first of a chain has none before it"));
    }
    Ok(prev)
}

/// The walker has seen to it that a record has one kind at most.
fn record_kind(record: &Fields<'_>) -> Result<RecordKind, Refused> {
    use super::at::{self, record as of};
    macro_rules! one_of {
        ($($field:ident: $read:expr => $kind:expr,)+) => {
            $(if let Some(it) = record.optional(of::$field, $read)? {
                return Ok($kind(it));
            })+
        };
    }
    macro_rules! one_envelope_of {
        ($($field:ident: $inner:expr => $kind:expr,)+) => {
            one_of!($($field: |it| it.required($inner, envelope) => $kind,)+)
        };
    }
    one_of! {
        HANDED_OVER: handed_over => RecordKind::HandedOver,
        ERASED: erased => RecordKind::Erased,
        ROUTED: routed => RecordKind::Routed,
        ACCEPTED: accepted => RecordKind::Accepted,
        REJECTED: rejected => RecordKind::Rejected,
        RELAY_STARTED: relay_started => RecordKind::RelayStarted,
        GENESIS: genesis => RecordKind::Genesis,
        STATE_ENROLLED: state_enrolled => std::convert::identity,
    }
    one_envelope_of! {
        ACKNOWLEDGED: at::acknowledged::ACKNOWLEDGEMENT => RecordKind::Acknowledged,
        AGENCY_ENROLLED: at::agency_enrolled::ENROLMENT => RecordKind::AgencyEnrolled,
        KEY_PUBLISHED: at::key_published::CERTIFICATE => RecordKind::KeyPublished,
        KEY_REVOKED: at::key_revoked::REVOCATION => RecordKind::KeyRevoked,
        ROOT_SUCCEEDED: at::root_succeeded::SUCCESSION => RecordKind::RootSucceeded,
        DESKS_PUBLISHED: at::desks_published::DESKS => RecordKind::DesksPublished,
        MANDATE_PUBLISHED: at::mandate_published::MANDATE => RecordKind::MandatePublished,
        AGENCY_SUSPENDED: at::agency_suspended::SUSPENSION => RecordKind::AgencySuspended,
        AGENCY_REINSTATED: at::agency_reinstated::REINSTATEMENT => RecordKind::AgencyReinstated,
        HOLD_PLACED: at::hold_placed::HOLD => RecordKind::HoldPlaced,
        OPERATOR_KEY_PUBLISHED: at::operator_key_published::CERTIFICATE => RecordKind::OperatorKeyPublished,
    }
    Ok(RecordKind::Unknown)
}

fn state_enrolled(enrolled: &Fields<'_>) -> Result<RecordKind, Refused> {
    use super::at::state_enrolled as at;
    Ok(RecordKind::StateEnrolled {
        enrolment: enrolled.required(at::ENROLMENT, envelope)?,
        root_certificate: enrolled.required(at::ROOT_CERTIFICATE, envelope)?,
    })
}

fn genesis(genesis: &Fields<'_>) -> Result<Genesis, Refused> {
    use super::at::genesis as at;
    let format_version = genesis.uint32(at::FORMAT_VERSION);
    if format_version == 0 {
        return Err(missing("format_version"));
    }
    Ok(Genesis {
        origin: genesis.name(at::ORIGIN)?,
        log_public_key: genesis.exactly(at::LOG_PUBLIC_KEY)?,
        format_version,
        operator_certificates: genesis.all(at::OPERATOR_CERTIFICATES, envelope)?,
        deadlines: genesis.all(at::DEADLINES, precedence_deadlines)?,
        predecessor: genesis.optional(at::PREDECESSOR, predecessor)?,
    })
}

fn precedence_deadlines(entry: &Fields<'_>) -> Result<(Precedence, Deadlines), Refused> {
    use super::at::precedence_deadlines as at;
    Ok((
        entry.word(at::PRECEDENCE, Precedence::from_number)?,
        entry.required(at::DEADLINES, deadlines)?,
    ))
}

fn predecessor(predecessor: &Fields<'_>) -> Result<(Origin, Vec<u8>), Refused> {
    use super::at::predecessor as at;
    Ok((
        predecessor.name(at::ORIGIN)?,
        predecessor.slice(at::CHECKPOINT).to_vec(),
    ))
}

fn relay_started(started: &Fields<'_>) -> Result<RelayStarted, Refused> {
    use super::at::relay_started as at;
    Ok(RelayStarted {
        version: started.text(at::VERSION)?.to_owned(),
        configuration_digest: started.exactly(at::CONFIGURATION_DIGEST)?,
        stopped_at: started.optional_time(at::STOPPED_AT_UNIX_MS),
        witnesses_reached: started.uint32(at::WITNESSES_REACHED),
        retention: retention(started),
    })
}

/// None is of a version that erased nothing.
fn retention(started: &Fields<'_>) -> Option<RetentionRules> {
    use super::at::relay_started as at;
    let rules = RetentionRules {
        ordinary_days: started.uint32(at::ORDINARY_DAYS),
        personal_data_days: started.uint32(at::PERSONAL_DATA_DAYS),
        exercise_days: started.uint32(at::EXERCISE_DAYS),
    };
    let said = RetentionClass::ALL.iter().any(|class| rules.days(*class) > 0);
    said.then_some(rules)
}

fn accepted(accepted: &Fields<'_>) -> Result<Accepted, Refused> {
    use super::at::accepted as at;
    Ok(Accepted {
        warning: accepted.required(at::WARNING, envelope)?,
        openings: openings_in(accepted, at::OPENINGS)?,
        routed: accepted.list_exactly(at::ROUTED)?.into_iter().map(Hash).collect(),
    })
}

fn rejected(rejected: &Fields<'_>) -> Result<Rejected, Refused> {
    use super::at::rejected as at;
    let code = rejected.text(at::CODE)?;
    if code.is_empty() {
        return Err(missing("code"));
    }
    Ok(Rejected {
        digest: Digest(rejected.exactly(at::DIGEST)?),
        code: code.to_owned(),
        principal: rejected.name(at::PRINCIPAL)?,
        payload_type: rejected.text(at::PAYLOAD_TYPE)?.to_owned(),
        id: rejected.payload_id(at::ID)?,
        keyid: rejected.name(at::KEYID)?,
    })
}

fn routed(routed: &Fields<'_>) -> Result<Routed, Refused> {
    use super::at::routed as at;
    Ok(Routed {
        warning: Digest(routed.exactly(at::WARNING_DIGEST)?),
        desk: routed.name(at::DESK)?,
        openings: openings_in(routed, at::OPENINGS)?,
        directory: routed.required(at::DIRECTORY, |position| {
            use super::at::directory_position as at;
            Ok(DirectoryPosition {
                seq: position.uint(at::SEQ),
                head: Hash(position.exactly(at::HEAD)?),
            })
        })?,
        inbox_commitment: routed.exactly(at::INBOX_COMMITMENT)?,
        wrap_digest: routed.optional_exactly(at::WRAP_DIGEST)?,
    })
}

fn erased(erased: &Fields<'_>) -> Result<Erased, Refused> {
    use super::at::erased as at;
    let class = erased.word(at::RETENTION_CLASS, RetentionClass::from_number)?;
    let bucket = Bucket::new(class, erased.uint32(at::DAY));
    Ok(Erased {
        index: erased.uint(at::INDEX),
        bucket: bucket.ok_or_else(|| invalid("day", "lies beyond all calendars"))?,
        days: erased.uint32(at::DAYS),
    })
}

fn handed_over(handed_over: &Fields<'_>) -> Result<HandedOver, Refused> {
    use super::at::handed_over as at;
    Ok(HandedOver {
        session_id: handed_over.exactly(at::SESSION_ID)?,
        tls_keyid: handed_over.name(at::TLS_KEYID)?,
        unrecorded: handed_over.uint32(at::UNRECORDED),
    })
}
