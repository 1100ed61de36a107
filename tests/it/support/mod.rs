//! What the tests of the edge share: a relay's home with an operator in it, the relay served in this process or as a
//! process of its own, and raw gRPC calls. Everything is on loopback, on ports that the system chooses.

mod home;
mod process;
mod raw;
mod running;
mod session;
mod witness;
mod world;

pub(crate) use crate::world::{PATIENCE, until, until_blocking};
pub(crate) use home::{Home, ORIGIN, Served, channel, copy};
pub(crate) use process::{PROGRAM, RelayProcess, wardline};
pub(crate) use raw::{call, call_stream, http_get, http_get_bytes};
pub(crate) use running::running;
pub(crate) use session::{Session, receive, submit};
pub(crate) use witness::{Answered, WitnessProcess, ask};
pub(crate) use world::{
    OPERATOR, World, draft, exercise, in_clear, revocation_by_root, revocation_of_tls_key,
};
