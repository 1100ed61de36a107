//! Two relays run from one copy of a data directory, with the same keys, and take different traffic. Whoever has verified one
//! of them and is led to the other stops before anything is signed or handled; what both have signed convicts them; and what
//! agencies sign with a `seen` of one is refused by the other. (What one witness finds is in `tests/it/witnessed.rs`.)

use std::path::{Path, PathBuf};

use wardline::client::{Client, ClientError, Outcome, ThreadFact, VerificationError};
use wardline::domain::{
    AcknowledgementKind, AcknowledgementSubmission, DeskAddress, Record, RecordKind, Step, ThreadLink,
    WarningName,
};
use wardline::error::ErrorCode;
use wardline::seal::envelope_from_json;
use wardline::time::{Clock as _, SystemClock};
use wardline::transparency::{LogVerifier, SignedCheckpoint, TlogProof, leaf_hash};
use wardline::wire::{self, v1};

use super::commands::{Ended, run};
use super::honest::{answer, receive_one};
use super::hostile_log::HostileLog;
use super::malicious::found_out;
use super::tamper::lied_to;
use crate::support::{World, copy, draft};
use crate::world::parsed;

const METERED: &[(&str, &str)] = &[("http_listen", "127.0.0.1:0")];
const REFUSED: &str = "wardline_refusals_total{code=\"SEEN_NOT_ON_LOG\"}";

/// Two relays of one log: each has recorded its own start, so they differ from there on.
async fn two_relays(agencies: &[&str], before: impl AsyncFnOnce(&World)) -> (World, World) {
    let mut one = World::new(METERED, agencies).await;
    before(&one).await;
    one.stop().await;
    let other = one.copied(METERED, agencies).await;
    one.start(agencies).await;
    (one, other)
}

/// What lies under `evidence/`, each with what it says and the two checkpoints that contradict each other.
fn convictions(profile: &Path, log: &LogVerifier) -> Vec<(String, SignedCheckpoint, SignedCheckpoint)> {
    let Ok(entries) = std::fs::read_dir(profile.join("evidence")) else {
        return Vec::new();
    };
    let of = |path: PathBuf| {
        let note = |file| {
            log.open(&std::fs::read_to_string(path.join(file)).unwrap())
                .unwrap()
        };
        let what = std::fs::read_to_string(path.join("what.txt")).unwrap();
        (what, note("verified.checkpoint"), note("shown.checkpoint"))
    };
    entries.map(|entry| of(entry.unwrap().path())).collect()
}

fn files(profile: &Path, directory: &str) -> usize {
    let Ok(entries) = std::fs::read_dir(profile.join(directory)) else {
        return 0;
    };
    // The lock of the inbox and the name of its keys are there before anything comes.
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name != ".lock" && name != "keyring.id")
        .count()
}

fn stopped(ended: &Ended, what: &str) {
    assert_eq!(ended.code, 5, "{what}: {:?} {}", ended.objects, ended.stderr);
}

