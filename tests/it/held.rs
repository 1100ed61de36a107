//! An auditor's hold, through the real binary against a real relay: what it reaches is not erased, at the relay and in the recipient's
//! inbox, while it holds.

use wardline::client::Draft;
use wardline::domain::{Digest, KeyRole, WarningName};
use wardline::time::{Clock as _, SystemClock};

use crate::client::commands::run;
use crate::client::honest::receive_one;
use crate::support::{PATIENCE, until};
use crate::support::{World, draft};

const DAY_MS: i64 = 24 * 3_600_000;
const AUDITOR: &str = "int.un.audit";

/// An exercise that expires after so many days: the bucket of another day.
fn expiring(days: u32) -> Draft {
    let mut draft = draft(&["ru.ctc"]);
    draft.expires = format!("{}h", 24 * days).parse().unwrap();
    draft
}

async fn has_body(world: &World, digest: Digest) -> bool {
    let us = world.client("us.ctc");
    us.warning(WarningName::Digest(digest))
        .await
        .unwrap()
        .content
        .body()
        .is_some()
}

async fn gone(world: &World, digest: Digest) {
    let gone = async || (!has_body(world, digest).await).then_some(());
    until(PATIENCE, "the warning is erased", gone).await;
}

/// An auditor holds one warning until a day. When both are due, the other one is erased, which is looked at later, and the held one is
/// not; its recipient's officer cannot have it erased either. When the hold has ended it goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_not_erased() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    world
        .enrol_auditor_with(AUDITOR, "us.ctc", &[KeyRole::Tls, KeyRole::Officer])
        .await;
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let held = us.submit(&expiring(2)).await.unwrap().digest;
    let other = us.submit(&expiring(4)).await.unwrap().digest;
    receive_one(&ru, "ru.ctc").await;
    let end = SystemClock.now().saturating_add_ms(60 * DAY_MS).to_string();
    let (auditor, warning) = (world.path().join(AUDITOR), held.to_string());
    let hold = [
        "audit",
        "hold",
        &warning,
        "--until",
        &end,
        "--reason",
        "An inquiry.",
        "--by",
        "registrar",
    ];
    let placed = run(&auditor, &hold, "").await;
    assert_eq!(placed.code, 0, "{}", placed.stderr);
    let (of_ru, of_us) = (world.path().join("ru.ctc"), world.path().join("us.ctc"));

    // Its profile has not heard of the hold yet: an order asks first.
    let order = [
        "inbox",
        "erase",
        "--warning",
        &warning,
        "--by",
        "duty officer",
        "--yes",
    ];
    let refused = run(&of_ru, &order, "").await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("an auditor holds it"),
        "{}",
        refused.stderr
    );
    let holds = run(&of_ru, &["audit", "holds"], "").await;
    assert_eq!(holds.objects[0]["warnings"][0], warning.as_str());
    let listed = run(&of_ru, &["inbox", "list"], "").await;
    let of_held = listed
        .objects
        .iter()
        .find(|it| it["digest"] == warning.as_str())
        .unwrap();
    assert_eq!(of_held["kept"]["held"], placed.objects[0]["index"]);

    let names = ["us.ctc", "ru.ctc", AUDITOR];
    world
        .restart(
            &[],
            |it| {
                it.clock_ahead_ms = 40 * DAY_MS;
                // The clock is ahead, and right: the relay asks.
                it.clock_checked_until = Some(wardline::time::Timestamp::from_unix_ms(i64::MAX));
            },
            &names,
        )
        .await;
    gone(&world, other).await;
    assert!(has_body(&world, held).await);
    world
        .restart(
            &[],
            |it| {
                it.clock_ahead_ms = 61 * DAY_MS;
                // The clock is ahead, and right: the relay asks.
                it.clock_checked_until = Some(wardline::time::Timestamp::from_unix_ms(i64::MAX));
            },
            &names,
        )
        .await;
    gone(&world, held).await;
    let told = run(&of_us, &["status", &warning], "").await;
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(
        told.objects[0]
            .to_string()
            .contains("\"retention_class\":\"EXERCISE\"")
    );
}
