//! What agencies publish of themselves, and what operators do: whatever of it is refused leaves nothing.

use wardline::domain::*;
use wardline::error::ErrorCode as E;
use wardline::seal::PayloadKind;
use wardline::wire::{self, v1};

use super::row::{Request, Row};
use super::stage::{AUDITOR, FR, OPERATOR, RU, US};
use crate::world::World;

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let mut rows = desks_and_mandates(world);
    rows.extend(operators(world));
    rows.extend(agencies_as_operators(world));
    rows
}

/// Desks and mandates.
fn desks_and_mandates(world: &mut World) -> Vec<Row> {
    let desks = |envelope: &SignedEnvelope| {
        let request = v1::PublishDesksRequest {
            envelope: Some(envelope.into()),
        };
        Request::call("/wardline.v1.Directory/PublishDesks", &request)
    };
    let mandate = |envelope: &SignedEnvelope| {
        let request = v1::PublishMandateRequest {
            envelope: Some(envelope.into()),
        };
        Request::call("/wardline.v1.Directory/PublishMandate", &request)
    };
    let theirs = world.desks(RU, &["ru.ctc/rail"]);
    let of_another = world.desks(US, &["ru.ctc/rail"]);
    let the_same = world.desks(RU, &["ru.ctc/aviation"]);
    let unsorted = world.desks(US, &["us.ctc/rail", "us.ctc/air"]);
    let to_agency = world.mandate(US, RU, false);
    let to_nobody = world.mandate(US, "us.nobody", false);
    let again = world.mandate(US, AUDITOR, false);
    let theirs_too = world.mandate(RU, AUDITOR, true);
    vec![
        Row::nothing("another's desks", US, desks(&theirs), E::SessionSignerMismatch),
        Row::nothing("desks of another", US, desks(&of_another), E::InvalidValue),
        Row::nothing("the same desks", RU, desks(&the_same), E::NoChange),
        Row::nothing("desks not sorted", US, desks(&unsorted), E::InvalidValue),
        Row::nothing(
            "a mandate for an agency",
            US,
            mandate(&to_agency),
            E::InvalidValue,
        ),
        Row::nothing("a mandate for nobody", US, mandate(&to_nobody), E::NotEnrolled),
        Row::nothing("the same mandate", US, mandate(&again), E::NoChange),
        Row::nothing(
            "another's mandate withdrawn",
            US,
            mandate(&theirs_too),
            E::SessionSignerMismatch,
        ),
        Row::nothing("a mandate as desks", US, desks(&again), E::WrongPayloadType),
    ]
}

fn enrol_state(enrolment: &SignedEnvelope, root: &SignedEnvelope) -> Request {
    let request = v1::EnrolStateRequest {
        enrolment: Some(enrolment.into()),
        root_certificate: Some(root.into()),
    };
    Request::call("/wardline.v1.Operator/EnrolState", &request)
}

fn enrol_agency(enrolment: &SignedEnvelope, certificates: &[SignedEnvelope]) -> Request {
    let request = v1::EnrolAgencyRequest {
        enrolment: Some(enrolment.into()),
        certificates: certificates.iter().map(v1::Envelope::from).collect(),
    };
    Request::call("/wardline.v1.Operator/EnrolAgency", &request)
}

fn suspend(envelope: &SignedEnvelope) -> Request {
    let request = v1::SuspendAgencyRequest {
        envelope: Some(envelope.into()),
    };
    Request::call("/wardline.v1.Operator/SuspendAgency", &request)
}

fn reinstate(envelope: &SignedEnvelope) -> Request {
    let request = v1::ReinstateAgencyRequest {
        envelope: Some(envelope.into()),
    };
    Request::call("/wardline.v1.Operator/ReinstateAgency", &request)
}

fn publish_operator_key(envelope: &SignedEnvelope) -> Request {
    let request = v1::PublishOperatorKeyRequest {
        envelope: Some(envelope.into()),
    };
    Request::call("/wardline.v1.Operator/PublishOperatorKey", &request)
}

