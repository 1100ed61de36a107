//! Keys of others that a person confirms by their eight words: what came since is told each time until it is confirmed too.

use std::path::Path;

use serde_json::Value;
use wardline::domain::KeyRole;

use super::commands::{Ended, exercise, run};
use crate::support::World;

async fn ok(profile: &Path, arguments: &[&str], input: &str) -> Ended {
    let ended = run(profile, arguments, input).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended
}

const FALSE_SEAL_KEY: &str = "if the seal key is false, whoever made it reads what you send";

fn words(key: &Value) -> &str {
    key["fingerprint"].as_str().unwrap()
}

/// An agency is confirmed by the words of its five keys; a new key is then told by `directory list` and `send`, with its words,
/// again and again, until its words are given. Wrong words, and another agency's, confirm nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_told_until_it_is_confirmed() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.path().join("us.ctc");
    let unknown = ok(&us, &["directory", "list"], "").await;
    assert!(!unknown.stderr.contains("WARNING"), "{}", unknown.stderr);
    let theirs = |listed: &Ended| {
        let listed = listed.objects.iter().find(|it| it["agency"] == "ru.ctc");
        listed.unwrap()["seal_key"].clone()
    };
    assert_eq!(theirs(&unknown)["confirmed"], false);
    let sent = ok(&us, &["send", "-"], &exercise("ru.ctc")).await;
    assert!(
        sent.stderr.contains("keys of ru.ctc are not confirmed"),
        "{}",
        sent.stderr
    );
    assert!(sent.stderr.contains(FALSE_SEAL_KEY), "{}", sent.stderr);
    assert_eq!(sent.stderr.matches("WARNING").count(), 1, "{}", sent.stderr);

    let shown = ok(&us, &["directory", "show", "ru.ctc"], "").await.objects;
    let ours = ok(&us, &["directory", "show", "us.ctc"], "").await.objects;
    let confirm = ["directory", "confirm", "ru.ctc"];
    let asked = run(&us, &confirm, "").await;
    assert_eq!(asked.code, 2, "nobody can be asked");
    // What asks for the words does not say them: nobody can copy them from there.
    for key in &shown {
        assert!(!asked.stderr.contains(words(key)), "{}", asked.stderr);
        assert!(!asked.stderr.contains(key["keyid"].as_str().unwrap()));
    }
    assert!(asked.stderr.contains("ru.ctc"), "{}", asked.stderr);
    for wrong in [words(&ours[0]), "zoo zoo zoo zoo zoo zoo zoo zoo", "zoo"] {
        let said = [&confirm[..], &["--words", words(&shown[0]), "--words", wrong]].concat();
        let refused = run(&us, &said, "").await;
        assert_eq!(
            (refused.code, refused.objects.len()),
            (1, 0),
            "{wrong}: {}",
            refused.stderr
        );
    }
    let mut said = confirm.to_vec();
    for key in &shown {
        said.extend(["--words", words(key)]);
    }
    assert_eq!(ok(&us, &said, "").await.objects.len(), 5);
    let sent = ok(&us, &["send", "-"], &exercise("ru.ctc")).await;
    assert!(!sent.stderr.contains("WARNING"), "{}", sent.stderr);

    let new = world.new_key("ru.ctc", KeyRole::Officer, "new").await;
    world.client("ru.ctc").publish_key(&new.envelope).await.unwrap();
    let keyid = new.keyid.to_string();
    for _ in 0..2 {
        let listed = ok(&us, &["directory", "list"], "").await;
        assert!(listed.stderr.contains(&keyid), "{}", listed.stderr);
        assert!(
            listed.stderr.contains(&new.fingerprint().to_string()),
            "{}",
            listed.stderr
        );
        let sent = ok(&us, &["send", "-"], &exercise("ru.ctc")).await;
        let told = "keys of ru.ctc are new and not confirmed (officer):";
        assert!(sent.stderr.contains(told), "{}", sent.stderr);
    }
    let new_words = new.fingerprint().to_string().to_uppercase();
    let said = [&confirm[..], &["--words", &new_words]].concat();
    assert_eq!(ok(&us, &said, "").await.objects[0]["keyid"], keyid.as_str());
    let listed = ok(&us, &["directory", "list"], "").await;
    assert!(!listed.stderr.contains("WARNING"), "{}", listed.stderr);
    let kept = us.join("confirmed");
    let mode = std::os::unix::fs::PermissionsExt::mode(&kept.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(kept).unwrap().lines().count(), 6);
}

/// A new seal key takes the place of a confirmed one at once: it is listed, and told with what it would mean if it were false, until
/// its words are given. The one that bodies are sealed to is the newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_seal_key_is_told_until_it_is_confirmed() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.path().join("us.ctc");
    let confirm = ["directory", "confirm", "ru.ctc", "--yes"];
    ok(&us, &confirm, "").await;
    let new = world.new_key("ru.ctc", KeyRole::Seal, "new").await;
    world.client("ru.ctc").publish_key(&new.envelope).await.unwrap();
    let (keyid, said) = (new.keyid.to_string(), new.fingerprint().to_string());
    for confirmed in [false, true] {
        let listed = ok(&us, &["directory", "list"], "").await;
        let theirs = listed.objects.iter().find(|it| it["agency"] == "ru.ctc").unwrap();
        assert_eq!(theirs["seal_key"]["keyid"], keyid.as_str());
        assert_eq!(theirs["seal_key"]["confirmed"], confirmed);
        let sent = ok(&us, &["send", "-"], &exercise("ru.ctc")).await;
        for told in [&listed.stderr, &sent.stderr] {
            assert_eq!(told.contains(FALSE_SEAL_KEY), !confirmed, "{told}");
            assert_eq!(told.contains("WARNING"), !confirmed, "{told}");
        }
        assert_eq!(listed.stderr.contains(&said), !confirmed, "{}", listed.stderr);
        let words = ["directory", "confirm", "ru.ctc", "--words", &said];
        ok(&us, &words, "").await;
    }
}
