//! Holds the order of the layers, and the few rules about which file may name what, by reading the sources. What a
//! reviewer would have to remember, a test remembers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, from the top; a file imports only from its own module and from those before it. `seal` stands before
/// `wire`, other than DESIGN.md lists them, because a payload is parsed only out of something that `seal` has verified.
const LAYERS: &[&str] = &[
    "limits",
    "time",
    "error",
    "objects",
    "config",
    "telemetry",
    "alarm",
    "fetch",
    "serve",
    "domain",
    "naming",
    "seal",
    "files",
    "retention",
    "wire",
    "transparency",
    "witness",
    "ledger",
    "journal",
    "relay",
    "tls",
    "grpc",
    "http",
    "server",
    "client",
    "audit",
    "cli",
    "main",
];

/// What a layer may not import although it stands above: who checks the relay may not be made of it.
const NEVER: [(&str, &[&str]); 2] = [
    ("client", &["journal", "relay", "grpc", "http", "server"]),
    ("audit", &["journal", "relay", "grpc", "http", "server"]),
];

struct Source {
    /// Below `src`, with slashes.
    name: String,
    /// Its lines that are no comments, with their numbers from 1.
    code: Vec<(usize, String)>,
    lines: usize,
    head: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources are not where they are looked for");
    files
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let code = text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
                .map(|(at, line)| (at + 1, line.to_owned()))
                .collect();
            Source {
                name: file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
                code,
                lines: text.lines().count(),
                head: text.lines().take(20).collect::<Vec<_>>().join("\n"),
            }
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    /// Its module: `relay/delivery/mod.rs` and `relay.rs` are of `relay`.
    fn layer(&self) -> &str {
        self.name.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The modules of this crate that it names, each with the line.
    fn imports(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for (at, line) in &self.code {
            for rest in line.split("crate::").skip(1) {
                // `use crate::{a::…, b::…}` is written as two lines here; the test says so if it is not.
                let module: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                found.entry(module).or_insert(*at);
            }
        }
        found
    }
}

/// Every file of which a line of code is `found`, but those that may have one.
fn naming(found: impl Fn(&str) -> bool, allowed: &[&str]) -> Vec<String> {
    sources()
        .iter()
        .filter(|source| !allowed.iter().any(|allowed| source.name.starts_with(allowed)))
        .flat_map(|source| {
            source
                .code
                .iter()
                .filter(|(_, line)| found(line))
                .map(|(at, _)| format!("{}:{at}", source.name))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// No file imports from a layer below its own. Reads every `crate::…` of every source.
#[test]
fn a_file_imports_only_from_layers_above_its_own() {
    let place = |layer: &str| LAYERS.iter().position(|known| *known == layer);
    let mut faults = Vec::new();
    for source in sources() {
        if source.name == "lib.rs" {
            continue;
        }
        let layer = source.layer().to_owned();
        let Some(own) = place(&layer) else {
            faults.push(format!("{}: {layer} has no place in the order", source.name));
            continue;
        };
        for (module, at) in source.imports() {
            // What tests begin with is no layer, and only tests may begin with it.
            if module == "world" && source.name.contains("/tests/") {
                continue;
            }
            let never = NEVER
                .iter()
                .any(|(who, whom)| *who == layer && whom.contains(&module.as_str()));
            match place(&module) {
                None => faults.push(format!("{}:{at}: crate::{module} is in no layer", source.name)),
                Some(theirs) if theirs > own || never => {
                    faults.push(format!("{}:{at}: {layer} imports {module}", source.name));
                }
                Some(_) => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// `unsafe` stands nowhere. (The compiler forbids it too; this also sees what is compiled out.)
#[test]
fn nothing_is_unsafe() {
    let faults = naming(|line| line.contains("unsafe "), &[]);
    assert!(faults.is_empty(), "{faults:?}");
}

/// Only `naming.rs` links files, and knows what to do where there are no links: a key on a USB stick is a file too.
#[test]
fn only_naming_links_files() {
    let links = |line: &str| line.contains("hard_link") || line.contains("NOREPLACE");
    let faults = naming(links, &["naming.rs"]);
    assert!(faults.is_empty(), "{faults:?}");
}

/// Only the two files that hold sled's traps name it.
#[test]
fn only_the_storage_names_sled() {
    let allowed = [
        "journal/sled.rs",
        "journal/sled_tests.rs",
        "journal/index/sled_store.rs",
    ];
    // The crate, not a module of that name: nothing stands before the colons.
    let the_crate = |line: &str| {
        let mut places = line.match_indices("::sled");
        places.any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let faults = naming(the_crate, &allowed);
    assert!(faults.is_empty(), "{faults:?}");
}

/// Only the two small stores name redb: an auditor's facts, and what witnesses signed.
#[test]
fn only_two_stores_name_redb() {
    let allowed = ["audit/store.rs", "relay/witnesses/store.rs"];
    let faults = naming(|line| line.contains("redb::"), &allowed);
    assert!(faults.is_empty(), "{faults:?}");
}

/// Only `time.rs` reads the wall clock: rules, tests and simulations are handed theirs.
#[test]
fn only_time_reads_the_wall_clock() {
    let clocks = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now"];
    let faults = naming(
        |line| clocks.iter().any(|clock| line.contains(clock)),
        &["time.rs"],
    );
    assert!(faults.is_empty(), "{faults:?}");
}

/// Only `server.rs` names a concrete journal.
#[test]
fn only_the_server_names_a_backend() {
    let faults = naming(|line| line.contains("SledJournal"), &["server.rs", "journal/"]);
    assert!(faults.is_empty(), "{faults:?}");
}

/// A file over 600 lines says why in its head (`//! Long because …`): otherwise it is two.
#[test]
fn long_files_say_why() {
    let faults: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > 600 && !source.head.contains("//! Long because "))
        .map(|source| format!("{}: {} lines", source.name, source.lines))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}
