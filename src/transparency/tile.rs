//! Tiles (C2SP tlog-tiles): the tree's hashes in runs of 256 under one path each, for anyone to fetch and cache.
//!
//! A tile of level L holds consecutive hashes of the tree's level 8·L. What a path names never changes once it exists,
//! partial tiles too. Records themselves are in no tile of ours: the public sees hashes only.

use std::fmt;
use std::str::FromStr;

use crate::limits::{LOG_SIZE_MAX, TILE_HASHES, TILE_PATH_CHARS_MAX};
use crate::transparency::checkpoint::parse_decimal;
use crate::transparency::{HashReader, ProofError, stored_hash_index};

/// Levels of tiles that a path can name.
const LEVEL_MAX: u8 = 63;

/// The name of a tile. Any path of the right form is one; whether a log has that tile is for [`TilePath::exists_at`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TilePath {
    level: u8,
    index: u64,
    width: u16,
}

/// Not the path of a tile of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a tile of hashes (C2SP tlog-tiles): tile/LEVEL/INDEX[.p/WIDTH]")]
pub struct InvalidTilePath;

impl TilePath {
    /// The tile of this level, index and number of hashes (256, or fewer for a partial tile).
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, InvalidTilePath> {
        if level > LEVEL_MAX || width == 0 || width > TILE_HASHES {
            return Err(InvalidTilePath);
        }
        Ok(Self { level, index, width })
    }

    /// Reads a path without a leading slash, in its one canonical form.
    pub fn parse(path: &str) -> Result<Self, InvalidTilePath> {
        if path.len() > TILE_PATH_CHARS_MAX {
            return Err(InvalidTilePath);
        }
        let rest = path.strip_prefix("tile/").ok_or(InvalidTilePath)?;
        let (level, rest) = rest.split_once('/').ok_or(InvalidTilePath)?;
        let level = parse_decimal(level)
            .and_then(|level| u8::try_from(level).ok())
            .ok_or(InvalidTilePath)?;
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_HASHES),
            Some((index, width)) => {
                let width = parse_decimal(width)
                    .and_then(|width| u16::try_from(width).ok())
                    .filter(|width| *width < TILE_HASHES)
                    .ok_or(InvalidTilePath)?;
                (index, width)
            }
        };
        Self::new(level, parse_index(index).ok_or(InvalidTilePath)?, width)
    }

    /// The level.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Which tile of the level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes it holds.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it is no full tile.
    pub fn is_partial(&self) -> bool {
        self.width < TILE_HASHES
    }

    /// Whether a log of `size` records has all of its hashes. A partial tile exists from then on for ever.
    pub fn exists_at(&self, size: u64) -> bool {
        let end = self
            .index
            .checked_mul(u64::from(TILE_HASHES))
            .and_then(|start| start.checked_add(u64::from(self.width)));
        end.is_some_and(|end| size <= LOG_SIZE_MAX && end <= hashes_at(self.level, size))
    }

    /// Where its hashes stand in the stored order, or `None` if it lies outside any log.
    pub fn stored_indexes(&self) -> Option<Vec<u64>> {
        let level = self.level.checked_mul(8)?;
        let start = self.index.checked_mul(u64::from(TILE_HASHES))?;
        (0..u64::from(self.width))
            .map(|i| stored_hash_index(level, start.checked_add(i)?))
            .collect()
    }
}

/// How many hashes of the tile level the tree has: `size / 256^level`.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// Three digits an element, all but the last with an `x` before them, and no more elements than it takes.
fn parse_index(text: &str) -> Option<u64> {
    let mut elements = text.split('/').peekable();
    let mut index: u64 = 0;
    while let Some(element) = elements.next() {
        let digits = match elements.peek() {
            Some(_) => element.strip_prefix('x')?,
            None => element,
        };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (index_text(index) == text).then_some(index)
}

fn index_text(index: u64) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

impl FromStr for TilePath {
    type Err = InvalidTilePath;
    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::parse(path)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/{}", self.level, index_text(self.index))?;
        if self.is_partial() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The bytes of a tile of the log of `size` records: 32 a hash. A tile that the log does not have is
/// [`ProofError::OutOfRange`].
pub fn read_tile<R: HashReader>(
    tile: &TilePath,
    size: u64,
    reader: &R,
) -> Result<Vec<u8>, ProofError<R::Error>> {
    let indexes = tile
        .exists_at(size)
        .then(|| tile.stored_indexes())
        .flatten()
        .ok_or(ProofError::OutOfRange)?;
    let hashes = reader.hashes(&indexes).map_err(ProofError::Reader)?;
    if hashes.len() != indexes.len() {
        return Err(ProofError::BadReader);
    }
    Ok(hashes.iter().flat_map(|hash| hash.0).collect())
}
