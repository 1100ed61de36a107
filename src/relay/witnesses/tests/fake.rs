//! A witness that may be anything: honest as C2SP tlog-witness asks, or hostile in one way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::domain::{Hash, Origin};
use crate::relay::tests::stage::log_key;
use crate::seal::SecretKey;
use crate::time::{Clock as _, ManualClock};
use crate::transparency::{
    AddCheckpoint, Checkpoint, LogVerifier, WitnessKey, WitnessVerifier, origin_hash, verify_consistency,
};

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Honest,
    /// Takes the request and never answers.
    Silent,
    /// Takes the request and answers with a size when it is told to.
    Waits,
    /// One byte now and then, for ever.
    Drips,
    /// No signature line.
    Garbage,
    /// Signs with another key under its name.
    OtherKey,
    /// Signs another tree of the same size.
    OtherNote,
    /// More than an answer may be.
    Huge,
    /// Says a size that the log has not reached.
    Larger,
    /// Says that the growth does not verify.
    Disputes,
    /// Dates what it signs a day ahead.
    Ahead,
    /// Names no size that it would grow from.
    Sizeless,
    /// This status, and nothing.
    Status(u16),
}

/// A witness on loopback.
#[derive(Clone)]
pub(super) struct Fake(Arc<Inner>);

struct Inner {
    name: String,
    url: String,
    key: WitnessKey,
    log: LogVerifier,
    clock: ManualClock,
    last: Mutex<Option<Checkpoint>>,
    /// What it shows as the last note of the log.
    shows: Mutex<Option<String>>,
    manner: watch::Sender<Manner>,
    /// How many requests have come.
    asked: watch::Sender<usize>,
    /// How many will never be answered.
    held: watch::Sender<usize>,
    /// How many wait to be answered.
    waiting: watch::Sender<usize>,
    /// The size that they are answered with.
    answer: watch::Sender<Option<u64>>,
}

impl Fake {
    pub(super) async fn start(n: u8, manner: Manner, origin: &Origin, clock: &ManualClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("witness.invalid/{n}");
        let fake = Self(Arc::new(Inner {
            url: format!("http://{}/w", listener.local_addr().unwrap()),
            key: WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&[100 + n; 32])),
            name: format!("w{n}"),
            log: log_key(origin).verifier().clone(),
            clock: clock.clone(),
            last: Mutex::default(),
            shows: Mutex::default(),
            manner: watch::Sender::new(manner),
            asked: watch::Sender::new(0),
            held: watch::Sender::new(0),
            waiting: watch::Sender::new(0),
            answer: watch::Sender::new(None),
        }));
        let shown = format!("/w/{}/checkpoint", origin_hash(origin));
        let router = Router::new()
            .route("/w/add-checkpoint", post(add_checkpoint))
            .route(&shown, get(last_note))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn verifier(&self) -> &WitnessVerifier {
        self.0.key.verifier()
    }

    /// Its line of a policy.
    pub(super) fn line(&self) -> String {
        format!("witness {} {} {}\n", self.0.name, self.verifier(), self.0.url)
    }

    pub(super) fn behave(&self, manner: Manner) {
        self.0.manner.send_replace(manner);
    }

    /// What it shows as the last note of the log.
    pub(super) fn show(&self, note: &str) {
        *self.0.shows.lock().unwrap() = Some(note.to_owned());
    }

    /// Waits until so many requests have come.
    pub(super) async fn asked(&self, times: usize) {
        let mut asked = self.0.asked.subscribe();
        asked.wait_for(|count| *count >= times).await.unwrap();
    }

    /// Waits until it holds a request that it will never answer.
    pub(super) async fn holds(&self) {
        let mut held = self.0.held.subscribe();
        held.wait_for(|count| *count > 0).await.unwrap();
    }

    /// Waits until somebody waits for its answer.
    pub(super) async fn waits(&self) {
        let mut waiting = self.0.waiting.subscribe();
        waiting.wait_for(|count| *count > 0).await.unwrap();
    }

    /// Answers those who wait, and all later ones, with this size.
    pub(super) fn answer(&self, size: u64) {
        self.0.answer.send_replace(Some(size));
    }

    fn sign(&self, checkpoint: &Checkpoint) -> String {
        self.0.key.cosign(checkpoint, self.0.clock.now())
    }

    /// What C2SP tlog-witness asks of an honest one.
    fn honest(&self, body: &str) -> Response {
        let AddCheckpoint {
            old_size: old,
            proof,
            note,
        } = body.parse().unwrap();
        let Ok(signed) = self.0.log.open(&note) else {
            return StatusCode::FORBIDDEN.into_response();
        };
        let new = signed.checkpoint();
        let mut last = self.0.last.lock().unwrap();
        let size = last.as_ref().map_or(0, |last| last.size);
        if old > new.size {
            return StatusCode::BAD_REQUEST.into_response();
        }
        if old != size {
            return (StatusCode::CONFLICT, format!("{size}\n")).into_response();
        }
        if let Some(last) = last.as_ref() {
            if last.size == new.size && last.root != new.root {
                return StatusCode::CONFLICT.into_response();
            }
            if verify_consistency(last.size, &last.root, new.size, &new.root, &proof).is_err() {
                return StatusCode::UNPROCESSABLE_ENTITY.into_response();
            }
        }
        *last = Some(new.clone());
        self.sign(new).into_response()
    }
}

async fn last_note(State(fake): State<Fake>) -> Response {
    match fake.0.shows.lock().unwrap().clone() {
        Some(note) => note.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn add_checkpoint(State(fake): State<Fake>, body: String) -> Response {
    fake.0.asked.send_modify(|count| *count += 1);
    let manner = *fake.0.manner.borrow();
    let note = body.split_once("\n\n").unwrap().1;
    let asked = fake.0.log.open(note).unwrap().checkpoint().clone();
    match manner {
        Manner::Honest => fake.honest(&body),
        Manner::Silent => {
            fake.0.held.send_modify(|count| *count += 1);
            std::future::pending().await
        }
        Manner::Waits => {
            fake.0.waiting.send_modify(|count| *count += 1);
            let mut answer = fake.0.answer.subscribe();
            let size = answer.wait_for(Option::is_some).await.unwrap().unwrap();
            (StatusCode::CONFLICT, format!("{size}\n")).into_response()
        }
        Manner::Drips => {
            let drops = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Some((Ok::<_, std::io::Error>("x"), ()))
            });
            Body::from_stream(drops).into_response()
        }
        Manner::Garbage => "\u{2014} not a signature\n\n\n".into_response(),
        Manner::OtherKey => {
            let name = fake.verifier().name().clone();
            let other = WitnessKey::new(name, SecretKey::from_seed(&[9; 32]));
            other.cosign(&asked, fake.0.clock.now()).into_response()
        }
        Manner::OtherNote => {
            let other = Checkpoint {
                root: Hash([1; 32]),
                ..asked
            };
            fake.sign(&other).into_response()
        }
        Manner::Huge => "x".repeat(4 * 1024 * 1024).into_response(),
        Manner::Larger => (StatusCode::CONFLICT, format!("{}\n", asked.size + 1_000)).into_response(),
        Manner::Disputes => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Manner::Ahead => {
            let tomorrow = fake.0.clock.now().saturating_add_ms(24 * 3_600_000);
            fake.0.key.cosign(&asked, tomorrow).into_response()
        }
        Manner::Sizeless => (StatusCode::CONFLICT, "soon\n").into_response(),
        Manner::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}
