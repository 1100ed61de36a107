//! The check of an evidence bundle, offline, by whoever trusts none of those in it: what it proves, what it only repeats of
//! the relay's word, and what it leaves open. Trust comes from the verifier's [`Trusted`] alone.
//!
//! A bundle either verifies as a whole or has a [`BundleFault`] that names the part; there is no half-good bundle. What the
//! findings then say is as much as the signatures do, and no more.

mod brackets;
mod erased;
mod findings;
mod findings_json;
mod history;
mod keys;
mod opened;
mod sentences;
mod telling;
mod tree;

#[cfg(test)]
pub(crate) mod cut;
#[cfg(test)]
mod documents;
#[cfg(test)]
pub(crate) mod every_byte;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod forge_bundle;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod forged_directory;
#[cfg(test)]
mod forged_keys;
#[cfg(test)]
mod forged_sealed;
#[cfg(test)]
mod forged_threads;
#[cfg(test)]
mod forged_words;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod sealed_tests;
#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use super::bundle::{Bundle, BundleFault};
use super::trusted::Trusted;

pub use findings::{
    Act, AnswerFinding, Bound, Bracket, By, CheckpointFinding, Deed, DirectoryFinding, Ended, Findings,
    KeyChain, KeyFinding, Missing, NotShown, RecipientFinding, Said, SeenFinding, Silence, Standing,
    TimestampFinding, WarningFinding, WitnessWord, Witnessed,
};
pub use sentences::Sentences;
pub(super) use sentences::listed;

/// Checks a bundle under what a verifier trusts.
pub fn check(bundle: &Bundle, trusted: &Trusted) -> Result<Findings, BundleFault> {
    let tree = tree::Tree::open(bundle, trusted)?;
    let entries = tree.entries(bundle)?;
    let history = history::read(bundle, &tree, entries)?;
    Ok(telling::tell(bundle, trusted, &tree, history))
}
