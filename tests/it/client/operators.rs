//! What an operator, an agency's directory office and whoever measures types, through the real binary.

use std::path::Path;

use serde_json::{Value, json};
use wardline::client::Settings;

use super::commands::{Ended, exercise, run};
use crate::support::{OPERATOR, ORIGIN, World};
use crate::world::parsed;

fn done(ended: Ended) -> Vec<Value> {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.objects
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A suspended agency is reinstated; an auditor is admitted and dismissed; the directory's list shows each.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_shows_what_was_decided() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (operator, us) = (world.path().join(OPERATOR), world.path().join("us.ctc"));
    let row = async |agency: &str| {
        let listed = done(run(&us, &["directory", "list"], "").await);
        listed.into_iter().find(|it| it["agency"] == agency).unwrap()
    };
    let before = row("us.ctc").await;
    assert_eq!(
        (&before["suspended"], &before["desks"]),
        (&json!(false), &json!(["us.ctc"]))
    );
    done(
        run(
            &operator,
            &["operator", "suspend", "us.ctc", "--reason", "a test"],
            "",
        )
        .await,
    );
    assert_eq!(row("us.ctc").await["suspended"], true);
    assert_eq!(run(&us, &["send", "-"], &exercise("ru.ctc")).await.code, 1);
    let reinstate = ["operator", "reinstate", "us.ctc", "--reason", "it is over"];
    let recorded = done(run(&operator, &reinstate, "").await);
    assert!(Path::new(recorded[0]["receipt"].as_str().unwrap()).is_file());
    assert_eq!(row("us.ctc").await["suspended"], false);
    done(run(&us, &["send", "-"], &exercise("ru.ctc")).await);
    // It is so already.
    assert_eq!(run(&operator, &reinstate, "").await.code, 1);

    let (auditor, root) = (world.path().join("auditor"), world.path().join("root-ru"));
    let new = [
        "keys",
        "new",
        "--auditor",
        "ru.court",
        "--origin",
        ORIGIN,
        "--out",
        text(&auditor),
    ];
    done(run(&operator, &new, "").await);
    let request = auditor.join("requests/tls.json");
    let certify = ["keys", "certify", "--yes", "--root", text(&root), text(&request)];
    done(run(&operator, &certify, "").await);
    let certificate = auditor.join("requests/tls.cert.json");
    let enrol = [
        "operator",
        "enrol",
        "ru.court",
        "--auditor",
        "--name",
        "Court",
        text(&certificate),
    ];
    done(run(&operator, &enrol, "").await);
    assert_eq!(row("ru.court").await["kind"], "AUDITOR");
    let mandate = ["directory", "mandate", "ru.court", "--by", "directory office"];
    let admitted = done(run(&us, &mandate, "").await);
    assert!(Path::new(admitted[0]["receipt"].as_str().unwrap()).is_file());
    let withdrawn = [&mandate, ["--withdraw"].as_slice()].concat();
    let dismissed = done(run(&us, &withdrawn, "").await);
    assert!(dismissed[0]["index"].as_u64() > admitted[0]["index"].as_u64());
}

/// A second operator: keys, certified by the first, published by command; then the second one can act.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_publishes_anothers_keys() {
    let world = World::with(&["us.ctc"]).await;
    let (first, second) = (world.path().join(OPERATOR), world.path().join("second"));
    let new = [
        "keys",
        "new",
        "--operator",
        "deputy",
        "--certifier",
        OPERATOR,
        "--origin",
        ORIGIN,
        "--out",
        text(&second),
    ];
    done(run(&first, &new, "").await);
    for role in ["operator", "tls"] {
        let request = second.join(format!("requests/{role}.json"));
        let certify = [
            "keys",
            "certify",
            "--operator",
            text(&first),
            "--yes",
            text(&request),
        ];
        done(run(&first, &certify, "").await);
        let certificate = second.join(format!("requests/{role}.cert.json"));
        done(run(&first, &["operator", "publish-key", text(&certificate)], "").await);
    }
    std::fs::copy(first.join("checkpoint"), second.join("checkpoint")).unwrap();
    let settings = Settings {
        principal: parsed("operator:deputy"),
        ..Settings::read(&world.profile(OPERATOR)).unwrap()
    };
    settings.write(&world.profile("second")).unwrap();
    let suspend = ["operator", "suspend", "us.ctc", "--reason", "a test"];
    done(run(&second, &suspend, "").await);
    let agencies = done(run(&first, &["operator", "agencies"], "").await);
    assert_eq!(agencies[0]["suspended"], true);
}

/// Both measurements, with two warnings each: one object a phase, in the shape that scripts compare.
#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_is_one_object_a_phase() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    let amount = ["--in-flight", "1,2", "--count", "2", "--body-bytes", "10"];
    let submit = [&["bench", "submit", "--to", "us.ctc"], amount.as_slice()].concat();
    let roundtrip = [
        &["bench", "roundtrip", "--recipient", text(&ru)],
        amount.as_slice(),
    ]
    .concat();
    for (phase, arguments) in [("submit", submit), ("roundtrip", roundtrip)] {
        let phases = done(run(&us, &arguments, "").await);
        assert_eq!(phases.len(), 2);
        for (object, in_flight) in phases.iter().zip([1, 2]) {
            let names: Vec<&String> = object.as_object().unwrap().keys().collect();
            let shape = [
                "count",
                "errors",
                "in_flight",
                "p50_ms",
                "p99_ms",
                "per_second",
                "phase",
            ];
            assert_eq!(names, shape);
            assert_eq!(
                (
                    &object["phase"],
                    &object["in_flight"],
                    &object["count"],
                    &object["errors"]
                ),
                (&json!(phase), &json!(in_flight), &json!(2), &json!(0))
            );
        }
    }
}
