//! One entry of the log, from the domain to the bytes that are stored and hashed. A record is encoded once, when it
//! is made; from then on its bytes are what counts.

use bytes::Bytes;
use prost::Message;

use super::fields::unix_ms_or_zero;
use super::v1;
use crate::domain::{
    Accepted, AudienceOpening, DirectoryLink, Erased, Genesis, HandedOver, Hash, Record, RecordKind,
    Rejected, RelayStarted, RetentionClass, Routed, SignedEnvelope, ThreadLink,
};

/// The bytes of a record. Of an [`RecordKind::Unknown`] kind there is nothing to write but its links.
pub fn encode_record(record: &Record) -> Bytes {
    v1::Record {
        nonce: Bytes::copy_from_slice(&record.nonce),
        time_unix_ms: record.time.unix_ms(),
        thread: record.thread.as_ref().map(v1::ThreadLink::from),
        directory: record.directory.as_ref().map(v1::DirectoryLink::from),
        kind: kind(&record.kind),
    }
    .encode_to_vec()
    .into()
}

impl From<&ThreadLink> for v1::ThreadLink {
    fn from(link: &ThreadLink) -> Self {
        Self {
            warning_digest: Bytes::copy_from_slice(link.warning.as_bytes()),
            desk: link.desk.to_string(),
            seq: link.seq,
            prev: prev(link.prev),
        }
    }
}

impl From<&DirectoryLink> for v1::DirectoryLink {
    fn from(link: &DirectoryLink) -> Self {
        Self {
            seq: link.seq,
            prev: prev(link.prev),
        }
    }
}

fn prev(hash: Option<Hash>) -> Bytes {
    hash.map(|hash| Bytes::copy_from_slice(hash.as_bytes()))
        .unwrap_or_default()
}

fn kind(kind: &RecordKind) -> Option<v1::record::Kind> {
    use v1::record::Kind;
    let envelope = |envelope: &SignedEnvelope| Some(v1::Envelope::from(envelope));
    Some(match kind {
        RecordKind::Genesis(it) => Kind::Genesis(it.into()),
        RecordKind::RelayStarted(it) => Kind::RelayStarted(it.into()),
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => Kind::StateEnrolled(v1::StateEnrolled {
            enrolment: envelope(enrolment),
            root_certificate: envelope(root_certificate),
        }),
        RecordKind::AgencyEnrolled(it) => Kind::AgencyEnrolled(v1::AgencyEnrolled {
            enrolment: envelope(it),
        }),
        RecordKind::KeyPublished(it) => Kind::KeyPublished(v1::KeyPublished {
            certificate: envelope(it),
        }),
        RecordKind::KeyRevoked(it) => Kind::KeyRevoked(v1::KeyRevoked {
            revocation: envelope(it),
        }),
        RecordKind::RootSucceeded(it) => Kind::RootSucceeded(v1::RootSucceeded {
            succession: envelope(it),
        }),
        RecordKind::DesksPublished(it) => Kind::DesksPublished(v1::DesksPublished { desks: envelope(it) }),
        RecordKind::MandatePublished(it) => Kind::MandatePublished(v1::MandatePublished {
            mandate: envelope(it),
        }),
        RecordKind::AgencySuspended(it) => Kind::AgencySuspended(v1::AgencySuspended {
            suspension: envelope(it),
        }),
        RecordKind::AgencyReinstated(it) => Kind::AgencyReinstated(v1::AgencyReinstated {
            reinstatement: envelope(it),
        }),
        RecordKind::OperatorKeyPublished(it) => Kind::OperatorKeyPublished(v1::OperatorKeyPublished {
            certificate: envelope(it),
        }),
        RecordKind::HoldPlaced(it) => Kind::HoldPlaced(v1::HoldPlaced { hold: envelope(it) }),
        RecordKind::Accepted(it) => Kind::Accepted(it.into()),
        RecordKind::Rejected(it) => Kind::Rejected(it.into()),
        RecordKind::Routed(it) => Kind::Routed(it.into()),
        RecordKind::HandedOver(it) => Kind::HandedOver(it.into()),
        RecordKind::Erased(it) => Kind::Erased(it.into()),
        RecordKind::Acknowledged(it) => Kind::Acknowledged(v1::Acknowledged {
            acknowledgement: envelope(it),
        }),
        RecordKind::Unknown => return None,
    })
}

