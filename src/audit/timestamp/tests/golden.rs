//! Tokens that `openssl ts` made (tests/golden/tsa/make.sh): what another hand writes, we read.

use super::super::*;
use super::verify_token;

pub(super) const NOTE: &str = include_str!("../../../../tests/golden/tsa/note.txt");

pub(super) struct Golden {
    pub(super) name: &'static str,
    pub(super) token: &'static [u8],
    pub(super) answer: &'static [u8],
    pub(super) root: &'static str,
}

macro_rules! golden {
    ($name:literal) => {
        Golden {
            name: $name,
            token: include_bytes!(concat!("../../../../tests/golden/tsa/", $name, ".token")),
            answer: include_bytes!(concat!("../../../../tests/golden/tsa/", $name, ".tsr")),
            root: include_str!(concat!("../../../../tests/golden/tsa/", $name, "-root.pem")),
        }
    };
}

pub(super) const ALL: [Golden; 3] = [golden!("rsa"), golden!("ec"), golden!("old")];

impl Golden {
    pub(super) fn roots(&self) -> TsaRoots {
        TsaRoots::from_pem(self.root.as_bytes()).unwrap()
    }
}

/// Each golden token verifies under its own root, says what openssl says of it (tokens.txt), and verifies under no other's.
#[test]
fn golden_tokens_verify() {
    let table = [
        (
            "rsa",
            "2026-11-22T05:56:56.000Z",
            None,
            "C=XX, O=Golden, CN=RSA authority",
        ),
        (
            "ec",
            "2026-11-22T05:56:56.602Z",
            Some(1_502),
            "C=XX, O=Golden, CN=EC authority",
        ),
        (
            "old",
            "2026-11-22T05:56:57.000Z",
            None,
            "C=XX, O=Golden, CN=Old authority",
        ),
    ];
    for (golden, (name, time, accuracy_ms, authority)) in ALL.iter().zip(table) {
        assert_eq!(golden.name, name);
        let told =
            verify_token(golden.token, NOTE, &golden.roots()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let expected = Timestamped {
            time: Timestamp::parse_rfc3339(time).unwrap(),
            accuracy_ms,
            authority: authority.to_owned(),
            serial: "02".to_owned(),
            policy: "1.3.6.1.4.1.99999.3.1".to_owned(),
            root: Some(format!("C=XX, O=Golden, CN={name} root")),
        };
        assert_eq!(told, expected, "{name}");
        for other in ALL.iter().filter(|other| other.name != name) {
            let refused = verify_token(golden.token, NOTE, &other.roots());
            assert_eq!(
                refused,
                Err(InvalidToken::UnknownAuthority),
                "{name} under {}",
                other.name
            );
        }
        assert_eq!(
            verify_token(golden.token, "another text\n", &golden.roots()),
            Err(InvalidToken::OtherImprint)
        );
    }
}

/// An authority's whole answer is read; it is taken if the nonce is that of the request.
#[test]
fn golden_answers_are_read() {
    let request = TimestampRequest::new(NOTE).unwrap();
    for golden in ALL {
        let refused = request.read_answer(golden.answer).unwrap_err();
        assert_eq!(refused, InvalidToken::OtherNonce.into(), "{}", golden.name);
    }
    // As tokens.txt says.
    let nonce = 0x7C2F_23A1_7708_AD2E_u64;
    let ec = &ALL[1];
    let token = TimestampRequest::with_nonce(NOTE, nonce.to_be_bytes())
        .read_answer(ec.answer)
        .unwrap();
    assert_eq!(token.bytes(), ec.token);
}
