//! The words of the field as plain types: each parses or fails, and holds no I/O.

mod hash;

pub use hash::{Digest, Hash, KeyId};
