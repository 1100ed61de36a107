//! Wardline: a "duty to warn" relay. One state's agency warns another's of a threat to people, and neither
//! side, nor the relay's operator, can later deny what was said, received, opened or answered.
//!
//! One idea carries everything: **the journal is the only truth, and it is a verifiable log.** All the rest is
//! derived from it by one pure function and can be thrown away and rebuilt.
//!
//! A file imports only from lines above its own; `tests/it/layers.rs` holds that order.
//!
//! | module | what lives there |
//! |---|---|
//! | [`limits`] | every bound, related by const assertions |
//! | [`time`] | `Timestamp` and `Clock`, the only reader of the wall clock |
//! | [`error`] | `ErrorCode`: closed, append-only |
//! | `objects` | JSON objects that are read as nothing but objects |
//! | [`config`], [`telemetry`] | settings with where each came from; log lines |
//! | `alarm` | what a person must see, said often enough and no oftener |
//! | [`fetch`] | the one client that asks others over HTTP, bounded |
//! | [`serve`] | HTTP for the public, bounded |
//! | [`domain`] | ids, addresses, warnings, acknowledgements, directory entries, records: plain types that parse or fail |
//! | `naming` | the name that a finished file gets, on every file system, over nothing |
//! | [`seal`] | DSSE, keys and their roles, audience commitments, sealed bodies, wraps and texts |
//! | [`files`] | files that survive a power cut, and locks between processes |
//! | [`retention`] | how long what was said is kept, and the keys that its end destroys |
//! | [`wire`] | generated protobuf, proto to domain and back, the strict walker over signed payloads |
//! | [`transparency`] | leaf hashing, the tree, checkpoints, proofs |
//! | [`witness`] | a C2SP witness: cosigns a log that has only grown |
//! | [`ledger`] | the rules, pure: `decide` and `apply` |
//! | [`journal`] | the `Journal` contract; sled, memory; the derived index |
//! | [`relay`] | the engine: admission, the sequencer (the single writer), delivery |
//! | [`tls`], [`grpc`], [`http`], [`server`] | the edge, and the one file that names concrete backends |
//! | [`client`] | the SDK: signs, keeps an outbox and an inbox, verifies every receipt itself |
//! | [`audit`] | replay and verification; needs no relay logic |
//! | [`cli`] | the commands of the one binary |

mod alarm;
pub mod audit;
pub mod cli;
pub mod client;
pub mod config;
pub mod domain;
pub mod error;
pub mod fetch;
pub mod files;
pub mod grpc;
pub mod http;
pub mod journal;
pub mod ledger;
pub mod limits;
mod naming;
mod objects;
pub mod relay;
pub mod retention;
pub mod seal;
pub mod serve;
pub mod server;
pub mod telemetry;
pub mod time;
pub mod tls;
pub mod transparency;
pub mod wire;
pub mod witness;

/// The world that the tests share with `tests/it`, which knows the crate by its name.
#[cfg(test)]
extern crate self as wardline;
#[cfg(test)]
#[path = "../tests/it/world/mod.rs"]
mod world;
