//! A table of tokens that are wrong in one way each, signed by an authority that can sign anything, and each refused for
//! its own reason; beside it, all the ways in which a token may be right.

use super::super::*;
use super::forge::{Bound, Forged, NOTE, Plan, Scheme, Usage, answer, forge};
use super::verify_token;

fn check(forged: &Forged) -> Result<Timestamped, InvalidToken> {
    let roots = TsaRoots::from_pem(forged.root_pem.as_bytes()).unwrap();
    verify_token(&forged.token, NOTE, &roots)
}

/// Every kind of signature, of naming the signer and of binding its certificate that is taken verifies, and the token's
/// words come out.
#[test]
fn right_tokens_verify() {
    let plain = Plan::default();
    let of = |scheme| Plan {
        scheme,
        ..Plan::default()
    };
    let bound = |bound| Plan {
        bound,
        ..Plan::default()
    };
    let table = [
        plain.clone(),
        of(Scheme::P384),
        of(Scheme::Ed25519),
        of(Scheme::RsaSha256),
        of(Scheme::RsaSha384),
        of(Scheme::RsaSha512),
        of(Scheme::RsaPlain),
        of(Scheme::RsaPss),
        bound(Bound::V2Named384),
        bound(Bound::V1),
        bound(Bound::Both),
        Plan {
            by_key_id: true,
            ..plain.clone()
        },
        Plan {
            nonce: None,
            ..plain.clone()
        },
        Plan {
            critical_extension: Some(false),
            ..plain.clone()
        },
        Plan {
            through: Some((Usage::Missing, true)),
            ..plain.clone()
        },
        Plan {
            through: Some((Usage::AndServerAuth, true)),
            ..plain.clone()
        },
        Plan {
            certificates_reversed: true,
            ..plain.clone()
        },
    ];
    for plan in table {
        let told = check(&forge(&plan)).unwrap_or_else(|error| panic!("{error}: {plan:?}"));
        let expected = Timestamped {
            time: Timestamp::parse_rfc3339("2026-04-01T12:00:00Z").unwrap(),
            accuracy_ms: Some(2_000),
            authority: "CN=authority".to_owned(),
            serial: "00fedc".to_owned(),
            policy: "1.3.6.1.4.1.99999.3.2".to_owned(),
            root: Some("CN=root".to_owned()),
        };
        assert_eq!(told, expected, "{plan:?}");
        assert_eq!(told.latest().ms_since(told.time), 2_000);
    }
}

