use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use http::{Method, header};
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use super::{
    stub::{Request, response},
    *,
};

const TOKEN: &str = "access-t0ken+/=";
const SHORT: Duration = Duration::from_millis(50);

async fn validate(auth: &PropelAuth) -> Result<Claims, ValidationError> {
    auth.validate(&BearerToken::parse(TOKEN).unwrap(), &Resource::new("https://mcp.example.com/mcp")).await
}

/// Returns the reason and the retry delay of a failed validation, with the URL of the stub replaced.
async fn failure(stub: &Stub, auth: &PropelAuth) -> (String, Option<Duration>) {
    let Err(ValidationError::Unavailable(unavailable)) = validate(auth).await else {
        panic!("the token was validated");
    };
    let reason = unavailable.reason.replace(&stub.url, "URL");
    for secret in [TOKEN, "access-t0ken", CLIENT_ID, CLIENT_SECRET] {
        assert!(!reason.contains(secret), "{reason}");
    }
    (reason, unavailable.retry_after)
}

async fn failure_of_response(status: u16, body: &str) -> String {
    let stub = Stub::responding(status, body).await;
    let (reason, retry_after) = failure(&stub, &propel_auth(&stub.url)).await;
    assert_eq!(retry_after, None);
    reason.strip_prefix("PropelAuth at URL/oauth/2.1/introspect: ").unwrap().to_owned()
}

#[tokio::test]
async fn a15_an_introspection_request_has_credentials_and_a_form() {
    let stub = Stub::responding(200, r#"{"active": true, "sub": "harriet", "scope": "a b"}"#).await;
    for auth_url in [stub.url.clone(), format!("{}/", stub.url)] {
        let claims = validate(&propel_auth(&auth_url)).await.unwrap();
        assert_eq!(claims.subject.as_deref(), Some("harriet"));
        assert_eq!(claims.scopes, ["a", "b"]);
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.method, Method::POST);
        assert_eq!(request.uri, "/oauth/2.1/introspect");
        assert_eq!(request.body, "token=access-t0ken%2B%2F%3D&token_type_hint=access_token");
        assert_eq!(request.headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
        assert_eq!(request.headers[header::ACCEPT], "application/json");
        assert_eq!(
            request.headers[header::AUTHORIZATION],
            "Basic aW50cm9zcGVjdGlvbi1jbGllbnQ6aW50cm9zcGVjdGlvbi1odW50ZXIy"
        );
    }
}

#[tokio::test]
async fn a15_an_inactive_or_expired_token_is_inactive() {
    for body in [json!({"active": false}), json!({"active": true, "exp": 1})] {
        let stub = Stub::responding(200, body.to_string()).await;
        assert!(matches!(validate(&propel_auth(&stub.url)).await, Err(ValidationError::Inactive(_))));
    }
}

#[tokio::test]
async fn a15_a_malformed_response_means_that_the_token_could_not_be_validated() {
    for (body, reason) in [
        ("<html>", "invalid introspection response: it is not JSON"),
        ("", "invalid introspection response: it is not JSON"),
        ("[]", "invalid introspection response: it is not a JSON object"),
        ("{}", "invalid introspection response: `active` is missing or not a boolean"),
        (r#"{"active": "true"}"#, "invalid introspection response: `active` is missing or not a boolean"),
        (r#"{"active": false, "active": true}"#, "invalid introspection response: it has a duplicate key"),
        (
            r#"{"active": true, "exp": "soon"}"#,
            "invalid introspection response: `exp` is not a number of seconds since 1970",
        ),
    ] {
        assert_eq!(failure_of_response(200, body).await, reason, "{body}");
    }
}

#[tokio::test]
async fn the_body_of_a_response_that_is_not_successful_is_ignored() {
    let body = r#"{"active": true}"#;
    for (status, reason) in [
        (404, "not found (404): enable MCP for this environment in the dashboard under MCP -> Enable MCP"),
        (400, "unexpected status 400 Bad Request"),
        (500, "unexpected status 500 Internal Server Error"),
        (502, "unexpected status 502 Bad Gateway"),
        (429, "temporarily unavailable (429 Too Many Requests)"),
        (503, "temporarily unavailable (503 Service Unavailable)"),
    ] {
        assert_eq!(failure_of_response(status, body).await, reason);
    }
}

#[tokio::test]
async fn an_error_about_rejected_credentials_says_what_to_do_in_the_dashboard() {
    let stub = Stub::new(|request: &Request| {
        let is_valid = request.headers[header::AUTHORIZATION] == "Basic YTpi";
        Some(response(if is_valid { 200 } else { 401 }, &[], r#"{"active": true}"#))
    })
    .await;
    assert!(validate(&PropelAuth::new(&stub.url, "a", "b").unwrap()).await.is_ok());
    let (reason, _) = failure(&stub, &propel_auth(&stub.url)).await;
    assert_eq!(
        reason,
        "PropelAuth at URL/oauth/2.1/introspect: the credentials of this server were rejected (401 Unauthorized): \
         create new ones in the dashboard under MCP -> Request Validation -> Create Credentials, in the environment \
         of this Auth URL, and set PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET"
    );
    assert!(failure_of_response(403, "").await.contains("Create Credentials"));
}

#[tokio::test]
async fn retry_after_is_returned_up_to_a_limit() {
    for (status, value, delay) in [
        (429, "7", Some(7)),
        (503, "30", Some(30)),
        (429, "86400", Some(300)),
        (503, "Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", Some(300)),
        (429, "soon", None),
        (500, "7", None),
    ] {
        let stub = Stub::new(move |_| Some(response(status, &[("retry-after", value)], ""))).await;
        let (_, retry_after) = failure(&stub, &propel_auth(&stub.url)).await;
        assert_eq!(retry_after, delay.map(Duration::from_secs), "{status} {value}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let second = Stub::responding(200, r#"{"active": true}"#).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/oauth/2.1/introspect", second.url);
        let first = Stub::new(move |_| Some(response(status, &[("location", &location)], ""))).await;
        let (reason, _) = failure(&first, &propel_auth(&first.url)).await;
        assert!(reason.contains("redirect") && reason.contains("PROPELAUTH_AUTH_URL"), "{reason}");
        assert_eq!(first.requests().len(), 1);
    }
    assert_eq!(second.requests().len(), 0);
}

#[tokio::test]
async fn rejects_a_response_that_is_larger_than_the_limit() {
    let body = r#"{"active": true}"#;
    let stub = Stub::responding(200, body).await;
    let exact = propel_auth(&stub.url).max_response_bytes(body.len());
    assert!(validate(&exact).await.is_ok());
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).max_response_bytes(body.len() - 1)).await;
    assert!(reason.ends_with("the response is larger than 15 bytes"), "{reason}");
}

#[tokio::test]
async fn rejects_an_endless_response() {
    let stub = Stub::new(|_| {
        let chunks = stream::repeat(Bytes::from_static(&[b' '; 4096])).map(Ok::<_, io::Error>);
        Some(response(200, &[], Body::from_stream(chunks)))
    })
    .await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url)).await;
    assert!(reason.ends_with("the response is larger than 65536 bytes"), "{reason}");
}

#[tokio::test]
async fn a_request_without_a_response_times_out() {
    let stub = Stub::new(|_| None).await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).timeout(SHORT)).await;
    assert!(reason.ends_with("no complete response within 50ms"), "{reason}");
}

