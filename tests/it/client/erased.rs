//! The recipient's inbox, erased and attested, through the real binary against a real relay.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wardline::domain::KeyRole;
use wardline::seal::{envelope_from_json, envelope_to_json};

use super::commands::{exercise, run};
use crate::support::World;

/// A warning that `ru.ctc` has taken: its id.
async fn taken(us: &Path, ru: &Path) -> String {
    let sent = run(us, &["send", "-"], &exercise("ru.ctc")).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let watched = run(ru, &["watch", "--count", "1"], "").await;
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    sent.objects[0]["id"].as_str().unwrap().to_owned()
}

fn last(objects: &[Value]) -> &Value {
    objects.last().unwrap()
}

/// What was delivered is listed with the time when its rule erases it; an officer erases it early, and all that shows it says so, with
/// its header, while the other of the same day stays; what is erased is attested, anybody who knows the directory verifies that, and nothing that is altered, and nothing
/// whose key is revoked.
#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_is_erased_and_attested() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru): (PathBuf, PathBuf) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let (id, other) = (taken(&us, &ru).await, taken(&us, &ru).await);
    let (id, other) = (id.as_str(), other.as_str());

    let listed = run(&ru, &["inbox", "list"], "").await;
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(listed.objects.len(), 2);
    for it in &listed.objects {
        assert_eq!((&it["state"], &it["erased"]), (&"received".into(), &Value::Null));
        assert_eq!(
            (&it["kept"]["retention_class"], &it["kept"]["days"]),
            (&"EXERCISE".into(), &30.into())
        );
    }
    for nothing in [&["inbox", "erase", "--due"][..], &["inbox", "erase"]] {
        let ended = run(&ru, nothing, "").await;
        assert_eq!((ended.code, ended.objects.len()), (0, 0), "{}", ended.stderr);
    }
    let file = world.path().join("attested.json");
    let to = file.to_str().unwrap();
    let attest = ["inbox", "attest", id, "--by", "duty officer", "--out", to];
    let refused = run(&ru, &attest, "").await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is not erased at ru.ctc") && !file.exists(),
        "{}",
        refused.stderr
    );

    let order = ["inbox", "erase", "--warning", id, "--by", "duty officer"];
    assert_eq!(run(&ru, &order, "").await.code, 2, "nobody can be asked");
    let erased = run(&ru, &[&order[..], &["--yes"]].concat(), "").await;
    assert_eq!(erased.code, 0, "{}", erased.stderr);
    assert_eq!(
        (&erased.objects[0]["id"], &erased.objects[0]["erased"]["office"]),
        (&id.into(), &"duty officer".into())
    );
    for (of, gone) in [(id, true), (other, false)] {
        let shown = run(&ru, &["inbox", "show", of], "").await;
        assert_eq!(shown.code, 0, "{}", shown.stderr);
        let shown = last(&shown.objects);
        assert_eq!(
            (shown["body"].is_null(), shown["erased"].is_object()),
            (gone, gone),
            "{of}"
        );
        assert_eq!(
            (&shown["originator"], &shown["precedence"]),
            (&"us.ctc".into(), &"FLASH".into())
        );
    }
    // What watch shows as open says so too.
    let watched = run(&ru, &["watch", "--timeout", "1s"], "").await;
    let open: Vec<&Value> = watched
        .objects
        .iter()
        .filter(|it| it["event"] == "open")
        .collect();
    assert_eq!(open.len(), 2, "{:?}", watched.objects);
    for it in open {
        assert_eq!(it["erased"].is_object(), it["id"] == id);
    }

    let attested = run(&ru, &attest, "").await;
    assert_eq!(attested.code, 0, "{}", attested.stderr);
    assert_eq!(run(&ru, &attest, "").await.code, 2, "nothing is overwritten");
    // The sender's profile has not seen the recipient's key yet.
    assert_eq!(run(&us, &["directory", "list"], "").await.code, 0);
    let verified = run(&us, &["audit", "attested", to], "").await;
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let verified = last(&verified.objects);
    for (member, value) in [
        ("principal", Value::from("ru.ctc")),
        ("office", "duty officer".into()),
        ("desk", "ru.ctc".into()),
        ("retention_class", "EXERCISE".into()),
        ("by_order", true.into()),
        ("digest", erased.objects[0]["digest"].clone()),
        ("erased_at", erased.objects[0]["erased"]["at"].clone()),
    ] {
        assert_eq!(verified[member], value, "{member}");
    }

    let whole = envelope_from_json(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let altered = world.path().join("altered.json");
    for at in [0, whole.payload.len() / 2, whole.payload.len() - 1] {
        let mut payload = whole.payload.to_vec();
        payload[at] ^= 1;
        let other = wardline::domain::SignedEnvelope {
            payload: payload.into(),
            ..whole.clone()
        };
        std::fs::write(&altered, envelope_to_json(&other)).unwrap();
        let refused = run(&us, &["audit", "attested", altered.to_str().unwrap()], "").await;
        assert_eq!(refused.code, 5, "{}", refused.stderr);
    }
    let client = world.client("ru.ctc");
    let keys = wardline::client::keys::show(client.profile().path()).unwrap();
    let officer = keys.iter().find(|key| key.role == KeyRole::Officer).unwrap();
    let revoked = [
        "directory",
        "revoke",
        &officer.keyid.to_string(),
        "--reason",
        "retired",
    ]
    .map(str::to_owned);
    let revoked: Vec<&str> = revoked.iter().map(String::as_str).collect();
    let revoked = run(&ru, &revoked, "").await;
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    assert_eq!(run(&us, &["directory", "list"], "").await.code, 0);
    let refused = run(&us, &["audit", "attested", to], "").await;
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains("is revoked"), "{}", refused.stderr);

    // While the relay is away an order waits: nobody knows what is held.
    let checked = run(&ru, &["inbox", "erase", "--clock-checked"], "").await;
    assert_eq!(
        (checked.code, checked.objects.len()),
        (0, 0),
        "{}",
        checked.stderr
    );
    world.stop().await;
    let order = [
        "inbox",
        "erase",
        "--warning",
        other,
        "--by",
        "duty officer",
        "--yes",
    ];
    let refused = run(&ru, &order, "").await;
    assert_eq!(
        (refused.code, refused.objects.len()),
        (3, 0),
        "{}",
        refused.stderr
    );
    let due = run(&ru, &["inbox", "erase", "--due"], "").await;
    assert_eq!(due.code, 0, "{}", due.stderr);
    assert!(due.stderr.contains("Nothing is erased until"), "{}", due.stderr);
}