/// Whatever is wrong in a token, although its authority signed it, is told for what it is.
#[test]
fn each_wrong_token_is_refused_for_its_own_reason() {
    let plain = Plan::default();
    let then = |text| Timestamp::parse_rfc3339(text).unwrap();
    let usage = |usage| Plan {
        usage,
        ..Plan::default()
    };
    let bound = |bound| Plan {
        bound,
        ..Plan::default()
    };
    let table = [
        (
            Plan {
                note: "other\n",
                ..plain.clone()
            },
            InvalidToken::OtherImprint,
        ),
        (
            Plan {
                imprint_sha1: true,
                ..plain.clone()
            },
            InvalidToken::OtherImprint,
        ),
        (usage(Usage::Missing), InvalidToken::NotForTimestamps),
        (usage(Usage::ServerAuth), InvalidToken::NotForTimestamps),
        (usage(Usage::AndServerAuth), InvalidToken::NotForTimestamps),
        (usage(Usage::NotCritical), InvalidToken::UsageNotCritical),
        (
            Plan {
                may_sign: false,
                ..plain.clone()
            },
            InvalidToken::NotForSignatures,
        ),
        (
            Plan {
                is_issuer: true,
                ..plain.clone()
            },
            InvalidToken::Chain("the signer is itself an issuer"),
        ),
        (
            Plan {
                through: Some((Usage::ServerAuth, true)),
                ..plain.clone()
            },
            InvalidToken::Chain("an issuer is not for timestamps"),
        ),
        (
            Plan {
                through: Some((Usage::Missing, false)),
                ..plain.clone()
            },
            InvalidToken::UnknownAuthority,
        ),
        (
            Plan {
                last_year: 2026,
                ..plain.clone()
            },
            InvalidToken::NotValidThen(then("2026-04-01T12:00:00Z")),
        ),
        (
            Plan {
                time: "20241231235959Z",
                ..plain.clone()
            },
            InvalidToken::NotValidThen(then("2024-12-31T23:59:59Z")),
        ),
        (
            Plan {
                time: "19691231235959Z",
                ..plain.clone()
            },
            InvalidToken::NotValidThen(then("1969-12-31T23:59:59Z")),
        ),
        (
            Plan {
                root_last_year: 2026,
                ..plain.clone()
            },
            InvalidToken::NotValidThen(then("2026-04-01T12:00:00Z")),
        ),
        (
            Plan {
                other_digest: true,
                ..plain.clone()
            },
            InvalidToken::MessageDigest,
        ),
        (
            Plan {
                attribute_twice: true,
                ..plain.clone()
            },
            InvalidToken::Attribute("message-digest"),
        ),
        (
            Plan {
                content_type: &[1, 2, 840, 113549, 1, 7, 1],
                ..plain.clone()
            },
            InvalidToken::ContentType,
        ),
        (
            Plan {
                outer_type: &[1, 2, 840, 113549, 1, 7, 1],
                ..plain.clone()
            },
            InvalidToken::NotATimestamp,
        ),
        (
            Plan {
                other_signature: true,
                ..plain.clone()
            },
            InvalidToken::Signature,
        ),
        (
            Plan {
                signers: 0,
                ..plain.clone()
            },
            InvalidToken::Signers,
        ),
        (
            Plan {
                signers: 2,
                ..plain.clone()
            },
            InvalidToken::Signers,
        ),
        (
            bound(Bound::Missing),
            InvalidToken::Attribute("signing-certificate"),
        ),
        (bound(Bound::Other), InvalidToken::SigningCertificate),
        (bound(Bound::OtherV1), InvalidToken::SigningCertificate),
        (bound(Bound::BothButOther), InvalidToken::SigningCertificate),
        (
            Plan {
                certificate_left_out: true,
                ..plain.clone()
            },
            InvalidToken::CertificateMissing,
        ),
        (
            Plan {
                scheme: Scheme::RsaSha1,
                ..plain.clone()
            },
            InvalidToken::Algorithm,
        ),
        (
            Plan {
                critical_extension: Some(true),
                ..plain.clone()
            },
            InvalidToken::CriticalExtension,
        ),
        (
            Plan {
                info_version: 2,
                ..plain.clone()
            },
            InvalidToken::Malformed("TSTInfo"),
        ),
        (
            Plan {
                time: "20260401120000",
                ..plain.clone()
            },
            InvalidToken::Malformed("time"),
        ),
    ];
    for (plan, reason) in table {
        assert_eq!(check(&forge(&plan)), Err(reason), "{plan:?}");
    }
}

/// A token leads to none of the roots if there are none, if they are others (even of the same name), or if its own
/// certificate is taken for a root; what it says can be read all the same, without a root.
#[test]
fn an_authority_is_known_by_the_verifiers_roots_only() {
    let (forged, other) = (forge(&Plan::default()), forge(&Plan::default()));
    let none = TsaRoots::default();
    assert!(none.is_empty());
    assert_eq!(
        verify_token(&forged.token, NOTE, &none),
        Err(InvalidToken::UnknownAuthority)
    );
    let others = TsaRoots::from_pem(other.root_pem.as_bytes()).unwrap();
    assert_eq!(
        verify_token(&forged.token, NOTE, &others),
        Err(InvalidToken::UnknownAuthority)
    );
    let both = format!("{}{}", other.root_pem, forged.root_pem);
    let both = TsaRoots::from_pem(both.as_bytes()).unwrap();
    assert!(verify_token(&forged.token, NOTE, &both).is_ok());
    let says = SignedToken::read(&forged.token, NOTE).unwrap();
    assert_eq!(
        (says.says().root.as_ref(), says.says().authority.as_str()),
        (None, "CN=authority")
    );
}

/// Roots come from files of the verifier: a directory's `*.pem`, none where there is no directory, and what is not PEM is
/// a fault that names the file.
#[test]
fn roots_are_read_from_files() {
    let (first, second) = (forge(&Plan::default()), forge(&Plan::default()));
    let directory = tempfile::tempdir().unwrap();
    let tsa = directory.path().join("tsa");
    assert!(TsaRoots::read(&tsa).unwrap().is_empty());
    std::fs::create_dir(&tsa).unwrap();
    std::fs::write(tsa.join("a.pem"), &first.root_pem).unwrap();
    std::fs::write(tsa.join("b.pem"), &second.root_pem).unwrap();
    std::fs::write(tsa.join("README"), "not read").unwrap();
    let roots = TsaRoots::read(&tsa).unwrap();
    assert!(verify_token(&first.token, NOTE, &roots).is_ok());
    assert!(verify_token(&second.token, NOTE, &roots).is_ok());
    let half = first.root_pem.replace("-----END CERTIFICATE-----", "");
    let not_one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for wrong in ["", "nothing", &half, not_one] {
        std::fs::write(tsa.join("b.pem"), wrong).unwrap();
        let fault = TsaRoots::read(&tsa).unwrap_err().to_string();
        assert!(fault.contains("b.pem"), "{fault}");
    }
    assert!(TsaRoots::read_files([tsa.join("missing.pem")]).is_err());
}

