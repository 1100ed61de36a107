//! Measuring a relay as its clients find it: closed loops with so many warnings in flight, each counted only when its
//! receipts were verified. Warnings are of status TEST, in a lane of their own.
//!
//! *submit*: from a warning being handed to the stream to its verified receipts. *roundtrip*: to the recipient's `RECEIVED`
//! on the record, with everything a recipient's machine does in between (verify, store and sync, sign).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::draft::{Draft, When};
use super::error::{ClientError, Outcome};
use super::handle::Client;
use super::receive::{Deliveries, Incoming};
use crate::domain::{
    Address, Area, Assertions, Attribution, Body, Category, Certainty, ContentBlock, DeskAddress, Digest,
    Form, Handling, Known, Language, NotifyVictim, Onward, Precedence, Severity, Specifics, Status,
    Submission, Tlp, Urgency, WarningType,
};
use crate::limits;

/// How much is sent in one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many warnings.
    Count(u64),
    /// As many as go in this time.
    Ms(u64),
}

/// What one phase measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phase {
    /// `submit` or `roundtrip`.
    pub phase: &'static str,
    /// Warnings under way at a time.
    pub in_flight: usize,
    /// Warnings that were done.
    pub count: u64,
    /// Warnings done a second, from the first begun to the last done.
    pub per_second: f64,
    /// The median of the time that one took.
    pub p50_ms: f64,
    /// The time within which 99 of 100 were done.
    pub p99_ms: f64,
    /// Warnings that were refused or failed.
    pub errors: u64,
}

/// A warning of status TEST with one block of `body_bytes` characters.
pub fn draft(to: DeskAddress, body_bytes: usize) -> Result<Draft, ClientError> {
    let language: Language = "en"
        .parse()
        .map_err(|error: crate::domain::BadName| ClientError::Invalid(error.to_string()))?;
    let line = "This is a measurement and no warning. ";
    let description: String = line.chars().cycle().take(body_bytes.max(line.len())).collect();
    Ok(Draft {
        to: vec![Address::Desk(to)],
        exclude: Vec::new(),
        status: Status::Test,
        warning_type: WarningType::Notice,
        precedence: Precedence::Routine,
        category: Category::Security,
        expires: When::AfterMs(24 * 3_600_000),
        harm: Vec::new(),
        assertions: Assertions::default(),
        specifics: Specifics {
            place: Known::Unknown,
            time: Known::Unknown,
            method: Known::Unknown,
            target: Known::Unknown,
            perpetrator: Known::Unknown,
        },
        handling: Handling {
            tlp: Tlp::Green,
            onward: Onward::None,
            notify_victim: NotifyVictim::MustNot,
            personal_data: false,
            attribution: Attribution::Named,
        },
        territory: None,
        victims_of: Vec::new(),
        references: Vec::new(),
        office: "measurement".to_owned(),
        form: Form::Sealed,
        onset: None,
        onset_until: None,
        body: Body {
            urgency: Urgency::Unknown,
            severity: Severity::Unknown,
            certainty: Certainty::Unknown,
            authoritative: language.clone(),
            blocks: vec![ContentBlock {
                language,
                event: "Measurement".to_owned(),
                headline: "Measurement".to_owned(),
                description,
                instruction: String::new(),
                area: String::new(),
                target: String::new(),
            }],
            area: Area::default(),
            onset: None,
            onset_until: None,
        },
    })
}

/// Sends over one stream, and counts what came back with verified receipts.
pub async fn submit(
    client: &Client,
    draft: &Draft,
    in_flight: usize,
    amount: Amount,
) -> Result<Phase, ClientError> {
    let in_flight = in_flight.clamp(1, limits::SUBMISSIONS_IN_FLIGHT_MAX);
    let mut signed = signing(client, draft, in_flight);
    let mut stream = client.submit_many().await?;
    let mut begun: HashMap<u64, Instant> = HashMap::new();
    let mut meter = Meter::new("submit", in_flight, amount);
    loop {
        while stream.in_flight() < in_flight && meter.goes_on() {
            let submission = next(&mut signed).await?;
            let since = meter.begin();
            begun.insert(stream.send(submission).await?, since);
        }
        match stream.next().await? {
            None => return Ok(meter.finish()),
            Some((tag, outcome)) => match (outcome, begun.remove(&tag)) {
                (Ok(_), Some(since)) => meter.done(since.elapsed()),
                (Ok(_), None) => {}
                (Err(error), _) => meter.failed(error)?,
            },
        }
    }
}

