//! The second step of a check: every record of the bundle in the order of the log, held to the rules as an auditor's replay
//! holds it, on what the bundle shows: signatures with the keys valid at its index, links, routing, what lies beside it, and
//! what its signer had seen. The rules are the ledger's own; of a part of the log they tell what a part can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::beside::{self, Beside};
use super::super::bundle::{Bundle, BundleFault};
use super::super::fault::Wrong;
use super::super::timeline::BodyShown;
use super::findings::SeenFinding;
use super::keys::Certificates;
use super::tree::{Place, ProvenEntry, Tree};
use super::{erased, opened};
use crate::domain::{
    Acknowledgement, Body, Common, DetachedPart, Digest, Form, Hash, Record, RecordKind, ReplayedContent,
    ReplayedRecord, Routed, Seen, Text, Warning,
};
use crate::ledger::{
    ApplyError, Directory, MemoryFacts, Prepared, apply, seen as seen_in, verify_record, warning_at,
};
use crate::seal::audience_commitment;

/// What all records say, once each was checked.
#[derive(Debug)]
pub(super) struct History {
    pub(super) digest: Digest,
    pub(super) header: Arc<Warning>,
    pub(super) body: Option<Body>,
    /// How that is shown.
    pub(super) body_shown: BodyShown,
    /// The record by which the warning's own place is judged.
    pub(super) warned: ProvenEntry,
    /// What the originator had seen.
    pub(super) warned_seen: Option<SeenFinding>,
    /// The records of the threads, in the order of the log.
    pub(super) events: Vec<ThreadRecord>,
    pub(super) directory: Directory,
    pub(super) certificates: Certificates,
    /// The index of the last record of the directory.
    pub(super) directory_last: u64,
}

/// A record of a thread.
#[derive(Debug)]
pub(super) struct ThreadRecord {
    pub(super) entry: ProvenEntry,
    /// Which thread, by its place in the bundle.
    pub(super) thread: usize,
    /// What was signed, with its text if it is shown.
    pub(super) said: Option<(Arc<Acknowledgement>, Option<Text>)>,
    pub(super) seen: Option<SeenFinding>,
}

struct Reader<'a> {
    bundle: &'a Bundle,
    tree: &'a Tree,
    digest: Digest,
    directory: Directory,
    facts: MemoryFacts,
    certificates: Certificates,
    header: Option<(Arc<Warning>, Option<Body>)>,
    /// What signers said that they had seen, with whose word it is: two may not contradict each other.
    seen: BTreeMap<u64, (Hash, String)>,
    directory_last: u64,
}

/// Reads all records of a bundle, in the order of the log.
pub(super) fn read(bundle: &Bundle, tree: &Tree, entries: Vec<ProvenEntry>) -> Result<History, BundleFault> {
    check_shape(bundle, &entries)?;
    let mut reader = Reader {
        bundle,
        tree,
        digest: bundle.envelope.digest(),
        directory: Directory::default(),
        facts: MemoryFacts::partial(),
        certificates: Certificates::default(),
        header: None,
        seen: BTreeMap::new(),
        directory_last: 0,
    };
    let mut warned: Option<(ProvenEntry, Option<SeenFinding>)> = None;
    let mut events = Vec::new();
    for entry in entries {
        let (said, seen) = reader.record(&entry)?;
        match entry.place {
            Place::Directory => {}
            Place::Accepted => warned = Some((entry, seen)),
            Place::Thread(thread) => {
                if warned.is_none() {
                    // Without the acceptance, the first ROUTED stands for the warning.
                    let seen = reader.see_warning(&entry)?;
                    warned = Some((copy(&entry), seen));
                }
                events.push(ThreadRecord {
                    entry,
                    thread,
                    said,
                    seen,
                });
            }
        }
    }
    reader.nothing_is_left_over()?;
    let missing = || BundleFault::new("threads", "no record shows the warning");
    let (warned, warned_seen) = warned.ok_or_else(missing)?;
    let (header, clear) = reader.header.ok_or_else(missing)?;
    let accepted = bundle.accepted.as_ref().map(|_| warned.index);
    erased::check(&header, accepted, &events)?;
    let opened = opened::body(bundle, &header)?;
    opened::texts(bundle, &mut events)?;
    let body_shown = match (&clear, &opened, &bundle.body) {
        (Some(_), _, _) => BodyShown::Clear,
        (None, Some(_), _) => BodyShown::Opened,
        (None, None, Some(_)) => BodyShown::Sealed,
        (None, None, None) => BodyShown::Absent,
    };
    Ok(History {
        digest: reader.digest,
        header,
        body: clear.or(opened),
        body_shown,
        warned,
        warned_seen,
        events,
        directory: reader.directory,
        certificates: reader.certificates,
        directory_last: reader.directory_last,
    })
}

