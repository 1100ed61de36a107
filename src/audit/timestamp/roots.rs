//! The roots of timestamp authorities that a verifier trusts: certificates in PEM files of its own, never out of a token
//! or a bundle. A path is checked as it was at the token's time, the root's own dates included.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};

use super::InvalidToken;
use super::certificate::{ALGORITHMS, Certificate};
use crate::files::{self, FileError};
use crate::limits;
use crate::time::Timestamp;

/// id-kp-timeStamping, the content of the object identifier.
const TIMESTAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// The verifier's roots; none is a choice too: then no token's authority can be checked.
#[derive(Debug, Clone, Default)]
pub struct TsaRoots(Vec<Root>);

#[derive(Debug, Clone)]
struct Root {
    anchor: TrustAnchor<'static>,
    subject: String,
    /// Seconds since 1970, first and last.
    valid: (i64, i64),
}

/// Why roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoots {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that was named is not there.
    #[error("{}: there is no such file", .0.display())]
    Missing(PathBuf),
    /// No certificate, or one that is not whole.
    #[error("{}: not certificates in PEM ({what})", .path.display())]
    Pem {
        /// Which file; empty for bytes.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

impl TsaRoots {
    /// The roots of one PEM text: at least one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        let mut roots = Self::default();
        roots.add(Path::new(""), pem)?;
        Ok(roots)
    }

    /// All `*.pem` of a directory; one that is not there has none.
    pub fn read(directory: &Path) -> Result<Self, InvalidRoots> {
        let names = files::names(directory)?;
        let files = names.into_iter().filter(|name| name.ends_with(".pem"));
        Self::read_files(files.map(|name| directory.join(name)))
    }

    /// The roots of these files, all of which must be there.
    pub fn read_files(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, InvalidRoots> {
        let mut roots = Self::default();
        for path in paths {
            match files::read(&path, limits::TSA_ROOT_FILE_BYTES_MAX)? {
                Some(pem) => roots.add(&path, &pem)?,
                None => return Err(InvalidRoots::Missing(path)),
            }
        }
        Ok(roots)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, path: &Path, pem: &[u8]) -> Result<(), InvalidRoots> {
        let fault = |what| InvalidRoots::Pem {
            path: path.to_owned(),
            what,
        };
        let before = self.0.len();
        for der in CertificateDer::pem_slice_iter(pem) {
            if self.0.len() == limits::TSA_ROOTS_MAX {
                return Err(fault("too many"));
            }
            let der = der.map_err(|_| fault("not PEM"))?;
            let root = Root::of(&der).ok_or_else(|| fault("not a certificate"))?;
            self.0.push(root);
        }
        if self.0.len() == before {
            Err(fault("none"))
        } else {
            Ok(())
        }
    }

    /// The subject of the root to which a signer's certificate led at `time`, over others of the token.
    pub(super) fn of(
        &self,
        signer: &[u8],
        others: &[Vec<u8>],
        time: Timestamp,
    ) -> Result<String, InvalidToken> {
        let signer = CertificateDer::from(signer);
        let signer = EndEntityCert::try_from(&signer).map_err(|_| InvalidToken::Malformed("certificate"))?;
        let others: Vec<CertificateDer<'_>> = others
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let anchors: Vec<TrustAnchor<'_>> = self.0.iter().map(|root| root.anchor.clone()).collect();
        // No certificate was valid before 1970.
        let seconds =
            u64::try_from(time.unix_ms().div_euclid(1_000)).map_err(|_| InvalidToken::NotValidThen(time))?;
        let then = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let is_valid_then = |path: &VerifiedPath<'_>| self.valid_root(path.anchor(), then).map(|_| ());
        let path = signer
            .verify_for_usage(
                ALGORITHMS,
                &anchors,
                &others,
                then,
                // The signer's own was checked to the letter; an issuer may be for any use, or for this one among others.
                KeyUsage::required_if_present(TIMESTAMPING),
                None,
                Some(&is_valid_then),
            )
            .map_err(|error| refusal(&error, time))?;
        let root = self
            .valid_root(path.anchor(), then)
            .map_err(|error| refusal(&error, time))?;
        Ok(root.subject.clone())
    }

    /// The root behind an anchor, valid at a time. There may be several with one name and key.
    fn valid_root(&self, anchor: &TrustAnchor<'_>, then: UnixTime) -> Result<&Root, Error> {
        let seconds = i64::try_from(then.as_secs()).unwrap_or(i64::MAX);
        let mut same = self.0.iter().filter(|root| root.anchor == *anchor);
        same.find(|root| root.valid.0 <= seconds && seconds <= root.valid.1)
            .ok_or(Error::CertExpired {
                time: then,
                not_after: then,
            })
    }
}

impl Root {
    fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let anchor = webpki::anchor_from_trusted_cert(der).ok()?.to_owned();
        let parsed = Certificate::parse(der).ok()?;
        Some(Self {
            anchor,
            subject: parsed.subject(),
            valid: parsed.validity(),
        })
    }
}

/// What a fault of the path means to whoever reads it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "webpki's enum, not ours: it grows, and whatever it says the path does not hold"
)]
fn refusal(error: &Error, time: Timestamp) -> InvalidToken {
    InvalidToken::Chain(match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => return InvalidToken::NotValidThen(time),
        // A root or issuer of the same name with another key is not the one meant.
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            return InvalidToken::UnknownAuthority;
        }
        Error::UnsupportedSignatureAlgorithmContext(_) => "one is signed with an algorithm that is not taken",
        Error::RequiredEkuNotFoundContext(_) => "an issuer is not for timestamps",
        Error::CaUsedAsEndEntity => "the signer is itself an issuer",
        Error::EndEntityUsedAsCa => "one is issued by what is no issuer",
        Error::PathLenConstraintViolated => "there are more issuers than one of them allows",
        Error::NameConstraintViolation => "an issuer may not issue for that name",
        Error::UnsupportedCriticalExtension => "one has a critical extension that is not known",
        _ => "one is malformed, or they are too many",
    })
}
