//! Bytes from nobody's friend: no token, answer or root file panics, and a real token of which anything was changed does
//! not verify.

use proptest::prelude::*;

use super::super::*;
use super::forge::tlv;
use super::golden::{ALL, NOTE};
use super::verify_token;

/// Every bit of every byte of each golden token, flipped: none verifies. (They hold no certificate that is not needed, no
/// unsigned attribute and no revocation list, which are what may differ in a token and are not read.)
#[test]
fn a_token_with_one_bit_changed_does_not_verify() {
    for golden in ALL {
        let roots = golden.roots();
        let mut token = golden.token.to_vec();
        for at in 0..token.len() {
            for bit in 0..8 {
                token[at] ^= 1 << bit;
                let verdict = verify_token(&token, NOTE, &roots);
                assert!(
                    verdict.is_err(),
                    "{}: bit {bit} of byte {at}: {verdict:?}",
                    golden.name
                );
                token[at] ^= 1 << bit;
            }
        }
    }
}

/// A token that is cut or has something behind it is refused at every length.
#[test]
fn a_token_that_is_cut_or_longer_does_not_verify() {
    for golden in ALL {
        let roots = golden.roots();
        for length in 0..golden.token.len() {
            assert!(verify_token(&golden.token[..length], NOTE, &roots).is_err());
        }
        for more in [&[0x00][..], &[0x05, 0x00], golden.token] {
            let longer = [golden.token, more].concat();
            let refused = verify_token(&longer, NOTE, &roots);
            assert_eq!(refused, Err(InvalidToken::Malformed("signed data")));
        }
    }
}

/// Depth and size are bounded: nesting a thousandfold, a set of a million empty elements and a token beyond the bound are
/// refused at once.
#[test]
fn depth_and_size_are_bounded() {
    let roots = ALL[0].roots();
    for tag in [0x30, 0x31, 0xa0] {
        let mut deep = vec![5, 0];
        for _ in 0..5_000 {
            deep = tlv(tag, &deep);
        }
        assert!(verify_token(&deep, NOTE, &roots).is_err());
    }
    let long = vec![0x30; crate::limits::TSA_TOKEN_BYTES_MAX + 1];
    assert_eq!(verify_token(&long, NOTE, &roots), Err(InvalidToken::TooLong));
    let many = [5, 0].repeat(30_000);
    let set = asn1_of(&tlv(0x31, &many));
    assert_eq!(set, Err(InvalidToken::Malformed("many")));
}

fn asn1_of(bytes: &[u8]) -> Result<usize, InvalidToken> {
    use der::Decode as _;
    asn1::SetBytes::from_der(bytes)
        .unwrap()
        .all(16, "many")
        .map(|all| all.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A golden token in which bytes were changed, cut out, doubled or put in does not verify, in either form.
    #[test]
    fn mutated_tokens_do_not_verify(
        which in 0..ALL.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        let golden = &ALL[which];
        let mut token = golden.token.to_vec();
        for (at, byte, edit) in edits {
            let at = at.index(token.len());
            match edit {
                0 => token[at] = byte,
                1 => drop(token.remove(at)),
                2 => token.insert(at, byte),
                _ => token.insert(at, token[at]),
            }
            if token.is_empty() {
                break;
            }
        }
        if token != golden.token {
            prop_assert!(verify_token(&token, NOTE, &golden.roots()).is_err());
            let request = TimestampRequest::new(NOTE).unwrap();
            let answer = super::forge::answer(0, None, None, Some(&token));
            prop_assert!(request.read_answer(&answer).is_err());
        }
    }

    /// Random bytes, bare or in the right frame, are refused by every reader.
    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), tag in any::<u8>()) {
        let roots = ALL[0].roots();
        let framed = tlv(0x30, &[&tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2])[..], &tlv(tag, &bytes)].concat());
        for bytes in [&bytes, &framed] {
            prop_assert!(verify_token(bytes, NOTE, &roots).is_err());
            prop_assert!(TimestampRequest::new(NOTE).unwrap().read_answer(bytes).is_err());
            prop_assert!(TsaRoots::from_pem(bytes).is_err());
            prop_assert!(StoredTimestamp::parse(bytes).is_err());
        }
    }
}