/// An answer is taken if it grants a token over the request's text with the request's nonce; else it is told what it is;
/// a table.
#[test]
fn an_answer_must_be_to_the_request() {
    let request = TimestampRequest::with_nonce(NOTE, [0x41; 8]);
    let token = forge(&Plan::default()).token;
    let granted = |token: &[u8]| answer(0, None, None, Some(token));
    let read = |bytes: &[u8]| request.read_answer(bytes).map(|token| token.bytes().to_vec());
    assert_eq!(read(&granted(&token)), Ok(token.clone()));
    assert_eq!(
        read(&answer(1, Some("changed"), None, Some(&token))),
        Ok(token.clone())
    );

    let other_nonce = forge(&Plan {
        nonce: Some([0x42; 8]),
        ..Plan::default()
    })
    .token;
    let no_nonce = forge(&Plan {
        nonce: None,
        ..Plan::default()
    })
    .token;
    let other_note = forge(&Plan {
        note: "other\n",
        ..Plan::default()
    })
    .token;
    let refused = |words: &str| Err(InvalidAnswer::Refused(words.to_owned()));
    let table = [
        (granted(&other_nonce), Err(InvalidToken::OtherNonce.into())),
        (granted(&no_nonce), Err(InvalidToken::OtherNonce.into())),
        (granted(&other_note), Err(InvalidToken::OtherImprint.into())),
        (answer(0, None, None, None), Err(InvalidAnswer::NoToken)),
        (answer(2, None, None, None), refused("rejection")),
        (
            answer(
                2,
                Some("busy\u{1b}[2J"),
                Some(&[6, 0xa0, 0, 0, 0x40]),
                Some(&token),
            ),
            refused(
                "rejection, an algorithm that it does not take, a request that it does not permit or support, a failure of its system, \"busy\u{fffd}[2J\"",
            ),
        ),
        (answer(9, None, None, None), refused("an unknown status")),
        (token.clone(), Err(InvalidAnswer::Malformed)),
        (Vec::new(), Err(InvalidAnswer::Malformed)),
        (
            vec![0; crate::limits::TSA_ANSWER_BYTES_MAX + 1],
            Err(InvalidAnswer::TooLong),
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(read(&bytes), expected);
    }
}

/// Two requests over one text differ, and a nonce is a positive integer of eight bytes whatever the random bytes are.
#[test]
fn a_request_has_a_fresh_nonce() {
    let one = TimestampRequest::new(NOTE).unwrap().to_der();
    let two = TimestampRequest::new(NOTE).unwrap().to_der();
    assert_ne!(one, two);
    for nonce in [[0; 8], [0xff; 8]] {
        let bytes = TimestampRequest::with_nonce(NOTE, nonce).to_der();
        assert_eq!(bytes.len(), one.len());
        // INTEGER of 8 bytes, not negative, before certReq TRUE.
        let [.., 0x02, 0x08, first, _, _, _, _, _, _, _, 0x01, 0x01, 0xff] = bytes[..] else {
            panic!("{bytes:02x?}")
        };
        assert!((0x40..0x80).contains(&first));
    }
}

/// What a profile keeps is read back, under a name that says size, root and token; anything else is refused; a table.
#[test]
fn a_stored_timestamp_is_read_back() {
    let stored = StoredTimestamp {
        checkpoint: "a\n1\nb\n\n\u{2014} a c\n".to_owned(),
        token: vec![0x30, 0x00, 0xff],
    };
    let json = stored.to_json();
    assert_eq!(StoredTimestamp::parse(json.as_bytes()), Ok(stored));
    let root = crate::domain::Hash([0xab; 32]);
    // SHA-256 of nothing.
    let name = StoredTimestamp::file_name(4711, &root, b"");
    assert_eq!(name, "4711-abababababababab-e3b0c44298fc1c14.json");
    assert_ne!(name, StoredTimestamp::file_name(4711, &root, b"another token"));
    for wrong in [
        "",
        "{}",
        r#"{"checkpoint":"x"}"#,
        r#"{"checkpoint":"x","token":"!"}"#,
        r#"{"checkpoint":"x","token":"","more":1}"#,
        r#"{"checkpoint":"x","checkpoint":"y","token":""}"#,
    ] {
        assert!(StoredTimestamp::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
