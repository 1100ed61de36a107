//! What is said to a witness and what its answer means (C2SP tlog-witness, `add-checkpoint`), without a network: a witness
//! may be hostile, and this is where its bytes are read.

use http::StatusCode;

use super::policy::Asked;
use crate::fetch::{Answer, FetchError};
use crate::limits;
use crate::time::Timestamp;
use crate::transparency::{Cosignature, CosignedCheckpoint, parse_size};

/// Why an asking gave no cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No connection.
    #[error("{0}")]
    Unreachable(FetchError),
    /// No answer in time.
    #[error("no whole answer in time")]
    TimedOut,
    /// No HTTP, or more than an answer may be.
    #[error("its answer is none: {0}")]
    Broken(FetchError),
    /// 404.
    #[error("it does not know this log")]
    UnknownLog,
    /// 403.
    #[error("it knows this log by another key")]
    Forbidden,
    /// 400.
    #[error("it does not understand the request")]
    BadRequest,
    /// 422, or 409 to its own size: it holds another tree than this.
    #[error("it has cosigned another tree than this log's at size {0}")]
    Contradicts(u64),
    /// 409 with a size that this log has not reached.
    #[error("it says that it has cosigned size {0}, which this log has not reached")]
    Larger(u64),
    /// 409 without a size that makes sense.
    #[error("it names no size that it would grow from")]
    NoSize,
    /// 200 without a cosignature of its own.
    #[error("its answer holds no cosignature of its key")]
    Unsigned,
    /// 200 with one that does not verify.
    #[error("its cosignature does not verify")]
    BadSignature,
    /// 200 with a time that is not now.
    #[error("its clock and the relay's are more than {} minutes apart", limits::WITNESS_CLOCK_MS_MAX / 60_000)]
    Clock,
    /// Any other status.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The relay itself could not make the request.
    #[error("the relay could not prove its growth: {0}")]
    Relay(String),
}

impl Refusal {
    /// Its kind, one word.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Broken(_) => "broken",
            Self::UnknownLog => "unknown_log",
            Self::Forbidden => "forbidden",
            Self::BadRequest => "bad_request",
            Self::Contradicts(_) => "contradicts",
            Self::Larger(_) => "larger",
            Self::NoSize => "no_size",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::Clock => "clock",
            Self::Status(_) => "status",
            Self::Relay(_) => "relay",
        }
    }

    /// What it may mean, if a person must look at once.
    pub(super) fn alarm(&self) -> Option<&'static str> {
        match self {
            Self::Larger(_) => Some(
                "this log may have been restored from an old copy, or another relay runs with its key, or the witness lies",
            ),
            Self::Contradicts(_) => Some(
                "another relay may run with this log's key, or the log was restored from an old copy and went on, or the witness lies",
            ),
            Self::Unreachable(_)
            | Self::TimedOut
            | Self::Broken(_)
            | Self::UnknownLog
            | Self::Forbidden
            | Self::BadRequest
            | Self::NoSize
            | Self::Unsigned
            | Self::BadSignature
            | Self::Clock
            | Self::Status(_)
            | Self::Relay(_) => None,
        }
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::TimedOut => Self::TimedOut,
            FetchError::Unreachable(_) => Self::Unreachable(error),
            FetchError::TooLong | FetchError::Broken => Self::Broken(error),
        }
    }
}

/// What an answer says, before any signature is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// Signature lines.
    Lines(String),
    /// The size that it has cosigned; none: it does not say.
    Conflict(Option<u64>),
}

/// Reads an answer to a request that went from `old` to `size`.
pub(super) fn reply(answer: &Answer, size: u64) -> Result<Reply, Refusal> {
    match answer.status {
        StatusCode::OK => match std::str::from_utf8(&answer.body) {
            Ok(lines) => Ok(Reply::Lines(lines.to_owned())),
            Err(_) => Err(Refusal::Unsigned),
        },
        StatusCode::CONFLICT => Ok(Reply::Conflict(parse_size(&answer.body))),
        StatusCode::NOT_FOUND => Err(Refusal::UnknownLog),
        StatusCode::FORBIDDEN => Err(Refusal::Forbidden),
        StatusCode::BAD_REQUEST => Err(Refusal::BadRequest),
        StatusCode::UNPROCESSABLE_ENTITY => Err(Refusal::Contradicts(size)),
        other => Err(Refusal::Status(other.as_u16())),
    }
}

