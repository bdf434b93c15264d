//! A token that cannot be checked gets 503 and never runs a tool. 401 is only for invalid tokens, because clients discard
//! a token on 401.

use std::time::Duration;

use serde_json::json;
use toolgate::{
    PropelAuth,
    auth::{BearerToken, Claims, Resource, TokenValidator, Unavailable, ValidationError, async_trait},
};
use toolgate_dev_tenant::Fault;
use toolgate_tests::{HttpResponse, Revision, TestServer, propel_auth, start_tenant, tenant_server, token_for};

async fn call(server: &TestServer, token: &str, revision: Revision) -> HttpResponse {
    server.client_with(token, revision).call("request_info", json!({})).await
}

fn assert_unavailable(response: &HttpResponse, what: &str) {
    assert_eq!(response.status, 503, "{what}: {response:?}");
    let seconds: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&seconds), "{what}: {seconds}");
    assert!(response.challenge().is_none(), "{what}: a client would discard its token");
    assert_eq!(response.json()["error"], "temporarily_unavailable", "{what}");
    for detail in ["oauth/2.1", "PROPELAUTH", "127.0.0.1", "introspect", "credential"] {
        assert!(!response.text.contains(detail), "{what}: the response reveals {detail}: {response:?}");
    }
}

/// Asserts that a server responds with 503 while the tenant has a fault, and works again without it.
async fn assert_fails_closed(fault: Fault, configure: impl FnOnce(PropelAuth) -> PropelAuth) {
    let tenant = start_tenant().await;
    let auth = configure(propel_auth(&tenant));
    let server = TestServer::with(|server| server.auth(auth)).await;
    let tokens = [(); 3].map(|()| token_for(&tenant, "HR", &server.endpoint));
    tenant.set_fault(fault.clone());
    for (token, revision) in tokens.iter().zip(Revision::BOTH) {
        assert_unavailable(&call(&server, token, revision).await, &format!("{fault:?} {revision}"));
    }
    assert_unavailable(&call(&server, "no-such-token", Revision::Modern).await, "an unknown token");
    assert_eq!(server.bodies.runs(), 0, "no body ran");
    tenant.clear_fault();
    assert!(call(&server, &tokens[2], Revision::Modern).await.is_success(), "after {fault:?}");
}

#[tokio::test]
async fn a_500_from_the_authorization_server_gets_503() {
    assert_fails_closed(Fault::ServerError, |auth| auth).await;
}

#[tokio::test]
async fn a_429_from_the_authorization_server_gets_503() {
    assert_fails_closed(Fault::TooManyRequests { retry_after_seconds: None }, |auth| auth).await;
}

#[tokio::test]
async fn a_response_that_is_not_json_gets_503() {
    assert_fails_closed(Fault::MalformedJson, |auth| auth).await;
}

#[tokio::test]
async fn an_oversized_response_gets_503() {
    assert_fails_closed(Fault::oversized(), |auth| auth).await;
    assert_fails_closed(Fault::Oversized { bytes: 2_000 }, |auth| auth.max_response_bytes(1_000)).await;
}

#[tokio::test]
async fn a_redirect_gets_503() {
    assert_fails_closed(Fault::Redirect, |auth| auth).await;
}

#[tokio::test]
async fn a_response_without_active_gets_503() {
    assert_fails_closed(Fault::MissingActive, |auth| auth).await;
}

#[tokio::test]
async fn rejected_client_credentials_get_503() {
    assert_fails_closed(Fault::WrongCredentials, |auth| auth).await;
}

#[tokio::test]
async fn a_late_or_missing_response_gets_503() {
    let short_timeout = |auth: PropelAuth| auth.timeout(Duration::from_millis(250));
    assert_fails_closed(Fault::Hang, short_timeout).await;
    assert_fails_closed(Fault::delay(Duration::from_mins(1)), short_timeout).await;
}

#[tokio::test]
async fn the_retry_after_of_the_authorization_server_is_passed_on() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    tenant.set_fault(Fault::TooManyRequests { retry_after_seconds: Some(17) });
    let response = call(&server, &token_for(&tenant, "HR", &server.endpoint), Revision::Modern).await;
    assert_unavailable(&response, "429");
    assert_eq!(response.header("retry-after"), "17");
}

#[tokio::test]
async fn an_unreachable_authorization_server_gets_503() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.shutdown().await;
    for revision in Revision::BOTH {
        assert_unavailable(&call(&server, &token, revision).await, "unreachable");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_wrong_client_secret_gets_503() {
    let tenant = start_tenant().await;
    let auth = PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), "not-the-secret").unwrap();
    let server = TestServer::with(|server| server.auth(auth)).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for revision in Revision::BOTH {
        assert_unavailable(&call(&server, &token, revision).await, "wrong secret");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn an_expired_token_gets_401_even_if_reported_active() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.set_fault(Fault::ExpiredButActive);
    for revision in Revision::BOTH {
        assert_eq!(call(&server, &token, revision).await.status, 401);
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_scope_array_is_read_like_a_scope_string() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    tenant.set_fault(Fault::ScopeAsArray);
    for revision in Revision::BOTH {
        let client = server.client_with(&token_for(&tenant, "Support", &server.endpoint), revision);
        assert!(client.tool_names().await.contains(&"people_public".to_owned()));
        assert_eq!(client.call("people_private", json!({})).await.status, 403);
    }
}

/// Validator that fails or panics.
struct BrokenValidator;

#[async_trait]
impl TokenValidator for BrokenValidator {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        match token.expose() {
            "unavailable" => Err(Unavailable::new("the password is swordfish").into()),
            _ => panic!("the password is swordfish"),
        }
    }
}

#[tokio::test]
async fn a_panicking_validator_authorizes_no_call_and_the_server_keeps_running() {
    let server = TestServer::with(|server| server.auth(BrokenValidator)).await;
    for revision in Revision::BOTH {
        let client = server.client_with("panics", revision);
        let message = revision.call_message("request_info", &json!({}));
        // A panic may close its connection.
        if let Ok(response) = client.request(&message).send().await {
            assert!(response.status().is_server_error(), "{}", response.status());
        }
        let response = call(&server, "unavailable", revision).await;
        assert_unavailable(&response, "unavailable");
        assert!(!response.text.contains("swordfish"));
    }
    assert_eq!(server.bodies.runs(), 0);
}
