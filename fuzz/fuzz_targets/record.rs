//! Whatever bytes a log holds, the record parser answers, and so do those of what is derived from records; what is read is written
//! and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::ledger::{Hourly, IdFact, ThreadFact, ThreadKey, WarningFact};
use wardline::wire;

fuzz_target!(|data: &[u8]| {
    if let Ok(record) = wire::record(data) {
        assert_eq!(wire::record(&wire::encode_record(&record)), Ok(record));
    }
    macro_rules! there_and_back {
        ($($fact:ty),*) => {$(
            if let Ok(fact) = <$fact>::from_bytes(data) {
                assert_eq!(<$fact>::from_bytes(&fact.to_bytes()), Ok(fact));
            }
        )*};
    }
    there_and_back!(Hourly, IdFact, ThreadFact, ThreadKey, WarningFact);
});
