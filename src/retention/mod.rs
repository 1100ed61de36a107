//! How long what was said is kept, and the keys that its end destroys: for a relay, and for the inbox of a recipient. What
//! is of one retention bucket is encrypted under one key; the keys lie in a file of their own ([`Keyring`]), so that
//! destroying one erases every copy of what it encrypts. [`RetentionRules`] say when.

pub(crate) mod cipher;
pub(crate) mod clock;
mod entries;
mod keyring;

pub use crate::domain::RetentionRules;
pub(crate) use keyring::{BucketKey, KEY_ID_BYTES, key_id};
pub use keyring::{Keyring, KeyringError};
