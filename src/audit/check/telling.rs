//! From checked records to findings: who did what, how sure that is, between when and when, where each recipient stands, and
//! what is left open. Nothing is checked here any more, and nothing is said here that was not checked.

use std::collections::BTreeSet;

use super::super::bundle::Bundle;
use super::super::timeline::{BodyShown, Note, Words};
use super::super::trusted::Trusted;
use super::brackets::Clocks;
use super::findings::{
    Act, AnswerFinding, By, CheckpointFinding, Deed, DirectoryFinding, Findings, KeyFinding, Missing,
    NotShown, RecipientFinding, Said, SeenFinding, Silence, Standing, TimestampFinding, WarningFinding,
    WitnessWord, Witnessed,
};
use super::history::{History, ThreadRecord, answers, seq_of};
use super::tree::{Place, Tree};
use crate::domain::{
    Acknowledgement, Body, Common, Deadlines, DeskAddress, Form, KeyId, RecordKind, Seen, SignedEnvelope,
    Step,
};

/// Tells what was checked.
pub(super) fn tell(bundle: &Bundle, trusted: &Trusted, tree: &Tree, history: History) -> Findings {
    let clocks = Clocks::new(trusted.policy(), tree);
    let (checkpoint, witnessed) = (checkpoint_finding(trusted, tree), witnessed(tree));
    let mut teller = Teller {
        bundle,
        trusted,
        clocks,
        history: &history,
        keys: Vec::new(),
        acts: Vec::new(),
    };
    teller.warned();
    for event in &history.events {
        teller.event(event);
    }
    let recipients: Vec<RecipientFinding> = (0..bundle.threads.len())
        .filter_map(|thread| teller.recipient(thread, witnessed))
        .collect();
    let (keys, acts) = (std::mem::take(&mut teller.keys), std::mem::take(&mut teller.acts));
    let common = &history.header.common;
    let mut findings = Findings {
        origin: bundle.origin.clone(),
        log_vkey: tree.log.vkey(),
        checkpoint,
        witnessed,
        warning: WarningFinding {
            digest: history.digest,
            id: common.id,
            status: history.header.status,
            warning_type: history.header.warning_type,
            precedence: history.header.precedence,
            territory: history.header.territory.clone(),
            expires: history.header.expires,
            sealed: history.header.body.form == Form::Sealed,
            body: history.body_shown,
            headlines: history.body.as_ref().map(headlines),
            index: history.warned.index,
        },
        acts,
        recipients,
        all_recipients: bundle.accepted.is_some(),
        keys,
        roots_given: trusted.roots().is_some(),
        timestamps: tree
            .tokens
            .iter()
            .map(|(size, says)| TimestampFinding {
                size: *size,
                time: says.latest(),
                authority: says.authority.clone(),
                root: says.root.clone(),
            })
            .collect(),
        deadlines: deadlines(&history),
        directory: DirectoryFinding {
            records: u64::try_from(bundle.directory.len()).unwrap_or(u64::MAX),
            last: history.directory_last,
        },
        not_shown: Vec::new(),
    };
    findings.not_shown = not_shown(&findings);
    findings
}

fn checkpoint_finding(trusted: &Trusted, tree: &Tree) -> CheckpointFinding {
    let said = tree.checkpoint.checkpoint();
    let witnesses = tree.checkpoint.cosignatures().iter();
    CheckpointFinding {
        size: said.size,
        root: said.root,
        witnesses: witnesses
            .map(|cosignature| WitnessWord {
                name: cosignature.name.to_string(),
                keyid: cosignature.witness,
                time: cosignature.time,
            })
            .collect(),
        witnesses_required: trusted.policy().requires_witnesses(),
        quorum: tree.checkpoint.quorum_time(),
    }
}

/// The newest that has the quorum by itself. All are of one log, which `Tree::open` has checked.
fn witnessed(tree: &Tree) -> Option<Witnessed> {
    let mut newest_first = [&tree.checkpoint].into_iter().chain(tree.earlier.iter().rev());
    newest_first.find_map(|it| {
        Some(Witnessed {
            size: it.checkpoint().size,
            since: it.quorum_time()?,
        })
    })
}

