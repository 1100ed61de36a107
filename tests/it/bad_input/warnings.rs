//! What a warning says and may not: all of it is covered by the signature, so all of it is on the record.

use prost::Message as _;
use wardline::domain::*;
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::wire::v1;

use super::row::{Request, Row};
use super::stage::{AUDITOR, BE, FR, RU, US};
use crate::world::{World, signer_mut};

type Change = fn(&mut Warning);

const SIX_MINUTES_MS: i64 = 6 * 60 * 1000;

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let mut rows = headers(world);
    rows.extend(bodies(world));
    rows.extend(senders(world));
    rows
}

fn actual(header: &mut Warning) {
    header.status = Status::Actual;
}

fn notice(header: &mut Warning) {
    header.warning_type = WarningType::Notice;
    header.precedence = Precedence::Priority;
    header.harm.clear();
    header.assertions = Assertions::default();
}

/// The header, one change each.
fn headers(world: &mut World) -> Vec<Row> {
    let table: [(&str, E, Change); 34] = [
        ("signed for another log", E::WrongOrigin, |h| {
            h.common.origin = "other.invalid".parse().unwrap();
        }),
        ("an ACTUAL ALERT without harm", E::HarmNotAsserted, |h| {
            actual(h);
            h.harm.clear();
        }),
        ("an ACTUAL ALERT, not credible", E::HarmNotAsserted, |h| {
            actual(h);
            h.assertions.credible = false;
        }),
        ("an ACTUAL ALERT, not specific", E::HarmNotAsserted, |h| {
            actual(h);
            h.assertions.specific = false;
        }),
        ("an ACTUAL ALERT, not impending", E::HarmNotAsserted, |h| {
            actual(h);
            h.assertions.impending = false;
        }),
        ("a NOTICE with FLASH", E::InvalidValue, |h| {
            notice(h);
            h.precedence = Precedence::Flash;
        }),
        ("a NOTICE with IMMEDIATE", E::InvalidValue, |h| {
            notice(h);
            h.precedence = Precedence::Immediate;
        }),
        ("a NOTICE that names harm", E::InvalidValue, |h| {
            notice(h);
            h.harm = vec![Harm::Kidnapping];
        }),
        ("a NOTICE that asserts", E::InvalidValue, |h| {
            notice(h);
            h.assertions.credible = true;
        }),
        ("expires missing", E::ExpiresMissing, |h| h.expires = None),
        ("expires when it was sent", E::ExpiresBeforeSent, |h| {
            h.expires = Some(h.common.sent)
        }),
        ("expires before it was sent", E::ExpiresBeforeSent, |h| {
            h.expires = h.common.sent.checked_add_ms(-1)
        }),
        ("expired on arrival", E::Expired, |h| {
            h.common.sent = h.common.sent.saturating_add_ms(-10_000);
            h.expires = h.common.sent.checked_add_ms(5_000);
        }),
        ("expires in two years", E::InvalidValue, |h| {
            h.expires = h.common.sent.checked_add_ms(2 * limits::LIFETIME_MS_MAX)
        }),
        ("sent six minutes ahead", E::SentAhead, |h| {
            h.common.sent = h.common.sent.saturating_add_ms(SIX_MINUTES_MS)
        }),
        ("seen: another root", E::SeenNotOnLog, |h| {
            signer_mut(&mut h.common).seen.as_mut().unwrap().root = Hash([1; 32])
        }),
        ("seen: a size to come", E::SeenNotOnLog, |h| {
            signer_mut(&mut h.common).seen.as_mut().unwrap().size += 1_000_000
        }),
        ("seen: nothing, with a root", E::SeenNotOnLog, |h| {
            signer_mut(&mut h.common).seen.as_mut().unwrap().size = 0
        }),
        ("seen missing", E::MissingField, |h| {
            signer_mut(&mut h.common).seen = None
        }),
        ("for a desk that it has not", E::InvalidValue, |h| {
            signer_mut(&mut h.common).desk = Some("us.ctc/nobody".parse().unwrap())
        }),
        ("a sealed body of no length that one has", E::InvalidValue, |h| {
            h.body.form = Form::Sealed;
            h.body.suite = 1;
            h.body.plaintext_commitment = Some([1; 32]);
        }),
        ("a clear body with a suite", E::InvalidValue, |h| h.body.suite = 1),
        ("an UPDATE", E::Unsupported, |h| {
            h.warning_type = WarningType::Update
        }),
        ("a CANCEL", E::Unsupported, |h| {
            h.warning_type = WarningType::Cancel
        }),
        ("an EXTEND", E::Unsupported, |h| {
            h.warning_type = WarningType::Extend
        }),
        ("an OUTCOME", E::Unsupported, |h| {
            h.warning_type = WarningType::Outcome
        }),
        ("an ANSWER to no QUESTION", E::InvalidAnswer, |h| {
            h.warning_type = WarningType::Answer
        }),
        ("VIA_RELAY", E::Unsupported, |h| {
            h.handling.attribution = Attribution::ViaRelay
        }),
        ("an unnamed sender", E::Unsupported, |h| {
            h.common.signer = SignedBy::Committed([1; 32])
        }),
        ("deadlines", E::Unsupported, |h| {
            h.deadlines = Some(Deadlines {
                received_ms: 1_000,
                opened_ms: 2_000,
                answered_ms: 3_000,
            });
        }),
        ("a reply key", E::Unsupported, |h| {
            h.reply_key = Some(ReplyKey {
                suite: 1,
                key: vec![1; 32],
            });
        }),
        ("an outcome", E::Unsupported, |h| {
            h.outcome = Some(Outcome::Occurred)
        }),
        ("a critical extension", E::CriticalExtension, |h| {
            h.extensions = vec![Extension {
                id: "x.unheard-of".to_owned(),
                critical: true,
                value: vec![1],
            }];
        }),
        ("a body longer than 256 KiB, as signed", E::BodyTooLarge, |h| {
            h.body.length = u32::try_from(limits::BODY_BYTES_MAX).unwrap() + 1
        }),
    ];
    table
        .into_iter()
        .map(|(name, code, change)| {
            let submission = world.draft(US, &[RU], &[]).with(change).sign(US);
            Row::rejected(name, US, &submission, code)
        })
        .collect()
}

