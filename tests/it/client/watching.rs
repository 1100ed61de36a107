//! `watch` through the real binary: who takes a warning, who only looks on, and what an outage does to either.

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use wardline::client::ThreadFact;
use wardline::domain::{DeskAddress, Step, WarningName};

use super::commands::{Ended, Going, exercise, run};
use super::honest::next_warning;
use crate::support::{World, copy, draft};
use crate::world::parsed;

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
    let mut files = std::fs::read_dir(&inbox)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let stored = files
        .find(|path| path.extension().is_some_and(|it| it == "warning"))
        .unwrap();
    std::fs::write(stored.with_extension("handled"), "").unwrap();
    let watched = run(&ru, &["watch", "--count", "1"], "").await;
    assert_eq!(events(&watched, "warning")[0]["digest"], sent[2].to_string());
    assert_eq!(events(&watched, "received").len(), 2);
}

/// With the relay away, what is open in the inbox is shown at once, as of the last contact. When it is back, what another
/// machine has answered is proven to be, and what never came here is shown as the relay's word.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_shown_without_the_relay() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    let first = us.submit(&draft(&["ru.ctc"])).await.unwrap().digest.to_string();
    let ru = world.path().join("ru.ctc");
    assert_eq!(
        events(&run(&ru, &["watch", "--count", "1"], "").await, "warning").len(),
        1
    );
    world.stop().await;
    let away = run(&ru, &["watch", "--timeout", "1s"], "").await;
    assert_eq!((away.code, away.objects.len()), (6, 1), "{}", away.stderr);
    let open = &away.objects[0];
    assert_eq!(
        (&open["event"], &open["source"], &open["digest"]),
        (&"open".into(), &"inbox".into(), &first.as_str().into())
    );
    assert!(open["as_of_size"].is_u64() && open["body"]["text"]["en"].is_object());

    world.start(&["us.ctc", "ru.ctc"]).await;
    let second = digest_of(&world).await;
    // Another machine of the desk: it takes the second, and its officer answers the first.
    let another = world.path().join("ru.ctc-another");
    copy(&ru, &another);
    std::fs::remove_dir_all(another.join("inbox")).unwrap();
    let there = run(&another, &["watch", "--count", "1"], "").await;
    assert_eq!(events(&there, "warning")[0]["digest"], second.as_str());
    let by = ["--as", "accepted", "--by", "duty officer"];
    let answer = [&["ack", first.as_str()], by.as_slice()].concat();
    assert_eq!(run(&another, &answer, "").await.code, 0);
    let third = digest_of(&world).await;
    let back = run(&ru, &["watch", "--count", "1"], "").await;
    let open = events(&back, "open");
    assert_eq!(
        open.iter()
            .map(|it| (&it["source"], &it["digest"]))
            .collect::<Vec<_>>(),
        [
            (&"inbox".into(), &first.as_str().into()),
            (&"relay".into(), &second.as_str().into()),
            (&"relay".into(), &third.as_str().into())
        ]
    );
    assert_eq!(events(&back, "answered")[0]["digest"], first.as_str());
    assert_eq!(events(&back, "warning")[0]["digest"], third.as_str());
    // Our own answer is known here without asking.
    let answer = [&["ack", third.as_str()], by.as_slice()].concat();
    assert_eq!(run(&ru, &answer, "").await.code, 0);
    world.stop().await;
    let away = run(&ru, &["watch", "--timeout", "1s"], "").await;
    assert_eq!((away.code, away.objects.len()), (6, 0), "{}", away.stderr);
}

/// The relay is killed while the program of `--exec` still runs, and is away for longer than the attempts of one call: `watch`
/// goes on, the program runs once, and `RECEIVED` is on the record, once, when the relay is back. The program says that it has
/// begun, and ends when it is told to, over pipes.
#[tokio::test(flavor = "multi_thread")]
async fn received_outlasts_an_outage() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let relay = world.start_as_process().await;
    let us = world.client("us.ctc");
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let file = |name: &str| world.path().join(name).to_str().unwrap().to_owned();
    let [program, taken, begun, end] = ["program", "taken", "begun", "end"].map(file);
    for pipe in [&begun, &end] {
        mknodat(CWD, pipe.as_str(), FileType::Fifo, Mode::RWXU, 0).unwrap();
    }
    std::fs::write(&program, format!("cat >> {taken}\necho > {begun}\ncat {end}\n")).unwrap();
    let ru = world.path().join("ru.ctc");
    let mut watch = Going::start(
        &ru,
        &["watch", "--count", "1", "--exec", &format!("sh {program}")],
    );
    watch.until(|it| it["event"] == "warning").await;
    let said = tokio::task::spawn_blocking(move || std::fs::read(begun));
    assert_eq!(said.await.unwrap().unwrap(), b"\n");
    drop(relay);
    tokio::task::spawn_blocking(move || std::fs::write(end, "end"))
        .await
        .unwrap()
        .unwrap();
    // The waits of two calls are at least as long as those of any one: the call that sends RECEIVED has given up once.
    for _ in 0..2 {
        let away = us.checkpoint().await.unwrap_err();
        assert!(away.is_passing(), "{away}");
    }
    let _relay = world.start_as_process().await;
    let said = watch.until(|it| it["event"] == "received").await;
    assert_eq!(
        said.last().unwrap()["warning_digest"],
        sent.digest.to_string(),
        "{said:?}"
    );
    assert_eq!(watch.ended().await, Some(0));
    assert_eq!(std::fs::read_to_string(taken).unwrap().lines().count(), 1);
    let seen = us.warning(WarningName::Id(sent.id)).await.unwrap();
    let thread = &seen.threads[&parsed::<DeskAddress>("ru.ctc")];
    let answers = thread.events.iter();
    let answers = answers.filter(|event| matches!(event.what, ThreadFact::Acknowledged(_)));
    assert_eq!((thread.step, answers.count()), (Step::Received, 1));
}

/// What is kept of the directory can be had again: without it, or with one of another version, what is open in the inbox is
/// shown as soon as the relay is there to follow it from, and is no failure before.
#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_shown_after_the_directory_was_thrown_away() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let ru = world.path().join("ru.ctc");
    let first = digest_of(&world).await;
    run(&ru, &["watch", "--count", "1"], "").await;
    let directory = world.profile("ru.ctc").directory();
    let verified = std::fs::read(&directory).unwrap();
    for thrown_away in [None, Some([[9].as_slice(), &verified[1..]].concat())] {
        std::fs::remove_file(&directory).unwrap();
        if let Some(bytes) = &thrown_away {
            std::fs::write(&directory, bytes).unwrap();
        }
        let before = digest_of(&world).await;
        world.stop().await;
        let away = run(&ru, &["watch", "--timeout", "1s"], "").await;
        assert_eq!((away.code, away.objects.len()), (6, 0), "{}", away.stderr);
        world.start(&["us.ctc", "ru.ctc"]).await;
        let back = run(&ru, &["watch", "--count", "1"], "").await;
        let open = events(&back, "open");
        let in_inbox = |digest: &str| {
            open.iter()
                .any(|it| it["source"] == "inbox" && it["digest"] == digest)
        };
        assert!(in_inbox(&first), "{open:?}");
        assert_eq!(events(&back, "warning")[0]["digest"], before.as_str());
        assert_eq!(std::fs::read(&directory).unwrap(), verified);
    }
}

/// The digest of one more warning to ru.ctc.
async fn digest_of(world: &World) -> String {
    let us = world.client("us.ctc");
    us.submit(&draft(&["ru.ctc"])).await.unwrap().digest.to_string()
}
