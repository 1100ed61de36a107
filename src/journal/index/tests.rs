#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use proptest::prelude::*;

use super::write::Derived;
use super::*;
use crate::domain::{
    AcknowledgementKind, AgencyId, DeskAddress, Digest, PayloadId, Precedence, Principal, RetentionClass,
    Status, Step, WarningType,
};
use crate::error::ErrorCode;
use crate::ledger::{Change, Facts, Hourly, IdFact, IdKey, MemoryFacts, ThreadFact, ThreadKey, WarningFact};
use crate::seal::PayloadKind;
use crate::time::Timestamp;
use crate::transparency::{
    EMPTY_ROOT, Frontier, consistency_proof, inclusion_proof, leaf_hash, verify_inclusion,
};

/// One record's worth of something that happens.
#[derive(Debug, Clone)]
enum Happening {
    Accept {
        originator: usize,
        desks: Vec<usize>,
        id: u8,
    },
    Acknowledge {
        pick: usize,
        received: bool,
    },
    Reject {
        principal: usize,
    },
    Directory,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (
            0..AGENCIES.len(),
            proptest::sample::subsequence((0..DESKS.len()).collect::<Vec<_>>(), 1..4),
            0u8..6
        )
            .prop_map(|(originator, desks, id)| Happening::Accept {
                originator,
                desks,
                id
            }),
        (any::<usize>(), any::<bool>())
            .prop_map(|(pick, received)| Happening::Acknowledge { pick, received }),
        (0..AGENCIES.len()).prop_map(|principal| Happening::Reject { principal }),
        Just(Happening::Directory),
    ]
}

const AGENCIES: [&str; 3] = ["ru.ctc", "be.ctc", "be.ctc-2"];
const DESKS: [&str; 5] = ["ru.ctc", "ru.ctc/aviation", "be.ctc", "be.ctc/rail", "be.ctc-2"];

fn agency(pick: usize) -> AgencyId {
    AGENCIES[pick].parse().unwrap()
}

fn desk(pick: usize) -> DeskAddress {
    DESKS[pick].parse().unwrap()
}

fn id(number: u8) -> PayloadId {
    PayloadId::from_parts(1_700_000_000_000 + u64::from(number), [number; 10])
}

/// What happens, as changes; a log without records, which only the facts know.
#[derive(Default)]
struct World {
    facts: MemoryFacts,
    size: u64,
    directory: u64,
    frontier: Frontier,
    threads: Vec<ThreadKey>,
}

impl World {
    fn record(&mut self, changes: Vec<Change>, derived: &mut Derived) {
        let time = Change::Time(Timestamp::from_unix_ms(self.size as i64));
        let changes: Vec<Change> = std::iter::once(time).chain(changes).collect();
        let leaf = leaf_hash(&self.size.to_be_bytes());
        derived.hashes.extend(self.frontier.append(leaf).unwrap());
        derived.changes.extend(changes.clone());
        self.facts.put(changes);
        self.facts.append_leaf(leaf);
        self.size += 1;
    }

    /// One block of what happens.
    fn block(&mut self, happenings: &[Happening]) -> Derived {
        let mut derived = Derived {
            from: self.size,
            changes: Vec::new(),
            hashes: Vec::new(),
            position: Position {
                size: 0,
                root: EMPTY_ROOT,
            },
        };
        for happening in happenings {
            match happening {
                Happening::Accept {
                    originator,
                    desks,
                    id: number,
                } => self.accept(*originator, desks, *number, &mut derived),
                Happening::Acknowledge { pick, received } => self.acknowledge(*pick, *received, &mut derived),
                Happening::Reject { principal } => {
                    let principal = Principal::Agency(agency(*principal));
                    let count = self.facts.rejected(&principal).unwrap();
                    let count = count.and_one_at(Timestamp::from_unix_ms(self.size as i64 * 1_000_000));
                    self.record(vec![Change::Rejected(principal, count)], &mut derived);
                }
                Happening::Directory => {
                    let change = Change::DirectoryRecord {
                        seq: self.directory,
                        index: self.size,
                    };
                    self.directory += 1;
                    self.record(vec![change], &mut derived);
                }
            }
        }
        derived.position = Position {
            size: self.size,
            root: self.frontier.root(),
        };
        derived
    }

