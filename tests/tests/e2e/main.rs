//! End-to-end tests: a real server on a real socket, and clients that talk to it.
//!
//! A test that stands for a statement of the specifications begins with the statement's number (`a9`, `t2`, `h4`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod authentication;
mod authorization;
mod bad_input;
mod build;
mod calls;
mod concealment;
mod discovery;
mod fail_closed;
mod header_attacks;
mod internal_server;
mod introspection;
mod listing;
mod mcp_client;
mod property;
mod sizes;
mod streams;
mod transport;
