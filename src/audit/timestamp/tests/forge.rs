//! An authority that signs whatever a test tells it to: a root, an authority's certificate under it, and tokens that are
//! right but for what the plan changes. The DER is written here by hand, so that it shares nothing with what reads it.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// The text that tokens are over.
pub(super) const NOTE: &str = "log.example/exchange\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
/// The time of a forged token, unless the plan says another.
pub(super) const TIME: &str = "20260401120000Z";

const SHA_256: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
const SHA_384: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 2];
const SHA_512: &[u64] = &[2, 16, 840, 1, 101, 3, 4, 2, 3];
const SHA_1: &[u64] = &[1, 3, 14, 3, 2, 26];
const TST_INFO: &[u64] = &[1, 2, 840, 113549, 1, 9, 16, 1, 4];
const TIMESTAMPING: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 8];

/// With what the authority signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    P256,
    P384,
    Ed25519,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    /// `rsaEncryption`, with the digest in its own field.
    RsaPlain,
    RsaPss,
    /// SHA-1 in both places.
    RsaSha1,
}

/// The extended key usage of the authority's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Right,
    NotCritical,
    Missing,
    ServerAuth,
    AndServerAuth,
}

/// How the signed attributes name the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    V2,
    V2Named384,
    V1,
    Both,
    Missing,
    /// That of another certificate, by either.
    Other,
    OtherV1,
    BothButOther,
}

/// What a token is to be. The default is right in every way.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) scheme: Scheme,
    pub(super) note: &'static str,
    pub(super) time: &'static str,
    pub(super) nonce: Option<[u8; 8]>,
    pub(super) usage: Usage,
    pub(super) may_sign: bool,
    /// The authority's certificate is an issuer's.
    pub(super) is_issuer: bool,
    /// An issuer between root and authority, with this extended key usage, and whether it is in the token.
    pub(super) through: Option<(Usage, bool)>,
    pub(super) last_year: i32,
    pub(super) root_last_year: i32,
    pub(super) bound: Bound,
    /// The attribute message-digest is that of something else.
    pub(super) other_digest: bool,
    pub(super) content_type: &'static [u64],
    pub(super) attribute_twice: bool,
    pub(super) other_signature: bool,
    pub(super) signers: usize,
    pub(super) certificate_left_out: bool,
    pub(super) by_key_id: bool,
    pub(super) imprint_sha1: bool,
    pub(super) critical_extension: Option<bool>,
    /// Signed data over another kind of content.
    pub(super) outer_type: &'static [u64],
    pub(super) info_version: u8,
    pub(super) certificates_reversed: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            scheme: Scheme::P256,
            note: NOTE,
            time: TIME,
            nonce: Some([0x41; 8]),
            usage: Usage::Right,
            may_sign: true,
            is_issuer: false,
            through: None,
            last_year: 2075,
            root_last_year: 2076,
            bound: Bound::V2,
            other_digest: false,
            content_type: TST_INFO,
            attribute_twice: false,
            other_signature: false,
            signers: 1,
            certificate_left_out: false,
            by_key_id: false,
            imprint_sha1: false,
            critical_extension: None,
            outer_type: TST_INFO,
            info_version: 1,
            certificates_reversed: false,
        }
    }
}

/// A token and the root under which it was made.
pub(super) struct Forged {
    pub(super) token: Vec<u8>,
    pub(super) root_pem: String,
}

