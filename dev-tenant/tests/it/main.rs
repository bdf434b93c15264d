//! The tenant over real sockets; one binary, so that it is linked once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod config;
mod faults;
mod introspection;
mod metadata;
mod support;
