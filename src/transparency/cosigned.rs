//! A checkpoint with the cosignatures of the witnesses that a policy knows: what the witnesses say together, and when.
//!
//! One exists only if the log's signature and every cosignature in the name of a known witness were checked.

use std::collections::BTreeSet;

use crate::domain::KeyId;
use crate::limits::{CHECKPOINT_BYTES_MAX, NOTE_SIGNATURES_MAX};
use crate::time::Timestamp;
use crate::transparency::{
    Checkpoint, Cosignature, InvalidNote, LogVerifier, Policy, PolicyWitness, SignedCheckpoint,
};

/// A checkpoint that was verified under a policy. Whether its cosignatures are enough is for
/// [`CosignedCheckpoint::has_quorum`] to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CosignedCheckpoint {
    signed: SignedCheckpoint,
    cosignatures: Vec<Cosignature>,
    policy: Policy,
}

/// Which of two cosignatures of one witness on one checkpoint is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Latest,
    Earliest,
}

impl Policy {
    /// Checks a note of one of the policy's logs and the cosignatures of its witnesses. Signatures of others are
    /// passed over; one in the name of a known witness that does not verify is an error.
    pub fn open(&self, note: &str) -> Result<CosignedCheckpoint, InvalidNote> {
        if note.len() > CHECKPOINT_BYTES_MAX {
            return Err(InvalidNote::TooLong);
        }
        let origin = note.split('\n').next().unwrap_or_default();
        let mut verdict = Err(InvalidNote::WrongOrigin);
        for log in self.logs_for(origin) {
            verdict = log.open(note);
            if verdict.is_ok() {
                break;
            }
        }
        self.open_signed(verdict?)
    }

    /// The keys of the policy whose log has signed this note: of one origin the policy may have several.
    pub fn signers_of(&self, note: &str) -> Vec<&LogVerifier> {
        let origin = note.split('\n').next().unwrap_or_default();
        self.logs_for(origin)
            .filter(|log| log.open(note).is_ok())
            .collect()
    }

    /// [`Policy::open`] for a checkpoint whose log was known, and its signature checked, already. The policy need not name
    /// the log.
    pub fn open_signed(&self, signed: SignedCheckpoint) -> Result<CosignedCheckpoint, InvalidNote> {
        let (text, lines) = parts(signed.note())?;
        let mut cosignatures = Vec::new();
        for line in signature_lines(lines)? {
            cosignatures.extend(self.check(text, &line)?);
        }
        Ok(CosignedCheckpoint {
            signed,
            cosignatures,
            policy: self.clone(),
        })
    }

    /// `None` if the line is of no known witness.
    fn check(&self, text: &str, line: &signed_note::Signature) -> Result<Option<Cosignature>, InvalidNote> {
        let mut named = self
            .witnesses()
            .iter()
            .map(PolicyWitness::verifier)
            .filter(|witness| witness.is_named_by(line))
            .peekable();
        if named.peek().is_none() {
            return Ok(None);
        }
        // A key hash has 32 bits: two witnesses of one name might share it.
        named
            .find_map(|witness| witness.verify(text, line.signature()))
            .map(Some)
            .ok_or(InvalidNote::BadCosignature)
    }
}

