//! The tenant over real sockets; one binary, so that it is linked once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod admin;
mod browser;
mod clients;
mod config;
mod data;
mod faults;
mod introspection;
mod login;
mod metadata;
mod pages;
mod program;
mod support;
mod webhooks;
