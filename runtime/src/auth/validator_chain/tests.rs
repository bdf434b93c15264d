use std::{borrow::Cow, sync::Mutex};

use async_trait::async_trait;

use super::*;
use crate::auth::{Caller, IntoValidators, StaticTokens, TokenValidator, code};

/// Validator of tokens that begin with its prefix. It records the tokens that it was asked about.
struct Prefixed {
    prefix: &'static str,
    /// Form that it reports for tokens without its prefix.
    others: TokenForm,
    is_available: bool,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl TokenValidator for Prefixed {
    async fn validate(&self, token: &BearerToken, resource: &Resource) -> Result<Claims, ValidationError> {
        if !token.expose().starts_with("control-") {
            self.asked.lock().unwrap().push(format!("{}{}", self.prefix, token.expose()));
        }
        if !self.is_available {
            return Err(Unavailable::new(format!("{} is down", self.prefix)).permanent().into());
        }
        if token.expose().starts_with(self.prefix) && !token.expose().ends_with("revoked") {
            return Ok(Claims::new().subject(self.prefix).audience([resource.url()]));
        }
        Err(Inactive::new(format!("unknown to {}", self.prefix)).into())
    }

    fn token_form(&self, token: &BearerToken) -> TokenForm {
        if token.expose().starts_with(self.prefix) { TokenForm::Own } else { self.others }
    }
}

struct Fixture {
    chain: ValidatorChain,
    readiness: Arc<Readiness>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    /// Creates a chain of validators with the prefixes `a.` and `b.`, and one of opaque tokens.
    fn new(others: TokenForm, is_available: [bool; 2]) -> Self {
        let asked = Arc::default();
        let validator = |prefix, is_available| Prefixed { prefix, others, is_available, asked: Arc::clone(&asked) };
        let opaque = StaticTokens::new().token("opaque", Claims::new().subject("opaque"));
        let validators = validator("a.", is_available[0]).or(validator("b.", is_available[1])).or(opaque);
        let readiness = Arc::new(Readiness::new(3));
        let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
        Self { chain: ValidatorChain::new(&validators, &readiness, &resource), readiness, asked }
    }

    /// Validates a token. Returns its subject or the text of the error, with the validators that were asked.
    async fn validate(&self, token: &str) -> (String, Vec<String>) {
        let result = self.chain.validate(&BearerToken::parse(token).unwrap(), &TokenClass::Known).await;
        let text = match result {
            Ok(claims) => claims.subject.unwrap(),
            Err(ValidationError::Inactive(inactive)) => format!("401 {inactive}"),
            Err(ValidationError::Unavailable(unavailable)) => format!("503 {unavailable}"),
        };
        (text, std::mem::take(&mut *self.asked.lock().unwrap()))
    }
}

#[tokio::test]
async fn a_token_of_a_known_form_is_validated_by_its_own_validator_only() {
    let fixture = Fixture::new(TokenForm::Unknown, [true, true]);
    assert_eq!(fixture.validate("b.1").await, ("b.".to_owned(), vec!["b.b.1".to_owned()]));
    assert_eq!(fixture.validate("a.revoked").await, ("401 unknown to a.".to_owned(), vec!["a.a.revoked".to_owned()]));
}

#[tokio::test]
async fn a_token_of_an_unknown_form_is_validated_by_all_until_one_knows_it() {
    let fixture = Fixture::new(TokenForm::Unknown, [true, true]);
    assert_eq!(fixture.validate("opaque").await, ("opaque".to_owned(), vec!["a.opaque".into(), "b.opaque".into()]));
    let (text, asked) = fixture.validate("other").await;
    assert_eq!((text.as_str(), asked.len()), ("401 not one of the static tokens", 2));
}

#[tokio::test]
async fn a_validator_whose_tokens_likely_have_the_form_is_asked_first_and_the_others_after_it() {
    let asked = Arc::default();
    let validator = |prefix, others| Prefixed { prefix, others, is_available: true, asked: Arc::clone(&asked) };
    let validators = validator("a.", TokenForm::Unknown).or(validator("b.", TokenForm::Likely));
    let readiness = Arc::new(Readiness::new(2));
    let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
    let chain = ValidatorChain::new(&validators, &readiness, &resource);
    let fixture = Fixture { chain, readiness, asked: Arc::clone(&asked) };
    let (text, asked) = fixture.validate("other").await;
    assert_eq!((text.as_str(), asked), ("401 unknown to a.", vec!["b.other".to_owned(), "a.other".to_owned()]));
}

#[tokio::test]
async fn a_validator_is_not_asked_about_tokens_of_a_foreign_form() {
    let fixture = Fixture::new(TokenForm::Foreign, [false, false]);
    assert_eq!(fixture.validate("opaque").await, ("opaque".to_owned(), vec![]));
    assert_eq!(fixture.validate("other").await, ("401 not one of the static tokens".to_owned(), vec![]));
}

#[tokio::test]
async fn an_outage_of_one_validator_never_makes_a_token_inactive() {
    let fixture = Fixture::new(TokenForm::Unknown, [false, true]);
    assert_eq!(fixture.validate("opaque").await.0, "opaque", "another validator knows it");
    assert_eq!(fixture.validate("other").await.0, "503 a. is down", "the validator that is down may know it");
    assert_eq!(fixture.validate("b.1").await.0, "b.");
    assert_eq!(fixture.validate("b.revoked").await.0, "401 unknown to b.", "it cannot be a token of the other one");
    assert_eq!(fixture.validate("a.1").await.0, "503 a. is down");
}

#[tokio::test(start_paused = true)]
async fn each_validator_has_its_own_circuit_breaker_and_readiness() {
    let fixture = Fixture::new(TokenForm::Unknown, [false, true]);
    for _ in 0..5 {
        fixture.validate("a.1").await;
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.validate("a.1").await.1, [""; 0], "its circuit breaker is open");
    assert_eq!(fixture.validate("b.1").await, ("b.".to_owned(), vec!["b.b.1".to_owned()]));
    assert_eq!(fixture.readiness.reasons(), [""; 0], "the server can validate tokens");
    assert!(fixture.readiness.problems().contains(&code::UNAVAILABLE));
}

#[tokio::test]
async fn a_server_with_one_validator_asks_it_about_tokens_of_any_form() {
    let asked = Arc::default();
    let validator = Prefixed { prefix: "a.", others: TokenForm::Foreign, is_available: false, asked };
    let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
    let chain = ValidatorChain::new(&validator.into_validators(), &Arc::default(), &resource);
    let result = chain.validate(&BearerToken::parse("other").unwrap(), &TokenClass::Known).await;
    assert!(matches!(result, Err(ValidationError::Unavailable(_))));
}

/// Validator of one token, whose user has the ID `1` in a namespace.
struct OneUser {
    token: &'static str,
    namespace: Option<&'static str>,
}

#[async_trait]
impl TokenValidator for OneUser {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        if token.expose() == self.token {
            Ok(Claims::new().subject("1"))
        } else {
            Err(Inactive::new("unknown").into())
        }
    }

