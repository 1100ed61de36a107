//! Whatever stands in a relay's configuration, it is read or refused with a place; what is effective can be explained.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardline::server::RelaySettings;
use wardline_fuzz::in_memory;

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| in_memory("config"));

fuzz_target!(|data: &[u8]| {
    let path = DIRECTORY.join("relay.toml");
    std::fs::write(&path, data).expect("a file");
    match RelaySettings::load_apart(&path, &[]) {
        Ok(settings) => {
            let _ = settings.explain();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
