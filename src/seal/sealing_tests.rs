//! Sealed parts as their users meet them: what opens, and everything near it that must not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::LazyLock;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::domain::{AgencyId, Digest, Origin, PayloadId};
use crate::limits::{
    BODY_BYTES_MAX, SEAL_KEY_BYTES_MAX, SEALABLE_BODY_BYTES_MAX, SEALABLE_TEXT_BYTES_MAX,
    SEALED_BODY_CLASSES, SEALED_HEAD_BYTES, SEALED_OVERHEAD_MAX, SEALED_TAG_BYTES, SEALED_TEXT_CLASSES,
    TEXT_BYTES_MAX, WRAP_BYTES_MAX,
};

static ORIGIN: LazyLock<Origin> = LazyLock::new(|| "relay.example/log".parse().unwrap());
static AGENCY: LazyLock<AgencyId> = LazyLock::new(|| "be.ctc".parse().unwrap());

fn id(n: u8) -> PayloadId {
    PayloadId::from_parts(1_700_000_000_000, [n; 10])
}

fn warning() -> Digest {
    Digest([7; 32])
}

fn secret(suite: SealSuite, seed: u8) -> SealSecretKey {
    SealSecretKey::from_secret(suite, Zeroizing::new([seed; 32]))
}

fn key(seed: u8) -> BodyKey {
    BodyKey::new(Zeroizing::new([seed; 32]))
}

fn place<'a>(acknowledgement: &'a PayloadId, warning: &'a Digest) -> TextPlace<'a> {
    TextPlace {
        origin: &ORIGIN,
        acknowledgement,
        warning,
    }
}

/// A body sealed once opens for every recipient and for its originator, through wraps of both suites; the originator gets back
/// the reply key too, and an answer sealed to it opens.
#[test]
fn a_body_opens_for_each_recipient_and_an_answer_for_the_originator() {
    let sealed = seal_body(&ORIGIN, &id(1), b"the threat").unwrap();
    for suite in SealSuite::ALL {
        let recipient = SealSecretKey::generate(suite).unwrap();
        let wrap = wrap_key(recipient.public_key(), &warning(), &AGENCY, &sealed.key, None).unwrap();
        assert_eq!(wrap_shape(&wrap), Ok((suite, WrapKind::Recipient)));
        let opened = open_wrap(&recipient, &warning(), &AGENCY, &wrap).unwrap();
        assert!(opened.reply.is_none());
        let body = open_body(&ORIGIN, &id(1), &opened.key, &sealed.commitment, &sealed.content).unwrap();
        assert_eq!(body.text, b"the threat");
        // Wiped when dropped; without that this does not compile.
        let _: &dyn zeroize::ZeroizeOnDrop = &body;
        assert_eq!(plaintext_commitment(&body.salt, &body.text), sealed.commitment);

        let (own, reply) = (secret(suite, 1), SealSecretKey::generate(suite).unwrap());
        let wrap = wrap_key(own.public_key(), &warning(), &AGENCY, &sealed.key, Some(&reply)).unwrap();
        assert_eq!(wrap_shape(&wrap), Ok((suite, WrapKind::Originator)));
        let text = seal_text(reply.public_key(), place(&id(2), &warning()), b"understood").unwrap();
        assert_eq!(sealed_text_shape(&text.content), Ok(suite));
        let reply = open_wrap(&own, &warning(), &AGENCY, &wrap)
            .unwrap()
            .reply
            .unwrap();
        let opened = open_text(&reply, place(&id(2), &warning()), &text.commitment, &text.content).unwrap();
        assert_eq!(opened.text, b"understood");
    }
}

