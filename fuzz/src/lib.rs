//! What the targets share: the tree, the keys and the policy of the vectors' story, and a reader of an input's bytes.
//!
//! Fuzzing finds no signature. So the targets that go behind one hold every key of the story, and sign again what the input
//! has changed: what is asked then is what a log, and agencies, that lie with their own keys can do to a verifier.

pub mod edit;
pub mod story;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use wardline::domain::Hash;
use wardline::seal::SecretKey;
use wardline::transparency::{
    Checkpoint, Frontier, HashReader, consistency_proof, inclusion_proof, leaf_hash,
};

/// An input's bytes, taken one after the other; after the last there are zeros.
#[derive(Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Begins at the first.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether all are taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = match end {
            0..=256 => u64::from(self.byte()),
            _ => self.number(),
        };
        wide % end.max(1)
    }

    /// Any number, the small ones and those at an edge most often.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..=199 => u64::from(small),
            200..=239 => (1 << (self.byte() % 64)) - u64::from(self.byte() % 2),
            _ => {
                let bytes = std::array::from_fn(|_| self.byte());
                u64::from_be_bytes(bytes)
            }
        }
    }

    /// At most so many bytes.
    pub fn bytes(&mut self, max: usize) -> &'a [u8] {
        let length = usize::from(self.byte()).min(max).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// A hash that is most probably none that exists.
    pub fn hash(&mut self) -> Hash {
        leaf_hash(&[b'?', self.byte()])
    }
}

/// A log's leaves with all hashes over them.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// In the order of the log.
    pub leaves: Vec<Hash>,
    frontier: Frontier,
    stored: Vec<Hash>,
}

/// A hash that is not in the tree was asked for.
#[derive(Debug)]
pub struct NotThere;

impl std::fmt::Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not there")
    }
}

impl std::error::Error for NotThere {}

impl HashReader for Tree {
    type Error = NotThere;
    fn hashes(&self, stored_indexes: &[u64]) -> Result<Vec<Hash>, NotThere> {
        let at = |index: &u64| usize::try_from(*index).ok().and_then(|it| self.stored.get(it));
        stored_indexes
            .iter()
            .map(|it| at(it).copied().ok_or(NotThere))
            .collect()
    }
}

impl Tree {
    /// Of these leaves.
    pub fn of(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut tree = Self::default();
        for leaf in leaves {
            tree.push(leaf);
        }
        tree
    }

    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.leaves.push(leaf);
        self.frontier
            .append_to(leaf, &mut self.stored)
            .expect("a small log");
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the first `size` of them.
    pub fn root(&self, size: u64) -> Hash {
        Frontier::at(size, self).expect("a size that it has").root()
    }

    /// That the leaf at `index` is one of the first `size`.
    pub fn inclusion(&self, size: u64, index: u64) -> Vec<Hash> {
        inclusion_proof(size, index, self).expect("a leaf that it has")
    }

    /// That the first `new` begin with the first `old`.
    pub fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        consistency_proof(old, new, self).expect("sizes that it has")
    }

    /// What a log of this origin says of the first `size`.
    pub fn checkpoint(&self, origin: &str, size: u64) -> Checkpoint {
        Checkpoint {
            origin: origin.parse().expect("an origin"),
            size,
            root: self.root(size),
        }
    }
}

/// One signature line of a signed note in the name of this verifier key, over any text: `before` stands between the key's hash
/// and the signature, and `signed` is what is signed.
pub fn signature_line(vkey: &str, key: &SecretKey, before: &[u8], signed: &str) -> String {
    let mut parts = vkey.splitn(3, '+');
    let (name, hash) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut bytes = hex::decode(hash).expect("a verifier key's hash");
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(&key.sign(signed.as_bytes()));
    format!("\u{2014} {name} {}\n", BASE64_STANDARD.encode(bytes))
}

/// An empty directory of this process: in memory, if whoever began it says where.
pub fn in_memory(name: &str) -> std::path::PathBuf {
    let above = std::env::var_os("FUZZ_DIRECTORY").map_or_else(std::env::temp_dir, Into::into);
    let path = above.join(format!("wardline-fuzz-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a directory");
    path
}
