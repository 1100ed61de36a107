//! `signer = "exec:CMD"`: the keys of an agency are in a token, here this test, and its program passes on what is to be
//! signed. The profile holds public keys only.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use wardline::client::{ProfileDir, Settings, SignerSetting};
use wardline::domain::KeyRole;
use wardline::seal::SecretKey;
use wardline::server;

use super::commands::{exercise, run};
use crate::support::{ORIGIN, World, draft};

const ROLES: [KeyRole; 3] = [KeyRole::Originate, KeyRole::Receive, KeyRole::Officer];

fn pipe(path: PathBuf) -> PathBuf {
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path
}

/// Takes a profile's keys into a token; what was signed, by role, is told to the channel.
fn into_token(profile: &ProfileDir, directory: &Path) -> std::sync::mpsc::Receiver<String> {
    let keys: Vec<(String, SecretKey)> = ROLES
        .into_iter()
        .map(|role| {
            let key = SecretKey::read_from(&profile.secret_key(role)).unwrap();
            std::fs::remove_file(profile.secret_key(role)).unwrap();
            let public = hex::encode(key.public_key().as_bytes());
            std::fs::write(profile.public_key(role), public).unwrap();
            (format!("{} {}", role.as_str(), key.public_key().keyid()), key)
        })
        .collect();
    let (program, signed) = token(keys, directory);
    let settings = Settings::read(profile).unwrap();
    let settings = Settings {
        signer: SignerSetting::Exec(format!("exec:sh {}", program.display())),
        ..settings
    };
    settings.write(profile).unwrap();
    signed
}

/// A program that passes on what is to be signed to this test, which has the keys, by the names that the program is given.
fn token(keys: Vec<(String, SecretKey)>, directory: &Path) -> (PathBuf, std::sync::mpsc::Receiver<String>) {
    let (ask, answer) = (pipe(directory.join("ask")), pipe(directory.join("answer")));
    let program = directory.join("sign.sh");
    let script = format!(
        "{{ echo \"$1 $2\"; cat; }} > {}\ncat < {}\n",
        ask.display(),
        answer.display()
    );
    std::fs::write(&program, script).unwrap();
    let (told, signed) = std::sync::mpsc::channel();
    // Ends with the test's process: it waits for the next who asks.
    std::thread::spawn(move || {
        loop {
            let mut asked = Vec::new();
            File::open(&ask).unwrap().read_to_end(&mut asked).unwrap();
            let end = asked.iter().position(|byte| *byte == b'\n').unwrap();
            let which = String::from_utf8(asked[..end].to_vec()).unwrap();
            let (_, key) = keys.iter().find(|(name, _)| *name == which).unwrap();
            let signature = hex::encode(key.sign(&asked[end + 1..]));
            let mut to = File::options().write(true).open(&answer).unwrap();
            to.write_all(signature.as_bytes()).unwrap();
            let _ = told.send(which.split(' ').next().unwrap().to_owned());
        }
    });
    (program, signed)
}

/// A relay whose log's key is in a token: it starts, records and proves as before, and the program is asked for each checkpoint. One
/// that fails, or signs with another key, stops the start, and so does a key that is not named.
#[tokio::test(flavor = "multi_thread")]
async fn a_logs_key_stays_in_its_token() {
    let mut world = World::with(&["us.ctc"]).await;
    let us = world.client("us.ctc");
    us.submit(&draft(&["us.ctc"])).await.unwrap();
    world.stop().await;
    let keys = world.path().join("data/keys");
    let key = SecretKey::read_from(&keys.join("log.pem")).unwrap();
    std::fs::remove_file(keys.join("log.pem")).unwrap();
    let refused = |command: String| {
        let settings = world.home.settings(&[("log_signer", &command)]);
        async move { server::start(&settings).await.err().unwrap().to_string() }
    };
    let said = refused("exec:false".to_owned()).await;
    assert!(said.contains("log.pub"), "{said}");
    std::fs::write(keys.join("log.pub"), hex::encode(key.public_key().as_bytes())).unwrap();
    let said = refused("exec:false".to_owned()).await;
    assert!(said.contains("log's key"), "{said}");

    let directory = world.path().join("token");
    std::fs::create_dir(&directory).unwrap();
    let name = format!("log {}", key.public_key().keyid());
    let (program, signed) = token(vec![(name, key)], &directory);
    let command = format!("exec:sh {}", program.display());
    world
        .restart(&[("log_signer", &command)], |_| {}, &["us.ctc"])
        .await;
    let before = signed.try_iter().count();
    assert!(before > 0);
    let us = world.client("us.ctc");
    us.submit(&draft(&["us.ctc"])).await.unwrap();
    us.checkpoint().await.unwrap();
    assert!(signed.try_iter().count() > 0);
}

/// Sent, received and answered by keys that no profile holds; each is asked for once, for what is its own.
#[tokio::test(flavor = "multi_thread")]
async fn keys_stay_in_their_token() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let token = world.path().join("token");
    std::fs::create_dir(&token).unwrap();
    let signed = into_token(&world.profile("us.ctc"), &token);
    // Its seal key is in the profile all the same, and replaced by rotation; in one that was made before, it is made alone.
    let before = world.path().join("before");
    std::fs::create_dir_all(before.join("keys")).unwrap();
    for file in ["profile.toml", "keys/originate.pub", "keys/officer.pub"] {
        std::fs::copy(us.join(file), before.join(file)).unwrap();
    }
    let new = [
        "keys",
        "new",
        "--agency",
        "us.ctc",
        "--origin",
        ORIGIN,
        "--out",
        before.to_str().unwrap(),
    ];
    let all = run(&before, &new, "").await;
    assert_eq!(all.code, 2, "its keys are in the token: {}", all.stderr);
    let alone = run(&before, &[&new[..], &["--role", "seal"]].concat(), "").await;
    assert_eq!((alone.code, alone.objects.len()), (0, 1), "{}", alone.stderr);
    let rotated = run(&us, &["keys", "rotate", "seal"], "").await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let refused = run(&us, &["keys", "rotate", "officer"], "").await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let sent = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let watched = run(&us, &["watch", "--count", "1"], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let id = sent.objects[0]["id"].as_str().unwrap();
    let ack = ["ack", id, "--as", "accepted", "--by", "duty officer"];
    let acknowledged = run(&us, &ack, "").await;
    assert_eq!(acknowledged.code, 0, "{}", acknowledged.stderr);
    let status = run(&us, &["status", id], "").await;
    assert_eq!(status.objects[0]["recipients"][0]["answer"], "ACCEPTED");
    let roles: Vec<String> = signed.try_iter().collect();
    assert_eq!(roles, ["originate", "receive", "officer"]);
    // A token that says nothing good signs nothing, and nothing is sent.
    std::fs::write(token.join("sign.sh"), "echo no\n").unwrap();
    let refused = run(&us, &["send", "-"], &exercise("us.ctc")).await;
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(run(&us, &["outbox", "list"], "").await.objects.is_empty());
}
