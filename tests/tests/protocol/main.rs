//! MCP on the wire: transport, messages, lists, calls, streams, and input that is invalid or too large.
//!
//! A test goes here if it is about the messages of MCP or HTTP. If the outcome depends on the caller, it belongs in
//! `authorization`. A name that begins with a number (`h3_`) cites a row of `docs/requirements.md`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod argument_types;
mod argument_zoo;
mod ask;
mod call_span;
mod fuzz_targets;
mod input_requests;
mod invalid_messages;
mod media_types;
mod methods;
mod mount;
mod prompts_and_resources;
mod request_head;
mod rmcp_client;
mod schema_subsets;
mod size_limits;
mod streams;
mod subscriptions;
mod tasks;
mod tools_call;
mod tools_list;
mod transport;

use toolgate_tests::{Revision, TestServer};

/// Asserts that a server still responds.
async fn assert_responds(server: &TestServer) {
    for revision in Revision::BOTH {
        assert_eq!(server.client_with("public", revision).list().await.status, 200);
    }
}
