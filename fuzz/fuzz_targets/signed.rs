//! Whatever bytes a peer signs, the walker and the parsers behind it answer with a value or a refusal.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wardline::domain::SignedEnvelope;
use wardline::seal::PayloadKind;
use wardline::wire::{self, Recorded};

fuzz_target!(|data: &[u8]| {
    let Some((first, payload)) = data.split_first() else { return };
    let kind = PayloadKind::ALL[usize::from(*first) % PayloadKind::ALL.len()];
    let envelope = SignedEnvelope {
        payload: Bytes::copy_from_slice(payload),
        payload_type: kind.payload_type().to_owned(),
        signatures: Vec::new(),
    };
    let source = Recorded(&envelope);
    match kind {
        PayloadKind::Warning => drop(wire::warning(&source)),
        PayloadKind::Acknowledgement => drop(wire::acknowledgement(&source)),
        PayloadKind::KeyCertificate => drop(wire::key_certificate(&envelope)),
        PayloadKind::KeyRevocation => drop(wire::key_revocation(&source)),
        PayloadKind::RootSuccession => drop(wire::root_succession(&source)),
        PayloadKind::Desks => drop(wire::desks(&source)),
        PayloadKind::Mandate => drop(wire::mandate(&source)),
        PayloadKind::StateEnrolment => drop(wire::state_enrolment(&source)),
        PayloadKind::AgencyEnrolment => drop(wire::agency_enrolment(&source)),
        PayloadKind::Suspension => drop(wire::suspension(&source)),
        PayloadKind::Reinstatement => drop(wire::reinstatement(&source)),
    }
    drop((wire::common(kind, payload), wire::body(payload), wire::text(payload)));
});
