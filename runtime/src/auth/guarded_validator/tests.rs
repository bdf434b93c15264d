use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;

use super::*;
use crate::auth::{Inactive, Readiness, code};

/// Upstream that fails for tokens that begin with `odd`, and for every token during an outage.
#[derive(Default)]
struct Upstream {
    outage: Mutex<Option<Outage>>,
    questions: AtomicUsize,
    requests: AtomicUsize,
    /// Whether a request that hung was dropped.
    dropped: AtomicBool,
}

#[derive(Clone)]
enum Outage {
    Unavailable(Unavailable),
    Hang,
    Panic,
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl TokenValidator for Arc<Upstream> {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let is_question = token.expose().starts_with("control-");
        (if is_question { &self.questions } else { &self.requests }).fetch_add(1, Ordering::SeqCst);
        if token.expose().starts_with("odd") {
            return Err(Unavailable::new("odd").retry_after(Duration::from_mins(5)).into());
        }
        let outage = self.outage.lock().unwrap().clone();
        match outage {
            None if is_question => Err(Inactive::new("unknown").into()),
            None => Ok(Claims::new()),
            Some(Outage::Unavailable(unavailable)) => Err(unavailable.into()),
            Some(Outage::Hang) if is_question => {
                let _dropped = SetOnDrop(&self.dropped);
                std::future::pending().await
            }
            Some(Outage::Hang) => Err(Unavailable::new("hang").permanent().into()),
            Some(Outage::Panic) if is_question => panic!("the validator panics"),
            Some(Outage::Panic) => Err(Unavailable::new("panic").permanent().into()),
        }
    }
}

/// Server with an upstream. The server is ready.
struct Fixture {
    upstream: Arc<Upstream>,
    readiness: Arc<Readiness>,
    validator: GuardedValidator,
}

impl Fixture {
    fn new() -> Self {
        let (upstream, readiness) = (Arc::new(Upstream::default()), Arc::new(Readiness::default()));
        readiness.of_validator(0).validation_succeeded();
        let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
        let validator = GuardedValidator::new(Arc::new(Arc::clone(&upstream)), readiness.of_validator(0), resource);
        Self { upstream, readiness, validator }
    }

    fn set_outage(&self, outage: impl Into<Option<Outage>>) {
        *self.upstream.outage.lock().unwrap() = outage.into();
    }

    fn unavailable(&self) {
        self.set_outage(Outage::Unavailable(Unavailable::new("down").permanent()));
    }

    async fn validate(&self, token: &str) -> Result<Claims, ValidationError> {
        self.validator.validate(&BearerToken::parse(token).unwrap(), &TokenClass::Known).await
    }

    async fn fails(&self, token: &str) {
        let result = self.validate(token).await;
        assert!(matches!(result, Err(ValidationError::Unavailable(_))), "{token}: {result:?}");
    }

    /// Waits until the control question in flight is answered.
    async fn answered(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the numbers of requests about tokens and of control questions.
    fn requests(&self) -> (usize, usize) {
        (self.upstream.requests.load(Ordering::SeqCst), self.upstream.questions.load(Ordering::SeqCst))
    }

    /// Opens the circuit breaker by an outage.
    async fn open(&self) {
        self.unavailable();
        for _ in 0..5 {
            self.fails("a").await;
            self.answered().await;
        }
        assert!(self.validator.circuit_breaker.permit().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_fail_alone_affect_no_other_token_and_ask_one_control_question_a_second() {
    let fixture = Fixture::new();
    for second in 0..10 {
        for i in 0..100 {
            fixture.fails(&format!("odd{i}")).await;
        }
        fixture.answered().await;
        assert_eq!(fixture.requests(), (second * 101 + 100, second + 1));
        assert!(fixture.readiness.is_healthy());
        fixture.validate("good").await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_makes_the_server_unready_and_opens_the_circuit_breaker_at_the_fifth_failure() {
    let fixture = Fixture::new();
    fixture.unavailable();
    for failures in 1..=5 {
        assert!(fixture.validator.circuit_breaker.permit().is_ok(), "{failures}");
        fixture.fails("a").await;
        fixture.answered().await;
        assert_eq!(fixture.readiness.reasons(), [code::UNAVAILABLE]);
    }
    fixture.fails("a").await;
    assert_eq!(fixture.requests(), (5, 1), "the circuit breaker is open");
}

#[tokio::test(start_paused = true)]
async fn failures_during_a_control_question_count_if_it_fails() {
    let fixture = Fixture::new();
    fixture.unavailable();
    for _ in 0..5 {
        fixture.fails("a").await;
    }
    assert!(fixture.readiness.is_healthy(), "the control question is in flight");
    fixture.answered().await;
    assert_eq!(fixture.readiness.reasons(), [code::UNAVAILABLE]);
    fixture.fails("a").await;
    assert_eq!(fixture.requests(), (5, 1), "the circuit breaker is open");
}

#[tokio::test(start_paused = true)]
async fn the_control_question_decides_about_a_probe_that_fails() {
    let fixture = Fixture::new();
    fixture.open().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    fixture.fails("odd").await;
    assert!(fixture.validator.circuit_breaker.permit().is_err(), "the probe is in flight until the answer");
    fixture.answered().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    fixture.fails("a").await;
    assert_eq!(fixture.requests(), (6, 2), "the outage continues: the backoff has doubled");
    tokio::time::advance(Duration::from_secs(1)).await;
    fixture.set_outage(None);
    fixture.fails("odd").await;
    fixture.answered().await;
    assert!(fixture.readiness.is_healthy(), "the outage is over, although the token of the probe fails");
    fixture.validate("good").await.unwrap();
    assert_eq!(fixture.requests(), (8, 3));
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_make_the_server_unready_if_a_random_token_confirms_it() {
    let fixture = Fixture::new();
    fixture.set_outage(Outage::Unavailable(Unavailable::new("wrong secret").misconfigured()));
    fixture.fails("a").await;
    assert!(fixture.readiness.is_healthy());
    fixture.answered().await;
    assert_eq!(fixture.readiness.reasons(), [code::CREDENTIALS_REJECTED]);
}

#[tokio::test(start_paused = true)]
async fn a_control_question_that_hangs_or_panics_counts_as_a_failure() {
    for (outage, time_limit) in [(Outage::Hang, Duration::from_secs(5)), (Outage::Panic, Duration::ZERO)] {
        let fixture = Fixture::new();
        fixture.set_outage(outage);
        for _ in 0..5 {
            fixture.fails("a").await;
        }
        fixture.answered().await;
        tokio::time::advance(time_limit).await;
        fixture.answered().await;
        assert_eq!(fixture.readiness.reasons(), [code::UNAVAILABLE]);
        fixture.fails("a").await;
        assert_eq!(fixture.requests(), (5, 1), "the circuit breaker is open");
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_question_ends_with_the_server() {
    let Fixture { upstream, validator, readiness } = Fixture::new();
    *upstream.outage.lock().unwrap() = Some(Outage::Hang);
    assert!(validator.validate(&BearerToken::parse("a").unwrap(), &TokenClass::Known).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(upstream.questions.load(Ordering::SeqCst), 1);
    assert!(!upstream.dropped.load(Ordering::SeqCst));
    drop(validator);
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(upstream.dropped.load(Ordering::SeqCst));
    assert!(readiness.is_healthy());
    assert_eq!(Arc::strong_count(&upstream), 1, "the task has ended");
}
