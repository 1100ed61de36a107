//! What was signed in a record.

use crate::domain::{RecordKind, SignedEnvelope};

/// What was signed in a record: its envelopes, in their order.
pub fn envelopes(kind: &RecordKind) -> Vec<&SignedEnvelope> {
    let mut all = Vec::new();
    each_envelope(kind, |envelope| all.push(envelope));
    all
}

/// The same, one after another: millions of records are counted so.
pub(super) fn each_envelope<'a>(kind: &'a RecordKind, mut look: impl FnMut(&'a SignedEnvelope)) {
    match kind {
        RecordKind::Genesis(genesis) => genesis.operator_certificates.iter().for_each(look),
        RecordKind::StateEnrolled {
            enrolment,
            root_certificate,
        } => [enrolment, root_certificate].into_iter().for_each(look),
        RecordKind::Accepted(accepted) => look(&accepted.warning),
        RecordKind::AgencyEnrolled(envelope)
        | RecordKind::KeyPublished(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::RootSucceeded(envelope)
        | RecordKind::DesksPublished(envelope)
        | RecordKind::MandatePublished(envelope)
        | RecordKind::HoldPlaced(envelope)
        | RecordKind::AgencySuspended(envelope)
        | RecordKind::AgencyReinstated(envelope)
        | RecordKind::OperatorKeyPublished(envelope)
        | RecordKind::Acknowledged(envelope) => look(envelope),
        RecordKind::RelayStarted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => {}
    }
}
