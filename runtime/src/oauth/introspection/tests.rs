//! Tests of the validator against an HTTP server on loopback.

use std::{sync::Mutex, time::Duration};

use http::header;
use serde_json::{Value, json};

use super::*;
use crate::{
    auth::{Audience, Severity},
    oauth::stub::{Request, Stub, response},
};

const RESOURCE: &str = "https://mcp.example.com/mcp";
const CLIENT_ID: &str = "client id";
const CLIENT_SECRET: &str = "hunter2:%+é";

/// Authorization server with metadata at one path, which responds to every introspection request with one body.
async fn server(metadata_path: &'static str, issuer_path: &'static str, introspection: &Value) -> Stub {
    let introspection = introspection.to_string();
    Stub::new(move |request: &Request| {
        let origin = format!("http://{}", request.headers[header::HOST].to_str().unwrap());
        let path = request.uri.path();
        if path == "/introspect" {
            return Some(response(200, &[], introspection.clone()));
        }
        if path != metadata_path {
            return Some(response(404, &[], ""));
        }
        let metadata = json!({
            "issuer": format!("{origin}{issuer_path}"),
            "introspection_endpoint": format!("{origin}/introspect"),
            "registration_endpoint": format!("{origin}/register"),
            "code_challenge_methods_supported": ["plain", "S256"],
            "scopes_supported": ["employees:read"],
        });
        Some(response(200, &[], metadata.to_string()))
    })
    .await
}

const ROOT: &str = "/.well-known/oauth-authorization-server";

fn introspection(issuer: &str) -> Introspection {
    Introspection::new(issuer, CLIENT_ID, CLIENT_SECRET).unwrap()
}

async fn validate(auth: &Introspection) -> Result<Claims, ValidationError> {
    auth.validate(&BearerToken::parse("access-t0ken+/=").unwrap(), &Resource::new(RESOURCE)).await
}

/// Validates a token with this introspection response.
async fn validate_response(introspection_response: Value) -> Result<Claims, ValidationError> {
    let stub = server(ROOT, "", &introspection_response).await;
    validate(&introspection(&stub.url)).await
}

async fn unavailable(auth: &Introspection) -> String {
    match validate(auth).await {
        Err(ValidationError::Unavailable(unavailable)) => {
            let reason = unavailable.reason.to_string();
            assert!(!reason.contains("hunter2") && !reason.contains("t0ken"), "{reason}");
            reason
        }
        other => panic!("the validation did not fail: {other:?}"),
    }
}

