//! What may come instead of a tile's path: it is refused, it never panics, and what is accepted is written back.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::model::Log;
use super::*;
use crate::limits::LOG_SIZE_MAX;

/// Paths that are no tile's, in a table: no form but the one is read.
#[test]
fn a_wrong_tile_path_is_refused() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/+1/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/00a",
        "tile/0/x000/001",
        "tile/0/x00/001",
        "tile/0/x001/x067",
        "tile/0/001/067",
        "tile/0/X001/067",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/08",
        "tile/0/000.p/+8",
        "tile/0/000.p/8/",
        "tile/0/000.p/8.p/8",
        "tile/0/000.P/8",
        "tile/entries/000",
        "tile/8/0/000",
        "tile/0/..",
        "tile/0/%30%30%30",
        "tile/0/000?x",
        "tile/0/ 00",
        "tile/0/٠٠٠",
        "tile/0/x\u{1f600}/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(TilePath::parse(path), Err(InvalidTilePath), "{path:?}");
    }
    assert_eq!(TilePath::new(0, 0, 0), Err(InvalidTilePath));
    assert_eq!(TilePath::new(0, 0, 257), Err(InvalidTilePath));
    assert_eq!(TilePath::new(64, 0, 1), Err(InvalidTilePath));
    let last = "tile/63/x018/x446/x744/x073/x709/x551/615.p/255";
    assert_eq!(TilePath::parse(last), TilePath::new(63, u64::MAX, 255));
}

/// A tile beyond the log has no hashes, and none is made up; a table of sizes and paths.
#[test]
fn a_tile_beyond_the_log_is_not_read() {
    let log = Log::of(300);
    for (size, path, there) in [
        (0, "tile/0/000.p/1", false),
        (1, "tile/0/000.p/1", true),
        (1, "tile/0/000.p/2", false),
        (255, "tile/0/000", false),
        (256, "tile/0/000", true),
        (255, "tile/1/000.p/1", false),
        (256, "tile/1/000.p/1", true),
        (300, "tile/0/001.p/44", true),
        (300, "tile/0/001.p/45", false),
        (300, "tile/0/000.p/7", true),
        (300, "tile/0/002.p/1", false),
        (300, "tile/8/000.p/1", false),
        (300, "tile/63/000.p/1", false),
        (300, "tile/63/x018/x446/x744/x073/x709/x551/615.p/255", false),
        (u64::MAX, "tile/0/000.p/1", false),
    ] {
        let tile: TilePath = path.parse().unwrap();
        assert_eq!(tile.exists_at(size), there, "{path} at {size}");
        let read = read_tile(&tile, size, &log);
        let length = read.map(|bytes| bytes.len());
        let expected = there
            .then(|| usize::from(tile.width()) * 32)
            .ok_or(ProofError::OutOfRange);
        assert_eq!(length, expected, "{path} at {size}");
    }
}

proptest! {
    /// No text makes the parser panic, near misses of a path neither; what is read is written back.
    #[test]
    fn the_parser_never_panics(
        text in any::<String>(),
        path in "tile/[0-9]{1,2}(/x[0-9]{3}){0,3}/[0-9x]{3}(\\.p/[0-9]{1,3})?",
    ) {
        for text in [text, path] {
            if let Ok(tile) = TilePath::parse(&text) {
                prop_assert_eq!(tile.to_string(), text);
                let _ = (tile.stored_indexes(), tile.exists_at(LOG_SIZE_MAX));
            }
        }
    }

    /// Any tile of any level is written and read back, and its hashes are inside the largest log or there are none.
    #[test]
    fn a_tile_is_read_back(level in 0u8..=63, index in any::<u64>(), near in 0u64..3, width in 1u16..=256) {
        for index in [index, near, (LOG_SIZE_MAX >> 8).wrapping_sub(near), u64::MAX - near] {
            let tile = TilePath::new(level, index, width).unwrap();
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
            let inside = tile.exists_at(LOG_SIZE_MAX);
            prop_assert_eq!(inside, tile.stored_indexes().is_some());
            if let Some(indexes) = tile.stored_indexes() {
                prop_assert_eq!(indexes.len(), usize::from(width));
            }
        }
    }
}
