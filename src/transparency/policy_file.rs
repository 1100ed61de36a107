//! The file of a trust policy (C2SP tlog-policy): read strictly, line by line, and written back.
//!
//! A last line that does not end is refused, because a file that was cut off could mean something weaker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::KeyId;
use crate::limits::{POLICY_BYTES_MAX, POLICY_ENTRIES_MAX};
use crate::transparency::checkpoint::parse_decimal;
use crate::transparency::policy::{Group, Member, Parts};
use crate::transparency::{
    InvalidVkey, InvalidWitnessVkey, LogVerifier, Policy, PolicyLog, PolicyWitness, WitnessVerifier,
};

/// What is wrong with a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {what}")]
pub struct InvalidPolicy {
    /// The line, from 1; the one after the last if something is missing.
    pub line: usize,
    /// What is wrong with it.
    pub what: PolicyFault,
}

/// What can be wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// The file is longer than [`POLICY_BYTES_MAX`].
    #[error("the policy is longer than {POLICY_BYTES_MAX} bytes")]
    TooLong,
    /// More logs, witnesses or groups than [`POLICY_ENTRIES_MAX`].
    #[error("more than {POLICY_ENTRIES_MAX} logs, witnesses or groups")]
    TooMany,
    /// A control character other than tab and newline.
    #[error("a control character other than tab and newline")]
    Octet,
    /// The last line does not end.
    #[error("the line does not end in a newline; the file may be cut off")]
    CutOff,
    /// It begins with none of the words that it may.
    #[error("a line begins with log, witness, group, quorum or '#'")]
    Keyword,
    /// Too few or too many items.
    #[error("expected: {0}")]
    Form(&'static str),
    /// A log's verifier key that is none.
    #[error("{0}")]
    LogKey(#[from] InvalidVkey),
    /// A witness's verifier key that is none.
    #[error("{0}")]
    WitnessKey(#[from] InvalidWitnessVkey),
    /// The same public key for two logs or two witnesses.
    #[error("its public key stands on an earlier line already")]
    DuplicateKey,
    /// The name is taken, or it is `none`.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// No line before defines this name.
    #[error("no line before this one defines {0:?}")]
    UnknownName(String),
    /// A name is a member of groups more than once.
    #[error("{0:?} is a member of a group already, and would count twice")]
    MemberTwice(String),
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("a group's threshold is all, any, or a number from 1 to the number of its members")]
    Threshold,
    /// A second quorum line, or none.
    #[error("a policy has exactly one quorum line")]
    Quorum,
}

const LOG_FORM: &str = "log VKEY [URL]";
const WITNESS_FORM: &str = "witness NAME VKEY [URL]";
const GROUP_FORM: &str = "group NAME all|any|NUMBER NAME...";
const QUORUM_FORM: &str = "quorum NAME|none";

impl Policy {
    /// Reads a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, InvalidPolicy> {
        if file.len() > POLICY_BYTES_MAX {
            return Err(InvalidPolicy {
                line: 1,
                what: PolicyFault::TooLong,
            });
        }
        let mut reader = Reader::default();
        let mut line = 1;
        for text in file.split_inclusive(|octet| *octet == b'\n') {
            reader.line(text).map_err(|what| InvalidPolicy { line, what })?;
            line += 1;
        }
        if !reader.quorum_seen {
            let what = PolicyFault::Quorum;
            return Err(InvalidPolicy { line, what });
        }
        Ok(Self(Arc::new(reader.parts)))
    }

    /// The policy as a file, without the comments that it may have had; it reads back as the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = &self.0;
        let mut file = Vec::new();
        let mut line = |items: &[&[u8]]| {
            file.extend_from_slice(&items.join(&b' '));
            file.push(b'\n');
        };
        for log in &parts.logs {
            let vkey = log.verifier.vkey();
            let mut items = vec![&b"log"[..], vkey.as_bytes()];
            items.extend(log.url.as_deref());
            line(&items);
        }
        for witness in &parts.witnesses {
            let vkey = witness.verifier.vkey();
            let mut items = vec![&b"witness"[..], &witness.name, vkey.as_bytes()];
            items.extend(witness.url.as_deref());
            line(&items);
        }
        for group in &parts.groups {
            let threshold = group.threshold.to_string();
            let mut items = vec![&b"group"[..], &group.name, threshold.as_bytes()];
            items.extend(group.members.iter().map(|member| parts.name_of(*member)));
            line(&items);
        }
        let quorum = parts.quorum.map_or(NONE, |member| parts.name_of(member));
        line(&[b"quorum", quorum]);
        file
    }
}

const NONE: &[u8] = b"none";

impl Parts {
    fn name_of(&self, member: Member) -> &[u8] {
        match member {
            Member::Witness(at) => self.witnesses.get(at).map(|witness| &*witness.name),
            Member::Group(at) => self.groups.get(at).map(|group| &*group.name),
        }
        .unwrap_or(NONE)
    }
}

