use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::{
    auth::{Claims, Revocation},
    scope::ScopeIndex,
};

mod disconnected;
mod revocation_race;
mod revoked_load;

const TTL: Duration = Duration::from_mins(1);

fn config() -> TokenCacheConfig {
    TokenCacheConfig { ttl: Some(TTL), max_tokens: 1000, max_bytes: 1_000_000, ..TokenCacheConfig::default() }
}

/// Token cache with its revocation clock and the number of its loads.
struct CountingCache {
    revocation_clock: Arc<RevocationClock>,
    cache: TokenCache,
    loads: AtomicUsize,
}

impl CountingCache {
    fn new(config: TokenCacheConfig) -> Self {
        let revocation_clock = Arc::new(RevocationClock::new(Duration::from_mins(5)));
        let cache = TokenCache::new(config, Arc::clone(&revocation_clock));
        Self { revocation_clock, cache, loads: AtomicUsize::new(0) }
    }

    /// Looks up a token. A load returns `response`.
    async fn get(
        &self,
        token: &str,
        response: Result<Claims, ValidationError>,
    ) -> Result<Arc<Caller>, ValidationError> {
        let token = BearerToken::parse(token).unwrap();
        self.cache
            .get(&token, || async {
                self.loads.fetch_add(1, Ordering::SeqCst);
                response.clone().map(|claims| caller(&claims))
            })
            .await
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

fn caller(claims: &Claims) -> Arc<Caller> {
    Arc::new(Caller::new(claims, Arc::new(ScopeIndex::default())))
}

fn user(id: &str) -> Claims {
    Claims::new().subject(id).organization("org", "HR")
}

fn inactive() -> Result<Claims, ValidationError> {
    Err(Inactive::new("unknown").into())
}

fn unavailable() -> Result<Claims, ValidationError> {
    Err(Unavailable::new("down").into())
}

#[tokio::test]
async fn a_cached_token_is_not_loaded_again() {
    let cache = CountingCache::new(config());
    for _ in 0..10 {
        assert_eq!(cache.get("a", Ok(user("u"))).await.unwrap().user_id(), Some("u"));
    }
    assert_eq!(cache.loads(), 1);
}

#[tokio::test]
async fn ten_thousand_concurrent_requests_with_one_new_token_share_one_load() {
    let cache = CountingCache::new(config());
    let respond = Notify::new();
    let token = BearerToken::parse("a").unwrap();
    let requests = (0..10_000).map(|_| {
        cache.cache.get(&token, || async {
            cache.loads.fetch_add(1, Ordering::SeqCst);
            respond.notified().await;
            Ok(caller(&user("u")))
        })
    });
    let release = async {
        tokio::task::yield_now().await;
        respond.notify_one();
    };
    let (results, ()) = tokio::join!(futures_util::future::join_all(requests), release);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(cache.loads(), 1);
}

#[tokio::test]
async fn an_inactive_token_is_cached() {
    let cache = CountingCache::new(config());
    for _ in 0..10 {
        assert!(matches!(cache.get("a", inactive()).await, Err(ValidationError::Inactive(_))));
    }
    assert_eq!(cache.loads(), 1);
}

#[tokio::test]
async fn a_failed_load_is_not_cached() {
    let cache = CountingCache::new(config());
    assert!(cache.get("a", unavailable()).await.is_err());
    assert!(cache.get("a", Ok(user("u"))).await.is_ok());
    assert_eq!(cache.loads(), 2);
}

#[tokio::test]
async fn with_a_ttl_of_zero_every_request_loads_the_token() {
    let cache = CountingCache::new(TokenCacheConfig { ttl: Some(Duration::ZERO), ..config() });
    for _ in 0..3 {
        cache.get("a", Ok(user("u"))).await.unwrap();
    }
    assert_eq!(cache.loads(), 3);
}

#[tokio::test]
async fn with_a_ttl_of_zero_a_response_of_another_replica_from_before_a_revocation_is_not_accepted() {
    let cache = CountingCache::new(TokenCacheConfig { ttl: Some(Duration::ZERO), ..config() });
    let token = BearerToken::parse("a").unwrap();
    let requested = Some((cache.revocation_clock.epoch(), Instant::now()));
    cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
    let load = || async { Ok(LoadedCaller { caller: caller(&user("u")), requested }) };
    assert!(matches!(cache.cache.get(&token, load).await, Err(ValidationError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_response_is_used_until_its_ttl_and_no_longer() {
    let cache = CountingCache::new(config());
    cache.get("a", Ok(user("u"))).await.unwrap();
    tokio::time::advance(TTL).await;
    cache.get("a", unavailable()).await.unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(cache.get("a", unavailable()).await.is_err());
}

#[tokio::test]
async fn a16_a_cached_response_does_not_outlive_its_token() {
    let cache = CountingCache::new(config());
    let expires_at = SystemTime::now() + Duration::from_millis(20);
    cache.get("a", Ok(user("u").expires_at(expires_at))).await.unwrap();
    while SystemTime::now() < expires_at {
        tokio::task::yield_now().await;
    }
    assert!(matches!(cache.get("a", Ok(user("u"))).await, Err(ValidationError::Inactive(_))));
}

#[tokio::test]
async fn a_revocation_invalidates_only_the_cached_tokens_of_its_user() {
    let cache = CountingCache::new(config());
    cache.get("a", Ok(user("u"))).await.unwrap();
    cache.get("b", Ok(user("v"))).await.unwrap();
    cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
    assert!(matches!(cache.get("a", inactive()).await, Err(ValidationError::Inactive(_))));
    cache.get("b", unavailable()).await.unwrap();
}

#[tokio::test]
async fn a_response_that_was_in_flight_during_a_revocation_does_not_restore_access() {
    let cache = CountingCache::new(config());
    let token = BearerToken::parse("a").unwrap();
    let result = cache
        .cache
        .get(&token, || async {
            if cache.loads.fetch_add(1, Ordering::SeqCst) == 0 {
                cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
                return Ok(caller(&user("u")));
            }
            Err(Inactive::new("unknown").into())
        })
        .await;
    assert!(matches!(result, Err(ValidationError::Inactive(_))));
    assert_eq!(cache.loads(), 2);
}

#[tokio::test]
async fn a_token_that_is_revoked_during_every_load_is_unavailable_and_not_accepted() {
    let cache = CountingCache::new(config());
    let token = BearerToken::parse("a").unwrap();
    let result = cache
        .cache
        .get(&token, || async {
            cache.revocation_clock.revoke(&Revocation::All);
            Ok(caller(&user("u")))
        })
        .await;
    assert!(matches!(result, Err(ValidationError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_is_used_for_stale_if_error_and_no_longer() {
    let stale_if_error = Duration::from_mins(1);
    let cache = CountingCache::new(TokenCacheConfig { stale_if_error, ..config() });
    cache.get("a", Ok(user("u"))).await.unwrap();
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    cache.get("a", unavailable()).await.expect("within `stale_if_error`");
    tokio::time::advance(stale_if_error).await;
    assert!(cache.get("a", unavailable()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stale_response_is_not_used_after_a_revocation_or_a_new_response() {
    let cache = CountingCache::new(TokenCacheConfig { stale_if_error: Duration::from_mins(1), ..config() });
    cache.get("a", Ok(user("u"))).await.unwrap();
    cache.get("b", Ok(user("v"))).await.unwrap();
    cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    assert!(matches!(cache.get("a", unavailable()).await, Err(ValidationError::Unavailable(_))));
    assert!(matches!(cache.get("b", inactive()).await, Err(ValidationError::Inactive(_))));
    // Past `inactive_ttl`, so that the token is loaded again.
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(matches!(cache.get("b", unavailable()).await, Err(ValidationError::Unavailable(_))));
}

#[tokio::test]
async fn invented_tokens_do_not_evict_valid_ones() {
    let cache = CountingCache::new(TokenCacheConfig { max_tokens: 100, ..config() });
    cache.get("good", Ok(user("u"))).await.unwrap();
    for i in 0..10_000 {
        let _ = cache.get(&format!("garbage{i}"), inactive()).await;
    }
    assert!(cache.cache.inactive.len() <= 100);
    cache.get("good", unavailable()).await.unwrap();
}

#[tokio::test]
async fn concurrent_requests_share_a_failed_load_and_later_ones_do_not() {
    let cache = CountingCache::new(config());
    let respond = Notify::new();
    let token = BearerToken::parse("a").unwrap();
    let requests = (0..1000).map(|_| {
        cache.cache.get(&token, || async {
            cache.loads.fetch_add(1, Ordering::SeqCst);
            respond.notified().await;
            unavailable().map(|claims| caller(&claims))
        })
    });
    let release = async {
        tokio::task::yield_now().await;
        respond.notify_one();
    };
    let (results, ()) = tokio::join!(futures_util::future::join_all(requests), release);
    assert!(results.iter().all(|result| matches!(result, Err(ValidationError::Unavailable(_)))));
    assert_eq!((cache.loads(), cache.cache.len()), (1, 0));
}

#[tokio::test]
async fn a_waiting_request_loads_the_token_if_the_loading_request_is_cancelled() {
    let cache = CountingCache::new(config());
    let token = BearerToken::parse("a").unwrap();
    let first = cache.cache.get(&token, || async {
        cache.loads.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<Arc<Caller>, _>>().await
    });
    let mut first = Box::pin(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(cache.get("a", Ok(user("u"))));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(cache.loads(), 1);
    drop(first);
    assert!(second.await.is_ok());
    assert_eq!(cache.loads(), 2);
}

#[tokio::test]
async fn claims_that_are_too_large_to_be_cached_are_returned() {
    let cache = CountingCache::new(TokenCacheConfig { max_bytes: 100, ..config() });
    for loads in 1..4 {
        assert!(cache.get("a", Ok(user(&"u".repeat(1000)))).await.is_ok());
        assert_eq!((cache.loads(), cache.cache.len()), (loads, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn unusable_entries_are_evicted() {
    let stale_if_error = TTL;
    let cache = CountingCache::new(TokenCacheConfig { stale_if_error, ..config() });
    for i in 0..100 {
        cache.get(&format!("good{i}"), Ok(user("u"))).await.unwrap();
        let _ = cache.get(&format!("garbage{i}"), inactive()).await;
    }
    let sizes = |CountingCache { cache, .. }: &CountingCache| {
        (cache.active.len(), cache.inactive.len(), cache.stale.as_ref().unwrap().len())
    };
    assert_eq!(sizes(&cache), (100, 100, 100));
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    cache.get("another", Ok(user("v"))).await.unwrap();
    assert_eq!(sizes(&cache), (101, 0, 101), "the tokens are known, and stale entries are still usable");
    tokio::time::advance(stale_if_error + Duration::from_secs(1)).await;
    cache.get("one-more", Ok(user("w"))).await.unwrap();
    assert_eq!(sizes(&cache), (102, 0, 2));
    tokio::time::advance(KNOWN_FOR).await;
    cache.get("one-more", Ok(user("w"))).await.unwrap();
    assert_eq!(sizes(&cache), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_valid_stays_known_until_it_is_reported_as_inactive() {
    for ttl in [TTL, Duration::ZERO] {
        let cache = CountingCache::new(TokenCacheConfig { ttl: Some(ttl), ..config() });
        let lookup = || cache.cache.lookup(&BearerToken::parse("a").unwrap());
        assert!(matches!(lookup(), Ok(CachedToken::Unknown)));
        let _ = cache.get("a", unavailable()).await;
        assert!(matches!(lookup(), Ok(CachedToken::Unknown)), "the token has never been valid");
        cache.get("a", Ok(user("u"))).await.unwrap();
        assert_eq!(matches!(lookup(), Ok(CachedToken::Current(_))), !ttl.is_zero());
        tokio::time::advance(TTL + Duration::from_secs(1)).await;
        assert!(matches!(lookup(), Ok(CachedToken::Outdated(_))));
        let _ = cache.get("a", unavailable()).await;
        assert!(matches!(lookup(), Ok(CachedToken::Outdated(_))), "an outage does not make the token unknown");
        let _ = cache.get("a", inactive()).await;
        assert_eq!(lookup().is_err(), !ttl.is_zero(), "the token is cached as inactive");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(matches!(lookup(), Ok(CachedToken::Unknown)));
    }
}

#[tokio::test]
async fn a_revocation_makes_a_token_outdated() {
    let cache = CountingCache::new(config());
    cache.get("a", Ok(user("u"))).await.unwrap();
    cache.revocation_clock.revoke(&Revocation::User("u".to_owned()));
    assert!(matches!(cache.cache.lookup(&BearerToken::parse("a").unwrap()), Ok(CachedToken::Outdated(_))));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn cache_entries_and_callers_are_small() {
    assert_eq!(size_of::<LoadResult>(), 40);
    assert_eq!(size_of::<Identity>(), 144);
}

#[test]
fn a_hundred_thousand_ordinary_tokens_fit_by_default() {
    let mut claims = Claims::new()
        .subject("31c41c16-7dff-4ec4-9a3c-1f1a4c7d9d4e")
        .organization("1189c444-8a2d-4c41-8b4b-43ae43ce79a4", "Member");
    for field in 0..25 {
        claims.raw.insert(format!("a_claim_{field:02}"), "a text of a usual length".into());
    }
    let TokenCacheConfig { max_bytes, max_tokens, .. } = TokenCacheConfig::default();
    let bytes = caller(&claims).identity().bytes() as u64 + ENTRY_BYTES;
    assert!(bytes <= max_bytes / max_tokens, "{bytes} bytes");
}
