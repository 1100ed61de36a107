//! Secret keys in files: PEM PKCS#8 (RFC 8410), as `openssl genpkey -algorithm ed25519` writes it, or that under a passphrase
//! (`protected.rs`), which whoever reads the file does not see.
//!
//! A private file appears whole or not at all, with mode 0600, never over another, and durable when the call returns;
//! one that others may read is refused when it is opened.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use crate::limits;
use crate::naming::name_new;
use crate::seal::{Passphrase, RandomError, SecretKey, passphrase, protected, random_bytes};

/// Why a key file was not written or not read. Holds the path, never the content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is there already; a key is never overwritten.
    #[error("{0} exists already, and a key is never overwritten")]
    Exists(PathBuf),
    /// Others than its owner may read or write it.
    #[error("{0} may be read or written by others than its owner (mode {1:03o}): chmod 600")]
    NotPrivate(PathBuf, u32),
    /// No regular file.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// Too long to be one.
    #[error("{0} is longer than a key file can be")]
    TooLong(PathBuf),
    /// Not an Ed25519 key in PEM PKCS#8.
    #[error("{0} holds no Ed25519 key in PEM PKCS#8")]
    Malformed(PathBuf),
    /// Not a key to open with.
    #[error("{0} holds no key that opens sealed bodies")]
    NoSealKey(PathBuf),
    /// Protected, of a form or a version that is not known here.
    #[error("{0} is protected in a way that this version does not know, or is damaged")]
    UnknownProtection(PathBuf),
    /// Protected, and nobody here knows the passphrase.
    #[error("{0} is protected by a passphrase, and there is none: {1}")]
    NoPassphrase(PathBuf, String),
    /// Not the passphrase of this file.
    #[error("{0}: this is not its passphrase (or the file was altered)")]
    WrongPassphrase(PathBuf),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The file system failed.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

impl SecretKey {
    /// Writes the key to a new private file.
    pub fn write_to(&self, path: &Path) -> Result<(), KeyFileError> {
        self.write_protected(path, None)
    }

    /// The same, under a passphrase if there is one: then the seed itself never reaches the disk.
    pub fn write_protected(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<(), KeyFileError> {
        let bytes = private_file_bytes(self.to_pem().as_bytes(), passphrase)?;
        write_private_file(path, &bytes)
    }

    /// Reads a key from a file that only its owner may read.
    pub fn read_from(path: &Path) -> Result<Self, KeyFileError> {
        let bytes = read_private_file(path)?;
        std::str::from_utf8(&bytes)
            .ok()
            .and_then(Self::from_pem)
            .ok_or_else(|| KeyFileError::Malformed(path.to_owned()))
    }

    fn to_pem(&self) -> Zeroizing<String> {
        let mut der = Zeroizing::new([0u8; PKCS8_HEAD.len() + 32]);
        let (head, seed) = der.split_at_mut(PKCS8_HEAD.len());
        head.copy_from_slice(&PKCS8_HEAD);
        seed.copy_from_slice(self.seed());
        let text = Zeroizing::new(BASE64_STANDARD.encode(der.as_slice()));
        Zeroizing::new(format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", text.as_str()))
    }

    /// Whatever stands before and after the PEM block (openssl writes nothing there) is refused too.
    fn from_pem(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
        let mut joined = Zeroizing::new(String::with_capacity(inner.len()));
        joined.extend(inner.split_ascii_whitespace());
        let der = Zeroizing::new(BASE64_STANDARD.decode(joined.as_bytes()).ok()?);
        let seed: &[u8; 32] = der.strip_prefix(&PKCS8_HEAD)?.try_into().ok()?;
        Some(Self::from_seed(seed))
    }
}

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// RFC 8410 §7, version 1: all of the DER before the seed is fixed.
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Writes a new file of mode 0600, whole, durable, and never over another.
pub fn write_private_file(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io_error = |error| KeyFileError::Io(path.to_owned(), error);
    let (directory, temporary) = temporary_beside(path).map_err(io_error)?;
    let written = write_and_move(&temporary, path, bytes);
    if written.is_err() {
        // Best effort: what failed matters more than what is left, which is private too.
        let _ = std::fs::remove_file(&temporary);
    }
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyFileError::Exists(path.to_owned()));
        }
        Err(error) => return Err(io_error(error)),
    }
    File::open(&directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error)
}

/// The directory of `path`, and a fresh name in it.
fn temporary_beside(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let random = random_bytes::<8>().map_err(io::Error::other)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", hex::encode(random)));
    Ok((directory.to_owned(), directory.join(temporary)))
}

fn write_and_move(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    name_new(temporary, path)
}

/// What a private file is to hold: these bytes, or what a passphrase makes of them.
pub fn private_file_bytes(
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    Ok(match passphrase {
        Some(passphrase) => Zeroizing::new(protected::protect(bytes, passphrase)?.into_bytes()),
        None => Zeroizing::new(bytes.to_vec()),
    })
}

