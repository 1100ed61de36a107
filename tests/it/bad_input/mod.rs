//! Bad input: one table of what a peer may send wrong, over one relay in this process, real TLS and a real journal. Each
//! row says the gRPC code, the reason, and what it leaves on the record: exactly one `REJECTED`, or nothing.
//!
//! That no certificate and TLS 1.2 end in an alert is shown in `edge`.

mod acknowledgement_bytes;
mod acknowledgements;
mod audience;
mod directory;
mod fields;
mod keys;
mod reading;
mod refusals;
mod row;
mod scope;
mod signatures;
mod stage;
mod streams;
mod warnings;

use prost::Message as _;
use wardline::audit::Verifier;
use wardline::domain::{
    AcknowledgementKind, AcknowledgementSubmission, AgencyId, Extension, Status, Step, Submission,
};
use wardline::error::ErrorCode;
use wardline::limits;
use wardline::wire::v1;

use self::refusals::{Faults, Told};
use self::row::{Request, Row};
use self::stage::{AUDITOR, AVIATION, BE, RU, Stage, US};
use self::streams::Session;
use crate::world::parsed;

/// Every row is refused as it says, twice, and leaves what it says; a recipient that listens all the while gets nothing
/// but the good warnings before and after; what was accepted is still there; and the whole log verifies.
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_reason_and_delivers_nothing() {
    let mut stage = Stage::new().await;
    let mut session = Session::open(&stage).await;
    let mut good = Vec::new();
    for (number, submission) in (1..).zip(good_warnings(&mut stage)) {
        stage.deliver(&mut session, &submission, number).await;
        good.push(submission);
    }
    let warning = stage.accepted(AVIATION).await;
    let exhausted = stage.accepted(AVIATION).await;
    let anothers = stage.accepted(BE).await;
    stage.exhaust(&exhausted).await;
    stage.look().await;

    let mut rows = warnings::rows(&mut stage.world);
    rows.extend(fields::rows(&mut stage.world));
    rows.extend(audience::rows(&mut stage.world));
    rows.extend(signatures::rows(&mut stage.world));
    rows.extend(keys::rows(&mut stage.world));
    rows.extend(directory::rows(&mut stage.world));
    rows.extend(reused(&mut stage, &good[0]));
    rows.extend(badly_wrapped(&mut stage));
    rows.extend(acknowledgements::rows(
        &mut stage.world,
        &warning,
        &exhausted,
        &anothers,
    ));
    rows.extend(acknowledgement_bytes::rows(&mut stage.world, &warning));
    rows.extend(reading::rows(&good[0]));
    names_differ(&rows);
    every_code_has_a_row(&rows);

    let mut faults = Faults::default();
    let mut table: Vec<(Row, Option<Told>)> = Vec::new();
    for row in rows {
        let told = stage.refuse(&row, &mut faults).await;
        table.push((row, told));
    }
    faults.tell();
    stage.refuse_many(&table, &mut faults).await;
    session.refuse_again(&stage, &table, &mut faults).await;
    stage.check_scopes(&mut faults).await;
    faults.tell();

    let last = stage.world.warning(US, &[RU]);
    stage.deliver(&mut session, &last, good.len() as u64 + 1).await;
    good.push(last);
    stage.nothing_is_lost(&good).await;
    let rejected = table.iter().filter(|(row, _)| row.rejected.is_some()).count();
    stage.verifies(rejected).await;
    drop(session);
    stage.stop().await;
}

/// What is unusual and fine: an extension that nobody knows and is not critical, and an ACTUAL ALERT with all that it needs.
fn good_warnings(stage: &mut Stage) -> Vec<Submission> {
    let extended = stage.world.draft(US, &[RU], &[]).with(|h| {
        h.extensions = vec![Extension {
            id: "x.unheard-of".to_owned(),
            critical: false,
            value: vec![1, 2, 3],
        }];
    });
    let actual = stage
        .world
        .draft(US, &[RU], &[])
        .with(|h| h.status = Status::Actual);
    assert!(stage.world.origin.is_invalid_tld());
    vec![extended.sign(US), actual.sign(US)]
}

/// The id of a good warning again, with other bytes; and with its recipient's.
fn reused(stage: &mut Stage, good: &Submission) -> Vec<Row> {
    let mut under_its_id = |from: &str, to: &str| {
        let mut other = stage.world.draft(from, &[to], &[]);
        other.header.common.id = good.hint.id;
        other.sign(from)
    };
    let (other, imitation) = (under_its_id(US, RU), under_its_id(RU, US));
    vec![
        Row::nothing(
            "other bytes under an id that was accepted",
            US,
            &other,
            ErrorCode::IdReused,
        ),
        Row::nothing("the id of another's warning", RU, &imitation, ErrorCode::IdReused),
    ]
}