/// An operator who may, and what may not be.
fn operators(world: &mut World) -> Vec<Row> {
    let (enrolment, root) = world.state("alice", "us");
    let enrolled = enrol_state(&enrolment, &root);
    let (enrolment, _) = world.state("alice", "ma");
    let another_root = enrol_state(&enrolment, &root);
    let (enrolment, root) = world.state("mallory", "ma");
    let by_mallory = enrol_state(&enrolment, &root);
    let roles = [KeyRole::Originate];
    let (enrolment, _) = world.agency("alice", "us.nsa", AgencyKind::Agency, &roles);
    let without_keys = enrol_agency(&enrolment, &[]);
    let (enrolment, certificates) = world.agency("alice", "ma.ctc", AgencyKind::Agency, &roles);
    let no_state = enrol_agency(&enrolment, &certificates);
    let fresh = vec![world.certificate(US, KeyRole::Originate, 9, "root:us", |_| ())];
    let enrolment = world.agency_enrolment("alice", US, AgencyKind::Agency, &fresh, |_| ());
    let enrolled_agency = enrol_agency(&enrolment, &fresh);
    let suspended = suspend(&world.suspension("alice", FR, false));
    let nobody = suspend(&world.suspension("alice", "us.nobody", false));
    let not_suspended = reinstate(&world.suspension("alice", US, true));
    let wrong_call = suspend(&world.suspension("alice", US, true));
    let agencys = world.certificate(US, KeyRole::Officer, 9, "root:us", |_| ());
    let agencys = publish_operator_key(&agencys);
    vec![
        Row::nothing("a state that is enrolled", OPERATOR, enrolled, E::AlreadyEnrolled),
        Row::nothing(
            "a state with another's root",
            OPERATOR,
            another_root,
            E::InvalidValue,
        ),
        Row::nothing(
            "by an operator of nobody's",
            OPERATOR,
            by_mallory,
            E::UnknownSigner,
        ),
        Row::nothing(
            "without the keys it lists",
            OPERATOR,
            without_keys,
            E::InvalidValue,
        ),
        Row::nothing("an agency of no state", OPERATOR, no_state, E::UncertifiedKey),
        Row::nothing(
            "an agency that is enrolled",
            OPERATOR,
            enrolled_agency,
            E::AlreadyEnrolled,
        ),
        Row::nothing("suspended already", OPERATOR, suspended, E::NoChange),
        Row::nothing("a suspension of nobody", OPERATOR, nobody, E::NotEnrolled),
        Row::nothing(
            "reinstated, never suspended",
            OPERATOR,
            not_suspended,
            E::NoChange,
        ),
        Row::nothing(
            "a reinstatement that suspends",
            OPERATOR,
            wrong_call,
            E::WrongPayloadType,
        ),
        Row::nothing(
            "an agency's key as an operator's",
            OPERATOR,
            agencys,
            E::SessionSignerMismatch,
        ),
    ]
}

/// An agency that does what an operator does: with an operator's signature over its own session, and with its own.
fn agencies_as_operators(world: &mut World) -> Vec<Row> {
    let (enrolment, root) = world.state("alice", "ma");
    let state = enrol_state(&enrolment, &root);
    let roles = [KeyRole::Originate];
    let (enrolment, certificates) = world.agency("alice", "us.nsa", AgencyKind::Agency, &roles);
    let agency = enrol_agency(&enrolment, &certificates);
    let suspension = suspend(&world.suspension("alice", RU, false));
    let reinstatement = reinstate(&world.suspension("alice", FR, true));
    let key = world.certificate("operator:bob", KeyRole::Operator, 0, OPERATOR, |_| ());
    let operator_key = publish_operator_key(&key);
    let own = Suspension {
        common: world.common(US, KeyRole::Officer),
        agency: RU.parse().unwrap(),
        reason: "they are rivals".to_owned(),
        extensions: Vec::new(),
    };
    let payload = wire::encode_suspension(&own);
    let officer = World::key(US, KeyRole::Officer, 0);
    let own = suspend(&World::sign(PayloadKind::Suspension, payload, &[&officer]));
    let status = Request::call("/wardline.v1.Operator/GetStatus", &v1::GetStatusRequest {});
    let mismatch = E::SessionSignerMismatch;
    vec![
        Row::nothing("an agency enrols a state", US, state, mismatch),
        Row::nothing("an agency enrols an agency", US, agency, mismatch),
        Row::nothing("an agency suspends", US, suspension, mismatch),
        Row::nothing(
            "a suspended agency reinstates itself",
            FR,
            reinstatement,
            mismatch,
        ),
        Row::nothing(
            "an agency publishes an operator's key",
            US,
            operator_key,
            mismatch,
        ),
        Row::nothing("an agency suspends by its own key", US, own, E::WrongKeyRole),
        Row::nothing("an agency asks for the status", US, status, E::PermissionDenied),
    ]
}