type BodyChange = fn(&mut v1::Body) -> &'static [u8];

/// The body, as it was signed: one change each, and bytes that are added to it.
fn bodies(world: &mut World) -> Vec<Row> {
    let table: [(&str, E, BodyChange); 7] = [
        ("a body that ends in noise", E::Malformed, |_| &[0xff; 8]),
        // Field 99, a varint.
        ("an unknown field in the body", E::UnknownField, |_| {
            &[0x98, 0x06, 0x01]
        }),
        // Field 1 once more, a varint.
        ("urgency twice in the body", E::DuplicateField, |_| &[0x08, 0x01]),
        ("a body in no language", E::InvalidValue, |body| {
            body.blocks.clear();
            &[]
        }),
        ("a body with a link", E::InvalidValue, |body| {
            body.blocks[0].description = "See https://example.invalid/".to_owned();
            &[]
        }),
        ("a body that moves the cursor", E::InvalidValue, |body| {
            body.blocks[0].headline = "\u{1b}[2JAll is well".to_owned();
            &[]
        }),
        ("a body without a headline", E::MissingField, |body| {
            body.blocks[0].headline.clear();
            &[]
        }),
    ];
    let mut rows = Vec::new();
    for (name, code, change) in table {
        let mut part = world.body("A large gathering may be attacked.");
        let mut body = v1::Body::decode(part.content).unwrap();
        let added = change(&mut body);
        part.content = [&body.encode_to_vec()[..], added].concat().into();
        let submission = world.draft(US, &[RU], &[]).with_body(part).sign(US);
        rows.push(Row::rejected(name, US, &submission, code));
    }
    rows
}

/// Who may not send, and what was refused once.
fn senders(world: &mut World) -> Vec<Row> {
    let suspended = world.warning(FR, &[RU]);
    let mut question = world.draft(FR, &[RU], &[]);
    question.header.warning_type = WarningType::Question;
    let auditors = world.warning(AUDITOR, &[RU]);
    let revoked = world.warning(BE, &[RU]);
    let expired = world.draft(US, &[RU], &[]).with(|h| h.expires = None).sign(US);
    let mut corrected = world.draft(US, &[RU], &[]);
    corrected.header.common.id = expired.hint.id;
    let corrected: Request = (&corrected.sign(US)).into();
    vec![
        Row::rejected("a suspended agency", FR, &suspended, E::Suspended),
        Row::rejected(
            "a suspended agency's QUESTION",
            FR,
            &question.sign(FR),
            E::Suspended,
        ),
        Row::rejected("an auditor's warning", AUDITOR, &auditors, E::PermissionDenied),
        Row::nothing("a revoked key", BE, &revoked, E::RevokedKey),
        Row::rejected("refused once", US, &expired, E::ExpiresMissing),
        Row::nothing(
            "other bytes under the id that was refused",
            US,
            corrected,
            E::IdReused,
        ),
    ]
}
