//! Authentication of requests: missing, malformed, invalid and expired credentials.

use std::time::{Duration, SystemTime};

use serde_json::json;
use toolgate::{
    auth::{BearerToken, Claims, Resource, StaticTokens, TokenValidator, ValidationError, async_trait},
    scope,
};
use toolgate_dev_tenant::Mint;
use toolgate_tests::{
    Client, RawRequest, Revision, TestServer, eventually, http_client, send, start_tenant, tenant_server, token_for,
    tokens,
};

/// `Authorization` headers without a bearer token.
const NO_CREDENTIALS: [Option<&str>; 7] = [
    None,
    Some("Basic dXNlcjpwYXNz"),
    Some("Bearerread"),
    Some("DPoP read"),
    Some("Bearer"),
    Some("Bearer "),
    Some("bearer  "),
];

/// `Authorization` headers of the Bearer scheme without a valid token.
const MALFORMED: [&str; 5] = ["Bearer a b", "Bearer read,read", "Bearer \"read\"", "Bearer =", "Bearer r\u{e9}ad"];

fn with(client: Client, authorization: Option<&str>) -> Client {
    match authorization {
        Some(value) => client.authorization(value),
        None => client,
    }
}

#[tokio::test]
async fn a2_a_401_names_the_protected_resource_metadata() {
    let server = TestServer::start().await;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", server.url);
    for revision in Revision::BOTH {
        for client in [server.client(revision), server.client_with("unknown", revision)] {
            let response = client.list().await;
            assert_eq!(response.status, 401, "{revision}: {response:?}");
            assert_eq!(response.expect_challenge().get("resource_metadata"), metadata);
        }
    }
    let document = send(http_client().get(&metadata)).await;
    assert_eq!(document.status, 200, "the metadata is at the address: {document:?}");
}

#[tokio::test]
async fn a3_the_401_names_the_initial_scopes_and_no_others() {
    let initial = scope!("people:read:public", in toolgate_tests::SCOPES);
    let server = TestServer::with(|server| server.auth(tokens()).initial_scopes([initial])).await;
    let plain = TestServer::start().await;
    for revision in Revision::BOTH {
        let challenge = server.client(revision).list().await.expect_challenge();
        assert_eq!(challenge.scopes(), ["people:read:public"]);
        let challenge = plain.client(revision).list().await.expect_challenge();
        assert_eq!(challenge.names(), ["resource_metadata"]);
    }
}

#[tokio::test]
async fn a6_an_expired_token_gets_401() {
    let past = SystemTime::now() - Duration::from_secs(1);
    let claims = || Claims::new().subject("user-late");
    let validator = StaticTokens::new()
        .token("expired", claims().expires_at(past))
        .token("valid", claims().expires_at(SystemTime::now() + Duration::from_hours(1)));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let response = server.client_with("expired", revision).call("request_info", json!({})).await;
        assert_eq!(response.status, 401, "{revision}: {response:?}");
        assert_eq!(response.expect_challenge().get("error"), "invalid_token");
        assert_eq!(server.bodies.runs(), 0);
        assert_eq!(server.client_with("valid", revision).list().await.status, 200);
    }
}

#[tokio::test]
async fn a6_an_unknown_or_expired_token_of_the_tenant_gets_401() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for revision in Revision::BOTH {
        assert_eq!(server.client_with(&token, revision).list().await.status, 200);
        assert_eq!(server.client_with("no-such-token", revision).list().await.status, 401);
    }
    let person = tenant.person_of_role("HR").unwrap();
    let expired = Mint::for_person(&person.id).resource(&server.endpoint).expires_in(Duration::ZERO);
    let expired = tenant.mint(&expired).unwrap();
    for revision in Revision::BOTH {
        assert_eq!(server.client_with(&expired, revision).list().await.status, 401);
    }
}

#[tokio::test]
async fn a7_a_token_in_the_query_string_or_in_a_form_is_never_read() {
    let server = TestServer::start().await;
    let client = server.client(Revision::Legacy);
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    let by_query = http_client()
        .post(format!("{}?access_token=everything", server.endpoint))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(body);
    let by_form = http_client()
        .post(&server.endpoint)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("access_token=everything");
    let by_cookie = client.bare_post("{}").header("Cookie", "access_token=everything");
    for request in [by_query, by_form, by_cookie] {
        let response = send(request).await;
        assert_eq!(response.status, 401, "{response:?}");
        assert_eq!(response.expect_challenge().get("error"), "");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a8_every_request_on_one_connection_is_authorized_on_its_own() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        // The client reuses its connection.
        let client = server.client(revision);
        let call_private = async |token: &str| client.clone().token(token).call("people_private", json!({})).await;
        assert!(call_private("people").await.is_success());
        assert_eq!(client.list().await.status, 401, "the token of the previous request is not reused");
        assert_eq!(call_private("public").await.status, 403);
        assert_eq!(call_private("unknown").await.status, 401);
        assert!(call_private("people").await.is_success());
    }
    assert_eq!(server.bodies.runs(), 4);
}

