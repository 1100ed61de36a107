//! The directory: who is enrolled, with which keys, desks and mandates, as the chain of directory records says.
//!
//! It is in memory and cheap to clone for an engine that keeps a speculative and a durable one. Only
//! [`crate::ledger::apply`] and [`Directory::follow`] change it; a key's validity is an interval of log indexes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::facts::AcceptanceFact;
use super::holds::HoldEntry;
use super::resolve::Recipient;
use super::retained::Retained;
use crate::domain::{
    AgencyId, AgencyKind, Deadlines, Desk, DeskAddress, Digest, DirectoryPosition, Hash, KeyId, KeyRole,
    Origin, Precedence, Principal, StateId,
};
use crate::seal::{PublicKey, SealPublicKey};

/// The state of the directory after some record of its chain; the default is that of an empty log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    pub(super) log: Option<Log>,
    pub(super) position: Option<DirectoryPosition>,
    pub(super) keys: BTreeMap<KeyId, KeyEntry>,
    pub(super) states: BTreeMap<StateId, StateEntry>,
    pub(super) agencies: BTreeMap<AgencyId, AgencyEntry>,
    /// Auditors' holds that had not ended when the last one was recorded.
    pub(super) holds: Vec<HoldEntry>,
    /// What the log has said of how long things are kept.
    pub(crate) retained: Retained,
    /// What the last record began and the next ones must finish; none between blocks.
    pub(super) open: Option<Open>,
}

/// What the genesis says of the log itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its identity.
    pub origin: Origin,
    /// Its key, raw Ed25519.
    pub public_key: [u8; 32],
    /// The relay's defaults, one a precedence.
    pub deadlines: Vec<(Precedence, Deadlines)>,
}

/// A key that was enrolled, valid or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its id.
    pub keyid: KeyId,
    /// Whose it is.
    pub principal: Principal,
    /// What it may do.
    pub role: KeyRole,
    /// Raw Ed25519, the DER SubjectPublicKeyInfo of a TLS key, or the suite and key that bodies are sealed to.
    pub public_key: Vec<u8>,
    /// For people.
    pub label: String,
    /// The index of the record that enrolled it: valid from here on.
    pub from: u64,
    /// The index of the record that revoked or succeeded it: not valid from here on.
    pub until: Option<u64>,
    /// The key itself, if its role signs: parsed once, because that costs nearly as much as a verification.
    pub(super) signing: Option<PublicKey>,
}

impl KeyEntry {
    /// A key that is enrolled at an index.
    pub(super) fn enrolled(
        keyid: KeyId,
        principal: Principal,
        role: KeyRole,
        public_key: Vec<u8>,
        label: String,
        from: u64,
    ) -> Self {
        let parsed = role.signs().then(|| PublicKey::parse(&public_key).ok());
        Self {
            keyid,
            principal,
            role,
            label,
            from,
            until: None,
            signing: parsed.flatten(),
            public_key,
        }
    }

    /// The key to verify signatures with: of a role that signs, and safe.
    pub fn signing(&self) -> Option<PublicKey> {
        self.signing
    }

    /// The key to seal to: of that role, and sound.
    pub fn sealing(&self) -> Option<SealPublicKey> {
        match self.role {
            KeyRole::Seal => SealPublicKey::parse(&self.public_key).ok(),
            KeyRole::Root
            | KeyRole::Originate
            | KeyRole::Receive
            | KeyRole::Officer
            | KeyRole::Tls
            | KeyRole::TlsCa
            | KeyRole::Operator => None,
        }
    }

    /// Whether it is valid at a log index. The record that revokes a key stands at the first index at which the
    /// key is not valid; that record itself is judged by the directory before it.
    pub fn is_valid_at(&self, index: u64) -> bool {
        self.from <= index && self.until.is_none_or(|until| index < until)
    }
}

/// An enrolled state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// Its newest root; it may be revoked.
    pub root: KeyId,
    /// The index of the record that enrolled it.
    pub enrolled: u64,
}

/// An enrolled agency or auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgencyEntry {
    /// For people.
    pub name: String,
    /// Whether it has desks.
    pub kind: AgencyKind,
    /// Its submissions are stopped.
    pub suspended: bool,
    /// What it published, by address. The duty desk is here only if it was given a name.
    pub desks: BTreeMap<DeskAddress, Desk>,
    /// The auditors that it admits.
    pub auditors: BTreeSet<AgencyId>,
    /// The index of the record that enrolled it.
    pub enrolled: u64,
}

/// Records that must follow at once: they stand in one block with the one that announced them. `next` is the index of the
/// next of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// The `ROUTED` records of an acceptance, by leaf hash and what the routing gives.
    Acceptance {
        warning: Digest,
        expected: VecDeque<(Hash, Recipient)>,
        next: u64,
        fact: Arc<AcceptanceFact>,
    },
    /// The keys of an agency's enrolment, by digest.
    Enrolment { expected: VecDeque<Digest>, next: u64 },
}

