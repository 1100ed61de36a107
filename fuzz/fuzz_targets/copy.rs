//! Whatever bytes are handed over as a copy of a log, its reader answers with records or an error, and ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::audit::copy::Copy;

fuzz_target!(|data: &[u8]| {
    if let Ok(copy) = Copy::read_from(data) {
        drop(copy.leaves().take_while(Result::is_ok).count());
    }
});
