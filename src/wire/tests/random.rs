//! Random values round-trip, and no bytes whatever make a reader panic.

use std::ops::Range;

use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use prost::Message;

use super::fixed::{self, parsed};
use super::golden::payloads;
use crate::domain::*;
use crate::seal::PayloadKind;
use crate::time::Timestamp;
use crate::wire::payload::message_name;
use crate::wire::{self, Recorded, v1, walker};

fn words<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    select(all)
}

/// Some of them, each at most once.
fn some_words<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    subsequence(all, 0..=all.len()).prop_shuffle()
}

fn label() -> impl Strategy<Value = String> {
    let inner = vec(select(b"abcxyz019-".as_slice()), 0..6);
    let end = || select(b"abcxyz019".as_slice());
    (end(), inner, end()).prop_map(|(first, inner, last)| {
        let bytes = [&[first], inner.as_slice(), &[last]].concat();
        String::from_utf8(bytes).unwrap()
    })
}

fn country() -> impl Strategy<Value = Country> {
    vec(select(b"abmqyz".as_slice()), 2).prop_map(|bytes| parsed(&String::from_utf8(bytes).unwrap()))
}

fn agency() -> impl Strategy<Value = AgencyId> {
    (country(), vec(label(), 1..3))
        .prop_map(|(state, labels)| parsed(&format!("{state}.{}", labels.join("."))))
}

fn desk_of(agency: AgencyId) -> impl Strategy<Value = DeskAddress> {
    option::of(label()).prop_map(move |desk| match desk {
        Some(desk) => parsed(&format!("{agency}/{desk}")),
        None => DeskAddress::duty(agency.clone()),
    })
}

fn desk() -> impl Strategy<Value = DeskAddress> {
    agency().prop_flat_map(desk_of)
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        desk().prop_map(Address::Desk),
        (country(), label()).prop_map(|(state, label)| parsed(&format!("competence:{state}/{label}"))),
        label().prop_map(|label| parsed(&format!("group:{label}"))),
    ]
}

fn language() -> impl Strategy<Value = Language> {
    select(["en", "ru", "ar", "he", "zh-Hant", "sr-Latn-RS", "fr-BE", "de"].as_slice()).prop_map(parsed)
}

/// Text of any script, of one line or of several; never blank, never a link.
fn words_of_people(chars: Range<usize>, newlines: bool) -> impl Strategy<Value = String> {
    let any_char = any::<char>().prop_map(move |c| match c {
        '\n' if newlines => c,
        '\u{2028}' | '\u{2029}' => '·',
        c if c.is_control() => ' ',
        c => c,
    });
    vec(any_char, chars).prop_map(|chars| {
        let text: String = chars.into_iter().collect();
        text.replace("www.", "").replace("://", ":")
    })
}

