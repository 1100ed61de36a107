//! Whatever bytes a peer signs, the walker and the parsers behind it answer with a value or a refusal; what is read is written and
//! read again as the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wardline::seal::PayloadKind;
use wardline::wire::{self, Recorded};

fuzz_target!(|data: &[u8]| {
    let Some((first, payload)) = data.split_first() else {
        return;
    };
    let kind = PayloadKind::ALL[usize::from(*first) % PayloadKind::ALL.len()];
    let signed = |payload: Bytes| wardline::seal::unsigned(kind, payload);
    let envelope = signed(Bytes::copy_from_slice(payload));
    macro_rules! there_and_back {
        ($read:expr, $write:expr) => {
            if let Ok(value) = $read(&envelope) {
                let again = signed($write(&value));
                assert_eq!($read(&again), Ok(value));
            }
        };
    }
    match kind {
        PayloadKind::Warning => {
            there_and_back!(|it| wire::warning(&Recorded(it)), wire::encode_warning);
        }
        PayloadKind::Acknowledgement => {
            there_and_back!(
                |it| wire::acknowledgement(&Recorded(it)),
                wire::encode_acknowledgement
            );
        }
        PayloadKind::KeyCertificate => there_and_back!(wire::key_certificate, wire::encode_key_certificate),
        PayloadKind::KeyRevocation => {
            there_and_back!(
                |it| wire::key_revocation(&Recorded(it)),
                wire::encode_key_revocation
            );
        }
        PayloadKind::RootSuccession => {
            there_and_back!(wire::root_succession_unverified, wire::encode_root_succession);
        }
        PayloadKind::Desks => there_and_back!(|it| wire::desks(&Recorded(it)), wire::encode_desks),
        PayloadKind::Mandate => there_and_back!(|it| wire::mandate(&Recorded(it)), wire::encode_mandate),
        PayloadKind::Hold => there_and_back!(|it| wire::hold(&Recorded(it)), wire::encode_hold),
        PayloadKind::OnwardTransfer => {
            there_and_back!(
                |it| wire::onward_transfer(&Recorded(it)),
                wire::encode_onward_transfer
            );
        }
        PayloadKind::ErasureAttestation => {
            there_and_back!(
                |it| wire::erasure_attestation(&Recorded(it)),
                wire::encode_erasure_attestation
            );
        }
        PayloadKind::StateEnrolment => {
            there_and_back!(
                |it| wire::state_enrolment(&Recorded(it)),
                wire::encode_state_enrolment
            );
        }
        PayloadKind::AgencyEnrolment => {
            there_and_back!(
                |it| wire::agency_enrolment(&Recorded(it)),
                wire::encode_agency_enrolment
            );
        }
        PayloadKind::Suspension => {
            there_and_back!(|it| wire::suspension(&Recorded(it)), wire::encode_suspension);
        }
        PayloadKind::Reinstatement => {
            there_and_back!(
                |it| wire::reinstatement(&Recorded(it)),
                wire::encode_reinstatement
            );
        }
    }
    let _ = wire::common(kind, payload);
    if let Ok(body) = wire::body(payload) {
        assert_eq!(wire::body(&wire::encode_body(&body)), Ok(body));
    }
    if let Ok(text) = wire::text(payload) {
        assert_eq!(wire::text(&wire::encode_text(&text)), Ok(text));
    }
});
