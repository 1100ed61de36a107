//! Whatever a text is, it is a name, an address, a time, a URL of the kind that it is read as, or it is refused; what is read is
//! written as it was, or reads again as the same.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use wardline::client::draft::When;
use wardline::domain::{
    Address, AgencyId, DeskAddress, Digest, KeyId, KeyRole, Language, Origin, PayloadId, Principal, StateId,
};
use wardline::fetch::Url;
use wardline::seal::{Fingerprint, PayloadKind, PublicKey};
use wardline::time::Timestamp;
use wardline::transparency::WitnessName;

/// It has one form: what is read is written byte for byte.
fn exact<T: FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text);
    }
}

/// It may have several forms, and is written in one of them.
fn same<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T>
where
    T::Err: Debug,
{
    let read = text.parse::<T>().ok()?;
    assert_eq!(
        read.to_string().parse::<T>().as_ref().ok(),
        Some(&read),
        "{text:?}"
    );
    Some(read)
}

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = PublicKey::parse(data) {
        assert_eq!(key.as_bytes(), data);
        let print = Fingerprint::of(&key.keyid());
        assert!(print.is_said_by(&print.to_string()));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    exact::<Origin>(text);
    exact::<Address>(text);
    exact::<DeskAddress>(text);
    exact::<AgencyId>(text);
    exact::<StateId>(text);
    exact::<Principal>(text);
    exact::<WitnessName>(text);
    exact::<KeyRole>(text);
    exact::<PayloadKind>(text);
    exact::<Digest>(text);
    exact::<KeyId>(text);
    let _ = same::<Language>(text);
    // Which people type: in capitals, or without hyphens.
    let _ = same::<PayloadId>(text);
    let _ = text.parse::<When>();
    if let Ok(time) = Timestamp::parse_rfc3339(text)
        && let Some(written) = time.to_rfc3339()
    {
        assert_eq!(
            Timestamp::parse_rfc3339(&written),
            Ok(time),
            "{text:?} {written:?}"
        );
    }
    if let Some(url) = same::<Url>(text) {
        let written = url.to_string();
        assert!(!written.contains(['#', '?', '@']));
        if let Ok(below) = url.below("add-checkpoint") {
            let expected = format!("{}/add-checkpoint", written.trim_end_matches('/'));
            assert_eq!(below.to_string(), expected);
        }
    }
    // What a peer says is put under a URL that was given.
    let given: Url = "https://witness.example.invalid/prefix".parse().expect("a URL");
    if let Ok(below) = given.below(text) {
        // Whatever it is: of the same host.
        assert!(
            below
                .to_string()
                .starts_with("https://witness.example.invalid/prefix/"),
            "{below}"
        );
    }
});
