//! `keys rotate`: a new key of each role takes an old one's place while both are valid, step by step, and each step again does no
//! harm; then the old one is revoked, and what it signed stays good.

use std::path::Path;

use serde_json::Value;
use wardline::client::keys::certificate_path;

use super::commands::{exercise, run};
use crate::support::{OPERATOR, World, copy};

async fn done(profile: &Path, arguments: &[&str], input: &str) -> Vec<Value> {
    let ended = run(profile, arguments, input).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended.objects
}

/// The valid keys of a role.
async fn valid(profile: &Path, whose: &str, role: &str) -> Vec<String> {
    let shown = done(profile, &["directory", "show", whose], "").await;
    let valid = shown
        .iter()
        .filter(|key| key["role"] == role && key["until"].is_null());
    valid
        .map(|key| key["keyid"].as_str().unwrap().to_owned())
        .collect()
}

/// Each key of an agency: requested, certified by its root, switched, finished. Between the last two both keys are valid, and
/// a machine that still has the old one works.
#[tokio::test(flavor = "multi_thread")]
async fn an_agencys_keys_are_rotated() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let root = world.root("us");
    let root = root.to_str().unwrap();
    for role in ["originate", "receive", "officer", "seal", "tls"] {
        let rotate = ["keys", "rotate", role];
        let finish = ["keys", "rotate", role, "--finish"];
        assert_eq!(run(&us, &finish, "").await.code, 1, "{role}: nothing is rotated");
        let old = valid(&us, "us.ctc", role).await;
        let requested = done(&us, &rotate, "").await;
        assert_eq!(requested[0]["stage"], "requested");
        assert_eq!(
            done(&us, &rotate, "").await,
            requested,
            "{role}: the same request"
        );
        assert_eq!(run(&us, &finish, "").await.code, 1, "{role}: not certified");
        let request = requested[0]["file"].as_str().unwrap();
        done(&us, &["keys", "certify", "--yes", "--root", root, request], "").await;
        assert!(certificate_path(Path::new(request)).exists());
        let other = world.path().join(format!("other-{role}"));
        copy(&us, &other);
        let switched = done(&us, &rotate, "").await;
        assert_eq!(switched[0]["stage"], "switched");
        assert_eq!(switched[0]["old_keyid"], old[0].as_str());
        assert_eq!(done(&us, &rotate, "").await[0]["stage"], "switched");
        assert_eq!(
            valid(&us, "us.ctc", role).await.len(),
            2,
            "{role}: both are valid"
        );
        let shown = done(&us, &["keys", "show", us.to_str().unwrap()], "").await;
        let shown = shown.iter().find(|key| key["role"] == role).unwrap();
        assert_eq!(shown["keyid"], switched[0]["keyid"]);
        assert!(shown["certificate"].is_string());
        for profile in [&other, &us] {
            let sent = done(profile, &["send", "-"], &exercise("us.ctc")).await;
            done(profile, &["watch", "--count", "1", "--timeout", "60s"], "").await;
            let id = sent[0]["id"].as_str().unwrap();
            done(
                profile,
                &["ack", id, "--as", "accepted", "--by", "duty officer"],
                "",
            )
            .await;
        }
        if ["seal", "tls"].contains(&role) {
            let refused = run(&us, &finish, "").await;
            assert_eq!(refused.code, 1, "{}", refused.stderr);
            assert!(refused.stderr.contains("keys revoke"), "{}", refused.stderr);
            let file = world.path().join(format!("revoked-{role}.json"));
            let file = file.to_str().unwrap();
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
                file,
                &old[0],
            ];
            done(&us, &revoke, "").await;
            done(&us, &["directory", "publish", file], "").await;
        }
        assert_eq!(done(&us, &finish, "").await[0]["stage"], "finished");
        assert!(!us.join("rotation").join(role).exists());
        if role == "seal" {
            let shown = done(&us, &["keys", "show", us.to_str().unwrap()], "").await;
            let earlier: Vec<&str> = shown
                .iter()
                .filter(|key| key["earlier"] == true)
                .map(|key| key["keyid"].as_str().unwrap())
                .collect();
            assert_eq!(earlier, [&old[0]], "kept, although it is revoked");
        }
        let now = valid(&us, "us.ctc", role).await;
        assert_eq!(now, [switched[0]["keyid"].as_str().unwrap()], "{role}");
    }
    done(&us, &["send", "-"], &exercise("us.ctc")).await;
    done(&us, &["audit", "verify"], "").await;
}

