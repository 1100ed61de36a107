//! The stage of the bundle's tests: bundles made of a world's own records as its relay would show them, cosigned by two
//! witnesses that a verifier knows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeSet;

use super::super::bundle::{Bundle, BundledThread, Earlier, Entry, Opened, SeenRoot};
use super::super::tampering::{Honest, leaf_of, record_of};
use super::super::tests::shown_to;
use super::super::trusted::{Trusted, TrustedRoots};
use super::super::world::{ORIGIN, World, parsed, secret};
use crate::domain::*;
use crate::ledger::seen;
use crate::time::Timestamp;
use crate::transparency::{
    Checkpoint, Frontier, Policy, TlogProof, WitnessKey, consistency_proof, inclusion_proof,
};

/// What a witness of this name signs with.
pub(crate) fn witness(name: &str) -> WitnessKey {
    WitnessKey::new(parsed(name), secret(name, KeyRole::Root, 9))
}

/// The policy of a verifier that wants both witnesses.
pub(crate) fn policy(world: &World) -> Policy {
    let text = format!(
        "log {}\nwitness north {}\nwitness south {}\ngroup both all north south\nquorum both\n",
        world.verifier().vkey(),
        witness("north.example").verifier(),
        witness("south.example").verifier()
    );
    Policy::parse(text.as_bytes()).unwrap()
}

/// A verifier that trusts both witnesses and all roots.
pub(crate) fn trusted(world: &World) -> Trusted {
    let roots = ["fr", "ru", "us", "ch"].map(|state| {
        let root = secret(&format!("root:{state}"), KeyRole::Root, 0);
        (parsed(state), root.public_key())
    });
    Trusted::new(policy(world), Some(TrustedRoots::new(roots)))
}

/// The log's own note of its first `size` records.
pub(crate) fn note_at(world: &World, size: u64) -> String {
    let root = root_at(world, size);
    world.log.sign_checkpoint(size, root)
}

pub(crate) fn root_at(world: &World, size: u64) -> Hash {
    let mut frontier = Frontier::new();
    for shown in world.shown.iter().take(usize::try_from(size).unwrap()) {
        frontier.append(leaf_of(shown)).unwrap();
    }
    frontier.root()
}

/// The same, cosigned by both witnesses: by the second a second later.
pub(crate) fn cosigned_at(world: &World, size: u64, time: Timestamp) -> String {
    let checkpoint = Checkpoint {
        origin: parsed(ORIGIN),
        size,
        root: root_at(world, size),
    };
    let mut note = note_at(world, size);
    note.push_str(&witness("north.example").cosign(&checkpoint, time));
    note.push_str(&witness("south.example").cosign(&checkpoint, time.saturating_add_ms(1_000)));
    note
}

