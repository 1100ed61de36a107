//! What comes up a stream: one message, the end, or why it cannot be read.

use tonic::{Code, Status, Streaming};

use crate::error::{ErrorCode, Refused};

/// The next message; `None` at the end, be it proper or because the peer has gone.
pub(super) async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Refused> {
    match stream.message().await {
        Ok(message) => Ok(message),
        Err(status) => match unreadable(&status) {
            Some(refused) => Err(refused),
            None => Ok(None),
        },
    }
}

/// What the library made of bytes that are no message; `None` if it is the connection that failed.
pub(super) fn unreadable(status: &Status) -> Option<Refused> {
    match status.code() {
        // What tonic says of bad protobuf, bad framing and messages over the bound.
        Code::Internal | Code::OutOfRange | Code::InvalidArgument | Code::ResourceExhausted => {
            Some(Refused::new(ErrorCode::Malformed, "the message cannot be read"))
        }
        Code::Unimplemented => Some(Refused::new(
            ErrorCode::Unsupported,
            "the method or compression is not known",
        )),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}
