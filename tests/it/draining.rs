//! A relay, the real binary, that is told to stop while it is busy: what it has taken it answers, what it has not it says, and
//! what it has said is on its log when it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic_types::StatusExt as _;
use v1::audit_client::AuditClient;
use v1::receive_request::Kind as Up;
use v1::receive_response::Kind as Down;
use v1::settlement::Kind as Settled;
use v1::submit_many_response::Kind as Many;
use v1::submit_outcome::Kind as Submitted;
use wardline::client::AcknowledgementDraft;
use wardline::domain::{
    AcknowledgementKind, AcknowledgementSubmission, Digest, Receipt, RecordKind, ReplayedContent,
    ReplayedRecord, Submission,
};
use wardline::error::ErrorCode;
use wardline::limits::{
    ACKNOWLEDGEMENTS_IN_FLIGHT_MAX, ACKNOWLEDGEMENTS_PER_THREAD_MAX, SUBMISSIONS_IN_FLIGHT_MAX,
};
use wardline::transparency::{TlogProof, leaf_hash};
use wardline::wire::{self, v1};

use crate::support::{RelayProcess, Session, World, draft, exercise};

/// Answered before the relay is told to stop. All along, as many more are under way as may be.
const ANSWERED_BEFORE: usize = 20;
/// Warnings to acknowledge, each as often as it may be.
const ACKNOWLEDGED: usize = 4;

/// What came of all that was sent over a stream, in the order of sending.
struct Outcome<T> {
    sent: Vec<T>,
    /// The log index of each that was answered.
    answered: BTreeMap<Digest, u64>,
}

/// Submits over one stream, without a pause, until the stream ends; says when some were answered. Each answer is proven
/// by the checkpoint before it. (The SDK asks the relay for a proof that the log only grew, which one that goes down no
/// longer gives; it then sends all of it again.)
async fn submit_until_the_end(world: Arc<World>, busy: oneshot::Sender<()>) -> Outcome<Submission> {
    let us = world.client("us.ctc");
    let log = us.settings().log.clone();
    let (up, requests) = mpsc::channel(SUBMISSIONS_IN_FLIGHT_MAX);
    let mut sent = Vec::new();
    let mut send = async || {
        let submission = exercise(&us, "ru.ctc", 10).await;
        let request = v1::SubmitManyRequest {
            tag: sent.len() as u64,
            submission: Some((&submission).into()),
        };
        sent.push(submission);
        // If the stream has ended, that is said next.
        let _ = up.send(request).await;
    };
    for _ in 0..SUBMISSIONS_IN_FLIGHT_MAX {
        send().await;
    }
    let mut exchange = world.exchange("us.ctc").await;
    let opened = exchange.submit_many(ReceiverStream::new(requests)).await;
    let mut down = opened.unwrap().into_inner();
    let mut checkpoint = String::new();
    let mut answered = BTreeMap::new();
    let mut busy = Some(busy);
    let ended = loop {
        let outcome = match down.message().await {
            Ok(Some(message)) => match message.kind.unwrap() {
                Many::Checkpoint(note) => {
                    checkpoint = String::from_utf8(note.to_vec()).unwrap();
                    continue;
                }
                Many::Outcome(outcome) => outcome,
            },
            Ok(None) => panic!("it ended without a word"),
            Err(ended) => break ended,
        };
        match outcome.kind.unwrap() {
            Submitted::Accepted(answer) => {
                let receipt = Receipt::try_from(answer.accepted.unwrap()).unwrap();
                let proof = TlogProof {
                    index: receipt.index,
                    hashes: receipt.inclusion_proof,
                    checkpoint_note: checkpoint.clone(),
                    extra: None,
                };
                proof.verify(&leaf_hash(&receipt.record), &log).unwrap();
                answered.insert(Digest(answer.digest.as_ref().try_into().unwrap()), receipt.index);
                if answered.len() >= ANSWERED_BEFORE
                    && let Some(busy) = busy.take()
                {
                    busy.send(()).unwrap();
                }
            }
            Submitted::Refused(refusal) => {
                assert_eq!(ErrorCode::from_number(refusal.code), Some(ErrorCode::Draining));
            }
        }
        send().await;
    };
    let info = ended.get_details_error_info().unwrap();
    assert_eq!(info.reason, ErrorCode::Draining.name(), "{ended:?}");
    Outcome { sent, answered }
}

