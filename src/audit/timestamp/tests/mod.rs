//! Tokens that hold, tokens that do not and why, and bytes that are no tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

mod forge;
mod golden;
mod hostile;
mod wrong;

use super::{InvalidToken, SignedToken, Timestamped, TsaRoots};

/// The whole check of a token: what its reader and its roots' do one after the other.
fn verify_token(token: &[u8], note_text: &str, roots: &TsaRoots) -> Result<Timestamped, InvalidToken> {
    SignedToken::read(token, note_text)?.anchored(roots)
}

/// A token over a text, and the root that it leads to, in PEM: for the tests of bundles.
pub(in crate::audit) fn token_over(note_text: &str) -> (Vec<u8>, String) {
    let plan = forge::Plan {
        // A few hundred bytes of a test.
        note: Box::leak(note_text.to_owned().into_boxed_str()),
        ..forge::Plan::default()
    };
    let forge::Forged { token, root_pem } = forge::forge(&plan);
    (token, root_pem)
}