fn deadlines(history: &History) -> Option<Deadlines> {
    let precedence = history.header.precedence;
    let deadlines = &history.directory.log()?.deadlines;
    let (_, defaults) = deadlines.iter().find(|(of, _)| *of == precedence)?;
    Some(match history.header.deadlines {
        None => *defaults,
        Some(shortened) => Deadlines {
            received_ms: shortened.received_ms.min(defaults.received_ms),
            opened_ms: shortened.opened_ms.min(defaults.opened_ms),
            answered_ms: shortened.answered_ms.min(defaults.answered_ms),
        },
    })
}

fn headlines(body: &Body) -> Vec<Words> {
    let (authoritative, others): (Vec<_>, Vec<_>) = body
        .blocks
        .iter()
        .partition(|block| block.language == body.authoritative);
    let all = authoritative.into_iter().chain(others);
    all.map(|block| Words {
        language: block.language.to_string(),
        text: block.headline.clone(),
    })
    .collect()
}

struct Teller<'a> {
    bundle: &'a Bundle,
    trusted: &'a Trusted,
    clocks: Clocks<'a>,
    history: &'a History,
    keys: Vec<KeyFinding>,
    acts: Vec<Act>,
}

/// What a signer saw says when it signed only if it was of this very log.
fn compared(seen: Option<SeenFinding>) -> Option<Seen> {
    seen.filter(|seen| seen.compared).map(|seen| seen.seen)
}

