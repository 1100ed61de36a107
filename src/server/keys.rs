//! Which settings a relay has: their names, kinds, defaults, and what they mean to whoever reads the example or asks for
//! an explanation.

use crate::config::{Key, Kind};

const fn key(name: &'static str, kind: Kind, default: Option<&'static str>, help: &'static str) -> Key {
    Key {
        name,
        kind,
        default,
        help,
    }
}

/// Every setting of a relay.
pub const KEYS: &[Key] = &[
    key(
        "origin",
        Kind::Text,
        None,
        "the log's name, for ever: a host and path of yours",
    ),
    key("data_dir", Kind::Path, None, "where the journal is"),
    key(
        "listen",
        Kind::Text,
        Some("127.0.0.1:8443"),
        "where agencies connect; port 0: any",
    ),
    key(
        "http_listen",
        Kind::Text,
        None,
        "metrics and health, for your own network; absent: none",
    ),
    key(
        "public_listen",
        Kind::Text,
        None,
        "the log's checkpoint and tiles (C2SP tlog-tiles), for everybody; absent: none",
    ),
    key(
        "witness_policy",
        Kind::Path,
        None,
        "who cosigns the checkpoints, and how many are enough (C2SP tlog-policy, with URLs); absent: nobody is asked",
    ),
    key(
        "followers",
        Kind::Texts,
        None,
        "URLs of others' copies of the newest checkpoint, asked at each start; absent: none",
    ),
    key(
        "log_key_file",
        Kind::Path,
        None,
        "the log's secret key; absent: DATA_DIR/keys/log.pem. With log_signer: its public key, 64 hex digits; absent: DATA_DIR/keys/log.pub",
    ),
    key(
        "log_signer",
        Kind::Text,
        None,
        "\"exec:CMD\", a program that holds the log's key and signs each checkpoint; absent: the key is in log_key_file",
    ),
    key(
        "tls.key_file",
        Kind::Path,
        None,
        "the relay's TLS key; absent: DATA_DIR/keys/tls.pem",
    ),
    key(
        "tls.certificate_file",
        Kind::Path,
        None,
        "its certificate; absent: DATA_DIR/keys/tls-cert.pem",
    ),
    key(
        "retention.keys",
        Kind::Path,
        None,
        "the keys that bodies and texts are encrypted under on disk, in a file that no backup holds; absent: DATA_DIR/keys/buckets",
    ),
    key(
        "retention.ordinary_days",
        Kind::Integer,
        Some("730"),
        "days after a warning's expiry until what it and its answers say is erased",
    ),
    key(
        "retention.personal_data_days",
        Kind::Integer,
        Some("90"),
        "the same of warnings that contain personal data",
    ),
    key(
        "retention.exercise_days",
        Kind::Integer,
        Some("30"),
        "the same of exercises and tests",
    ),
    key(
        "retention.clock_checked_until",
        Kind::Text,
        None,
        "a time (RFC 3339) up to which you say that the clock is right: after a pause, or where a line says that nothing is destroyed by it",
    ),
    key(
        "operators.*",
        Kind::Paths,
        None,
        "an operator's key requests, for the genesis",
    ),
    key(
        "deadlines.flash.received_ms",
        Kind::Integer,
        Some("120000"),
        "FLASH: received within",
    ),
    key(
        "deadlines.flash.opened_ms",
        Kind::Integer,
        Some("300000"),
        "FLASH: opened within",
    ),
    key(
        "deadlines.flash.answered_ms",
        Kind::Integer,
        Some("600000"),
        "FLASH: answered within",
    ),
    key(
        "deadlines.immediate.received_ms",
        Kind::Integer,
        Some("600000"),
        "IMMEDIATE: received within",
    ),
    key(
        "deadlines.immediate.opened_ms",
        Kind::Integer,
        Some("1200000"),
        "IMMEDIATE: opened within",
    ),
    key(
        "deadlines.immediate.answered_ms",
        Kind::Integer,
        Some("1800000"),
        "IMMEDIATE: answered within",
    ),
    key(
        "deadlines.priority.received_ms",
        Kind::Integer,
        Some("3600000"),
        "PRIORITY: received within",
    ),
    key(
        "deadlines.priority.opened_ms",
        Kind::Integer,
        Some("7200000"),
        "PRIORITY: opened within",
    ),
    key(
        "deadlines.priority.answered_ms",
        Kind::Integer,
        Some("10800000"),
        "PRIORITY: answered within",
    ),
    key(
        "deadlines.routine.received_ms",
        Kind::Integer,
        Some("21600000"),
        "ROUTINE: received within",
    ),
    key(
        "deadlines.routine.opened_ms",
        Kind::Integer,
        Some("43200000"),
        "ROUTINE: opened within",
    ),
    key(
        "deadlines.routine.answered_ms",
        Kind::Integer,
        Some("86400000"),
        "ROUTINE: answered within",
    ),
    key("log.format", Kind::Text, Some("text"), "text or json"),
    key(
        "log.level",
        Kind::Text,
        Some("info"),
        "error, warn, info, debug or trace",
    ),
    key(
        "quota.warnings_per_hour",
        Kind::Integer,
        Some("10000"),
        "warnings of one agency accepted in an hour; a quarter is kept for ACTUAL ones",
    ),
    key(
        "quota.warning_bytes_per_hour",
        Kind::Integer,
        Some("134217728"),
        "bytes of them",
    ),
    key(
        "limits.connections_max",
        Kind::Integer,
        None,
        "connections of enrolled agencies at a time",
    ),
    key(
        "limits.connections_per_principal_max",
        Kind::Integer,
        None,
        "connections of one agency or operator at a time",
    ),
    key(
        "limits.handshakes_max",
        Kind::Integer,
        None,
        "TLS handshakes at a time",
    ),
    key(
        "limits.handshakes_per_address_max",
        Kind::Integer,
        None,
        "TLS handshakes of one address at a time",
    ),
    key(
        "limits.strangers_max",
        Kind::Integer,
        None,
        "connections of unknown keys at a time",
    ),
    key(
        "limits.stranger_ms_max",
        Kind::Integer,
        None,
        "how long a connection of an unknown key lives",
    ),
    key(
        "limits.streams_per_connection_max",
        Kind::Integer,
        None,
        "calls of one connection at a time",
    ),
    key(
        "limits.submissions_in_flight_max",
        Kind::Integer,
        None,
        "submissions in flight on one stream",
    ),
    key(
        "limits.handshake_ms_max",
        Kind::Integer,
        None,
        "how long a TLS handshake may take",
    ),
    key(
        "limits.session_stall_ms_max",
        Kind::Integer,
        None,
        "how long a stream may not be read",
    ),
    key(
        "limits.drain_ms_max",
        Kind::Integer,
        None,
        "how long a shutdown waits for calls under way",
    ),
];