/// A client that has verified one relay is led to the other, whose log is shorter, of the same size, or longer than what was
/// verified; a table. Every command ends with exit 5, the warning that waits there is neither shown nor handled nor signed
/// for, both signed checkpoints are kept and say what they show, and it stays so until a person leads the profile back.
#[tokio::test(flavor = "multi_thread")]
async fn a_reconnecting_client_stops_at_the_other_relay() {
    let (one, other) = two_relays(&["us.ctc", "ru.ctc"], async |_| {}).await;
    let log = one.client("ru.ctc").settings().log.clone();
    let led = |name: &str| {
        let profile = one.path().join(name);
        copy(one.profile("ru.ctc").path(), &profile);
        profile
    };
    // At the same size: both have recorded their start and nothing else.
    let size = one.client("ru.ctc").checkpoint().await.unwrap().size();
    let same = led("same");
    assert_eq!(other.client("us.ctc").checkpoint().await.unwrap().size(), size);
    // Now a warning waits at the other.
    let waiting = other.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    let longer = led("longer");
    for _ in 0..2 {
        one.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
    }
    let beyond = one.client("ru.ctc").checkpoint().await.unwrap().size();
    let shorter = led("shorter");
    let there = other.client("us.ctc").checkpoint().await.unwrap().size();
    assert!(size < there && there < beyond, "{size} {there} {beyond}");

    let handled = one.path().join("handled");
    let exec = format!("touch {}", handled.display());
    let digest = waiting.digest.to_string();
    for (profile, verified, says) in [
        (&same, size, "the log"),
        (&longer, size, "does not begin with the log of size"),
        (&shorter, beyond, "does not begin with the log of size"),
    ] {
        other.lead_here(&wardline::client::ProfileDir::new(profile));
        for attempt in 0..2 {
            for command in [
                &["watch", "--count", "1", "--exec", &exec][..],
                &["status", &digest],
                &["directory", "show", "ru.ctc"],
                &["list"],
            ] {
                let ended = run(profile, command, "").await;
                stopped(&ended, &format!("{attempt} {verified} {command:?}"));
                assert!(ended.stderr.contains("Wake someone"), "{}", ended.stderr);
                assert!(ended.stderr.contains("evidence"), "{}", ended.stderr);
            }
        }
        let convictions = convictions(profile, &log);
        assert!(!convictions.is_empty());
        for (what, before, shown) in convictions {
            assert!(what.contains(says), "{what}");
            assert_eq!((before.size(), shown.size()), (verified, there));
            assert_ne!(before.root(), shown.root());
        }
        for nothing in ["inbox", "outbox", "receipts"] {
            assert_eq!(files(profile, nothing), 0, "{nothing}");
        }
    }
    assert!(!handled.exists());
    // Nor did the other relay hear anything of it.
    let seen = other
        .client("us.ctc")
        .warning(WarningName::Digest(waiting.digest))
        .await
        .unwrap();
    assert_eq!(seen.threads[&parsed::<DeskAddress>("ru.ctc")].step, Step::Routed);
    for profile in [&same, &longer, &shorter] {
        one.lead_here(&wardline::client::ProfileDir::new(profile));
        let ended = run(profile, &["directory", "show", "ru.ctc"], "").await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

/// Two roots of one size are named for what they are: a fork, by the size.
#[tokio::test(flavor = "multi_thread")]
async fn two_roots_of_one_size_are_a_fork() {
    let (one, other) = two_relays(&["us.ctc"], async |_| {}).await;
    let size = one.client("us.ctc").checkpoint().await.unwrap().size();
    other.lead_here(&one.profile("us.ctc"));
    let (error, _) = found_out(one.client("us.ctc").checkpoint().await);
    assert_eq!(error, VerificationError::Forked { size });
}

/// What an agency signs after it has verified one relay is refused by the other, in both directions, by its `seen`: with the
/// documented code, the refusal on the record, an alarm in the log and in the figures; the client ends with exit 5, has both
/// signed checkpoints and keeps what it signed. No answer is on the record of either relay.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_acknowledgement_is_refused_by_its_seen() {
    let (one, other) = two_relays(&["us.ctc", "ru.ctc", "be.ctc"], async |world| {
        let sent = draft(&["ru.ctc", "be.ctc"]);
        world.client("us.ctc").submit(&sent).await.unwrap();
        for agency in ["ru.ctc", "be.ctc"] {
            receive_one(&world.client(agency), agency).await;
        }
    })
    .await;
    for (here, there, agency) in [(&one, &other, "ru.ctc"), (&other, &one, "be.ctc")] {
        let profile = here.profile(agency);
        let client = here.client(agency);
        let (log, verified) = (client.settings().log.clone(), client.checkpoint().await.unwrap());
        let name = client.inbox().list().unwrap().into_keys().next().unwrap();
        drop(client);
        there.lead_here(&profile);
        assert_eq!(there.served.metric(REFUSED).await, 0);
        let digest = name.digest.to_string();
        let ack = ["ack", &digest, "--as", "accepted", "--by", "duty officer"];
        let ended = run(profile.path(), &ack, "").await;
        stopped(&ended, agency);
        assert_eq!(there.served.metric(REFUSED).await, 1);
        let convictions = convictions(profile.path(), &log);
        let [(_, before, shown)] = &convictions[..] else {
            panic!("{convictions:?}");
        };
        assert_eq!(before.note(), verified.note());
        assert_ne!(before.root(), shown.root());
        assert_eq!(files(profile.path(), "outbox"), 1);
        // The code, as a client learns it that does not ask for a proof: the refusal is the last record there.
        let client = here.client(agency);
        let entry = client.outbox().list().unwrap().into_iter().next().unwrap();
        let submission: AcknowledgementSubmission = {
            let message = <v1::AcknowledgementSubmission as prost::Message>::decode(entry.message.clone());
            message.unwrap().try_into().unwrap()
        };
        let request = v1::AcknowledgeRequest {
            acknowledgement: Some((&submission).into()),
        };
        let refused = there
            .exchange(agency)
            .await
            .acknowledge(request)
            .await
            .unwrap_err();
        let details = tonic_types::StatusExt::get_error_details(&refused);
        assert_eq!(
            details.error_info().unwrap().reason,
            ErrorCode::SeenNotOnLog.name()
        );
        for relay in [here, there] {
            let originator = relay.client("us.ctc");
            let seen = originator
                .warning(WarningName::Digest(name.digest))
                .await
                .unwrap();
            let thread = &seen.threads[&parsed::<DeskAddress>(agency)];
            assert_eq!((thread.step, thread.answer), (Step::Received, None));
        }
    }
}

/// The alarm of a relay to which somebody comes who has seen the other one is one line that says that a person must look; the
/// real binary.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_alarms_when_a_signer_has_seen_the_other() {
    let (one, mut other) = two_relays(&["us.ctc", "ru.ctc"], async |world| {
        world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
        receive_one(&world.client("ru.ctc"), "ru.ctc").await;
    })
    .await;
    let client = one.client("ru.ctc");
    client.checkpoint().await.unwrap();
    let name = client.inbox().list().unwrap().into_keys().next().unwrap();
    let process = other.start_as_process().await;
    other.lead_here(&one.profile("ru.ctc"));
    let digest = name.digest.to_string();
    let ack = ["ack", &digest, "--as", "opened", "--by", "duty officer"];
    stopped(&run(one.profile("ru.ctc").path(), &ack, "").await, "ack");
    process.signal("TERM");
    let (code, _, said) = process.ended();
    assert_eq!(code, Some(0), "{said}");
    let alarms = said
        .lines()
        .filter(|line| line.contains("a signer has seen another log than this one: a person must look"));
    let alarms: Vec<&str> = alarms.collect();
    assert!(
        alarms.len() == 1 && alarms[0].contains("ru.ctc"),
        "{alarms:?} {said}"
    );
}

