//! The outbox through the real binary: what was signed leaves it by a proof or by a person's word, and by nothing that the
//! relay only says.

use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wardline::client::{ProfileDir, Settings};
use wardline::domain::{AcknowledgementKind, KeyRole};
use wardline::time::{Clock as _, SystemClock};

use super::commands::{Ended, exercise, run};
use super::honest::{answer, next_warning};
use crate::support::{OPERATOR, World, draft};
use crate::world::parsed;

fn told(ended: &Ended) -> Value {
    serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap()
}

/// Another originator's key for us.ctc, which nobody has published, in the place of its own.
async fn unpublished_key(world: &World, into: &str) -> wardline::client::keys::KeyRequest {
    let new = world.new_key("us.ctc", KeyRole::Originate, into).await;
    let (from, to) = (world.profile(into), world.profile("us.ctc"));
    let role = KeyRole::Originate;
    std::fs::copy(from.secret_key(role), to.secret_key(role)).unwrap();
    new
}

/// A warning that is refused without a proof stays, with the reason; a retry sends the same bytes, which are accepted once
/// the key that signed them is published. Another one is given up by a person, and its bytes are kept.
#[tokio::test(flavor = "multi_thread")]
async fn an_unproven_refusal_takes_nothing_away() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.path().join("us.ctc");
    let new = unpublished_key(&world, "us.ctc-new").await;
    let refused = run(&us, &["send", "-"], &exercise("ru.ctc")).await;
    assert_eq!(
        (refused.code, &told(&refused)["code"]),
        (1, &"UNKNOWN_SIGNER".into())
    );
    assert!(
        refused.stderr.contains("kept in the outbox"),
        "{}",
        refused.stderr
    );
    assert!(
        told(&refused)["what_to_do"]
            .as_str()
            .unwrap()
            .starts_with("Sign nothing in its place"),
        "{}",
        refused.stderr
    );
    let listed = run(&us, &["outbox", "list"], "").await.objects;
    assert_eq!(
        (&listed[0]["state"], &listed[0]["code"]),
        (&"refused".into(), &"UNKNOWN_SIGNER".into())
    );
    assert!(!listed[0]["reason"].as_str().unwrap().is_empty());
    let again = run(&us, &["outbox", "retry"], "").await;
    let said = told(&again);
    assert_eq!(
        (again.code, &said["id"], &said["kind"], &said["exit"]),
        (1, &listed[0]["id"], &"warning".into(), &1.into())
    );
    world.client("us.ctc").publish_key(&new.envelope).await.unwrap();
    let sent = run(&us, &["outbox", "retry"], "").await;
    assert_eq!((sent.code, &sent.objects[0]["id"]), (0, &listed[0]["id"]));
    assert!(run(&us, &["outbox", "list"], "").await.objects.is_empty());

    unpublished_key(&world, "us.ctc-newer").await;
    assert_eq!(run(&us, &["send", "-"], &exercise("ru.ctc")).await.code, 1);
    let listed = run(&us, &["outbox", "list"], "").await.objects;
    let id = listed[0]["id"].as_str().unwrap();
    // Who signs another one is told that the first may be recorded yet, and who gives one up is too.
    let another = run(&us, &["send", "-"], &exercise("ru.ctc")).await.stderr;
    assert!(
        another.contains("WARNING: the relay refused, without a proof") && another.contains(id),
        "{another}"
    );
    let both = run(&us, &["outbox", "list"], "").await.objects;
    let second = both[1]["id"].as_str().unwrap();
    let asked = run(&us, &["outbox", "drop", id], "").await;
    assert_eq!(asked.code, 2);
    assert!(
        asked.stderr.contains("may still hold the signed bytes"),
        "{}",
        asked.stderr
    );
    assert_eq!(run(&us, &["outbox", "drop", "ffff", "--yes"], "").await.code, 2);
    let dropped = run(&us, &["outbox", "drop", id, second, "--yes"], "").await;
    assert_eq!(dropped.code, 0, "{}", dropped.stderr);
    let path = Path::new(dropped.objects[0]["dropped"].as_str().unwrap());
    assert_eq!(path.parent().unwrap(), us.join("outbox/dropped"));
    assert_eq!(
        std::fs::metadata(path).unwrap().len(),
        listed[0]["bytes"].as_u64().unwrap()
    );
    assert!(run(&us, &["outbox", "list"], "").await.objects.is_empty());
}