    fn accept(&mut self, originator: usize, desks: &[usize], number: u8, derived: &mut Derived) {
        let originator = agency(originator);
        let digest = Digest(*leaf_hash(format!("{originator}{number}").as_bytes()).as_bytes());
        if self.facts.warning(&digest).unwrap().is_some() {
            return;
        }
        let accepted = self.size;
        let fact = WarningFact {
            accepted,
            routed: desks.len() as u32,
            originator: originator.clone(),
            id: id(number),
            status: Status::Exercise,
            warning_type: WarningType::Alert,
            precedence: Precedence::Flash,
            sent: Timestamp::from_unix_ms(-5),
            expires: Timestamp::from_unix_ms(i64::MAX),
            retention: RetentionClass::Exercise,
        };
        let lane = fact.lane();
        let key = IdKey {
            principal: Principal::Agency(originator.clone()),
            kind: PayloadKind::Warning,
            id: id(number),
        };
        let used = IdFact {
            digest,
            index: accepted,
            records: 1 + desks.len() as u32,
            rejected: (number == 3).then_some(ErrorCode::Expired),
        };
        self.record(
            vec![
                Change::Id(key, used),
                Change::Warning(digest, fact),
                Change::Outgoing {
                    agency: originator,
                    index: accepted,
                    warning: digest,
                },
            ],
            derived,
        );
        for pick in desks {
            let desk = desk(*pick);
            let number = self.facts.inbox_count(&desk).unwrap() + 1;
            let index = self.size;
            let thread = ThreadKey {
                warning: digest,
                desk: desk.clone(),
            };
            let fact = ThreadFact {
                routed: index,
                inbox_number: number,
                seq: 0,
                prev: leaf_hash(&index.to_be_bytes()),
                step: Step::Routed,
                answer: None,
                acknowledgements: 0,
                received: None,
                handovers: Hourly::default(),
                acceptance: None,
                body_absent: false,
                body_erased: false,
                texts: Vec::new(),
            };
            self.threads.push(thread.clone());
            self.record(
                vec![
                    Change::Thread(thread.clone(), fact),
                    Change::ThreadRecord {
                        thread,
                        seq: 0,
                        index,
                    },
                    Change::Inbox {
                        desk: desk.clone(),
                        number,
                        warning: digest,
                        index,
                    },
                    Change::Pending {
                        desk,
                        lane,
                        number,
                        warning: digest,
                    },
                ],
                derived,
            );
        }
    }

    fn acknowledge(&mut self, pick: usize, received: bool, derived: &mut Derived) {
        let Some(key) = self.threads.get(pick % self.threads.len().max(1)).cloned() else {
            return;
        };
        let mut fact = self.facts.thread(&key).unwrap().unwrap();
        fact.seq += 1;
        fact.prev = leaf_hash(&self.size.to_be_bytes());
        fact.acknowledgements += 1;
        fact.step = if received { Step::Received } else { Step::Answered };
        fact.answer = (!received).then_some(AcknowledgementKind::Refused);
        fact.received = received.then_some((self.size, key.warning));
        fact.handovers = fact.handovers.and_one_at(Timestamp::from_unix_ms(-1));
        let record = Change::ThreadRecord {
            thread: key.clone(),
            seq: fact.seq,
            index: self.size,
        };
        let lane = self.facts.warning(&key.warning).unwrap().unwrap().lane();
        let settled = Change::Settled {
            desk: key.desk.clone(),
            lane: Some(lane),
            number: fact.inbox_number,
            warning: key.warning,
        };
        self.record(vec![Change::Thread(key, fact), record, settled], derived);
    }

