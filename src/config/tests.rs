#![allow(clippy::unwrap_used)]
use super::*;

const KEYS: [Key; 6] = [
    Key {
        name: "origin",
        kind: Kind::Text,
        default: None,
        help: "",
    },
    Key {
        name: "limits.connections_max",
        kind: Kind::Integer,
        default: Some("7"),
        help: "",
    },
    Key {
        name: "data_dir",
        kind: Kind::Path,
        default: None,
        help: "",
    },
    Key {
        name: "operators.*",
        kind: Kind::Paths,
        default: None,
        help: "",
    },
    Key {
        name: "followers",
        kind: Kind::Texts,
        default: None,
        help: "",
    },
    Key {
        name: "tls.key_file",
        kind: Kind::Path,
        default: None,
        help: "",
    },
];

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("relay.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: Vec<FlagSetting> = flags
        .iter()
        .map(|(key, value)| FlagSetting {
            flag: format!("--set {key}"),
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        })
        .collect();
    let base = format!("{}/", directory.path().display());
    Settings::load(&KEYS, Some(&path), environment, &flags)
        .map_err(|error| error.to_string().replace(&base, ""))
}

/// Later layers win, each value says where it came from, and paths of a file are relative to it.
#[test]
fn layers_lie_over_each_other() {
    let file = "origin = 'a'\ndata_dir = 'data'\n[operators]\nalice = ['x', '/y']\n[limits]\nconnections_max = 0x10\n";
    let settings = load(
        file,
        &[
            ("WARDLINE_ORIGIN", "b"),
            ("WARDLINE_TLS__KEY_FILE", "k"),
            ("WARDLINE_PROFILE", "p"),
            ("HOME", "h"),
        ],
        &[("origin", "c")],
    )
    .unwrap();
    let shown: Vec<String> = settings
        .iter()
        .map(|(key, effective)| {
            let source = effective.source.to_string();
            let place = source.rsplit('/').next().unwrap_or_default();
            format!("{key} from {place}")
        })
        .collect();
    assert_eq!(settings.required::<String>("origin").unwrap(), "c");
    assert_eq!(settings.required::<u64>("limits.connections_max").unwrap(), 16);
    assert_eq!(settings.required::<String>("tls.key_file").unwrap(), "k");
    assert!(
        settings
            .required::<String>("data_dir")
            .unwrap()
            .ends_with("/data")
    );
    let (name, operators) = settings.table("operators").next().unwrap();
    assert_eq!((name, operators.values.get(1).unwrap().as_str()), ("alice", "/y"));
    assert_eq!(
        shown,
        [
            "data_dir from relay.toml:2",
            "limits.connections_max from relay.toml:6",
            "operators.alice from relay.toml:4",
            "origin from flag --set origin",
            "tls.key_file from environment WARDLINE_TLS__KEY_FILE",
        ]
    );
}

/// Each mistake is refused with the place where it can be mended; a table.
#[test]
fn mistakes_are_refused_where_they_stand() {
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
    );
    let table: [(Row, &str); 12] = [
        (
            ("orign = 'a'", &[], &[]),
            "relay.toml:1: unknown setting \"orign\"; near: origin",
        ),
        (
            ("\n[tls]\nkey = 'a'", &[], &[]),
            "relay.toml:3: unknown setting \"tls.key\"",
        ),
        (
            ("[tsl]\nkey_file = 'a'", &[], &[]),
            "relay.toml:1: unknown setting \"tsl\"",
        ),
        (
            ("origin = 5", &[], &[]),
            "relay.toml:1: origin takes a text in quotes",
        ),
        (("tls = 'x'", &[], &[]), "relay.toml:1: unknown setting \"tls\""),
        (
            ("[limits]\nconnections_max = '5'", &[], &[]),
            "relay.toml:2: limits.connections_max takes a whole number",
        ),
        (
            ("[operators]\na = 'x'", &[], &[]),
            "relay.toml:2: operators.a takes a list of paths in quotes",
        ),
        (
            ("origin = 'a'\norigin = 'b'", &[], &[]),
            "relay.toml:2:1: duplicate key",
        ),
        (
            ("origin = ", &[], &[]),
            "relay.toml:1:10: string values must be quoted, expected literal string",
        ),
        (
            ("", &[("WARDLINE_ORIGNI", "x")], &[]),
            "environment WARDLINE_ORIGNI: unknown setting \"origni\"; near: origin",
        ),
        (
            ("", &[("WARDLINE_LIMITS__CONNECTIONS_MAX", "many")], &[]),
            "environment WARDLINE_LIMITS__CONNECTIONS_MAX: limits.connections_max takes a whole number",
        ),
        (
            ("", &[], &[("operators.a.b", "x")]),
            "flag --set operators.a.b: unknown setting \"operators.a.b\"; near: operators.*",
        ),
    ];
    for ((file, environment, flags), expected) in table {
        assert_eq!(
            load(file, environment, flags).map(|_| ()).unwrap_err(),
            expected,
            "{file:?}"
        );
    }
}

/// A missing or unfitting value is named, the latter with its place.
#[test]
fn values_are_missing_or_do_not_fit() {
    let settings = load("", &[("WARDLINE_LIMITS__CONNECTIONS_MAX", "-1")], &[]).unwrap();
    assert_eq!(
        settings.required::<String>("origin").unwrap_err().to_string(),
        "the setting \"origin\" is missing"
    );
    assert_eq!(
        settings
            .required::<u64>("limits.connections_max")
            .unwrap_err()
            .to_string(),
        "environment WARDLINE_LIMITS__CONNECTIONS_MAX: limits.connections_max = \"-1\": invalid digit found in string"
    );
}

/// The digest is of names and values, not of where they came from.
#[test]
fn the_digest_is_of_what_is_effective() {
    let by_file = load("origin = 'a'", &[], &[]).unwrap().digest();
    assert_eq!(by_file, load("", &[], &[("origin", "a")]).unwrap().digest());
    assert_ne!(by_file, load("origin = 'b'", &[], &[]).unwrap().digest());
    assert_ne!(
        by_file,
        load("origin = 'a'", &[("WARDLINE_DATA_DIR", "d")], &[])
            .unwrap()
            .digest()
    );
}
