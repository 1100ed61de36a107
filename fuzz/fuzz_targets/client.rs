//! Whatever a file holds that a client was handed or keeps, it is read or refused with a sentence; what is read is written and read
//! again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::client::{Settings, Welcome};
use wardline::seal::{envelope_from_json, envelope_to_json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(envelope) = envelope_from_json(text) {
        assert_eq!(
            envelope_from_json(&envelope_to_json(&envelope)).as_ref(),
            Ok(&envelope)
        );
        let _ = envelope.digest();
    }
    if let Ok(welcome) = Welcome::parse(text) {
        assert_eq!(Welcome::parse(&welcome.to_json()).as_ref(), Ok(&welcome));
    }
    let _ = Settings::parse(text).map(|settings| format!("{settings:?}"));
});
