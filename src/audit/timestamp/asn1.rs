//! The DER structures of a timestamp, as far as they are read: CMS SignedData (RFC 5652), TSTInfo and its request and
//! answer (RFC 3161), the signing-certificate attributes (RFC 5035). They borrow, hold no set of unbounded length in
//! pieces, and nest exactly as deep as they are written here; whatever is not DER is refused by the decoder.

use der::asn1::{BitStringRef, IntRef, ObjectIdentifier, OctetStringRef};
use der::{
    AnyRef, DecodeValue, Encode as _, EncodeValue, FixedTag, Header, Length, Reader, Sequence, SliceReader,
    Tag, Writer,
};

use super::InvalidToken;

/// id-signedData.
pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// id-ct-TSTInfo.
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// The attribute content-type.
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// The attribute message-digest.
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// The attribute signing-certificate, which is by SHA-1.
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// The attribute signing-certificate-v2.
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// SHA-256.
pub(super) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// SHA-384.
pub(super) const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
/// SHA-512.
pub(super) const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// rsaEncryption, which names no digest.
pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The content of a SET OF or SEQUENCE OF, as it came: the order of a set's elements is kept, because authorities do not
/// all sort them, and a signature is over the bytes that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elements<'a, const IS_SET: bool>(&'a [u8]);

/// Of a SET OF.
pub(super) type SetBytes<'a> = Elements<'a, true>;
/// Of a SEQUENCE OF.
pub(super) type SequenceBytes<'a> = Elements<'a, false>;

impl<'a, const IS_SET: bool> Elements<'a, IS_SET> {
    /// Each whole, at most `max` of them.
    pub(super) fn all(self, max: usize, what: &'static str) -> Result<Vec<&'a [u8]>, InvalidToken> {
        let malformed = |_| InvalidToken::Malformed(what);
        let mut reader = SliceReader::new(self.0).map_err(malformed)?;
        let mut found = Vec::new();
        while !reader.is_finished() {
            if found.len() == max {
                return Err(InvalidToken::Malformed(what));
            }
            found.push(reader.tlv_bytes().map_err(malformed)?);
        }
        Ok(found)
    }

    /// The one element.
    pub(super) fn only(self, what: &'static str) -> Result<&'a [u8], InvalidToken> {
        match self.all(1, what)?.first() {
            Some(one) => Ok(one),
            None => Err(InvalidToken::Malformed(what)),
        }
    }
}

impl<const IS_SET: bool> FixedTag for Elements<'_, IS_SET> {
    const TAG: Tag = if IS_SET { Tag::Set } else { Tag::Sequence };
}

impl<'a, const IS_SET: bool> DecodeValue<'a> for Elements<'a, IS_SET> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Ok(Self(reader.read_slice(header.length())?))
    }
}

impl<const IS_SET: bool> EncodeValue for Elements<'_, IS_SET> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// AlgorithmIdentifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(super) struct Algorithm<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) parameters: Option<AnyRef<'a>>,
}

impl Algorithm<'_> {
    /// Whether there are none, or the NULL that stands for none.
    pub(super) fn is_without_parameters(&self) -> bool {
        self.parameters.is_none_or(AnyRef::is_null)
    }

    /// What stands in the sequence, as webpki names algorithms.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        match self.encode_value(&mut content) {
            Ok(()) => content,
            // It names no algorithm then.
            Err(_) => Vec::new(),
        }
    }
}

/// ContentInfo around SignedData.
#[derive(Debug, Sequence)]
pub(super) struct ContentInfo<'a> {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: SignedData<'a>,
}

/// SignedData.
#[derive(Debug, Sequence)]
pub(super) struct SignedData<'a> {
    pub(super) version: u8,
    pub(super) digest_algorithms: SetBytes<'a>,
    pub(super) content: EncapsulatedContent<'a>,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) certificates: Option<SetBytes<'a>>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) crls: Option<SetBytes<'a>>,
    pub(super) signers: SetBytes<'a>,
}

