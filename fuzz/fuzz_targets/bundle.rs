//! Whatever a file holds, reading it as an evidence bundle answers, and so does checking it under the policy and the roots of the
//! vectors; what is read is written and read again as the same, and of what holds, all that people are shown can be made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::audit::{Bundle, bundle};
use wardline_fuzz::story;

fuzz_target!(|data: &[u8]| {
    let _ = bundle::format_of(data);
    if let Ok(bundle) = Bundle::parse(data) {
        assert_eq!(Bundle::parse(bundle.to_json().as_bytes()).as_ref(), Ok(&bundle));
        story::check_and_tell(&bundle);
    }
});