/// A wrap opens with one key, for one header, for one agency: any other of these, and any other wrap put in its place, is
/// unreadable; a key of the other suite says so.
#[test]
fn a_wrap_opens_nowhere_else() {
    for suite in SealSuite::ALL {
        let own = secret(suite, 1);
        let wrap = wrap_key(own.public_key(), &warning(), &AGENCY, &key(9), None).unwrap();
        let other_agency = "ru.ctc".parse().unwrap();
        let table = [
            open_wrap(&secret(suite, 2), &warning(), &AGENCY, &wrap),
            open_wrap(&own, &Digest([8; 32]), &AGENCY, &wrap),
            open_wrap(&own, &warning(), &other_agency, &wrap),
        ];
        for (row, outcome) in table.into_iter().enumerate() {
            assert_eq!(outcome.err(), Some(OpenError::Unreadable), "{suite}, row {row}");
        }
        let swapped = wrap_key(secret(suite, 2).public_key(), &warning(), &AGENCY, &key(9), None).unwrap();
        assert_eq!(
            open_wrap(&own, &warning(), &AGENCY, &swapped).err(),
            Some(OpenError::Unreadable)
        );
        assert_ne!(wrap_digest(&wrap), wrap_digest(&swapped));
        for other in SealSuite::ALL.into_iter().filter(|other| *other != suite) {
            let outcome = open_wrap(&secret(other, 1), &warning(), &AGENCY, &wrap);
            let expected = OpenError::OtherSuite {
                sealed: suite,
                key: other,
            };
            assert_eq!(outcome.err(), Some(expected));
        }
    }
}

/// No byte of a wrap, nor of a small body or text, can be changed: one bit of each is flipped, and what comes of it is refused.
#[test]
fn every_byte_counts() {
    fn each_changed(part: &[u8], mut refused: impl FnMut(&[u8]) -> bool) {
        let mut part = part.to_vec();
        for at in 0..part.len() {
            let bit = 1 << (at % 8);
            part[at] ^= bit;
            assert!(refused(&part), "byte {at}");
            part[at] ^= bit;
        }
        assert!(!refused(&part));
    }
    for suite in SealSuite::ALL {
        let own = secret(suite, 1);
        let wrap = wrap_key(own.public_key(), &warning(), &AGENCY, &key(9), None).unwrap();
        each_changed(&wrap, |wrap| open_wrap(&own, &warning(), &AGENCY, wrap).is_err());
        let text = seal_text(own.public_key(), place(&id(2), &warning()), b"no").unwrap();
        each_changed(&text.content, |content| {
            open_text(&own, place(&id(2), &warning()), &text.commitment, content).is_err()
        });
    }
    let sealed = seal_body(&ORIGIN, &id(1), b"the threat").unwrap();
    each_changed(&sealed.content, |content| {
        open_body(&ORIGIN, &id(1), &sealed.key, &sealed.commitment, content).is_err()
    });
}

/// A body's length shows its size class alone, for the shortest and the longest text of each; one byte less, or one more, is no
/// length of a body; and a ciphertext cut off to a smaller class does not open.
#[test]
fn the_length_shows_the_class_alone() {
    let mut shortest = 0;
    for class in SEALED_BODY_CLASSES {
        let longest = class - SEALED_HEAD_BYTES;
        for length in [shortest, longest] {
            let sealed = seal_body(&ORIGIN, &id(1), &vec![0x61; length]).unwrap();
            let open = |content: &[u8]| open_body(&ORIGIN, &id(1), &sealed.key, &sealed.commitment, content);
            assert_eq!(sealed.content.len(), class + SEALED_TAG_BYTES);
            assert!(is_sealed_body_length(sealed.content.len()));
            assert_eq!(open(&sealed.content).unwrap().text.len(), length);
            let cut = &sealed.content[1..];
            assert_eq!(open(cut), Err(OpenError::Length(cut.len())));
            for smaller in SEALED_BODY_CLASSES.into_iter().filter(|smaller| *smaller < class) {
                let cut = &sealed.content[..smaller + SEALED_TAG_BYTES];
                assert_eq!(open(cut), Err(OpenError::Unreadable), "{class} cut to {smaller}");
            }
        }
        shortest = longest + 1;
    }
    assert_eq!(shortest, SEALABLE_BODY_BYTES_MAX + 1);
    let refused = seal_body(&ORIGIN, &id(1), &vec![0; shortest]);
    let max = SEALABLE_BODY_BYTES_MAX;
    assert!(matches!(refused, Err(SealError::TooLong { actual, max: m }) if actual == shortest && m == max));
}

