use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::{
    auth::{Claims, Revocation},
    scope::ScopeIndex,
};

mod revocation_race;

const TTL: Duration = Duration::from_secs(60);

fn config() -> TokenCacheConfig {
    TokenCacheConfig { ttl: Some(TTL), max_tokens: 1000, max_bytes: 1_000_000, ..TokenCacheConfig::default() }
}

/// Counts its answers, and says what the test tells it to.
struct Source {
    revocations: Arc<RevocationClock>,
    cache: TokenCache,
    loads: AtomicUsize,
}

impl Source {
    fn new(config: TokenCacheConfig) -> Self {
        let revocations = Arc::new(RevocationClock::new(Duration::from_secs(300)));
        Self { cache: TokenCache::new(config, Arc::clone(&revocations)), revocations, loads: AtomicUsize::new(0) }
    }

    async fn get(
        &self,
        token: &str,
        answer: Result<Claims, ValidationError>,
    ) -> Result<Arc<Caller>, ValidationError> {
        let token = BearerToken::parse(token).unwrap();
        self.cache
            .get(&token, || async {
                self.loads.fetch_add(1, Ordering::SeqCst);
                answer.clone().map(|claims| caller(&claims))
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

fn unavailable() -> Result<Claims, ValidationError> {
    Err(Unavailable::new("down").into())
}

#[tokio::test]
async fn a_known_token_is_not_asked_about_again() {
    let source = Source::new(config());
    for _ in 0..10 {
        assert_eq!(source.get("a", Ok(user("u"))).await.unwrap().user_id(), Some("u"));
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test]
async fn ten_thousand_requests_with_one_new_token_ask_once() {
    let source = Source::new(config());
    let go = Notify::new();
    let token = BearerToken::parse("a").unwrap();
    let requests = (0..10_000).map(|_| {
        source.cache.get(&token, || async {
            source.loads.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            Ok(caller(&user("u")))
        })
    });
    let release = async {
        tokio::task::yield_now().await;
        go.notify_one();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(requests), release);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(source.loads(), 1);
}

#[tokio::test]
async fn an_inactive_token_is_remembered_for_a_short_time() {
    let source = Source::new(config());
    for _ in 0..10 {
        assert!(matches!(source.get("a", Err(ValidationError::Inactive)).await, Err(ValidationError::Inactive)));
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let source = Source::new(config());
    assert!(source.get("a", unavailable()).await.is_err());
    assert!(source.get("a", Ok(user("u"))).await.is_ok());
    assert_eq!(source.loads(), 2);
}

#[tokio::test]
async fn without_a_ttl_every_request_asks() {
    let source = Source::new(TokenCacheConfig { ttl: Some(Duration::ZERO), ..config() });
    for _ in 0..3 {
        source.get("a", Ok(user("u"))).await.unwrap();
    }
    assert_eq!(source.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_used_for_its_time_and_no_longer() {
    let source = Source::new(config());
    source.get("a", Ok(user("u"))).await.unwrap();
    tokio::time::advance(TTL).await;
    source.get("a", unavailable()).await.unwrap();
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(source.get("a", unavailable()).await.is_err());
}

#[tokio::test]
async fn a16_an_answer_never_outlives_its_token() {
    let source = Source::new(config());
    let ends = SystemTime::now() + Duration::from_millis(20);
    source.get("a", Ok(user("u").expires_at(ends))).await.unwrap();
    while SystemTime::now() < ends {
        tokio::task::yield_now().await;
    }
    assert!(matches!(source.get("a", Ok(user("u"))).await, Err(ValidationError::Inactive)));
}

#[tokio::test]
async fn a_revocation_ends_the_cached_access_of_that_user() {
    let source = Source::new(config());
    source.get("a", Ok(user("u"))).await.unwrap();
    source.get("b", Ok(user("v"))).await.unwrap();
    source.revocations.revoke(&Revocation::User("u".to_owned()));
    assert!(matches!(source.get("a", Err(ValidationError::Inactive)).await, Err(ValidationError::Inactive)));
    source.get("b", unavailable()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_was_under_way_cannot_bring_access_back() {
    let source = Source::new(config());
    let token = BearerToken::parse("a").unwrap();
    let answer = source
        .cache
        .get(&token, || async {
            if source.loads.fetch_add(1, Ordering::SeqCst) == 0 {
                // The old answer is on its way when the revocation comes.
                source.revocations.revoke(&Revocation::User("u".to_owned()));
                return Ok(caller(&user("u")));
            }
            Err(ValidationError::Inactive)
        })
        .await;
    assert!(matches!(answer, Err(ValidationError::Inactive)));
    assert_eq!(source.loads(), 2);
}

#[tokio::test]
async fn access_that_is_revoked_for_ever_is_unavailable_rather_than_allowed() {
    let source = Source::new(config());
    let token = BearerToken::parse("a").unwrap();
    let answer = source
        .cache
        .get(&token, || async {
            source.revocations.revoke(&Revocation::All);
            Ok(caller(&user("u")))
        })
        .await;
    assert!(matches!(answer, Err(ValidationError::Unavailable(_))));
}

#[tokio::test(start_paused = true)]
async fn grace_lasts_as_long_as_it_says_and_only_where_it_was_asked_for() {
    let grace = Duration::from_secs(60);
    let source = Source::new(TokenCacheConfig { stale_if_error: grace, ..config() });
    source.get("a", Ok(user("u"))).await.unwrap();
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    source.get("a", unavailable()).await.expect("within the grace");
    tokio::time::advance(grace).await;
    assert!(source.get("a", unavailable()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn grace_ends_with_a_revocation_and_with_an_answer() {
    let source = Source::new(TokenCacheConfig { stale_if_error: Duration::from_secs(60), ..config() });
    source.get("a", Ok(user("u"))).await.unwrap();
    source.get("b", Ok(user("v"))).await.unwrap();
    source.revocations.revoke(&Revocation::User("u".to_owned()));
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    assert!(matches!(source.get("a", unavailable()).await, Err(ValidationError::Unavailable(_))));
    assert!(matches!(source.get("b", Err(ValidationError::Inactive)).await, Err(ValidationError::Inactive)));
    // Also when it is not remembered any more that the token is inactive.
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(matches!(source.get("b", unavailable()).await, Err(ValidationError::Unavailable(_))));
}

#[tokio::test]
async fn tokens_that_nobody_issued_push_out_none_that_somebody_uses() {
    let source = Source::new(TokenCacheConfig { max_tokens: 100, ..config() });
    source.get("good", Ok(user("u"))).await.unwrap();
    for i in 0..10_000 {
        let _ = source.get(&format!("garbage{i}"), Err(ValidationError::Inactive)).await;
    }
    assert!(source.cache.inactive.len() <= 100);
    source.get("good", unavailable()).await.unwrap();
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_for_it_and_by_nobody_else() {
    let source = Source::new(config());
    let go = Notify::new();
    let token = BearerToken::parse("a").unwrap();
    let requests = (0..1000).map(|_| {
        source.cache.get(&token, || async {
            source.loads.fetch_add(1, Ordering::SeqCst);
            go.notified().await;
            unavailable().map(|claims| caller(&claims))
        })
    });
    let release = async {
        tokio::task::yield_now().await;
        go.notify_one();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(requests), release);
    assert!(answers.iter().all(|answer| matches!(answer, Err(ValidationError::Unavailable(_)))));
    assert_eq!((source.loads(), source.cache.len()), (1, 0));
}

#[tokio::test]
async fn when_who_asks_goes_away_somebody_who_waits_asks() {
    let source = Source::new(config());
    let token = BearerToken::parse("a").unwrap();
    let first = source.cache.get(&token, || async {
        source.loads.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<Result<Arc<Caller>, _>>().await
    });
    let mut first = Box::pin(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(source.get("a", Ok(user("u"))));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(source.loads(), 1);
    drop(first);
    assert!(second.await.is_ok());
    assert_eq!(source.loads(), 2);
}

#[tokio::test]
async fn claims_that_are_too_large_to_be_kept_are_answered_all_the_same() {
    let source = Source::new(TokenCacheConfig { max_bytes: 100, ..config() });
    for loads in 1..4 {
        assert!(source.get("a", Ok(user(&"u".repeat(1000)))).await.is_ok());
        assert_eq!((source.loads(), source.cache.len()), (loads, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_used_any_more_is_dropped() {
    let grace = TTL;
    let source = Source::new(TokenCacheConfig { stale_if_error: grace, ..config() });
    for i in 0..100 {
        source.get(&format!("good{i}"), Ok(user("u"))).await.unwrap();
        let _ = source.get(&format!("garbage{i}"), Err(ValidationError::Inactive)).await;
    }
    let known = |source: &Source| {
        (source.cache.active.len(), source.cache.inactive.len(), source.cache.stale.as_ref().unwrap().len())
    };
    assert_eq!(known(&source), (100, 100, 100));
    tokio::time::advance(TTL + Duration::from_secs(1)).await;
    source.get("another", Ok(user("v"))).await.unwrap();
    assert_eq!(known(&source), (1, 0, 101), "the grace goes on");
    tokio::time::advance(grace + Duration::from_secs(1)).await;
    source.get("one-more", Ok(user("w"))).await.unwrap();
    assert_eq!(known(&source), (1, 0, 2));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_entry_is_small() {
    assert_eq!(size_of::<Known>(), 40);
    assert_eq!(size_of::<Caller>(), 128);
}