/// The lines of this witness's own that are on this checkpoint now: verified under the policy's key. Others' are passed over,
/// whatever is in them.
pub(super) fn cosigned(
    asked: &Asked,
    checkpoint: &CosignedCheckpoint,
    lines: &str,
    now: Timestamp,
) -> Result<(String, Cosignature), Refusal> {
    let own = format!("\u{2014} {} ", asked.verifier.name());
    let mut last = Err(Refusal::Unsigned);
    for line in lines.split_inclusive('\n').filter(|line| line.starts_with(&own)) {
        // One at a time: a witness may sign with other keys of its name, too.
        match checkpoint.merged(line) {
            Ok(merged) => {
                let key = asked.verifier.public_key().keyid();
                let found = merged.cosignatures().iter().find(|found| found.witness == key);
                if let Some(found) = found {
                    let apart = found.time.unix_ms().saturating_sub(now.unix_ms());
                    if apart.unsigned_abs() > limits::WITNESS_CLOCK_MS_MAX.unsigned_abs() {
                        last = Err(Refusal::Clock);
                    } else {
                        return Ok((line.to_owned(), found.clone()));
                    }
                }
            }
            Err(_) => last = Err(Refusal::BadSignature),
        }
    }
    last
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::Hash;
    use crate::seal::SecretKey;
    use crate::transparency::{LogKey, Policy, WitnessKey};
    use bytes::Bytes;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

    fn witness(name: &str, seed: u8) -> WitnessKey {
        WitnessKey::new(name.parse().unwrap(), SecretKey::from_seed(&[seed; 32]))
    }

    fn asked(key: &WitnessKey) -> Asked {
        Asked {
            name: "w".to_owned(),
            verifier: key.verifier().clone(),
            url: "http://127.0.0.1:1".parse().unwrap(),
            place: 0,
        }
    }

    /// A checkpoint of a log at a size, under a policy that knows two witnesses.
    fn checkpoint(size: u64) -> CosignedCheckpoint {
        let log = LogKey::new("log.example".parse().unwrap(), SecretKey::from_seed(&[7; 32]));
        let (one, two) = (witness("one.example", 1), witness("two.example", 2));
        let text = format!(
            "log {}\nwitness a {}\nwitness b {}\nquorum a\n",
            log.verifier(),
            one.verifier(),
            two.verifier()
        );
        let policy = Policy::parse(text.as_bytes()).unwrap();
        policy.open(&log.sign_checkpoint(size, Hash([3; 32]))).unwrap()
    }

    /// What each answer means; a table.
    #[test]
    fn answers_mean_something() {
        let some = |size| Ok(Reply::Conflict(Some(size)));
        let none = Ok(Reply::Conflict(None));
        for (status, body, meaning) in [
            (200, &b"lines\n"[..], Ok(Reply::Lines("lines\n".to_owned()))),
            (200, b"\xff", Err(Refusal::Unsigned)),
            (409, b"17\n", some(17)),
            (409, b"0\n", some(0)),
            (409, b"17", none.clone()),
            (409, b"017\n", none.clone()),
            (409, b"-1\n", none.clone()),
            (409, b"+1\n", none.clone()),
            (409, b"18446744073709551616\n", none.clone()),
            (409, b"18446744073709551615\n", none.clone()),
            (409, b"", none.clone()),
            (409, b"\n", none.clone()),
            (409, b"\xff\n", none),
            (404, b"", Err(Refusal::UnknownLog)),
            (403, b"", Err(Refusal::Forbidden)),
            (400, b"", Err(Refusal::BadRequest)),
            (422, b"", Err(Refusal::Contradicts(20))),
            (302, b"", Err(Refusal::Status(302))),
            (500, b"", Err(Refusal::Status(500))),
        ] {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                content_type: None,
                body: Bytes::from_static(body),
            };
            assert_eq!(reply(&answer, 20), meaning, "{status} {body:?}");
        }
    }

    /// Only a line of the witness's own key, over this checkpoint, dated now, is a cosignature; a table.
    #[test]
    fn only_its_own_word_counts() {
        let (one, two) = (witness("one.example", 1), witness("two.example", 2));
        let other_key = witness("one.example", 9);
        let (this, other) = (checkpoint(9), checkpoint(8));
        let at = |key: &WitnessKey, on: &CosignedCheckpoint, ms: i64| {
            key.cosign(on.checkpoint(), NOW.saturating_add_ms(ms))
        };
        let good = at(&one, &this, 0);
        let far = limits::WITNESS_CLOCK_MS_MAX + 2_000;
        let torn = good.replace("one.example ", "one.example A");
        let broken = good.replace('=', "");
        for (lines, verdict) in [
            (good.clone(), Ok(())),
            (format!("{}{good}", at(&two, &this, 0)), Ok(())),
            (format!("{}{good}", at(&other_key, &this, 0)), Ok(())),
            (format!("garbage\n\n{good}garbage"), Ok(())),
            (at(&one, &this, -far), Err(Refusal::Clock)),
            (at(&one, &this, far), Err(Refusal::Clock)),
            (at(&one, &other, 0), Err(Refusal::BadSignature)),
            (at(&two, &this, 0), Err(Refusal::Unsigned)),
            (at(&other_key, &this, 0), Err(Refusal::Unsigned)),
            (String::new(), Err(Refusal::Unsigned)),
            (good.trim_end().to_owned(), Err(Refusal::BadSignature)),
            (broken, Err(Refusal::BadSignature)),
        ] {
            let found = cosigned(&asked(&one), &this, &lines, NOW);
            assert_eq!(found.clone().map(|_| ()), verdict, "{lines}");
            if let Ok((line, _)) = found {
                assert_eq!(line, good);
            }
        }
        assert!(cosigned(&asked(&one), &this, &torn, NOW).is_err());
    }

    proptest! {
        /// No answer makes the reader panic, and none that the witness did not sign is a cosignature.
        #[test]
        fn no_answer_panics(status in 100u16..600, body: Vec<u8>, text: String) {
            let one = witness("one.example", 1);
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                content_type: None,
                body: body.into(),
            };
            let _ = reply(&answer, 5);
            let lines = format!("\u{2014} one.example {text}\n");
            prop_assert!(cosigned(&asked(&one), &checkpoint(9), &lines, NOW).is_err());
        }
    }
}
