//! Whether a proven record is the one that was asked for: the relay may prove any record of its log, so a receipt counts
//! only if what it proves is our very envelope, routed as we addressed it.

use std::collections::BTreeMap;

use super::proven::ProvenRecord;
use super::verification::VerificationError;
use crate::domain::{
    Accepted, Acknowledgement, AcknowledgementKind, Address, AudienceKind, AudienceOpening, DeskAddress,
    Digest, Principal, RecordKind, SignedEnvelope, ThreadLink, Wrap,
};
use crate::error::ErrorCode;
use crate::ledger::{Leaves, leaves};
use crate::seal::{WrapKind, wrap_digest, wrap_shape};

/// One recipient of an accepted warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedTo {
    /// The address as it was written; where several led to one desk, the first of them.
    pub address: String,
    /// The desk.
    pub desk: DeskAddress,
    /// Its `ROUTED` record.
    pub index: u64,
}

fn other(proven: &ProvenRecord, why: &'static str) -> VerificationError {
    VerificationError::OtherRecord {
        index: proven.index(),
        why,
    }
}

/// Checks that `accepted` holds this warning with these openings, that all of its `ROUTED` records are there, and that they
/// lead to exactly the desks that the openings mean.
pub(crate) fn accepted(
    envelope: &SignedEnvelope,
    openings: &[AudienceOpening],
    accepted: &ProvenRecord,
    routed: &[ProvenRecord],
) -> Result<Vec<RoutedTo>, VerificationError> {
    let RecordKind::Accepted(record) = &accepted.record().kind else {
        return Err(other(accepted, "it is no ACCEPTED record"));
    };
    if record.warning != *envelope {
        return Err(other(accepted, "it holds another warning"));
    }
    if record.openings != openings {
        return Err(other(accepted, "it holds other openings"));
    }
    let mut expected = meant(openings)?;
    let recipients = routed_as_listed(record, accepted.index(), envelope.digest(), routed)?
        .into_iter()
        .map(|(desk, index, led_here)| {
            let meant = expected
                .remove(&desk)
                .ok_or_else(|| VerificationError::Routing(format!("{desk} was not addressed")))?;
            if led_here != meant.as_slice() {
                return Err(VerificationError::Routing(format!(
                    "other openings than ours are said to lead to {desk}"
                )));
            }
            Ok(RoutedTo {
                address: meant
                    .first()
                    .map_or_else(String::new, |opening| opening.address.clone()),
                desk,
                index,
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    match expected.keys().next() {
        None => Ok(recipients),
        Some(desk) => Err(VerificationError::Routing(format!("{desk} was left out"))),
    }
}

/// Checks that the records of the routing have the wraps on them that we made: whoever cannot open one knows that it is ours.
pub(crate) fn wrapped_as_sealed(wraps: &[Wrap], routed: &[ProvenRecord]) -> Result<(), VerificationError> {
    for proven in routed {
        let RecordKind::Routed(record) = &proven.record().kind else {
            return Err(other(proven, "it is no ROUTED record"));
        };
        let agency = record.desk.agency();
        let is_theirs = |wrap: &&Wrap| {
            wrap.agency == *agency && matches!(wrap_shape(&wrap.wrapped), Ok((_, WrapKind::Recipient)))
        };
        let ours = wraps
            .iter()
            .find(is_theirs)
            .map(|wrap| wrap_digest(&wrap.wrapped));
        if record.wrap_digest != ours {
            return Err(other(proven, "it has another wrap of the body's key than ours"));
        }
    }
    Ok(())
}

/// A desk, its `ROUTED` record's index and the openings that led there.
type Listed<'a> = (DeskAddress, u64, &'a [AudienceOpening]);

/// Checks that the `ROUTED` records are those that the acceptance lists, in its order; gives their desks and openings.
fn routed_as_listed<'a>(
    record: &Accepted,
    accepted_index: u64,
    digest: Digest,
    routed: &'a [ProvenRecord],
) -> Result<Vec<Listed<'a>>, VerificationError> {
    if record.routed.len() != routed.len() {
        return Err(VerificationError::Incomplete(
            "the acceptance lists another number of ROUTED records than came",
        ));
    }
    let mut last = accepted_index;
    let mut desks = Vec::with_capacity(routed.len());
    for (proven, listed) in routed.iter().zip(&record.routed) {
        if proven.leaf() != *listed {
            return Err(other(proven, "the acceptance lists another ROUTED record"));
        }
        if proven.index() <= last {
            return Err(other(proven, "it does not stand after the acceptance"));
        }
        last = proven.index();
        let (desk, openings) = begins_thread(proven, digest)?;
        desks.push((desk, proven.index(), openings));
    }
    Ok(desks)
}

/// Checks that a record is a well-formed `ROUTED` of a warning: the beginning of a thread.
pub(crate) fn begins_thread(
    proven: &ProvenRecord,
    digest: Digest,
) -> Result<(DeskAddress, &[AudienceOpening]), VerificationError> {
    let record = proven.record();
    let RecordKind::Routed(routed) = &record.kind else {
        return Err(other(proven, "it is no ROUTED record"));
    };
    if routed.warning != digest {
        return Err(other(proven, "it routes another warning"));
    }
    let link = ThreadLink {
        warning: digest,
        desk: routed.desk.clone(),
        seq: 0,
        prev: None,
    };
    if record.thread.as_ref() != Some(&link) {
        return Err(other(proven, "it does not begin its thread"));
    }
    Ok((routed.desk.clone(), &routed.openings))
}

/// The desks that openings mean, each with the openings that lead to it. An exclusion of an agency holds for all of its
/// desks.
fn meant(
    openings: &[AudienceOpening],
) -> Result<BTreeMap<DeskAddress, Vec<AudienceOpening>>, VerificationError> {
    let desk = |opening: &AudienceOpening| match opening.address.parse() {
        Ok(Address::Desk(desk)) => Ok(desk),
        Ok(Address::Competence { .. } | Address::Group(_)) | Err(_) => Err(VerificationError::Routing(
            format!("{:?} is no desk, and yet it was accepted", opening.address),
        )),
    };
    let mut meant: BTreeMap<DeskAddress, Vec<AudienceOpening>> = BTreeMap::new();
    let mut excluded: Vec<DeskAddress> = Vec::new();
    for opening in openings {
        match opening.kind {
            AudienceKind::To => meant.entry(desk(opening)?).or_default().push(opening.clone()),
            AudienceKind::Excluded => excluded.push(desk(opening)?),
            AudienceKind::Pad => {}
        }
    }
    meant.retain(|desk, _| {
        !excluded
            .iter()
            .any(|it| it == desk || (it.is_duty() && it.agency() == desk.agency()))
    });
    Ok(meant)
}

/// Checks that a record of a thread holds our very acknowledgement, or (a second `RECEIVED` of the desk) that desk's first;
/// gives the envelope, whose signature is still to be checked if it is not ours.
pub(crate) fn acknowledged<'a>(
    ours: &SignedEnvelope,
    acknowledgement: &Acknowledgement,
    desk: &DeskAddress,
    proven: &'a ProvenRecord,
) -> Result<&'a SignedEnvelope, VerificationError> {
    let RecordKind::Acknowledged(envelope) = &proven.record().kind else {
        return Err(other(proven, "it is no ACKNOWLEDGED record"));
    };
    let link = proven.record().thread.as_ref();
    if !link.is_some_and(|link| link.warning == acknowledgement.warning_digest && link.desk == *desk) {
        return Err(other(proven, "it stands in another thread"));
    }
    if envelope != ours && acknowledgement.kind != AcknowledgementKind::Received {
        return Err(other(proven, "it holds another acknowledgement"));
    }
    Ok(envelope)
}

