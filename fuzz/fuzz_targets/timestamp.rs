//! Whatever an authority answers or a bundle brings for a token, it is read or refused; and so is a certificate that a peer shows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rustls_pki_types::CertificateDer;
use wardline::audit::timestamp::{SignedToken, StoredTimestamp, TimestampRequest, TsaRoots};
use wardline::tls::certificate_keyid;

/// The text of the golden tokens, which are the corpus to begin with.
const NOTE: &str = include_str!("../../tests/golden/tsa/note.txt");
const ROOTS: &str = include_str!("../../tests/golden/tsa/ec-root.pem");

fuzz_target!(|data: &[u8]| {
    if let Ok(token) = SignedToken::read(data, NOTE) {
        // It is signed by a certificate of its own making, or a golden one.
        let _ = token.anchored(&TsaRoots::from_pem(ROOTS.as_bytes()).expect("a golden root"));
    }
    if let Ok(request) = TimestampRequest::new(NOTE) {
        let _ = request.read_answer(data);
    }
    drop((TsaRoots::from_pem(data), StoredTimestamp::parse(data)));
    let _ = certificate_keyid(&CertificateDer::from(data));
});