/// The bundle that the relay of this world would let `viewer` make of a warning, under a note; with earlier notes.
pub(crate) fn bundle(world: &World, warning: Digest, viewer: &str, note: &str, earlier: &[String]) -> Bundle {
    let checkpoint = world.verifier().open(note).unwrap();
    let (size, reader) = (checkpoint.size(), Honest::of(&world.shown));
    let shown: Vec<ReplayedRecord> = shown_to(world, viewer)
        .into_iter()
        .take(usize::try_from(size).unwrap())
        .collect();
    let entry = |shown: &ReplayedRecord| {
        let ReplayedContent::Record(record) = &shown.content else {
            panic!("not visible")
        };
        Entry {
            proof: TlogProof {
                index: shown.index,
                hashes: inclusion_proof(size, shown.index, &reader).unwrap(),
                checkpoint_note: note.to_owned(),
                extra: None,
            },
            record: record.clone(),
        }
    };
    let visible = || {
        let all = shown.iter();
        all.filter(|shown| matches!(shown.content, ReplayedContent::Record(_)))
    };
    let mut accepted = None;
    let mut threads: Vec<BundledThread> = Vec::new();
    let mut directory = Vec::new();
    let mut seen_sizes = BTreeSet::new();
    let mut sees = |it: Option<Seen>| seen_sizes.extend(it.map(|seen| seen.size).filter(|size| *size > 0));
    for it in visible() {
        let record = record_of(it);
        if record.directory.is_some() {
            directory.push(entry(it));
        }
        if matches!(&record.kind, RecordKind::Accepted(accepted) if accepted.warning.digest() == warning) {
            accepted = Some(entry(it));
            sees(seen(&record));
        }
        let Some(link) = record.thread.as_ref().filter(|link| link.warning == warning) else {
            continue;
        };
        sees(seen(&record));
        let known = threads.iter_mut().find(|thread| thread.desk == link.desk);
        let text = it.part.clone().map(|part| (it.index, part));
        match known {
            Some(thread) => {
                thread.records.push(entry(it));
                thread.texts.extend(text);
            }
            None => threads.push(BundledThread {
                desk: link.desk.clone(),
                records: vec![entry(it)],
                texts: text.into_iter().collect(),
            }),
        }
    }
    threads.sort_by(|one, other| one.desk.cmp(&other.desk));
    // The warning itself comes from whoever has it.
    let original = world.shown.iter().find_map(|it| match record_of(it).kind {
        RecordKind::Accepted(accepted) if accepted.warning.digest() == warning => {
            Some((accepted.warning.clone(), it.part.clone()))
        }
        _ => None,
    });
    let (envelope, body) = original.unwrap();
    let header = crate::wire::warning(&crate::wire::Recorded(&envelope)).unwrap();
    sees(header.common.named().unwrap().seen);
    let consistency = |old: u64| consistency_proof(old, size, &reader).unwrap();
    Bundle {
        origin: parsed(ORIGIN),
        checkpoint: note.to_owned(),
        earlier: earlier
            .iter()
            .map(|note| Earlier {
                checkpoint: note.clone(),
                consistency: consistency(world.verifier().open(note).unwrap().size()),
            })
            .collect(),
        seen: seen_sizes
            .into_iter()
            .map(|size| SeenRoot {
                size,
                root: root_at(world, size),
                consistency: consistency(size),
            })
            .collect(),
        timestamps: Vec::new(),
        envelope,
        body,
        accepted,
        threads,
        opened: Opened::default(),
        directory,
    }
}

/// A small story, cosigned on its way: us.ctc warns ru.ctc, whose answer says that it is too vague.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) warning: Digest,
    /// Cosigned notes: before the warning, after the handover, the same again a while later, of the whole.
    pub(crate) notes: [String; 4],
}

pub(crate) fn story() -> Story {
    let mut world = World::small();
    let now = |world: &World| crate::time::Clock::now(&world.clock);
    let before = cosigned_at(&world, world.size(), now(&world));
    world.clock.advance_ms(60_000);
    let warning = world.send("us.ctc", &["ru.ctc"], "Attack on a concert hall");
    world.hand_over(warning, "ru.ctc", 0);
    let between = cosigned_at(&world, world.size(), now(&world));
    world.clock.advance_ms(45_000);
    let waiting = cosigned_at(&world, world.size(), now(&world));
    world.clock.advance_ms(15_000);
    let says = super::super::world::Says::default();
    world.answer(warning, "ru.ctc", AcknowledgementKind::Received, says);
    let vague = super::super::world::Says {
        assessment: Some(Assessment::TooVague),
        missing: vec![Specific::Place, Specific::Time],
        reason: Some(RefusalReason::Other),
        note: Some(("ru", "Слишком общо; уточните место и время.")),
        ..super::super::world::Says::default()
    };
    world.answer(warning, "ru.ctc", AcknowledgementKind::Refused, vague);
    let whole = cosigned_at(&world, world.size(), now(&world));
    Story {
        world,
        warning,
        notes: [before, between, waiting, whole],
    }
}

impl Story {
    pub(crate) fn bundle(&self, viewer: &str) -> Bundle {
        let [earlier @ .., whole] = &self.notes;
        bundle(&self.world, self.warning, viewer, whole, earlier)
    }
}