#[tokio::test]
async fn the_timeout_includes_the_body() {
    let stub = Stub::new(|_| {
        let start = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"{\"active\""))]);
        Some(response(200, &[], Body::from_stream(start.chain(stream::pending()))))
    })
    .await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).timeout(SHORT)).await;
    assert!(reason.ends_with("no complete response within 50ms"), "{reason}");
}

#[tokio::test]
async fn a_connection_without_a_tls_handshake_times_out() {
    // The backlog of the listener accepts connections, but no TLS handshake follows.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let auth = propel_auth(&url).connect_timeout(SHORT).timeout(SHORT * 20);
    let error = validate(&auth).await.unwrap_err().to_string();
    assert!(error.contains("cannot connect within 50ms"), "{error}");
}

#[tokio::test]
async fn a_refused_connection_means_that_the_token_could_not_be_validated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = validate(&propel_auth(&format!("http://{address}"))).await.unwrap_err();
    assert!(matches!(error, ValidationError::Unavailable(_)), "{error}");
    let error = error.to_string();
    assert!(error.contains("cannot connect (") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[tokio::test]
async fn a_closed_connection_means_that_the_token_could_not_be_validated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let closing = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let error = validate(&propel_auth(&url)).await.unwrap_err();
    closing.abort();
    assert!(matches!(error, ValidationError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn neither_tokens_nor_secrets_are_logged() {
    let log = Log::default();
    // The subscriber is global, because `tracing` can miss events of one that belongs to a thread.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();
    tracing::info!("logging is enabled");
    let echo = json!({"active": 1, "token": TOKEN, "secret": CLIENT_SECRET}).to_string();
    for (status, body) in [(200, r#"{"active": true}"#), (200, &echo), (401, &echo), (500, &echo)] {
        let stub = Stub::responding(status, body).await;
        let outcome = validate(&propel_auth(&stub.url)).await;
        let text = outcome.map_or_else(|error| format!("{error} {error:?}"), |claims| format!("{claims:?}"));
        tracing::info!(text);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("logging is enabled"));
    assert!(!log.contains("t0ken") && !log.contains("hunter2"), "{log}");
    assert!(!log.contains("aW50cm9zcGVjdGlvbi1jbGllbnQ6"), "{log}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