    fn user_namespace(&self) -> Option<Cow<'_, str>> {
        self.namespace.map(Cow::Borrowed)
    }
}

#[tokio::test]
async fn users_of_two_validators_are_the_same_only_in_the_same_namespace() {
    let is_same = async |namespaces: [Option<&'static str>; 2]| {
        let [one, two] = namespaces;
        let validators = OneUser { token: "one", namespace: one }.or(OneUser { token: "two", namespace: two });
        let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
        let chain = ValidatorChain::new(&validators, &Arc::new(Readiness::new(2)), &resource);
        let mut callers = Vec::new();
        for token in ["one", "two"] {
            let token = BearerToken::parse(token).unwrap();
            let claims = chain.validate(&token, &TokenClass::Known).await.unwrap();
            callers.push(Caller::of_token(&token, &claims, Arc::default()));
        }
        #[cfg(feature = "rates")]
        assert_eq!(
            callers[0].principal() == callers[1].principal(),
            callers[0].rate_subject() == callers[1].rate_subject()
        );
        callers[0].principal() == callers[1].principal()
    };
    assert!(is_same([None, None]).await);
    assert!(is_same([Some("https://auth.example.com"), Some("https://auth.example.com")]).await);
    assert!(!is_same([Some("https://auth.example.com"), Some("https://other.example.com")]).await);
    assert!(!is_same([Some("https://auth.example.com"), None]).await);
}

#[tokio::test]
async fn the_form_of_a_token_is_determined_once_for_each_validator() {
    struct Counting(Arc<Mutex<usize>>, TokenForm);

    #[async_trait]
    impl TokenValidator for Counting {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Inactive::new("unknown").into())
        }

        fn token_form(&self, _: &BearerToken) -> TokenForm {
            *self.0.lock().unwrap() += 1;
            self.1
        }
    }

    for form in [TokenForm::Own, TokenForm::Likely, TokenForm::Unknown, TokenForm::Foreign] {
        let count = Arc::default();
        let validators = Counting(Arc::clone(&count), form).or(StaticTokens::new());
        let resource = Arc::new(Resource::new("https://mcp.example.com/mcp"));
        let chain = ValidatorChain::new(&validators, &Arc::new(Readiness::new(2)), &resource);
        let _ = chain.validate(&BearerToken::parse("token").unwrap(), &TokenClass::Known).await;
        assert_eq!(*count.lock().unwrap(), 1, "{form:?}");
    }
}
