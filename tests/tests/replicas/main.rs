//! Several replicas of one server with a real Redis between them.

#![allow(clippy::unwrap_used, reason = "a helper that panics is a test that fails")]

mod outages;
mod redis_server;
mod replica;
mod revocation;
mod shared_cache;
mod tls;

use toolgate_tests::PATIENCE;

pub(crate) use redis_server::{LOOK, Proxy, RedisServer};
pub(crate) use replica::{People, Replica};

/// Waits for a condition that takes requests to look at, without keeping the machine busy.
pub(crate) async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}