fn copy(entry: &ProvenEntry) -> ProvenEntry {
    ProvenEntry {
        part: entry.part.clone(),
        record: entry.record.clone(),
        ..*entry
    }
}

/// What can be said of the bundle as a whole before its records are believed.
fn check_shape(bundle: &Bundle, entries: &[ProvenEntry]) -> Result<(), BundleFault> {
    match entries.first() {
        Some(first) if first.place == Place::Directory && first.index == 0 => {}
        Some(_) | None => {
            let why = "it does not begin with the genesis, which is record 0";
            return Err(BundleFault::new("directory", why));
        }
    }
    if bundle.threads.is_empty() {
        return Err(BundleFault::new("threads", "there is no thread"));
    }
    let mut desks = BTreeSet::new();
    for (at, thread) in bundle.threads.iter().enumerate() {
        if thread.records.is_empty() {
            let part = format!("threads[{at}].records");
            return Err(BundleFault::new(part, "there is no record"));
        }
        if !desks.insert(&thread.desk) {
            let part = format!("threads[{at}].desk");
            return Err(BundleFault::new(part, "an earlier thread is of the same desk"));
        }
        let of_thread = |index: u64| {
            let found = entries.binary_search_by_key(&index, |entry| entry.index).ok();
            found
                .and_then(|found| entries.get(found))
                .is_some_and(|entry| entry.place == Place::Thread(at))
        };
        for (number, (index, _)) in thread.texts.iter().enumerate() {
            if !of_thread(*index) {
                let part = format!("threads[{at}].texts[{number}].index");
                return Err(BundleFault::new(part, "no record of the thread has this index"));
            }
        }
    }
    Ok(())
}

/// What a recipient signed, if it is an acknowledgement's record.
type SaidInRecord = Option<(Arc<Acknowledgement>, Option<Text>)>;

