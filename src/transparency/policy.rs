//! Trust policies (C2SP tlog-policy): which logs and witnesses a verifier knows, and which witnesses together are
//! enough. The one place from which trust in a checkpoint comes; the file is the verifier's own.
//!
//! Quorums are counted by distinct keys. Names and URLs are opaque octets, as the specification says.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{KeyId, Origin};
use crate::time::Timestamp;
use crate::transparency::{LogVerifier, WitnessVerifier};

/// A policy that was read. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy(pub(super) Arc<Parts>);

#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Parts {
    pub(super) logs: Vec<PolicyLog>,
    pub(super) witnesses: Vec<PolicyWitness>,
    pub(super) groups: Vec<Group>,
    /// `None`: the line `quorum none`.
    pub(super) quorum: Option<Member>,
}

/// A log that the policy knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyLog {
    pub(super) verifier: LogVerifier,
    pub(super) url: Option<Vec<u8>>,
}

/// A witness that the policy knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyWitness {
    pub(super) name: Vec<u8>,
    pub(super) verifier: WitnessVerifier,
    pub(super) url: Option<Vec<u8>>,
}

#[derive(PartialEq, Eq, Debug)]
pub(super) struct Group {
    pub(super) name: Vec<u8>,
    pub(super) threshold: usize,
    pub(super) members: Vec<Member>,
}

/// A witness or group, by its place in the list of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Member {
    Witness(usize),
    Group(usize),
}

impl PolicyLog {
    /// By what its checkpoints are verified.
    pub fn verifier(&self) -> &LogVerifier {
        &self.verifier
    }

    /// Where it is reached, if that is said, in UTF-8.
    pub fn url(&self) -> Option<&str> {
        utf8(self.url.as_ref())
    }
}

impl PolicyWitness {
    /// Its name in the policy, for showing: it may be another than the one that it signs under, and octets that are no
    /// UTF-8 are replaced.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// By what its cosignatures are verified.
    pub fn verifier(&self) -> &WitnessVerifier {
        &self.verifier
    }

    /// The prefix of its URLs (C2SP tlog-witness), if that is said, in UTF-8.
    pub fn url(&self) -> Option<&str> {
        utf8(self.url.as_ref())
    }
}

fn utf8(octets: Option<&Vec<u8>>) -> Option<&str> {
    octets.and_then(|octets| std::str::from_utf8(octets).ok())
}

impl Policy {
    /// The policy of whoever knows one log's key and asks for no witness: `log …` and `quorum none`.
    pub fn of_log(log: LogVerifier) -> Self {
        Self(Arc::new(Parts {
            logs: vec![PolicyLog {
                verifier: log,
                url: None,
            }],
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        }))
    }

    /// The policy of one log and one witness, whose cosignature is enough.
    pub fn of_one(log: LogVerifier, witness: WitnessVerifier) -> Self {
        Self(Arc::new(Parts {
            logs: vec![PolicyLog {
                verifier: log,
                url: None,
            }],
            witnesses: vec![PolicyWitness {
                name: b"witness".to_vec(),
                verifier: witness,
                url: None,
            }],
            groups: Vec::new(),
            quorum: Some(Member::Witness(0)),
        }))
    }

    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.0.logs
    }

    /// The log of this origin; the first if the file has several keys for it ([`Policy::open`] tries all).
    pub fn log_for(&self, origin: &Origin) -> Option<&LogVerifier> {
        self.logs_for(origin.as_str()).next()
    }

    /// All keys that the file has for an origin.
    pub(super) fn logs_for<'a, 'b>(
        &'a self,
        origin: &'b str,
    ) -> impl Iterator<Item = &'a LogVerifier> + use<'a, 'b> {
        self.logs()
            .iter()
            .map(PolicyLog::verifier)
            .filter(move |log| log.origin().as_str() == origin)
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.0.witnesses
    }

    /// Whether anything less than no witness at all is enough: false for `quorum none`.
    pub fn requires_witnesses(&self) -> bool {
        self.0.quorum.is_some()
    }

    /// The fewest witnesses that can meet the quorum: 0 for `quorum none`.
    pub fn quorum_size_min(&self) -> usize {
        let mut sizes: Vec<usize> = Vec::with_capacity(self.0.groups.len());
        for group in &self.0.groups {
            let mut members: Vec<usize> = group.members.iter().map(|m| size_of(*m, &sizes)).collect();
            members.sort_unstable();
            sizes.push(members.iter().take(group.threshold).sum());
        }
        self.0.quorum.map_or(0, |quorum| size_of(quorum, &sizes))
    }

    /// When enough of these have spoken, heard one after the other in this order; `None`: they are not enough. Under
    /// `quorum none` the first is.
    pub fn met_when(&self, said: impl IntoIterator<Item = (Timestamp, KeyId)>) -> Option<Timestamp> {
        let mut keys = BTreeSet::new();
        said.into_iter().find_map(|(at, key)| {
            let is_new = keys.insert(key);
            (is_new && self.is_met(&keys)).then_some(at)
        })
    }

    /// Whether these witnesses, by their keys, are enough. Keys that the policy does not know count for nothing.
    pub fn is_met(&self, keys: &BTreeSet<KeyId>) -> bool {
        let Some(quorum) = self.0.quorum else {
            return true;
        };
        // Groups name only what stands before them, so one pass in the order of the file is enough.
        let mut met: Vec<bool> = Vec::with_capacity(self.0.groups.len());
        for group in &self.0.groups {
            let members = group.members.iter();
            let count = members.filter(|m| self.0.has_signed(**m, keys, &met)).count();
            met.push(count >= group.threshold);
        }
        self.0.has_signed(quorum, keys, &met)
    }
}

fn size_of(member: Member, groups: &[usize]) -> usize {
    match member {
        Member::Witness(_) => 1,
        Member::Group(at) => groups.get(at).copied().unwrap_or(usize::MAX),
    }
}

impl Parts {
    fn has_signed(&self, member: Member, keys: &BTreeSet<KeyId>, groups: &[bool]) -> bool {
        match member {
            Member::Witness(at) => self
                .witnesses
                .get(at)
                .is_some_and(|witness| keys.contains(&witness.verifier.public_key().keyid())),
            Member::Group(at) => groups.get(at).copied().unwrap_or(false),
        }
    }
}