impl Teller<'_> {
    fn warned(&mut self) {
        let (history, bundle) = (self.history, self.bundle);
        let entry = &history.warned;
        let by = self.by(&history.header.common, &bundle.envelope, history.warned_seen);
        let standing = self.standing(by.as_ref());
        self.acts.push(Act {
            index: entry.index,
            part: match entry.place {
                Place::Accepted => entry.part.clone(),
                Place::Directory | Place::Thread(_) => "warning.envelope".to_owned(),
            },
            seq: None,
            desk: None,
            what: Deed::Warned {
                accepted: bundle.accepted.is_some(),
            },
            standing,
            relay_time: entry.record.time,
            bracket: self.clocks.bracket(entry.index, compared(history.warned_seen)),
            by,
        });
    }

    fn event(&mut self, event: &ThreadRecord) {
        let entry = &event.entry;
        let mut by = None;
        let what = match (&entry.record.kind, &event.said) {
            (RecordKind::Acknowledged(envelope), Some((said, text))) => {
                by = self.by(&said.common, envelope, event.seen);
                let texts = self.bundle.threads.get(event.thread).map(|thread| &thread.texts);
                let shown = texts.is_some_and(|all| all.iter().any(|(index, _)| *index == entry.index));
                Deed::Said(Box::new(said_of(said, Note::of(said, text.as_ref(), shown))))
            }
            (RecordKind::HandedOver(handed_over), _) => Deed::HandedOver {
                tls_keyid: handed_over.tls_keyid,
                unrecorded: handed_over.unrecorded,
            },
            (RecordKind::Routed(_), _) => Deed::Routed,
            (RecordKind::Erased(erased), _) => Deed::Erased(*erased),
            (RecordKind::Unknown, _) => Deed::Unknown,
            // None of these has a place in a thread, and what was acknowledged was read: nothing comes here that was checked.
            (
                RecordKind::Acknowledged(_)
                | RecordKind::Genesis(_)
                | RecordKind::RelayStarted(_)
                | RecordKind::StateEnrolled { .. }
                | RecordKind::AgencyEnrolled(_)
                | RecordKind::KeyPublished(_)
                | RecordKind::KeyRevoked(_)
                | RecordKind::RootSucceeded(_)
                | RecordKind::DesksPublished(_)
                | RecordKind::MandatePublished(_)
                | RecordKind::HoldPlaced(_)
                | RecordKind::AgencySuspended(_)
                | RecordKind::AgencyReinstated(_)
                | RecordKind::OperatorKeyPublished(_)
                | RecordKind::Accepted(_)
                | RecordKind::Rejected(_),
                _,
            ) => Deed::Unknown,
        };
        let standing = match &what {
            Deed::Warned { .. } | Deed::Said(_) => self.standing(by.as_ref()),
            // The log has signed that it is on the record; whom the audience names is as sure as whose signature that has.
            Deed::Routed => self
                .acts
                .first()
                .map_or(Standing::ClaimedByRelay, |warned| warned.standing),
            Deed::HandedOver { .. } | Deed::Erased(_) | Deed::Unknown => Standing::ClaimedByRelay,
        };
        self.acts.push(Act {
            index: entry.index,
            part: entry.part.clone(),
            seq: seq_of(&entry.record),
            desk: self.desk(event.thread).cloned(),
            what,
            standing,
            relay_time: entry.record.time,
            bracket: self.clocks.bracket(entry.index, compared(event.seen)),
            by,
        });
    }

    fn desk(&self, thread: usize) -> Option<&DeskAddress> {
        self.bundle.threads.get(thread).map(|thread| &thread.desk)
    }

    /// Whose signature it is; its key is taken in too.
    fn by(&mut self, common: &Common, envelope: &SignedEnvelope, seen: Option<SeenFinding>) -> Option<By> {
        let signer = common.named()?;
        let keyid = envelope.signatures.first()?.keyid;
        self.take_in_key(&keyid);
        Some(By {
            principal: signer.principal.clone(),
            role: signer.role,
            desk: signer.desk.clone(),
            office: signer.office.clone(),
            keyid,
            sent: common.sent,
            seen,
        })
    }

    fn take_in_key(&mut self, keyid: &KeyId) {
        if self.keys.iter().any(|known| known.keyid == *keyid) {
            return;
        }
        if let Some(key) = self.history.directory.key(keyid) {
            let finding = self.history.certificates.finding(key, self.trusted.roots());
            self.keys.push(finding);
        }
    }

    /// A signature proves what its key proves.
    fn standing(&self, by: Option<&By>) -> Standing {
        let key = by.and_then(|by| self.keys.iter().find(|key| key.keyid == by.keyid));
        if key.is_some_and(|key| key.chain.is_proven()) {
            Standing::Proven
        } else {
            Standing::ClaimedByRelay
        }
    }

    /// How sure it is that the recipient reached its step: by the surest of the acts that show it.
    fn standing_of(&self, thread: usize, step: Step) -> Standing {
        let desk = self.desk(thread);
        let shows = |act: &&Act| match &act.what {
            Deed::Said(said) => said.kind.step() == step,
            Deed::HandedOver { .. } => step == Step::HandedOver,
            Deed::Routed => step == Step::Routed,
            Deed::Warned { .. } | Deed::Erased(_) | Deed::Unknown => false,
        };
        let all = self.acts.iter().filter(|act| act.desk.as_ref() == desk);
        let standings = all.filter(shows).map(|act| act.standing);
        standings.min().unwrap_or(Standing::ClaimedByRelay)
    }

    fn recipient(&self, thread: usize, witnessed: Option<Witnessed>) -> Option<RecipientFinding> {
        let events: Vec<&ThreadRecord> = self
            .history
            .events
            .iter()
            .filter(|event| event.thread == thread)
            .collect();
        let (first, last) = (events.first()?.entry.index, events.last()?.entry.index);
        let mut step = Step::Routed;
        let mut answer = None;
        for event in &events {
            if matches!(event.entry.record.kind, RecordKind::HandedOver(_)) {
                step = step.max(Step::HandedOver);
            }
            if let Some((said, _)) = &event.said {
                step = step.max(said.kind.step());
            }
            if let Some((said, _)) = &event.said
                && said.kind.is_answer()
            {
                let index = event.entry.index;
                let act = self
                    .acts
                    .iter()
                    .find(|act| act.index == index && act.desk.is_some());
                answer = Some(AnswerFinding {
                    kind: said.kind,
                    index,
                    standing: act.map_or(Standing::ClaimedByRelay, |act| act.standing),
                });
            }
        }
        let answered = events
            .iter()
            .position(|event| event.said.as_ref().is_some_and(|(said, _)| answers(said)));
        let silent = match answered {
            Some(at) => events.get(..at).unwrap_or_default(),
            None => events.as_slice(),
        };
        let to = silent.last().map_or(first, |event| event.entry.index);
        // Silence about a warning that nobody is shown to have signed proves nothing.
        let is_signed = (self.acts.first()).is_some_and(|warned| warned.standing == Standing::Proven);
        let proven_to = witnessed.filter(|_| is_signed).and_then(|witnessed| {
            let indexes = silent.iter().map(|event| event.entry.index);
            indexes.take_while(|index| witnessed.holds(*index)).last()
        });
        let answered = answered
            .and_then(|at| events.get(at))
            .map(|event| event.entry.index);
        let lasted = self
            .clocks
            .with(first)
            .zip(self.clocks.without(answered.unwrap_or(to)))
            .filter(|(from, until)| from.time < until.time);
        Some(RecipientFinding {
            desk: self.desk(thread)?.clone(),
            step,
            answer,
            silence: Silence {
                from: first,
                to,
                answered,
                lasted,
                proven_to,
            },
            standing: self.standing_of(thread, step),
            last,
        })
    }
}

