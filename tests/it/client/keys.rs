//! What happens to an agency's keys and desks after its enrolment, by the commands that its people type: a stolen key is
//! revoked by the root or by itself, a new one takes its place, and what was signed before stays as it was.

use serde_json::Value;

use super::commands::{Ended, exercise, run};
use crate::support::{ORIGIN, World};

/// The id of an agency's valid key, as `directory show` lists it.
async fn valid_key(world: &World, agency: &str, role: &str) -> String {
    let shown = run(&world.path().join(agency), &["directory", "show", agency], "").await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let key = shown
        .objects
        .iter()
        .find(|key| key["role"] == role && key["until"].is_null());
    key.unwrap()["keyid"].as_str().unwrap().to_owned()
}

fn done(ended: Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.objects
}

fn refused(ended: &Ended, code: &str) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(code), "{}", ended.stderr);
}

/// A stolen `originate` key: the root revokes it offline, another agency carries the revocation to the relay, warnings are
/// refused from then on; a new key, certified and published, takes its place; and the log still verifies, the warning of
/// before included.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_is_revoked_by_the_root_and_replaced() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let root = world.path().join("root-us");
    let root = root.to_str().unwrap();
    done(run(&us, &["send", "-"], &exercise("ru.ctc")).await);

    let stolen = valid_key(&world, "us.ctc", "originate").await;
    let file = world.path().join("revocation.json");
    let file = file.to_str().unwrap();
    let revoke = |reason: &'static str| {
        vec![
            "keys", "revoke", "--yes", "--root", root, "--agency", "us.ctc", "--reason", reason, "--out",
            file, &stolen,
        ]
    };
    assert_eq!(run(&us, &revoke("because"), "").await.code, 2);
    let signed = done(run(&us, &revoke("compromised"), "").await);
    assert_eq!(signed[0]["reason"], "COMPROMISED");
    assert_eq!(
        run(&us, &revoke("retired"), "").await.code,
        2,
        "it would be overwritten"
    );
    done(run(&ru, &["directory", "publish", file], "").await);
    refused(
        &run(&us, &["send", "-"], &exercise("ru.ctc")).await,
        "REVOKED_KEY",
    );

    let new = world.path().join("new-keys");
    let new_path = new.to_str().unwrap();
    done(
        run(
            &us,
            &[
                "keys", "new", "--agency", "us.ctc", "--origin", ORIGIN, "--out", new_path,
            ],
            "",
        )
        .await,
    );
    let request = new.join("requests/originate.json");
    done(
        run(
            &us,
            &[
                "keys",
                "certify",
                "--yes",
                "--root",
                root,
                request.to_str().unwrap(),
            ],
            "",
        )
        .await,
    );
    let certificate = new.join("requests/originate.cert.json");
    done(run(&us, &["directory", "publish", certificate.to_str().unwrap()], "").await);
    std::fs::copy(new.join("keys/originate.pem"), us.join("keys/originate.pem")).unwrap();
    done(run(&us, &["send", "-"], &exercise("ru.ctc")).await);
    assert_ne!(valid_key(&world, "us.ctc", "originate").await, stolen);

    let received = run(&ru, &["watch", "--count", "2", "--timeout", "60s"], "").await;
    let received = done(received);
    let warnings = received.iter().filter(|it| it["event"] == "received").count();
    assert_eq!(warnings, 2, "the warning of before the revocation stays good");
    let verified = done(run(&us, &["audit", "verify"], "").await);
    assert!(!verified.is_empty());
}