/// What is wrong with the wraps beside a sealed warning is not signed, and not recorded.
fn badly_wrapped(stage: &mut Stage) -> Vec<Row> {
    let mut without = stage.world.draft(US, &[RU], &[]).sealed().sign(US);
    without.wraps.clear();
    let name = "a sealed body without wraps";
    vec![Row::nothing(name, US, &without, ErrorCode::WrapsMismatch).near(&[RU])]
}

/// A fault is told by its row's name.
fn names_differ(rows: &[Row]) {
    let mut names: Vec<&str> = rows.iter().map(|row| row.name).collect();
    names.sort_unstable();
    for pair in names.windows(2) {
        assert_ne!(pair[0], pair[1], "two rows have one name");
    }
}

/// The list of codes is closed: each that says "not these bytes" is shown by a row. The others are the relay's own trouble; and
/// no relay says any more that it takes no sealed bodies.
fn every_code_has_a_row(rows: &[Row]) {
    let given = |code: &&ErrorCode| !code.retryable() && **code != ErrorCode::SealedUnsupported;
    for code in ErrorCode::ALL.iter().filter(given) {
        assert!(rows.iter().any(|row| row.code == *code), "no row for {code}");
    }
}

impl Stage {
    /// Submits a good warning; sent again, the same bytes give the same receipts.
    async fn submit(&self, submission: &Submission) {
        let request = Request::from(submission);
        let answers = [
            self.send(US, &request).await.unwrap(),
            self.send(US, &request).await.unwrap(),
        ];
        let [first, again] = answers.map(|answer| v1::SubmitResponse::decode(answer).unwrap());
        assert_eq!((first.repeated, again.repeated), (false, true));
        let indexes = |answer: &v1::SubmitResponse| -> Vec<u64> {
            answer
                .accepted
                .iter()
                .chain(&answer.routed)
                .map(|r| r.index)
                .collect()
        };
        assert_eq!(indexes(&first), indexes(&again));
    }

    /// A good warning that nobody listens for.
    async fn accepted(&mut self, to: &str) -> Submission {
        let submission = self.world.warning(US, &[to]);
        self.submit(&submission).await;
        submission
    }

    async fn acknowledge(&self, acknowledgement: &AcknowledgementSubmission) {
        self.send(RU, &acknowledgement.into()).await.unwrap();
    }

    /// A good warning is delivered under this number of the desk's, and received.
    async fn deliver(&mut self, session: &mut Session, submission: &Submission, number: u64) {
        self.submit(submission).await;
        session.delivers(submission, number).await;
        let received = self
            .world
            .acknowledgement(RU, submission, AcknowledgementKind::Received, |_| ());
        self.acknowledge(&received).await;
    }

    /// Acknowledges a warning as often as may be.
    async fn exhaust(&mut self, warning: &Submission) {
        let acknowledgements: Vec<AcknowledgementSubmission> = (0..limits::ACKNOWLEDGEMENTS_PER_THREAD_MAX)
            .map(|_| {
                self.world
                    .acknowledgement(AVIATION, warning, AcknowledgementKind::Accepted, |_| ())
            })
            .collect();
        let all = acknowledgements.iter().map(|a| self.acknowledge(a));
        futures_util::future::join_all(all).await;
    }

    /// The sender still finds every warning that was accepted, received by its recipient.
    async fn nothing_is_lost(&self, good: &[Submission]) {
        for submission in good {
            let request = v1::GetWarningRequest {
                warning: Some(v1::WarningName {
                    kind: Some(v1::warning_name::Kind::Digest(bytes::Bytes::copy_from_slice(
                        submission.envelope.digest().as_bytes(),
                    ))),
                }),
                page_token: String::new(),
            };
            let request = Request::call("/wardline.v1.Exchange/GetWarning", &request);
            let answer = self.send(US, &request).await.unwrap();
            let answer = v1::GetWarningResponse::decode(answer).unwrap();
            assert_eq!(answer.envelope, Some((&submission.envelope).into()));
            assert_eq!(answer.threads[0].step, Step::Received.number());
        }
    }

    /// The whole log, as the auditor checks it.
    async fn verifies(&self, rejected: usize) {
        let (checkpoint, records) = self.replay(AUDITOR, 0).await;
        let auditor: AgencyId = parsed(AUDITOR);
        let mut verifier = Verifier::new(self.log.clone(), &checkpoint)
            .unwrap()
            .viewed_by(auditor);
        for record in &records {
            verifier.feed(record).unwrap();
        }
        let counts = verifier.finish().unwrap().report.counts;
        assert_eq!((counts.rejections, counts.out_of_scope), (rejected as u64, 0));
    }
}
