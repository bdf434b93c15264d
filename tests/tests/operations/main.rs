//! Running a server: build problems, preflight and readiness, limits, shutdown, and the audit log.
//!
//! A test goes here if it is about the server as a process and not about one kind of request. `logs.rs`, `metrics.rs`,
//! `memory.rs` and `soak.rs` beside this folder have a process of their own; their headers explain why.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod audit;
mod build_errors;
mod connections;
mod console;
mod dispatch;
mod embedding;
mod gate_layer;
mod health;
mod landing_page;
mod limits;
mod rates;
mod replay;
mod shutdown;
mod strangers;
mod tls;
mod unread_bodies;

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use toolgate::auth::{BearerToken, Claims, Resource, TokenValidator, ValidationError, async_trait};
use toolgate_tests::{HttpResponse, Revision, TestServer};

/// Timeout for what the server is to abort, short enough to wait for.
const SHORT_TIMEOUT: Duration = Duration::from_millis(100);

/// Validator that accepts every token. The subject is the part before the first `-`.
struct AnyToken;

#[async_trait]
impl TokenValidator for AnyToken {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let subject = token.expose().split('-').next().unwrap_or_default();
        Ok(Claims::new().subject(subject).organization("company", "Member").audience_verified())
    }
}

/// Starts a call without arguments in a task of its own.
fn spawn_call(server: &TestServer, token: &str, tool: &'static str) -> JoinHandle<HttpResponse> {
    let client = server.client_with(token, Revision::Modern);
    tokio::spawn(async move { client.call(tool, json!({})).await })
}
