//! Whatever a draft holds, all that is wrong with it is told, each fault with a place that is in it; or it is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::client::Draft;
use wardline::time::Timestamp;
use wardline::wire;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Draft::parse_located(text) {
        Ok((draft, positions)) => {
            assert_eq!(Draft::parse(text).as_ref(), Ok(&draft));
            let sent = Timestamp::from_unix_ms(1_709_823_600_000);
            for refused in draft.refusals(sent) {
                let _ = (refused.to_string(), positions.of("handling.tlp"));
            }
            let _ = (draft.notes(), wire::body(&wire::encode_body(&draft.body)));
        }
        Err(faults) => assert!(!faults.to_string().is_empty()),
    }
});
