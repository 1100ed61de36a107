//! `watch` through the real binary: who takes a warning, who only looks on, and what an outage does to either.

use serde_json::Value;
use wardline::domain::{Step, WarningName};

use super::commands::{Ended, exercise, run};
use super::honest::next_warning;
use super::world::{World, draft, parsed};

fn events<'a>(ended: &'a Ended, event: &str) -> Vec<&'a Value> {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.objects.iter().filter(|it| it["event"] == event).collect()
}

/// What a session without receipts has shown, a later one still gives to its program, and only then signs for.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_shown_still_runs_the_program() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.path().join("us.ctc"), world.path().join("ru.ctc"));
    assert_eq!(run(&us, &["send", "-"], &exercise("ru.ctc")).await.code, 0);
    let looked = run(&ru, &["watch", "--no-receipt", "--count", "1"], "").await;
    assert_eq!(events(&looked, "warning").len(), 1);
    assert!(events(&looked, "received").is_empty());
    let taken = world.path().join("taken.json");
    let exec = format!("tee {}", taken.display());
    let watched = run(&ru, &["watch", "--count", "1", "--exec", &exec], "").await;
    let received = events(&watched, "received");
    let handed: Value = serde_json::from_str(&std::fs::read_to_string(&taken).unwrap()).unwrap();
    assert_eq!(received[0]["warning_digest"], handed["digest"]);
}

/// Who wants one warning is handed over one: of the others nothing is on the record but that they were routed.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_is_not_handed_over() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(us.submit(&draft(&["ru.ctc"])).await.unwrap().digest);
    }
    let ru = world.path().join("ru.ctc");
    let watched = run(&ru, &["watch", "--count", "1"], "").await;
    assert_eq!(events(&watched, "warning").len(), 1);
    let mut steps = Vec::new();
    for digest in &sent {
        let seen = us.warning(WarningName::Digest(*digest)).await.unwrap();
        steps.extend(seen.threads.values().map(|thread| thread.step));
    }
    assert_eq!(steps, [Step::Received, Step::Routed, Step::Routed]);
    // What was taken before and only has to be signed for does not count.
    let inbox = world.profile("ru.ctc").inbox();
    for file in std::fs::read_dir(&inbox).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let client = world.client("ru.ctc");
    let mut deliveries = client.look_on(parsed("ru.ctc")).await.unwrap().at_most(1);
    let shown = next_warning(&mut deliveries).await;
    assert_eq!(shown.digest, sent[1]);
    drop(deliveries);
    let stored = std::fs::read_dir(&inbox).unwrap().next().unwrap().unwrap();
    std::fs::write(stored.path().with_extension("handled"), "").unwrap();
    let watched = run(&ru, &["watch", "--count", "1"], "").await;
    assert_eq!(events(&watched, "warning")[0]["digest"], sent[2].to_string());
    assert_eq!(events(&watched, "received").len(), 2);
}