/// A peer's answer that it signed after verifying the other relay convicts this one: the relay, which holds the log's key and
/// proves all that it shows, puts it on its record and shows it to the originator, who stops with exit 5 and keeps the peer's
/// signed words beside what it has verified itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_peers_signed_seen_of_the_other_relay_is_kept() {
    let (one, other) = two_relays(&["us.ctc", "ru.ctc"], async |world| {
        world.client("us.ctc").submit(&draft(&["ru.ctc"])).await.unwrap();
        receive_one(&world.client("ru.ctc"), "ru.ctc").await;
    })
    .await;
    // The peer has verified the other relay, and signs.
    let peer = other.client("ru.ctc");
    let seen = peer.checkpoint().await.unwrap();
    let name = peer.inbox().list().unwrap().into_keys().next().unwrap();
    let delivered = peer.stored(&name).await.unwrap().unwrap();
    let signed = peer
        .sign_acknowledgement(&answer(&delivered, AcknowledgementKind::Accepted))
        .await
        .unwrap();

    let (us, meddler) = lied_to(&one, "us.ctc").await;
    let ours = us.warning(WarningName::Digest(name.digest)).await.unwrap();
    let last = ours.threads[&name.desk].events.last().unwrap();
    assert!(matches!(last.what, ThreadFact::Acknowledged(_)));
    let mut log = HostileLog::of(&one, &one.client("us.ctc")).await;
    let shown = log.append(&Record {
        nonce: [9; 16],
        time: SystemClock.now(),
        thread: Some(ThreadLink {
            warning: name.digest,
            desk: name.desk.clone(),
            seq: last.seq + 1,
            prev: Some(last.proven.leaf()),
        }),
        directory: None,
        kind: RecordKind::Acknowledged(signed.envelope.clone()),
    });
    log.shown_by(&meddler, None, move |answer| {
        answer.threads[0].records.push(shown.clone());
        answer.threads[0].step = v1::Step::Answered.into();
    });
    let (error, evidence) = found_out(us.warning(WarningName::Digest(name.digest)).await);
    assert_eq!(error, VerificationError::SeenContradicts { size: seen.size() });
    let evidence = evidence.unwrap();
    // A third party has the peer's words with their signature, and the log's own proof that it has them on record.
    let kept = std::fs::read_to_string(evidence.join("signed.json")).unwrap();
    assert_eq!(envelope_from_json(&kept).unwrap(), signed.envelope);
    let record = std::fs::read(evidence.join("signed.record")).unwrap();
    let proof = std::fs::read_to_string(evidence.join("signed.tlog-proof")).unwrap();
    let proof = TlogProof::parse(&proof).unwrap();
    proof.verify(&leaf_hash(&record), &us.settings().log).unwrap();
    let RecordKind::Acknowledged(kept) = wire::record(&record).unwrap().kind else {
        panic!("it is no acknowledgement");
    };
    assert_eq!(kept, signed.envelope);
    let verified = std::fs::read_to_string(evidence.join("verified.checkpoint")).unwrap();
    let verified = us.settings().log.open(&verified).unwrap();
    assert!(verified.size() >= seen.size());
    let what = std::fs::read_to_string(evidence.join("what.txt")).unwrap();
    assert!(what.contains("the log is forked"), "{what}");
    is_stopped(&us, &name.digest.to_string()).await;
}

/// It goes on saying so.
async fn is_stopped(client: &Client, digest: &str) {
    let again: Result<_, ClientError> = client.warning(WarningName::Digest(digest.parse().unwrap())).await;
    assert_eq!(again.unwrap_err().outcome(), Outcome::VerificationFailed);
}
