//! A relay that withholds a delivery. The desk's inbox numbers are dense, so the recipient's client notices the gap; what
//! another machine of the desk has acknowledged is no gap, and the relay has to prove that.

use wardline::client::{Accounted, Client, Deliveries, Incoming, VerificationError};
use wardline::domain::Digest;
use wardline::wire::v1;

use super::commands::{Going, run};
use super::honest::receive_one;
use super::malicious::found_out;
use super::tamper::lied_to;
use crate::support::{World, copy, draft};
use crate::world::parsed;

/// Takes all that comes until it has caught up; gives the newest number and how many are missing.
async fn caught_up(deliveries: &mut Deliveries) -> (u64, u64) {
    loop {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => deliveries.taken(&delivered).await.unwrap(),
            Incoming::Received(_) => {}
            Incoming::CaughtUp { newest, missing, .. } => return (newest, missing),
        }
    }
}

async fn three(sender: &Client) -> Vec<Digest> {
    let mut digests = Vec::new();
    for _ in 0..3 {
        digests.push(sender.submit(&draft(&["ru.ctc"])).await.unwrap().digest);
    }
    digests
}

/// The second of three is withheld, while the relay lists it as routed, or hides it there too; a table. The client counts, and
/// the relay cannot show that anybody at the desk has acknowledged it: exit 5, and the deliveries on both sides of the gap
/// are kept, whose openings prove that there is a number in between. The others were handled and signed for.
#[tokio::test(flavor = "multi_thread")]
async fn a_withheld_delivery_is_found_by_its_number() {
    for hidden in [false, true] {
        let world = World::with(&["us.ctc", "ru.ctc"]).await;
        let digests = three(&world.client("us.ctc")).await;
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        let withheld = digests[1];
        meddler.delivers(move |delivery| {
            // The number is all that tells them apart here.
            delivery.inbox.as_ref().unwrap().number != 2
        });
        if hidden {
            meddler.list(move |answer| {
                answer
                    .warnings
                    .retain(|row| row.digest.as_ref() != withheld.as_bytes());
            });
        }
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        assert_eq!(caught_up(&mut deliveries).await, (3, 1), "{hidden}");
        let (error, evidence) = found_out(deliveries.account_for(3).await);
        assert_eq!(
            error,
            VerificationError::Withheld {
                desk: parsed("ru.ctc"),
                newest: 3,
                withheld: 1
            },
            "{hidden}"
        );
        let evidence = evidence.unwrap();
        for (file, number, digest) in [("before.pb", 1, digests[0]), ("after.pb", 3, digests[2])] {
            let kept = std::fs::read(evidence.join(file)).unwrap();
            let kept = <v1::Delivery as prost::Message>::decode(kept.as_slice()).unwrap();
            assert_eq!(kept.inbox.unwrap().number, number, "{file}");
            let envelope: wardline::domain::SignedEnvelope = kept.envelope.unwrap().try_into().unwrap();
            assert_eq!(envelope.digest(), digest, "{file}");
        }
        while deliveries.settle().await.unwrap().is_some() {}
        assert_eq!(ru.inbox().list().unwrap().len(), 2, "{hidden}");
    }
}

/// What another machine of the desk has received is proven to be there, and no alarm: two profiles with the same keys.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_machine_received_is_accounted_for() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    copy(world.profile("ru.ctc").path(), world.profile("ru.2").path());
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    receive_one(&world.client("ru.2"), "ru.ctc").await;
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let ru = world.client("ru.ctc");
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    assert_eq!(caught_up(&mut deliveries).await, (2, 1));
    assert_eq!(deliveries.account_for(2).await.unwrap(), Accounted::Elsewhere(1));
}

/// The command tells a person: `watch` says so at once, goes on taking what comes, and ends with exit 5 however it ends. The
/// gap is played by renaming what came under number 2 to number 9: nothing accounts for number 2 then.
#[tokio::test(flavor = "multi_thread")]
async fn watch_says_that_a_warning_is_withheld() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    for _ in 0..2 {
        us.submit(&draft(&["ru.ctc"])).await.unwrap();
    }
    let profile = world.profile("ru.ctc");
    let taken = run(profile.path(), &["watch", "--count", "2"], "").await;
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    for file in std::fs::read_dir(profile.inbox()).unwrap() {
        let path = file.unwrap().path();
        let renamed = path.to_str().unwrap().replace("_ru.ctc_2.", "_ru.ctc_9.");
        std::fs::rename(&path, renamed).unwrap();
    }
    let mut watch = Going::start(profile.path(), &["watch"]);
    let shown = watch.until(|it| it["event"] == "withheld").await;
    let withheld = shown.last().unwrap();
    assert_eq!(
        (&withheld["withheld"], &withheld["inbox_number"]),
        (&1.into(), &2.into())
    );
    assert!(std::path::Path::new(withheld["evidence"].as_str().unwrap()).is_dir());
    // It goes on.
    let sent = us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let digest = sent.digest.to_string();
    watch
        .until(|it| it["event"] == "received" && it["warning_digest"] == digest.as_str())
        .await;
    assert_eq!(watch.interrupted().await, Some(5));
}
