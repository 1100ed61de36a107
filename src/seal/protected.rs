//! A private file under a passphrase: Argon2id (RFC 9106) makes a key of it, AES-256-GCM holds the file that it protects,
//! whatever that is. Without the passphrase nothing of it can be read, and nothing altered unnoticed.
//!
//! Between the lines `-----BEGIN WARDLINE PROTECTED FILE-----` and `-----END …`, as base64: the version (one byte, 1); Argon2id's
//! memory in KiB, passes and lanes (4 bytes each, big-endian); salt (16 bytes); nonce (12 bytes); ciphertext and tag. The key is
//! the 32 bytes of Argon2id (version 0x13) over passphrase and salt; the additional data are `wardline protected file`, a zero
//! byte, and all that stands before the ciphertext.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Passphrase, RandomError, random_bytes};
use crate::limits;

const BEGIN: &str = "-----BEGIN WARDLINE PROTECTED FILE-----";
const END: &str = "-----END WARDLINE PROTECTED FILE-----";
/// Never reuse one.
const VERSION: u8 = 1;
const LABEL: &[u8] = b"wardline protected file\0";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + 3 * 4 + SALT_BYTES + NONCE_BYTES;

/// How hard it is to try a passphrase. A file says its own, so that later ones may be harder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hardness {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Hardness {
    /// How much memory is written in all.
    fn work_kib(self) -> u64 {
        u64::from(self.memory_kib).saturating_mul(u64::from(self.passes))
    }
}

/// The second recommended option of RFC 9106 §4: 64 MiB, three passes, four lanes.
pub(super) const HARDNESS: Hardness = Hardness {
    memory_kib: 64 * 1024,
    passes: 3,
    lanes: 4,
};

/// Why a protected file was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// It is not of this form, of a later version, or asks for more work than any file of ours.
    Malformed,
    /// Another passphrase, or other bytes than were written.
    Passphrase,
}

/// Whether a file says that it is protected.
pub(super) fn is_protected(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(BEGIN.as_bytes())
}

/// Protects the bytes of a file, with a fresh salt and nonce.
pub(super) fn protect(bytes: &[u8], passphrase: &Passphrase) -> Result<String, RandomError> {
    let (salt, nonce) = (random_bytes()?, random_bytes()?);
    Ok(protect_with(bytes, passphrase, HARDNESS, salt, nonce))
}

fn protect_with(
    bytes: &[u8],
    passphrase: &Passphrase,
    hardness: Hardness,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
) -> String {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.push(VERSION);
    for number in [hardness.memory_kib, hardness.passes, hardness.lanes] {
        head.extend_from_slice(&number.to_be_bytes());
    }
    head.extend_from_slice(&salt);
    head.extend_from_slice(&nonce);
    // Room for the tag too: a buffer that grows leaves copies behind that nobody wipes.
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() + AES_256_GCM.tag_len()));
    text.extend_from_slice(bytes);
    let sealed = key(passphrase, hardness, &salt).and_then(|key| {
        let aad = Aad::from([LABEL, &head].concat());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut *text)
            .ok()
    });
    #[expect(
        clippy::expect_used,
        reason = "our own hardness is within Argon2's bounds, and a file within AES-GCM's"
    )]
    sealed.expect("Argon2id and AES-256-GCM take what we give them");
    head.extend_from_slice(&text);
    let mut pem = String::from(BEGIN);
    for (at, letter) in BASE64_STANDARD.encode(&head).chars().enumerate() {
        if at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push('\n');
    pem.push_str(END);
    pem.push('\n');
    pem
}

/// Opens a protected file; what it holds is wiped when dropped.
pub(super) fn open(file: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let read = read(file).ok_or(NotOpened::Malformed)?;
    let key = key(passphrase, read.hardness, &read.salt).ok_or(NotOpened::Malformed)?;
    let mut sealed = Zeroizing::new(read.sealed);
    let aad = Aad::from([LABEL, &read.head].concat());
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(read.nonce), aad, &mut sealed)
        .map_err(|_| NotOpened::Passphrase)?
        .len();
    sealed.truncate(length);
    Ok(sealed)
}

struct Read {
    head: Vec<u8>,
    hardness: Hardness,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    sealed: Vec<u8>,
}

fn read(file: &[u8]) -> Option<Read> {
    let text = std::str::from_utf8(file).ok()?.trim();
    let inner = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let joined: String = inner.split_ascii_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(joined).ok()?;
    let (head, sealed) = bytes.split_at_checked(HEAD_BYTES)?;
    let (version, rest) = head.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (memory, rest) = rest.split_first_chunk::<4>()?;
    let (passes, rest) = rest.split_first_chunk::<4>()?;
    let (lanes, rest) = rest.split_first_chunk::<4>()?;
    let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
    let hardness = Hardness {
        memory_kib: u32::from_be_bytes(*memory),
        passes: u32::from_be_bytes(*passes),
        lanes: u32::from_be_bytes(*lanes),
    };
    let bounded = hardness.memory_kib <= limits::PASSPHRASE_MEMORY_KIB_MAX
        && hardness.passes <= limits::PASSPHRASE_PASSES_MAX
        && hardness.lanes <= limits::PASSPHRASE_LANES_MAX
        && hardness.work_kib() <= limits::PASSPHRASE_WORK_KIB_MAX;
    bounded.then(|| {
        Some(Read {
            head: head.to_vec(),
            hardness,
            salt: *salt,
            nonce: rest.try_into().ok()?,
            sealed: sealed.to_vec(),
        })
    })?
}