/// A change of the directory that was refused is kept too, and sent again only by name: what nobody asks for does not
/// happen by the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_is_not_repeated_by_the_way() {
    let world = World::with(&["us.ctc"]).await;
    let operator = world.path().join(OPERATOR);
    let suspend = ["operator", "suspend", "us.ctc", "--reason", "a test"];
    assert_eq!(run(&operator, &suspend, "").await.code, 0);
    let refused = run(&operator, &suspend, "").await;
    assert_eq!((refused.code, &told(&refused)["code"]), (1, &"NO_CHANGE".into()));
    world
        .operator()
        .reinstate(parsed("us.ctc"), "it is over")
        .await
        .unwrap();
    let retried = run(&operator, &["outbox", "retry"], "").await;
    assert_eq!(
        (retried.code, retried.objects.len()),
        (0, 0),
        "{}",
        retried.stderr
    );
    let listed = run(&operator, &["outbox", "list"], "").await.objects;
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &"refused".into()));
    let us = world.path().join("us.ctc");
    assert_eq!(run(&us, &["send", "-"], &exercise("us.ctc")).await.code, 0);
}

/// Between a client and the relay: as soon as a connection has carried so much up, it is cut, and no answer comes back.
async fn cutting_proxy(relay: String, after: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let relay = relay.clone();
            tokio::spawn(async move {
                let relay = TcpStream::connect(relay).await.unwrap();
                let (mut client_reads, mut client_writes) = client.into_split();
                let (mut relay_reads, mut relay_writes) = relay.into_split();
                let down = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut relay_reads, &mut client_writes).await;
                });
                let (mut carried, mut bytes) = (0, vec![0; 4096]);
                while carried < after {
                    let Ok(count @ 1..) = client_reads.read(&mut bytes).await else {
                        break;
                    };
                    if relay_writes.write_all(&bytes[..count]).await.is_err() {
                        break;
                    }
                    carried += count;
                }
                down.abort();
            });
        }
    });
    address
}

/// A warning whose answer never comes back: exit 4, and it is in the outbox, out of which the same bytes are sent to the
/// relay itself and are on the record once. A question without an answer is nothing in the outbox: exit 3.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_kept() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let profile: ProfileDir = world.profile("us.ctc");
    let us = world.path().join("us.ctc");
    let honest = Settings::read(&profile).unwrap();
    let relay = honest.url.replace("https://", "");
    let point_to = |address: String| {
        let settings = Settings {
            url: format!("https://{address}"),
            ..honest.clone()
        };
        settings.write(&profile).unwrap();
    };
    point_to(cutting_proxy(relay.clone(), 16 * 1024).await);
    let long = exercise("ru.ctc").replace("An attack is planned.", &"d".repeat(19_000));
    let unknown = run(&us, &["send", "-"], &long).await;
    assert_eq!(unknown.code, 4, "{}", unknown.stderr);
    assert!(
        told(&unknown)["error"]
            .as_str()
            .unwrap()
            .contains("kept in the outbox")
    );
    let listed = run(&us, &["outbox", "list"], "").await.objects;
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &"waiting".into()));
    point_to(cutting_proxy(relay.clone(), 1).await);
    let asked = run(&us, &["list"], "").await;
    assert_eq!(asked.code, 3, "{}", asked.stderr);
    assert!(!asked.stderr.contains("outbox"), "{}", asked.stderr);
    point_to(relay);
    let sent = run(&us, &["outbox", "retry"], "").await;
    assert_eq!(
        (sent.code, &sent.objects[0]["id"]),
        (0, &listed[0]["id"]),
        "{}",
        sent.stderr
    );
    assert_eq!(run(&us, &["list", "--out"], "").await.objects.len(), 1);
}

/// An answer that was signed first and recorded last counts as the answer, as the records have it; whoever looks is shown
/// that it is the older word.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_answer_that_is_recorded_late_is_marked() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let sent = world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let delivered = next_warning(&mut deliveries).await;
    deliveries.taken(&delivered).await.unwrap();
    deliveries.settle().await.unwrap();
    let older = answer(&delivered, AcknowledgementKind::Accepted);
    let older = ru.prepare_acknowledgement(&older).await.unwrap();
    let signed = SystemClock.now();
    while SystemClock.now() <= signed {
        tokio::task::yield_now().await;
    }
    let newer = answer(&delivered, AcknowledgementKind::Accepted);
    ru.acknowledge(&newer).await.unwrap();
    ru.acknowledge_entry(&older).await.unwrap();
    let status = ["status", &sent.id.to_string()];
    let shown = run(&world.path().join("us.ctc"), &status, "").await;
    let events = shown.objects[0]["recipients"][0]["events"].as_array().unwrap();
    let marked: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "acknowledged")
        .map(|event| &event["predates_answer"])
        .collect();
    assert_eq!(marked, [false, false, true]);
}
