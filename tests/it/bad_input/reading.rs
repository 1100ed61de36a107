//! What is asked for: sessions, warnings, lists and proofs that are not the caller's, or are no question at all. And bytes
//! that are no message.

use bytes::Bytes;
use wardline::domain::Submission;
use wardline::error::ErrorCode as E;
use wardline::limits;
use wardline::wire::v1;

use super::row::{Request, Row};
use super::stage::{AUDITOR, AVIATION, BE, OPERATOR, RU, STRANGER, US};

pub(super) fn rows(anothers: &Submission) -> Vec<Row> {
    let mut rows = sessions();
    rows.extend(warnings(anothers));
    rows.extend(lists());
    rows.extend(log());
    rows.extend(bytes());
    rows
}

fn receive(desk: &str) -> Request {
    let open = v1::OpenSession {
        desk: desk.to_owned(),
        credit: 1,
    };
    let first = v1::ReceiveRequest {
        kind: Some(v1::receive_request::Kind::Open(open)),
    };
    Request::stream("/wardline.v1.Exchange/Receive", &first)
}

/// Delivery sessions.
fn sessions() -> Vec<Row> {
    let credit = v1::ReceiveRequest {
        kind: Some(v1::receive_request::Kind::Credit(v1::Credit { deliveries: 1 })),
    };
    let unopened = Request::stream("/wardline.v1.Exchange/Receive", &credit);
    vec![
        Row::nothing("another's duty desk", BE, receive(RU), E::PermissionDenied),
        Row::nothing("another's desk", US, receive(AVIATION), E::PermissionDenied),
        Row::nothing(
            "a desk that it has not",
            US,
            receive("us.ctc/nobody"),
            E::NotFound,
        ),
        Row::nothing("no desk at all", US, receive("Moscow!"), E::InvalidValue),
        Row::nothing("an operator receives", OPERATOR, receive(""), E::PermissionDenied),
        Row::nothing("an auditor receives", AUDITOR, receive(""), E::PermissionDenied),
        Row::nothing(
            "an auditor receives for it",
            AUDITOR,
            receive(RU),
            E::PermissionDenied,
        ),
        Row::nothing("a session that is not opened", US, unopened, E::InvalidRequest),
        Row::nothing(
            "a stranger receives",
            STRANGER,
            receive(RU),
            E::UnknownCertificate,
        ),
    ]
}

fn name(kind: Option<v1::warning_name::Kind>) -> Option<v1::WarningName> {
    Some(v1::WarningName { kind })
}

/// One warning: what is not the caller's to see is not there.
fn warnings(anothers: &Submission) -> Vec<Row> {
    use v1::warning_name::Kind;
    let digest = Bytes::copy_from_slice(anothers.envelope.digest().as_bytes());
    let by_digest = name(Some(Kind::Digest(digest)));
    let by_id = name(Some(Kind::Id(Bytes::copy_from_slice(
        anothers.hint.id.as_bytes(),
    ))));
    let get = |warning: &Option<v1::WarningName>| {
        let request = v1::GetWarningRequest {
            warning: warning.clone(),
            ..Default::default()
        };
        Request::call("/wardline.v1.Exchange/GetWarning", &request)
    };
    let watch = |warning: &Option<v1::WarningName>| {
        let request = v1::WatchWarningRequest {
            warning: warning.clone(),
        };
        Request::stream("/wardline.v1.Exchange/WatchWarning", &request)
    };
    let evidence = |warning: &Option<v1::WarningName>| {
        let request = v1::GetEvidenceRequest {
            warning: warning.clone(),
            ..Default::default()
        };
        Request::call("/wardline.v1.Audit/GetEvidence", &request)
    };
    let short = name(Some(Kind::Digest(vec![1; 31].into())));
    let page = |page_token: &str| {
        let (warning, page_token) = (by_digest.clone(), page_token.to_owned());
        let request = v1::GetWarningRequest { warning, page_token };
        Request::call("/wardline.v1.Exchange/GetWarning", &request)
    };
    let evidence_page = |page_token: &str| {
        let (warning, page_token) = (by_digest.clone(), page_token.to_owned());
        let request = v1::GetEvidenceRequest {
            warning,
            page_token,
            ..Default::default()
        };
        Request::call("/wardline.v1.Audit/GetEvidence", &request)
    };
    let unknown = name(Some(Kind::Digest(vec![1; 32].into())));
    vec![
        Row::nothing("another's warning by digest", BE, get(&by_digest), E::NotFound),
        Row::nothing("another's warning by id", BE, get(&by_id), E::NotFound),
        Row::nothing(
            "a warning for an operator",
            OPERATOR,
            get(&by_digest),
            E::NotFound,
        ),
        Row::nothing("a warning that is not there", US, get(&unknown), E::NotFound),
        Row::nothing("a warning of a short digest", US, get(&short), E::InvalidValue),
        Row::nothing("a warning of no name", US, get(&name(None)), E::MissingField),
        Row::nothing("a warning not named", US, get(&None), E::MissingField),
        Row::nothing(
            "a page of nobody's warning",
            US,
            page("../../1"),
            E::InvalidRequest,
        ),
        Row::nothing(
            "the directory as a page of a warning",
            US,
            page("d0000000000000000"),
            E::InvalidRequest,
        ),
        Row::nothing(
            "a page of another's warning",
            BE,
            page("w0000000000000000us.ctc"),
            E::NotFound,
        ),
        Row::nothing(
            "a page of nobody's evidence",
            US,
            evidence_page("a0000000000000000"),
            E::InvalidRequest,
        ),
        Row::nothing(
            "a page of evidence in another tree",
            US,
            evidence_page("e0000000000000002d0000000000000000"),
            E::InvalidRequest,
        ),
        Row::nothing(
            "the directory as another's evidence",
            BE,
            evidence_page("d0000000000000000"),
            E::NotFound,
        ),
        Row::nothing("another's warning watched", BE, watch(&by_digest), E::NotFound),
        Row::nothing("another's warning watched by id", BE, watch(&by_id), E::NotFound),
        Row::nothing("another's evidence", BE, evidence(&by_digest), E::NotFound),
        Row::nothing("another's evidence by id", BE, evidence(&by_id), E::NotFound),
    ]
}