/// Makes a token. Every call has a root and keys of its own, and all roots have one name.
pub(super) fn forge(plan: &Plan) -> Forged {
    let root_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut root = params("root", plan.root_last_year);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let mut issuer = Issuer::new(root, root_key);
    let mut between = Vec::new();
    if let Some((usage, is_shown)) = plan.through {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = params("issuer", 2075);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.custom_extensions.extend(usage_extension(usage));
        let certificate = params.signed_by(&key, &issuer).unwrap();
        between.extend(is_shown.then(|| certificate.der().to_vec()));
        issuer = Issuer::new(params, key);
    }

    let key = KeyPair::generate_for(match plan.scheme {
        Scheme::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Scheme::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        Scheme::Ed25519 => &rcgen::PKCS_ED25519,
        Scheme::RsaSha256
        | Scheme::RsaSha384
        | Scheme::RsaSha512
        | Scheme::RsaPlain
        | Scheme::RsaPss
        | Scheme::RsaSha1 => &rcgen::PKCS_RSA_SHA256,
    })
    .unwrap();
    let mut authority = params("authority", plan.last_year);
    authority.use_authority_key_identifier_extension = true;
    authority.is_ca = match plan.is_issuer {
        true => IsCa::Ca(BasicConstraints::Unconstrained),
        false => IsCa::ExplicitNoCa,
    };
    authority.key_usages = vec![if plan.may_sign {
        KeyUsagePurpose::DigitalSignature
    } else {
        KeyUsagePurpose::KeyEncipherment
    }];
    authority.custom_extensions.extend(usage_extension(plan.usage));
    let certificate = authority.signed_by(&key, &issuer).unwrap();
    let der = certificate.der().to_vec();
    let mut other = params("other", 2075);
    other.is_ca = IsCa::ExplicitNoCa;
    other.serial_number = Some(vec![1, 2, 3].into());
    let other = other.signed_by(&key, &issuer).unwrap().der().to_vec();

    let info = info(plan);
    let attributes = attributes(plan, &info, &der, &other);
    let mut signed = sign(plan.scheme, &key.serialize_der(), &set(&attributes));
    if plan.other_signature {
        signed = sign(plan.scheme, &key.serialize_der(), b"something else");
    }
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    let named = if plan.by_key_id {
        let id = parsed
            .extensions()
            .iter()
            .find_map(|e| match e.parsed_extension() {
                x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
                _ => None,
            });
        tlv(0x80, id.unwrap())
    } else {
        let serial = tlv(2, parsed.raw_serial());
        seq(&[parsed.issuer().as_raw().to_vec(), serial])
    };
    let signer = seq(&[
        int(if plan.by_key_id { 3 } else { 1 }),
        named,
        digest_id(plan.scheme),
        tlv(0xa0, &attributes.concat()),
        signature_id(plan.scheme),
        tlv(4, &signed),
    ]);
    let mut certificates = vec![der.clone(), other];
    certificates.extend(between);
    if plan.certificate_left_out {
        certificates.remove(0);
    }
    if plan.certificates_reversed {
        certificates.reverse();
    }
    let data = seq(&[
        int(3),
        set(&[digest_id(plan.scheme)]),
        seq(&[oid(plan.outer_type), tlv(0xa0, &tlv(4, &info))]),
        tlv(0xa0, &certificates.concat()),
        set(&vec![signer; plan.signers]),
    ]);
    Forged {
        token: seq(&[oid(&[1, 2, 840, 113549, 1, 7, 2]), tlv(0xa0, &data)]),
        root_pem,
    }
}

/// An answer of an authority: a status, words, failure bits, a token.
pub(super) fn answer(
    status: u8,
    text: Option<&str>,
    failure: Option<&[u8]>,
    token: Option<&[u8]>,
) -> Vec<u8> {
    let mut info = vec![int(status)];
    info.extend(text.map(|text| seq(&[tlv(12, text.as_bytes())])));
    info.extend(failure.map(|bits| tlv(3, bits)));
    let mut parts = vec![seq(&info)];
    parts.extend(token.map(<[u8]>::to_vec));
    seq(&parts)
}

fn params(name: &str, last_year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    params
}

fn usage_extension(usage: Usage) -> Option<CustomExtension> {
    let server = oid(&[1, 3, 6, 1, 5, 5, 7, 3, 1]);
    let content = match usage {
        Usage::Missing => return None,
        Usage::Right | Usage::NotCritical => seq(&[oid(TIMESTAMPING)]),
        Usage::ServerAuth => seq(&[server]),
        Usage::AndServerAuth => seq(&[oid(TIMESTAMPING), server]),
    };
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], content);
    extension.set_criticality(usage != Usage::NotCritical);
    Some(extension)
}

fn info(plan: &Plan) -> Vec<u8> {
    let imprint = if plan.imprint_sha1 {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, plan.note.as_bytes());
        seq(&[algorithm(SHA_1), tlv(4, hash.as_ref())])
    } else {
        let hash = digest::digest(&digest::SHA256, plan.note.as_bytes());
        seq(&[algorithm(SHA_256), tlv(4, hash.as_ref())])
    };
    let mut parts = vec![
        int(plan.info_version),
        oid(&[1, 3, 6, 1, 4, 1, 99999, 3, 2]),
        imprint,
        tlv(2, &[0x00, 0xfe, 0xdc]),
        tlv(24, plan.time.as_bytes()),
        seq(&[int(2)]),
    ];
    parts.extend(plan.nonce.map(|nonce| tlv(2, &nonce)));
    parts.extend(plan.critical_extension.map(|critical| {
        let mut extension = vec![oid(&[1, 2, 3, 4])];
        extension.extend(critical.then(|| tlv(1, &[0xff])));
        extension.push(tlv(4, b""));
        tlv(0xa1, &seq(&extension))
    }));
    seq(&parts)
}