    /// The index says of everything what the maps say.
    fn assert_same(&self, index: &Index) {
        for number in 0..6 {
            let id = id(number);
            assert_eq!(
                index.warnings_with_id(&id).unwrap(),
                self.facts.warnings_with_id(&id).unwrap()
            );
            for agency in (0..AGENCIES.len()).map(agency) {
                let key = IdKey {
                    principal: Principal::Agency(agency),
                    kind: PayloadKind::Warning,
                    id,
                };
                assert_eq!(index.id(&key).unwrap(), self.facts.id(&key).unwrap());
                let other = IdKey {
                    kind: PayloadKind::Desks,
                    ..key
                };
                assert_eq!(index.id(&other).unwrap(), None);
            }
        }
        for (digest, fact) in self.facts.warnings() {
            assert_eq!(index.warning(digest).unwrap().as_ref(), Some(fact));
            assert_eq!(
                index.warning_at(fact.accepted).unwrap(),
                Some((*digest, fact.clone()))
            );
            assert_eq!(index.desks(digest).unwrap(), self.facts.desks(digest).unwrap());
        }
        for (key, fact) in self.facts.threads() {
            assert_eq!(index.thread(key).unwrap().as_ref(), Some(fact));
            let records: Vec<u64> = index
                .thread_records(&key.warning, &key.desk, 0, usize::MAX)
                .unwrap()
                .into_iter()
                .map(|(_, index)| index)
                .collect();
            assert_eq!(records, self.facts.thread_records(key));
        }
        for desk in (0..DESKS.len()).map(desk) {
            assert_eq!(
                index.inbox_count(&desk).unwrap(),
                self.facts.inbox_count(&desk).unwrap()
            );
            let triple = |r: super::queries::Routing| (r.number, r.warning, r.index);
            let mut inbox: Vec<_> = index
                .inbox(&desk, u64::MAX, usize::MAX)
                .unwrap()
                .into_iter()
                .map(triple)
                .collect();
            inbox.reverse();
            assert_eq!(inbox, self.facts.inbox(&desk));
            let pending: Vec<_> = index
                .pending(&desk, 0, usize::MAX)
                .unwrap()
                .into_iter()
                .map(|r| (r.number, r.warning))
                .collect();
            let expected: Vec<_> = self
                .facts
                .pending(&desk)
                .into_iter()
                .map(|(_, number, warning)| (number, warning))
                .collect();
            assert_eq!(pending, expected);
            assert_eq!(index.waiting(&desk).unwrap(), expected.len() as u64);
        }
        for agency in (0..AGENCIES.len()).map(agency) {
            let principal = Principal::Agency(agency);
            assert_eq!(
                index.rejected(&principal).unwrap(),
                self.facts.rejected(&principal).unwrap()
            );
        }
        assert_eq!(index.last_time().unwrap(), self.facts.last_time().unwrap());
        assert_eq!(
            index.directory_records(0, usize::MAX).unwrap().len() as u64,
            self.directory
        );
        for size in 0..=self.size + 1 {
            assert_eq!(
                index.root_at(size).unwrap(),
                self.facts.root_at(size).unwrap(),
                "root at {size}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever happens, in blocks of whatever size, the index answers as facts in maps do.
    #[test]
    fn the_index_says_what_memory_says(blocks in proptest::collection::vec(proptest::collection::vec(happening(), 1..12), 0..8)) {
        let index = Index::in_memory();
        let mut world = World::default();
        for block in blocks {
            let derived = world.block(&block);
            if derived.position.size > derived.from {
                index.apply(derived).unwrap();
            }
            prop_assert_eq!(index.position().unwrap().map_or(0, |position| position.size), world.size);
        }
        world.assert_same(&index);
    }
}

/// A world with a bit of everything, in blocks of different sizes.
fn busy_world(apply: impl Fn(Derived)) -> World {
    let mut world = World::default();
    for round in 0..40usize {
        let mut block = vec![Happening::Directory; round % 5];
        for originator in 0..2 {
            block.push(Happening::Accept {
                originator,
                desks: vec![1, 2, 4],
                id: round as u8 % 6,
            });
        }
        block.push(Happening::Acknowledge {
            pick: round,
            received: round % 2 == 0,
        });
        apply(world.block(&block));
    }
    world
}

/// On disk the index survives being closed, and says the same as in memory.
#[test]
fn on_disk_it_survives_being_closed() {
    let directory = tempfile::tempdir().unwrap();
    let index = Index::open(directory.path()).unwrap();
    let world = busy_world(|derived| index.apply(derived).unwrap());
    world.assert_same(&index);
    drop(index);
    assert_eq!(
        std::fs::read_to_string(directory.path().join("state")).unwrap(),
        "closed\n"
    );
    let index = Index::open(directory.path()).unwrap();
    world.assert_same(&index);
    index.clear().unwrap();
    assert_eq!(index.position().unwrap(), None);
    World::default().assert_same(&index);
}

/// What was open when the system went down is empty when it is opened again, and so is what cannot be read.
#[test]
fn what_cannot_be_trusted_is_dropped() {
    for damage in ["open some-other-boot\n", "closed\n"] {
        let directory = tempfile::tempdir().unwrap();
        let index = Index::open(directory.path()).unwrap();
        busy_world(|derived| index.apply(derived).unwrap());
        drop(index);
        std::fs::write(directory.path().join("state"), damage).unwrap();
        if damage == "closed\n" {
            std::fs::write(directory.path().join("sled/conf"), b"not sled's").unwrap();
        }
        let index = Index::open(directory.path()).unwrap();
        assert_eq!(index.position().unwrap(), None, "{damage:?}");
        busy_world(|derived| index.apply(derived).unwrap());
    }
}

/// A block that does not begin where the index ends is refused: a follower never skips.
#[test]
fn a_gap_is_refused() {
    let index = Index::in_memory();
    let mut world = World::default();
    index.apply(world.block(&[Happening::Directory])).unwrap();
    world.block(&[Happening::Directory]);
    let gap = world.block(&[Happening::Directory]);
    assert!(index.apply(gap).is_err());
    assert_eq!(index.position().unwrap().unwrap().size, 1);
}

/// Proofs made from the index verify, at every size that it has seen.
#[test]
fn proofs_from_the_index_verify() {
    let index = Index::in_memory();
    let world = busy_world(|derived| index.apply(derived).unwrap());
    for size in (1..=world.size).step_by(7) {
        let root = index.root_at(size).unwrap().unwrap();
        for record in (0..size).step_by(13) {
            let proof = inclusion_proof(size, record, &index).unwrap();
            verify_inclusion(&leaf_hash(&record.to_be_bytes()), record, size, &proof, &root).unwrap();
        }
        consistency_proof(size, world.size, &index).unwrap();
    }
}
