//! A relay that withholds a delivery. The desk's inbox numbers are dense, so the recipient's client notices the gap; what
//! another machine of the desk has acknowledged is no gap, and the relay has to prove that.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use wardline::audit;
use wardline::client::{
    Accounted, Client, ClientError, Deliveries, Gap, Incoming, VerificationError, Watched,
};
use wardline::domain::{DeskAddress, Digest, Step, WarningName};
use wardline::error::ErrorCode;
use wardline::wire::v1;

use super::commands::{Going, run};
use super::honest::receive_one;
use super::malicious::found_out;
use super::tamper::{Meddler, lied_to};
use crate::support::{World, copy, draft};
use crate::world::parsed;

/// Takes all that comes until it has caught up; gives the newest number and how many are missing.
async fn caught_up(deliveries: &mut Deliveries) -> (u64, u64) {
    loop {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => deliveries.taken(&delivered).await.unwrap(),
            Incoming::Received(_) | Incoming::Accounted { .. } => {}
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

async fn accounted(deliveries: &mut Deliveries) -> (Gap, Result<Accounted, ClientError>) {
    loop {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => deliveries.taken(&delivered).await.unwrap(),
            Incoming::Received(_) | Incoming::CaughtUp { .. } => {}
            Incoming::Accounted { gap, accounted } => return (gap, accounted),
        }
    }
}

/// A relay that withholds the second of three and never says that all has come, or names a smaller newest number; a table. The
/// third delivery shows the gap all the same: what waits comes in the order of its numbers.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_found_whatever_the_relay_says_of_the_newest_number() {
    for says in [None, Some(0), Some(1)] {
        let world = World::with(&["us.ctc", "ru.ctc"]).await;
        three(&world.client("us.ctc")).await;
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        meddler.delivers(|delivery| delivery.inbox.as_ref().unwrap().number != 2);
        match says {
            None => meddler.says_caught_up(|_| false),
            Some(number) => meddler.caught_up(move |caught_up| caught_up.inbox_number = number),
        }
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        let (gap, result) = accounted(&mut deliveries).await;
        assert_eq!(
            (gap.newest, gap.missing, gap.first_missing),
            (3, 1, vec![2]),
            "{says:?}"
        );
        let (error, _) = found_out(result);
        let is_found = matches!(
            error,
            VerificationError::Withheld {
                newest: 3,
                withheld: 1,
                ..
            }
        );
        assert!(is_found, "{says:?}: {error:?}");
        if says.is_some() {
            let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
            assert_eq!(caught_up(&mut deliveries).await, (3, 1), "{says:?}");
        }
    }
}

/// An earlier relay counts what was routed after the session began as if it had been sent. It comes then, or is still to come,
/// and nobody is convicted: neither when it has come before the look is over (the list waits for it), nor when it has not.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_routed_meanwhile_is_not_withheld() {
    for comes in [true, false] {
        let world = World::with(&["us.ctc", "ru.ctc"]).await;
        let us = world.client("us.ctc");
        us.submit(&draft(&["ru.ctc"])).await.unwrap();
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        meddler.caught_up(|caught_up| caught_up.inbox_number += 1);
        let (may_answer, waits) = std::sync::mpsc::channel::<()>();
        meddler.list(move |_| {
            if comes {
                // Hangs up when the test does.
                let _ = tokio::task::block_in_place(|| waits.recv());
            }
        });
        meddler.delivers(move |delivery| comes || delivery.inbox.as_ref().unwrap().number == 1);
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        assert_eq!(caught_up(&mut deliveries).await, (2, 1), "{comes}");
        us.submit(&draft(&["ru.ctc"])).await.unwrap();
        deliveries.begin_accounting(2);
        while comes && ru.inbox().list().unwrap().len() < 2 {
            match deliveries.next().await.unwrap() {
                Incoming::Warning(delivered) => deliveries.taken(&delivered).await.unwrap(),
                Incoming::Received(_) => {}
                other => panic!("{other:?}"),
            }
        }
        may_answer.send(()).unwrap();
        let (gap, result) = accounted(&mut deliveries).await;
        assert_eq!(result.unwrap(), Accounted::Elsewhere(0), "{comes}");
        assert_eq!(gap.missing, u64::from(!comes), "{comes}");
    }
}

