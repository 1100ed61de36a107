//! The SDK against a real relay in this process, over TLS: the whole line, and what the client finds out when the relay (a
//! proxy that tampers with its answers) is not honest.

pub(crate) mod commands;
mod confirmed;
mod dropped;
mod erased;
mod evidence;
mod forked;
pub(crate) mod honest;
mod hostile_log;
mod keys;
pub(crate) mod malicious;
mod officers;
mod onward;
mod operators;
mod outbox;
mod protected;
mod refusals;
mod rotated;
mod softhsm;
mod stolen;
mod swapped;
pub(crate) mod tamper;
mod token;
mod watching;
mod withheld;
