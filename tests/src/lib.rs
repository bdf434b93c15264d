//! Helpers shared by the end-to-end tests: a server with tools of its own, the tenant that issues its tokens, and clients.
//!
//! Every listener is on a free port of loopback. A test waits for a condition, at most for [`DEADLINE`], and never for
//! a fixed time.

#![forbid(unsafe_code)]

mod browser;
mod captured_log;
mod client;
mod event_stream;
mod http_response;
mod introspection_stub;
mod memory;
pub mod observability;
mod program;
mod raw_request;
mod rmcp_client;
mod server;
mod steps;
mod tasks;
mod tenant;
mod tool_bodies;
mod tools;
mod trace_receiver;
mod webhook;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

pub use browser::{Browser, Page};
pub use captured_log::CapturedLog;
pub use client::{Client, InProcessClient, Revision, http_client};
pub use event_stream::EventStream;
pub use http_response::{Challenge, HttpResponse, exchange, send};
pub use introspection_stub::{CONTROL_QUESTION, IntrospectionStub, StubFault};
pub use memory::{heap_bytes, resident_bytes};
pub use program::Program;
pub use raw_request::{RawRequest, read_to_end};
pub use rmcp_client::{connect_rmcp, fail_to_connect_rmcp};
pub use server::{TestServer, tokens};
pub use steps::{record_step, take_steps};
pub use tasks::{TASK_SCOPES, with_tasks};
pub use tenant::{
    propel_auth, propel_auth_api_keys, start_payroll_tenant, start_tenant, start_tenant_with, tenant_server,
    tenant_server_with, token_for,
};
pub use tool_bodies::ToolBodies;
use toolgate::Scopes;
pub use trace_receiver::{ReceivedSpan, TraceReceiver};
// `#[tool]` and `scope!` expect `SCOPES` in the crate root.
pub use tools::{DUPLICATE_NAME_SCOPES, SCOPES};
pub use webhook::{WEBHOOK_SECRET, WebhookDelivery, WithWebhooks};

/// Maximum time for anything that a test waits for. Only a broken server takes this long.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Returns an address of loopback whose port was free a moment ago.
///
/// # Panics
///
/// If no port is free.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the listener is bound")
}

/// Interval at which [`eventually`] checks its condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Scopes with `offline_access`, which the server must not advertise.
pub static OFFLINE_SCOPES: Scopes = Scopes::new(&["files:read", "offline_access"]);

/// Waits until a condition holds.
///
/// # Panics
///
/// With `condition_name` if it does not hold within [`DEADLINE`].
pub async fn eventually(condition_name: &str, mut condition: impl AsyncFnMut() -> bool) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    within_deadline(condition_name, poll).await;
}

/// Waits for a future.
///
/// # Panics
///
/// With `what` if the future does not complete within [`DEADLINE`].
pub async fn within_deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(DEADLINE, future).await;
    output.unwrap_or_else(|_| panic!("not within the deadline: {what}"))
}

#[cfg(doctest)]
mod book;

/// Compiles the code blocks of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