#[tokio::test]
async fn a8_a_session_id_does_not_authenticate() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Legacy);
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let response = client.send_method("initialize", params).await;
    assert_eq!(response.result()["protocolVersion"], "2025-11-25");
    assert_eq!(response.header("mcp-session-id"), "", "the server is stateless");
    let anonymous = server.client(Revision::Legacy);
    let message = Revision::Legacy.call_message("request_info", &json!({}));
    let response = send(anonymous.request(&message).header("Mcp-Session-Id", "1")).await;
    assert_eq!(response.status, 401);
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a12_missing_credentials_get_401_without_an_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for authorization in NO_CREDENTIALS {
            let response = with(server.client(revision), authorization).call("request_info", json!({})).await;
            assert_eq!(response.status, 401, "{authorization:?} {revision}: {response:?}");
            assert_eq!(response.expect_challenge().get("error"), "", "{authorization:?}");
            assert!(response.json()["error_description"].is_string(), "{response:?}");
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a12_malformed_credentials_get_400_invalid_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for authorization in MALFORMED {
            let client = server.client(revision);
            let message = revision.call_message("request_info", &json!({}));
            let header = reqwest::header::HeaderValue::from_bytes(authorization.as_bytes()).unwrap();
            let response = send(client.request(&message).header("Authorization", header)).await;
            assert_eq!(response.status, 400, "{authorization} {revision}: {response:?}");
            assert_eq!(response.expect_challenge().get("error"), "invalid_request");
            assert_eq!(response.json()["error"], "invalid_request");
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a12_every_rejected_token_gets_the_same_response() {
    let validator = StaticTokens::new()
        .token("expired", Claims::new().expires_at(SystemTime::UNIX_EPOCH))
        .token("other-resource", Claims::new().audience(["https://other.example.com/mcp"]));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let mut responses = Vec::new();
        for token in ["expired", "other-resource", "unknown"] {
            let response = server.client_with(token, revision).list().await;
            assert_eq!(response.status, 401, "{token} {revision}: {response:?}");
            assert_eq!(response.expect_challenge().get("error"), "invalid_token");
            let mut headers = response.headers;
            headers.remove("date");
            responses.push((headers, response.text));
        }
        assert!(responses.windows(2).all(|pair| pair[0] == pair[1]), "{responses:?}");
    }
}

#[tokio::test]
async fn a13_the_scheme_is_case_insensitive() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let client = server.client(revision).authorization(&format!("{scheme} public"));
            assert_eq!(client.list().await.status, 200, "{scheme} {revision}");
        }
    }
}

#[tokio::test]
async fn a13_two_authorization_headers_get_400() {
    let server = TestServer::start().await;
    let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
    for (first, second) in [
        ("Bearer everything", "Bearer everything"),
        ("Bearer nothing", "Bearer everything"),
        ("Basic dXNlcjpwYXNz", "Bearer everything"),
        ("Bearer everything", "Basic dXNlcjpwYXNz"),
    ] {
        let request =
            RawRequest::mcp(Revision::Legacy).header("Authorization", first).header("authorization", second);
        let response = request.body(&body).send(server.address).await;
        assert_eq!(response.status, 400, "{first}, {second}: {response:?}");
        assert_eq!(response.expect_challenge().get("error"), "invalid_request");
    }
    assert_eq!(server.bodies.runs(), 0);
}

/// Validator whose tokens all expire at one time.
struct ExpireAt(SystemTime);

#[async_trait]
impl TokenValidator for ExpireAt {
    async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        Ok(Claims::new().audience_verified().expires_at(self.0))
    }
}

#[tokio::test]
async fn a16_a_token_is_accepted_until_its_exp_and_not_after() {
    let end = SystemTime::now() + Duration::from_millis(400);
    let server = TestServer::with(|server| server.auth(ExpireAt(end))).await;
    let client = server.client_with("token", Revision::Modern);
    let first = client.list().await.status;
    assert!(first == 200 || SystemTime::now() >= end, "{first}");
    eventually("the token expires", async || client.list().await.status == 401).await;
    assert!(SystemTime::now() >= end);
}
