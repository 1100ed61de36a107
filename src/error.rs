//! `ErrorCode`: closed and append-only. Each says whether the same bytes may succeed later and whether anything
//! can have happened. The numbers are those of `wardline.v1.ErrorCode`; they never change their meaning.

use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $retryable:literal, $what_to_do:literal;)+) => {
        /// Why something was refused or failed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)+ }

        impl ErrorCode {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// From the number on the wire.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The name, as in `google.rpc.ErrorInfo.reason` and in `REJECTED` records.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// From the name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.name() == name)
            }

            /// Whether the same bytes may succeed later.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)+ }
            }

            /// What to do about it, one sentence.
            pub const fn what_to_do(self) -> &'static str {
                match self { $(Self::$variant => $what_to_do,)+ }
            }
        }
    };
}

error_codes! {
    /// Not protobuf, or not this message.
    Malformed = 1, "MALFORMED", false, "Send the message that the call takes, encoded by a protobuf library.";
    /// A signed payload holds a field that its message does not have.
    UnknownField = 2, "UNKNOWN_FIELD", false, "Sign only fields of this version; use extensions for others.";
    /// A singular field stands twice, or two members of a oneof.
    DuplicateField = 3, "DUPLICATE_FIELD", false, "Sign each singular field once.";
    /// A field has another wire type than its message says.
    WrongType = 4, "WRONG_TYPE", false, "Encode the field as the proto file says.";
    /// A value outside of what the field may hold.
    InvalidValue = 5, "INVALID_VALUE", false, "Correct the named field and sign anew under a new id.";
    /// A required field is absent.
    MissingField = 6, "MISSING_FIELD", false, "Fill the named field and sign anew under a new id.";
    /// The envelope's payload type is not what the call takes.
    WrongPayloadType = 7, "WRONG_PAYLOAD_TYPE", false, "Use the call that takes this payload type.";
    /// Signed for another log.
    WrongOrigin = 8, "WRONG_ORIGIN", false, "Sign for this log's origin, or connect to the relay that it was signed for.";
    /// The unsigned hint differs from what is signed.
    HintMismatch = 9, "HINT_MISMATCH", false, "Send the lane and id of the signed payload as the hint.";
    /// A signature does not verify, is missing, or is one too many.
    BadSignature = 10, "BAD_SIGNATURE", false, "Check the key and that the exact signed bytes are sent.";
    /// Not canonical, of small order, or not torsion-free.
    WeakKey = 11, "WEAK_KEY", false, "Make a new key with a sound generator.";
    /// Not certified as the rules ask.
    UncertifiedKey = 12, "UNCERTIFIED_KEY", false, "Have the key certified by its state's root and published.";
    /// The key's role may not sign this.
    WrongKeyRole = 13, "WRONG_KEY_ROLE", false, "Sign with the key of the right role.";
    /// No such key or principal is enrolled.
    UnknownSigner = 14, "UNKNOWN_SIGNER", false, "Have the key published, or sign with one that is.";
    /// The key is revoked.
    RevokedKey = 15, "REVOKED_KEY", false, "Sign with a key that is valid.";
    /// The agency's submissions are suspended.
    Suspended = 16, "SUSPENDED", false, "Ask the relay's operator; acknowledgements still pass.";
    /// The session's agency is not the signer.
    SessionSignerMismatch = 17, "SESSION_SIGNER_MISMATCH", false, "Send over a session of the agency that signed.";
    /// `seen` is not on this log's history.
    SeenNotOnLog = 18, "SEEN_NOT_ON_LOG", false, "Wake someone: what was verified before and this relay's log contradict each other.";
    /// No such agency or desk.
    UnknownRecipient = 19, "UNKNOWN_RECIPIENT", false, "Check the address against the directory.";
    /// An audience entry has no opening.
    AudienceUnopened = 20, "AUDIENCE_UNOPENED", false, "Send an opening for every audience entry, padding too.";
    /// An audience entry, an opening or an address stands twice.
    AudienceRepeated = 21, "AUDIENCE_REPEATED", false, "Name each address once.";
    /// An opening matches no entry, or the audience is not sorted and padded.
    AudienceMismatch = 22, "AUDIENCE_MISMATCH", false, "Build the audience from the openings that are sent.";
    /// After exclusions nobody is left.
    NoRecipient = 23, "NO_RECIPIENT", false, "Address at least one desk that is not excluded.";
    /// An ACTUAL ALERT without harm, or not asserted credible, specific and impending.
    HarmNotAsserted = 24, "HARM_NOT_ASSERTED", false, "Assert the harm, or send a NOTICE.";
    /// Expired when it arrived.
    Expired = 25, "EXPIRED", false, "Sign anew with a later expiry.";
    /// `sent` lies too far ahead.
    SentAhead = 26, "SENT_AHEAD", false, "Set the clock of the signing machine and sign anew.";
    /// No expiry.
    ExpiresMissing = 27, "EXPIRES_MISSING", false, "Say when the warning expires and sign anew.";
    /// The expiry is not after `sent`.
    ExpiresBeforeSent = 28, "EXPIRES_BEFORE_SENT", false, "Set an expiry after the time of signing.";
    /// The body is too large.
    BodyTooLarge = 29, "BODY_TOO_LARGE", false, "Keep the body to 256 KiB.";
    /// The body does not match its digest or length.
    BodyMismatch = 30, "BODY_MISMATCH", false, "Send the body and salt that the header's digest is over.";
    /// Too many recipients.
    TooManyRecipients = 31, "TOO_MANY_RECIPIENTS", false, "Address at most 256 recipients in one warning.";
    /// The id was used for other bytes.
    IdReused = 32, "ID_REUSED", false, "Sign under a new id.";
    /// The warning was not routed to this desk.
    NotYours = 33, "NOT_YOURS", false, "Acknowledge only warnings that were routed to your desk.";
    /// The warning of that id has another digest.
    DigestMismatch = 34, "DIGEST_MISMATCH", false, "Acknowledge the digest of the very bytes that were delivered.";
    /// Of relays before sealed bodies; not sent any more.
    SealedUnsupported = 35, "SEALED_UNSUPPORTED", false, "The relay is of a version that takes no sealed bodies: ask its operator to update it.";
    /// The session's certificate is not enrolled.
    UnknownCertificate = 36, "UNKNOWN_CERTIFICATE", false, "Have this TLS key certified by your root and published.";
    /// A reserved part of the protocol.
    Unsupported = 37, "UNSUPPORTED", false, "Leave the named field as this version supports it.";
    /// An extension that this relay does not know is critical.
    CriticalExtension = 38, "CRITICAL_EXTENSION", false, "Leave the extension out, or mark it not critical.";
    /// No such thing, or none that is yours to see.
    NotFound = 39, "NOT_FOUND", false, "Check the id; what is not yours is not shown.";
    /// The call is not for this principal.
    PermissionDenied = 40, "PERMISSION_DENIED", false, "Use a session of a principal that the call is for.";
    /// Too many acknowledgements of this thread.
    AcknowledgementsExhausted = 41, "ACKNOWLEDGEMENTS_EXHAUSTED", false, "No more than 64 acknowledgements of one warning by one desk are recorded.";
    /// The answer lacks what its kind needs, or has what it may not have.
    InvalidAnswer = 42, "INVALID_ANSWER", false, "Give what the kind of answer needs, and nothing else.";
    /// A public key is enrolled once, ever.
    KeyAlreadyEnrolled = 43, "KEY_ALREADY_ENROLLED", false, "Make a new key.";
    /// The state or agency is enrolled.
    AlreadyEnrolled = 44, "ALREADY_ENROLLED", false, "Nothing is to be done, or another id is meant.";
    /// The state or agency is not enrolled.
    NotEnrolled = 45, "NOT_ENROLLED", false, "Enrol the state first, then the agency.";
    /// It would change nothing.
    NoChange = 46, "NO_CHANGE", false, "Nothing is to be done: it is so already.";
    /// Too much at once.
    Overloaded = 47, "OVERLOADED", true, "Wait a little and send the same bytes again.";
    /// The relay is shutting down.
    Draining = 48, "DRAINING", true, "Reconnect and send the same bytes again.";
    /// The relay's disk is nearly full.
    DiskFull = 49, "DISK_FULL", true, "Send the same bytes again later; the operator is alarmed.";
    /// A quota of this principal is used up.
    Quota = 50, "QUOTA", true, "Close what is not needed, or wait, and try again.";
    /// The outcome is not known.
    Unavailable = 51, "UNAVAILABLE", true, "Send the same bytes again: they are recorded at most once.";
    /// A fault of the relay's.
    Internal = 52, "INTERNAL", true, "Send the same bytes again, and tell the operator.";
    /// The signed payload is too large.
    PayloadTooLarge = 53, "PAYLOAD_TOO_LARGE", false, "Keep the signed payload to 64 KiB, an acknowledgement to 8 KiB.";
    /// The text does not match its digest or length.
    TextMismatch = 54, "TEXT_MISMATCH", false, "Send the text and salt that the acknowledgement's digest is over.";
    /// The text is too large.
    TextTooLarge = 55, "TEXT_TOO_LARGE", false, "Keep the text to 16 KiB.";
    /// The request itself is wrong.
    InvalidRequest = 56, "INVALID_REQUEST", false, "Correct the request.";
    /// The wraps beside a sealed warning are not those of the agencies that it is routed to.
    WrapsMismatch = 57, "WRAPS_MISMATCH", false, "Seal the body's key to exactly the agencies that are named, and send the same signed bytes again.";
}