fn said_of(said: &Acknowledgement, note: Note) -> Said {
    Said {
        kind: said.kind,
        assessment: said.assessment,
        missing: said.missing.clone(),
        reason: said.reason,
        until: said.until,
        to: said.to.clone(),
        note,
        sealed: said.text.as_ref().is_some_and(|text| text.form == Form::Sealed),
    }
}

/// What a reader might take for shown, and is not.
fn not_shown(findings: &Findings) -> Vec<NotShown> {
    let mut all = Vec::new();
    let mut add = |what, sentence: String| all.push(NotShown { what, sentence });
    let indexes = |of: &dyn Fn(&Act) -> bool| {
        let indexes = findings.acts.iter().filter(|act| of(act)).map(|act| act.index);
        let indexes: BTreeSet<u64> = indexes.collect();
        let indexes: Vec<String> = indexes.iter().map(u64::to_string).collect();
        indexes.join(", ")
    };
    match (findings.warning.body, findings.body_erased()) {
        (BodyShown::Clear | BodyShown::Opened, _) => {}
        (BodyShown::Sealed, _) => add(
            Missing::SealedBody,
            "What the warning says: its body is sealed, and not opened in this file. It is not erased: whoever it was sealed to, or \
             its originator, can open it, and show that it is what was signed."
                .to_owned(),
        ),
        (BodyShown::Absent, Some(erased)) => add(
            Missing::Body,
            format!(
                "What the warning says: its body is not in this file, and by record {erased} the relay says that it has erased it. What \
                 was signed is its digest and length, so another body cannot be put in its place."
            ),
        ),
        (BodyShown::Absent, None) => add(
            Missing::Body,
            "What the warning says: its body is not in this file, because it was erased or left out. What was signed is its \
             digest and length, so another body cannot be put in its place."
                .to_owned(),
        ),
    }
    let has = |act: &Act, note: &Note| matches!(&act.what, Deed::Said(said) if said.note == *note);
    let sealed = indexes(&|act| has(act, &Note::Sealed));
    if !sealed.is_empty() {
        add(
            Missing::SealedText,
            format!(
                "The words that go with record {sealed}: they are sealed to the warning's originator, and not opened in this file."
            ),
        );
    }
    let erased = indexes(&|act| has(act, &Note::Absent) && findings.erasure_of(act.index).is_some());
    if !erased.is_empty() {
        add(
            Missing::Text,
            format!(
                "The words that go with record {erased}: the relay says that it has erased them; only their digest was signed and is shown."
            ),
        );
    }
    let without_text = indexes(&|act| has(act, &Note::Absent) && findings.erasure_of(act.index).is_none());
    if !without_text.is_empty() {
        add(
            Missing::Text,
            format!(
                "The words that go with record {without_text}: only their digest was signed and is shown."
            ),
        );
    }
    for recipient in &findings.recipients {
        add(
            Missing::Later,
            format!(
                "What {} did after record {}: this file ends there, and says nothing of what came later.",
                recipient.desk, recipient.last
            ),
        );
    }
    if !findings.all_recipients {
        add(
            Missing::Acceptance,
            "The relay's acceptance of the warning, which only its originator and those that it admits may see; the ROUTED \
             record names the warning by its digest instead."
                .to_owned(),
        );
        add(
            Missing::OtherRecipients,
            "Whether the warning went to others too, and to whom: the audience that the originator signed is padded and \
             hidden, and only the entries of the recipients named here are opened."
                .to_owned(),
        );
    }
    let beyond = indexes(&|act| act.by.is_some() && act.index > findings.directory.last);
    let of_these = match beyond.as_str() {
        "" => String::new(),
        beyond => format!(" Signed after that: record {beyond}."),
    };
    add(
        Missing::Revocations,
        format!(
            "Whether a key was revoked after record {}: so far the directory is shown.{of_these} A revocation never works \
             backwards.",
            findings.directory.last
        ),
    );
    witnesses_not_shown(findings, &mut add);
    let unseen = indexes(&|act| {
        let seen = act.by.as_ref().and_then(|by| by.seen);
        seen.is_some_and(|seen| !seen.compared)
    });
    if !unseen.is_empty() {
        add(
            Missing::Seen,
            format!(
                "That the log which the signer of record {unseen} had seen is this very log: nothing in this file is to \
                 compare it with."
            ),
        );
    }
    if !findings.roots_given {
        add(
            Missing::Roots,
            "Whose the keys are: the policy names no state roots, so that a key is an agency's is only what the relay's \
             directory says. Name the roots that you trust in the file \"roots\" of a policy directory."
                .to_owned(),
        );
    }
    let strangers: Vec<&TimestampFinding> = findings
        .timestamps
        .iter()
        .filter(|it| it.root.is_none())
        .collect();
    if !strangers.is_empty() {
        add(
            Missing::Timestamps,
            format!(
                "What {} of its timestamp tokens show: they are whole, and of authorities that the policy does not name.",
                strangers.len()
            ),
        );
    }
    let unknown = indexes(&|act| act.what == Deed::Unknown);
    if !unknown.is_empty() {
        add(
            Missing::UnknownRecords,
            format!("What record {unknown} says: it is of a later version than this program."),
        );
    }
    add(
        Missing::InboxNumber,
        "That nothing else which was addressed to these desks was withheld from them: their inbox numbers are not opened here."
            .to_owned(),
    );
    all
}

