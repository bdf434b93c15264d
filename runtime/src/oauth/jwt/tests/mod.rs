//! Tests of the validator against an HTTP server on loopback, with keys that the tests generate.

mod claims;
mod issuer;
mod keys;
mod signatures;

use serde_json::{Value, json};

use self::issuer::{Key, TestIssuer, encode};
use super::*;

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn unix_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Validates a token and returns its claims, or the reason why it has none.
async fn validate(auth: &Jwt, token: &str) -> Result<Claims, ValidationError> {
    auth.validate(&BearerToken::parse(token).unwrap(), &Resource::new(RESOURCE)).await
}

/// Validates an invalid token and returns the reason.
async fn reason(auth: &Jwt, token: &str) -> String {
    match validate(auth, token).await {
        Err(ValidationError::Inactive(Inactive { reason })) => reason.into_owned(),
        other => panic!("the token is not inactive: {other:?}"),
    }
}

fn is_unavailable(result: &Result<Claims, ValidationError>) -> bool {
    matches!(result, Err(ValidationError::Unavailable(_)))
}

#[test]
fn debug_shows_the_settings() {
    let auth = Jwt::new("http://127.0.0.1:1").unwrap().audience("api://mcp");
    let text = format!("{auth:?}");
    assert!(text.contains("http://127.0.0.1:1") && text.contains("api://mcp"), "{text}");
}

#[test]
fn the_clock_skew_and_the_age_of_keys_are_bounded() {
    let auth = Jwt::new("http://127.0.0.1:1").unwrap();
    let auth = auth.clock_skew(Duration::from_hours(10)).max_key_age(Duration::ZERO);
    assert_eq!(auth.clock_skew, MAX_CLOCK_SKEW);
    assert_eq!(auth.times.max_age, auth.times.refresh_after);
    assert!(matches!(auth.algorithms([]), Err(ConfigError::NoAlgorithm)));
}

#[test]
fn the_form_of_a_token_shows_whether_the_issuer_has_issued_it() {
    let auth = Jwt::new("https://auth.example.com/a").unwrap();
    let form = |token: &str| auth.token_form(&BearerToken::parse(token).unwrap());
    let with_payload = |payload: &str| format!("e30.{}.c2ln", encode(payload));
    assert_eq!(form(&with_payload(r#"{"iss":"https://auth.example.com/a"}"#)), TokenForm::Own);
    for payload in [
        r#"{"iss":"https://auth.example.com/a/"}"#,
        r#"{"iss":"https://auth.example.com"}"#,
        r#"{"iss":["https://auth.example.com/a"]}"#,
        r#"{"iss":"https://auth.example.com/a","iss":"https://auth.example.com/a"}"#,
        "{}",
        "",
    ] {
        assert_eq!(form(&with_payload(payload)), TokenForm::Foreign, "{payload}");
    }
    for token in ["opaque", "a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e"] {
        assert_eq!(form(token), TokenForm::Foreign, "{token}");
    }
}

#[tokio::test]
async fn the_metadata_of_the_issuer_is_advertised() {
    let issuer = TestIssuer::new([Key::ec("1")]).await;
    let server = issuer.jwt().authorization_server("https://mcp.example.com").await.unwrap();
    assert_eq!(server.issuer.as_deref(), Some(issuer.url()));
    assert_eq!(server.document.unwrap()["jwks_uri"], format!("{}/keys", issuer.url()));
    assert_eq!(issuer.jwt().default_issuer().as_deref(), Some(issuer.url()));
    assert!(!issuer.jwt().reports_revocations());
}

#[tokio::test]
async fn the_preflight_check_fetches_the_keys() {
    let issuer = TestIssuer::new([Key::ec("1")]).await;
    let auth = issuer.jwt();
    let diagnostics = auth.preflight().await.unwrap();
    assert!(diagnostics.iter().all(|diagnostic| !diagnostic.is_fatal()), "{diagnostics:?}");
    issuer.set_keys(&json!({"keys": []}));
    let [.., diagnostic] = &auth.preflight().await.unwrap()[..] else { panic!("no diagnostic") };
    assert_eq!((diagnostic.code(), diagnostic.is_fatal()), ("keys_outdated", false));
    let [.., diagnostic] = &issuer.jwt().preflight().await.unwrap()[..] else { panic!("no diagnostic") };
    assert!(diagnostic.is_fatal() && diagnostic.text().contains("no key can verify signatures"), "{diagnostic}");
}