impl ErrorCode {
    /// Whether it says that nothing happened. Only a lost or failed answer leaves that open.
    pub const fn side_effect_free(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Internal)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A refusal on its way to a peer: the code, one sentence, and what it is about. Holds no secret and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}{sentence}", InFront(field))]
pub struct Refused {
    /// Which.
    pub code: ErrorCode,
    /// What is wrong, one sentence.
    pub sentence: String,
    /// The field it is about (`handling.tlp`); may be empty.
    pub field: String,
    /// With `UNKNOWN_RECIPIENT`: names like it.
    pub near: Vec<String>,
    /// With `QUOTA` of an hour: when the same bytes may succeed, in milliseconds from now; an estimate.
    pub retry_after_ms: Option<u64>,
}

impl Refused {
    /// A refusal without field, near names or a time.
    pub fn new(code: ErrorCode, sentence: impl Into<String>) -> Self {
        Self {
            code,
            sentence: sentence.into(),
            field: String::new(),
            near: Vec::new(),
            retry_after_ms: None,
        }
    }

    /// The same, about a field.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.field = field.into();
        self
    }

    /// The same, with when the same bytes may succeed.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

/// The field before the sentence, where there is one.
struct InFront<'a>(&'a str);

impl fmt::Display for InFront<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            field => write!(f, "{field}: "),
        }
    }
}

