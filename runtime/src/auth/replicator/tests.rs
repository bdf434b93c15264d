use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use super::*;
use crate::auth::{Caller, RevocationClock, TokenCache, TokenCacheConfig, Unavailable, ValidationError};

/// Replicator that are heard or not, and know nothing.
#[derive(Debug)]
struct Silent(AtomicBool);

#[async_trait]
impl Replicator for Silent {
    fn is_connected(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    async fn revoke(&self, _: &[Revocation], _: SystemTime) -> Result<(), ReplicationError> {
        Err(ReplicationError("nobody is there".to_owned()))
    }

    fn position(&self) -> Option<StreamPosition> {
        None
    }

    async fn shared_introspection(&self, _: &BearerToken) -> Option<SharedIntrospection> {
        None
    }

    fn share(&self, _: &BearerToken, _: &StreamPosition, _: Instant, _: &Claims) {}
}

struct Replica {
    replicator: Arc<Silent>,
    cache: TokenCache,
    loads: AtomicUsize,
}

impl Replica {
    fn new(ttl: u64, grace: u64) -> Self {
        let config = TokenCacheConfig {
            ttl: Some(Duration::from_secs(ttl)),
            stale_if_error: Duration::from_secs(grace),
            max_tokens: 1000,
            max_bytes: 1_000_000,
            ..TokenCacheConfig::default()
        };
        let replicator = Arc::new(Silent(AtomicBool::new(true)));
        let revocations = Arc::new(RevocationClock::new(Duration::from_secs(1000)));
        let cache = TokenCache::new(config, revocations)
            .with_replicator(Some(Arc::clone(&replicator) as Arc<dyn Replicator>));
        Self { replicator, cache, loads: AtomicUsize::new(0) }
    }

    fn heard(&self, heard: bool) {
        self.replicator.0.store(heard, Ordering::SeqCst);
    }

    /// Whether the token is accepted, where the authorization server answers or does not.
    async fn accepts(&self, answers: bool) -> bool {
        let load = || async {
            self.loads.fetch_add(1, Ordering::SeqCst);
            if !answers {
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

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_ten_seconds_counts_only_while_the_peers_are_heard() {
    let replica = Replica::new(300, 0);
    assert!(replica.accepts(true).await);
    replica.heard(false);
    pass(10).await;
    assert!(replica.accepts(false).await, "ten seconds old, and no older");
    replica.heard(true);
    pass(200).await;
    assert!(replica.accepts(false).await);
    replica.heard(false);
    assert!(replica.accepts(true).await);
    assert_eq!(replica.loads(), 2, "it was asked again");
    pass(11).await;
    assert!(!replica.accepts(false).await);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_ttl_stays_as_short_without_peers() {
    let replica = Replica::new(2, 0);
    replica.heard(false);
    assert!(replica.accepts(true).await);
    pass(3).await;
    assert!(!replica.accepts(false).await);
}

#[tokio::test(start_paused = true)]
async fn the_grace_is_as_short_without_peers() {
    let replica = Replica::new(5, 600);
    assert!(replica.accepts(true).await);
    pass(7).await;
    assert!(replica.accepts(false).await, "within the grace");
    replica.heard(false);
    assert!(replica.accepts(false).await, "seven seconds old, and used again just now");
    pass(4).await;
    assert!(!replica.accepts(false).await, "eleven seconds old, however lately it was used again");
}