/// The key of a passphrase; none if Argon2 does not take the hardness.
fn key(passphrase: &Passphrase, hardness: Hardness, salt: &[u8; SALT_BYTES]) -> Option<LessSafeKey> {
    let params = Params::new(hardness.memory_kib, hardness.passes, hardness.lanes, Some(32)).ok()?;
    let mut blocks = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; 32]);
    let hashed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        passphrase.as_bytes(),
        salt,
        key.as_mut_slice(),
        &mut blocks,
    );
    for block in &mut blocks {
        block.zeroize();
    }
    hashed.ok()?;
    UnboundKey::new(&AES_256_GCM, key.as_slice())
        .ok()
        .map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// Quick enough for a table; the bytes say it, so files of any hardness open.
    const QUICK: Hardness = Hardness {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    fn phrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned()).unwrap()
    }

    fn golden() -> String {
        protect_with(
            b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n",
            &phrase("correct horse battery staple"),
            HARDNESS,
            *b"a salt of a file",
            *b"not repeated",
        )
    }

    /// Golden bytes of the format, with the hardness that files get: they open for ever.
    #[test]
    fn golden_bytes() {
        let file = golden();
        assert_eq!(file, include_str!("../../tests/golden/client/protected.pem"));
        assert!(is_protected(file.as_bytes()));
        let opened = open(file.as_bytes(), &phrase("correct horse battery staple")).unwrap();
        assert_eq!(
            &*opened,
            b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
        );
    }

    /// Another passphrase, and any changed byte of the salt, the nonce, the hardness, the ciphertext or the tag, opens nothing;
    /// what is of another form, another version or too much work is told as such, before any work is done.
    #[test]
    fn nothing_else_opens_it() {
        let file = protect_with(b"secret", &phrase("a passphrase"), QUICK, [1; 16], [2; 12]);
        let open_with = |file: &str, text: &str| open(file.as_bytes(), &phrase(text)).err();
        assert_eq!(open_with(&file, "a passphrase"), None);
        assert_eq!(open_with(&file, "a Passphrase"), Some(NotOpened::Passphrase));
        let body: String = file.lines().filter(|line| !line.starts_with("--")).collect();
        let bytes = BASE64_STANDARD.decode(body).unwrap();
        let changed = |at: usize, bit: u8| {
            let mut bytes = bytes.clone();
            *bytes.get_mut(at).unwrap() ^= bit;
            format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(bytes))
        };
        // The last byte of the memory and of the passes, the salt, the nonce, the ciphertext, the tag.
        for at in [4, 8, 13, 28, 29, 40, 41, 46, bytes.len() - 1] {
            let refused = open_with(&changed(at, 2), "a passphrase");
            assert_eq!(refused, Some(NotOpened::Passphrase), "byte {at}");
        }
        // The version; 2 GiB; 2^24 passes; 2^24 lanes.
        for (at, bit) in [(0, 2), (1, 0x80), (5, 1), (9, 1)] {
            let refused = open_with(&changed(at, bit), "a passphrase");
            assert_eq!(refused, Some(NotOpened::Malformed), "byte {at}");
        }
        for malformed in ["", BEGIN, &file.replace("END", "ENDS"), &file.replace('\n', "!")] {
            assert_eq!(open_with(malformed, "a passphrase"), Some(NotOpened::Malformed));
        }
    }

    /// Memory and passes are bounded together: each within its bound, they would ask for minutes.
    #[test]
    fn work_is_bounded() {
        let file = protect_with(b"secret", &phrase("a passphrase"), QUICK, [1; 16], [2; 12]);
        let body: String = file.lines().filter(|line| !line.starts_with("--")).collect();
        let bytes = BASE64_STANDARD.decode(body).unwrap();
        let mib = |mib: u32| mib * 1024;
        let be = u32::to_be_bytes;
        for (memory_kib, passes, taken) in [
            (mib(64), 3, true),
            (mib(64), 64, true),
            (mib(1024), 4, true),
            (mib(1024), 5, false),
            (mib(1024), 64, false),
            (mib(64) + 1, 64, false),
        ] {
            let mut bytes = bytes.clone();
            bytes[1..5].copy_from_slice(&be(memory_kib));
            bytes[5..9].copy_from_slice(&be(passes));
            let file = format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(bytes));
            assert_eq!(
                read(file.as_bytes()).is_some(),
                taken,
                "{memory_kib} KiB, {passes}"
            );
        }
    }

    /// Two protections of one file by one passphrase have nothing in common but the form.
    #[test]
    fn salt_and_nonce_are_fresh() {
        let protect = || protect(b"secret", &phrase("a passphrase")).unwrap();
        let (one, other) = (protect(), protect());
        let tail = |file: &str| file.split_at(BEGIN.len() + 1 + 20).1.to_owned();
        assert_ne!(tail(&one), tail(&other));
    }
}
