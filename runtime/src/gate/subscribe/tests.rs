use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use axum::body::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::{HeaderMap, header};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::{
    audit::AuditLog,
    auth::{
        AudiencePolicy, Claims, Inactive, IntoValidators as _, Resource, Revocation, TokenCache, TokenCacheConfig,
        TokenValidator, Unavailable, ValidationError, ValidatorChain,
    },
    operation::States,
    registry::{ListSettings, RateOverrides, Registry, RegistryConfig},
    scope::ScopeIndex,
};

/// A validator that responds when the test adds a permit.
struct Gated {
    permits: Semaphore,
    validations: AtomicUsize,
    org: std::sync::Mutex<Option<Result<&'static str, ValidationError>>>,
}

struct Validator(Arc<Gated>);

#[async_trait]
impl TokenValidator for Validator {
    async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.0.permits.acquire().await.unwrap().forget();
        self.0.validations.fetch_add(1, Ordering::Relaxed);
        let org = self.0.org.lock().unwrap().clone().unwrap_or(Ok("org-1"))?;
        Ok(Claims::new().subject("harriet").organization(org, "HR").audience_verified())
    }
}

struct Fixture {
    gate: SubscriptionGate,
    dispatcher: Dispatcher,
    clock: Arc<RevocationClock>,
    validator: Arc<Gated>,
}

type Sender = mpsc::UnboundedSender<Bytes>;

impl Fixture {
    fn new() -> Self {
        let (clock, validator) = (
            Arc::new(RevocationClock::new(Duration::from_mins(5))),
            Arc::new(Gated {
                permits: Semaphore::new(0),
                validations: AtomicUsize::new(0),
                org: std::sync::Mutex::default(),
            }),
        );
        let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
        let validators = Validator(Arc::clone(&validator)).into_validators();
        let chain = ValidatorChain::new(&validators, &Arc::default(), &resource);
        let config = TokenCacheConfig { ttl: Some(Duration::from_mins(5)), ..TokenCacheConfig::default() };
        let cache = TokenCache::new(config, Arc::clone(&clock));
        let authenticator = Authenticator::new(chain, cache, Arc::default(), resource, AudiencePolicy::default());
        let gate = SubscriptionGate::new(
            Notifications::new(),
            Arc::new(authenticator),
            Arc::clone(&clock),
            Duration::from_mins(5),
        );
        let registry = Registry::new(RegistryConfig {
            lists: &[],
            index: &ScopeIndex::default(),
            required_for_all: &[],
            states: States::default(),
            mounted: Vec::new(),
            deny: Vec::new(),
            default_timeout: None,
            max_result_bytes: 1024,
            lists_acquirable_tools: false,
            rates: RateOverrides::default(),
        });
        let lists = ListSettings { ttl: Duration::ZERO, page_size: 1 };
        let dispatcher = Dispatcher::new(Arc::new(registry.unwrap()), AuditLog::new(String::new()), false, lists);
        Self { gate, dispatcher, clock, validator }
    }

    /// Opens a subscription whose stream has what the sender sends.
    async fn open(&self) -> (Sender, axum::body::BodyDataStream) {
        let token = BearerToken::parse("token").unwrap();
        let since = self.clock.epoch();
        self.validator.permits.add_permits(1);
        let caller = self.gate.renewals.authenticator.authenticate(&token, TokenClass::Known).await.unwrap();
        let access = Access { caller, since, clock: Arc::clone(&self.clock) };
        let message = Message::parse(
            br#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}"#,
        )
        .unwrap();
        let info = RequestInfo::from_headers(&HeaderMap::new());
        let opened = self.gate.open(&message, info, &self.dispatcher, &access, token).await;
        let (subscription, access) = opened.unwrap();
        let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
        // The handler drops the subscription with the stream.
        let items = stream::unfold((receiver, subscription), |(mut receiver, subscription)| async move {
            let item = receiver.recv().await?;
            Some((Ok::<_, std::io::Error>(item), (receiver, subscription)))
        });
        let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
        let response = access.hold(response.body(Body::from_stream(items)).unwrap());
        (sender, response.into_body().into_data_stream())
    }

    fn respond(&self, org: Result<&'static str, ValidationError>) {
        *self.validator.org.lock().unwrap() = Some(org);
        self.validator.permits.add_permits(10);
    }
}

fn harriet() -> Revocation {
    Revocation::User("harriet".to_owned())
}

#[tokio::test]
async fn an_item_waits_until_the_access_is_renewed() {
    let fixture = Fixture::new();
    let (sender, mut body) = fixture.open().await;
    sender.send("before".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "before");
    fixture.clock.revoke(&harriet());
    sender.send("after".into()).unwrap();
    for _ in 0..100 {
        assert!(body.next().now_or_never().is_none(), "the token is being validated");
        tokio::task::yield_now().await;
    }
    fixture.respond(Ok("org-1"));
    assert_eq!(body.next().await.unwrap().unwrap(), "after");
    assert_eq!(fixture.validator.validations.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn nothing_is_sent_if_the_access_cannot_be_renewed() {
    for result in
        [Err(Inactive::new("unknown").into()), Err(Unavailable::new("down").into()), Ok("another organization")]
    {
        let fixture = Fixture::new();
        let (sender, mut body) = fixture.open().await;
        fixture.clock.revoke(&harriet());
        sender.send("secret".into()).unwrap();
        fixture.respond(result);
        assert!(body.next().await.is_none());
        sender.closed().await;
    }
}

#[tokio::test]
async fn a_revocation_of_another_user_does_not_validate_the_token() {
    let fixture = Fixture::new();
    let (sender, mut body) = fixture.open().await;
    fixture.clock.revoke(&Revocation::User("another user".to_owned()));
    sender.send("one".into()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    assert_eq!(fixture.validator.validations.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_revocation_during_the_renewal_causes_another_one() {
    let fixture = Fixture::new();
    let (sender, mut body) = fixture.open().await;
    fixture.clock.revoke(&harriet());
    sender.send("one".into()).unwrap();
    assert!(body.next().now_or_never().is_none());
    tokio::task::yield_now().await;
    fixture.clock.revoke(&harriet());
    fixture.respond(Ok("org-1"));
    assert_eq!(body.next().await.unwrap().unwrap(), "one");
    assert!(fixture.validator.validations.load(Ordering::Relaxed) >= 2);
}
