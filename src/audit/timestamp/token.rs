//! One token, checked as far as that needs no root: CMS SignedData with one signer, whose certificate is in the token, made
//! for timestamps only and bound by a signed attribute; the digest, the signature, the imprint.
//!
//! What is not covered by the signature or fixed here word for word (revocation lists, unsigned attributes, certificates
//! that lead nowhere) is not read at all.

use aws_lc_rs::digest;
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use sha2::{Digest as _, Sha256};

use super::asn1::{self, Algorithm, Attribute, CertificateId, ContentInfo, SetBytes, SignerInfo, TstInfo};
use super::certificate::Certificate;
use super::roots::TsaRoots;
use super::{InvalidToken, Timestamped, gen_time};
use crate::domain::Hash;
use crate::limits;

/// A token over a known text that is signed by the key of the certificate that it brings. Whose certificate that is has not
/// been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedToken {
    bytes: Vec<u8>,
    signer: Vec<u8>,
    others: Vec<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    says: Timestamped,
}

impl SignedToken {
    /// Checks all of a token but whether its certificate leads to a root.
    pub fn read(token: &[u8], note_text: &str) -> Result<Self, InvalidToken> {
        if token.len() > limits::TSA_TOKEN_BYTES_MAX {
            return Err(InvalidToken::TooLong);
        }
        let outer = ContentInfo::from_der(token).map_err(|_| InvalidToken::Malformed("signed data"))?;
        let signed = outer.content;
        if outer.content_type != asn1::SIGNED_DATA || signed.content.content_type != asn1::TST_INFO {
            return Err(InvalidToken::NotATimestamp);
        }
        let [signer] = signed.signers.all(limits::TSA_SIGNERS_READ, "signers")?[..] else {
            return Err(InvalidToken::Signers);
        };
        let signer = SignerInfo::from_der(signer).map_err(|_| InvalidToken::Malformed("signer"))?;
        if signed.version != 3 || signer.version != version_of(&signer) {
            return Err(InvalidToken::Malformed("version"));
        }
        let declared = Algorithm::from_der(signed.digest_algorithms.only("digest algorithms")?)
            .map_err(|_| InvalidToken::Malformed("digest algorithms"))?;
        let hash = digest_of(&signer.digest_algorithm)?;
        if declared != signer.digest_algorithm {
            return Err(InvalidToken::Malformed("digest algorithms"));
        }

        let certificates = match signed.certificates {
            Some(set) => set.all(limits::TSA_CERTIFICATES_MAX, "certificates")?,
            None => Vec::new(),
        };
        let (at, certificate) = find_signer(&certificates, &signer)?;
        // What was signed is the attributes as a SET, which stand here under another tag.
        let attributes = signer.signed_attributes;
        let attributes_der = attributes
            .to_der()
            .map_err(|_| InvalidToken::Malformed("attributes"))?;
        certificate.verify(&signer, &attributes_der)?;

        let attributes = Attributes::read(attributes)?;
        attributes.check_content_type()?;
        let content = signed.content.content.as_bytes();
        if attributes.message_digest()? != digest::digest(hash, content).as_ref() {
            return Err(InvalidToken::MessageDigest);
        }
        attributes.check_signing_certificate(certificate.der())?;
        certificate.check_usage()?;

        let info = TstInfo::from_der(content).map_err(|_| InvalidToken::Malformed("TSTInfo"))?;
        check_info(&info, note_text)?;
        let (time, was_cut) = gen_time::parse(info.time.value())?;
        let others = certificates.iter().enumerate().filter(|(place, _)| *place != at);
        Ok(Self {
            bytes: token.to_vec(),
            signer: certificate.der().to_vec(),
            others: others.map(|(_, der)| der.to_vec()).collect(),
            nonce: info.nonce.map(|nonce| nonce.as_bytes().to_vec()),
            says: Timestamped {
                time,
                accuracy_ms: gen_time::accuracy_ms(info.accuracy.as_ref(), was_cut)?,
                authority: certificate.subject(),
                serial: hex::encode(info.serial.as_bytes()),
                policy: info.policy.to_string(),
                root: None,
            },
        })
    }

    /// What it says, whoever it is that says so.
    pub fn says(&self) -> &Timestamped {
        &self.says
    }

    /// The token as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// By whom it is signed: the SHA-256 of the signer's certificate. Names can be taken by anyone.
    pub fn signer(&self) -> Hash {
        Hash(Sha256::digest(&self.signer).into())
    }

    /// Its nonce, if it has one.
    pub(super) fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// What it says, by an authority of one of these roots whose certificates were valid at that time.
    pub fn anchored(self, roots: &TsaRoots) -> Result<Timestamped, InvalidToken> {
        let root = roots.of(&self.signer, &self.others, self.says.time)?;
        Ok(Timestamped {
            root: Some(root),
            ..self.says
        })
    }
}

/// 1 where the signer is named by issuer and number, 3 where by its key (RFC 5652 §5.3).
fn version_of(signer: &SignerInfo<'_>) -> u8 {
    if signer.certificate.tag() == Tag::Sequence {
        1
    } else {
        3
    }
}