/// Texts have four classes, whatever the suite, and the longest that can be sealed stays within a text's bound.
#[test]
fn texts_have_size_classes_too() {
    for suite in SealSuite::ALL {
        let own = secret(suite, 1);
        for class in SEALED_TEXT_CLASSES {
            let text = vec![0x61; class - SEALED_HEAD_BYTES];
            let sealed = seal_text(own.public_key(), place(&id(2), &warning()), &text).unwrap();
            assert_eq!(sealed.content.len(), class + suite.overhead());
            assert!(sealed.content.len() <= TEXT_BYTES_MAX);
            let opened = open_text(
                &own,
                place(&id(2), &warning()),
                &sealed.commitment,
                &sealed.content,
            );
            assert_eq!(opened.unwrap().text, text);
            let cut = &sealed.content[..sealed.content.len() - 1];
            assert_eq!(sealed_text_shape(cut), Err(OpenError::Length(cut.len())));
        }
        let too_long = vec![0; SEALABLE_TEXT_BYTES_MAX + 1];
        let refused = seal_text(own.public_key(), place(&id(2), &warning()), &too_long);
        assert!(matches!(refused, Err(SealError::TooLong { .. })));
    }
}

/// A sender who gives one recipient another key, under which the same place holds another text, is found out: AES-GCM binds no key,
/// so this one is made honestly, and only the commitment tells.
#[test]
fn another_text_for_one_recipient_is_found_out() {
    let sealed = seal_body(&ORIGIN, &id(1), b"to all others").unwrap();
    let another = seal_body(&ORIGIN, &id(1), b"to you").unwrap();
    let opened = open_body(
        &ORIGIN,
        &id(1),
        &another.key,
        &sealed.commitment,
        &another.content,
    );
    assert_eq!(opened, Err(OpenError::Commitment));
}

/// A body opens in its log and under its warning's id alone, and an answer's text under its answer and warning.
#[test]
fn a_part_opens_in_its_place_alone() {
    let sealed = seal_body(&ORIGIN, &id(1), b"the threat").unwrap();
    let elsewhere = "relay.example/other".parse().unwrap();
    for (origin, id) in [(&elsewhere, id(1)), (&*ORIGIN, id(2))] {
        let opened = open_body(origin, &id, &sealed.key, &sealed.commitment, &sealed.content);
        assert_eq!(opened, Err(OpenError::Unreadable));
    }
    let own = secret(SealSuite::X25519, 1);
    let text = seal_text(own.public_key(), place(&id(2), &warning()), b"no").unwrap();
    for (id, warning) in [(id(3), warning()), (id(2), Digest([8; 32]))] {
        let opened = open_text(&own, place(&id, &warning), &text.commitment, &text.content);
        assert_eq!(opened, Err(OpenError::Unreadable));
    }
}