impl CosignedCheckpoint {
    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }

    /// The same with the log's signature alone as its proof.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The signed note as it came, with every signature on it.
    pub fn note(&self) -> &str {
        self.signed.note()
    }

    /// The verified cosignatures by witnesses of the policy, in the order of the note. A note may hold several of
    /// one witness, with different times.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// The keys of the witnesses that have cosigned.
    pub fn witnesses(&self) -> BTreeSet<KeyId> {
        self.cosignatures.iter().map(|c| c.witness).collect()
    }

    /// Whether the witnesses that have cosigned are enough for the policy. A policy with `quorum none` is always met:
    /// see [`Policy::requires_witnesses`].
    pub fn has_quorum(&self) -> bool {
        self.policy.is_met(&self.witnesses())
    }

    /// The earliest time by which enough witnesses had cosigned this checkpoint: by then the tree existed, on their
    /// word. `None` if there are not enough, or if the policy asks for none.
    pub fn quorum_time(&self) -> Option<Timestamp> {
        self.quorum_by(|a, b| a.cmp(&b))
    }

    /// The latest time since which enough witnesses have cosigned this checkpoint: until then none of them had been
    /// shown a larger tree. Conditions as for [`CosignedCheckpoint::quorum_time`].
    pub fn quorum_time_last(&self) -> Option<Timestamp> {
        self.quorum_by(|a, b| b.cmp(&a))
    }

    fn quorum_by(&self, order: impl Fn(Timestamp, Timestamp) -> std::cmp::Ordering) -> Option<Timestamp> {
        if !self.policy.requires_witnesses() {
            return None;
        }
        let mut sorted: Vec<_> = self.cosignatures.iter().collect();
        sorted.sort_by(|a, b| order(a.time, b.time));
        let said = sorted
            .iter()
            .map(|cosignature| (cosignature.time, cosignature.witness));
        self.policy.met_when(said)
    }

    /// This checkpoint with the cosignatures of these lines (a witness's answer) as well, one for each witness: the
    /// latest. Lines of unknown keys are dropped; one of a known witness that does not verify is an error.
    pub fn merged(&self, lines: &str) -> Result<Self, InvalidNote> {
        self.with(lines, Keep::Latest)
    }

    /// The same, keeping each witness's earliest: what shows best since when the tree has existed.
    pub fn merged_earliest(&self, lines: &str) -> Result<Self, InvalidNote> {
        self.with(lines, Keep::Earliest)
    }

    fn with(&self, lines: &str, keep: Keep) -> Result<Self, InvalidNote> {
        let (text, old) = parts(self.note())?;
        let mut others = String::new();
        let mut best: Vec<(Cosignature, String)> = Vec::new();
        let came = if lines.is_empty() {
            Vec::new()
        } else {
            signature_lines(lines)?
        };
        let lines = signature_lines(old)?
            .into_iter()
            .map(|line| (line, true))
            .chain(came.into_iter().map(|line| (line, false)));
        for (line, is_ours) in lines {
            let shown = String::from_utf8(line.to_bytes()).map_err(|_| InvalidNote::Malformed)?;
            let Some(found) = self.policy.check(text, &line)? else {
                if is_ours {
                    others.push_str(&shown);
                }
                continue;
            };
            match best.iter_mut().find(|(kept, _)| kept.witness == found.witness) {
                None => best.push((found, shown)),
                Some(kept) => {
                    let better = match keep {
                        Keep::Latest => found.time > kept.0.time,
                        Keep::Earliest => found.time < kept.0.time,
                    };
                    if better {
                        *kept = (found, shown);
                    }
                }
            }
        }
        let (cosignatures, lines): (Vec<_>, Vec<_>) = best.into_iter().unzip();
        let count = lines.len().saturating_add(others.lines().count());
        let note = format!("{text}\n{others}{}", lines.concat());
        if note.len() > CHECKPOINT_BYTES_MAX || count > NOTE_SIGNATURES_MAX {
            return Err(InvalidNote::TooLong);
        }
        Ok(Self {
            signed: SignedCheckpoint::new(self.checkpoint().clone(), &note),
            cosignatures,
            policy: self.policy.clone(),
        })
    }
}

/// The text of a note, with its newline, and its signature lines.
fn parts(note: &str) -> Result<(&str, &str), InvalidNote> {
    let blank = note.rfind("\n\n").ok_or(InvalidNote::Malformed)?;
    let text = note
        .get(..blank.saturating_add(1))
        .ok_or(InvalidNote::Malformed)?;
    let lines = note
        .get(blank.saturating_add(2)..)
        .ok_or(InvalidNote::Malformed)?;
    Ok((text, lines))
}

/// One or more whole signature lines.
fn signature_lines(lines: &str) -> Result<Vec<signed_note::Signature>, InvalidNote> {
    if lines.len() > CHECKPOINT_BYTES_MAX {
        return Err(InvalidNote::TooLong);
    }
    let lines = lines.strip_suffix('\n').ok_or(InvalidNote::Malformed)?;
    let mut read = Vec::new();
    for line in lines.split('\n') {
        if read.len() >= NOTE_SIGNATURES_MAX {
            return Err(InvalidNote::TooLong);
        }
        if line.contains(|c: char| c < ' ') {
            return Err(InvalidNote::Malformed);
        }
        read.push(signed_note::Signature::from_bytes(line.as_bytes()).map_err(|_| InvalidNote::Malformed)?);
    }
    Ok(read)
}