/// Sends to a desk whose machine receives at the same time, and counts what it has signed for.
pub async fn roundtrip(
    sender: &Client,
    recipient: &Client,
    draft: &Draft,
    in_flight: usize,
    amount: Amount,
) -> Result<Phase, ClientError> {
    let in_flight = in_flight.clamp(1, limits::SUBMISSIONS_IN_FLIGHT_MAX);
    let mut signed = signing(sender, draft, in_flight);
    let mut stream = sender.submit_many().await?;
    let under_way = UnderWay::default();
    let mut receiving = receiving(recipient, under_way.clone(), in_flight).await?;
    let mut sent: HashMap<u64, Digest> = HashMap::new();
    let mut meter = Meter::new("roundtrip", in_flight, amount);
    loop {
        while let Ok(took) = receiving.took.try_recv() {
            meter.done(took?);
        }
        while under_way.len() < in_flight && meter.goes_on() {
            let submission = next(&mut signed).await?;
            let digest = submission.envelope.digest();
            under_way.begin(digest, meter.begin());
            sent.insert(stream.send(submission).await?, digest);
        }
        match stream.next().await? {
            Some((tag, outcome)) => {
                let digest = sent.remove(&tag);
                if let Err(error) = outcome {
                    digest.and_then(|digest| under_way.end(&digest));
                    meter.failed(error)?;
                }
            }
            None if under_way.len() == 0 && !meter.goes_on() => {
                // What was received last may not have been counted yet.
                while let Ok(took) = receiving.took.try_recv() {
                    meter.done(took?);
                }
                return Ok(meter.finish());
            }
            None => match receiving.took.recv().await {
                Some(took) => meter.done(took?),
                None => return Err(ended("the recipient's session")),
            },
        }
    }
}

/// Signs ahead, so that what is measured is not the signing.
fn signing(client: &Client, draft: &Draft, ahead: usize) -> mpsc::Receiver<Result<Submission, ClientError>> {
    let (signed, out) = mpsc::channel(ahead);
    let (client, draft) = (client.clone(), draft.clone());
    tokio::spawn(async move {
        // Ends when nobody wants more.
        while signed.send(client.sign(&draft).await).await.is_ok() {}
    });
    out
}

async fn next(
    signed: &mut mpsc::Receiver<Result<Submission, ClientError>>,
) -> Result<Submission, ClientError> {
    signed.recv().await.ok_or_else(|| ended("the signing"))?
}

fn ended(what: &str) -> ClientError {
    ClientError::Unknown(format!("{what} ended before the measurement"))
}

/// A recipient's machine at work; it stops when this is dropped.
struct Receiving {
    took: mpsc::Receiver<Result<Duration, ClientError>>,
    task: JoinHandle<()>,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes what is ours to measure, and tells how long each took. Returns when the desk is known to be empty: nothing
/// of others is signed for.
async fn receiving(
    recipient: &Client,
    under_way: UnderWay,
    in_flight: usize,
) -> Result<Receiving, ClientError> {
    let mut deliveries = recipient.deliveries(recipient.own_desk()?).await?;
    loop {
        match deliveries.next().await? {
            Incoming::CaughtUp { .. } => break,
            Incoming::Received(_) | Incoming::Accounted { .. } => {}
            Incoming::Warning(_) => {
                let sentence = "warnings wait for the recipient: have them received first, for they would be measured too";
                return Err(ClientError::Invalid(sentence.to_owned()));
            }
        }
    }
    let (told, took) = mpsc::channel(in_flight);
    let task = tokio::spawn(async move {
        loop {
            let told_one = match taken(&mut deliveries, &under_way).await {
                Ok(None) => Ok(()),
                Ok(Some(took)) => told.send(Ok(took)).await,
                Err(error) => told.send(Err(error)).await,
            };
            if told_one.is_err() {
                return;
            }
        }
    });
    Ok(Receiving { took, task })
}

async fn taken(deliveries: &mut Deliveries, under_way: &UnderWay) -> Result<Option<Duration>, ClientError> {
    match deliveries.next().await? {
        Incoming::Warning(delivered) if under_way.holds(&delivered.digest) => {
            deliveries.taken(&delivered).await?;
            Ok(None)
        }
        Incoming::Received(received) => Ok(under_way
            .end(&received.warning_digest)
            .map(|since| since.elapsed())),
        Incoming::Warning(_) | Incoming::CaughtUp { .. } | Incoming::Accounted { .. } => Ok(None),
    }
}

/// The warnings that were begun and not received yet, and when each was.
#[derive(Debug, Clone, Default)]
struct UnderWay(Arc<Mutex<HashMap<Digest, Instant>>>);

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Instant>> {
        // A map is whole whatever its last user did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn holds(&self, digest: &Digest) -> bool {
        self.lock().contains_key(digest)
    }

