//! From a request to a caller: what each kind of credentials gets.

use std::time::{Duration, SystemTime};

use serde_json::json;
use toolgate::{
    auth::{BearerToken, Claims, StaticTokens, TokenValidator, ValidationError, async_trait},
    scope,
};
use toolgate_dev_tenant::Mint;
use toolgate_tests::{
    Client, Reply, Revision, TestServer, eventually, http, raw_exchange, tenant, tenant_server, token_for, tokens,
};

/// Authorization headers that are none.
const NO_CREDENTIALS: [Option<&str>; 4] = [None, Some("Basic dXNlcjpwYXNz"), Some("Bearerread"), Some("DPoP read")];

/// Authorization headers that are meant to hold a token and hold none.
const MALFORMED: [&str; 7] =
    ["Bearer", "Bearer ", "Bearer a b", "Bearer read,read", "Bearer \"read\"", "Bearer =", "Bearer r\u{e9}ad"];

fn with(client: Client, authorization: Option<&str>) -> Client {
    match authorization {
        Some(value) => client.authorization(value),
        None => client,
    }
}

#[tokio::test]
async fn a2_a_401_names_the_protected_resource_metadata() {
    let server = TestServer::start().await;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", server.base);
    for revision in Revision::BOTH {
        for client in [server.client(revision), server.client_with("unknown", revision)] {
            let reply = client.list().await;
            assert_eq!(reply.status, 401, "{revision}: {reply:?}");
            assert_eq!(reply.must_challenge().get("resource_metadata"), metadata);
        }
    }
    let document = Reply::to(http().get(&metadata)).await;
    assert_eq!(document.status, 200, "the address leads somewhere: {document:?}");
}

#[tokio::test]
async fn a3_the_401_names_the_initial_scopes_where_there_are_some_and_no_others() {
    let initial = scope!("people:read:public", in toolgate_tests::SCOPES);
    let server = TestServer::with(|server| server.auth(tokens()).initial_scopes([initial])).await;
    let plain = TestServer::start().await;
    for revision in Revision::BOTH {
        let challenge = server.client(revision).list().await.must_challenge();
        assert_eq!(challenge.scopes(), ["people:read:public"]);
        let challenge = plain.client(revision).list().await.must_challenge();
        assert_eq!(challenge.names(), ["resource_metadata"]);
    }
}

#[tokio::test]
async fn a6_an_expired_token_gets_401() {
    let ended = SystemTime::now() - Duration::from_secs(1);
    let claims = || Claims::new().subject("user-late");
    let validator = StaticTokens::new()
        .token("ended", claims().expires_at(ended))
        .token("ends-later", claims().expires_at(SystemTime::now() + Duration::from_hours(1)));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let reply = server.client_with("ended", revision).call("surroundings", json!({})).await;
        assert_eq!(reply.status, 401, "{revision}: {reply:?}");
        assert_eq!(reply.must_challenge().get("error"), "invalid_token");
        assert_eq!(server.probe.runs(), 0);
        assert_eq!(server.client_with("ends-later", revision).list().await.status, 200);
    }
}

#[tokio::test]
async fn a6_a_token_that_the_tenant_does_not_know_or_no_longer_honours_gets_401() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
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
    let body = client.call_message("surroundings", &json!({})).to_string();
    let http = http();
    let by_query = http
        .post(format!("{}?access_token=everything", server.endpoint))
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(body);
    let by_form = http
        .post(&server.endpoint)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("access_token=everything");
    let by_cookie = client.bare_post("{}").header("Cookie", "access_token=everything");
    for request in [by_query, by_form, by_cookie] {
        let reply = Reply::to(request).await;
        assert_eq!(reply.status, 401, "{reply:?}");
        assert_eq!(reply.must_challenge().get("error"), "");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a8_every_request_on_one_connection_is_authorized_on_its_own() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        // One client with a pool of connections, so that the requests follow each other on one of them.
        let client = server.client(revision);
        let privately = async |token: &str| client.clone().token(token).call("people_private", json!({})).await;
        assert!(privately("people").await.is_success());
        assert_eq!(client.list().await.status, 401, "the token of the request before is forgotten");
        assert_eq!(privately("public").await.status, 403);
        assert_eq!(privately("unknown").await.status, 401);
        assert!(privately("people").await.is_success());
    }
    assert_eq!(server.probe.runs(), 4);
}

