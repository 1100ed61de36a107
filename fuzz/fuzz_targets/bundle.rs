//! Whatever a file holds, reading it as an evidence bundle answers, and so does checking it under a policy that knows no log
//! of it; what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::audit::{Bundle, Trusted, check};
use wardline::transparency::Policy;

fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = Bundle::parse(data) {
        assert_eq!(Bundle::parse(bundle.to_json().as_bytes()).as_ref(), Ok(&bundle));
        let policy = Policy::parse(b"quorum none\n").expect("a policy");
        let _ = check(&bundle, &Trusted::new(policy, None));
    }
});
