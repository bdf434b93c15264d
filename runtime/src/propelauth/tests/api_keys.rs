//! Validation of API keys against an HTTP server on loopback.

use http::{Method, header};
use serde_json::{Value, json};

use super::{
    stub::{Request, response},
    *,
};
use crate::auth::Severity;

const KEY: &str = "00112233445566778899aabbccddeeff";
const BACKEND_KEY: &str = "backend-hunter2";
const PATH: &str = "/api/backend/v1/end_user_api_keys/validate";

fn api_keys(auth_url: &str) -> PropelAuthApiKeys {
    PropelAuthApiKeys::new(auth_url, BACKEND_KEY).unwrap()
}

async fn validate(keys: &PropelAuthApiKeys, key: &str) -> Result<Claims, ValidationError> {
    keys.validate(&BearerToken::parse(key).unwrap(), &Resource::new("https://mcp.example.com/mcp")).await
}

async fn validate_at(stub: &Stub) -> Result<Claims, ValidationError> {
    validate(&api_keys(&stub.url), KEY).await
}

/// Returns the reason and the retry delay of a failed validation, with the URL of the stub replaced.
async fn failure(stub: &Stub) -> (String, Option<Duration>) {
    let Err(ValidationError::Unavailable(unavailable)) = validate_at(stub).await else {
        panic!("the key was validated");
    };
    let reason = unavailable.reason.replace(&stub.url, "URL");
    assert!(!reason.contains(KEY) && !reason.contains(BACKEND_KEY), "{reason}");
    (reason.strip_prefix(&format!("PropelAuth at URL{PATH}: ")).unwrap().to_owned(), unavailable.retry_after)
}

/// Response about a key with this metadata.
fn generic(metadata: &Value) -> String {
    json!({"metadata": metadata, "user": null, "org": null, "user_in_org": null}).to_string()
}

