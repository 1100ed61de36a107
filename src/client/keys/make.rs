//! Making keys: each in a private file of its own, with its request. Whatever is there already is left as it is, and
//! nothing is made beside it, nor beside the public half of a key that is in a token.

use std::path::{Path, PathBuf};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{KeyRequest, KeysError};
use crate::client::ProfileDir;
use crate::domain::{
    AgencyId, Common, EnvelopeSignature, KeyCertificate, KeyRole, OperatorName, Origin, PayloadId, Principal,
    SignedBy, SignedEnvelope, Signer, StateId,
};
use crate::files;
use crate::seal::{
    Passphrase, PayloadKind, SealSecretKey, SealSuite, SecretKey, envelope_to_json, random_bytes, unsigned,
    write_private_file,
};
use crate::time::Timestamp;
use crate::tls::TlsIdentity;
use crate::wire;

/// The keys of an auditor: its officers place holds.
pub const AUDITOR_ROLES: [KeyRole; 2] = [KeyRole::Officer, KeyRole::Tls];
/// The keys of an agency.
pub const AGENCY_ROLES: [KeyRole; 5] = [
    KeyRole::Originate,
    KeyRole::Receive,
    KeyRole::Officer,
    KeyRole::Seal,
    KeyRole::Tls,
];
/// The keys of an operator.
pub const OPERATOR_ROLES: [KeyRole; 2] = [KeyRole::Operator, KeyRole::Tls];

/// How an agency's keys are made.
#[derive(Debug, Clone, Copy)]
pub struct KeyForm<'a> {
    /// What their files are under, if under anything.
    pub passphrase: Option<&'a Passphrase>,
    /// The suite of the key that bodies are sealed to. Answers are sealed as the sender's own key is: with X-Wing each header
    /// of the agency is 1.2 kB longer.
    pub seal_suite: SealSuite,
}

impl Default for KeyForm<'_> {
    fn default() -> Self {
        Self {
            passphrase: None,
            seal_suite: SealSuite::PREFERRED,
        }
    }
}

/// Makes a state's root and its certificate by itself, for the log of `origin`.
pub fn make_root(
    directory: &Path,
    state: &StateId,
    origin: &Origin,
    now: Timestamp,
) -> Result<KeyRequest, KeysError> {
    make_root_under(directory, state, origin, now, None)
}

/// The same with the key under a passphrase, if there is one.
pub fn make_root_under(
    directory: &Path,
    state: &StateId,
    origin: &Origin,
    now: Timestamp,
    passphrase: Option<&Passphrase>,
) -> Result<KeyRequest, KeysError> {
    let (key_file, certificate_file) = (directory.join("root.pem"), directory.join("root.cert.json"));
    nothing_there(&[&key_file, &certificate_file])?;
    files::create_directory(directory)?;
    let principal = Principal::Root(state.clone());
    let key = new_secret(&key_file, passphrase)?;
    let common = common(origin, now, &principal, KeyRole::Root)?;
    let unsigned = request(
        common,
        principal,
        KeyRole::Root,
        key.public_key().as_bytes().to_vec(),
    );
    write_request(sign(unsigned, &key), &certificate_file)
}

/// Makes keys of an agency or auditor in its profile, with requests to the root of its state.
pub fn make_agency_keys(
    profile: &ProfileDir,
    agency: &AgencyId,
    roles: &[KeyRole],
    origin: &Origin,
    now: Timestamp,
) -> Result<Vec<KeyRequest>, KeysError> {
    make_agency_keys_under(profile, agency, roles, origin, now, KeyForm::default())
}

/// The same, under a passphrase or with a seal key of another suite.
pub fn make_agency_keys_under(
    profile: &ProfileDir,
    agency: &AgencyId,
    roles: &[KeyRole],
    origin: &Origin,
    now: Timestamp,
    form: KeyForm<'_>,
) -> Result<Vec<KeyRequest>, KeysError> {
    let certifier = (Principal::Root(agency.state()), KeyRole::Root);
    make_keys(
        profile,
        &Principal::Agency(agency.clone()),
        roles,
        &certifier,
        origin,
        now,
        form,
    )
}

/// Makes an operator's keys in its profile. They are certified by the operator's own signing key, as a genesis takes
/// them, or name `certifier`, an operator that is enrolled and must add its signature.
pub fn make_operator_keys(
    profile: &ProfileDir,
    name: &OperatorName,
    certifier: Option<&OperatorName>,
    origin: &Origin,
    now: Timestamp,
) -> Result<Vec<KeyRequest>, KeysError> {
    make_operator_keys_under(profile, name, certifier, &OPERATOR_ROLES, origin, now, None)
}

/// The same of some roles, with the keys under a passphrase, if there is one.
pub fn make_operator_keys_under(
    profile: &ProfileDir,
    name: &OperatorName,
    certifier: Option<&OperatorName>,
    roles: &[KeyRole],
    origin: &Origin,
    now: Timestamp,
    passphrase: Option<&Passphrase>,
) -> Result<Vec<KeyRequest>, KeysError> {
    let principal = Principal::Operator(name.clone());
    let certifier = (
        Principal::Operator(certifier.unwrap_or(name).clone()),
        KeyRole::Operator,
    );
    let form = KeyForm {
        passphrase,
        ..KeyForm::default()
    };
    make_keys(profile, &principal, roles, &certifier, origin, now, form)
}

