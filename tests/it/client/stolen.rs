//! A thief who has a whole profile of an agency, keys and all, after the key was revoked, by the agency itself or by its root:
//! nothing that it signs is taken, and what the agency signed before stays as it was, for the parties and for a stranger.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wardline::client::keys::KeyRequest;

use super::commands::{Ended, exercise, run};
use crate::support::{World, copy};

#[derive(Debug, Clone, Copy)]
enum By {
    Itself,
    Root,
}

async fn done(profile: &Path, arguments: &[&str], input: &str) -> Vec<Value> {
    let ended = run(profile, arguments, input).await;
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    ended.objects
}

fn refused(ended: &Ended) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("REVOKED_KEY"), "{}", ended.stderr);
}

/// Us and ru, of which a thief has copied one profile; an exchange that was before.
struct Scene {
    world: World,
    us: PathBuf,
    ru: PathBuf,
    thief: PathBuf,
    before: String,
    digest: String,
}

impl Scene {
    async fn of(stolen: &str) -> Self {
        let world = World::with(&["us.ctc", "ru.ctc"]).await;
        let at = |name: &str| world.path().join(name);
        let (us, ru, thief) = (at("us.ctc"), at("ru.ctc"), at("thief"));
        let sent = done(&us, &["send", "-"], &exercise("ru.ctc")).await;
        let before = sent[0]["id"].as_str().unwrap().to_owned();
        let digest = sent[0]["digest"].as_str().unwrap().to_owned();
        done(&ru, &["watch", "--count", "1"], "").await;
        done(
            &ru,
            &["ack", &before, "--as", "accepted", "--by", "duty officer"],
            "",
        )
        .await;
        std::fs::create_dir(&thief).unwrap();
        copy(&at(stolen), &thief);
        Self {
            world,
            us,
            ru,
            thief,
            before,
            digest,
        }
    }

    /// The agency's key of a role is revoked.
    async fn revoke(&self, agency: &str, role: &str, by: By) {
        let profile = self.world.path().join(agency);
        let shown = done(&profile, &["directory", "show", agency], "").await;
        let key = shown.iter().find(|key| key["role"] == role).unwrap();
        let keyid = key["keyid"].as_str().unwrap();
        match by {
            By::Itself => {
                let revoke = ["directory", "revoke", keyid, "--reason", "compromised"];
                done(&profile, &revoke, "").await;
            }
            By::Root => {
                let (state, _) = agency.split_once('.').unwrap();
                let root = self.world.root(state);
                let file = self.world.path().join("revocation.json");
                let file = file.to_str().unwrap();
                let revoke = [
                    "keys",
                    "revoke",
                    "--yes",
                    "--root",
                    root.to_str().unwrap(),
                    "--agency",
                    agency,
                    "--reason",
                    "compromised",
                    "--out",
                    file,
                    keyid,
                ];
                done(&profile, &revoke, "").await;
                // Anybody carries it to the relay.
                done(
                    &self.world.path().join("alice"),
                    &["directory", "publish", file],
                    "",
                )
                .await;
            }
        }
    }

    /// What was before is as it was: its sender sees the answer, both audits verify, and a stranger's check of its evidence
    /// says that both have signed.
    async fn stands(&self) {
        let status = done(&self.us, &["status", &self.before], "").await;
        assert_eq!(status[0]["recipients"][0]["answer"], "ACCEPTED");
        for profile in [&self.us, &self.ru] {
            done(profile, &["audit", "verify"], "").await;
        }
        let bundle = self.world.path().join("before.bundle");
        let path = bundle.to_str().unwrap();
        done(&self.us, &["audit", "bundle", &self.before, "--output", path], "").await;
        // A stranger's policy: the log, and the roots of both states.
        let policy = self.world.path().join("policy");
        std::fs::create_dir(&policy).unwrap();
        let log = self.world.operator().settings().log.vkey();
        std::fs::write(policy.join("log.policy"), format!("log {log}\nquorum none\n")).unwrap();
        let roots = ["us", "ru"].map(|state| {
            let root = KeyRequest::read(&self.world.root(state).join("root.cert.json")).unwrap();
            format!("root {state} {}\n", hex::encode(&root.certificate.public_key))
        });
        std::fs::write(policy.join("roots"), roots.concat()).unwrap();
        let policy = policy.to_str().unwrap();
        let checked = done(&self.us, &["audit", "check", path, "--policy", policy], "").await;
        let acts = checked[0]["acts"].as_array().unwrap();
        for agency in ["us.ctc", "ru.ctc"] {
            let proven =
                |act: &&Value| act["signed_by"]["principal"] == agency && act["standing"] == "PROVEN";
            assert!(acts.iter().any(|act| proven(&act)), "{agency}: {acts:?}");
        }
    }
}

/// A stolen key to originate with sends nothing, neither to others nor about what was sent before.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_to_originate_sends_nothing() {
    for by in [By::Itself, By::Root] {
        let scene = Scene::of("us.ctc").await;
        scene.revoke("us.ctc", "originate", by).await;
        refused(&run(&scene.thief, &["send", "-"], &exercise("ru.ctc")).await);
        let about = exercise("ru.ctc").replace(
            "status:",
            &format!(
                "references: [{{id: {}, digest: \"{}\"}}]\nstatus:",
                scene.before, scene.digest
            ),
        );
        refused(&run(&scene.thief, &["send", "-"], &about).await);
        scene.stands().await;
    }
}

/// A stolen key to receive with acknowledges nothing: what is routed after the revocation is not received by anybody until the
/// agency has another key.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_to_receive_acknowledges_nothing() {
    for by in [By::Itself, By::Root] {
        let scene = Scene::of("ru.ctc").await;
        scene.revoke("ru.ctc", "receive", by).await;
        let sent = done(&scene.us, &["send", "-"], &exercise("ru.ctc")).await;
        let id = sent[0]["id"].as_str().unwrap();
        refused(&run(&scene.thief, &["watch", "--count", "1", "--timeout", "60s"], "").await);
        let status = done(&scene.us, &["status", id], "").await;
        assert!(
            status[0]["recipients"][0]["received"].is_null(),
            "{by:?} {status:?}"
        );
        scene.stands().await;
    }
}
