//! Protobuf: the generated code, the conversions between it and the domain, and the strict walker over signed
//! payloads. The one place that parses protobuf.

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

/// The compiled descriptors, for reflection and for the walker.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wardline_descriptor.bin"));
