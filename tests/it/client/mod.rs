//! The SDK against a real relay in this process, over TLS: the whole line, and what the client finds out when the relay (a
//! proxy that tampers with its answers) is not honest.

mod commands;
mod dropped;
mod honest;
mod keys;
mod malicious;
mod officers;
mod operators;
mod outbox;
mod refusals;
mod tamper;
mod token;
mod watching;
mod withheld;
