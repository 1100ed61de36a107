//! The reader of copies over a stranger's bytes: each fault with its place, nothing unbounded, no panic; and what is written is read
//! back, byte for byte the same format as ever.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::os::unix::fs::PermissionsExt as _;

use bytes::Bytes;
use proptest::prelude::*;

use super::copy::{Copy, CopyError, CopyWriter, MAGIC};
use super::tests::eventful;
use crate::domain::{DetachedPart, Hash, InboxOpening, ReplayedContent, ReplayedRecord};
use crate::limits;

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn read(bytes: &[u8]) -> Result<(String, Vec<ReplayedRecord>), CopyError> {
    let copy = Copy::read_from(bytes)?;
    let note = copy.note().to_owned();
    Ok((note, copy.collect::<Result<_, _>>()?))
}

/// What was written is read back: every index as it was shown, its leaf hashes in order; the file is its owner's alone, stands
/// alone, and is not replaced.
#[test]
fn a_copy_is_read_back() {
    let world = eventful();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("log.copy");
    let mut writer = CopyWriter::create(&path, &world.checkpoint()).unwrap();
    world.shown.iter().for_each(|shown| writer.push(shown).unwrap());
    assert!(!path.exists());
    writer.finish().unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    let copy = Copy::open(&path).unwrap();
    assert_eq!(copy.note(), world.checkpoint());
    let read: Vec<ReplayedRecord> = copy.map(Result::unwrap).collect();
    assert_eq!(read, world.shown);
    let leaves: Vec<_> = Copy::open(&path).unwrap().leaves().map(Result::unwrap).collect();
    let expected = world
        .shown
        .iter()
        .map(|shown| (shown.index, super::tampering::leaf_of(shown)));
    assert_eq!(leaves, expected.collect::<Vec<_>>());
    let again = CopyWriter::create(&path, "other").unwrap_err();
    assert!(matches!(again, CopyError::Io(_)), "{again}");
    // One that is given up leaves nothing.
    let mut writer = CopyWriter::create(&place.path().join("other"), "note").unwrap();
    writer.push(&world.shown[0]).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
}

/// The bytes of a copy: the format, which never changes.
#[test]
fn the_format_is_golden() {
    let shown = [
        ReplayedRecord {
            index: 0,
            content: ReplayedContent::Record(Bytes::from_static(b"record")),
            part: Some(DetachedPart {
                salt: [1; 32],
                content: Bytes::from_static(b"part"),
            }),
            inbox: None,
        },
        ReplayedRecord {
            index: 1,
            content: ReplayedContent::LeafHash(Hash([2; 32])),
            part: None,
            inbox: None,
        },
        ReplayedRecord {
            index: 2,
            content: ReplayedContent::Record(Bytes::from_static(b"routed")),
            part: None,
            inbox: Some(InboxOpening {
                number: 7,
                salt: [3; 32],
            }),
        },
    ];
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("golden");
    let mut writer = CopyWriter::create(&path, "note\n").unwrap();
    shown.iter().for_each(|shown| writer.push(shown).unwrap());
    writer.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    insta::assert_snapshot!(hex::encode(&bytes));
    assert_eq!(read(&bytes).unwrap(), ("note\n".to_owned(), shown.to_vec()));
}

/// A copy that is whole, and whose name has been taken meanwhile, is kept under another one, which the error says: to make it may
/// have taken a day. What has the name stays.
#[test]
fn a_whole_copy_that_cannot_be_named_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("copy");
    let writer = CopyWriter::create(&path, "note\n").unwrap();
    std::fs::write(&path, b"another's").unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert_eq!(std::fs::read(&path).unwrap(), b"another's");
    let entries = std::fs::read_dir(place.path()).unwrap();
    let [kept] = &entries
        .map(|entry| entry.unwrap().path())
        .filter(|it| *it != path)
        .collect::<Vec<_>>()[..]
    else {
        panic!("it is not kept")
    };
    assert!(error.contains(kept.to_str().unwrap()), "{error}");
    assert_eq!(
        read(&std::fs::read(kept).unwrap()).unwrap(),
        ("note\n".to_owned(), Vec::new())
    );
}

/// Each way in which bytes are no copy, or one no more, with where.
#[test]
fn hostile_bytes_are_refused_by_place() {
    let good = chunk(&[0x08, 0, 0x12, 1, b'r']);
    let begin = [MAGIC, &chunk(b"note")].concat();
    let with = |rest: &[u8]| [&begin[..], &good, rest].concat();
    let too_long = limits::COPY_CHUNK_BYTES_MAX as u32 + 1;
    assert_eq!(read(&with(b"")).unwrap().1.len(), 1);
    let table: [(&str, Vec<u8>, &str); 12] = [
        ("nothing", Vec::new(), "it is no copy"),
        (
            "another line",
            b"wardline-copy/v2\nxxxxxxxx".to_vec(),
            "it is no copy",
        ),
        ("no note", MAGIC.to_vec(), "there is none"),
        (
            "half a note",
            [MAGIC, &[0, 0, 0, 9, b'n']].concat(),
            "it ends early",
        ),
        ("an endless note", [MAGIC, &[0xff; 4]].concat(), "it is too long"),
        (
            "a note that is no text",
            [MAGIC, &chunk(&[0xff])].concat(),
            "it is not text",
        ),
        (
            "half a length",
            with(&[0, 0]),
            "record 1: the copy ends inside it",
        ),
        (
            "half a record",
            with(&[0, 0, 0, 9, 8]),
            "record 1: the copy ends inside it",
        ),
        (
            "an endless record",
            with(&too_long.to_be_bytes()),
            "record 1: the copy says that it has",
        ),
        (
            "no protobuf",
            with(&chunk(&[0xff; 9])),
            "record 1: it is not protobuf",
        ),
        ("neither record nor hash", with(&chunk(&[0x08, 1])), "record 1: "),
        ("a short hash", with(&chunk(&[0x08, 1, 0x1a, 1, 7])), "record 1: "),
    ];
    for (what, bytes, expected) in table {
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
    // Where indexes are compared, one that is out of order ends it, with its place.
    let bytes = with(&good);
    let twice = Copy::read_from(&bytes[..]).unwrap();
    let errors: Vec<String> = twice
        .leaves()
        .filter_map(Result::err)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, ["record 1: index 0 came where it was due"]);
}

proptest! {
    /// Any bytes after the magic line: an end or an error, never a panic; and nothing comes after an error.
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic in any::<bool>()) {
        let begin: &[u8] = if magic { MAGIC } else { b"" };
        let bytes = [begin, &bytes].concat();
        if let Ok(mut copy) = Copy::read_from(&bytes[..]) {
            while let Some(next) = copy.next() {
                if next.is_err() {
                    prop_assert!(copy.next().is_none());
                }
            }
        }
    }

    /// A copy that is cut anywhere, or of which a byte is changed, is read up to there or differently, and never panics.
    #[test]
    fn a_spoiled_copy_is_read(cut in any::<usize>(), at in any::<usize>(), with in any::<u8>()) {
        let mut bytes = [MAGIC, &chunk(b"note")].concat();
        for index in 0..5u8 {
            bytes.extend(chunk(&[0x08, index, 0x12, 2, b'r', index]));
        }
        let place = at % bytes.len();
        bytes[place] ^= with;
        bytes.truncate(cut % (bytes.len() + 1));
        if let Ok(copy) = Copy::read_from(&bytes[..]) {
            prop_assert!(copy.count() <= 6);
        }
    }
}