/// What another machine has received accounts only for numbers up to the newest: of three the second is withheld, and a fourth, which
/// the other machine has received, does not stand for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_warning_elsewhere_stands_for_none_that_is_withheld() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    copy(world.profile("ru.ctc").path(), world.profile("ru.2").path());
    let digests = three(&us).await;
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.delivers(|delivery| ![2, 4].contains(&delivery.inbox.as_ref().unwrap().number));
    meddler.says_caught_up(|_| false);
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let (_, result) = accounted(&mut deliveries).await;
    assert!(matches!(
        found_out(result).0,
        VerificationError::Withheld { withheld: 1, .. }
    ));
    while deliveries.settle().await.unwrap().is_some() {}
    drop(deliveries);
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    // The other machine is given the fourth, and not the second.
    let (second, meddler) = lied_to(&world, "ru.2").await;
    meddler.delivers(|delivery| delivery.inbox.as_ref().unwrap().number == 4);
    let fourth = receive_one(&second, "ru.ctc").await;
    assert!(!digests.contains(&fourth.digest));

    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.delivers(|_| false);
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let (error, _) = found_out(deliveries.account_for(3).await);
    one_of_three_is_withheld(&error);
}

fn one_of_three_is_withheld(error: &VerificationError) {
    assert!(
        matches!(
            error,
            VerificationError::Withheld {
                newest: 3,
                withheld: 1,
                ..
            }
        ),
        "{error:?}"
    );
}

/// A warning that comes here while it is asked about missing ones, and that this machine signs for itself, is not counted as another
/// machine's: of three the second is withheld, and a fourth comes while the relay lists what it has routed. What is told are the
/// numbers of the look that is over, not of what has come since.
#[tokio::test(flavor = "multi_thread")]
async fn what_this_machine_received_meanwhile_stands_for_none() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    three(&us).await;
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.delivers(|delivery| delivery.inbox.as_ref().unwrap().number != 2);
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    let (_, result) = accounted(&mut deliveries).await;
    assert!(matches!(
        found_out(result).0,
        VerificationError::Withheld { withheld: 1, .. }
    ));
    while deliveries.settle().await.unwrap().is_some() {}
    drop(deliveries);

    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    // The list is answered when RECEIVED for the fourth is on the record.
    let (asked, mut is_asked) = tokio::sync::mpsc::unbounded_channel();
    let (may_answer, waits) = std::sync::mpsc::channel::<()>();
    meddler.list(move |_| {
        asked.send(()).unwrap();
        let _ = tokio::task::block_in_place(|| waits.recv());
    });
    meddler.says_caught_up(|_| false);
    deliveries.begin_accounting(3);
    is_asked.recv().await.unwrap();
    loop {
        match deliveries.next().await.unwrap() {
            Incoming::Warning(delivered) => deliveries.taken(&delivered).await.unwrap(),
            Incoming::Received(_) => break,
            other => panic!("{other:?}"),
        }
    }
    // From now on every list is answered at once.
    drop(may_answer);
    let (gap, result) = accounted(&mut deliveries).await;
    assert_eq!((gap.newest, gap.missing, gap.first_missing), (3, 1, vec![2]));
    let (error, _) = found_out(result);
    one_of_three_is_withheld(&error);
}