fn attributes(plan: &Plan, info: &[u8], certificate: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let hash = digest_of(plan.scheme);
    let signed: &[u8] = if plan.other_digest {
        b"something else"
    } else {
        info
    };
    let digest = tlv(4, digest::digest(hash, signed).as_ref());
    let mut all = vec![
        attribute(&[1, 2, 840, 113549, 1, 9, 3], oid(plan.content_type)),
        attribute(&[1, 2, 840, 113549, 1, 9, 4], digest.clone()),
    ];
    if plan.attribute_twice {
        all.push(attribute(&[1, 2, 840, 113549, 1, 9, 4], digest));
    }
    let hash = |hash, of: &[u8]| tlv(4, digest::digest(hash, of).as_ref());
    let v1 = |of: &[u8]| {
        let id = seq(&[hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, of)]);
        attribute(&[1, 2, 840, 113549, 1, 9, 16, 2, 12], seq(&[seq(&[id])]))
    };
    let v2 = |of: &[u8]| {
        let id = seq(&[hash(&digest::SHA256, of)]);
        attribute(&[1, 2, 840, 113549, 1, 9, 16, 2, 47], seq(&[seq(&[id])]))
    };
    all.extend(match plan.bound {
        Bound::Missing => vec![],
        Bound::V1 => vec![v1(certificate)],
        Bound::V2 => vec![v2(certificate)],
        Bound::V2Named384 => {
            let id = seq(&[algorithm(SHA_384), hash(&digest::SHA384, certificate)]);
            vec![attribute(
                &[1, 2, 840, 113549, 1, 9, 16, 2, 47],
                seq(&[seq(&[id])]),
            )]
        }
        Bound::Both => vec![v1(certificate), v2(certificate)],
        Bound::Other => vec![v2(other)],
        Bound::OtherV1 => vec![v1(other)],
        Bound::BothButOther => vec![v1(other), v2(certificate)],
    });
    all
}

fn attribute(name: &[u64], value: Vec<u8>) -> Vec<u8> {
    seq(&[oid(name), set(&[value])])
}

fn digest_of(scheme: Scheme) -> &'static digest::Algorithm {
    match scheme {
        Scheme::P256 | Scheme::RsaSha256 | Scheme::RsaPss => &digest::SHA256,
        Scheme::P384 | Scheme::RsaSha384 => &digest::SHA384,
        Scheme::Ed25519 | Scheme::RsaSha512 | Scheme::RsaPlain => &digest::SHA512,
        Scheme::RsaSha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
    }
}

fn digest_id(scheme: Scheme) -> Vec<u8> {
    algorithm(match scheme {
        Scheme::P256 | Scheme::RsaSha256 | Scheme::RsaPss => SHA_256,
        Scheme::P384 | Scheme::RsaSha384 => SHA_384,
        Scheme::Ed25519 | Scheme::RsaSha512 | Scheme::RsaPlain => SHA_512,
        Scheme::RsaSha1 => SHA_1,
    })
}

fn signature_id(scheme: Scheme) -> Vec<u8> {
    let rsa = |last| seq(&[oid(&[1, 2, 840, 113549, 1, 1, last]), tlv(5, &[])]);
    match scheme {
        Scheme::P256 => seq(&[oid(&[1, 2, 840, 10045, 4, 3, 2])]),
        Scheme::P384 => seq(&[oid(&[1, 2, 840, 10045, 4, 3, 3])]),
        Scheme::Ed25519 => seq(&[oid(&[1, 3, 101, 112])]),
        Scheme::RsaPlain => rsa(1),
        Scheme::RsaSha1 => rsa(5),
        Scheme::RsaSha256 => rsa(11),
        Scheme::RsaSha384 => rsa(12),
        Scheme::RsaSha512 => rsa(13),
        Scheme::RsaPss => {
            let hash = seq(&[oid(SHA_256), tlv(5, &[])]);
            let mask = seq(&[oid(&[1, 2, 840, 113549, 1, 1, 8]), hash.clone()]);
            let parameters = seq(&[tlv(0xa0, &hash), tlv(0xa1, &mask), tlv(0xa2, &int(32))]);
            seq(&[oid(&[1, 2, 840, 113549, 1, 1, 10]), parameters])
        }
    }
}

fn sign(scheme: Scheme, pkcs8: &[u8], message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |padding| {
        let key = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &random, message, &mut signature).unwrap();
        signature
    };
    let ecdsa = |algorithm| {
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).unwrap();
        key.sign(&random, message).unwrap().as_ref().to_vec()
    };
    match scheme {
        Scheme::P256 => ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        Scheme::P384 => ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        Scheme::Ed25519 => Ed25519KeyPair::from_pkcs8(pkcs8)
            .unwrap()
            .sign(message)
            .as_ref()
            .to_vec(),
        Scheme::RsaSha256 | Scheme::RsaSha1 => rsa(&signature::RSA_PKCS1_SHA256),
        Scheme::RsaSha384 => rsa(&signature::RSA_PKCS1_SHA384),
        Scheme::RsaSha512 | Scheme::RsaPlain => rsa(&signature::RSA_PKCS1_SHA512),
        Scheme::RsaPss => rsa(&signature::RSA_PSS_SHA256),
    }
}

fn algorithm(name: &[u64]) -> Vec<u8> {
    seq(&[oid(name)])
}

fn int(value: u8) -> Vec<u8> {
    tlv(2, &[value])
}

fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut content = Vec::new();
    let first = arcs[0] * 40 + arcs[1];
    for &arc in [first].iter().chain(&arcs[2..]) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        content.extend(groups.iter().rev());
    }
    tlv(6, &content)
}

/// One value: tag, length, content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        length => {
            let bytes: Vec<u8> = length
                .to_be_bytes()
                .into_iter()
                .skip_while(|byte| *byte == 0)
                .collect();
            out.push(0x80 | bytes.len() as u8);
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}