/// Keys that nobody should seal to are refused as what they are; the points of small order are RFC 7748's, in both suites.
#[test]
fn unsound_keys_are_refused() {
    let x25519 = secret(SealSuite::X25519, 1).public_key().as_bytes().to_vec();
    let x_wing = secret(SealSuite::XWing, 1).public_key().as_bytes().to_vec();
    let with_point = |key: &[u8], point: [u8; 32]| [&key[..key.len() - 32], &point].concat();
    let little = |first: u8, rest: u8, last: u8| {
        let mut point = [rest; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let of_order_8 = |text: &str| <[u8; 32]>::try_from(hex::decode(text).unwrap()).unwrap();
    for (suite, key) in [(SealSuite::X25519, &x25519), (SealSuite::XWing, &x_wing)] {
        let expected = |actual: usize| Err(BadSealKey::Length { suite, actual });
        assert_eq!(
            SealPublicKey::parse(&key[..key.len() - 1]),
            expected(key.len() - 2)
        );
        assert_eq!(
            SealPublicKey::parse(&[&key[..], &[0]].concat()),
            expected(key.len())
        );
        assert_eq!(SealPublicKey::parse(&key[..1]), expected(0));
        for point in [
            [0; 32],
            little(1, 0, 0),
            little(0xec, 0xff, 0x7f),
            of_order_8("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            of_order_8("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        ] {
            assert_eq!(
                SealPublicKey::parse(&with_point(key, point)),
                Err(BadSealKey::SmallOrder),
                "{point:?}"
            );
        }
        for point in [
            little(0xed, 0xff, 0x7f),
            little(0xff, 0xff, 0x7f),
            little(9, 0, 0x80),
            [0xff; 32],
        ] {
            assert_eq!(
                SealPublicKey::parse(&with_point(key, point)),
                Err(BadSealKey::NotCanonical),
                "{point:?}"
            );
        }
        assert_eq!(SealPublicKey::of(suite, &key[1..]).unwrap().as_bytes(), &key[..]);
    }
    let mut not_reduced = x_wing.clone();
    not_reduced[1..4].fill(0xff);
    assert_eq!(SealPublicKey::parse(&not_reduced), Err(BadSealKey::NotCanonical));
    for none in [&[][..], &[0], &[3; 33]] {
        assert_eq!(SealPublicKey::parse(none), Err(BadSealKey::Suite));
        assert!(SealSecretKey::from_bytes(none).is_none());
    }
}

/// The bounds in `limits` are those of the suites.
#[test]
fn bounds_are_the_suites() {
    let overhead = SealSuite::ALL.map(SealSuite::overhead).into_iter().max();
    assert_eq!(overhead, Some(SEALED_OVERHEAD_MAX));
    let key = SealSuite::ALL
        .map(|suite| 1 + suite.public_key_bytes())
        .into_iter()
        .max();
    assert_eq!(key, Some(SEAL_KEY_BYTES_MAX));
    assert_eq!(WRAP_BYTES_MAX, SEALED_OVERHEAD_MAX + 32 + SEAL_SECRET_BYTES);
    assert_eq!(
        SEALED_BODY_CLASSES.last().map(|class| class + SEALED_TAG_BYTES),
        Some(BODY_BYTES_MAX)
    );
}

/// Nothing that opens anything is shown.
#[test]
fn debug_shows_no_secret_and_no_text() {
    let own = secret(SealSuite::X25519, 0xab);
    let sealed = seal_body(&ORIGIN, &id(1), b"abab").unwrap();
    let wrap = OpenedWrap {
        key: key(0xab),
        reply: Some(secret(SealSuite::XWing, 0xab)),
    };
    let opened = OpenedPart {
        salt: [0xab; 32],
        text: vec![0xab; 3],
    };
    assert_eq!(format!("{own:x?}"), "SealSecretKey(..)");
    assert_eq!(format!("{:x?}", sealed.key), "BodyKey(..)");
    assert_eq!(
        format!("{wrap:x?}"),
        "OpenedWrap { key: BodyKey(..), reply: Some(SealSecretKey(..)) }"
    );
    assert_eq!(format!("{opened:x?}"), "OpenedPart(3 bytes)");
}

/// An implementation of another hand in this very tree (rustls over aws-lc) opens what is sealed here, and the other way round.
#[test]
fn another_implementation_opens_it_too() {
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as OTHER;
    use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};
    let own = secret(SealSuite::X25519, 1);
    let sealed = hpke::seal(own.public_key(), b"info", b"aad", b"text").unwrap();
    let enc = EncapsulatedSecret(sealed[1..33].to_vec());
    let private = HpkePrivateKey::from(own.secret().to_vec());
    assert_eq!(
        OTHER
            .open(&enc, b"info", b"aad", &sealed[33..], &private)
            .unwrap(),
        b"text"
    );
    let public = HpkePublicKey(own.public_key().key().to_vec());
    let (enc, ct) = OTHER.seal(b"info", b"aad", b"text", &public).unwrap();
    let sealed = [&[1], &enc.0[..], &ct].concat();
    assert_eq!(*hpke::open(&own, b"info", b"aad", &sealed).unwrap(), b"text");
}

fn suites() -> impl Strategy<Value = SealSuite> {
    prop_oneof![Just(SealSuite::X25519), Just(SealSuite::XWing)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is sealed opens to itself, twice is never sealed to the same bytes, and any other commitment is refused.
    #[test]
    fn what_is_sealed_opens(text in proptest::collection::vec(any::<u8>(), 0..5000), suite in suites(), other in any::<[u8; 32]>()) {
        let own = SealSecretKey::generate(suite).unwrap();
        let sealed = seal_body(&ORIGIN, &id(1), &text).unwrap();
        let wrap = wrap_key(own.public_key(), &warning(), &AGENCY, &sealed.key, None).unwrap();
        let key = open_wrap(&own, &warning(), &AGENCY, &wrap).unwrap().key;
        let open = |commitment| open_body(&ORIGIN, &id(1), &key, commitment, &sealed.content);
        prop_assert_eq!(&open(&sealed.commitment).unwrap().text, &text);
        prop_assert_eq!(open(&other), Err(OpenError::Commitment));
        prop_assert!(seal_body(&ORIGIN, &id(1), &text).unwrap().content != sealed.content);
        prop_assert!(wrap_key(own.public_key(), &warning(), &AGENCY, &sealed.key, None).unwrap() != wrap);

        let sealed = seal_text(own.public_key(), place(&id(2), &warning()), &text).unwrap();
        let opened = open_text(&own, place(&id(2), &warning()), &sealed.commitment, &sealed.content);
        prop_assert_eq!(&opened.unwrap().text, &text);
    }

}

proptest! {
    /// A plaintext, as a dishonest sender may encrypt any, is taken only if it is the one that an honest one would have made.
    #[test]
    fn one_text_has_one_padding(
        length in prop_oneof![8 => 0u32..1100, 1 => any::<u32>()],
        text in proptest::collection::vec(0u8..2, 0..1000),
        class in 0usize..2,
    ) {
        let salt = [5; 32];
        let mut made = [&salt[..], &length.to_be_bytes(), &text].concat();
        made.resize(SEALED_BODY_CLASSES[class], 0);
        let claimed = usize::try_from(length).unwrap().min(made.len() - SEALED_HEAD_BYTES);
        let claimed = made[SEALED_HEAD_BYTES..SEALED_HEAD_BYTES + claimed].to_vec();
        let outcome = padded::unpad(&made, &SEALED_BODY_CLASSES, &plaintext_commitment(&salt, &claimed));
        let honest = padded::pad(&salt, &claimed, &SEALED_BODY_CLASSES, 0).unwrap();
        prop_assert_eq!(outcome.is_ok(), *honest == made, "{:?}", outcome);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Bytes of anybody's never panic and never open.
    #[test]
    fn strange_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..1300), suite in suites()) {
        let own = secret(suite, 1);
        let mut led = bytes.clone();
        led.insert(0, suite.byte());
        for bytes in [&bytes, &led] {
            prop_assert!(open_wrap(&own, &warning(), &AGENCY, bytes).is_err());
            prop_assert!(open_body(&ORIGIN, &id(1), &key(1), &[0; 32], bytes).is_err());
            prop_assert!(open_text(&own, place(&id(2), &warning()), &[0; 32], bytes).is_err());
            prop_assert!(SealPublicKey::parse(bytes).is_err() || suite.public_key_bytes() == bytes.len() - 1);
        }
    }
}
