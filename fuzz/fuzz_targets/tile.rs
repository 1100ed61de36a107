//! Whatever path is asked for, it names a tile or none; a log has the bytes of a tile exactly when it has all of its hashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardline::limits::TILE_HASHES;
use wardline::transparency::{ProofError, TilePath, leaf_hash, read_tile, stored_hash_index};
use wardline_fuzz::{Script, Tree};

fn reads(tile: &TilePath, tree: &Tree, size: u64) {
    match read_tile(tile, size, tree) {
        Ok(bytes) => {
            assert!(tile.exists_at(size));
            assert_eq!(bytes.len(), usize::from(tile.width()) * 32);
            if tile.level() == 0 {
                let first = usize::try_from(tile.index() * u64::from(TILE_HASHES)).expect("a small log");
                let leaves = tree.leaves[first..].iter().take(usize::from(tile.width()));
                assert_eq!(bytes, leaves.flat_map(|leaf| leaf.0).collect::<Vec<u8>>());
            }
        }
        Err(ProofError::OutOfRange) => assert!(!tile.exists_at(size)),
        // A size that the tree does not have.
        Err(ProofError::BadReader | ProofError::Reader(_)) => assert!(size > tree.size()),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let tree = Tree::of((0..script.below(600)).map(|it| leaf_hash(&it.to_be_bytes())));
    let size = script.below(tree.size() + 1);
    let (level, index, width) = (script.byte(), script.number(), script.byte());
    if let Ok(tile) = TilePath::new(level, index, u16::from(width) + 1) {
        assert_eq!(TilePath::parse(&tile.to_string()), Ok(tile));
        reads(&tile, &tree, size);
        reads(&tile, &tree, script.number());
    }
    // The partial tile at the right edge, if there is one, and what would be one hash longer.
    let there = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
    let width = u16::try_from(there % 256).expect("less than 256");
    if let Ok(tile) = TilePath::new(level, there / 256, width) {
        assert!(tile.is_partial() && tile.exists_at(size));
        reads(&tile, &tree, size);
    }
    if let Ok(tile) = TilePath::new(level, there / 256, width + 1) {
        assert!(!tile.exists_at(size));
    }
    let _ = stored_hash_index(level, index);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(tile) = TilePath::parse(text)
    {
        assert_eq!(tile.to_string(), text);
        drop(tile.stored_indexes());
        reads(&tile, &tree, size);
    }
});