    fn begin(&self, digest: Digest, now: Instant) {
        self.lock().insert(digest, now);
    }

    fn end(&self, digest: &Digest) -> Option<Instant> {
        self.lock().remove(digest)
    }
}

/// Counts one phase.
struct Meter {
    phase: &'static str,
    in_flight: usize,
    amount: Amount,
    first: Option<Instant>,
    last: Option<Instant>,
    begun: u64,
    errors: u64,
    took_us: Vec<u64>,
}

impl Meter {
    fn new(phase: &'static str, in_flight: usize, amount: Amount) -> Self {
        Self {
            phase,
            in_flight,
            amount,
            first: None,
            last: None,
            begun: 0,
            errors: 0,
            took_us: Vec::new(),
        }
    }

    fn goes_on(&self) -> bool {
        match self.amount {
            Amount::Count(count) => self.begun < count,
            Amount::Ms(ms) => self
                .first
                .is_none_or(|first| first.elapsed() < Duration::from_millis(ms)),
        }
    }

    fn begin(&mut self) -> Instant {
        let now = Instant::now();
        self.first.get_or_insert(now);
        self.begun = self.begun.saturating_add(1);
        now
    }

    fn done(&mut self, took: Duration) {
        self.last = Some(Instant::now());
        self.took_us
            .push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// A refusal is counted; what leaves the rest unknown, or does not verify, ends the measurement.
    fn failed(&mut self, error: ClientError) -> Result<(), ClientError> {
        match error.outcome() {
            Outcome::Refused | Outcome::NothingHappened => {
                tracing::debug!(%error, "a warning of the measurement failed");
                self.errors = self.errors.saturating_add(1);
                Ok(())
            }
            Outcome::Usage | Outcome::Unknown | Outcome::VerificationFailed | Outcome::TimedOut => Err(error),
        }
    }

    fn finish(mut self) -> Phase {
        self.took_us.sort_unstable();
        let span = match (self.first, self.last) {
            (Some(first), Some(last)) => last.duration_since(first).as_secs_f64(),
            (_, _) => 0.0,
        };
        let count = u64::try_from(self.took_us.len()).unwrap_or(u64::MAX);
        Phase {
            phase: self.phase,
            in_flight: self.in_flight,
            count,
            per_second: if span > 0.0 {
                rounded(as_f64(count) / span)
            } else {
                0.0
            },
            p50_ms: rounded(as_f64(percentile(&self.took_us, 50)) / 1_000.0),
            p99_ms: rounded(as_f64(percentile(&self.took_us, 99)) / 1_000.0),
            errors: self.errors,
        }
    }
}

/// The smallest value that `percent` of all do not exceed (nearest rank); 0 of none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Exact below 2^53, which no measurement reaches.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds of a measurement are far below 2^53"
)]
fn as_f64(value: u64) -> f64 {
    value as f64
}

/// To three places: finer is noise.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::time::Timestamp;

    /// Percentiles by nearest rank, on known lists.
    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (sorted, percent, expected) in [
            (&[][..], 50, 0),
            (&[7], 50, 7),
            (&[7], 99, 7),
            (&[1, 2, 3, 4], 50, 2),
            (&[1, 2, 3, 4], 99, 4),
            (&hundred, 99, 99),
        ] {
            assert_eq!(
                percentile(sorted, percent),
                expected,
                "{percent} of {}",
                sorted.len()
            );
        }
    }

    /// The measured warning is one that a relay accepts, as far as that can be told offline, and as long as asked.
    #[test]
    fn the_draft_is_one_that_is_accepted() {
        let draft = draft("be.ctc".parse().unwrap(), 1_000).unwrap();
        assert_eq!(draft.refusals(Timestamp::from_unix_ms(1_709_823_600_000)), []);
        let length: usize = draft
            .body
            .blocks
            .iter()
            .map(|block| block.description.len())
            .sum();
        assert_eq!((draft.status, length), (Status::Test, 1_000));
    }
}
