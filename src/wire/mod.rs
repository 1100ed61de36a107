//! Protobuf: the generated code, the conversions between it and the domain, and the strict walker over signed
//! payloads. The one place that parses protobuf.
//!
//! What is signed, and what the log stores, is read by the walker alone, and what is signed only out of something that may be
//! parsed ([`Parsable`]); the generated code reads requests and answers, and writes. What is stored in the log is read leniently
//! where a later version may have written, for its hash holds in any case. What a peer sends always gives a value or a [`Refused`](crate::error::Refused), never a panic.

mod convert_envelope;
mod convert_proof;
mod convert_refusal;
mod convert_submission;
mod encode;
mod encode_record;
mod fields;
mod parse_attestation;
mod parse_body;
mod parse_common;
mod parse_directory;
mod parse_onward;
mod parse_warning;
mod payload;
mod raw;
mod reader;
mod record;
mod schema;
mod text_rules;
mod walker;

pub use convert_proof::{checkpoint, proof_hashes, proven, with_checkpoint};
pub use convert_refusal::{ToldRefusal, plain, refusal};
pub use convert_submission::{optional_as, optional_digest, optional_name, required_as};
pub use encode::{
    encode_acknowledgement, encode_agency_enrolment, encode_body, encode_desks, encode_erasure_attestation,
    encode_hold, encode_key_certificate, encode_key_revocation, encode_mandate, encode_onward_transfer,
    encode_reinstatement, encode_root_succession, encode_state_enrolment, encode_suspension, encode_text,
    encode_warning,
};
pub use encode_record::encode_record;
pub use parse_attestation::erasure_attestation;
pub use parse_body::{body, text};
pub use parse_common::common;
pub use parse_directory::{
    agency_enrolment, desks, hold, key_certificate, key_revocation, mandate, reinstatement, root_succession,
    root_succession_unverified, state_enrolment, suspension,
};
pub use parse_onward::onward_transfer;
pub use parse_warning::{acknowledgement, warning};
pub use payload::{Parsable, Recorded};
pub use record::{BadRecord, record, record_of};

/// The generated messages and services of `proto/wardline/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used
)]
pub mod v1 {
    tonic::include_proto!("wardline.v1");
}

/// The fields of every message.
#[allow(
    dead_code,
    reason = "of requests and answers too, which are read by the generated code"
)]
mod at {
    use super::reader::At;
    include!(concat!(env!("OUT_DIR"), "/wardline_fields.rs"));
}

/// The compiled descriptors, for reflection and for the walker.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wardline_descriptor.bin"));

#[cfg(test)]
pub(crate) mod tests;