/// Whether a private file is under a passphrase.
pub fn is_protected_file(path: &Path) -> Result<bool, KeyFileError> {
    Ok(protected::is_protected(&read_plain(path)?))
}

/// Reads a private file; if it is under a passphrase, whom this process asks for one is asked. The bytes are wiped when dropped.
pub fn read_private_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    Ok(read_private_file_with(path)?.0)
}

/// The same, with the passphrase that opened it, if one did.
pub fn read_private_file_with(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<Passphrase>), KeyFileError> {
    opened(path, passphrase::asked)
}

fn opened(
    path: &Path,
    ask: impl Fn(&Path, u32) -> Result<Option<Passphrase>, KeyFileError>,
) -> Result<(Zeroizing<Vec<u8>>, Option<Passphrase>), KeyFileError> {
    let bytes = read_plain(path)?;
    if !protected::is_protected(&bytes) {
        return Ok((bytes, None));
    }
    for tried in 0..=limits::PASSPHRASE_TRIES_MAX {
        let Some(passphrase) = ask(path, tried)? else {
            return Err(match tried {
                0 => {
                    let why = "give it with --passphrase-file, at a terminal, or as the systemd credential wardline-passphrase";
                    KeyFileError::NoPassphrase(path.to_owned(), why.to_owned())
                }
                _ => KeyFileError::WrongPassphrase(path.to_owned()),
            });
        };
        match protected::open(&bytes, &passphrase) {
            Ok(opened) => return Ok((opened, Some(passphrase))),
            Err(protected::NotOpened::Passphrase) => {}
            Err(protected::NotOpened::Malformed) => {
                return Err(KeyFileError::UnknownProtection(path.to_owned()));
            }
        }
    }
    Err(KeyFileError::WrongPassphrase(path.to_owned()))
}

fn is_private(path: &Path, mode: u32) -> bool {
    let credentials = passphrase::credentials();
    mode & bits_refused(path, credentials.as_deref()) == 0
}

