//! What lets anyone check a relay without trusting it: a streaming verifier over a replay, the search for the first
//! bad record, and the timeline that a verified replay tells.
//!
//! Nothing here is the relay's: it imports neither the journal nor the engine. The rules are the ledger's (`apply` is one
//! function for all); what an auditor must not believe (signatures, the tree, detached parts, who had seen what) is
//! checked here again.

mod beside;
pub mod bundle;
mod carried;
mod check;
pub mod compare;
pub mod copy;
mod envelopes;
mod erasures;
mod facts;
mod fault;
mod gathering;
mod locate;
mod over_copy;
mod over_network;
mod page;
mod pipeline;
mod ready;
mod report;
mod run;
mod state;
mod store;
mod timeline;
mod timeline_json;
pub mod timestamp;
mod tree;
mod trusted;
mod verify;
mod withheld;

pub use bundle::{Awaited, Bundle, BundleFault, Made, NotMade, make, make_cosigned};
pub use check::{
    Act, AnswerFinding, Bound, Bracket, By, CheckpointFinding, Deed, DirectoryFinding, Ended, Findings,
    KeyChain, KeyFinding, Missing, NotShown, RecipientFinding, Said, SeenFinding, Sentences, Silence,
    Standing, TimestampFinding, WarningFinding, WitnessWord, Witnessed, check,
};
pub use envelopes::envelopes;
pub use fault::{Fault, Wrong};
pub use locate::{Prover, locate};
pub use over_network::{AuditError, verify};
pub use page::{Basis, PageContext, page};
pub use report::{Counts, Report};
pub use run::{Again, Audit, Begin, Watch};
pub use state::StateError;
pub use timeline::{
    Answer, BodyShown, Event, Hand, Note, Recipient, Refusal, SeenBy, Sent, Start, Timeline, WarningTimeline,
    What, Words,
};
pub use trusted::{Trusted, TrustedRoots, UnusablePolicy};
pub use verify::{Verdict, Verifier};

#[cfg(test)]
mod copy_tests;
#[cfg(test)]
mod erasure_tests;
#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod scale_tests;
#[cfg(test)]
mod sealed_world;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tamper_beside;
#[cfg(test)]
mod tamper_copy;
#[cfg(test)]
mod tampering;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
pub(crate) mod world;