/// Lists.
fn lists() -> Vec<Row> {
    let list = |change: fn(&mut v1::ListWarningsRequest)| {
        let mut request = v1::ListWarningsRequest::default();
        change(&mut request);
        Request::call("/wardline.v1.Exchange/ListWarnings", &request)
    };
    vec![
        Row::nothing(
            "another's desk listed",
            BE,
            list(|l| l.desk = RU.to_owned()),
            E::PermissionDenied,
        ),
        Row::nothing("an operator lists", OPERATOR, list(|_| ()), E::PermissionDenied),
        Row::nothing(
            "a page of nobody's",
            US,
            list(|l| l.page_token = "../../1".to_owned()),
            E::InvalidRequest,
        ),
        Row::nothing(
            "no such direction",
            US,
            list(|l| l.direction = 9),
            E::InvalidValue,
        ),
        Row::nothing(
            "no desk listed",
            US,
            list(|l| l.desk = "Moscow!".to_owned()),
            E::InvalidValue,
        ),
    ]
}

/// Ranges and proofs beyond the log.
fn log() -> Vec<Row> {
    const FAR: u64 = 1_000_000;
    let replay = |change: fn(&mut v1::ReplayRequest)| {
        let mut request = v1::ReplayRequest::default();
        change(&mut request);
        Request::stream("/wardline.v1.Audit/Replay", &request)
    };
    let inclusion = |index, size| {
        let request = v1::ProveInclusionRequest { index, size };
        Request::call("/wardline.v1.Audit/ProveInclusion", &request)
    };
    let consistency = |old_size, new_size| {
        let request = v1::ProveConsistencyRequest { old_size, new_size };
        Request::call("/wardline.v1.Audit/ProveConsistency", &request)
    };
    let cosigned = |records: usize| {
        let index = vec![0; records];
        Request::call(
            "/wardline.v1.Audit/FindCosigned",
            &v1::FindCosignedRequest { index },
        )
    };
    let invalid = E::InvalidRequest;
    vec![
        Row::nothing(
            "replayed from beyond",
            US,
            replay(|r| r.from_index = FAR),
            invalid,
        ),
        Row::nothing("replayed to beyond", US, replay(|r| r.to_index = FAR), invalid),
        Row::nothing(
            "replayed backwards",
            US,
            replay(|r| (r.from_index, r.to_index) = (3, 2)),
            invalid,
        ),
        Row::nothing(
            "replayed of a short digest",
            US,
            replay(|r| r.warning_digest = vec![1; 31].into()),
            E::InvalidValue,
        ),
        Row::nothing("included beyond", US, inclusion(FAR, 0), invalid),
        Row::nothing("included in the future", US, inclusion(0, FAR), invalid),
        Row::nothing("included before it was there", US, inclusion(2, 2), invalid),
        Row::nothing("consistent with the future", US, consistency(FAR, 0), invalid),
        Row::nothing("consistent backwards", US, consistency(3, 2), invalid),
        Row::nothing(
            "the checkpoints around too many records",
            US,
            cosigned(limits::COSIGNED_INDEXES_MAX + 1),
            invalid,
        ),
    ]
}

/// Bytes that are no message, or none of ours. What the edge does with them is shown for each call in `edge`.
fn bytes() -> Vec<Row> {
    const NOISE: Bytes = Bytes::from_static(&[0xff; 8]);
    let submit = |bytes| Request::Call("/wardline.v1.Exchange/Submit", bytes);
    let huge = Bytes::from(vec![0; limits::GRPC_MESSAGE_BYTES_MAX + 1]);
    let acknowledge = Request::Call("/wardline.v1.Exchange/Acknowledge", NOISE);
    let many = Request::Stream("/wardline.v1.Exchange/SubmitMany", NOISE);
    let receive = Request::Stream("/wardline.v1.Exchange/Receive", NOISE);
    let publish = Request::Call("/wardline.v1.Directory/PublishKey", NOISE);
    let unheard_of = Request::Call("/wardline.v1.Exchange/Forward", NOISE);
    vec![
        Row::nothing("noise", US, submit(NOISE), E::Malformed),
        Row::nothing("more than a message holds", US, submit(huge), E::Malformed),
        Row::nothing("nothing", US, submit(Bytes::new()), E::MissingField),
        Row::nothing("noise acknowledged", RU, acknowledge, E::Malformed),
        Row::nothing("noise among many", US, many, E::Malformed),
        Row::nothing("noise in a session", RU, receive, E::Malformed),
        Row::nothing("noise published", US, publish, E::Malformed),
        Row::nothing("a call unheard of", US, unheard_of, E::Unsupported),
    ]
}