/// EncapsulatedContentInfo.
#[derive(Debug, Sequence)]
pub(super) struct EncapsulatedContent<'a> {
    pub(super) content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(super) content: &'a OctetStringRef,
}

/// SignerInfo.
#[derive(Debug, Sequence)]
pub(super) struct SignerInfo<'a> {
    pub(super) version: u8,
    /// A choice: see [`IssuerAndSerial`], or the subject's key identifier under [0].
    pub(super) certificate: AnyRef<'a>,
    pub(super) digest_algorithm: Algorithm<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true")]
    pub(super) signed_attributes: SetBytes<'a>,
    pub(super) signature_algorithm: Algorithm<'a>,
    pub(super) signature: &'a OctetStringRef,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) unsigned_attributes: Option<SetBytes<'a>>,
}

/// IssuerAndSerialNumber.
#[derive(Debug, Sequence)]
pub(super) struct IssuerAndSerial<'a> {
    pub(super) issuer: SequenceBytes<'a>,
    pub(super) serial: IntRef<'a>,
}

/// Attribute.
#[derive(Debug, Sequence)]
pub(super) struct Attribute<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) values: SetBytes<'a>,
}

/// SigningCertificate and SigningCertificateV2.
#[derive(Debug, Sequence)]
pub(super) struct SigningCertificate<'a> {
    pub(super) certificates: SequenceBytes<'a>,
    pub(super) policies: Option<SequenceBytes<'a>>,
}

/// ESSCertID and ESSCertIDv2. The first has no algorithm: SHA-1. In the second none means SHA-256.
#[derive(Debug, Sequence)]
pub(super) struct CertificateId<'a> {
    pub(super) hash_algorithm: Option<Algorithm<'a>>,
    pub(super) hash: &'a OctetStringRef,
    pub(super) issuer_and_serial: Option<SequenceBytes<'a>>,
}

/// MessageImprint.
#[derive(Debug, Sequence)]
pub(super) struct Imprint<'a> {
    pub(super) algorithm: Algorithm<'a>,
    pub(super) hash: &'a OctetStringRef,
}

/// TSTInfo.
#[derive(Debug, Sequence)]
pub(super) struct TstInfo<'a> {
    pub(super) version: u8,
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint: Imprint<'a>,
    pub(super) serial: IntRef<'a>,
    /// GeneralizedTime with a fraction of a second, which the decoder's own type refuses.
    pub(super) time: AnyRef<'a>,
    pub(super) accuracy: Option<Accuracy>,
    pub(super) ordering: Option<bool>,
    pub(super) nonce: Option<IntRef<'a>>,
    /// The authority's name for itself, under an explicit [0]: who it is says its certificate.
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) authority: Option<SetBytes<'a>>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub(super) extensions: Option<SetBytes<'a>>,
}

/// Accuracy.
#[derive(Debug, Sequence)]
pub(super) struct Accuracy {
    pub(super) seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) micros: Option<u16>,
}

/// Extension.
#[derive(Debug, Sequence)]
pub(super) struct Extension<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) critical: Option<bool>,
    pub(super) value: &'a OctetStringRef,
}

/// TimeStampReq, as we write it: no policy, no extensions.
#[derive(Debug, Sequence)]
pub(super) struct Query<'a> {
    pub(super) version: u8,
    pub(super) imprint: Imprint<'a>,
    pub(super) nonce: IntRef<'a>,
    pub(super) certificate_wanted: bool,
}

/// TimeStampResp.
#[derive(Debug, Sequence)]
pub(super) struct Answer<'a> {
    pub(super) status: Status<'a>,
    pub(super) token: Option<AnyRef<'a>>,
}

/// PKIStatusInfo.
#[derive(Debug, Sequence)]
pub(super) struct Status<'a> {
    pub(super) status: u8,
    pub(super) text: Option<SequenceBytes<'a>>,
    pub(super) failure: Option<BitStringRef<'a>>,
}

/// The whole of one value, as it came: it was read as DER, so that writing it gives the same bytes.
pub(super) fn bytes_of(value: &AnyRef<'_>) -> Option<Vec<u8>> {
    value.to_der().ok()
}