fn must(newlines: bool) -> impl Strategy<Value = String> {
    words_of_people(0..40, newlines).prop_map(|text| format!("x{text}"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(|ms| Timestamp::from_unix_ms(if ms == 0 { 1 } else { ms }))
}

fn payload_id() -> impl Strategy<Value = PayloadId> {
    (0u64..1 << 48, any::<[u8; 10]>()).prop_map(|(ms, random)| PayloadId::from_parts(ms, random))
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        agency().prop_map(Principal::Agency),
        country().prop_map(|state| parsed(&format!("root:{state}"))),
        label().prop_map(|name| parsed(&format!("operator:{name}"))),
    ]
}

fn signer() -> impl Strategy<Value = Signer> {
    let seen = (any::<u64>(), any::<[u8; 32]>()).prop_map(|(size, root)| Seen {
        size,
        root: Hash(root),
    });
    let desk = principal().prop_flat_map(|principal| {
        let desk = match principal.agency().cloned() {
            Some(agency) => option::of(desk_of(agency)).boxed(),
            None => Just(None).boxed(),
        };
        (Just(principal), desk)
    });
    let office = words_of_people(0..40, false);
    (desk, select(&KeyRole::ALL[..]), office, option::of(seen)).prop_map(
        |((principal, desk), role, office, seen)| Signer {
            principal,
            role,
            desk,
            office,
            seen,
        },
    )
}

fn common() -> impl Strategy<Value = Common> {
    let by = prop_oneof![
        signer().prop_map(SignedBy::Named),
        any::<[u8; 32]>().prop_map(SignedBy::Committed),
    ];
    (payload_id(), time(), by).prop_map(|(id, sent, signer)| Common {
        origin: parsed("relay.example.invalid/2024"),
        id,
        sent,
        signer,
    })
}

fn extensions() -> impl Strategy<Value = Vec<Extension>> {
    btree_map(label(), (any::<bool>(), vec(any::<u8>(), 0..20)), 0..3).prop_map(|extensions| {
        let extension = |(label, (critical, value))| Extension {
            id: format!("test.{label}"),
            critical,
            value,
        };
        extensions.into_iter().map(extension).collect()
    })
}

fn part(length_max: u32) -> impl Strategy<Value = PartReference> {
    let sealed = option::of((any::<u32>(), option::of(any::<[u8; 32]>())));
    (1..=length_max, any::<[u8; 32]>(), sealed).prop_map(|(length, digest, sealed)| PartReference {
        form: if sealed.is_some() {
            Form::Sealed
        } else {
            Form::Clear
        },
        suite: sealed.map_or(0, |(suite, _)| suite),
        length,
        digest,
        plaintext_commitment: sealed.and_then(|(_, commitment)| commitment),
    })
}

fn specifics() -> impl Strategy<Value = Specifics> {
    vec(words(Known::ALL), 5).prop_map(|known| Specifics {
        place: known[0],
        time: known[1],
        method: known[2],
        target: known[3],
        perpetrator: known[4],
    })
}

fn handling() -> impl Strategy<Value = Handling> {
    (
        words(Tlp::ALL),
        words(Onward::ALL),
        words(NotifyVictim::ALL),
        any::<bool>(),
        words(Attribution::ALL),
    )
        .prop_map(
            |(tlp, onward, notify_victim, personal_data, attribution)| Handling {
                tlp,
                onward,
                notify_victim,
                personal_data,
                attribution,
            },
        )
}

fn warning() -> impl Strategy<Value = Warning> {
    let said = (
        words(Status::ALL),
        words(WarningType::ALL),
        words(Precedence::ALL),
        words(Category::ALL),
        some_words(Harm::ALL),
        any::<[bool; 3]>(),
        specifics(),
        handling(),
    );
    let deadlines = any::<[i64; 3]>().prop_map(|[received_ms, opened_ms, answered_ms]| Deadlines {
        received_ms,
        opened_ms,
        answered_ms,
    });
    let reference = (payload_id(), any::<[u8; 32]>()).prop_map(|(id, digest)| Reference {
        id,
        digest: Digest(digest),
    });
    let reply_key = (any::<u32>(), vec(any::<u8>(), 1..50)).prop_map(|(suite, key)| ReplyKey { suite, key });
    let rest = (
        option::of(time()),
        option::of(deadlines),
        option::of(country()),
        btree_set(country(), 0..5),
        vec(reference, 0..3),
        part(256 * 1024),
        option::of(reply_key),
        select([8, 64, 256].as_slice()).prop_flat_map(|size| btree_set(any::<[u8; 32]>(), size)),
        extensions(),
        option::of(words(Outcome::ALL)),
    );
    (common(), said, rest).prop_map(|(common, words, rest)| Warning {
        common,
        status: words.0,
        warning_type: words.1,
        precedence: words.2,
        category: words.3,
        expires: rest.0,
        deadlines: rest.1,
        harm: words.4,
        assertions: Assertions {
            credible: words.5[0],
            specific: words.5[1],
            impending: words.5[2],
        },
        specifics: words.6,
        handling: words.7,
        territory: rest.2,
        victims_of: rest.3.into_iter().collect(),
        references: rest.4,
        body: rest.5,
        reply_key: rest.6,
        audience: rest.7.into_iter().collect(),
        extensions: rest.8,
        outcome: rest.9,
    })
}

fn acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    let names = (common(), payload_id(), any::<[u8; 32]>());
    let said = (
        words(AcknowledgementKind::ALL),
        option::of(words(Assessment::ALL)),
        some_words(Specific::ALL),
        option::of(words(RefusalReason::ALL)),
        option::of(time()),
        option::of(address()),
        option::of(part(16 * 1024)),
        extensions(),
    );
    (names, said).prop_map(|((common, warning_id, digest), said)| Acknowledgement {
        common,
        warning_id,
        warning_digest: Digest(digest),
        kind: said.0,
        assessment: said.1,
        missing: said.2,
        reason: said.3,
        until: said.4,
        to: said.5,
        text: said.6,
        extensions: said.7,
    })
}

