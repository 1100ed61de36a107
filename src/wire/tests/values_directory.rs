//! What changes the directory may say once it is well-formed.

use super::fixed;
use super::values::{Row, as_kind, check};
use crate::error::ErrorCode::{InvalidValue, MissingField};
use crate::seal::PayloadKind;
use crate::wire::{self, v1};

/// What changes the directory: likewise.
#[test]
fn directory_entries_say_what_they_may() {
    let rows: &[Row<v1::KeyCertificate>] = &[
        (|c| c.principal.clear(), MissingField, "principal"),
        (|c| c.principal = "root:r".to_owned(), InvalidValue, "principal"),
        (|c| c.role = 0, MissingField, "role"),
        (|c| c.public_key.clear(), MissingField, "public_key"),
        (|c| c.public_key = vec![1; 33].into(), InvalidValue, "public_key"),
        (
            |c| (c.role, c.public_key) = (6, vec![1; 4097].into()),
            InvalidValue,
            "public_key",
        ),
        (|c| c.label = "\u{7}".to_owned(), InvalidValue, "label"),
    ];
    check(
        &v1::KeyCertificate::from(&fixed::key_certificate()),
        rows,
        as_kind(PayloadKind::KeyCertificate, |it| wire::key_certificate(it.0)),
    );
    let rows: &[Row<v1::KeyRevocation>] = &[
        (|r| r.keyid.clear(), MissingField, "keyid"),
        (|r| r.keyid = r.keyid.to_uppercase(), InvalidValue, "keyid"),
        (|r| r.keyid = r.keyid[..62].to_owned(), InvalidValue, "keyid"),
        (|r| r.reason = 0, MissingField, "reason"),
    ];
    check(
        &v1::KeyRevocation::from(&fixed::key_revocation()),
        rows,
        as_kind(PayloadKind::KeyRevocation, |it| wire::key_revocation(it)),
    );
    let rows: &[Row<v1::RootSuccession>] = &[
        (|s| s.state = "rus".to_owned(), InvalidValue, "state"),
        (|s| s.public_key = vec![1; 31].into(), InvalidValue, "public_key"),
    ];
    check(
        &v1::RootSuccession::from(&fixed::root_succession()),
        rows,
        as_kind(PayloadKind::RootSuccession, |it| {
            wire::root_succession_unverified(it.0)
        }),
    );
    let rows: &[Row<v1::StateEnrolment>] = &[
        (|e| e.state.clear(), MissingField, "state"),
        (
            |e| e.root_certificate_digest.clear(),
            MissingField,
            "root_certificate_digest",
        ),
        (|e| e.home_origin = "x".repeat(129), InvalidValue, "home_origin"),
    ];
    check(
        &v1::StateEnrolment::from(&fixed::state_enrolment()),
        rows,
        as_kind(PayloadKind::StateEnrolment, |it| wire::state_enrolment(it)),
    );
    let rows: &[Row<v1::AgencyEnrolment>] = &[
        (|e| e.agency = "ru".to_owned(), InvalidValue, "agency"),
        (|e| e.name = " ".to_owned(), MissingField, "name"),
        (|e| e.name = "n".repeat(101), InvalidValue, "name"),
        (|e| e.kind = 0, MissingField, "kind"),
        (
            |e| e.certificate_digests.push(e.certificate_digests[0].clone()),
            InvalidValue,
            "certificate_digests[2]",
        ),
    ];
    check(
        &v1::AgencyEnrolment::from(&fixed::agency_enrolment()),
        rows,
        as_kind(PayloadKind::AgencyEnrolment, |it| wire::agency_enrolment(it)),
    );
    let rows: &[Row<v1::Desks>] = &[
        (|d| d.desks.swap(0, 1), InvalidValue, "desks[1].address"),
        (
            |d| d.desks[1] = d.desks[0].clone(),
            InvalidValue,
            "desks[1].address",
        ),
        (|d| d.desks[1].address.clear(), MissingField, "desks[1].address"),
        (
            |d| d.desks[1].competences.reverse(),
            InvalidValue,
            "desks[1].competences[1]",
        ),
        (
            |d| d.desks[1].competences[0] = "Air".to_owned(),
            InvalidValue,
            "desks[1].competences[0]",
        ),
        (
            |d| d.desks[0].languages[1] = "fr".to_owned(),
            InvalidValue,
            "desks[0].languages[1]",
        ),
        (
            |d| d.desks[0].languages[0] = "f".to_owned(),
            InvalidValue,
            "desks[0].languages[0]",
        ),
    ];
    check(
        &v1::Desks::from(&fixed::desks()),
        rows,
        as_kind(PayloadKind::Desks, |it| wire::desks(it)),
    );
    let rows: &[Row<v1::Mandate>] = &[(|m| m.auditor = "root:be".to_owned(), InvalidValue, "auditor")];
    check(
        &v1::Mandate::from(&fixed::mandate()),
        rows,
        as_kind(PayloadKind::Mandate, |it| wire::mandate(it)),
    );
    let rows: &[Row<v1::ErasureAttestation>] = &[
        (|a| a.warning_digest.clear(), MissingField, "warning_digest"),
        (
            |a| a.warning_digest = vec![1; 31].into(),
            InvalidValue,
            "warning_digest",
        ),
        (|a| a.desk.clear(), MissingField, "desk"),
        (|a| a.desk = "be".to_owned(), InvalidValue, "desk"),
        (|a| a.retention_class = 0, MissingField, "retention_class"),
        (|a| a.day = 1 << 24, InvalidValue, "day"),
        (|a| a.days = 36_526, InvalidValue, "days"),
        // Its rule would erase it a day later.
        (
            |a| (a.day, a.erased_at_unix_ms) = (0, 91 * 24 * 3_600_000 - 1),
            InvalidValue,
            "erased_at_unix_ms",
        ),
        (|a| a.erased_at_unix_ms += 1, InvalidValue, "erased_at_unix_ms"),
    ];
    check(
        &v1::ErasureAttestation::from(&fixed::erasure_attestation()),
        rows,
        as_kind(PayloadKind::ErasureAttestation, |it| {
            wire::erasure_attestation(it)
        }),
    );
    let rows: &[Row<v1::OnwardTransfer>] = &[
        (|t| t.warning_digest.clear(), MissingField, "warning_digest"),
        (
            |t| t.wrap_digest = vec![1; 33].into(),
            InvalidValue,
            "wrap_digest",
        ),
        (|t| t.desk.clear(), MissingField, "desk"),
        (|t| t.to.clear(), MissingField, "to"),
        (|t| t.to = "ru.ctc/aviation".to_owned(), InvalidValue, "to"),
        // To itself.
        (|t| t.to = "be.ctc".to_owned(), InvalidValue, "to"),
    ];
    check(
        &v1::OnwardTransfer::from(&fixed::onward_transfer()),
        rows,
        as_kind(PayloadKind::OnwardTransfer, |it| wire::onward_transfer(it)),
    );
    let rows: &[Row<v1::Reinstatement>] = &[
        (|s| s.agency.clear(), MissingField, "agency"),
        (|s| s.reason = "r".repeat(501), InvalidValue, "reason"),
    ];
    check(
        &v1::Reinstatement::from(&fixed::suspension()),
        rows,
        as_kind(PayloadKind::Reinstatement, |it| wire::reinstatement(it)),
    );
}
