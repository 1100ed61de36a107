//! The words of the field as plain types: each parses or fails, and holds no I/O.

mod acknowledgement;
mod address;
mod attestation;
mod audience;
mod directory;
mod envelope;
mod hash;
mod ids;
mod key_role;
mod onward_transfer;
mod origin;
mod record;
mod retention;
mod retention_rules;
mod submission;
mod view;
mod visible;
mod warning;
mod words;

pub use acknowledgement::{Acknowledgement, DetachedPart, Extension, PartReference, Text};
pub use address::{Address, DeskAddress};
pub use attestation::ErasureAttestation;
pub use audience::{AudienceKind, AudienceOpening};
pub use directory::{
    AgencyEnrolment, Desk, Desks, Hold, KeyCertificate, KeyRevocation, Mandate, RootSuccession,
    StateEnrolment, Suspension,
};
pub use envelope::{EnvelopeSignature, SignedEnvelope};
pub use hash::{Digest, Hash, KeyId, NotThirtyTwoBytes};
pub(crate) use ids::is_label;
pub use ids::{AgencyId, BadName, Country, OperatorName, PayloadId, Principal, StateId};
pub use key_role::{KeyRole, UnknownKeyRole};
pub use onward_transfer::OnwardTransfer;
pub use origin::{InvalidOrigin, Origin};
pub use record::{
    Accepted, DirectoryLink, DirectoryPosition, Erased, Genesis, HandedOver, Record, RecordKind, Rejected,
    RelayStarted, Routed, ThreadLink,
};
pub use retention::Bucket;
pub use retention_rules::RetentionRules;
pub use submission::{
    AcknowledgementSubmission, Hint, InboxOpening, Receipt, RecipientStep, Submission, WarningSummary, Wrap,
};
pub use view::{Direction, ReplayedContent, ReplayedRecord, ThreadView, WarningName};
pub use visible::{is_direction_mark, is_hidden, is_unseen};
pub use warning::{
    Area, Assertions, Body, Common, ContentBlock, Deadlines, Handling, Language, Reference, ReplyKey, Seen,
    SignedBy, Signer, Specifics, Warning,
};
pub use words::{
    AcknowledgementKind, AgencyKind, Assessment, Attribution, Category, Certainty, Form, Harm, Known, Lane,
    NotifyVictim, Onward, Outcome, Precedence, RefusalReason, RetentionClass, RevocationReason, Severity,
    Specific, Status, Step, Tlp, Urgency, WarningType,
};
