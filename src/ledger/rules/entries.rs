//! Who may enrol, suspend, publish desks and give mandates. A call that would change nothing is refused, so that it is
//! no record.

use super::keys::root_certificate;
use super::{acting_agency, no_critical_extension, seen_required, signers_valid};
use crate::domain::{AgencyEnrolment, AgencyId, AgencyKind, Desks, Hold, Mandate, Suspension};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, NewState};
use crate::ledger::directory::Directory;
use crate::limits;
use crate::time::Timestamp;

/// An operator enrols a state by its first root.
pub(in crate::ledger) fn state_enrolment(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<NewState>,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    let NewState { enrolment, root } = admitted.content();
    seen_required(&enrolment.common)?;
    no_critical_extension(&enrolment.extensions)?;
    no_home(&enrolment.home_origin)?;
    if directory.state(&enrolment.state).is_some() {
        return Err(Refused::new(
            ErrorCode::AlreadyEnrolled,
            format!("{} is enrolled", enrolment.state),
        ));
    }
    root_certificate(directory, root, &enrolment.state)
}

/// An operator enrols an agency of an enrolled state. Its certificates are judged one by one as their records follow.
pub(in crate::ledger) fn agency_enrolment<T>(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<T>,
    enrolment: &AgencyEnrolment,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    seen_required(&enrolment.common)?;
    no_critical_extension(&enrolment.extensions)?;
    no_home(&enrolment.home_origin)?;
    if directory.state(&enrolment.agency.state()).is_none() {
        let sentence = format!("the state {} is not enrolled", enrolment.agency.state());
        return Err(Refused::new(ErrorCode::NotEnrolled, sentence));
    }
    if directory.agency(&enrolment.agency).is_some() {
        return Err(Refused::new(
            ErrorCode::AlreadyEnrolled,
            format!("{} is enrolled", enrolment.agency),
        ));
    }
    if enrolment.certificate_digests.len() > limits::CERTIFICATES_MAX {
        return Err(Refused::new(
            ErrorCode::InvalidValue,
            "the enrolment lists too many certificates",
        )
        .about("certificate_digests"));
    }
    Ok(())
}

/// An agency publishes its own desks.
pub(in crate::ledger) fn desks(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<Desks>,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    let desks = admitted.content();
    seen_required(&desks.common)?;
    no_critical_extension(&desks.extensions)?;
    let agency = acting_agency(directory, &desks.common)?;
    let invalid = |sentence: String| Err(Refused::new(ErrorCode::InvalidValue, sentence).about("desks"));
    if desks.desks.len() > limits::DESKS_MAX {
        return invalid(format!("an agency has at most {} desks", limits::DESKS_MAX));
    }
    if let Some(desk) = desks.desks.iter().find(|desk| desk.address.agency() != agency) {
        return invalid(format!("{} is no desk of {agency}", desk.address));
    }
    if !desks.desks.is_sorted_by(|a, b| a.address < b.address) {
        return invalid("the desks are not sorted, or one stands twice".to_owned());
    }
    let entry = directory.agency(agency);
    if entry.is_some_and(|entry| entry.desks.values().eq(desks.desks.iter())) {
        return Err(Refused::new(ErrorCode::NoChange, "these are the desks already"));
    }
    Ok(())
}

/// An agency admits an auditor, or dismisses it.
pub(in crate::ledger) fn mandate(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<Mandate>,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    let mandate = admitted.content();
    seen_required(&mandate.common)?;
    no_critical_extension(&mandate.extensions)?;
    let agency = acting_agency(directory, &mandate.common)?;
    match directory.agency(&mandate.auditor).map(|entry| entry.kind) {
        Some(AgencyKind::Auditor) => {}
        Some(AgencyKind::Agency) => {
            let sentence = format!("{} is an agency, not an auditor", mandate.auditor);
            return Err(Refused::new(ErrorCode::InvalidValue, sentence).about("auditor"));
        }
        None => {
            return Err(Refused::new(
                ErrorCode::NotEnrolled,
                format!("{} is not enrolled", mandate.auditor),
            )
            .about("auditor"));
        }
    }
    let admitted_now = directory
        .agency(agency)
        .is_some_and(|entry| entry.auditors.contains(&mandate.auditor));
    if admitted_now != mandate.withdrawn {
        return Err(Refused::new(ErrorCode::NoChange, "the mandate is so already"));
    }
    Ok(())
}

