//! The three kinds of 32 bytes that must never be mixed up: a hash of the tree, the digest of a signed thing,
//! and the id of a key.

use std::fmt;
use std::str::FromStr;

macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = NotThirtyTwoBytes;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0u8; 32];
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(NotThirtyTwoBytes);
                }
                hex::decode_to_slice(text, &mut bytes).map_err(|_| NotThirtyTwoBytes)?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = NotThirtyTwoBytes;
            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                Ok(Self(bytes.try_into().map_err(|_| NotThirtyTwoBytes)?))
            }
        }
    };
}

bytes32!(
    /// A hash of the RFC 6962 tree: a leaf, a node, a root.
    Hash
);
bytes32!(
    /// The digest of a signed thing: SHA-256 of its DSSE PAE. In text, 64 lower-case hex digits.
    Digest
);
bytes32!(
    /// SHA-256 of a raw public key (of the DER SubjectPublicKeyInfo for a TLS key). In text, 64 lower-case hex digits.
    KeyId
);

/// Not 32 bytes, or not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 bytes (64 lower-case hex digits)")]
pub struct NotThirtyTwoBytes;