fn desks() -> impl Strategy<Value = Desks> {
    let desk = (
        words_of_people(0..20, false),
        btree_set(label(), 0..4),
        btree_set(language(), 0..4),
    );
    (common(), btree_map(desk_address(), desk, 0..4), extensions()).prop_map(|(common, desks, extensions)| {
        Desks {
            common,
            desks: desks
                .into_iter()
                .map(|(address, (name, competences, languages))| Desk {
                    address,
                    name,
                    competences: competences.into_iter().collect(),
                    languages: languages.into_iter().collect(),
                })
                .collect(),
            extensions,
        }
    })
}

fn desk_address() -> impl Strategy<Value = DeskAddress> {
    desk_of(parsed("be.ctc"))
}

fn key_certificate() -> impl Strategy<Value = KeyCertificate> {
    let key = select(&KeyRole::ALL[..]).prop_flat_map(|role| {
        let length = if role.signs() { 32..33 } else { 1..2000usize };
        (Just(role), vec(any::<u8>(), length))
    });
    let label = words_of_people(0..40, false);
    (common(), principal(), key, label, extensions()).prop_map(
        |(common, principal, (role, public_key), label, extensions)| KeyCertificate {
            common,
            principal,
            role,
            public_key,
            label,
            extensions,
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let block = (
        must(false),
        must(false),
        must(true),
        words_of_people(0..40, true),
        words_of_people(0..9, true),
    );
    let blocks = btree_map(language(), block, 1..5);
    let times = (option::of(0i64..1 << 40), option::of(0i64..1 << 40)).prop_map(|(onset, span)| {
        let until = span.map(|span| onset.unwrap_or(0) + span + 1);
        (onset.filter(|onset| *onset > 0), until)
    });
    let geocodes = vec((must(false), must(false)), 0..3);
    let areas = (any::<bool>(), any::<bool>(), geocodes).prop_map(|(polygon, circle, geocodes)| {
        let area = fixed::body().area;
        Area {
            polygons: if polygon { area.polygons } else { Vec::new() },
            circles: if circle { area.circles } else { Vec::new() },
            geocodes,
        }
    });
    let words = (words(Urgency::ALL), words(Severity::ALL), words(Certainty::ALL));
    (words, blocks, any::<Index>(), areas, times).prop_map(|(words, blocks, index, area, times)| {
        let blocks: Vec<ContentBlock> = blocks
            .into_iter()
            .map(|(language, block)| ContentBlock {
                language,
                event: block.0,
                headline: block.1,
                description: block.2,
                instruction: block.3,
                area: block.4.clone(),
                target: block.4,
            })
            .collect();
        Body {
            urgency: words.0,
            severity: words.1,
            certainty: words.2,
            authoritative: index.get(&blocks).language.clone(),
            blocks,
            area,
            onset: times.0.map(Timestamp::from_unix_ms),
            onset_until: times.1.map(Timestamp::from_unix_ms),
        }
    })
}

/// Every reader that takes a peer's bytes. None may panic; and whatever is read means the same to a protobuf library.
fn read_everything(data: &[u8]) {
    use PayloadKind as Kind;
    fn envelope(kind: Kind, data: &[u8]) -> SignedEnvelope {
        fixed::envelope(kind, Bytes::copy_from_slice(data))
    }
    macro_rules! payload {
        ($kind:ident, $parse:expr) => {
            agree::<v1::$kind, _, _>(data, |data| {
                let envelope = envelope(Kind::$kind, data);
                let parsed = $parse(&envelope);
                let walked = walker::walk(message_name(Kind::$kind), data);
                assert!(walked.is_ok() || parsed.is_err(), "parsed past the walker");
                parsed
            });
        };
    }
    payload!(Warning, |it| wire::warning(&Recorded(it)));
    payload!(Acknowledgement, |it| wire::acknowledgement(&Recorded(it)));
    payload!(KeyCertificate, wire::key_certificate);
    payload!(KeyRevocation, |it| wire::key_revocation(&Recorded(it)));
    payload!(RootSuccession, wire::root_succession_unverified);
    payload!(Desks, |it| wire::desks(&Recorded(it)));
    payload!(Mandate, |it| wire::mandate(&Recorded(it)));
    payload!(Hold, |it| wire::hold(&Recorded(it)));
    payload!(ErasureAttestation, |it| wire::erasure_attestation(&Recorded(it)));
    payload!(OnwardTransfer, |it| wire::onward_transfer(&Recorded(it)));
    payload!(StateEnrolment, |it| wire::state_enrolment(&Recorded(it)));
    payload!(AgencyEnrolment, |it| wire::agency_enrolment(&Recorded(it)));
    payload!(Suspension, |it| wire::suspension(&Recorded(it)));
    payload!(Reinstatement, |it| wire::reinstatement(&Recorded(it)));
    agree::<v1::Body, _, _>(data, wire::body);
    agree::<v1::Text, _, _>(data, wire::text);
    agree::<v1::Record, _, _>(data, wire::record);
    for kind in Kind::ALL {
        let _ = wire::common(kind, data);
    }
}

/// What is read is read the same when a library has read and written it.
fn agree<M, T, E>(data: &[u8], read: impl Fn(&[u8]) -> Result<T, E>)
where
    M: Message + Default,
    T: PartialEq + std::fmt::Debug,
    E: PartialEq + std::fmt::Debug,
{
    let value = read(data);
    if value.is_ok() {
        let again = M::decode(data).unwrap().encode_to_vec();
        assert_eq!(read(&again), value);
    }
}

/// The golden payloads, the body, the text and the records, to be mutated.
fn seeds() -> Vec<Bytes> {
    let mut seeds: Vec<Bytes> = payloads().into_iter().map(|(_, _, bytes)| bytes).collect();
    seeds.push(wire::encode_body(&fixed::body()));
    seeds.push(wire::encode_text(&fixed::text()));
    seeds.extend(
        fixed::records()
            .iter()
            .map(|(_, record)| wire::encode_record(record)),
    );
    seeds
}

/// One thing done to bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Double(Index, Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        at().prop_map(Mutation::Remove),
        at().prop_map(Mutation::Cut),
        (at(), at()).prop_map(|(from, to)| Mutation::Double(from, to)),
    ]
}

