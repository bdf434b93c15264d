//! Tests of the tenant over real sockets, in one binary to link once.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod api_keys;
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