/// Checks that a record is the rejection of this very payload, for the reason that the relay gives, and that this is a
/// reason for which there may be a record: one that passes (an overload, a quota) ends nothing, whatever is recorded.
pub(crate) fn rejected(
    ours: &SignedEnvelope,
    signer: &Principal,
    code: ErrorCode,
    proven: &ProvenRecord,
) -> Result<(), VerificationError> {
    let RecordKind::Rejected(rejected) = &proven.record().kind else {
        return Err(other(proven, "it is no REJECTED record"));
    };
    let keyid = ours.signatures.first().map(|signature| signature.keyid);
    let about_ours = rejected.digest == ours.digest()
        && rejected.payload_type == ours.payload_type
        && Some(rejected.keyid) == keyid
        && rejected.principal == *signer;
    if !about_ours {
        return Err(other(proven, "it rejects something else"));
    }
    if ErrorCode::from_name(&rejected.code) != Some(code) {
        return Err(other(proven, "it rejects for another reason than the relay says"));
    }
    if leaves(code) != Leaves::Rejected {
        return Err(other(proven, "what it gives as a reason never leaves a record"));
    }
    Ok(())
}

/// Checks that a directory or operator record holds our very envelope.
pub(crate) fn recorded(ours: &SignedEnvelope, proven: &ProvenRecord) -> Result<(), VerificationError> {
    let holds = match &proven.record().kind {
        RecordKind::StateEnrolled { enrolment, .. } => enrolment == ours,
        RecordKind::AgencyEnrolled(envelope)
        | RecordKind::KeyPublished(envelope)
        | RecordKind::KeyRevoked(envelope)
        | RecordKind::RootSucceeded(envelope)
        | RecordKind::DesksPublished(envelope)
        | RecordKind::MandatePublished(envelope)
        | RecordKind::HoldPlaced(envelope)
        | RecordKind::AgencySuspended(envelope)
        | RecordKind::AgencyReinstated(envelope)
        | RecordKind::OperatorKeyPublished(envelope) => envelope == ours,
        RecordKind::Genesis(_)
        | RecordKind::RelayStarted(_)
        | RecordKind::Accepted(_)
        | RecordKind::Rejected(_)
        | RecordKind::Routed(_)
        | RecordKind::HandedOver(_)
        | RecordKind::Acknowledged(_)
        | RecordKind::Erased(_)
        | RecordKind::Unknown => false,
    };
    if holds && proven.record().directory.is_some() {
        Ok(())
    } else {
        Err(other(proven, "it does not hold what was sent"))
    }
}
