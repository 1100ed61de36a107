//! `watch` through the real binary: who takes a warning, who only looks on, and what an outage does to either.

use serde_json::Value;

use super::commands::{Ended, exercise, run};
use super::world::World;

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