/// The digest that an algorithm names. SHA-1 signs nothing that lasts.
fn digest_of(algorithm: &Algorithm<'_>) -> Result<&'static digest::Algorithm, InvalidToken> {
    if !algorithm.is_without_parameters() {
        return Err(InvalidToken::Algorithm);
    }
    match algorithm.oid {
        asn1::SHA_256 => Ok(&digest::SHA256),
        asn1::SHA_384 => Ok(&digest::SHA384),
        asn1::SHA_512 => Ok(&digest::SHA512),
        _ => Err(InvalidToken::Algorithm),
    }
}

/// The certificate that the signer names, and its place among them.
fn find_signer<'a>(
    certificates: &[&'a [u8]],
    signer: &SignerInfo<'_>,
) -> Result<(usize, Certificate<'a>), InvalidToken> {
    for (at, der) in certificates.iter().enumerate() {
        let certificate = Certificate::parse(der)?;
        if certificate.is_named_by(&signer.certificate)? {
            return Ok((at, certificate));
        }
    }
    Err(InvalidToken::CertificateMissing)
}

/// The signed attributes.
struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    fn read(set: SetBytes<'a>) -> Result<Self, InvalidToken> {
        let malformed = |_| InvalidToken::Malformed("attributes");
        let all = set.all(limits::TSA_ATTRIBUTES_MAX, "attributes")?;
        let all = all
            .into_iter()
            .map(|der| Attribute::from_der(der).map_err(malformed));
        Ok(Self(all.collect::<Result<_, _>>()?))
    }

    /// The one value of an attribute, if it is there; there twice is malformed.
    fn find(
        &self,
        oid: der::asn1::ObjectIdentifier,
        name: &'static str,
    ) -> Result<Option<&'a [u8]>, InvalidToken> {
        let mut found = self.0.iter().filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(attribute), None) => {
                let value = attribute.values.only(name);
                value.map(Some).map_err(|_| InvalidToken::Attribute(name))
            }
            (Some(_), Some(_)) => Err(InvalidToken::Attribute(name)),
        }
    }

    fn check_content_type(&self) -> Result<(), InvalidToken> {
        const NAME: &str = "content-type";
        let value = self.find(asn1::CONTENT_TYPE, NAME)?;
        let value = value.ok_or(InvalidToken::Attribute(NAME))?;
        let named =
            der::asn1::ObjectIdentifier::from_der(value).map_err(|_| InvalidToken::Attribute(NAME))?;
        if named == asn1::TST_INFO {
            Ok(())
        } else {
            Err(InvalidToken::ContentType)
        }
    }

    fn message_digest(&self) -> Result<&'a [u8], InvalidToken> {
        const NAME: &str = "message-digest";
        let value = self.find(asn1::MESSAGE_DIGEST, NAME)?;
        let value = value.ok_or(InvalidToken::Attribute(NAME))?;
        <&der::asn1::OctetStringRef>::from_der(value)
            .map(|digest| digest.as_bytes())
            .map_err(|_| InvalidToken::Attribute(NAME))
    }

    /// One of the two kinds must be there; what is there must name this certificate, first of what it names.
    fn check_signing_certificate(&self, certificate: &[u8]) -> Result<(), InvalidToken> {
        const NAME: &str = "signing-certificate";
        let v1 = self.find(asn1::SIGNING_CERTIFICATE, NAME)?;
        let v2 = self.find(asn1::SIGNING_CERTIFICATE_V2, NAME)?;
        if v1.is_none() && v2.is_none() {
            return Err(InvalidToken::Attribute(NAME));
        }
        for (value, is_v1) in [(v1, true), (v2, false)] {
            let Some(value) = value else { continue };
            let list =
                asn1::SigningCertificate::from_der(value).map_err(|_| InvalidToken::Attribute(NAME))?;
            let ids = list
                .certificates
                .all(limits::TSA_CERTIFICATES_MAX, NAME)
                .map_err(|_| InvalidToken::Attribute(NAME))?;
            let first = ids.first().ok_or(InvalidToken::Attribute(NAME))?;
            let id = CertificateId::from_der(first).map_err(|_| InvalidToken::Attribute(NAME))?;
            let hash = match (&id.hash_algorithm, is_v1) {
                // Only a second preimage would help an attacker, and the certificate is signed as well.
                (None, true) => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                (None, false) => &digest::SHA256,
                (Some(algorithm), false) => digest_of(algorithm)?,
                (Some(_), true) => return Err(InvalidToken::Attribute(NAME)),
            };
            if id.hash.as_bytes() != digest::digest(hash, certificate).as_ref() {
                return Err(InvalidToken::SigningCertificate);
            }
        }
        Ok(())
    }
}

/// What must hold of the content itself.
fn check_info(info: &TstInfo<'_>, note_text: &str) -> Result<(), InvalidToken> {
    if info.version != 1 || info.time.tag() != Tag::GeneralizedTime {
        return Err(InvalidToken::Malformed("TSTInfo"));
    }
    let imprint = &info.imprint;
    if imprint.algorithm.oid != asn1::SHA_256 || !imprint.algorithm.is_without_parameters() {
        return Err(InvalidToken::OtherImprint);
    }
    if imprint.hash.as_bytes() != digest::digest(&digest::SHA256, note_text.as_bytes()).as_ref() {
        return Err(InvalidToken::OtherImprint);
    }
    if let Some(extensions) = info.extensions {
        for der in extensions.all(limits::TSA_ATTRIBUTES_MAX, "extensions")? {
            let extension =
                asn1::Extension::from_der(der).map_err(|_| InvalidToken::Malformed("extensions"))?;
            if extension.critical == Some(true) {
                return Err(InvalidToken::CriticalExtension);
            }
        }
    }
    Ok(())
}
