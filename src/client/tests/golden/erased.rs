//! The golden inbox, erased by its rules: what stays verifies, and what was erased is attested.

use std::sync::Arc;

use tonic::transport::Endpoint;

use super::lay_out;
use super::values::Values;
use crate::client::inbox_erasure::Fate;
use crate::client::profile::{ProfileDir, Settings};
use crate::client::{Client, DailyErasure, ErasedBy};
use crate::domain::Digest;
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
    client.clock_checked().await.unwrap();
    assert_eq!(client.erase_due_as_known().await.unwrap(), []);
    daily.last = Some(clock.now());
    clock.advance_ms(DAY_MS - 1);
    assert_eq!(daily.look().await.unwrap(), None);
    clock.advance_ms(1);
    assert!(daily.is_time(clock.now()));
    let erased = client.erase_due_as_known().await.unwrap();
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
    clock.set(BEGINNING);
    assert!(daily.is_time(clock.now()));
    assert_eq!(client.erase_due_as_known().await.unwrap(), []);
}

/// While the relay is away nobody knows what is held: what is due stays, an order is refused, and both say that it may succeed later.
#[tokio::test]
async fn nothing_is_erased_while_the_relay_is_away() {
    let (_directory, client, clock) = opened(5);
    let kept = client.inbox_kept().await.unwrap();
    clock.advance_ms(kept[0].due.ms_since(clock.now()));
    client.clock_checked().await.unwrap();
    let mut daily = DailyErasure::of(&client);
    for refused in [
        daily.look().await.map(Option::unwrap_or_default),
        client.erase_early(kept[0].name.digest, "duty officer").await,
    ] {
        let refused = refused.unwrap_err();
        assert!(refused.is_passing(), "{refused}");
    }
    assert!(daily.is_time(clock.now()), "it is tried again");
    assert_eq!(client.inbox_kept().await.unwrap(), kept);
}

/// By a clock that is far ahead of the newest delivery, or of what was noted later, nothing is erased, neither by a rule nor by an order,
/// until it is back or a person has checked it; once. What was noted moves with each run, and not back.
#[tokio::test]
async fn a_clock_that_ran_ahead_erases_nothing() {
    let (_directory, client, clock) = opened(5);
    let kept = client.inbox_kept().await.unwrap();
    let (digest, due) = (kept[0].name.digest, kept[0].due);
    let ahead = |days: i64| BEGINNING.saturating_add_ms(days * DAY_MS);
    let goes = async || {
        let order = client.erase_early_as_known(Digest([9; 32]), "duty officer").await;
        let rule = client.erase_due_as_known().await;
        assert_eq!(order.is_ok(), rule.is_ok(), "{order:?} {rule:?}");
        if let Err(refused) = &rule {
            assert!(refused.to_string().contains("--clock-checked"), "{refused}");
        }
        rule.ok()
    };
    for (day, believed) in [
        (400, false),
        (1, true),
        (400, false),
        (3, true),
        (1, true),
        (5, true),
        (8, false),
    ] {
        clock.set(ahead(day));
        assert_eq!(goes().await, believed.then(Vec::new), "{day}");
    }
    clock.set(due.saturating_add_ms(3 * DAY_MS));
    assert!(client.erase_early_as_known(digest, "duty officer").await.is_err());
    assert_eq!(client.inbox_kept().await.unwrap(), kept);
    client.clock_checked().await.unwrap();
    assert_eq!(goes().await.unwrap().len(), kept.len());
    clock.advance_ms(3 * DAY_MS);
    assert_eq!(goes().await, None);
}

/// An order erases one warning before its rule, at each desk that it came to, and needs an office.
#[tokio::test]
async fn an_order_erases_early() {
    let (_directory, client, _) = opened(5);
    let values = Values::new();
    let digest = values.deliveries[0].0.digest;
    for office in ["", "two\nlines"] {
        client.erase_early_as_known(digest, office).await.unwrap_err();
    }
    assert_eq!(client.inbox_kept().await.unwrap().len(), values.deliveries.len());
    let of_it = values.deliveries.iter().filter(|(name, _)| name.digest == digest);
    let erased = client.erase_early_as_known(digest, "duty officer").await.unwrap();
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
