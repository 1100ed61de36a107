//! The first operators' keys, out of the request files that the configuration names. A request of an operator's
//! signing key is signed by that key; one of a TLS key by the operator's signing key.

use std::path::Path;

use crate::cli::Fault;
use crate::domain::{KeyCertificate, KeyRole, OperatorName, Principal, SignedEnvelope};
use crate::limits;
use crate::seal::{PayloadKind, envelope_from_json};
use crate::server::RelaySettings;
use crate::wire;

/// All certificates: of each operator the signing keys, then the TLS keys. The signatures are checked by the rules of
/// the genesis.
pub(in crate::cli) fn read(settings: &RelaySettings) -> Result<Vec<SignedEnvelope>, Fault> {
    if settings.operators.is_empty() {
        let advice = "Make an operator's keys with `wardline keys new --operator NAME`, and name the request files under [operators].";
        return Err(Fault::usage("the configuration names no operator").advising(advice));
    }
    let mut certificates = Vec::new();
    for (name, files) in &settings.operators {
        let mut signing = Vec::new();
        let mut tls = Vec::new();
        for file in files {
            let (certificate, envelope) = read_one(file)?;
            if certificate.principal != Principal::Operator(name.clone()) {
                let whose = &certificate.principal;
                return Err(wrong(
                    file,
                    &format!("it is a key of {whose}, not of operator:{name}"),
                ));
            }
            match certificate.role {
                KeyRole::Operator => signing.push(envelope),
                KeyRole::Tls => tls.push(envelope),
                role @ (KeyRole::Root
                | KeyRole::Originate
                | KeyRole::Receive
                | KeyRole::Officer
                | KeyRole::Seal
                | KeyRole::TlsCa) => return Err(wrong(file, &format!("an operator has no {role} key"))),
            }
        }
        both(name, &signing, &tls)?;
        certificates.append(&mut signing);
        certificates.append(&mut tls);
    }
    Ok(certificates)
}

/// Without a signing key an operator could do nothing, without a TLS key never connect.
fn both(name: &OperatorName, signing: &[SignedEnvelope], tls: &[SignedEnvelope]) -> Result<(), Fault> {
    let missing = match (signing.is_empty(), tls.is_empty()) {
        (true, _) => "operator",
        (false, true) => "tls",
        (false, false) => return Ok(()),
    };
    Err(Fault::usage(format!(
        "operator {name} has no request of a key in the role {missing}"
    )))
}

fn read_one(file: &Path) -> Result<(KeyCertificate, SignedEnvelope), Fault> {
    let length = std::fs::metadata(file)
        .map_err(|error| wrong(file, &error.to_string()))?
        .len();
    // Base64 of a payload, and its signatures.
    if length > 2 * limits::PAYLOAD_BYTES_MAX as u64 {
        return Err(wrong(file, "it is too large for a key request"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(file, &error.to_string()))?;
    let envelope = envelope_from_json(&text).map_err(|error| wrong(file, &error.to_string()))?;
    if envelope.payload_type != PayloadKind::KeyCertificate.payload_type() {
        return Err(wrong(file, "it is no key request"));
    }
    let certificate =
        wire::key_certificate(&envelope).map_err(|refused| wrong(file, &refused.to_string()))?;
    Ok((certificate, envelope))
}

fn wrong(file: &Path, why: &str) -> Fault {
    Fault::usage(format!("{}: {why}", file.display()))
}