/// Whether anything happened although a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideEffect {
    /// Nothing was recorded.
    None,
    /// A `REJECTED` record was made, now or by an earlier call.
    RejectionRecorded,
    /// Not known: the same bytes may be sent again.
    Unknown,
}

impl SideEffect {
    /// The number on the wire.
    pub const fn number(self) -> i32 {
        match self {
            Self::None => 1,
            Self::RejectionRecorded => 2,
            Self::Unknown => 3,
        }
    }

    /// From the number on the wire; what is not known says that nothing is known.
    pub const fn from_number(number: i32) -> Self {
        match number {
            1 => Self::None,
            2 => Self::RejectionRecorded,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page() -> String {
        let mut page = String::from(
            "# Error codes\n\nClosed and append-only. A gRPC status carries `google.rpc.ErrorInfo` (reason: the code; domain: `wardline.v1`) and a\n`wardline.v1.Refusal`. A status without them means \"unknown\": send the same bytes again. Only `UNAVAILABLE` and `INTERNAL`\nleave open whether anything happened; what a refusal leaves in the log is in\n[decision 0001](decisions/0001-what-a-refusal-leaves.md).\n\n| number | code | the same bytes, nothing else changed | what to do |\n|---|---|---|---|\n",
        );
        for code in ErrorCode::ALL {
            let later = if code.retryable() {
                "may succeed"
            } else {
                "will not"
            };
            page.push_str(&format!(
                "| {} | `{code}` | {later} | {} |\n",
                code.number(),
                code.what_to_do()
            ));
        }
        page
    }

    /// `docs/errors.md` lists every code as the code has it. `WARDLINE_WRITE_DOCS=1` writes it anew.
    #[test]
    fn the_page_lists_every_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors.md");
        if std::env::var_os("WARDLINE_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), page());
    }

    /// Numbers and names lead back to their code; none is used twice.
    #[test]
    fn codes_round_trip() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(*code));
            assert_eq!(ErrorCode::from_name(code.name()), Some(*code));
        }
    }
}