#[tokio::test]
async fn a8_a_session_id_stands_for_nobody() {
    let server = TestServer::start().await;
    let client = server.client_with("everything", Revision::Legacy);
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let reply = client.ask("initialize", params).await;
    assert_eq!(reply.result()["protocolVersion"], "2025-11-25");
    assert_eq!(reply.header("mcp-session-id"), "", "the server is stateless");
    let anonymous = server.client(Revision::Legacy);
    let message = anonymous.call_message("surroundings", &json!({}));
    let reply = Reply::to(anonymous.request(&message).header("Mcp-Session-Id", "1")).await;
    assert_eq!(reply.status, 401);
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a12_no_credentials_get_401_without_an_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for authorization in NO_CREDENTIALS {
            let reply = with(server.client(revision), authorization).call("surroundings", json!({})).await;
            assert_eq!(reply.status, 401, "{authorization:?} {revision}: {reply:?}");
            assert_eq!(reply.must_challenge().get("error"), "", "{authorization:?}");
            assert!(reply.json()["error_description"].is_string(), "{reply:?}");
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a12_malformed_credentials_get_400_invalid_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for authorization in MALFORMED {
            let client = server.client(revision);
            let message = client.call_message("surroundings", &json!({}));
            let header = reqwest::header::HeaderValue::from_bytes(authorization.as_bytes()).unwrap();
            let reply = Reply::to(client.request(&message).header("Authorization", header)).await;
            assert_eq!(reply.status, 400, "{authorization} {revision}: {reply:?}");
            assert_eq!(reply.must_challenge().get("error"), "invalid_request");
            assert_eq!(reply.json()["error"], "invalid_request");
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a12_one_wording_for_every_token_that_is_no_good() {
    let validator = StaticTokens::new()
        .token("ended", Claims::new().expires_at(SystemTime::UNIX_EPOCH))
        .token("elsewhere", Claims::new().audience(["https://other.example.com/mcp"]));
    let server = TestServer::with(|server| server.auth(validator)).await;
    for revision in Revision::BOTH {
        let mut answers = Vec::new();
        for token in ["ended", "elsewhere", "unknown"] {
            let reply = server.client_with(token, revision).list().await;
            assert_eq!(reply.status, 401, "{token} {revision}: {reply:?}");
            assert_eq!(reply.must_challenge().get("error"), "invalid_token");
            let mut headers = reply.headers;
            headers.remove("date");
            answers.push((headers, reply.text));
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    }
}

#[tokio::test]
async fn a13_the_case_of_the_scheme_does_not_matter() {
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
    let client = server.client(Revision::Legacy);
    let body = client.call_message("surroundings", &json!({})).to_string();
    for (first, second) in [
        ("Bearer everything", "Bearer everything"),
        ("Bearer nothing", "Bearer everything"),
        ("Basic dXNlcjpwYXNz", "Bearer everything"),
        ("Bearer everything", "Basic dXNlcjpwYXNz"),
    ] {
        let head = format!(
            "POST /mcp HTTP/1.1\nAuthorization: {first}\nContent-Type: application/json\n\
             Accept: application/json, text/event-stream\nauthorization: {second}\n"
        );
        let reply = raw_exchange(server.address, &head, &body).await;
        assert_eq!(reply.status, 400, "{first}, {second}: {reply:?}");
        assert_eq!(reply.must_challenge().get("error"), "invalid_request");
    }
    assert_eq!(server.probe.runs(), 0);
}

/// Says that every token ends at one moment.
struct EndsAt(SystemTime);

#[async_trait]
impl TokenValidator for EndsAt {
    async fn validate(&self, _: &BearerToken) -> Result<Claims, ValidationError> {
        Ok(Claims::new().audience_verified().expires_at(self.0))
    }
}

#[tokio::test]
async fn a16_a_token_is_good_until_its_exp_and_no_longer() {
    let end = SystemTime::now() + Duration::from_millis(400);
    let server = TestServer::with(|server| server.auth(EndsAt(end))).await;
    let client = server.client_with("ends-soon", Revision::Modern);
    let first = client.list().await.status;
    assert!(first == 200 || SystemTime::now() >= end, "{first}");
    eventually("the token ends", async || client.list().await.status == 401).await;
    assert!(SystemTime::now() >= end);
}
