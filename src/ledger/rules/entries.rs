//! Who may enrol, suspend, publish desks and give mandates. A call that would change nothing is refused, so that it is
//! no record.

use super::keys::root_certificate;
use super::{acting_agency, no_critical_extension, seen_required, signers_valid};
use crate::domain::{AgencyEnrolment, AgencyKind, Desks, Mandate, Suspension};
use crate::error::{ErrorCode, Refused};
use crate::ledger::admit::{Admitted, NewState};
use crate::ledger::directory::Directory;
use crate::limits;

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
