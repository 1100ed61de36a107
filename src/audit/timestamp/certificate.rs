//! The certificate of a token's signer: how it is named, for what it is made, and what its key has signed.

use der::{AnyRef, Class, Decode as _, Tagged as _};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, aws_lc_rs as algorithms};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::InvalidToken;
use super::asn1::{self, IssuerAndSerial, SequenceBytes, SignerInfo};
use crate::domain::{is_direction_mark, is_unseen};
use crate::limits;

/// Signatures that are taken, of tokens and of certificates. RSA from 2048 bits on, and no SHA-1.
pub(super) static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::ED25519,
];

/// `SEQUENCE { id-kp-timeStamping }`: that, and nothing else (RFC 3161 §2.3).
const FOR_TIMESTAMPS_ONLY: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08,
];
/// id-ce-extKeyUsage.
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// A certificate, parsed; nothing of it is believed yet.
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, InvalidToken> {
        match X509Certificate::from_der(der) {
            Ok(([], parsed)) => Ok(Self { der, parsed }),
            Ok(_) | Err(_) => Err(InvalidToken::Malformed("certificate")),
        }
    }

    pub(super) fn der(&self) -> &'a [u8] {
        self.der
    }

    /// Whether a SignerIdentifier means this one.
    pub(super) fn is_named_by(&self, name: &AnyRef<'_>) -> Result<bool, InvalidToken> {
        let malformed = InvalidToken::Malformed("signer");
        if name.tag().class() == Class::ContextSpecific {
            let is_key_id = name.tag().number().0 == 0 && !name.tag().is_constructed();
            return if is_key_id {
                Ok(self.key_id() == Some(name.value()))
            } else {
                Err(malformed)
            };
        }
        let Ok(name) = name.decode_as::<IssuerAndSerial<'_>>() else {
            return Err(malformed);
        };
        let issuer = SequenceBytes::from_der(self.parsed.issuer().as_raw());
        let issuer = issuer.map_err(|_| InvalidToken::Malformed("certificate"))?;
        Ok(name.issuer == issuer && name.serial.as_bytes() == self.parsed.raw_serial())
    }

    fn key_id(&self) -> Option<&[u8]> {
        self.parsed
            .extensions()
            .iter()
            .find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                _ => None,
            })
    }

    /// Whether its key signed these bytes, as the signer says that it did.
    pub(super) fn verify(&self, signer: &SignerInfo<'_>, signed: &[u8]) -> Result<(), InvalidToken> {
        let der = CertificateDer::from(self.der);
        let key = EndEntityCert::try_from(&der).map_err(|_| InvalidToken::Malformed("certificate"))?;
        let mut known = false;
        for algorithm in candidates(signer)? {
            match key.verify_signature(algorithm, signed, signer.signature.as_bytes()) {
                Ok(()) => return Ok(()),
                // Made for keys of another kind or curve.
                Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {}
                Err(_) => known = true,
            }
        }
        Err(if known {
            InvalidToken::Signature
        } else {
            InvalidToken::Algorithm
        })
    }

    /// A certificate for timestamps, for nothing else, and so that nobody can overlook it.
    pub(super) fn check_usage(&self) -> Result<(), InvalidToken> {
        let mut usages = self.parsed.extensions().iter();
        let mut usages = usages
            .by_ref()
            .filter(|extension| extension.oid.to_id_string() == EXTENDED_KEY_USAGE);
        match (usages.next(), usages.next()) {
            (Some(usage), None) if usage.value == FOR_TIMESTAMPS_ONLY => {
                if !usage.critical {
                    return Err(InvalidToken::UsageNotCritical);
                }
            }
            (_, _) => return Err(InvalidToken::NotForTimestamps),
        }
        match self.parsed.key_usage() {
            Ok(None) => Ok(()),
            Ok(Some(usage)) if usage.value.digital_signature() || usage.value.non_repudiation() => Ok(()),
            Ok(Some(_)) | Err(_) => Err(InvalidToken::NotForSignatures),
        }
    }

    /// Its subject, fit to be shown: no control or invisible characters, and not longer than a line.
    pub(super) fn subject(&self) -> String {
        fit_to_show(&self.parsed.subject().to_string())
    }

    /// When it is valid: seconds since 1970, first and last.
    pub(super) fn validity(&self) -> (i64, i64) {
        let validity = self.parsed.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    }
}

/// The algorithms that a signer may mean: it names one for keys of several curves, and rsaEncryption leaves the digest to
/// the field beside it.
fn candidates(
    signer: &SignerInfo<'_>,
) -> Result<Vec<&'static dyn SignatureVerificationAlgorithm>, InvalidToken> {
    let named = &signer.signature_algorithm;
    let digest = signer.digest_algorithm.oid;
    if named.oid == asn1::RSA_ENCRYPTION {
        if !named.is_without_parameters() {
            return Err(InvalidToken::Algorithm);
        }
        return match digest {
            asn1::SHA_256 => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA256]),
            asn1::SHA_384 => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA384]),
            asn1::SHA_512 => Ok(vec![algorithms::RSA_PKCS1_2048_8192_SHA512]),
            _ => Err(InvalidToken::Algorithm),
        };
    }
    let content = named.content();
    let meant = ALGORITHMS
        .iter()
        .copied()
        .filter(|algorithm| algorithm.signature_alg_id().as_ref() == content);
    Ok(meant.collect())
}

/// What others named themselves, on one line of a terminal.
pub(super) fn fit_to_show(text: &str) -> String {
    let shown = |c: char| {
        if is_unseen(c) || is_direction_mark(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().take(limits::TSA_NAME_CHARS_MAX).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What shows nothing, or reorders what stands beside it, becomes a mark; a table.
    #[test]
    fn a_name_shows_what_it_is() {
        for c in [
            '\n',
            '\u{ad}',
            '\u{200f}',
            '\u{202e}',
            '\u{3164}',
            '\u{e000}',
            '\u{e0041}',
        ] {
            assert_eq!(fit_to_show(&format!("CN=a{c}b")), "CN=a\u{fffd}b", "{c:?}");
        }
        assert_eq!(fit_to_show("CN=Ä\u{200d}ф"), "CN=Ä\u{200d}ф");
    }
}