fn make_keys(
    profile: &ProfileDir,
    principal: &Principal,
    roles: &[KeyRole],
    certifier: &(Principal, KeyRole),
    origin: &Origin,
    now: Timestamp,
    form: KeyForm<'_>,
) -> Result<Vec<KeyRequest>, KeysError> {
    let passphrase = form.passphrase;
    let requests = profile.path().join("requests");
    let request_file = |role: KeyRole| requests.join(format!("{role}.json"));
    let mut new: Vec<PathBuf> = Vec::new();
    for role in roles {
        new.extend([profile.secret_key(*role), request_file(*role)]);
        if role.signs() {
            new.push(profile.public_key(*role));
        }
    }
    if roles.contains(&KeyRole::Tls) {
        new.push(profile.tls_certificate());
    }
    nothing_there(&new)?;
    files::create_directory(&profile.keys())?;
    files::create_directory(&requests)?;
    let mut made = Vec::with_capacity(roles.len());
    let mut operator_key = None;
    for role in roles {
        let common = common(origin, now, &certifier.0, certifier.1)?;
        let envelope = match role {
            KeyRole::Tls => {
                let name = principal.to_string();
                let (certificate, key) = (profile.tls_certificate(), profile.secret_key(*role));
                let identity = TlsIdentity::create_protected(&certificate, &key, &name, passphrase)?;
                let unsigned = request(common, principal.clone(), *role, public_key_of(&identity)?);
                match &operator_key {
                    Some(key) if certifier.0 == *principal => sign(unsigned, key),
                    _ => unsigned,
                }
            }
            KeyRole::Originate | KeyRole::Receive | KeyRole::Officer | KeyRole::Operator => {
                let key = new_secret(&profile.secret_key(*role), passphrase)?;
                let public_key = key.public_key().as_bytes().to_vec();
                let envelope = sign(request(common, principal.clone(), *role, public_key), &key);
                if *role == KeyRole::Operator {
                    operator_key = Some(key);
                }
                envelope
            }
            // It signs nothing, its own request neither. In this file also where a token signs: tokens open nothing by HPKE.
            KeyRole::Seal => {
                let key = SealSecretKey::generate(form.seal_suite)?;
                key.write_protected(&profile.secret_key(*role), passphrase)?;
                let public_key = key.public_key().as_bytes().to_vec();
                request(common, principal.clone(), *role, public_key)
            }
            KeyRole::Root | KeyRole::TlsCa => {
                return Err(KeysError::wrong(
                    profile.path(),
                    format!("no {role} key is made here"),
                ));
            }
        };
        made.push(write_request(envelope, &request_file(*role))?);
    }
    Ok(made)
}

/// What a certificate begins with: its certifier, who has seen nothing of the log.
pub(super) fn common(
    origin: &Origin,
    now: Timestamp,
    certifier: &Principal,
    role: KeyRole,
) -> Result<Common, KeysError> {
    let unix_ms = u64::try_from(now.unix_ms()).unwrap_or_default();
    Ok(Common {
        origin: origin.clone(),
        id: PayloadId::from_parts(unix_ms, random_bytes()?),
        sent: now,
        signer: SignedBy::Named(Signer {
            principal: certifier.clone(),
            role,
            desk: None,
            office: String::new(),
            seen: None,
        }),
    })
}

fn request(common: Common, principal: Principal, role: KeyRole, public_key: Vec<u8>) -> SignedEnvelope {
    let certificate = KeyCertificate {
        common,
        principal,
        role,
        public_key,
        label: String::new(),
        extensions: Vec::new(),
    };
    unsigned(
        PayloadKind::KeyCertificate,
        wire::encode_key_certificate(&certificate),
    )
}

fn sign(mut envelope: SignedEnvelope, key: &SecretKey) -> SignedEnvelope {
    envelope.signatures.push(EnvelopeSignature {
        keyid: key.public_key().keyid(),
        sig: key.sign(&envelope.pae()),
    });
    envelope
}

fn new_secret(file: &Path, passphrase: Option<&Passphrase>) -> Result<SecretKey, KeysError> {
    let key = SecretKey::generate()?;
    key.write_protected(file, passphrase)?;
    Ok(key)
}

/// The DER SubjectPublicKeyInfo: what a TLS tool prints the pin of.
fn public_key_of(identity: &TlsIdentity) -> Result<Vec<u8>, KeysError> {
    match X509Certificate::from_der(identity.certificate()) {
        Ok((_, certificate)) => Ok(certificate.tbs_certificate.subject_pki.raw.to_vec()),
        Err(error) => Err(KeysError::wrong(Path::new("tls.crt"), error.to_string())),
    }
}

/// Requests hold no secret, but nobody else needs to write them either.
pub(in crate::client) fn write_request(
    envelope: SignedEnvelope,
    file: &Path,
) -> Result<KeyRequest, KeysError> {
    let request = KeyRequest::of(envelope, file)?;
    write_private_file(file, envelope_to_json(&request.envelope).as_bytes())?;
    Ok(request)
}

pub(super) fn nothing_there(paths: &[impl AsRef<Path>]) -> Result<(), KeysError> {
    match paths.iter().find(|path| path.as_ref().exists()) {
        Some(path) => Err(KeysError::Exists(path.as_ref().to_owned())),
        None => Ok(()),
    }
}