impl From<&Genesis> for v1::Genesis {
    fn from(genesis: &Genesis) -> Self {
        Self {
            origin: genesis.origin.as_str().to_owned(),
            log_public_key: Bytes::copy_from_slice(&genesis.log_public_key),
            format_version: genesis.format_version,
            operator_certificates: genesis
                .operator_certificates
                .iter()
                .map(v1::Envelope::from)
                .collect(),
            deadlines: genesis
                .deadlines
                .iter()
                .map(|(precedence, deadlines)| v1::PrecedenceDeadlines {
                    precedence: precedence.number(),
                    deadlines: Some((*deadlines).into()),
                })
                .collect(),
            predecessor: genesis
                .predecessor
                .as_ref()
                .map(|(origin, checkpoint)| v1::Predecessor {
                    origin: origin.as_str().to_owned(),
                    checkpoint: checkpoint.clone().into(),
                }),
        }
    }
}

impl From<&RelayStarted> for v1::RelayStarted {
    fn from(started: &RelayStarted) -> Self {
        let days = |class| started.retention.map_or(0, |rules| rules.days(class));
        Self {
            version: started.version.clone(),
            configuration_digest: Bytes::copy_from_slice(&started.configuration_digest),
            stopped_at_unix_ms: unix_ms_or_zero(started.stopped_at),
            witnesses_reached: started.witnesses_reached,
            ordinary_days: days(RetentionClass::Ordinary),
            personal_data_days: days(RetentionClass::PersonalData),
            exercise_days: days(RetentionClass::Exercise),
        }
    }
}

fn openings(openings: &[AudienceOpening]) -> Vec<v1::AudienceOpening> {
    openings.iter().map(v1::AudienceOpening::from).collect()
}

impl From<&Accepted> for v1::Accepted {
    fn from(accepted: &Accepted) -> Self {
        Self {
            warning: Some((&accepted.warning).into()),
            openings: openings(&accepted.openings),
            routed: accepted
                .routed
                .iter()
                .map(|leaf| Bytes::copy_from_slice(leaf.as_bytes()))
                .collect(),
            signer_opening: None,
        }
    }
}

impl From<&Rejected> for v1::Rejected {
    fn from(rejected: &Rejected) -> Self {
        Self {
            digest: Bytes::copy_from_slice(rejected.digest.as_bytes()),
            code: rejected.code.clone(),
            principal: rejected.principal.to_string(),
            payload_type: rejected.payload_type.clone(),
            id: Bytes::copy_from_slice(rejected.id.as_bytes()),
            keyid: rejected.keyid.to_string(),
        }
    }
}

impl From<&Routed> for v1::Routed {
    fn from(routed: &Routed) -> Self {
        Self {
            warning_digest: Bytes::copy_from_slice(routed.warning.as_bytes()),
            desk: routed.desk.to_string(),
            openings: openings(&routed.openings),
            directory: Some(v1::DirectoryPosition {
                seq: routed.directory.seq,
                head: Bytes::copy_from_slice(routed.directory.head.as_bytes()),
            }),
            inbox_commitment: Bytes::copy_from_slice(&routed.inbox_commitment),
            wrap_digest: routed
                .wrap_digest
                .map(|digest| Bytes::copy_from_slice(&digest))
                .unwrap_or_default(),
        }
    }
}

impl From<&HandedOver> for v1::HandedOver {
    fn from(handed_over: &HandedOver) -> Self {
        Self {
            session_id: Bytes::copy_from_slice(&handed_over.session_id),
            tls_keyid: handed_over.tls_keyid.to_string(),
            unrecorded: handed_over.unrecorded,
        }
    }
}

impl From<&Erased> for v1::Erased {
    fn from(erased: &Erased) -> Self {
        Self {
            index: erased.index,
            retention_class: erased.bucket.class().number(),
            days: erased.days,
            day: erased.bucket.day(),
        }
    }
}