/// A new key that was revoked before it was in use is not taken into use: the old one stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_not_taken_into_use() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let root = world.root("us");
    let root = root.to_str().unwrap();
    let requested = done(&us, &["keys", "rotate", "officer"], "").await;
    let request = requested[0]["file"].as_str().unwrap();
    done(&us, &["keys", "certify", "--yes", "--root", root, request], "").await;
    let certificate = certificate_path(Path::new(request));
    done(&us, &["directory", "publish", certificate.to_str().unwrap()], "").await;
    let keyid = requested[0]["keyid"].as_str().unwrap();
    let file = world.path().join("revoked.json");
    let file = file.to_str().unwrap();
    let revoke = [
        "keys",
        "revoke",
        "--yes",
        "--root",
        root,
        "--agency",
        "us.ctc",
        "--reason",
        "compromised",
        "--out",
        file,
        keyid,
    ];
    done(&us, &revoke, "").await;
    done(&us, &["directory", "publish", file], "").await;
    let key = us.join("keys/officer.pem");
    let before = std::fs::read(&key).unwrap();
    let refused = run(&us, &["keys", "rotate", "officer"], "").await;
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("revoked already"), "{}", refused.stderr);
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

/// An operator certifies its own new keys, so that they are in use at once; what they can do shows in finishing.
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_keys_are_rotated() {
    let world = World::with(&["us.ctc"]).await;
    let alice = world.path().join(OPERATOR);
    for role in ["tls", "operator"] {
        let switched = done(&alice, &["keys", "rotate", role], "").await;
        assert_eq!(switched[0]["stage"], "switched");
        let finished = done(&alice, &["keys", "rotate", role, "--finish"], "").await;
        assert_eq!(finished[0]["stage"], "finished");
        let now = valid(&alice, "operator:alice", role).await;
        assert_eq!(now, [switched[0]["keyid"].as_str().unwrap()], "{role}");
    }
    done(&alice, &["operator", "status"], "").await;
}

/// A switch that was cut in the middle, the TLS key replaced and its certificate not, is ended by the same command.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_was_cut_is_ended() {
    let world = World::with(&["us.ctc"]).await;
    let us = world.path().join("us.ctc");
    let root = world.root("us");
    let requested = done(&us, &["keys", "rotate", "tls"], "").await;
    let request = requested[0]["file"].as_str().unwrap();
    done(
        &us,
        &[
            "keys",
            "certify",
            "--yes",
            "--root",
            root.to_str().unwrap(),
            request,
        ],
        "",
    )
    .await;
    let before = world.path().join("before");
    copy(&us, &before);
    done(&us, &["keys", "rotate", "tls"], "").await;
    // As it is after the key was replaced and before its certificate was.
    let old = |name: &str| before.join("keys").join(name);
    std::fs::remove_file(us.join("rotation/tls/switched")).unwrap();
    std::fs::copy(old("tls.crt"), us.join("keys/tls.crt")).unwrap();
    assert_eq!(run(&us, &["send", "-"], &exercise("us.ctc")).await.code, 2);
    done(&us, &["keys", "rotate", "tls"], "").await;
    done(&us, &["send", "-"], &exercise("us.ctc")).await;
    let kept = us.join("rotation/tls/old/keys/tls.pem");
    assert_eq!(
        std::fs::read(kept).unwrap(),
        std::fs::read(old("tls.pem")).unwrap()
    );
}