impl Directory {
    /// What the genesis says of the log; none in an empty log.
    pub fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// The log's origin; none in an empty log.
    pub fn origin(&self) -> Option<&Origin> {
        self.log.as_ref().map(|log| &log.origin)
    }

    /// The newest record of the chain; none in an empty log.
    pub fn position(&self) -> Option<DirectoryPosition> {
        self.position
    }

    /// Whether its last record began what the next ones must finish: never so between blocks.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A key by its id, valid or not.
    pub fn key(&self, keyid: &KeyId) -> Option<&KeyEntry> {
        self.keys.get(keyid)
    }

    /// A key that is valid at `index`.
    pub fn key_at(&self, keyid: &KeyId, index: u64) -> Option<&KeyEntry> {
        self.keys.get(keyid).filter(|key| key.is_valid_at(index))
    }

    /// The key that bodies are sealed to for an agency: its newest that is valid.
    pub fn seal_key_of(&self, agency: &AgencyId) -> Option<&KeyEntry> {
        self.keys
            .values()
            .filter(|key| key.role == KeyRole::Seal && key.until.is_none())
            .filter(|key| key.principal.agency() == Some(agency))
            .max_by_key(|key| (key.from, key.keyid))
    }

    /// All keys that were ever enrolled, in the order of their ids.
    pub fn keys(&self) -> impl Iterator<Item = &KeyEntry> {
        self.keys.values()
    }

    /// All keys of a principal, revoked ones too.
    pub fn keys_of<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a KeyEntry> {
        self.keys.values().filter(move |key| key.principal == *principal)
    }

    /// The newest root of a state, unless it is revoked.
    pub fn root_of(&self, state: &StateId) -> Option<&KeyEntry> {
        let root = &self.states.get(state)?.root;
        self.keys.get(root).filter(|key| key.until.is_none())
    }

    /// Whose session it is that proved this TLS key, if the key is enrolled and not revoked.
    pub fn session_principal(&self, tls: &KeyId) -> Option<Principal> {
        let key = self.keys.get(tls)?;
        let valid = key.role == KeyRole::Tls && key.until.is_none();
        valid.then(|| key.principal.clone())
    }

    /// Whether a principal is enrolled: an agency, a state's root, an operator with any key.
    pub fn is_enrolled(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Agency(agency) => self.agencies.contains_key(agency),
            Principal::Root(state) => self.states.contains_key(state),
            Principal::Operator(_) => self.keys_of(principal).next().is_some(),
        }
    }

    /// An enrolled state.
    pub fn state(&self, state: &StateId) -> Option<&StateEntry> {
        self.states.get(state)
    }

    /// All states, in the order of their ids.
    pub fn states(&self) -> impl Iterator<Item = (&StateId, &StateEntry)> {
        self.states.iter()
    }

    /// An enrolled agency or auditor.
    pub fn agency(&self, agency: &AgencyId) -> Option<&AgencyEntry> {
        self.agencies.get(agency)
    }

    /// All agencies and auditors, in the order of their ids.
    pub fn agencies(&self) -> impl Iterator<Item = (&AgencyId, &AgencyEntry)> {
        self.agencies.iter()
    }

    /// The desks of an agency that take new warnings, the duty desk first; none of an auditor or a stranger.
    pub fn desks_of(&self, agency: &AgencyId) -> Vec<DeskAddress> {
        let Some(entry) = self.agencies.get(agency) else {
            return Vec::new();
        };
        match entry.kind {
            AgencyKind::Auditor => Vec::new(),
            AgencyKind::Agency => std::iter::once(DeskAddress::duty(agency.clone()))
                .chain(entry.desks.keys().filter(|desk| !desk.is_duty()).cloned())
                .collect(),
        }
    }

    /// Whether a desk takes new warnings. An agency's duty desk always does, an auditor has none.
    pub fn is_desk(&self, desk: &DeskAddress) -> bool {
        self.agencies.get(desk.agency()).is_some_and(|entry| {
            entry.kind == AgencyKind::Agency && (desk.is_duty() || entry.desks.contains_key(desk))
        })
    }

    /// What an agency published of a desk.
    pub fn desk(&self, desk: &DeskAddress) -> Option<&Desk> {
        self.agencies.get(desk.agency())?.desks.get(desk)
    }

    /// The agencies that admit this auditor now, in the order of their ids.
    pub fn mandators_of<'a>(&'a self, auditor: &'a AgencyId) -> impl Iterator<Item = &'a AgencyId> {
        self.agencies
            .iter()
            .filter(move |(_, entry)| entry.auditors.contains(auditor))
            .map(|(agency, _)| agency)
    }
}
