//! The golden inbox, erased by its rules: what stays verifies, and what was erased is attested.

use std::sync::Arc;

use tonic::transport::Endpoint;

use super::lay_out;
use super::values::Values;
use crate::client::inbox_erasure::Fate;
use crate::client::profile::{ProfileDir, Settings};
use crate::client::{Client, DailyErasure, ErasedBy};
use crate::time::{Clock as _, ManualClock};
use crate::world::BEGINNING;

const DAY_MS: i64 = 24 * 3_600_000;

fn opened(exercise_days: u32) -> (tempfile::TempDir, Client, ManualClock) {
    let directory = tempfile::tempdir().unwrap();
    lay_out(directory.path());
    let profile = ProfileDir::new(directory.path());
    let mut settings = Settings::read(&profile).unwrap();
    settings.retention.exercise_days = exercise_days;
    settings.retention.ordinary_days = exercise_days;
    settings.retention.personal_data_days = exercise_days;
    settings.write(&profile).unwrap();
    let nowhere = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let clock = ManualClock::at(BEGINNING);
    let client = Client::open_over(&profile, nowhere, Arc::new(clock.clone()));
    (directory, client.unwrap(), clock)
}

/// Each delivery is erased to the millisecond by its rule, not before; its header, envelope and proof verify then as before, and it
/// is told when and by what. It is looked for once a day, also if the clock is set back.
#[tokio::test]
async fn the_inbox_is_erased_by_its_rules() {
    let (_directory, client, clock) = opened(5);
    let values = Values::new();
    let kept = client.inbox_kept().await.unwrap();
    assert_eq!(kept.len(), values.deliveries.len());
    let due = kept[0].due;
    assert!(
        kept.iter()
            .all(|it| it.due == due && it.days == 5 && it.held.is_none())
    );
    let before = client.stored(&kept[0].name).await.unwrap().unwrap();
    assert!(before.content.body().is_some());

    let mut daily = DailyErasure::of(&client);
    clock.advance_ms(due.ms_since(clock.now()) - 1);
    assert_eq!(daily.look().await.unwrap(), Some(vec![]));
    clock.advance_ms(DAY_MS - 1);
    assert_eq!(daily.look().await.unwrap(), None);
    clock.advance_ms(1);
    let erased = daily.look().await.unwrap().unwrap();
    assert_eq!(erased.len(), kept.len());
    for (name, erased) in &erased {
        assert_eq!(erased.by, ErasedBy::Rule { days: 5 });
        assert_eq!(erased.at, clock.now());
        let left = client.stored(name).await.unwrap().unwrap();
        assert!(left.content.body().is_none());
        assert_eq!(left.envelope, before.envelope);
        assert_eq!(client.inbox().erased(name).unwrap().as_ref(), Some(erased));
    }
    assert_eq!(client.inbox_kept().await.unwrap(), []);
    clock.advance_ms(DAY_MS);
    assert_eq!(daily.look().await.unwrap(), Some(vec![]));
}

/// An order erases one warning before its rule, at each desk that it came to, and needs an office.
#[tokio::test]
async fn an_order_erases_early() {
    let (_directory, client, _) = opened(5);
    let values = Values::new();
    let digest = values.deliveries[0].0.digest;
    for office in ["", "two\nlines"] {
        client.erase_early(digest, office).await.unwrap_err();
    }
    assert_eq!(client.inbox_kept().await.unwrap().len(), values.deliveries.len());
    let of_it = values.deliveries.iter().filter(|(name, _)| name.digest == digest);
    let erased = client.erase_early(digest, "duty officer").await.unwrap();
    assert_eq!(erased.len(), of_it.count());
    for (name, erased) in erased {
        let office = "duty officer".to_owned();
        assert_eq!(erased.by, ErasedBy::Order { office });
        assert!(
            client
                .stored(&name)
                .await
                .unwrap()
                .unwrap()
                .content
                .body()
                .is_none()
        );
    }
}

/// After the loss of the keys, when the buckets have others already (the next delivery makes them), what lies there is still
/// counted as unanswered, and verifies without what it said.
#[tokio::test]
async fn lost_keys_end_no_session() {
    let (directory, client, _) = opened(5);
    let kept = client.inbox_kept().await.unwrap();
    let desk = &kept[0].name.desk;
    client.inbox().erase(&|_| Fate::Stays).unwrap();
    let before = client.unanswered(desk).await.unwrap();
    assert!(!before.is_empty());
    std::fs::remove_file(directory.path().join("retention.keys")).unwrap();
    std::fs::remove_file(directory.path().join("inbox/keyring.id")).unwrap();
    let buckets: Vec<_> = kept.iter().map(|it| it.bucket).collect();
    let keys = client.inbox().keys().locked().unwrap();
    keys.keyring.ensure_all(&buckets).unwrap();
    drop(keys);
    assert_eq!(client.unanswered(desk).await.unwrap(), before);
    for it in &kept {
        let left = client.stored(&it.name).await.unwrap().unwrap();
        assert!(left.content.body().is_none());
    }
}
