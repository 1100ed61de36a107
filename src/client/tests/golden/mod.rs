//! Golden bytes of everything that a profile keeps: `tests/golden/client/` is a profile as it is written from fixed keys and
//! values. `names.txt` lists its files (the name of an inbox file says all that it means), texts lie there as they are, the
//! rest as hex digits (`NAME.hex`). The rules are in `docs/formats-client.md`.
//!
//! Two things are held: what is written is golden, and what is golden is read back to the same values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod erased;
mod read;
mod values;
mod written;

use std::collections::BTreeMap;
use std::path::Path;

use crate::client::inbox::Inbox;
use crate::client::profile::ProfileDir;
use crate::wire::tests::golden::{hex_lines, is_golden, path};

/// Every file below a directory, by its name from there.
fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(directory: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(directory, "", &mut files);
    // Held while others are changed, and always empty.
    files.remove(".lock");
    files
}

/// What people can read is compared as it is.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| c == '\n' || !c.is_control()))
}

/// Compares a profile with the golden one, file by file and name by name. What the inbox keeps encrypted is compared as it is read:
/// its keys and seeds are random, and its form is golden where it is written (`inbox_file`, `retention/keyring`).
fn profile_is_golden(directory: &Path) {
    let mut files = files_below(directory);
    for random in ["retention.keys", "inbox/keyring.id", "inbox/.lock"] {
        assert!(files.remove(random).is_some(), "{random}");
    }
    let inbox = Inbox::of(&ProfileDir::new(directory));
    for name in inbox.list().unwrap().keys() {
        let file = inbox.stored_file(name);
        let file = format!("inbox/{}", file.file_name().unwrap().to_str().unwrap());
        let (lies, read) = (files.get_mut(&file).unwrap(), inbox.read(name).unwrap().unwrap());
        assert!(lies.starts_with(b"wardline inbox v2\n"));
        *lies = read.to_vec();
    }
    let mut names = String::new();
    for (name, bytes) in &files {
        if bytes.is_empty() {
            names.push_str(&format!("{name} (empty)\n"));
            continue;
        }
        names.push_str(&format!("{name}\n"));
        match std::str::from_utf8(bytes) {
            Ok(text) if is_text(bytes) => is_golden(&format!("client/{name}"), text),
            _ => is_golden(&format!("client/{name}.hex"), &hex_lines(bytes)),
        }
    }
    is_golden("client/names.txt", &names);
}

/// A golden file's bytes.
fn golden(name: &str) -> Vec<u8> {
    match std::fs::read_to_string(path(&format!("client/{name}.hex"))) {
        Ok(digits) => hex::decode(digits.replace('\n', "")).unwrap(),
        Err(_) => std::fs::read(path(&format!("client/{name}"))).unwrap(),
    }
}

/// Puts the golden profile into a directory.
fn lay_out(directory: &Path) {
    let names = std::fs::read_to_string(path("client/names.txt")).unwrap();
    for line in names.lines() {
        let (name, bytes) = match line.strip_suffix(" (empty)") {
            Some(name) => (name, Vec::new()),
            None => (line, golden(line)),
        };
        let file = directory.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
}