#[tokio::test]
async fn the_request_has_the_key_as_json_and_the_backend_key_as_bearer() {
    let stub = Stub::responding(200, generic(&json!({"scopes": "a b"}))).await;
    for auth_url in [stub.url.clone(), format!("{}/", stub.url)] {
        let claims = validate(&api_keys(&auth_url), KEY).await.unwrap();
        assert_eq!(claims.scopes, ["a", "b"]);
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!((request.method, request.uri.path()), (Method::POST, PATH));
        assert_eq!(request.body, format!(r#"{{"api_key_token":"{KEY}"}}"#));
        assert_eq!(request.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(request.headers[header::AUTHORIZATION], "Bearer backend-hunter2");
    }
}

#[tokio::test]
async fn only_a_response_that_names_the_key_makes_it_invalid() {
    for status in [400, 401, 404] {
        for body in
            [json!({"api_key_token": "Invalid API key"}), json!({"api_key_token": ["a", "b"], "wait_seconds": "7"})]
        {
            let stub = Stub::responding(status, body.to_string()).await;
            assert!(matches!(validate_at(&stub).await, Err(ValidationError::Inactive(_))), "{status} {body}");
        }
    }
    for (status, body, expected) in [
        (400, "", "unexpected status 400 Bad Request"),
        (400, r#"{"error": "bad"}"#, "unexpected status 400 Bad Request"),
        (400, r#"{"api_key_token": null}"#, "unexpected status 400 Bad Request"),
        (400, r#"["api_key_token"]"#, "unexpected status 400 Bad Request"),
        (
            404,
            "<html>",
            "not found (404): set PROPELAUTH_AUTH_URL to the Auth URL that the dashboard shows under Backend Integration",
        ),
        (429, "", "PropelAuth limits the rate of requests (429 Too Many Requests)"),
        (500, r#"{"api_key_token": "Invalid"}"#, "unexpected status 500 Internal Server Error"),
        (503, "", "temporarily unavailable (503 Service Unavailable)"),
        (200, "{}", "invalid response: it has neither `user`, `org` nor `metadata`"),
        (200, "<html>", "invalid response: it is not a JSON object with the members that PropelAuth documents"),
    ] {
        let stub = Stub::responding(status, body).await;
        assert_eq!(failure(&stub).await.0, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn an_error_about_the_backend_key_says_what_to_do_in_the_dashboard() {
    for status in [401, 403] {
        let stub = Stub::responding(status, "").await;
        let (reason, _) = failure(&stub).await;
        assert!(reason.contains("Backend Integration -> Create New API Key"), "{reason}");
        assert!(reason.ends_with("and set PROPELAUTH_API_KEY"), "{reason}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_unavailable_with_its_delay() {
    for (headers, body, delay) in [
        (&[][..], r#"{"wait_seconds": 7, "error_code": "rate", "user_facing_error": "slow"}"#, Some(7)),
        (&[("retry-after", "3")], r#"{"wait_seconds": 7}"#, Some(3)),
        (&[], r#"{"wait_seconds": 1e9}"#, Some(300)),
        (&[], r#"{"wait_seconds": -1}"#, None),
        (&[], r#"{"wait_seconds": "7"}"#, None),
        (&[], r#"{"api_key_token": "x"}"#, None),
        (&[], "", None),
    ] {
        let stub = Stub::new(move |_| Some(response(429, headers, body))).await;
        assert_eq!(failure(&stub).await.1, delay.map(Duration::from_secs), "{body}");
    }
}

#[tokio::test]
async fn a_token_of_another_form_is_never_sent() {
    let stub = Stub::new(|request: &Request| {
        let key: Value = serde_json::from_str(&request.body).unwrap();
        let key = key["api_key_token"].as_str().unwrap();
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        Some(response(400, &[], r#"{"api_key_token": "Invalid"}"#))
    })
    .await;
    for token in ["access-token", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "abc"] {
        let Err(ValidationError::Inactive(inactive)) = validate(&api_keys(&stub.url), token).await else { panic!() };
        assert_eq!(inactive.to_string(), "the token does not have the form of an API key of PropelAuth");
    }
    assert_eq!(stub.requests().len(), 3);
    let down = Stub::responding(500, "").await;
    let result = validate(&api_keys(&down.url), "access-token").await;
    assert!(matches!(result, Err(ValidationError::Unavailable(_))), "an outage is recognized");
    let trusting = Stub::responding(200, generic(&json!(null))).await;
    let result = validate(&api_keys(&trusting.url), "access-token").await;
    assert!(matches!(result, Err(ValidationError::Unavailable(_))), "a random key is not valid");
}

#[tokio::test]
async fn a_key_for_another_server_and_a_key_with_unreadable_metadata_are_inactive_with_a_reason() {
    for (metadata, expected) in [
        (json!({"resource": "https://other.example.com/mcp"}), "the API key is not for this server"),
        (json!({"scopes": {"a": true}}), "`scopes` in the metadata of the API key is neither a string"),
    ] {
        let stub = Stub::responding(200, generic(&metadata)).await;
        let Err(ValidationError::Inactive(inactive)) = validate_at(&stub).await else { panic!("{metadata}") };
        assert!(inactive.to_string().starts_with(expected), "{inactive}");
    }
    let stub = Stub::responding(200, generic(&json!({"scopes": "a"}))).await;
    assert!(validate_at(&stub).await.is_ok());
    let strict = api_keys(&stub.url).require_resource();
    assert!(matches!(validate(&strict, KEY).await, Err(ValidationError::Inactive(_))));
}

#[tokio::test]
async fn the_limits_of_requests_apply() {
    let stub = Stub::responding(200, generic(&json!({"padding": "x".repeat(1000)}))).await;
    let keys = api_keys(&stub.url).max_response_bytes(1000);
    let Err(ValidationError::Unavailable(unavailable)) = validate(&keys, KEY).await else { panic!() };
    assert!(unavailable.reason.ends_with("the response is larger than 1000 bytes"), "{unavailable}");
    let large_error = Stub::responding(400, json!({"api_key_token": "x".repeat(1000)}).to_string()).await;
    let keys = api_keys(&large_error.url).max_response_bytes(1000);
    assert!(matches!(validate(&keys, KEY).await, Err(ValidationError::Unavailable(_))));
    let silent = Stub::new(|_| None).await;
    let keys = api_keys(&silent.url).timeout(Duration::from_millis(50)).connect_timeout(Duration::from_secs(5));
    let Err(ValidationError::Unavailable(unavailable)) = validate(&keys, KEY).await else { panic!() };
    assert!(unavailable.reason.ends_with("no complete response within 50ms"), "{unavailable}");
    let redirect = Stub::new(|_| Some(response(307, &[("location", "/other")], ""))).await;
    assert!(failure(&redirect).await.0.starts_with("the response is a redirect"));
    assert_eq!(redirect.requests().len(), 1);
}

#[tokio::test]
async fn preflight_distinguishes_the_backend_key_from_keys() {
    for (status, body, expected) in [
        (400, r#"{"api_key_token": "Invalid"}"#, None),
        (401, "", Some("credentials_rejected")),
        (404, "", Some("authorization_server_unavailable")),
        (500, "", Some("authorization_server_unavailable")),
        (200, &generic(&json!(null)), Some("api_keys_not_trustworthy")),
    ] {
        let stub = Stub::responding(status, body).await;
        let diagnostics = api_keys(&stub.url).preflight().await.unwrap();
        let codes: Vec<_> = diagnostics.iter().map(Diagnostic::code).collect();
        assert_eq!(codes, expected.into_iter().collect::<Vec<_>>(), "{status}");
        assert!(diagnostics.iter().all(|diagnostic| diagnostic.severity() == Severity::Fatal));
        assert!(diagnostics.iter().all(|diagnostic| !diagnostic.text().contains(BACKEND_KEY)));
    }
}

#[test]
fn api_keys_have_the_users_of_access_tokens() {
    let (auth, keys) = (propel_auth("http://127.0.0.1:1/"), api_keys("http://127.0.0.1:1"));
    assert_eq!(auth.user_namespace(), keys.user_namespace());
    assert!(auth.user_namespace().is_some());
}
