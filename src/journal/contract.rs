//! One suite for every backend: what the [`Journal`] trait promises, as functions over a [`Fixture`] that can reopen
//! what it opened. `suite!` makes a test of each for one backend.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::{AppendError, Block, Head, Journal, Part, PartKind};
use crate::domain::Hash;
use crate::limits;

/// A place where a journal lives.
pub(super) trait Fixture {
    type Journal: Journal;
    fn new() -> Self;
    /// Opens what is there; the caller has dropped the journal opened before.
    fn open(&self) -> Self::Journal;
}

/// Makes a test of each function of the suite for one fixture.
macro_rules! suite {
    ($fixture:ty: $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            $crate::journal::contract::$test(<$fixture as $crate::journal::contract::Fixture>::new()).await;
        }
    )*};
    ($fixture:ty) => {
        $crate::journal::contract::suite!($fixture:
            an_empty_journal blocks_are_read_back_in_order_after_a_restart a_wrong_head_writes_nothing
            an_identical_retry_succeeds read_keeps_its_bounds records_of_every_length
            only_ends_of_blocks_have_heads parts_of_every_length an_erased_part_stays_erased
            a_rewritten_part_is_the_new_one
            an_erasure_is_no_obstacle_to_a_retry malformed_blocks_write_nothing too_large_blocks_write_nothing
            the_largest_blocks blocks_sent_ahead_are_written_in_order the_tail_shows_what_is_durable
            readers_see_a_whole_prefix);
    };
}
pub(super) use suite;