impl Reader<'_> {
    fn record(&mut self, entry: &ProvenEntry) -> Result<(SaidInRecord, Option<SeenFinding>), BundleFault> {
        let of_record = |why: &dyn std::fmt::Display| BundleFault::new(format!("{}.record", entry.part), why);
        let (index, record) = (entry.index, &entry.record);
        self.check_place(entry)?;
        verify_record(&self.directory, index, record).map_err(|corrupt| of_record(&corrupt.what))?;
        let seen = match seen_in(record) {
            Some(seen) => Some(self.see(index, seen, &format!("{}.record", entry.part))?),
            None => None,
        };
        let said = self.check_beside(entry)?;
        if let (Some((said, _)), Some((header, _))) = (&said, &self.header)
            && said.warning_id != header.common.id
        {
            return Err(of_record(&"it acknowledges another id than the warning's"));
        }
        // `apply` holds the two to each other where it has seen the acceptance.
        if let (Some((said, _)), Some((header, _))) = (&said, &self.header)
            && let Some(text) = &said.text
            && (text.form, text.suite)
                != (
                    header.body.form,
                    header.reply_key.as_ref().map_or(0, |it| it.suite),
                )
        {
            return Err(of_record(&"its text has another form than the warning asks for"));
        }
        if let RecordKind::Routed(routed) = &record.kind {
            self.check_routed(entry, routed)?;
        }
        if entry.place == Place::Directory {
            self.certificates.take_in(&self.directory, record);
            self.directory_last = index;
        }
        let changes = apply(&mut self.directory, &self.facts, index, entry.leaf, record);
        let changes = changes.map_err(|error| match error {
            ApplyError::Corrupt(corrupt) => of_record(&corrupt.what),
            ApplyError::Facts(error) => of_record(&error),
        })?;
        self.facts.put(changes);
        Ok((said, seen))
    }

    /// The record is of the kind, and about the warning and recipient, that its place in the bundle says.
    fn check_place(&self, entry: &ProvenEntry) -> Result<(), BundleFault> {
        let record = &entry.record;
        let wrong = |why: &str| Err(BundleFault::new(format!("{}.record", entry.part), why));
        match entry.place {
            Place::Directory => {
                if record.directory.is_none() {
                    return wrong("it is no record of the directory");
                }
                if let RecordKind::Genesis(genesis) = &record.kind
                    && (genesis.origin != self.bundle.origin
                        || genesis.log_public_key != *self.tree.log.public_key().as_bytes())
                {
                    return wrong("the genesis is another log's, or names another key of the log");
                }
            }
            Place::Accepted => {
                let RecordKind::Accepted(accepted) = &record.kind else {
                    return wrong("it is no ACCEPTED record");
                };
                if accepted.warning != self.bundle.envelope {
                    return wrong("it accepts another envelope than \"warning\"");
                }
                let routed = self.routed_leaves();
                let listed: BTreeSet<&Hash> = accepted.routed.iter().collect();
                if listed.len() != routed.len() || !routed.iter().all(|leaf| listed.contains(leaf)) {
                    let why = "they are not the threads that the acceptance lists, no more and no fewer";
                    return Err(BundleFault::new("threads", why));
                }
            }
            Place::Thread(at) => {
                let link = record.thread.as_ref();
                let Some(thread) = self.bundle.threads.get(at) else {
                    return wrong("it belongs to no thread");
                };
                if !link.is_some_and(|link| link.warning == self.digest && link.desk == thread.desk) {
                    return wrong("it belongs to another thread, of another warning or another recipient");
                }
            }
        }
        Ok(())
    }

    /// The leaf hash of each thread's first record.
    fn routed_leaves(&self) -> Vec<Hash> {
        let first = self
            .bundle
            .threads
            .iter()
            .filter_map(|thread| thread.records.first());
        first
            .map(|entry| crate::transparency::leaf_hash(&entry.record))
            .collect()
    }

    /// Checks the body or the text that the bundle has beside a record, and takes in the header.
    fn check_beside(&mut self, entry: &ProvenEntry) -> Result<SaidInRecord, BundleFault> {
        let (part_name, part) = self.part_of(entry);
        let shown = ReplayedRecord {
            index: entry.index,
            content: ReplayedContent::LeafHash(entry.leaf),
            part: part.cloned(),
            inbox: None,
        };
        let beside = beside::check(&Prepared::unchecked(entry.record.clone()), &shown).map_err(|wrong| {
            let part = if matches!(wrong, Wrong::Part { .. }) {
                part_name
            } else {
                format!("{}.record", entry.part)
            };
            BundleFault::new(part, wrong)
        })?;
        Ok(match beside {
            Beside::Nothing => None,
            Beside::Warning { header, body, .. } => {
                self.header = Some((header, body.map(|body| *body)));
                None
            }
            Beside::Acknowledgement { said, text, .. } => Some((said, text)),
        })
    }

    /// What the bundle has beside a record, and where.
    fn part_of(&self, entry: &ProvenEntry) -> (String, Option<&DetachedPart>) {
        match entry.place {
            Place::Directory => (String::new(), None),
            Place::Accepted => ("warning.body".to_owned(), self.bundle.body.as_ref()),
            Place::Thread(at) => {
                let texts = self.bundle.threads.get(at).map(|thread| &thread.texts);
                let found = texts.and_then(|texts| {
                    let number = texts
                        .binary_search_by_key(&entry.index, |(index, _)| *index)
                        .ok()?;
                    texts.get(number).map(|text| (number, text))
                });
                match found {
                    Some((number, (_, text))) => (format!("threads[{at}].texts[{number}]"), Some(text)),
                    None => (String::new(), None),
                }
            }
        }
    }

    /// The originator's audience names the recipient; without the acceptance, the warning itself is checked here.
    fn check_routed(&mut self, entry: &ProvenEntry, routed: &Routed) -> Result<(), BundleFault> {
        if self.header.is_none() {
            let envelope = &self.bundle.envelope;
            let header = warning_at(&self.directory, entry.index, entry.record.time, envelope)
                .map_err(|refused| BundleFault::new("warning.envelope", refused))?;
            let body = beside::body_of(&header, self.bundle.body.as_ref())
                .map_err(|wrong| BundleFault::new("warning.body", wrong))?;
            self.header = Some((Arc::new(header), body));
        }
        let Some((header, _)) = &self.header else {
            return Ok(());
        };
        if routed.wrap_digest.is_some() != (header.body.form == Form::Sealed) {
            let why = "a sealed body has a wrap for each recipient, one in clear has none";
            return Err(BundleFault::new(format!("{}.record", entry.part), why));
        }
        let is_meant = |opening: &crate::domain::AudienceOpening| {
            let commitment = audience_commitment(opening.kind, &opening.salt, &opening.address);
            header.audience.contains(&commitment)
        };
        if routed.openings.iter().all(is_meant) {
            return Ok(());
        }
        let why = "an opening that led here opens no entry of the audience that the originator signed";
        Err(BundleFault::new(format!("{}.record", entry.part), why))
    }

    /// What the originator had seen, where the acceptance does not say it.
    fn see_warning(&mut self, entry: &ProvenEntry) -> Result<Option<SeenFinding>, BundleFault> {
        let header = self.header.as_ref().map(|(header, _)| &header.common);
        match header.and_then(Common::named).and_then(|signer| signer.seen) {
            Some(seen) => Ok(Some(self.see(entry.index, seen, "warning.envelope")?)),
            None => Ok(None),
        }
    }

    /// Holds what a signer had seen to the roots that are known, and to what the others had seen.
    fn see(&mut self, index: u64, seen: Seen, part: &str) -> Result<SeenFinding, BundleFault> {
        let size = seen.size;
        if size > index {
            let why = format!("its signer had seen a log of {size} records, and it is record {index}");
            return Err(BundleFault::new(part, why));
        }
        let known = self.tree.roots.get(&size);
        if known.is_some_and(|root| *root != seen.root) {
            let why = format!(
                "its signer had seen a log of {size} records with another root: the log was forked, or this is not it"
            );
            return Err(BundleFault::new(part, why));
        }
        let (before, whose) = self
            .seen
            .entry(size)
            .or_insert_with(|| (seen.root, part.to_owned()));
        if *before != seen.root {
            let why = format!(
                "its signer had seen another log of {size} records than the signer of {whose}: the log was forked"
            );
            return Err(BundleFault::new(part, why));
        }
        Ok(SeenFinding {
            seen,
            compared: known.is_some(),
        })
    }

    /// Nothing that was begun is unfinished, and nothing is in the bundle for no reason.
    fn nothing_is_left_over(&self) -> Result<(), BundleFault> {
        if self.directory.is_open() {
            let why = "a record that must follow an enrolment or an acceptance at once does not";
            return Err(BundleFault::new("directory", why));
        }
        for (at, it) in self.bundle.seen.iter().enumerate() {
            if !self.seen.contains_key(&it.size) {
                let part = format!("seen[{at}].size");
                return Err(BundleFault::new(
                    part,
                    "nobody who signed here had seen this size",
                ));
            }
        }
        Ok(())
    }
}

/// Whether a record is an answer, or evidence of one.
pub(super) fn answers(said: &Acknowledgement) -> bool {
    said.kind.step() >= crate::domain::Step::Answered
}

/// The link that a thread's record has.
pub(super) fn seq_of(record: &Record) -> Option<u64> {
    record.thread.as_ref().map(|link| link.seq)
}
