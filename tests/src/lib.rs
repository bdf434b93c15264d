//! What the end-to-end tests share: a server with tools of its own, the tenant that it trusts, and the clients that
//! talk to it.
//!
//! Everything listens on a free port of loopback, and nothing waits for time to pass: a test waits for a condition,
//! for at most [`PATIENCE`].

#![forbid(unsafe_code)]

pub mod catalogue;
mod client;
mod dice;
mod log;
mod probe;
mod raw;
mod reply;
mod server;
mod stub;
mod tenant;
mod tools;

use std::time::Duration;

pub use client::{Client, Revision, http, mcp_client, rejected_mcp_client};
pub use dice::Dice;
pub use log::Log;
pub use probe::Probe;
pub use raw::raw_exchange;
pub use reply::{Challenge, Reply};
pub use server::{TestServer, tokens};
pub use stub::IntrospectionStub;
pub use tenant::{propel_auth, tenant, tenant_server, token_for};
use toolgate::Scopes;
// `#[tool]` and `scope!` look for `SCOPES` here.
pub use tools::{OTHER_SCOPES, SCOPES};

/// How long a test waits for something that has to happen. Nothing takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A list with the scope that is between client and authorization server only.
pub static OFFLINE_SCOPES: Scopes = Scopes::new(&["files:read", "offline_access"]);

/// Waits for a condition.
///
/// # Panics
///
/// When it has not come about within [`PATIENCE`].
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

/// The README's server in twenty lines compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
