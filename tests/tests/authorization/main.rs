//! Who may call what: credentials, tokens, scopes, challenges, discovery, revocation, and what happens when the
//! authorization server fails.
//!
//! A test goes here if its outcome depends on the caller or on the authorization server. A name that begins with a
//! number (`a9_`) cites a row of `docs/requirements.md`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod api_keys;
mod approvals;
mod audience;
mod authentication;
mod call_order;
mod concealment;
mod conditional_scopes;
mod discovery;
mod explanations;
mod fail_closed;
mod guards;
mod header_injection;
mod introspection;
mod introspection_faults;
mod jwt;
mod list_changes;
mod listed_is_callable;
mod odd_tokens;
mod profiles;
mod proofs;
mod round_trips;
mod sample_server;
mod subscriptions;
mod tool_access;
mod visibility;
mod webhooks;