/// An agency revokes its own key by that very key, without its root; no other agency can, nor can it revoke what cannot
/// sign.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_revoked_by_itself_and_by_no_other_agency() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let originate = valid_key(&world, "us.ctc", "originate").await;
    let tls = valid_key(&world, "us.ctc", "tls").await;
    let revoke = |keyid: &str| {
        ["directory", "revoke", keyid, "--reason", "retired"]
            .map(str::to_owned)
            .to_vec()
    };
    let run_revoke = async |profile, keyid: &str| {
        let arguments = revoke(keyid);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(profile, &arguments, "").await
    };
    assert_ne!(run_revoke(&ru, &originate).await.code, 0);
    assert_ne!(run_revoke(&us, &tls).await.code, 0);
    done(run(&us, &["send", "-"], &exercise("ru.ctc")).await);
    done(run_revoke(&us, &originate).await);
    refused(
        &run(&us, &["send", "-"], &exercise("ru.ctc")).await,
        "REVOKED_KEY",
    );
    refused(&run_revoke(&us, &originate).await, "");
    // The root of another state signs nothing about it.
    let root = world.path().join("root-ru");
    let out = world.path().join("wrong.json");
    let foreign = run(
        &ru,
        &[
            "keys",
            "revoke",
            "--yes",
            "--root",
            root.to_str().unwrap(),
            "--agency",
            "us.ctc",
            "--reason",
            "compromised",
            "--out",
            out.to_str().unwrap(),
            &tls,
        ],
        "",
    )
    .await;
    assert_eq!(foreign.code, 1, "{}", foreign.stderr);
    assert!(!out.exists());
}

/// An agency publishes a desk, a warning to that desk goes to it and to no other desk; an address that is no desk is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_agency_publishes_its_desks() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let send = async || run(&us, &["send", "-"], &exercise("ru.ctc/metro")).await;
    refused(&send().await, "UNKNOWN_RECIPIENT");
    let metro = [
        "directory",
        "desks",
        "ru.ctc/metro=Metro",
        "--languages",
        "ru,en",
        "--by",
        "head of watch",
    ];
    done(run(&ru, &metro, "").await);
    let listed = done(run(&us, &["directory", "list"], "").await);
    let agency = listed.iter().find(|it| it["agency"] == "ru.ctc").unwrap();
    assert_eq!(agency["desks"], serde_json::json!(["ru.ctc", "ru.ctc/metro"]));
    let sent = done(send().await);
    assert_eq!(sent[0]["recipients"][0]["desk"], "ru.ctc/metro");
    let got = done(
        run(
            &ru,
            &[
                "watch",
                "--desk",
                "ru.ctc/metro",
                "--count",
                "1",
                "--timeout",
                "60s",
            ],
            "",
        )
        .await,
    );
    let received = got.iter().find(|it| it["event"] == "received").unwrap();
    assert_eq!(received["warning_digest"], sent[0]["digest"]);
    let foreign = ["directory", "desks", "us.ctc/metro=Metro"];
    assert_ne!(run(&ru, &foreign, "").await.code, 0);
}

/// A root is succeeded: both roots sign, another agency publishes it, and from then on the new root certifies and revokes
/// while the old one does not. Keys that the old one certified stay good.
#[tokio::test(flavor = "multi_thread")]
async fn a_root_is_succeeded() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let path = |name: &str| world.path().join(name).to_str().unwrap().to_owned();
    let (old, new, other) = (path("root-us"), path("root-us-2"), path("root-ru"));
    let succession = path("succession.json");
    done(
        run(
            &us,
            &["keys", "root", "--state", "us", "--origin", ORIGIN, "--out", &new],
            "",
        )
        .await,
    );
    let succeed = |by: &'static str| {
        let root = if by == "us" { &old } else { &other };
        vec![
            "keys",
            "succeed",
            "--yes",
            "--root",
            root,
            "--new",
            &new,
            "--out",
            &succession,
        ]
    };
    refused(&run(&us, &succeed("ru"), "").await, "does not succeed");
    done(run(&us, &succeed("us"), "").await);
    done(run(&ru, &["directory", "publish", &succession], "").await);
    done(run(&us, &["send", "-"], &exercise("ru.ctc")).await);

    let keyid = valid_key(&world, "us.ctc", "originate").await;
    for (root, good) in [(&old, false), (&new, true)] {
        let file = format!("{root}.revocation");
        let revoke = [
            "keys",
            "revoke",
            "--yes",
            "--root",
            root,
            "--agency",
            "us.ctc",
            "--reason",
            "superseded",
            "--out",
            &file,
            &keyid,
        ];
        done(run(&us, &revoke, "").await);
        let published = run(&ru, &["directory", "publish", &file], "").await;
        assert_eq!(published.code == 0, good, "{root}: {}", published.stderr);
    }
    refused(
        &run(&us, &["send", "-"], &exercise("ru.ctc")).await,
        "REVOKED_KEY",
    );
    done(run(&ru, &["audit", "verify"], "").await);
}
