//! Whom a warning is for: what opens the audience lies beside the signature and leaves nothing; whom it names is covered
//! by the signature and is on the record.

use wardline::domain::{AudienceKind, AudienceOpening};
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::seal;
use wardline::wire::v1;

use super::row::{Request, Row};
use super::stage::{AUDITOR, AVIATION, RU, US};
use crate::world::{Draft, World};

pub(super) fn rows(world: &mut World) -> Vec<Row> {
    let mut rows = beside(world);
    rows.extend(commitments(world));
    rows.extend(recipients(world));
    rows
}

type Spoil = fn(&mut Vec<v1::AudienceOpening>);

/// The openings, one change each; with the right ones the same signed bytes are accepted.
fn beside(world: &mut World) -> Vec<Row> {
    let table: [(&str, E, Spoil); 10] = [
        ("an entry is not opened", E::AudienceUnopened, |o| {
            o.truncate(o.len() - 1)
        }),
        ("no entry is opened", E::AudienceUnopened, |o| o.clear()),
        ("one entry is opened twice", E::AudienceRepeated, |o| {
            o[0] = o[1].clone()
        }),
        ("an opening with another salt", E::AudienceMismatch, |o| {
            o[0].salt = vec![9; 32].into()
        }),
        ("an opening to somebody else", E::AudienceMismatch, |o| {
            let to = o.iter_mut().find(|o| !o.address.is_empty());
            to.unwrap().address = "be.ctc".to_owned();
        }),
        ("a recipient opened as excluded", E::AudienceMismatch, |o| {
            let to = o.iter_mut().find(|o| !o.address.is_empty());
            to.unwrap().kind = v1::AudienceKind::Excluded.into();
        }),
        ("an opening too many", E::AudienceMismatch, |o| {
            o.push(o[0].clone())
        }),
        ("257 openings", E::TooManyRecipients, |o| {
            o.resize(limits::AUDIENCE_MAX + 1, o[0].clone())
        }),
        ("an opening of no kind", E::MissingField, |o| o[0].kind = 0),
        ("an opening with a short salt", E::InvalidValue, |o| {
            o[0].salt = vec![9; 31].into()
        }),
    ];
    let mut rows = Vec::new();
    for (name, code, spoil) in table {
        let good = world.warning(US, &[AVIATION]);
        let mut spoilt = v1::Submission::from(&good);
        spoil(&mut spoilt.openings);
        rows.push(Row::nothing(name, US, spoilt, code).put_right(US, &good));
    }
    rows
}

/// An opening with a salt of its own.
fn opening(kind: AudienceKind, address: &str, number: u8) -> AudienceOpening {
    AudienceOpening {
        kind,
        salt: [number; 32],
        address: address.to_owned(),
    }
}

/// These openings, and padding up to `size` entries.
fn padded(real: &[(AudienceKind, &str)], size: usize) -> Vec<AudienceOpening> {
    let padding = std::iter::repeat((AudienceKind::Pad, ""));
    let entries = real.iter().copied().chain(padding).take(size);
    entries
        .zip(0..=u8::MAX)
        .map(|((kind, address), number)| opening(kind, address, number))
        .collect()
}

/// The header commits to these openings, sorted.
fn committed(mut draft: Draft, openings: Vec<AudienceOpening>) -> Draft {
    let mut pairs: Vec<([u8; 32], AudienceOpening)> = openings
        .into_iter()
        .map(|o| (seal::audience_commitment(o.kind, &o.salt, &o.address), o))
        .collect();
    pairs.sort_by_key(|pair| pair.0);
    (draft.header.audience, draft.openings) = pairs.into_iter().unzip();
    draft
}

/// What the header commits to: a commitment that cannot be opened right leaves nothing, too many are on the record.
fn commitments(world: &mut World) -> Vec<Row> {
    let to = (AudienceKind::To, RU);
    let mut with = |openings| committed(world.draft(US, &[RU], &[]), openings);
    let mut unsorted = with(padded(&[to], 8));
    unsorted.header.audience.swap(0, 1);
    let mut repeated = with(padded(&[to], 8));
    repeated.header.audience[1] = repeated.header.audience[0];
    let nine = with(padded(&[to], 9));
    let far = with(padded(&[to], 64));
    let hidden = with(padded(&[to, (AudienceKind::Pad, "be.ctc")], 8));
    let twice = with(padded(&[to, to], 8));
    let nameless = with(padded(&[to, (AudienceKind::To, "")], 8));
    let mut many = with(padded(&[to], 256));
    many.header.audience.push([0xff; 32]);
    let mut none = with(padded(&[to], 8));
    none.header.audience.clear();
    let sent = |draft: Draft| Request::from(&draft.sign(US));
    vec![
        Row::nothing("entries not sorted", US, sent(unsorted), E::AudienceMismatch),
        Row::nothing("an entry twice", US, sent(repeated), E::AudienceRepeated),
        Row::nothing("9 entries", US, sent(nine), E::AudienceMismatch),
        Row::nothing("padded to 64 for one", US, sent(far), E::AudienceMismatch),
        Row::nothing("a name in the padding", US, sent(hidden), E::AudienceMismatch),
        Row::nothing("an address twice", US, sent(twice), E::AudienceRepeated),
        Row::rejected("an address of nothing", US, sent(nameless), E::InvalidValue),
        Row::rejected("257 entries", US, sent(many), E::TooManyRecipients),
        Row::rejected("no audience", US, sent(none), E::MissingField).about("audience"),
    ]
}

/// Whom the addresses name.
fn recipients(world: &mut World) -> Vec<Row> {
    type Named = (
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
        E,
        &'static [&'static str],
    );
    let table: [Named; 12] = [
        (
            "an unknown agency",
            &["ru.ctx"],
            &[],
            E::UnknownRecipient,
            &["ru.ctc"],
        ),
        (
            "an unknown desk",
            &["ru.ctc/avation"],
            &[],
            E::UnknownRecipient,
            &["ru.ctc/aviation", "ru.ctc"],
        ),
        (
            "one known, one not",
            &[RU, "xx.nobody"],
            &[],
            E::UnknownRecipient,
            &[],
        ),
        (
            "an unknown exclusion",
            &[RU],
            &["be.ctd"],
            E::UnknownRecipient,
            &["be.ctc"],
        ),
        ("no address at all", &["Moscow!"], &[], E::UnknownRecipient, &[]),
        ("an auditor", &[AUDITOR], &[], E::UnknownRecipient, &[]),
        (
            "a state",
            &["ru"],
            &[],
            E::UnknownRecipient,
            &["ru.ctc", "ru.ctc/aviation"],
        ),
        (
            "a competence",
            &["competence:ru/aviation-security"],
            &[],
            E::Unsupported,
            &[],
        ),
        ("a group", &["group:coalition"], &[], E::Unsupported, &[]),
        ("only an exclusion", &[], &[RU], E::NoRecipient, &[]),
        ("addressed and excluded", &[RU], &[RU], E::NoRecipient, &[]),
        ("its agency excluded", &[AVIATION], &[RU], E::NoRecipient, &[]),
    ];
    table
        .into_iter()
        .map(|(name, to, excluded, code, near)| {
            let submission = world.draft(US, to, excluded).sign(US);
            Row::rejected(name, US, &submission, code).near(near)
        })
        .collect()
}
