//! Whatever a policy file or a tile's path holds, its parser answers; what it reads, it writes and reads again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::transparency::{Policy, TilePath};

fuzz_target!(|data: &[u8]| {
    if let Ok(policy) = Policy::parse(data) {
        assert_eq!(Policy::parse(&policy.to_bytes()), Ok(policy));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(tile) = TilePath::parse(text) {
        assert_eq!(tile.to_string(), text);
        drop(tile.stored_indexes());
    }
});
