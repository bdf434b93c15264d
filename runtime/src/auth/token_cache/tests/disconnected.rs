use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;

use super::*;
use crate::auth::{
    ReplicationError, Unavailable,
    replicator::{SharedIntrospection, StreamPosition},
};

/// Replicator that shares nothing. The flag says whether it is connected.
#[derive(Debug)]
struct FakeReplicator(AtomicBool);

#[async_trait]
impl Replicator for FakeReplicator {
    fn is_connected(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    async fn revoke(&self, _: &[Revocation], _: SystemTime) -> Result<(), ReplicationError> {
        Err(ReplicationError("no other replicas".to_owned()))
    }

    async fn earlier_revocations(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    fn position(&self) -> Option<StreamPosition> {
        None
    }

    async fn shared_introspection(&self, _: &BearerToken) -> Option<SharedIntrospection> {
        None
    }

    fn share(&self, _: &BearerToken, _: &StreamPosition, _: Instant, _: &Claims) {}
}

/// Token cache of one replica, and the number of its loads.
struct Replica {
    replicator: Arc<FakeReplicator>,
    cache: TokenCache,
    loads: AtomicUsize,
}

impl Replica {
    /// Both times are in seconds.
    fn new(ttl: u64, stale_if_error: u64) -> Self {
        let config = TokenCacheConfig {
            ttl: Some(Duration::from_secs(ttl)),
            stale_if_error: Duration::from_secs(stale_if_error),
            max_tokens: 1000,
            max_bytes: 1_000_000,
            ..TokenCacheConfig::default()
        };
        let replicator = Arc::new(FakeReplicator(AtomicBool::new(true)));
        let revocation_clock = Arc::new(RevocationClock::new(Duration::from_secs(1000)));
        let cache = TokenCache::new(config, revocation_clock)
            .with_replicator(Some(Arc::clone(&replicator) as Arc<dyn Replicator>));
        Self { replicator, cache, loads: AtomicUsize::new(0) }
    }

    fn set_connected(&self, connected: bool) {
        self.replicator.0.store(connected, Ordering::SeqCst);
    }

    /// Returns whether the token is accepted, while the authorization server is or is not available.
    async fn accepts(&self, is_available: bool) -> bool {
        let load = || async {
            self.loads.fetch_add(1, Ordering::SeqCst);
            if !is_available {
                return Err(ValidationError::from(Unavailable::new("down")));
            }
            Ok(Arc::new(Caller::new(&Claims::new().subject("u"), Arc::default())))
        };
        self.cache.get(&BearerToken::parse("token").unwrap(), load).await.is_ok()
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

async fn advance(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn responses_older_than_ten_seconds_are_used_only_while_connected() {
    let replica = Replica::new(300, 0);
    assert!(replica.accepts(true).await);
    replica.set_connected(false);
    advance(10).await;
    assert!(replica.accepts(false).await, "exactly ten seconds old");
    replica.set_connected(true);
    advance(200).await;
    assert!(replica.accepts(false).await);
    replica.set_connected(false);
    assert!(replica.accepts(true).await);
    assert_eq!(replica.loads(), 2, "the token was loaded again");
    advance(11).await;
    assert!(!replica.accepts(false).await);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_ttl_is_not_extended_while_disconnected() {
    let replica = Replica::new(2, 0);
    replica.set_connected(false);
    assert!(replica.accepts(true).await);
    advance(3).await;
    assert!(!replica.accepts(false).await);
}

#[tokio::test(start_paused = true)]
async fn stale_responses_are_used_for_ten_seconds_at_most_while_disconnected() {
    let replica = Replica::new(5, 600);
    assert!(replica.accepts(true).await);
    advance(7).await;
    assert!(replica.accepts(false).await, "within `stale_if_error`");
    replica.set_connected(false);
    assert!(replica.accepts(false).await, "seven seconds old, and used as stale before");
    advance(4).await;
    assert!(!replica.accepts(false).await, "eleven seconds old, regardless of the latest stale use");
}
