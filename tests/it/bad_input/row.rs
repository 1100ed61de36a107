//! One row of the table: what is sent over whose session, and what must come of it.

use bytes::Bytes;
use prost::Message;
use wardline::domain::{AcknowledgementSubmission, Digest, Submission};
use wardline::error::ErrorCode;
use wardline::seal;
use wardline::wire::v1;

/// What is sent. Everything goes out as bytes, so that nothing of ours stands between a row and the relay.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Submit(v1::Submission),
    Acknowledge(v1::AcknowledgementSubmission),
    /// Any unary call.
    Call(&'static str, Bytes),
    /// Any stream, opened with one message.
    Stream(&'static str, Bytes),
}

impl Request {
    pub(super) fn call(path: &'static str, message: &impl Message) -> Self {
        Self::Call(path, message.encode_to_vec().into())
    }

    pub(super) fn stream(path: &'static str, message: &impl Message) -> Self {
        Self::Stream(path, message.encode_to_vec().into())
    }

    fn digest(&self) -> Option<Digest> {
        let envelope = match self {
            Self::Submit(submission) => submission.envelope.as_ref(),
            Self::Acknowledge(submission) => submission.envelope.as_ref(),
            Self::Call(..) | Self::Stream(..) => None,
        }?;
        Some(seal::digest(&envelope.payload_type, &envelope.payload))
    }
}

impl From<&Submission> for Request {
    fn from(submission: &Submission) -> Self {
        Self::Submit(submission.into())
    }
}

impl From<v1::Submission> for Request {
    fn from(submission: v1::Submission) -> Self {
        Self::Submit(submission)
    }
}

impl From<&AcknowledgementSubmission> for Request {
    fn from(submission: &AcknowledgementSubmission) -> Self {
        Self::Acknowledge(submission.into())
    }
}

impl From<v1::AcknowledgementSubmission> for Request {
    fn from(submission: v1::AcknowledgementSubmission) -> Self {
        Self::Acknowledge(submission)
    }
}

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Whose session carries it.
    pub(super) session: &'static str,
    pub(super) request: Request,
    pub(super) code: ErrorCode,
    /// The digest that its `REJECTED` record names; none: nothing is recorded.
    pub(super) rejected: Option<Digest>,
    /// The field that the refusal is about; not looked at where it is not given.
    pub(super) field: Option<&'static str>,
    /// The near names that the refusal offers.
    pub(super) near: &'static [&'static str],
    /// The same signed bytes put right, which are recorded: the refusal has used up nothing.
    pub(super) put_right: Option<(&'static str, Request)>,
}

impl Row {
    /// Refused, and nothing is recorded.
    pub(super) fn nothing(
        name: &'static str,
        session: &'static str,
        request: impl Into<Request>,
        code: ErrorCode,
    ) -> Self {
        Self {
            name,
            session,
            request: request.into(),
            code,
            rejected: None,
            field: None,
            near: &[],
            put_right: None,
        }
    }

    /// Refused, and that is recorded.
    pub(super) fn rejected(
        name: &'static str,
        session: &'static str,
        request: impl Into<Request>,
        code: ErrorCode,
    ) -> Self {
        let row = Self::nothing(name, session, request, code);
        let rejected = row.request.digest();
        assert!(rejected.is_some(), "{name}: only what is signed is rejected");
        Self { rejected, ..row }
    }

    /// Either of them.
    pub(super) fn refused(
        name: &'static str,
        session: &'static str,
        request: impl Into<Request>,
        code: ErrorCode,
        recorded: bool,
    ) -> Self {
        match recorded {
            true => Self::rejected(name, session, request, code),
            false => Self::nothing(name, session, request, code),
        }
    }

    pub(super) fn about(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }

    pub(super) fn near(self, near: &'static [&'static str]) -> Self {
        Self { near, ..self }
    }

    pub(super) fn put_right(self, session: &'static str, request: impl Into<Request>) -> Self {
        Self {
            put_right: Some((session, request.into())),
            ..self
        }
    }
}
