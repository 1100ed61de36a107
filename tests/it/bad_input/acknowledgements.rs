//! What a recipient signs and may not: the signature covers it, so it is on the record. All of them are of warnings to a
//! desk where nobody listens.

use wardline::domain::AcknowledgementKind as Kind;
use wardline::domain::*;
use wardline::error::ErrorCode as E;
use wardline::limits;

use super::row::Row;
use super::stage::{AVIATION, BE, RU, US};
use crate::world::{World, parsed, signer_mut};

type Change = fn(&mut Acknowledgement);

/// Rows about a warning to the desk, about one that no more can be said of, and about another agency's.
pub(super) fn rows(
    world: &mut World,
    warning: &Submission,
    exhausted: &Submission,
    anothers: &Submission,
) -> Vec<Row> {
    let mut rows = contents(world, warning);
    rows.extend(whose(world, warning, anothers));
    let one_more = world.acknowledgement(AVIATION, exhausted, Kind::Opened, |_| ());
    rows.push(Row::nothing(
        "the 65th acknowledgement",
        RU,
        &one_more,
        E::AcknowledgementsExhausted,
    ));
    rows
}

/// What a kind needs and may have, one change each.
fn contents(world: &mut World, warning: &Submission) -> Vec<Row> {
    let table: [(&str, Kind, E, Change); 22] = [
        ("RECEIVED, assessed", Kind::Received, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::Actionable)
        }),
        ("OPENED, assessed", Kind::Opened, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::Actionable)
        }),
        ("ACTED, assessed", Kind::Acted, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::AlreadyKnown)
        }),
        ("missing, not assessed", Kind::Accepted, E::InvalidAnswer, |a| {
            a.missing = vec![Specific::Place]
        }),
        ("missing, not too vague", Kind::Accepted, E::InvalidAnswer, |a| {
            a.assessment = Some(Assessment::NotBelieved);
            a.missing = vec![Specific::Time];
        }),
        ("REFUSED without a reason", Kind::Refused, E::InvalidAnswer, |a| {
            a.reason = None
        }),
        ("ACCEPTED with a reason", Kind::Accepted, E::InvalidAnswer, |a| {
            a.reason = Some(RefusalReason::Busy)
        }),
        ("DEFERRED without end", Kind::Deferred, E::InvalidAnswer, |a| {
            a.until = None
        }),
        ("DEFERRED until now", Kind::Deferred, E::InvalidAnswer, |a| {
            a.until = Some(a.common.sent)
        }),
        ("DEFERRED for two years", Kind::Deferred, E::InvalidAnswer, |a| {
            a.until = a.common.sent.checked_add_ms(2 * limits::LIFETIME_MS_MAX)
        }),
        ("ACCEPTED until later", Kind::Accepted, E::InvalidAnswer, |a| {
            a.until = a.common.sent.checked_add_ms(1)
        }),
        ("ACCEPTED, to another", Kind::Accepted, E::InvalidAnswer, |a| {
            a.to = Some("be.ctc".parse().unwrap())
        }),
        ("acknowledged at another log", Kind::Opened, E::WrongOrigin, |a| {
            a.common.origin = "other.invalid".parse().unwrap()
        }),
        (
            "acknowledged six minutes ahead",
            Kind::Opened,
            E::SentAhead,
            |a| a.common.sent = a.common.sent.saturating_add_ms(6 * 60 * 1000),
        ),
        (
            "acknowledged, another root seen",
            Kind::Opened,
            E::SeenNotOnLog,
            |a| signer_mut(&mut a.common).seen.as_mut().unwrap().root = Hash([3; 32]),
        ),
        (
            "acknowledged, a size to come seen",
            Kind::Opened,
            E::SeenNotOnLog,
            |a| signer_mut(&mut a.common).seen.as_mut().unwrap().size += 1_000_000,
        ),
        ("acknowledged, nothing seen", Kind::Opened, E::MissingField, |a| {
            signer_mut(&mut a.common).seen = None
        }),
        ("acknowledged unnamed", Kind::Opened, E::Unsupported, |a| {
            a.common.signer = SignedBy::Committed([1; 32])
        }),
        (
            "acknowledged with a critical extension",
            Kind::Opened,
            E::CriticalExtension,
            |a| {
                a.extensions = vec![Extension {
                    id: "x.unheard-of".to_owned(),
                    critical: true,
                    value: Vec::new(),
                }];
            },
        ),
        ("of another digest", Kind::Opened, E::DigestMismatch, |a| {
            a.warning_digest = Digest([9; 32])
        }),
        ("of another id", Kind::Opened, E::DigestMismatch, |a| {
            a.warning_id = PayloadId::from_parts(1, [1; 10])
        }),
        ("of nothing", Kind::Opened, E::NotYours, |a| {
            a.warning_id = PayloadId::from_parts(1, [1; 10]);
            a.warning_digest = Digest([9; 32]);
        }),
    ];
    let mut rows = Vec::new();
    for (name, kind, code, change) in table {
        let acknowledgement = world.acknowledgement(AVIATION, warning, kind, change);
        rows.push(Row::rejected(name, RU, &acknowledgement, code));
    }
    rows
}

/// Only the desk that it was routed to acknowledges a warning.
fn whose(world: &mut World, warning: &Submission, anothers: &Submission) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, desk, of) in [
        ("by another desk of the agency", RU, warning),
        ("by the sender", US, warning),
        ("by a bystander", BE, warning),
        ("of another agency's warning", AVIATION, anothers),
    ] {
        let acknowledgement = world.acknowledgement(desk, of, Kind::Opened, |_| ());
        let agency = if desk == AVIATION { RU } else { desk };
        rows.push(Row::rejected(name, agency, &acknowledgement, E::NotYours));
    }
    // Nobody can say whose id it would use up.
    let theirs = world.acknowledgement(BE, warning, Kind::Opened, |a| {
        signer_mut(&mut a.common).desk = Some(parsed(AVIATION));
    });
    rows.push(Row::nothing(
        "for another agency's desk",
        BE,
        &theirs,
        E::InvalidValue,
    ));
    rows
}
