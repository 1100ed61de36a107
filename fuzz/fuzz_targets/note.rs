//! Whatever a peer sends as a note, a proof, a question to a witness, its answer or a verifier key is answered with a value or a refusal;
//! what is read is written back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::transparency::{AddCheckpoint, Checkpoint, LogVerifier, Policy, TlogProof, WitnessVerifier};

const LOG: &str = "relay.test.invalid/2026+bbcf5a43+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
const WITNESS: &str = "witness.test.invalid/w1+06fd7995+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
const NOTE: &str = "relay.test.invalid/2026\n5\nq1uiQNXF9m1XxD/D6UjYe+ylGdTaiwKLbFgv2nu/mbQ=\n\n\
    \u{2014} relay.test.invalid/2026 u89aQ5z4iqUesD4E2zgpy/701rZKlOM8PYkWvKV5rElrrYuVlM3DP6wPJ2l9tKYKPFCAFhiokP9t0FF50gZ/njAvwQQ=\n";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let policy = format!("log {LOG}\nwitness w {WITNESS}\nquorum w\n");
    let Ok(policy) = Policy::parse_text(&policy) else {
        return;
    };
    if let Ok(proof) = TlogProof::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(request.to_string(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse_text(text) {
        assert_eq!(checkpoint.to_text(), text);
    }
    if let Ok(log) = LogVerifier::parse(text) {
        assert_eq!(log.vkey(), text);
    }
    if let Ok(witness) = WitnessVerifier::parse(text) {
        assert_eq!(witness.vkey(), text);
    }
    drop(policy.open(text));
    if let Ok(merged) = policy.open(NOTE).and_then(|opened| opened.merged(text)) {
        assert_eq!(policy.open(merged.note()), Ok(merged));
    }
});