/// Acknowledges over one session, without a pause, until it ends; tells the relay to stop when some were settled.
async fn acknowledge_until_the_end(
    session: Session,
    sent: Vec<AcknowledgementSubmission>,
    process: Arc<RelayProcess>,
) -> Outcome<AcknowledgementSubmission> {
    let Session { up, mut down } = session;
    // One more for each that is settled; the session's channel holds none back.
    let (more, room) = mpsc::channel(ACKNOWLEDGEMENTS_IN_FLIGHT_MAX);
    let sending = tokio::spawn(feed(up, tagged(&sent), room));
    for _ in 0..ACKNOWLEDGEMENTS_IN_FLIGHT_MAX {
        more.send(()).await.unwrap();
    }
    let mut answered = BTreeMap::new();
    let mut draining = false;
    while let Some(message) = down.message().await.unwrap() {
        match message.kind.unwrap() {
            Down::Settlement(settlement) => match settlement.kind.unwrap() {
                Settled::Acknowledged(answer) => {
                    let _ = more.send(()).await;
                    let digest = sent[usize::try_from(settlement.tag).unwrap()].envelope.digest();
                    assert_eq!(answer.digest.as_ref(), digest.as_bytes());
                    answered.insert(digest, answer.receipt.unwrap().index);
                    if answered.len() == ANSWERED_BEFORE {
                        process.signal("TERM");
                    }
                }
                Settled::Refused(refusal) => {
                    assert_eq!(ErrorCode::from_number(refusal.code), Some(ErrorCode::Draining));
                }
            },
            Down::Ending(ending) => {
                assert_eq!(ErrorCode::from_number(ending.code), Some(ErrorCode::Draining));
                draining = true;
            }
            Down::Opened(_) | Down::Delivery(_) | Down::CaughtUp(_) => {}
        }
    }
    assert!(draining, "it ended without a word");
    sending.abort();
    Outcome { sent, answered }
}

/// Sends one message for each that there is room for, as long as the session takes any.
async fn feed(
    up: mpsc::Sender<v1::ReceiveRequest>,
    messages: Vec<v1::ReceiveRequest>,
    mut room: mpsc::Receiver<()>,
) {
    for message in messages {
        if room.recv().await.is_none() || up.send(message).await.is_err() {
            break;
        }
    }
    // Held open: it is the relay that ends it.
    up.closed().await;
}

fn tagged(sent: &[AcknowledgementSubmission]) -> Vec<v1::ReceiveRequest> {
    (0..)
        .zip(sent)
        .map(|(tag, acknowledgement)| v1::ReceiveRequest {
            kind: Some(Up::Acknowledge(v1::TaggedAcknowledgement {
                tag,
                acknowledgement: Some(acknowledgement.into()),
            })),
        })
        .collect()
}

/// As many different acknowledgements of some warnings as the log takes.
async fn acknowledgements(world: &World) -> Vec<AcknowledgementSubmission> {
    let (us, ru) = (world.client("us.ctc"), world.client("ru.ctc"));
    let mut all = Vec::new();
    for _ in 0..ACKNOWLEDGED {
        let warning = us.submit(&draft(&["ru.ctc"])).await.unwrap();
        for _ in 0..ACKNOWLEDGEMENTS_PER_THREAD_MAX {
            let draft = AcknowledgementDraft {
                office: "duty officer".to_owned(),
                ..AcknowledgementDraft::bare(
                    warning.id,
                    warning.digest,
                    ru.own_desk().unwrap(),
                    AcknowledgementKind::Accepted,
                )
            };
            all.push(ru.sign_acknowledgement(&draft).await.unwrap());
        }
    }
    all
}

