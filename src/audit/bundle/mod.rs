//! The evidence bundle: all that proves what became of one warning, in one JSON document that needs no relay to be
//! checked. Here are its form and its bounds; nothing in a bundle that was only read has been checked
//! ([`crate::audit::check`] does), and nothing in it says whom to trust.
//!
//! ```text
//! { "format": "wardline-evidence/v1",
//!   "origin": "relay.example/2024",                               which log
//!   "checkpoint": "<signed note>",                                the tree that every proof leads to, with cosignatures
//!   "earlier": [ {"checkpoint": "<signed note>", "consistency": ["<base64>", …]}, … ],
//!                                                                 older checkpoints by ascending size, each with its RFC 6962
//!                                                                 proof of consistency to "checkpoint"
//!   "seen": [ {"size": n, "root": "<base64>", "consistency": ["<base64>", …]}, … ],
//!                                                                 roots that signers had seen, sizes ascending, each proven
//!                                                                 to be of the log that "checkpoint" is of
//!   "timestamps": [ {"size": n, "token": "<base64 of the DER>"}, … ],
//!   "warning": { "envelope": <DSSE JSON>, "body": {"salt": "<base64>", "content": "<base64>"} | null },
//!   "accepted": ENTRY | null,                                     the originator's and its auditors' only
//!   "threads": [ {"desk": "ru.ctc", "records": [ENTRY, …], "texts": [{"index": n, "salt": …, "content": …}, …]}, … ],
//!   "opened": {"body": {"salt": …, "content": …} | null, "texts": [{"index": n, "salt": …, "content": …}, …]},
//!                                                                 may be missing: what is sealed in it, in clear
//!   "directory": [ENTRY, …] }                                     the directory's chain, from the genesis on
//! ENTRY = { "proof": "<c2sp.org/tlog-proof@v1>", "record": "<base64 of the stored bytes>" }
//! ```
//! All members but "opened" are required, none may be repeated, no other is known; base64 is the standard alphabet's canonical form with
//! padding. The checkpoint in each ENTRY's proof is `"checkpoint"`, byte for byte. `"texts"` name records by log index.
//! The salts of `"opened"` are those of the plaintext commitments, and what it opens is in the bundle, sealed as it was signed.

mod inbox;
mod json;
mod make;
mod tokens;
mod waited;

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;

use crate::domain::{DeskAddress, DetachedPart, Hash, Origin, SignedEnvelope, is_unseen};
use crate::transparency::TlogProof;

pub use inbox::{Came, HeldToInbox, hold_to_inbox};
pub use json::format_of;
pub use make::{Made, NotMade, make};
pub use tokens::TokensLeftOut;
pub use waited::{Awaited, make_cosigned};

/// What the member `format` says.
pub const FORMAT: &str = "wardline-evidence/v1";

/// A bundle as it was read. Nothing in it has been checked but its form and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Which log.
    pub origin: Origin,
    /// The signed note that every proof leads to.
    pub checkpoint: String,
    /// Older checkpoints, which give the time brackets.
    pub earlier: Vec<Earlier>,
    /// What signers had seen.
    pub seen: Vec<SeenRoot>,
    /// RFC 3161 tokens.
    pub timestamps: Vec<TimestampToken>,
    /// The warning, as it was signed.
    pub envelope: SignedEnvelope,
    /// Its body; none: erased, or left out.
    pub body: Option<DetachedPart>,
    /// The `ACCEPTED` record.
    pub accepted: Option<Entry>,
    /// The threads, one a recipient.
    pub threads: Vec<BundledThread>,
    /// What is sealed in it, in clear, as far as its maker opened it.
    pub opened: Opened,
    /// The directory's chain.
    pub directory: Vec<Entry>,
}

/// What is sealed in a bundle, opened: each text with the salt of the commitment that was signed to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// The body.
    pub body: Option<DetachedPart>,
    /// The free texts of answers, each with the log index of its record.
    pub texts: Vec<(u64, DetachedPart)>,
}

impl Opened {
    /// Whether nothing is opened: then a bundle does not speak of it.
    pub fn is_empty(&self) -> bool {
        self.body.is_none() && self.texts.is_empty()
    }
}

/// An older checkpoint of the same log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The signed note.
    pub checkpoint: String,
    /// RFC 6962 §2.1.2, to the bundle's checkpoint.
    pub consistency: Vec<Hash>,
}

/// A root that somebody had seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRoot {
    /// At which size.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// RFC 6962 §2.1.2, to the bundle's checkpoint.
    pub consistency: Vec<Hash>,
}

/// An RFC 3161 token over the note text of the checkpoint of a size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampToken {
    /// Which checkpoint.
    pub size: u64,
    /// DER.
    pub token: Vec<u8>,
}

/// A record with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands, and why that is so.
    pub proof: TlogProof,
    /// The stored bytes.
    pub record: Bytes,
}

/// The records about one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundledThread {
    /// The recipient.
    pub desk: DeskAddress,
    /// From `ROUTED` on.
    pub records: Vec<Entry>,
    /// The free texts that are still kept, each with the log index of its record.
    pub texts: Vec<(u64, DetachedPart)>,
}

/// What is wrong with a bundle, and in which part of it. It is not to be believed in any part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFault {
    /// Which part: a path as a person writes it, `threads[0].records[2].proof`.
    pub part: String,
    /// What is wrong with it.
    pub why: String,
}

impl BundleFault {
    pub(in crate::audit) fn new(part: impl Into<String>, why: impl fmt::Display) -> Self {
        // A stranger's names and members may stand in it.
        let shown = |text: String| text.chars().map(visible).collect::<String>();
        Self {
            part: shown(part.into()),
            why: shown(why.to_string()),
        }
    }
}

/// What would be obeyed by a terminal, or not be seen, is shown as a mark.
fn visible(c: char) -> char {
    if is_unseen(c) { '\u{fffd}' } else { c }
}

impl fmt::Display for BundleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.why)
    }
}

impl std::error::Error for BundleFault {}

impl Bundle {
    /// Reads a bundle, strictly.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleFault> {
        json::parse(bytes)
    }

    /// Writes it, indented, with a line feed at the end. What is written reads back the same.
    pub fn to_json(&self) -> String {
        json::write(self)
    }
}