/// Bytes that depend on `seed`, so that a mix-up shows.
pub(super) fn bytes(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

/// A block of records of these lengths at `head`. Its root is not that of a tree: the journal does not look inside.
pub(super) fn block(head: Head, lengths: &[usize]) -> Block {
    let records: Vec<Bytes> = (head.size..)
        .zip(lengths)
        .map(|(index, length)| bytes(index, *length))
        .collect();
    let mut hasher = Sha256::new_with_prefix(head.root.as_bytes());
    for record in &records {
        hasher.update(record);
    }
    Block {
        records,
        parts: Vec::new(),
        root: Hash(hasher.finalize().into()),
    }
}

pub(super) fn part(index: u64, kind: PartKind, length: usize) -> Part {
    let bytes = bytes(index ^ (u64::from(kind.number()) << 32), length);
    Part {
        index,
        kind,
        format: 7,
        bucket: 0xA1B2_C3D4,
        bytes,
    }
}

/// Appends blocks of these lengths and returns the last head.
pub(super) async fn append_all(journal: &impl Journal, blocks: &[&[usize]]) -> Head {
    let mut head = journal.head().await.unwrap();
    for lengths in blocks {
        head = journal.append(block(head, lengths), head).await.unwrap();
    }
    head
}

async fn read_all(journal: &impl Journal) -> Vec<(u64, Bytes)> {
    journal.read(0, usize::MAX, usize::MAX).await.unwrap()
}

/// Nothing is in an empty journal, and asking is no error.
pub(super) async fn an_empty_journal(fixture: impl Fixture) {
    for _ in 0..2 {
        let journal = fixture.open();
        assert_eq!(journal.head().await.unwrap(), Head::EMPTY);
        assert_eq!(*journal.tail().borrow(), Head::EMPTY);
        assert_eq!(Head::EMPTY.root, Hash(Sha256::digest(b"").into()));
        assert!(read_all(&journal).await.is_empty());
        assert_eq!(journal.block_head(0).await.unwrap(), Some(Head::EMPTY));
        assert_eq!(journal.block_head(1).await.unwrap(), None);
        assert_eq!(journal.part(0, PartKind::Body).await.unwrap(), None);
        assert!(journal.has_room());
    }
}

/// Blocks come back as they went in, from any index, before and after a restart; then the journal goes on.
pub(super) async fn blocks_are_read_back_in_order_after_a_restart(fixture: impl Fixture) {
    let blocks: [&[usize]; 4] = [&[10], &[0, 1, 2000, 3000, 4000, 5], &[7000, 6], &[1]];
    let mut expected = Vec::new();
    for round in 1..=3u64 {
        let journal = fixture.open();
        let before = journal.head().await.unwrap();
        assert_eq!(before.sequence, 4 * (round - 1));
        let head = append_all(&journal, &blocks).await;
        assert_eq!((head.sequence, head.size), (4 * round, 10 * round));
        assert_eq!(journal.head().await.unwrap(), head);
        for index in before.size..head.size {
            let length = [10, 0, 1, 2000, 3000, 4000, 5, 7000, 6, 1][expected.len() % 10];
            expected.push((index, bytes(index, length)));
        }
        for from in 0..=expected.len() {
            assert_eq!(
                journal.read(from as u64, 99, usize::MAX).await.unwrap(),
                expected[from..]
            );
        }
        assert!(journal.read(u64::MAX, 1, 1).await.unwrap().is_empty());
    }
    assert_eq!(read_all(&fixture.open()).await, expected);
}

/// Of two writers that start from one head, the second is told the actual head and changes nothing.
pub(super) async fn a_wrong_head_writes_nothing(fixture: impl Fixture) {
    let journal = fixture.open();
    let first = append_all(&journal, &[&[10]]).await;
    let second = append_all(&journal, &[&[20]]).await;
    let stored = read_all(&journal).await;
    let other_root = Head {
        root: first.root,
        ..second
    };
    let other_term = Head {
        term: second.term + 1,
        ..second
    };
    let ahead = Head {
        sequence: 9,
        size: 9,
        ..second
    };
    for wrong in [Head::EMPTY, first, other_root, other_term, ahead] {
        let refused = journal.append(block(wrong, &[30]), wrong).await.unwrap_err();
        assert_eq!(refused, AppendError::Conflict { actual: second });
    }
    assert_eq!(journal.head().await.unwrap(), second);
    assert_eq!(read_all(&journal).await, stored);
}

/// Whoever does not know whether its block was written sends it again and gets the same head; other bytes in the
/// same place are a conflict.
pub(super) async fn an_identical_retry_succeeds(fixture: impl Fixture) {
    let journal = fixture.open();
    let head = append_all(&journal, &[&[10, 20]]).await;
    let mut newest = block(head, &[30, 40]);
    newest.parts.push(part(3, PartKind::Body, 50));
    let fresh = journal.append(newest.clone(), head).await.unwrap();
    assert_eq!(journal.append(newest.clone(), head).await.unwrap(), fresh);
    drop(journal);
    let journal = fixture.open();
    assert_eq!(journal.append(newest.clone(), head).await.unwrap(), fresh);
    let mut other_record = newest.clone();
    other_record.records[1] = bytes(99, 40);
    let mut other_part = newest.clone();
    other_part.parts[0].bytes = bytes(99, 50);
    let other_root = Block {
        root: head.root,
        ..newest
    };
    for other in [other_record, other_part, other_root] {
        let refused = journal.append(other, head).await.unwrap_err();
        assert_eq!(refused, AppendError::Conflict { actual: fresh });
    }
    assert_eq!(journal.head().await.unwrap(), fresh);
    assert_eq!(read_all(&journal).await.len(), 4);
}

/// A read keeps both bounds, but always returns one record.
pub(super) async fn read_keeps_its_bounds(fixture: impl Fixture) {
    let journal = fixture.open();
    append_all(&journal, &[&[100, 100], &[100, 7000, 100]]).await;
    // from, records, bytes: the indexes returned
    let table: [(u64, usize, usize, &[u64]); 11] = [
        (0, 0, 1000, &[]),
        (0, 1, 1000, &[0]),
        (0, 2, 0, &[0]),
        (0, 9, 99, &[0]),
        (0, 9, 200, &[0, 1]),
        (0, 9, 299, &[0, 1]),
        (1, 9, 300, &[1, 2]),
        (1, 9, 7200, &[1, 2, 3]),
        (3, 9, 10, &[3]),
        (3, 9, 7100, &[3, 4]),
        (5, 9, 1000, &[]),
    ];
    for (from, records_max, bytes_max, expected) in table {
        let read = journal.read(from, records_max, bytes_max).await.unwrap();
        let indexes: Vec<u64> = read.iter().map(|(index, _)| *index).collect();
        assert_eq!(indexes, expected, "read({from}, {records_max}, {bytes_max})");
    }
}

/// Lengths around the bounds of a stored value, alone and in company, survive; each is found by its own index.
pub(super) async fn records_of_every_length(fixture: impl Fixture) {
    const VALUE: usize = limits::SLED_VALUE_BYTES_MAX;
    let edges = [
        0,
        1,
        VALUE - 5,
        VALUE - 4,
        VALUE - 3,
        VALUE,
        2 * VALUE - 4,
        2 * VALUE - 3,
        65 * 1024 + 1,
    ];
    let journal = fixture.open();
    for length in edges {
        append_all(
            &journal,
            &[&[length], &[length, 1], &[1, length], &[0, length, 0]],
        )
        .await;
    }
    let head = append_all(&journal, &[&[limits::RECORD_BYTES_MAX, 0]]).await;
    drop(journal);
    let journal = fixture.open();
    let mut expected: Vec<usize> = edges.iter().flat_map(|&n| [n, n, 1, 1, n, 0, n, 0]).collect();
    expected.extend([limits::RECORD_BYTES_MAX, 0]);
    assert_eq!(head.size, expected.len() as u64);
    for (index, length) in (0..).zip(expected) {
        let read = journal.read(index, 1, usize::MAX).await.unwrap();
        assert_eq!(read, [(index, bytes(index, length))]);
    }
}

/// `block_head` knows each head that ever was, and no other size.
pub(super) async fn only_ends_of_blocks_have_heads(fixture: impl Fixture) {
    let journal = fixture.open();
    let mut heads = vec![Head::EMPTY];
    for count in [1, 3, 2] {
        heads.push(append_all(&journal, &[&vec![9; count]]).await);
    }
    drop(journal);
    let journal = fixture.open();
    for size in 0..10 {
        let known = heads.iter().find(|head| head.size == size).copied();
        assert_eq!(journal.block_head(size).await.unwrap(), known, "size {size}");
    }
    assert_eq!(journal.block_head(u64::MAX).await.unwrap(), None);
}

const KINDS: [PartKind; 4] = [
    PartKind::Body,
    PartKind::Text,
    PartKind::Wrap,
    PartKind::InboxOpening,
];

/// Parts of every kind and of lengths around the bounds of a value come back with format and bucket.
pub(super) async fn parts_of_every_length(fixture: impl Fixture) {
    const VALUE: usize = limits::SLED_VALUE_BYTES_MAX;
    let lengths = [
        0,
        1,
        VALUE - 10,
        VALUE - 9,
        VALUE - 8,
        2 * VALUE - 9,
        2 * VALUE - 8,
        limits::BODY_BYTES_MAX,
    ];
    let journal = fixture.open();
    let mut head = Head::EMPTY;
    let mut parts = Vec::new();
    for length in lengths {
        let mut with_parts = block(head, &[10, 10]);
        // The second record has none of the kind that the first has.
        with_parts.parts = KINDS
            .iter()
            .map(|k| part(head.size + u64::from(k.number() % 2), *k, length))
            .collect();
        if length == limits::BODY_BYTES_MAX {
            with_parts.parts.truncate(3);
        }
        parts.extend(with_parts.parts.clone());
        head = journal.append(with_parts, head).await.unwrap();
    }
    drop(journal);
    let journal = fixture.open();
    for index in 0..head.size + 1 {
        for kind in KINDS {
            let expected = parts.iter().find(|p| (p.index, p.kind) == (index, kind));
            assert_eq!(
                journal.part(index, kind).await.unwrap().as_ref(),
                expected,
                "{index} {kind:?}"
            );
        }
    }
}

/// An erased part is gone, also after a restart; its neighbours and its record stay; erasing twice is no error.
pub(super) async fn an_erased_part_stays_erased(fixture: impl Fixture) {
    let journal = fixture.open();
    let mut with_parts = block(Head::EMPTY, &[10, 20]);
    with_parts.parts = vec![
        part(0, PartKind::Body, 20_000),
        part(0, PartKind::Text, 30),
        part(1, PartKind::Body, 20_000),
        part(1, PartKind::Wrap, 1),
    ];
    let kept = [with_parts.parts[1].clone(), with_parts.parts[2].clone()];
    journal.append(with_parts, Head::EMPTY).await.unwrap();
    journal.erase(0, PartKind::Body).await.unwrap();
    journal.erase(0, PartKind::Body).await.unwrap();
    journal.erase(1, PartKind::Wrap).await.unwrap();
    journal.erase(77, PartKind::Wrap).await.unwrap();
    let mut journal = journal;
    for restart in [false, true] {
        if restart {
            drop(journal);
            journal = fixture.open();
        }
        assert_eq!(journal.part(0, PartKind::Body).await.unwrap(), None);
        assert_eq!(journal.part(1, PartKind::Wrap).await.unwrap(), None);
        for part in &kept {
            assert_eq!(
                journal.part(part.index, part.kind).await.unwrap().as_ref(),
                Some(part)
            );
        }
        assert_eq!(read_all(&journal).await, [(0, bytes(0, 10)), (1, bytes(1, 20))]);
    }
}

/// A part that is rewritten is the new one whole, longer or shorter, also after a restart; its neighbours and its record stay;
/// one that is erased, or never was, is not made.
pub(super) async fn a_rewritten_part_is_the_new_one(fixture: impl Fixture) {
    let journal = fixture.open();
    let mut with_parts = block(Head::EMPTY, &[10, 20]);
    with_parts.parts = vec![
        part(0, PartKind::Body, 20_000),
        part(0, PartKind::Text, 30),
        part(1, PartKind::Body, 30),
        part(1, PartKind::Wrap, 1),
    ];
    let kept = [with_parts.parts[1].clone(), with_parts.parts[3].clone()];
    journal.append(with_parts, Head::EMPTY).await.unwrap();
    let changed = [part(0, PartKind::Body, 31), part(1, PartKind::Body, 40_000)];
    let changed = changed.map(|part| Part { format: 9, ..part });
    for part in &changed {
        journal.rewrite(part.clone()).await.unwrap();
    }
    journal.rewrite(part(1, PartKind::Text, 5)).await.unwrap();
    let mut journal = journal;
    for restart in [false, true] {
        if restart {
            drop(journal);
            journal = fixture.open();
        }
        for part in kept.iter().chain(&changed) {
            let stored = journal.part(part.index, part.kind).await.unwrap();
            assert_eq!(stored.as_ref(), Some(part));
        }
        assert_eq!(journal.part(1, PartKind::Text).await.unwrap(), None);
        assert_eq!(read_all(&journal).await, [(0, bytes(0, 10)), (1, bytes(1, 20))]);
    }
    journal.erase(0, PartKind::Body).await.unwrap();
    journal.rewrite(changed[0].clone()).await.unwrap();
    assert_eq!(journal.part(0, PartKind::Body).await.unwrap(), None);
}

/// A retry of a block whose part was erased in the meantime succeeds, and does not bring the part back.
pub(super) async fn an_erasure_is_no_obstacle_to_a_retry(fixture: impl Fixture) {
    let journal = fixture.open();
    let mut newest = block(Head::EMPTY, &[10]);
    newest.parts.push(part(0, PartKind::Body, 20));
    let head = journal.append(newest.clone(), Head::EMPTY).await.unwrap();
    journal.erase(0, PartKind::Body).await.unwrap();
    assert_eq!(journal.append(newest, Head::EMPTY).await.unwrap(), head);
    assert_eq!(journal.part(0, PartKind::Body).await.unwrap(), None);
}

/// A block without records, or with parts that cannot be its own, is the caller's mistake.
pub(super) async fn malformed_blocks_write_nothing(fixture: impl Fixture) {
    let journal = fixture.open();
    let head = append_all(&journal, &[&[10]]).await;
    let with_parts = |parts: Vec<Part>| Block {
        parts,
        ..block(head, &[10, 10])
    };
    let malformed = [
        block(head, &[]),
        with_parts(vec![part(0, PartKind::Body, 1)]),
        with_parts(vec![part(3, PartKind::Body, 1)]),
        with_parts(vec![
            part(1, PartKind::Body, 1),
            part(2, PartKind::Text, 1),
            part(1, PartKind::Body, 2),
        ]),
    ];
    for malformed in malformed {
        assert!(matches!(
            journal.append(malformed, head).await,
            Err(AppendError::Malformed(_))
        ));
    }
    assert_eq!(journal.head().await.unwrap(), head);
    assert_eq!(journal.part(0, PartKind::Body).await.unwrap(), None);
}

/// Each bound of a block is kept.
pub(super) async fn too_large_blocks_write_nothing(fixture: impl Fixture) {
    let journal = fixture.open();
    let record = limits::RECORD_BYTES_MAX;
    let mut with_part = block(Head::EMPTY, &[record, record, record]);
    with_part
        .parts
        .push(part(0, PartKind::Body, limits::BLOCK_BYTES_MAX - 3 * record + 1));
    for too_large in [
        block(Head::EMPTY, &[record + 1]),
        block(Head::EMPTY, &vec![0; limits::BLOCK_RECORDS_MAX + 1]),
        block(Head::EMPTY, &[record, record, record, record, 1]),
        with_part,
    ] {
        assert!(matches!(
            journal.append(too_large, Head::EMPTY).await,
            Err(AppendError::TooLarge { .. })
        ));
    }
    assert_eq!(journal.head().await.unwrap(), Head::EMPTY);
}

/// The largest blocks that are allowed are stored and read back.
pub(super) async fn the_largest_blocks(fixture: impl Fixture) {
    let many = vec![limits::BLOCK_BYTES_MAX / limits::BLOCK_RECORDS_MAX; limits::BLOCK_RECORDS_MAX];
    let few = vec![limits::RECORD_BYTES_MAX; limits::BLOCK_BYTES_MAX / limits::RECORD_BYTES_MAX];
    let journal = fixture.open();
    append_all(&journal, &[&many, &few]).await;
    drop(journal);
    let read = read_all(&fixture.open()).await;
    assert_eq!(read.len(), many.len() + few.len());
    for ((index, record), length) in read.into_iter().zip(many.into_iter().chain(few)) {
        assert_eq!(record, bytes(index, length));
    }
}

/// A writer need not wait for one block before it sends the next: they are written in order, and if the order was
/// wrong, the rest is refused.
pub(super) async fn blocks_sent_ahead_are_written_in_order(fixture: impl Fixture) {
    let journal = fixture.open();
    let mut ahead = Vec::new();
    let mut head = Head::EMPTY;
    for n in 0..100 {
        let next = block(head, &[n]);
        ahead.push((next.clone(), head));
        head = head.after(&next);
    }
    let appends = ahead
        .iter()
        .map(|(block, expected)| journal.append(block.clone(), *expected));
    let heads = futures_util::future::join_all(appends).await;
    assert_eq!(heads.len(), 100);
    for (answer, (block, expected)) in heads.into_iter().zip(&ahead) {
        assert_eq!(answer.unwrap(), expected.after(block));
    }
    assert_eq!(journal.head().await.unwrap(), head);
    assert_eq!(read_all(&journal).await.len(), 100);

    let next = block(head, &[1]);
    let after = head.after(&next);
    let skipped = block(after, &[2]);
    let too_early = journal.append(skipped, after).await;
    assert_eq!(too_early, Err(AppendError::Conflict { actual: head }));
}

/// Whoever follows the tail sees heads that only grow, each readable up to its size, and the last one in the end.
pub(super) async fn the_tail_shows_what_is_durable(fixture: impl Fixture) {
    let journal = std::sync::Arc::new(fixture.open());
    let mut tail = journal.tail();
    let follower = tokio::spawn({
        let journal = std::sync::Arc::clone(&journal);
        async move {
            let mut position = 0;
            while position < 100 {
                tail.changed().await.unwrap();
                let head = *tail.borrow_and_update();
                assert!(head.size > position);
                let read = journal.read(position, usize::MAX, usize::MAX).await.unwrap();
                assert!(position + read.len() as u64 >= head.size);
                position = head.size;
            }
        }
    });
    let head = append_all(&*journal, &[[5, 5].as_slice(); 50]).await;
    follower.await.unwrap();
    assert_eq!(*journal.tail().borrow(), head);
}

/// While blocks are written, a reader gets a prefix without a gap that never ends beyond the durable head.
pub(super) async fn readers_see_a_whole_prefix(fixture: impl Fixture) {
    let journal = std::sync::Arc::new(fixture.open());
    let readers: Vec<_> = (0..3u64)
        .map(|reader| {
            let journal = std::sync::Arc::clone(&journal);
            tokio::spawn(async move {
                let mut size = 0;
                while size < 120 {
                    let from = (size / 2 + reader).min(size);
                    let read = journal.read(from, usize::MAX, usize::MAX).await.unwrap();
                    assert!(
                        (from..)
                            .zip(&read)
                            .all(|(index, read)| *read == (index, bytes(index, 700)))
                    );
                    assert!(journal.head().await.unwrap().size >= from + read.len() as u64);
                    let part = journal.part(from, PartKind::Text).await.unwrap();
                    assert!(
                        part.is_none_or(|found| found == super::contract::part(from, PartKind::Text, 9000))
                    );
                    size = size.max(from + read.len() as u64);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut head = Head::EMPTY;
    for _ in 0..40 {
        let mut next = block(head, &[700, 700, 700]);
        next.parts.push(part(head.size, PartKind::Text, 9000));
        let index = head.size;
        head = journal.append(next, head).await.unwrap();
        journal.erase(index, PartKind::Text).await.unwrap();
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
