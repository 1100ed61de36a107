//! What is particular to the journal on disk: the contract suite over it, the golden bytes of what it stores, and
//! what it says to a directory that is in use, unfinished, of another format, or corrupt.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use tempfile::TempDir;

use super::*;
use crate::journal::contract::{self, Fixture, append_all, block, part};

/// A temporary data directory; when it goes, no blob file may ever have been left in it.
struct OnDisk(TempDir);

impl Fixture for OnDisk {
    type Journal = SledJournal;
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
    fn open(&self) -> SledJournal {
        SledJournal::open(self.0.path()).unwrap()
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if let Ok(mut blobs) = fs::read_dir(self.0.path().join(DATABASE).join("blobs")) {
            assert!(
                blobs.next().is_none() || std::thread::panicking(),
                "sled wrote a blob file, which it never syncs"
            );
        }
    }
}

contract::suite!(OnDisk);

/// Every stored key and value of a small journal, in full: formats never change unnoticed.
#[tokio::test]
async fn golden_bytes() {
    let fixture = OnDisk::new();
    let journal = fixture.open();
    let one = Block {
        records: vec!["first".into(), "".into()],
        parts: vec![],
        root: crate::domain::Hash([0x11; 32]),
    };
    let large = Bytes::from(vec![b'x'; limits::SLED_VALUE_BYTES_MAX]);
    let part = |index, kind, bytes: &Bytes| Part {
        index,
        kind,
        format: 2,
        bucket: 3,
        bytes: bytes.clone(),
    };
    let parts = vec![
        part(2, PartKind::Body, &large),
        part(3, PartKind::InboxOpening, &"in".into()),
    ];
    let two = Block {
        records: vec![large.clone(), "last".into()],
        parts,
        root: crate::domain::Hash([0x22; 32]),
    };
    let head = journal.append(one, Head { ..Head::EMPTY }).await.unwrap();
    journal.append(two, head).await.unwrap();
    let shown = |bytes: &[u8]| match bytes.len() {
        0..=60 => hex::encode(bytes),
        n => format!(
            "{}...{} ({n} bytes)",
            hex::encode(&bytes[..12]),
            hex::encode(&bytes[n - 2..])
        ),
    };
    let entries = journal.store.db.iter().map(Result::unwrap);
    let stored: Vec<String> = entries
        .map(|(key, value)| format!("{} = {}", hex::encode(&key), shown(&value)))
        .collect();
    insta::assert_snapshot!(stored.join("\n"), @r"
    620000000000000002 = 0000000000000000000000000000000100000000000000021111111111111111111111111111111111111111111111111111111111111111
    620000000000000004 = 0000000000000000000000000000000200000000000000042222222222222222222222222222222222222222222222222222222222222222
    666f726d6174 = 00000001
    68 = 0000000000000000000000000000000200000000000000042222222222222222222222222222222222222222222222222222222222222222
    700000000000000002010000 = 020000000300000800787878...7878 (2048 bytes)
    700000000000000002010001 = 787878787878787878
    700000000000000003040000 = 020000000300000002696e
    7200000000000000000000 = 00000005666972737400000000
    7200000000000000020000 = 000008007878787878787878...7878 (2048 bytes)
    7200000000000000020001 = 78787878
    7200000000000000030000 = 000000046c617374
    ");
}

/// A second relay on the same directory is refused and told why, and the first goes on.
#[tokio::test]
async fn a_second_relay_is_refused() {
    let fixture = OnDisk::new();
    let journal = fixture.open();
    let refused = SledJournal::open(fixture.0.path()).unwrap_err();
    assert!(
        matches!(&refused, OpenError::InUse { .. })
            && refused.to_string().contains("in use by another relay")
    );
    append_all(&journal, &[&[1]]).await;
    drop(journal);
    fixture.open();
}

/// A creation that was cut off before the database got its name is begun anew.
#[tokio::test]
async fn an_unfinished_creation_is_begun_anew() {
    let fixture = OnDisk::new();
    fs::create_dir_all(fixture.0.path().join(UNFINISHED).join("blobs")).unwrap();
    fs::write(fixture.0.path().join(UNFINISHED).join("conf"), "segm").unwrap();
    append_all(&fixture.open(), &[&[1]]).await;
    assert!(!fixture.0.path().join(UNFINISHED).exists());
    assert_eq!(fixture.open().head().await.unwrap().size, 1);
}

/// A journal of another format is refused by name and number, never read.
#[tokio::test]
async fn another_format_is_refused() {
    for (version, said) in [
        (Some(vec![0, 0, 0, 2]), "format 2"),
        (Some(vec![1]), "format 01"),
        (None, "format none"),
    ] {
        let fixture = OnDisk::new();
        let journal = fixture.open();
        match version {
            Some(version) => drop(journal.store.db.insert(layout::FORMAT_KEY, version).unwrap()),
            None => drop(journal.store.db.remove(layout::FORMAT_KEY).unwrap()),
        }
        drop(journal);
        let refused = SledJournal::open(fixture.0.path()).unwrap_err();
        assert!(
            matches!(refused, OpenError::Format { .. }) && refused.to_string().contains(said),
            "{refused}"
        );
    }
}

type Damage = fn(&::sled::Db);

fn put(db: &::sled::Db, key: &[u8], value: &[u8]) {
    db.insert(key, value).unwrap();
}

fn cut(db: &::sled::Db, key: &[u8]) {
    assert!(db.remove(key).unwrap().is_some());
}

/// Each kind of damage to what is stored is noticed when the journal is opened or read; nothing panics.
#[tokio::test]
async fn damage_is_noticed() {
    let on_open: [(&str, Damage); 7] = [
        ("a short head", |db| put(db, layout::HEAD_KEY, &[0; 55])),
        ("no head", |db| cut(db, layout::HEAD_KEY)),
        ("no head of the last block", |db| cut(db, &layout::block_key(6))),
        ("the last record is missing", |db| {
            cut(db, &layout::record_key(5, 0))
        }),
        ("the last record is cut", |db| {
            put(db, &layout::record_key(5, 0), &[0, 0, 0, 9, 1])
        }),
        ("a record beyond the head", |db| {
            put(db, &layout::record_key(6, 0), &[0, 0, 0, 0])
        }),
        ("a block beyond the head", |db| {
            put(db, &layout::block_key(7), &[0; 56])
        }),
    ];
    for (damage, apply) in on_open {
        let fixture = OnDisk::new();
        let journal = fixture.open();
        append_all(&journal, &[&[10, 10], &[20_000, 10, 10], &[10]]).await;
        apply(&journal.store.db);
        drop(journal);
        let refused = SledJournal::open(fixture.0.path()).unwrap_err();
        assert!(matches!(refused, OpenError::Corrupt(_)), "{damage}: {refused}");
    }
    let on_read: [(&str, Damage); 6] = [
        ("a value without a record", |db| {
            put(db, &layout::record_key(0, 0), &[])
        }),
        ("a pack that lost a record", |db| {
            put(db, &layout::record_key(0, 0), &[0, 0, 0, 0])
        }),
        ("a pack with one too many", |db| {
            put(db, &layout::record_key(0, 0), &[0; 12])
        }),
        ("no continuation", |db| cut(db, &layout::record_key(2, 1))),
        ("an absurd length", |db| {
            put(db, &layout::record_key(2, 0), &[0xFF; 4])
        }),
        ("a malformed key", |db| {
            put(db, b"r\0\0\0\0\0\0\0\x02\0\0\0", &[0; 4])
        }),
    ];
    for (damage, apply) in on_read {
        let fixture = OnDisk::new();
        let journal = fixture.open();
        append_all(&journal, &[&[10, 10], &[20_000, 10, 10], &[10]]).await;
        apply(&journal.store.db);
        let refused = journal.read(0, 9, usize::MAX).await.unwrap_err();
        assert!(matches!(refused, ReadError::Corrupt(_)), "{damage}: {refused}");
    }
}

/// The same for parts.
#[tokio::test]
async fn damage_to_a_part_is_noticed() {
    let cases: [(&str, Damage); 4] = [
        ("no header", |db| {
            put(db, &layout::part_key(0, PartKind::Body, 0), &[1, 0, 0])
        }),
        ("no continuation", |db| {
            cut(db, &layout::part_key(0, PartKind::Body, 1))
        }),
        ("too long", |db| {
            put(db, &layout::part_key(0, PartKind::Body, 1), &[0; 6144])
        }),
        ("absurdly long", |db| {
            put(db, &layout::part_key(0, PartKind::Body, 0), &[0xFF; 9])
        }),
    ];
    for (damage, apply) in cases {
        let fixture = OnDisk::new();
        let journal = fixture.open();
        let mut with_part = block(Head::EMPTY, &[1]);
        with_part.parts.push(part(0, PartKind::Body, 7000));
        journal.append(with_part, Head::EMPTY).await.unwrap();
        apply(&journal.store.db);
        let refused = journal.part(0, PartKind::Body).await.unwrap_err();
        assert!(matches!(refused, ReadError::Corrupt(_)), "{damage}: {refused}");
    }
}

/// A journal that is dropped with blocks still queued writes them before it lets go of the directory.
#[tokio::test]
async fn dropping_finishes_what_is_queued() {
    let fixture = OnDisk::new();
    for size in 1..20 {
        let journal = fixture.open();
        let head = journal.head().await.unwrap();
        let append = journal.append(block(head, &[10]), head);
        // Polled once, so that it is queued, and then forgotten.
        tokio::select! { biased; _ = append => {}, () = std::future::ready(()) => {} }
        drop(journal);
        assert_eq!(fixture.open().head().await.unwrap().size, size);
    }
}

/// A journal survives what a power cut can make of sled's snapshots: a torn new one, an old and a new one, and none but
/// our copy. Afterwards no copy is left.
#[tokio::test]
async fn snapshots_are_put_in_order() {
    let fixture = OnDisk::new();
    append_all(&fixture.open(), &[&[10], &[20]]).await;
    append_all(&fixture.open(), &[&[30]]).await;
    let database = fixture.0.path().join(DATABASE);
    let named = |prefix: &str| -> Vec<String> {
        let entries = fs::read_dir(&database)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.filter(|name| name.starts_with(prefix)).collect()
    };
    let [snapshot] = named("snap.").try_into().unwrap();
    let whole = fs::read(database.join(&snapshot)).unwrap();
    let torn = &whole[..whole.len() / 2];
    let cases: [(&str, &dyn Fn()); 4] = [
        ("a torn new one", &|| {
            fs::write(database.join("snap.00000000FFFFFFFF.generating"), torn).unwrap()
        }),
        ("a torn copy", &|| {
            fs::write(database.join("kept-snap.00000000FFFFFFFF"), torn).unwrap()
        }),
        ("an older one", &|| {
            fs::write(database.join("snap.0000000000000001"), torn).unwrap()
        }),
        ("only our copy", &|| {
            for snapshot in named("snap.") {
                fs::rename(
                    database.join(&snapshot),
                    database.join(format!("kept-{snapshot}")),
                )
                .unwrap();
            }
        }),
    ];
    for (case, damage) in cases {
        damage();
        let opened = SledJournal::open(fixture.0.path());
        let journal = opened.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(journal.head().await.unwrap().size, 3, "{case}");
        drop(journal);
        assert!(named("kept-").is_empty(), "{case}");
    }
}
