//! Whatever bytes a log holds, the record parser answers; what it reads, it writes and reads again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::wire;

fuzz_target!(|data: &[u8]| {
    if let Ok(record) = wire::record(data) {
        assert_eq!(wire::record(&wire::encode_record(&record)), Ok(record));
    }
});
