//! What lies on the relay's disk: without the file of the buckets' keys nothing of what was said, in any byte of it; with
//! it everything; and when that file is lost, all but what was said.

use std::path::{Path, PathBuf};

use wardline::client::{AcknowledgementDraft, Content};
use wardline::domain::{AcknowledgementKind, DeskAddress, RecordKind, WarningName};
use wardline::server;

use crate::client::honest::{answer, receive_one};
use crate::support::{PATIENCE, World, in_clear, until};
use crate::world::parsed;

const SAID: [&str; 3] = ["Concert hall", "An attack is planned.", "Zephyrine, by the river"];

/// Every file below `directory`.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The files that hold something of what was said.
pub(crate) fn telling(directory: &Path) -> Vec<PathBuf> {
    let tells = |path: &PathBuf| {
        let bytes = match std::fs::read(path) {
            // One that the relay has replaced since it was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
            read => read.unwrap(),
        };
        let holds = |said: &&str| bytes.windows(said.len()).any(|window| window == said.as_bytes());
        SAID.iter().any(holds)
    };
    files(directory).into_iter().filter(tells).collect()
}

/// A warning in clear and a free-text answer: no byte that the relay has written holds a word of them, before or after a restart;
/// both are read as they were said, until the file of the keys is lost: then a start is refused, and goes on without them
/// once somebody says so, with all receipts and threads as they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_disk_says_nothing() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let data = world.path().join("data");
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&in_clear(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    let noted = AcknowledgementDraft {
        note: Some((parsed("en"), SAID[2].to_owned())),
        ..answer(&delivered, AcknowledgementKind::Accepted)
    };
    ru.acknowledge(&noted).await.unwrap();
    assert_eq!(telling(&data), [] as [PathBuf; 0]);
    world.stop().await;
    assert_eq!(telling(&data), [] as [PathBuf; 0]);
    // Nor what its sender and its recipient keep: the one has sent it, the other keeps it encrypted.
    assert_eq!(telling(world.path()), [] as [PathBuf; 0]);
    // The search does find what lies there.
    let note = world.path().join("note");
    std::fs::write(&note, format!("they said: {}", SAID[1])).unwrap();
    assert_eq!(telling(world.path()), [note]);

    world.start(&["us.ctc"]).await;
    let us = world.client("us.ctc");
    let whole = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert_eq!(whole.content.body().unwrap().blocks[0].headline, SAID[0]);
    let desk: DeskAddress = parsed("ru.ctc");
    let text = |seen: &wardline::client::VerifiedWarning| {
        let events = &seen.threads[&desk].events;
        format!("{events:?}").contains(SAID[2])
    };
    assert!(text(&whole));

    world.stop().await;
    let keys = data.join("keys/buckets");
    std::fs::remove_file(&keys).unwrap();
    let refused = server::start(&world.home.settings(&[])).await.err().unwrap();
    assert!(refused.to_string().contains("is not there"), "{refused}");
    assert!(!keys.exists());
    std::fs::remove_file(data.join("keyring.id")).unwrap();
    world.start(&["us.ctc"]).await;
    let us = world.client("us.ctc");
    let bare = us.warning(WarningName::Id(sent.id)).await.unwrap();
    assert!(bare.content == Content::Erased && !text(&bare));
    assert_eq!(bare.digest, whole.digest);
    assert_eq!(bare.threads[&desk].step, whole.threads[&desk].step);
}

/// After its rule has erased it at the relay, and an order in the recipient's inbox, no byte of either disk holds a word of it, whatever
/// lies there, keys included; both still show what was signed, and prove it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_on_no_disk() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let sent = us.submit(&in_clear(&["ru.ctc"])).await.unwrap();
    let delivered = receive_one(&ru, "ru.ctc").await;
    let noted = AcknowledgementDraft {
        note: Some((parsed("en"), SAID[2].to_owned())),
        ..answer(&delivered, AcknowledgementKind::Accepted)
    };
    ru.acknowledge(&noted).await.unwrap();
    let name = delivered.inbox_name();
    let before = ru.stored(&name).await.unwrap().unwrap();
    assert!(before.content.body().is_some());
    let keys = [
        world.path().join("data/keys/buckets"),
        world.path().join("ru.ctc/retention.keys"),
    ];
    let lay = keys.clone().map(|file| std::fs::read(file).unwrap());

    ru.erase_early(delivered.digest, "duty officer").await.unwrap();
    world
        .restart(
            &[],
            |settings| {
                settings.clock_ahead_ms = 40 * DAY_MS;
                // The clock is ahead, and right: the relay asks.
                settings.clock_checked_until = Some(wardline::time::Timestamp::from_unix_ms(i64::MAX));
            },
            &["us.ctc"],
        )
        .await;
    let us = world.client("us.ctc");
    let gone = async || {
        let warning = us.warning(WarningName::Id(sent.id)).await.unwrap();
        (warning.content == Content::Erased).then_some(())
    };
    until(PATIENCE, "the warning is erased", gone).await;
    let left = us.warning(WarningName::Id(sent.id)).await.unwrap();
    let desk: DeskAddress = parsed("ru.ctc");
    let events = format!("{:?}", left.threads[&desk].events);
    assert!(events.contains("Erased") && !events.contains(SAID[2]), "{events}");
    let left = ru.stored(&name).await.unwrap().unwrap();
    assert!(left.content.body().is_none());
    assert_eq!(
        (left.envelope, left.routed.index()),
        (before.envelope, before.routed.index())
    );
    assert!(matches!(left.routed.record().kind, RecordKind::Routed(_)));

    world.stop().await;
    assert_eq!(telling(world.path()), [] as [PathBuf; 0]);
    // No key that opened it lies anywhere either: each is 32 bytes after its tag and bucket.
    for (file, lay) in keys.iter().zip(&lay) {
        let now = std::fs::read(file).unwrap();
        let first = lay.len() - 32 - 37;
        let key = &lay[first + 5..first + 37];
        assert!(!now.windows(32).any(|window| window == key), "{}", file.display());
        let holding = files(world.path()).into_iter().filter(|path| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(32).any(|window| window == key)
        });
        assert_eq!(holding.count(), 0);
    }
}

const DAY_MS: i64 = 24 * 3_600_000;