/// A relay that refuses to show a warning for another reason than that there is none has not shown that nobody has acknowledged it:
/// it is not convicted, and nothing is said to be in order; a table of both.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_warning_that_is_not_there_counts_as_not_acknowledged() {
    for (code, convicts) in [(ErrorCode::NotFound, true), (ErrorCode::PermissionDenied, false)] {
        let world = World::with(&["us.ctc", "ru.ctc"]).await;
        three(&world.client("us.ctc")).await;
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        meddler.delivers(|delivery| delivery.inbox.as_ref().unwrap().number != 2);
        meddler.unshown(move |_| v1::Refusal {
            code: code.number(),
            ..v1::Refusal::default()
        });
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        match accounted(&mut deliveries).await.1 {
            Err(ClientError::Verification { .. }) => assert!(convicts, "{code}"),
            Err(ClientError::Refused(refusal)) => {
                assert_eq!((refusal.refused.code, convicts), (code, false));
            }
            other => panic!("{code}: {other:?}"),
        }
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

/// A second machine comes to a desk that has received sixty-six warnings on its first: all are asked about, and none is asked about
/// again by a later process, so that the one which is withheld then is found: among what is new.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_elsewhere_is_asked_about_once() {
    const BEFORE: u64 = 66;
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    copy(world.profile("ru.ctc").path(), world.profile("ru.2").path());
    let draft = draft(&["ru.ctc"]);
    for sent in join_all((0..BEFORE).map(|_| us.submit(&draft))).await {
        sent.unwrap();
    }
    let first = world.client("ru.2");
    let mut deliveries = first.deliveries(parsed("ru.ctc")).await.unwrap();
    assert_eq!(caught_up(&mut deliveries).await, (BEFORE, 0));
    while deliveries.settle().await.unwrap().is_some() {}
    drop(deliveries);

    let asked = Arc::new(AtomicU64::new(0));
    let look = async |meddled: fn(&Meddler)| {
        let (ru, meddler) = lied_to(&world, "ru.ctc").await;
        meddled(&meddler);
        let count = Arc::clone(&asked);
        meddler.warning(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
        let (newest, missing) = caught_up(&mut deliveries).await;
        assert_eq!(newest, missing);
        deliveries.begin_accounting(newest);
        loop {
            if let Incoming::Accounted { accounted, .. } = deliveries.next().await.unwrap() {
                break accounted;
            }
        }
    };
    assert_eq!(look(|_| {}).await.unwrap(), Accounted::Elsewhere(BEFORE));
    assert_eq!(asked.swap(0, Ordering::Relaxed), BEFORE);
    assert_eq!(look(|_| {}).await.unwrap(), Accounted::Elsewhere(BEFORE));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    us.submit(&draft).await.unwrap();
    let (error, _) = found_out(look(|meddler| meddler.delivers(|_| false)).await);
    assert!(
        matches!(error, VerificationError::Withheld { newest, withheld: 1, .. } if newest == BEFORE + 1),
        "{error:?}"
    );
    // Nobody is accused on one look.
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// A relay routes a warning, keeps it from its recipient and says that there is none: the recipient's client has no number to
/// miss. Its auditor finds in the log that it was routed, that the relay claims to have handed it over, and that nobody there
/// ever received it; and the evidence that the auditor or the originator makes, held against the recipient's inbox, says that
/// it never came (exit 5). Once it has come there, or on another machine of the desk, the same evidence is in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_of_which_the_recipient_was_told_nothing() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    world.enrol_auditor("ch.audit", "ru.ctc").await;
    let (us, auditor) = (world.client("us.ctc"), world.client("ch.audit"));
    copy(world.profile("ru.ctc").path(), world.profile("ru.old").path());
    let name = WarningName::Digest(us.submit(&draft(&["ru.ctc"])).await.unwrap().digest);
    let (ru, meddler) = lied_to(&world, "ru.ctc").await;
    meddler.delivers(|_| false);
    meddler.caught_up(|caught_up| caught_up.inbox_number = 0);
    let mut deliveries = ru.deliveries(parsed("ru.ctc")).await.unwrap();
    assert_eq!(caught_up(&mut deliveries).await, (0, 0));
    let mut watch = us.watch(name).await.unwrap();
    while !matches!(
        watch.next().await.unwrap(),
        Watched::Record {
            step: Step::HandedOver,
            ..
        }
    ) {}
    drop(deliveries);

    let verdict = audit::verify(&auditor, true, |_, _| Ok::<(), audit::AuditError>(()))
        .await
        .unwrap();
    let [warning] = &verdict.timeline.unwrap().warnings[..] else {
        panic!("not one warning")
    };
    let recipient = &warning.recipients[&parsed::<DeskAddress>("ru.ctc")];
    assert_eq!((recipient.step, recipient.handovers.len()), (Step::HandedOver, 1));

    let policy = world.path().join("log.policy");
    std::fs::write(
        &policy,
        format!("log {}\nquorum none\n", us.settings().log.vkey()),
    )
    .unwrap();
    let check = async |profile: &str, file: &Path| {
        let (file, policy) = (file.to_str().unwrap(), policy.to_str().unwrap());
        let profile = world.profile(profile);
        let mut ended = run(
            profile.path(),
            &["audit", "check", file, "--policy", policy, "--inbox"],
            "",
        )
        .await;
        (ended.code, ended.objects.remove(0)["inbox"].take(), ended.stderr)
    };
    let mut files = Vec::new();
    for (who, client) in [("us", &us), ("auditor", &auditor)] {
        let file = world.path().join(format!("{who}.json"));
        std::fs::write(&file, audit::make(client, &name).await.unwrap().json).unwrap();
        let (code, inbox, stderr) = check("ru.ctc", &file).await;
        assert_eq!(
            (code, inbox["came"].as_str()),
            (5, Some("NEVER")),
            "{who}: {stderr}"
        );
        assert_eq!(inbox["handed_over_indexes"].as_array().unwrap().len(), 1, "{who}");
        assert!(stderr.contains("never came to this profile"), "{who}: {stderr}");
        files.push(file);
    }
    // Nothing of it is about the originator's own desk.
    let (code, inbox, _) = check("us.ctc", &files[0]).await;
    assert_eq!((code, inbox), (0, serde_json::Value::Null));

    copy(world.profile("ru.ctc").path(), world.profile("ru.2").path());
    receive_one(&world.client("ru.ctc"), "ru.ctc").await;
    for file in &files {
        let (code, inbox, stderr) = check("ru.ctc", file).await;
        assert_eq!((code, inbox["came"].as_str()), (0, Some("HERE")), "{stderr}");
    }
    let file = world.path().join("later.json");
    std::fs::write(&file, audit::make(&us, &name).await.unwrap().json).unwrap();
    // A machine that was not in contact since the warning was routed convicts nobody.
    let (code, inbox, stderr) = check("ru.old", &files[0]).await;
    assert_eq!((code, inbox["came"].as_str()), (0, Some("NOT_YET")), "{stderr}");
    // Without roots nobody knows whose key has acknowledged it, unless the relay has proven it to this profile before.
    let (code, inbox, stderr) = check("ru.2", &file).await;
    assert_eq!((code, inbox["came"].as_str()), (5, Some("CLAIMED")), "{stderr}");
    let second = world.client("ru.2");
    let mut deliveries = second.deliveries(parsed("ru.ctc")).await.unwrap();
    assert_eq!(caught_up(&mut deliveries).await, (1, 1));
    assert_eq!(deliveries.account_for(1).await.unwrap(), Accounted::Elsewhere(1));
    for file in [&file, &files[0]] {
        let (code, inbox, stderr) = check("ru.2", file).await;
        assert_eq!((code, inbox["came"].as_str()), (0, Some("ELSEWHERE")), "{stderr}");
    }
}

/// The command tells a person: `watch` says so at once, goes on taking what comes, and ends with exit 5 however it ends. The
/// gap is played by renaming what came under number 2 to number 9: nothing accounts for the numbers in between then.
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
        (&7.into(), &9.into())
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

/// For people: what never came is said when all that waited has come, and what was not found out before the end is said at the
/// end, whatever ended it. The gap is played as above; the end comes while --exec still runs a program that never ends.
#[tokio::test(flavor = "multi_thread")]
async fn watch_tells_people_what_never_came() {
    let world = World::with(&["us.ctc", "ru.ctc"]).await;
    let us = world.client("us.ctc");
    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let profile = world.profile("ru.ctc");
    assert_eq!(run(profile.path(), &["watch", "--count", "1"], "").await.code, 0);
    for file in std::fs::read_dir(profile.inbox()).unwrap() {
        let path = file.unwrap().path();
        let renamed = path.to_str().unwrap().replace("_ru.ctc_1.", "_ru.ctc_9.");
        std::fs::rename(&path, renamed).unwrap();
    }
    let watch = |global: &[&str], arguments: &[&str]| {
        let mut command = tokio::process::Command::from(crate::support::wardline(Path::new("."), global));
        command
            .arg("--profile")
            .arg(profile.path())
            .arg("watch")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().unwrap()
    };
    let mut watching = watch(&[], &[]);
    let mut lines = BufReader::new(watching.stderr.take().unwrap()).lines();
    let said = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        if line.contains("never came to this profile") {
            break line;
        }
    };
    assert!(
        said.contains("8 of the 9 warnings") && said.contains("is being asked"),
        "{said}"
    );
    drop(watching);

    us.submit(&draft(&["ru.ctc"])).await.unwrap();
    let mut watching = watch(&["--json"], &["--exec", "tail -f /dev/null"]);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().unwrap();
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        if object["event"] == "warning" {
            break;
        }
    }
    let id = i32::try_from(watching.id().unwrap()).unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let ended = watching.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.contains("7 of the 9 warnings") && stderr.contains("was not found out before the end"),
        "{stderr}"
    );
}