/// Where each warning and acknowledgement stands on the log, as the originator may see it.
async fn on_the_log(world: &World) -> BTreeMap<Digest, u64> {
    let channel = world.served.channel(&world.tls_identity("us.ctc")).await;
    let mut replay = AuditClient::new(channel)
        .replay(v1::ReplayRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut found = BTreeMap::new();
    while let Some(message) = replay.message().await.unwrap() {
        let Some(v1::replay_response::Kind::Record(record)) = message.kind else {
            continue;
        };
        let shown: ReplayedRecord = record.try_into().unwrap();
        let ReplayedContent::Record(bytes) = &shown.content else {
            continue;
        };
        let digest = match wire::record(bytes).unwrap().kind {
            RecordKind::Accepted(accepted) => accepted.warning.digest(),
            RecordKind::Acknowledged(envelope) => envelope.digest(),
            _ => continue,
        };
        assert_eq!(found.insert(digest, shown.index), None, "{digest} is there twice");
    }
    found
}

/// SIGTERM comes while one agency submits and another acknowledges, each as fast as it can. Whatever was taken is answered,
/// both streams end with DRAINING, nothing is cut; on the log of the next process stands all that was answered, where the
/// answer said, and nothing that was not sent; and all of it sent again is recorded once, `repeated` where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_relay_drains() {
    let mut world = World::with(&["us.ctc", "ru.ctc"]).await;
    let acknowledgements = acknowledgements(&world).await;
    let before = on_the_log(&world).await;
    let process = Arc::new(world.start_as_process().await);
    let (session, _) = Session::open(&world, "ru.ctc", 0).await;
    let (submitting, submits) = oneshot::channel();
    let world = Arc::new(world);
    let submitted = tokio::spawn(submit_until_the_end(Arc::clone(&world), submitting));
    submits.await.unwrap();
    // There are only so many acknowledgements, so they begin when the rest is under way.
    let acknowledged = tokio::spawn(acknowledge_until_the_end(
        session,
        acknowledgements,
        Arc::clone(&process),
    ));
    let (submitted, acknowledged) = (submitted.await.unwrap(), acknowledged.await.unwrap());
    let process = Arc::into_inner(process).unwrap();
    let (exit, last, log) = tokio::task::spawn_blocking(|| process.ended()).await.unwrap();
    assert_eq!((exit, &last["cut"]), (Some(0), &false.into()), "{log}");
    // Else nothing was under way.
    assert!(submitted.answered.len() < submitted.sent.len());
    assert!(acknowledged.answered.len() < acknowledged.sent.len());

    let mut world = Arc::into_inner(world).unwrap();
    let process = world.start_as_process().await;
    let recorded: BTreeMap<Digest, u64> = on_the_log(&world)
        .await
        .into_iter()
        .filter(|(digest, _)| !before.contains_key(digest))
        .collect();
    for (digest, index) in submitted.answered.iter().chain(&acknowledged.answered) {
        assert_eq!(recorded.get(digest), Some(index), "{digest} was answered");
    }
    let digests = submitted.sent.iter().map(|it| it.envelope.digest());
    let sent: BTreeSet<Digest> = digests
        .chain(acknowledged.sent.iter().map(|it| it.envelope.digest()))
        .collect();
    assert!(recorded.keys().all(|digest| sent.contains(digest)));

    let mut again = BTreeMap::new();
    send_again(&world, submitted.sent, &mut again).await;
    acknowledge_again(&world, &acknowledged.sent, &mut again).await;
    assert_eq!(again.len(), sent.len());
    for (digest, (index, repeated)) in &again {
        let earlier = recorded.get(digest);
        assert_eq!(*repeated, earlier.is_some(), "{digest}");
        assert!(earlier.is_none_or(|earlier| earlier == index), "{digest}");
    }
    let at_the_end = on_the_log(&world).await;
    let again = again.into_iter().map(|(digest, (index, _))| (digest, index));
    assert!(before.into_iter().chain(again).collect::<BTreeMap<_, _>>() == at_the_end);
    process.signal("TERM");
    let (exit, _, log) = tokio::task::spawn_blocking(|| process.ended()).await.unwrap();
    assert_eq!(exit, Some(0), "{log}");
}

/// The same bytes over a new stream: where each stands, and whether it was there before.
async fn send_again(world: &World, sent: Vec<Submission>, again: &mut BTreeMap<Digest, (u64, bool)>) {
    let mut stream = world.client("us.ctc").submit_many().await.unwrap();
    let mut sent = sent.into_iter().peekable();
    loop {
        while stream.has_room()
            && let Some(submission) = sent.next()
        {
            stream.send(submission).await.unwrap();
        }
        let Some((_, outcome)) = stream.next().await.unwrap() else {
            return;
        };
        let accepted = outcome.unwrap();
        again.insert(accepted.digest, (accepted.index, accepted.repeated));
    }
}

/// The same of acknowledgements over a new session.
async fn acknowledge_again(
    world: &World,
    sent: &[AcknowledgementSubmission],
    again: &mut BTreeMap<Digest, (u64, bool)>,
) {
    let (Session { up, mut down }, _) = Session::open(world, "ru.ctc", 0).await;
    let requests = tagged(sent);
    let sending = tokio::spawn(async move {
        for request in requests {
            up.send(request).await.unwrap();
        }
        up
    });
    let mut settled = 0;
    while settled < sent.len() {
        let message = down.message().await.unwrap().unwrap();
        if let Some(Down::Settlement(settlement)) = message.kind {
            let Some(Settled::Acknowledged(answer)) = settlement.kind else {
                panic!("{settlement:?}");
            };
            let digest = sent[usize::try_from(settlement.tag).unwrap()].envelope.digest();
            again.insert(digest, (answer.receipt.unwrap().index, answer.repeated));
            settled += 1;
        }
    }
    drop(sending);
}