#[test]
fn debug_shows_no_credentials() {
    let text = format!("{:?}", introspection("http://127.0.0.1:1"));
    assert!(text.contains("http://127.0.0.1:1"), "{text}");
    assert!(!text.contains(CLIENT_ID) && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn the_endpoint_is_discovered_at_each_address_that_a_server_may_use() {
    for (metadata_path, issuer_path) in [
        (ROOT, ""),
        (ROOT, "/"),
        ("/.well-known/openid-configuration", ""),
        ("/.well-known/oauth-authorization-server/realms/company", "/realms/company"),
        ("/.well-known/openid-configuration/realms/company", "/realms/company"),
        ("/realms/company/.well-known/openid-configuration", "/realms/company"),
        ("/realms/company/.well-known/openid-configuration", "/realms/company/"),
    ] {
        let stub = server(metadata_path, issuer_path, &json!({"active": true, "aud": RESOURCE})).await;
        let issuer = format!("{}{issuer_path}", stub.url);
        let auth = introspection(&issuer);
        assert!(validate(&auth).await.is_ok(), "{metadata_path}");
        let before = stub.requests().len();
        assert!(validate(&auth).await.is_ok());
        assert_eq!(stub.requests().len(), before + 1, "the endpoint is not discovered again");
        let advertised = auth.authorization_server("https://mcp.example.com").await.unwrap();
        assert_eq!(advertised.issuer, Some(issuer.clone()));
        assert_eq!(advertised.scopes_supported, Some(vec!["employees:read".to_owned()]));
        assert_eq!(advertised.document.unwrap()["issuer"], issuer);
    }
}

#[tokio::test]
async fn a17_a_document_of_another_issuer_is_not_used() {
    for issuer_path in ["/", "/other"] {
        let stub = server(ROOT, issuer_path, &json!({"active": true})).await;
        let auth = introspection(&stub.url);
        let reason = unavailable(&auth).await;
        assert!(reason.contains("names the issuer") && reason.contains("set OAUTH_ISSUER"), "{reason}");
        assert!(auth.authorization_server("https://mcp.example.com").await.is_err());
        assert!(stub.requests().iter().all(|request| request.uri.path() != "/introspect"));
    }
}

#[tokio::test]
async fn metadata_that_is_missing_or_has_no_endpoint_means_that_tokens_cannot_be_validated() {
    let stub = Stub::responding(404, "").await;
    let reason = unavailable(&introspection(&stub.url)).await;
    assert!(reason.contains("no metadata (404) at") && reason.contains("openid-configuration"), "{reason}");
    let stub = Stub::responding(200, "<html>").await;
    let reason = unavailable(&introspection(&stub.url)).await;
    assert!(reason.contains("it is not a JSON object"), "{reason}");
    let stub = Stub::new(|request: &Request| {
        let issuer = format!("http://{}", request.headers[header::HOST].to_str().unwrap());
        Some(response(200, &[], json!({"issuer": issuer}).to_string()))
    })
    .await;
    let auth = introspection(&stub.url);
    let reason = unavailable(&auth).await;
    assert!(reason.contains("no `introspection_endpoint`"), "{reason}");
    // The author can set it.
    let active = Stub::responding(200, json!({"active": true, "aud": RESOURCE}).to_string()).await;
    assert!(validate(&auth.introspection_endpoint(&active.url).unwrap()).await.is_ok());
    assert!(introspection(&stub.url).introspection_endpoint("http://auth.example.com").is_err());
}

#[tokio::test]
async fn an_outage_is_reported_after_one_request() {
    let stub = Stub::new(|_| Some(response(503, &[("retry-after", "7")], ""))).await;
    let Err(ValidationError::Unavailable(unavailable)) = validate(&introspection(&stub.url)).await else {
        panic!("the validation did not fail");
    };
    assert_eq!(unavailable.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_response_that_may_reject_the_credentials_says_what_to_check() {
    for status in [400, 401, 403] {
        let stub = Stub::responding(status, "").await;
        let auth = introspection(&stub.url).introspection_endpoint(&stub.url).unwrap();
        let reason = unavailable(&auth).await;
        assert!(reason.contains("OAUTH_CLIENT_SECRET") && reason.contains("client_secret_post"), "{reason}");
    }
}

#[tokio::test]
async fn credentials_are_encoded_and_sent_in_one_place() {
    let stub = server(ROOT, "", &json!({"active": true, "aud": RESOURCE})).await;
    validate(&introspection(&stub.url)).await.unwrap();
    validate(&introspection(&stub.url).client_secret_post()).await.unwrap();
    let requests: Vec<_> =
        stub.requests().into_iter().filter(|request| request.uri.path() == "/introspect").collect();
    let form = "token=access-t0ken%2B%2F%3D&token_type_hint=access_token";
    assert_eq!(requests[0].body, form);
    // `client+id:hunter2%3A%25%2B%C3%A9` (RFC 6749, section 2.3.1)
    let basic = "Basic Y2xpZW50K2lkOmh1bnRlcjIlM0ElMjUlMkIlQzMlQTk=";
    assert_eq!(requests[0].headers[header::AUTHORIZATION], basic);
    assert_eq!(requests[1].body, format!("{form}&client_id=client+id&client_secret=hunter2%3A%25%2B%C3%A9"));
    assert!(!requests[1].headers.contains_key(header::AUTHORIZATION));
}

#[tokio::test]
async fn white_space_around_credentials_is_ignored() {
    let stub = server(ROOT, "", &json!({"active": true, "aud": RESOURCE})).await;
    let auth = Introspection::new(&format!(" {}\n", stub.url), " id\n", "\tsecret ").unwrap().client_secret_post();
    validate(&auth).await.unwrap();
    let Request { body, .. } = stub.requests().pop().unwrap();
    assert!(body.ends_with("&client_id=id&client_secret=secret"), "{body}");
}

#[tokio::test]
async fn an_endpoint_with_another_scheme_than_the_issuer_is_not_used() {
    let stub = Stub::new(|request: &Request| {
        let issuer = format!("http://{}", request.headers[header::HOST].to_str().unwrap());
        let endpoint = "https://auth.example.com/introspect";
        Some(response(200, &[], json!({"issuer": issuer, "introspection_endpoint": endpoint}).to_string()))
    })
    .await;
    let reason = unavailable(&introspection(&stub.url)).await;
    assert!(reason.contains("`introspection_endpoint`") && reason.contains("the scheme of the issuer"), "{reason}");
    let auth = Introspection::new("https://auth.example.com", "id", "secret").unwrap();
    assert!(auth.introspection_endpoint("http://127.0.0.1:4000/introspect").is_err());
}

#[tokio::test]
async fn names_of_claims_can_be_set() {
    let stub = server(
        ROOT,
        "",
        &json!({"active": true, "scp": ["a", "b"], "scope": "c", "email": "h@example.com", "tid": "t", "role": "HR"}),
    )
    .await;
    let auth = introspection(&stub.url);
    let auth = auth.scope_claim("scp").username_claim("email").org_claim("tid").role_claim("role");
    let claims = validate(&auth).await.unwrap();
    assert_eq!(claims.scopes, ["a", "b"]);
    assert_eq!(claims.username.as_deref(), Some("h@example.com"));
    assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (Some("t"), Some("HR")));
}

#[tokio::test]
async fn nested_claims_are_found_by_their_pointers() {
    let stub = server(
        ROOT,
        "",
        &json!({
            "active": true, "aud": RESOURCE, "scope": "profile email", "organization": ["acme"],
            "realm_access": {"roles": ["offline_access"]}, "resource_access": {"mcp": {"roles": ["hr"]}},
        }),
    )
    .await;
    let auth = introspection(&stub.url).scope_claim("/realm_access/roles").org_claim("/organization/0");
    let claims = validate(&auth.role_claim("/resource_access/mcp/roles")).await.unwrap();
    assert_eq!(claims.scopes, ["offline_access"]);
    assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (Some("acme"), Some("hr")));
}

#[tokio::test]
async fn the_server_decides_about_the_audience_unless_a_name_of_it_is_set() {
    for (audience, expected) in [
        (json!(RESOURCE), Audience::Verified),
        (json!(["mcp-server", "account"]), Audience::Verified),
        (json!("account"), Audience::Resources(vec!["account".to_owned()])),
        (json!(null), Audience::Unknown),
    ] {
        let stub = server(ROOT, "", &json!({"active": true, "aud": audience})).await;
        let auth = introspection(&stub.url).audience("mcp-server");
        assert_eq!(validate(&auth).await.unwrap().audience, expected, "{audience}");
    }
}

#[tokio::test]
async fn an_active_token_that_is_no_bearer_access_token_of_the_issuer_is_rejected() {
    for claims in [
        json!({"active": false}),
        json!({"active": true, "exp": 1}),
        json!({"active": true, "iss": "https://other.example.com"}),
        json!({"active": true, "iss": 1}),
        json!({"active": true, "token_type": "refresh_token"}),
        json!({"active": true, "typ": "Refresh"}),
        json!({"active": true, "cnf": {"jkt": "x"}}),
    ] {
        let result = validate_response(claims.clone()).await;
        assert!(matches!(result, Err(ValidationError::Inactive(_))), "{claims}: {result:?}");
    }
    assert!(validate_response(json!({"active": true, "token_type": "Bearer", "typ": "Bearer"})).await.is_ok());
}

/// Runs the preflight check against a server whose introspection endpoint responds with these, in this order.
async fn preflight(metadata: Value, introspections: Vec<(u16, Value)>) -> Vec<(Severity, &'static str)> {
    let introspections = Mutex::new(introspections);
    let stub = Stub::new(move |request: &Request| {
        if request.uri.path() == "/introspect" {
            let (status, body) = introspections.lock().unwrap().remove(0);
            return Some(response(status, &[], body.to_string()));
        }
        let origin = format!("http://{}", request.headers[header::HOST].to_str().unwrap());
        let mut metadata = metadata.clone();
        metadata["issuer"] = json!(origin);
        metadata["introspection_endpoint"] = json!(format!("{origin}/introspect"));
        Some(response(200, &[], metadata.to_string()))
    })
    .await;
    let diagnostics = introspection(&stub.url).preflight().await.unwrap();
    diagnostics.iter().map(|diagnostic| (diagnostic.severity(), diagnostic.code())).collect()
}

#[tokio::test]
async fn the_preflight_check_reports_what_prevents_logins_and_validations() {
    let good = || json!({"registration_endpoint": "https://auth.example.com/r", "code_challenge_methods_supported": ["S256"]});
    let inactive = || vec![(200, json!({"active": false}))];
    let registration = (Severity::Note, "client_registration");
    assert_eq!(preflight(good(), inactive()).await, [registration]);
    assert_eq!(preflight(json!({}), inactive()).await, [registration, (Severity::Warning, "pkce_not_advertised")]);
    for (response, code) in [
        ((401, json!({})), code::CREDENTIALS_REJECTED),
        ((403, json!({})), code::CREDENTIALS_REJECTED),
        ((500, json!({})), code::UNAVAILABLE),
        ((200, json!({"active": true})), "introspection_not_trustworthy"),
    ] {
        assert_eq!(preflight(good(), vec![response]).await, [registration, (Severity::Fatal, code)]);
    }
    let stub = Stub::responding(404, "").await;
    let diagnostics = introspection(&stub.url).preflight().await.unwrap();
    assert!(diagnostics.iter().all(Diagnostic::is_fatal) && diagnostics.len() == 2, "{diagnostics:?}");
}
