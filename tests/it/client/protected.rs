//! Keys under a passphrase, through the real binary: an agency's, a root's, a relay's and a witness's. With it all works as
//! before, without it or with another nothing does, and what is said is exit 2 and which file it is about.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::commands::{Ended, exercise, run};
use crate::support::{Home, ORIGIN, RelayProcess, WitnessProcess, World, wardline};

const PASSPHRASE: &str = "correct horse battery staple";

/// A private file with a passphrase in it.
fn passphrase(directory: &Path, name: &str, text: &str) -> PathBuf {
    let file = directory.join(name);
    fs::write(&file, format!("{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn is_protected(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap();
    assert_ne!(
        text.contains("PROTECTED FILE"),
        text.contains("PRIVATE KEY") || text.contains("SEAL KEY"),
        "{}",
        file.display()
    );
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    text.contains("PROTECTED FILE")
}

async fn under(profile: &Path, file: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut all = vec!["--passphrase-file", file.to_str().unwrap()];
    all.extend(arguments);
    run(profile, &all, input).await
}

/// An agency protects its keys, sends and receives with them, and takes them out again; without the passphrase, with another,
/// or with one in a file that others may read, nothing is sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_agencys_keys_are_protected() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let right = passphrase(world.path(), "right", PASSPHRASE);
    let wrong = passphrase(world.path(), "wrong", "another one altogether");
    let short = passphrase(world.path(), "short", "short");
    assert_eq!(
        under(&us, &short, &["keys", "protect", "--all"], "").await.code,
        2
    );
    assert_eq!(
        run(&us, &["keys", "protect", "--all"], "").await.code,
        2,
        "nobody can be asked"
    );
    let done = under(&us, &right, &["keys", "protect", "--all"], "").await;
    assert_eq!((done.code, done.objects.len()), (0, 5), "{}", done.stderr);
    for name in ["originate", "receive", "officer", "seal", "tls"] {
        assert!(is_protected(&us.join(format!("keys/{name}.pem"))));
    }
    // A rotated seal key's successor is under the same passphrase, and what is kept of it too.
    let root = world.root("us");
    let requested = under(&us, &right, &["keys", "rotate", "seal"], "").await;
    assert_eq!(requested.code, 0, "{}", requested.stderr);
    let request = requested.objects[0]["file"].as_str().unwrap();
    let certify = [
        "keys",
        "certify",
        "--yes",
        "--root",
        root.to_str().unwrap(),
        request,
    ];
    assert_eq!(run(&us, &certify, "").await.code, 0);
    let switched = under(&us, &right, &["keys", "rotate", "seal"], "").await;
    assert_eq!(switched.code, 0, "{}", switched.stderr);
    assert!(is_protected(&us.join("keys/seal.pem")));
    let kept: Vec<_> = fs::read_dir(us.join("keys/opens")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    let kept = kept.into_iter().next().unwrap().unwrap().path();
    assert!(is_protected(&kept));
    let sent = under(&us, &right, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let watched = under(&us, &right, &["watch", "--count", "1"], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let none = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(none.code, 2, "{}", none.stderr);
    assert!(none.stderr.contains("--passphrase-file"), "{}", none.stderr);
    let other = under(&us, &wrong, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(other.code, 2, "{}", other.stderr);
    assert!(
        other.stderr.contains("this is not its passphrase"),
        "{}",
        other.stderr
    );
    assert!(!other.stderr.contains("another one"), "{}", other.stderr);
    fs::set_permissions(&right, fs::Permissions::from_mode(0o644)).unwrap();
    let open = under(&us, &right, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(open.code, 2, "{}", open.stderr);
    fs::set_permissions(&right, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        under(&us, &wrong, &["keys", "unprotect", "--all"], "").await.code,
        2
    );
    assert!(is_protected(&us.join("keys/tls.pem")));
    assert_eq!(
        under(&us, &right, &["keys", "unprotect", "--all"], "").await.code,
        0
    );
    assert!(!is_protected(&us.join("keys/tls.pem")));
    assert!(!is_protected(&kept));
    let sent = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
}

/// Keys that are made under a passphrase: those of a root and of an agency, which the root then certifies with it.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_under_a_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let right = passphrase(directory.path(), "right", PASSPHRASE);
    let (root, agency) = (at("root"), at("ru.ctc"));
    let (root_path, agency_path) = (root.to_str().unwrap(), agency.to_str().unwrap());
    let made = [
        "keys", "root", "--state", "ru", "--origin", ORIGIN, "--out", root_path,
    ];
    assert_eq!(under(&agency, &right, &made, "").await.code, 0);
    assert!(is_protected(&root.join("root.pem")));
    let made = [
        "keys",
        "new",
        "--agency",
        "ru.ctc",
        "--origin",
        ORIGIN,
        "--out",
        agency_path,
    ];
    let made = under(&agency, &right, &made, "").await;
    assert_eq!((made.code, made.objects.len()), (0, 5), "{}", made.stderr);
    for name in ["originate", "receive", "officer", "seal", "tls"] {
        assert!(is_protected(&agency.join(format!("keys/{name}.pem"))));
    }
    let request = agency.join("requests/officer.json");
    let certify = [
        "keys",
        "certify",
        "--yes",
        "--root",
        root_path,
        request.to_str().unwrap(),
    ];
    assert_eq!(run(&agency, &certify, "").await.code, 2);
    let certified = under(&agency, &right, &certify, "").await;
    assert_eq!(certified.code, 0, "{}", certified.stderr);
}

/// A relay and a witness start with their keys under a passphrase that is in a file or that systemd hands over, and not without;
/// a key that systemd hands over may show the group that it is handed over by.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_and_a_witness_read_protected_keys() {
    let home = Home::new();
    let begun = home.begin().await;
    let right = passphrase(home.path(), "right", PASSPHRASE);
    let right = right.to_str().unwrap();
    let keys = ["data/keys/log.pem", "data/keys/tls.pem"];
    let protect = [&["--passphrase-file", right, "keys", "protect"][..], &keys].concat();
    let ended = wardline(home.path(), &protect).output().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let run = ["relay", "run", "--config", "relay.toml"];
    let refused = wardline(home.path(), &run).output().unwrap();
    assert_eq!(
        refused.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
    // As systemd hands it over: to be read by the service, which an access list says, and the mode shows as the group's right.
    let credentials = home.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let given = passphrase(&credentials, "wardline-passphrase", PASSPHRASE);
    fs::set_permissions(given, fs::Permissions::from_mode(0o440)).unwrap();
    let key = credentials.join("log.pem");
    fs::rename(home.path().join(keys[0]), &key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).unwrap();
    for name in ["tls.pem", "tls-cert.pem"] {
        let key = credentials.join(name);
        fs::rename(home.path().join("data/keys").join(name), &key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o440)).unwrap();
    }
    // Nothing but the buckets' keys, which change, is left beside the data; the settings are those of the unit in deploy/.
    let left = fs::read_dir(home.path().join("data/keys")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["buckets"]);
    let relay = RelayProcess::start_with(home.path(), &[], |command| {
        command
            .env("CREDENTIALS_DIRECTORY", &credentials)
            .env("WARDLINE_LOG_KEY_FILE", &key)
            .env("WARDLINE_TLS__KEY_FILE", credentials.join("tls.pem"))
            .env("WARDLINE_TLS__CERTIFICATE_FILE", credentials.join("tls-cert.pem"));
    });
    relay.signal("TERM");
    assert_eq!(relay.ended().0, Some(0));

    let witness = home.path().join("witness");
    WitnessProcess::init(&witness, "witness.invalid", &[begun.verifier.vkey()]);
    let path = witness.to_str().unwrap();
    let protect = [
        "--passphrase-file",
        right,
        "keys",
        "protect",
        &format!("{path}/key.pem"),
    ];
    assert!(wardline(home.path(), &protect).output().unwrap().status.success());
    let run = ["--json", "witness", "run", path, "--listen", "127.0.0.1:0"];
    let refused = wardline(home.path(), &run).output().unwrap();
    assert_eq!(
        refused.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
    let mut child = wardline(home.path(), &[&run[..], &["--passphrase-file", right]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("listening"), "{line}");
}