/// An auditor holds what would be erased, of agencies that admit it.
pub(in crate::ledger) fn hold(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<Hold>,
    time: Timestamp,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    let hold = admitted.content();
    let auditor = auditor_of(directory, hold)?;
    seen_required(&hold.common)?;
    no_critical_extension(&hold.extensions)?;
    let admits = |agency: &AgencyId| {
        let entry = directory.agency(agency);
        entry.is_some_and(|entry| entry.auditors.contains(auditor))
    };
    let refused =
        |sentence: String, field: &str| Err(Refused::new(ErrorCode::InvalidValue, sentence).about(field));
    if let Some(other) = hold.agencies.iter().find(|agency| !admits(agency)) {
        let sentence = format!("{other} does not admit {auditor}");
        return Err(Refused::new(ErrorCode::PermissionDenied, sentence).about("agencies"));
    }
    if directory.agencies().all(|(agency, _)| !admits(agency)) {
        let sentence = format!("no agency admits {auditor}");
        return Err(Refused::new(ErrorCode::PermissionDenied, sentence));
    }
    if hold.until <= time || hold.until.ms_since(hold.common.sent) > limits::HOLD_MS_MAX {
        return refused(
            "a hold ends later than now, and within two years".to_owned(),
            "until_unix_ms",
        );
    }
    if hold.reason.is_empty() {
        return refused("a hold gives its reason".to_owned(), "reason");
    }
    let holds = directory.holds_at(time).filter(|held| held.auditor == *auditor);
    if holds.count() >= limits::HOLDS_PER_AUDITOR_MAX {
        return refused(
            format!("{auditor} has {} holds", limits::HOLDS_PER_AUDITOR_MAX),
            "common.signer",
        );
    }
    Ok(())
}

/// The auditor that signed a hold.
pub(in crate::ledger) fn auditor_of<'a>(
    directory: &Directory,
    hold: &'a Hold,
) -> Result<&'a AgencyId, Refused> {
    let auditor = hold.common.named().and_then(|signer| signer.principal.agency());
    let is_auditor = |auditor: &&AgencyId| {
        let entry = directory.agency(auditor);
        entry.is_some_and(|entry| entry.kind == AgencyKind::Auditor)
    };
    auditor.filter(is_auditor).ok_or_else(|| {
        Refused::new(
            ErrorCode::PermissionDenied,
            "only an auditor holds what would be erased",
        )
    })
}

/// An operator stops an agency's submissions (`suspended`), or allows them again.
pub(in crate::ledger) fn suspension(
    directory: &Directory,
    index: u64,
    admitted: &Admitted<Suspension>,
    suspended: bool,
) -> Result<(), Refused> {
    signers_valid(directory, index, admitted.verified())?;
    let suspension = admitted.content();
    seen_required(&suspension.common)?;
    no_critical_extension(&suspension.extensions)?;
    match directory.agency(&suspension.agency).map(|entry| entry.suspended) {
        None => Err(Refused::new(
            ErrorCode::NotEnrolled,
            format!("{} is not enrolled", suspension.agency),
        )
        .about("agency")),
        Some(now) if now == suspended => Err(Refused::new(ErrorCode::NoChange, "it is so already")),
        Some(_) => Ok(()),
    }
}

/// Federation has its place on the wire and is refused for now.
fn no_home(home_origin: &str) -> Result<(), Refused> {
    if home_origin.is_empty() {
        return Ok(());
    }
    Err(Refused::new(
        ErrorCode::Unsupported,
        "another relay's agencies are not supported yet",
    )
    .about("home_origin"))
}
