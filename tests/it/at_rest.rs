//! What lies on the relay's disk: without the file of the buckets' keys nothing of what was said, in any byte of it; with
//! it everything; and when that file is lost, all but what was said.

use std::path::{Path, PathBuf};

use wardline::client::{AcknowledgementDraft, Content};
use wardline::domain::{AcknowledgementKind, DeskAddress, WarningName};
use wardline::server;

use crate::client::honest::{answer, receive_one};
use crate::support::{World, in_clear};
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
        let bytes = std::fs::read(path).unwrap();
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
    // The search does find what lies there: the recipient keeps what it was told.
    assert!(!telling(&world.path().join("ru.ctc")).is_empty());

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
