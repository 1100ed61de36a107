//! A journal of any size leaves memory flat: what sled keeps of what is written and read is bounded, however much that
//! is. Measured in a process of its own, as the system counts it. (`scripts/backlog.sh` measures a whole relay.)

use std::io::Write as _;
use std::process::Command;

use wardline::journal::{Block, Head, Journal as _, Part, PartKind, SledJournal};
use wardline::limits;

const CHILD: &str = "WARDLINE_MEMORY_CHILD";
const BLOCKS: u64 = 120;
/// Records of a block, each with a part: not quite the mebibyte that a block may have.
const RECORDS: usize = 450;
const PART_BYTES: usize = 2_000;
const RECORD_BYTES: usize = 200;
/// Blocks after which the caches are full.
const WARM_BLOCKS: u64 = 10;

/// What this process has in memory that no file backs.
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn block(first: u64) -> Block {
    let part = |index| Part {
        index,
        kind: PartKind::Body,
        format: 1,
        bucket: 0,
        bytes: vec![7; PART_BYTES].into(),
    };
    Block {
        records: vec![vec![7; RECORD_BYTES].into(); RECORDS],
        parts: (first..).take(RECORDS).map(part).collect(),
        root: wardline::transparency::EMPTY_ROOT,
    }
}

/// Not a test: the process that is measured.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(limits::BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .unwrap();
    let say = |what: &str| {
        let line = format!("\nmeasured {what} {}\n", anonymous_kib());
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    };
    let journal = SledJournal::open(directory.as_ref()).unwrap();
    runtime.block_on(async {
        let mut head = Head::EMPTY;
        for number in 0..BLOCKS {
            if number == WARM_BLOCKS {
                say("warm");
            }
            head = journal.append(block(head.size), head).await.unwrap();
        }
        say("written");
        // Every part once, each far from the one before it: as warnings of all ages are asked for.
        for step in 0..head.size {
            let index = step * 7_919 % head.size;
            let part = journal.part(index, PartKind::Body).await.unwrap().unwrap();
            assert_eq!(part.bytes.len(), PART_BYTES);
        }
        say("read apart");
        // Every record in order: as an auditor does.
        let mut from = 0;
        while from < head.size {
            let read = journal.read(from, limits::REPLAY_BATCH_MAX, limits::BLOCK_BYTES_MAX);
            from += read.await.unwrap().len() as u64;
        }
        say("read in order");
    });
}

/// 108 MB are written to a journal, then read in order and out of order: beyond what the first twelfth took, memory
/// grows by less than what the bounds in `limits` allow, and that is less than was written and read.
#[test]
fn a_large_journal_is_not_in_memory() {
    const GROWTH_KIB_MAX: u64 = 64 * 1024;
    const { assert!(BLOCKS * (RECORDS * PART_BYTES) as u64 > (GROWTH_KIB_MAX + 36 * 1024) * 1024) };
    let directory = tempfile::TempDir::new().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["memory::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, directory.path())
        // What is measured is what is kept, not what each thread's arena of the allocator has free.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let measured: Vec<(&str, u64)> = said
        .lines()
        .filter_map(|line| line.strip_prefix("measured ")?.rsplit_once(' '))
        .map(|(what, kib)| (what, kib.parse().unwrap()))
        .collect();
    let [("warm", warm), later @ ..] = measured.as_slice() else {
        panic!("{said}")
    };
    assert_eq!(later.len(), 3, "{said}");
    for (what, kib) in later {
        assert!(
            kib.saturating_sub(*warm) < GROWTH_KIB_MAX,
            "{what}: {kib} KiB after {warm} KiB"
        );
    }
}
