//! What a log signed that contradicts what it signed before, kept for people and for other tools: one JSON file a
//! contradiction, each written once, bounded in number.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::log::Kind;
use crate::domain::Origin;
use crate::limits::WITNESS_EVIDENCE_MAX;
use crate::time::Timestamp;
use crate::transparency::{AddCheckpoint, LogVerifier, SignedCheckpoint, origin_hash};

const FORMAT: &str = "wardline-witness-evidence/v1";

/// The content of a file of evidence. Both notes carry the log's signature, so that nobody need believe the witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Evidence {
    pub(super) format: String,
    /// `fork`, `inconsistent` or `smaller`.
    pub(super) kind: String,
    /// What it shows, for people.
    pub(super) meaning: String,
    /// The log's verifier key.
    pub(super) log: String,
    /// When the witness was asked, by its clock.
    pub(super) time: String,
    /// What the witness had verified before.
    pub(super) held: String,
    /// What it was asked to cosign.
    pub(super) offered: String,
    /// The consistency proof that did not verify, as the request that it came in (C2SP tlog-witness).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
}

impl Kind {
    /// The word for it in names and files.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Inconsistent => "inconsistent",
            Self::Smaller => "smaller",
        }
    }

    /// What it shows, no more.
    const fn meaning(self) -> &'static str {
        match self {
            Self::Fork => {
                "The log signed two roots at one size: it has two histories. The two notes prove it."
            }
            Self::Inconsistent => {
                "The log signed a larger tree, and the proof that came with it does not show that it holds the one before. \
                 Whoever asked may have sent a wrong proof; if the log cannot give a right one, it has forked."
            }
            Self::Smaller => {
                "The log's signature on a smaller tree came after a larger one. It may have come late; if the log cannot prove \
                 that the larger tree holds the smaller, it has forked."
            }
        }
    }
}

impl Evidence {
    /// What a refused request says against its log.
    pub(super) fn of(
        kind: Kind,
        log: &LogVerifier,
        held: &SignedCheckpoint,
        offered: &SignedCheckpoint,
        request: &AddCheckpoint,
        time: Timestamp,
    ) -> Self {
        // Of the request, what the log has signed and the proof: other signatures have no bound.
        let request = AddCheckpoint {
            note: offered.note().to_owned(),
            ..request.clone()
        };
        Self {
            format: FORMAT.to_owned(),
            kind: kind.word().to_owned(),
            meaning: kind.meaning().to_owned(),
            log: log.vkey(),
            time: time.to_string(),
            held: held.note().to_owned(),
            offered: offered.note().to_owned(),
            request: match kind {
                Kind::Inconsistent => Some(request.to_string()),
                Kind::Fork | Kind::Smaller => None,
            },
        }
    }

    /// The file's bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Plain strings always serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// The name of a file of evidence: one for each kind and checkpoint. The root is whole: with a part of it a log could find
/// two roots of one name, and have the evidence of one dropped by the proof of the other.
fn name(kind: Kind, origin: &Origin, offered: &SignedCheckpoint) -> String {
    format!(
        "{}{}-{}.json",
        prefix(kind, origin),
        offered.size(),
        offered.root()
    )
}

/// What the names of one log's evidence of one kind begin with; these are counted together.
fn prefix(kind: Kind, origin: &Origin) -> String {
    let log: String = origin_hash(origin).chars().take(16).collect();
    format!("{}-{log}-", kind.word())
}

/// Which evidence is kept already.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<BTreeSet<String>>);

impl Kept {
    /// Of these files.
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(names.into_iter().collect()))
    }

    /// Takes the name under which to keep this, if it is new and there is room for it.
    pub(super) fn take(&self, kind: Kind, origin: &Origin, offered: &SignedCheckpoint) -> Option<String> {
        let name = name(kind, origin, offered);
        let prefix = prefix(kind, origin);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = kept
            .range(prefix.clone()..)
            .take_while(|n| n.starts_with(&prefix))
            .count();
        (count < WITNESS_EVIDENCE_MAX && kept.insert(name.clone())).then_some(name)
    }

    /// The name under which this is kept, if it is.
    pub(super) fn find(&self, kind: Kind, origin: &Origin, offered: &SignedCheckpoint) -> Option<String> {
        let name = name(kind, origin, offered);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.contains(&name).then_some(name)
    }

    /// Gives a name back: it could not be kept, or need not be any more.
    pub(super) fn give_back(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
