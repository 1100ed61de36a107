//! The SDK: what an agency's own system, an officer's command and an auditor use to speak with a relay that none of
//! them trusts.
//!
//! Three things must hold. What is signed is on stable storage before it is sent, and a retry sends the same bytes.
//! Nothing is reported as done before its receipt was verified against the pinned log. And what contradicts itself
//! is kept as evidence and stops the client. Nothing here imports the journal or the relay.
//!
//! ```no_run
//! use wardline::client::{Client, ClientError, Delivered, ProfileDir};
//!
//! # async fn example() -> Result<(), ClientError> {
//! let client = Client::open(&ProfileDir::new("/var/lib/wardline/ru.ctc"))?;
//! // Each warning is verified and stored before the handler sees it, and RECEIVED is signed after it returned Ok.
//! let handler = |delivered: Delivered| async move {
//!     println!("{} for {}", delivered.warning.precedence, delivered.desk);
//!     Ok::<(), std::io::Error>(())
//! };
//! client.receive(client.own_desk()?, handler).await?;
//! # Ok(())
//! # }
//! ```

mod acknowledge;
pub mod bench;
mod compose;
mod connection;
mod delivery;
mod directory;
mod directory_cache;
pub mod draft;
mod erasing;
mod error;
mod evidence;
mod fault;
mod handle;
mod held;
mod inbox;
mod inbox_clock;
mod inbox_erasure;
mod inbox_file;
mod inbox_keys;
mod inbox_numbers;
mod inbox_state;
pub mod keys;
mod matching;
mod naming;
mod onward;
mod onward_file;
mod opened;
mod opening;
mod operate;
mod outbox;
mod profile;
mod proven;
mod queries;
mod receipts;
mod receive;
mod replay;
mod reset;
mod retry;
mod seal_keys;
mod sealing;
mod session;
mod submit;
mod submit_many;
#[cfg(test)]
mod tests;
mod threads;
mod trust;
mod verification;
mod view;
mod welcome;
mod withheld;

pub use crate::files::FileError;
pub use acknowledge::Acknowledged;
pub(crate) use connection::Backoff;
pub use delivery::{Delivered, Unanswered};
pub use directory::{DirectoryNews, KnownDirectory};
pub use draft::{AcknowledgementDraft, Draft, When};
pub use erasing::{Attested, DailyErasure, KeptHere};
pub use error::{ClientError, Outcome, Refusal};
pub use evidence::{RawEvidence, ThreadParts};
pub use handle::Client;
pub use inbox::{Inbox, InboxName};
pub use inbox_erasure::{ErasedBy, ErasedHere};
pub use inbox_numbers::Gap;
pub use inbox_state::InboxState;
pub use matching::RoutedTo;
pub use naming::Named;
pub use onward::{OnwardBar, PassedOn};
pub use onward_file::{NotOnward, ONWARD_FORMAT, OnwardFile};
pub use opened::{OpenedEvidence, SealedEvidence};
pub use opening::{Content, Note, Unreadable};
pub use operate::Recorded;
pub use outbox::{Outbox, OutboxEntry, OutboxKind, Unproven};
pub use profile::{BadSetting, ProfileDir, ProfileError, Settings, SignerSetting};
pub use proven::ProvenRecord;
pub use queries::{ListQuery, WarningWatch, Watched};
pub use receive::{Deliveries, Incoming};
pub use replay::Replay;
pub use reset::Reset;
pub use retry::Resent;
pub use seal_keys::SealKeys;
pub use sealing::Sealing;
pub use submit::Sent;
pub use submit_many::SubmitMany;
pub use threads::{Answer, ThreadEvent, ThreadFact, VerifiedThread};
pub(crate) use trust::read_checkpoint;
pub use verification::VerificationError;
pub use view::VerifiedWarning;
pub use welcome::{Installed, Welcome};
pub use withheld::Accounted;