/// What was read so far, and what of it later lines may not repeat.
#[derive(Default)]
struct Reader {
    parts: Parts,
    names: BTreeMap<Vec<u8>, Member>,
    members: BTreeSet<Vec<u8>>,
    log_keys: BTreeSet<KeyId>,
    witness_keys: BTreeSet<KeyId>,
    quorum_seen: bool,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), PolicyFault> {
        let text = line.strip_suffix(b"\n").ok_or(PolicyFault::CutOff)?;
        if text
            .iter()
            .any(|octet| octet.is_ascii_control() && *octet != b'\t')
        {
            return Err(PolicyFault::Octet);
        }
        let items: Vec<&[u8]> = text
            .split(|octet| *octet == b' ' || *octet == b'\t')
            .filter(|item| !item.is_empty())
            .collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", rest @ ..] => self.log(rest),
            [b"witness", rest @ ..] => self.witness(rest),
            [b"group", rest @ ..] => self.group(rest),
            [b"quorum", rest @ ..] => self.quorum(rest),
            _ => Err(PolicyFault::Keyword),
        }
    }

    fn log(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let (vkey, url) = match items {
            [vkey] => (*vkey, None),
            [vkey, url] => (*vkey, Some(url.to_vec())),
            _ => return Err(PolicyFault::Form(LOG_FORM)),
        };
        // A verifier key that is no UTF-8 is none; what replaces its octets is in no key.
        let verifier = LogVerifier::parse(&String::from_utf8_lossy(vkey))?;
        if !self.log_keys.insert(verifier.public_key().keyid()) {
            return Err(PolicyFault::DuplicateKey);
        }
        room(&self.parts.logs)?;
        self.parts.logs.push(PolicyLog { verifier, url });
        Ok(())
    }

    fn witness(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let (name, vkey, url) = match items {
            [name, vkey] => (*name, *vkey, None),
            [name, vkey, url] => (*name, *vkey, Some(url.to_vec())),
            _ => return Err(PolicyFault::Form(WITNESS_FORM)),
        };
        let vkey = std::str::from_utf8(vkey).map_err(|_| InvalidWitnessVkey::Malformed)?;
        let verifier = WitnessVerifier::parse(vkey)?;
        if !self.witness_keys.insert(verifier.public_key().keyid()) {
            return Err(PolicyFault::DuplicateKey);
        }
        room(&self.parts.witnesses)?;
        self.define(name, Member::Witness(self.parts.witnesses.len()))?;
        self.parts.witnesses.push(PolicyWitness {
            name: name.to_vec(),
            verifier,
            url,
        });
        Ok(())
    }

    fn group(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let [name, threshold, members @ ..] = items else {
            return Err(PolicyFault::Form(GROUP_FORM));
        };
        if members.is_empty() {
            return Err(PolicyFault::Form(GROUP_FORM));
        }
        let threshold = match *threshold {
            b"all" => members.len(),
            b"any" => 1,
            number => std::str::from_utf8(number)
                .ok()
                .and_then(parse_decimal)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=members.len()).contains(number))
                .ok_or(PolicyFault::Threshold)?,
        };
        room(&self.parts.groups)?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            found.push(self.defined(member)?);
            if !self.members.insert(member.to_vec()) {
                return Err(PolicyFault::MemberTwice(shown(member)));
            }
        }
        self.define(name, Member::Group(self.parts.groups.len()))?;
        self.parts.groups.push(Group {
            name: name.to_vec(),
            threshold,
            members: found,
        });
        Ok(())
    }

    fn quorum(&mut self, items: &[&[u8]]) -> Result<(), PolicyFault> {
        let [name] = items else {
            return Err(PolicyFault::Form(QUORUM_FORM));
        };
        if self.quorum_seen {
            return Err(PolicyFault::Quorum);
        }
        self.quorum_seen = true;
        if *name != NONE {
            self.parts.quorum = Some(self.defined(name)?);
        }
        Ok(())
    }

    fn define(&mut self, name: &[u8], as_what: Member) -> Result<(), PolicyFault> {
        if name == NONE || self.names.contains_key(name) {
            return Err(PolicyFault::NameTaken(shown(name)));
        }
        self.names.insert(name.to_vec(), as_what);
        Ok(())
    }

    fn defined(&self, name: &[u8]) -> Result<Member, PolicyFault> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| PolicyFault::UnknownName(shown(name)))
    }
}

fn room<T>(list: &[T]) -> Result<(), PolicyFault> {
    (list.len() < POLICY_ENTRIES_MAX)
        .then_some(())
        .ok_or(PolicyFault::TooMany)
}

/// A name in an error: the beginning of it.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(64).collect()
}