fn mutated(seed: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for mutation in mutations {
        if data.is_empty() {
            break;
        }
        let place = |at: &Index| at.index(data.len());
        match mutation {
            Mutation::Set(at, byte) => {
                let at = place(at);
                data[at] = *byte;
            }
            Mutation::Insert(at, byte) => data.insert(place(at), *byte),
            Mutation::Remove(at) => drop(data.remove(place(at))),
            Mutation::Cut(at) => data.truncate(place(at)),
            Mutation::Double(from, to) => {
                let (from, to) = (place(from).min(place(to)), place(from).max(place(to)));
                let copy = data[from..to].to_vec();
                data.splice(from..from, copy);
            }
        }
    }
    data
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any header comes back from its bytes.
    #[test]
    fn warnings_come_back(warning in warning()) {
        let envelope = fixed::envelope(PayloadKind::Warning, wire::encode_warning(&warning));
        prop_assert_eq!(wire::warning(&Recorded(&envelope)), Ok(warning));
    }

    /// Any acknowledgement comes back from its bytes.
    #[test]
    fn acknowledgements_come_back(acknowledgement in acknowledgement()) {
        let payload = wire::encode_acknowledgement(&acknowledgement);
        let envelope = fixed::envelope(PayloadKind::Acknowledgement, payload);
        prop_assert_eq!(wire::acknowledgement(&Recorded(&envelope)), Ok(acknowledgement));
    }

    /// Any certificate and any desks come back from their bytes.
    #[test]
    fn directory_entries_come_back(certificate in key_certificate(), desks in desks()) {
        let payload = wire::encode_key_certificate(&certificate);
        let envelope = fixed::envelope(PayloadKind::KeyCertificate, payload);
        prop_assert_eq!(wire::key_certificate(&envelope), Ok(certificate));
        let envelope = fixed::envelope(PayloadKind::Desks, wire::encode_desks(&desks));
        prop_assert_eq!(wire::desks(&Recorded(&envelope)), Ok(desks));
    }

    /// Any body comes back from its bytes.
    #[test]
    fn bodies_come_back(body in body()) {
        prop_assert_eq!(wire::body(&wire::encode_body(&body)), Ok(body));
    }

    /// Arbitrary bytes never make a reader panic.
    #[test]
    fn arbitrary_bytes_never_panic(data in vec(any::<u8>(), 0..200)) {
        read_everything(&data);
    }

    /// Nor do the bytes of real things with a few changes, which get further in.
    #[test]
    fn mutated_bytes_never_panic(seed in any::<Index>(), mutations in vec(mutation(), 1..6)) {
        let seeds = seeds();
        let seed: &Bytes = seed.get(&seeds);
        read_everything(&mutated(seed, &mutations));
    }
}
