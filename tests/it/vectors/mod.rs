//! `tests/vectors`: worked values of every construction that docs/formats.md describes, for whoever writes another
//! verifier. They are made here from fixed seeds, held byte for byte, and recomputed by the second verifier
//! (docs/verifier) where Python has the package that it needs.

mod policies;
mod primitives;

use std::path::PathBuf;

use serde_json::Value;

/// Where the vectors are.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// Compares what was computed with what is kept. With `WARDLINE_WRITE_GOLDEN=1` a file that is missing is written; one
/// that is there never is.
fn hold(name: &str, computed: &Value) {
    let file = directory().join(name);
    let text = format!("{}\n", serde_json::to_string_pretty(computed).unwrap());
    if !file.exists() && std::env::var_os("WARDLINE_WRITE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(
        kept == text,
        "{} is not what this version computes: a format has changed",
        file.display()
    );
}