fn witnesses_not_shown(findings: &Findings, add: &mut impl FnMut(Missing, String)) {
    let checkpoint = &findings.checkpoint;
    if checkpoint.quorum.is_none() {
        let why = if checkpoint.witnesses_required {
            "too few of the witnesses that the policy names have cosigned its checkpoint"
        } else {
            "the policy asks for no witnesses"
        };
        let beyond = match findings.witnessed {
            Some(it) => format!(" beyond its first {} records", it.size),
            None => String::new(),
        };
        add(
            Missing::Witnesses,
            format!(
                "That this log is one and the same for everybody{beyond}: {why}. The relay's key has signed it, and could have \
                 signed another for others."
            ),
        );
    }
    let lacks = |of: &dyn Fn(&Act) -> bool| findings.acts.iter().any(of);
    let (no_earliest, no_latest) = (
        lacks(&|act| act.bracket.not_before.is_none()),
        lacks(&|act| act.bracket.not_after.is_none()),
    );
    let witnessed = lacks(&|act| {
        let bounds = [&act.bracket.not_before, &act.bracket.not_after];
        let mut bounds = bounds.into_iter().flatten();
        bounds.any(|bound| bound.authority.is_none())
    });
    let dated = lacks(&|act| act.bracket.not_after.is_some());
    let mut times = |sentence: &str| add(Missing::Times, sentence.to_owned());
    if witnessed {
        if no_earliest {
            times(
                "For the acts that have no earliest time: until when the witnesses had not been shown them.",
            );
        }
        if no_latest {
            times("For the acts that have no latest time: by when they were in the log.");
        }
    } else if dated {
        times("Until when anything had not happened yet: only witnesses could say that.");
    } else {
        times(
            "When anything happened, but for the order of the records: the times are the relay's and the signers' own claims.",
        );
    }
}