/// Reads a file that only its owner may read, as it stands there, whole and bounded.
pub(super) fn read_plain(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let io_error = |error| KeyFileError::Io(path.to_owned(), error);
    let file = File::open(path).map_err(io_error)?;
    // Asked of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if !is_private(path, mode) {
        return Err(KeyFileError::NotPrivate(path.to_owned(), mode));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limits::KEY_FILE_BYTES_MAX + 1));
    let bound = u64::try_from(limits::KEY_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(bound.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(io_error)?;
    if bytes.len() > limits::KEY_FILE_BYTES_MAX {
        return Err(KeyFileError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

/// Which permissions a secret file must not give. A systemd credential is root's, and its service's user reads it by an access
/// list, which the mode shows as the group's: that user has nobody else in it.
fn bits_refused(path: &Path, credentials: Option<&Path>) -> u32 {
    match credentials.is_some_and(|directory| directory.is_absolute() && path.parent() == Some(directory)) {
        true => 0o037,
        false => 0o077,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{self, Permissions};

    /// The group may read what systemd hands a service, and nothing else; nobody else may read anything.
    #[test]
    fn a_credential_may_be_read_by_an_access_list() {
        let credentials = Path::new("/run/credentials/wardline-relay.service");
        for (path, refused) in [
            ("/run/credentials/wardline-relay.service/log.pem", 0o037),
            ("/run/credentials/wardline-relay.service/../log.pem", 0o077),
            ("/run/credentials/wardline-relay.service/deeper/log.pem", 0o077),
            ("/var/lib/wardline/keys/log.pem", 0o077),
        ] {
            assert_eq!(
                bits_refused(Path::new(path), Some(credentials)),
                refused,
                "{path}"
            );
            assert_eq!(bits_refused(Path::new(path), None), 0o077, "{path}");
        }
        assert_eq!(bits_refused(Path::new("log.pem"), Some(Path::new(""))), 0o077);
    }

    /// The seed 00 01 … 1f as `openssl genpkey` would write it.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
                       -----END PRIVATE KEY-----\n";

    fn write(path: &Path, bytes: &[u8], mode: u32) {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// Golden bytes of the key file; it is private, alone in its directory, and reads back as the same key.
    #[test]
    fn a_key_is_written_privately_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("originate.pem");
        let key = SecretKey::from_seed(&std::array::from_fn(|i| u8::try_from(i).unwrap()));
        key.write_to(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), PEM);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(
            SecretKey::read_from(&path).unwrap().public_key(),
            key.public_key()
        );
    }

    /// A key is never written over another file, and the attempt leaves nothing behind.
    #[test]
    fn a_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.pem");
        fs::write(&path, b"precious").unwrap();
        let refused = SecretKey::from_seed(&[1; 32]).write_to(&path);
        assert!(matches!(refused, Err(KeyFileError::Exists(_))), "{refused:?}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// A file that others may read or write is refused, whatever is in it; a table of modes.
    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660, 0o620, 0o601, 0o644] {
            let path = directory.path().join(format!("{mode:o}"));
            write(&path, PEM.as_bytes(), mode);
            let refused = SecretKey::read_from(&path);
            assert!(
                matches!(&refused, Err(KeyFileError::NotPrivate(_, m)) if *m == mode),
                "{refused:?}"
            );
        }
        let path = directory.path().join("400");
        write(&path, PEM.as_bytes(), 0o400);
        assert!(SecretKey::read_from(&path).is_ok());
    }

    /// What is no Ed25519 key in PEM is refused, and the error does not repeat it; a table.
    #[test]
    fn a_malformed_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let table = [
            String::new(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".to_owned(),
            PEM.replace("PRIVATE", "PUBLIC"),
            PEM.replace("MC4C", "MC4D"),
            PEM.replace("HR4f", "HR4"),
            PEM.replace("HR4f", "HR4fAAAA"),
            format!("{PEM}{PEM}"),
            "\u{fffd}".to_owned(),
        ];
        for (row, text) in table.iter().enumerate() {
            let path = directory.path().join(row.to_string());
            write(&path, text.as_bytes(), 0o600);
            let refused = SecretKey::read_from(&path).unwrap_err();
            assert!(
                matches!(refused, KeyFileError::Malformed(_)),
                "row {row}: {refused:?}"
            );
            assert!(!refused.to_string().contains("BwYF"), "row {row}");
        }
    }

    /// A key under a passphrase is read with it and not otherwise, and nothing of the seed stands in the file: not as bytes, hex
    /// or base64 at any place of a line. A second passphrase is tried where whoever is asked has one.
    #[test]
    fn a_protected_key_is_read_with_its_passphrase() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("officer.pem");
        let seed: [u8; 32] = std::array::from_fn(|i| u8::try_from(0xa0 + i).unwrap());
        let key = SecretKey::from_seed(&seed);
        let phrase = |text: &str| Passphrase::new(text.to_owned()).unwrap();
        key.write_protected(&path, Some(&phrase("correct horse")))
            .unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(is_protected_file(&path).unwrap());
        let file = fs::read(&path).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with("--")).collect();
        let decoded = BASE64_STANDARD.decode(&body).unwrap();
        let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        for part in seed.chunks_exact(8) {
            // Base64 of them at each of the three places, without the letters that their neighbours have a part in.
            let inner = (0..3).map(|skip| BASE64_STANDARD.encode(part.get(skip..skip + 5).unwrap()));
            let mut shapes: Vec<Vec<u8>> = inner
                .map(|text| text.get(..6).unwrap().as_bytes().to_vec())
                .collect();
            shapes.extend([
                part.to_vec(),
                hex::encode(part).into_bytes(),
                hex::encode_upper(part).into_bytes(),
            ]);
            for shape in shapes {
                for bytes in [&file, &decoded, &body.clone().into_bytes()] {
                    assert!(!holds(bytes, &shape));
                }
            }
        }
        let read = |said: &'static [&'static str]| {
            opened(&path, move |_, tried| {
                Ok(said.get(usize::try_from(tried).unwrap()).map(|text| phrase(text)))
            })
        };
        for said in [&["correct horse"][..], &["wrong", "correct horse"]] {
            let (bytes, passphrase) = read(said).unwrap();
            assert_eq!(*bytes, key.to_pem().as_bytes());
            assert!(passphrase.unwrap().is(&phrase("correct horse")));
        }
        assert!(matches!(read(&[]), Err(KeyFileError::NoPassphrase(..))));
        assert!(matches!(read(&["wrong"]), Err(KeyFileError::WrongPassphrase(_))));
        let forever = opened(&path, |_, _| Ok(Some(phrase("wrong"))));
        assert!(matches!(forever, Err(KeyFileError::WrongPassphrase(_))));
    }

    /// A directory, a missing file and a huge one are refused, each with its own error.
    #[test]
    fn what_is_no_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            SecretKey::read_from(directory.path()),
            Err(KeyFileError::NotAFile(_))
        ));
        let path = directory.path().join("key");
        assert!(matches!(SecretKey::read_from(&path), Err(KeyFileError::Io(..))));
        write(&path, &vec![b'A'; limits::KEY_FILE_BYTES_MAX + 1], 0o600);
        assert!(matches!(
            SecretKey::read_from(&path),
            Err(KeyFileError::TooLong(_))
        ));
        let nowhere = directory.path().join("no/such/key");
        assert!(matches!(
            SecretKey::from_seed(&[1; 32]).write_to(&nowhere),
            Err(KeyFileError::Io(..))
        ));
    }
}
