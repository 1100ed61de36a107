//! The example of `docs/operations.md`: an agency's keys in a PKCS#11 token (SoftHSM), with which `examples/softhsm-signer.sh`
//! signs through `pkcs11-tool`. Where these are not installed, CI fails (`scripts/softhsm.sh` says what is needed), and a person is told.

use std::path::Path;
use std::process::Command;

use wardline::client::{Settings, SignerSetting};
use wardline::domain::KeyRole;
use wardline::seal::SecretKey;

use super::commands::{exercise, run};
use crate::support::World;

/// What the tools need, or why they cannot run.
fn installed() -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/softhsm.sh");
    let found = Command::new(script).output().unwrap();
    if found.status.success() {
        return Some(String::from_utf8(found.stdout).unwrap().trim().to_owned());
    }
    let why = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("not run: {why}");
    None
}

fn tool(program: &str, conf: &Path, arguments: &[&str]) {
    let mut command = Command::new(program);
    let ended = command
        .env("SOFTHSM2_CONF", conf)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

/// A warning is sent, received and answered with keys that are in the token alone; the one that bodies are sealed to, which answers
/// follow, is of X25519, so that headers are short enough for the tool.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs() {
    let Some(module) = installed() else { return };
    let world = World::with(&["us.ctc"]).await;
    let (us, profile) = (world.path().join("us.ctc"), world.profile("us.ctc"));
    let at = |name: &str| world.path().join(name);
    let (conf, pin) = (at("softhsm2.conf"), at("pin"));
    std::fs::create_dir(at("tokens")).unwrap();
    let tokens = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        at("tokens").display()
    );
    std::fs::write(&conf, tokens).unwrap();
    std::fs::write(&pin, "123456").unwrap();
    let token = [
        "--init-token",
        "--free",
        "--label",
        "wardline",
        "--so-pin",
        "123456",
        "--pin",
        "123456",
    ];
    tool("softhsm2-util", &conf, &token);
    for role in [KeyRole::Originate, KeyRole::Receive, KeyRole::Officer] {
        let file = profile.secret_key(role);
        let key = SecretKey::read_from(&file).unwrap();
        let (path, id) = (file.to_str().unwrap(), hex::encode(role.as_str()));
        let import = [
            "--import",
            path,
            "--token",
            "wardline",
            "--label",
            role.as_str(),
            "--id",
            &id,
            "--pin",
            "123456",
        ];
        tool("softhsm2-util", &conf, &import);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(profile.public_key(role), hex::encode(key.public_key().as_bytes())).unwrap();
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/softhsm-signer.sh");
    let signer = format!(
        "exec:env SOFTHSM2_CONF={} PKCS11_MODULE={module} WARDLINE_TOKEN_PIN_FILE={} {}",
        conf.display(),
        pin.display(),
        example.display()
    );
    let settings = Settings {
        signer: SignerSetting::Exec(signer),
        ..Settings::read(&profile).unwrap()
    };
    settings.write(&profile).unwrap();
    // What pkcs11-tool signs is at most 1,024 bytes long: no header with an X-Wing reply key.
    let refused = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_ne!(refused.code, 0, "see docs/operations.md, Keys in a token");
    let root = world.root("us");
    let rotate = ["keys", "rotate", "seal", "--suite", "x25519"];
    let requested = run(&us, &rotate, "").await;
    let request = requested.objects[0]["file"].as_str().unwrap();
    let certify = [
        "keys",
        "certify",
        "--yes",
        "--root",
        root.to_str().unwrap(),
        request,
    ];
    for step in [&certify[..], &rotate] {
        let ended = run(&us, step, "").await;
        assert_eq!(ended.code, 0, "{step:?}: {}", ended.stderr);
    }
    let other = run(&us, &["keys", "rotate", "seal", "--suite", "x-wing"], "").await;
    assert_eq!(other.code, 1, "{}", other.stderr);
    let sent = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let watched = run(&us, &["watch", "--count", "1"], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let id = sent.objects[0]["id"].as_str().unwrap();
    let answered = run(&us, &["ack", id, "--as", "accepted", "--by", "duty officer"], "").await;
    assert_eq!(answered.code, 0, "{}", answered.stderr);
}
