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

async fn ask(auth: &PropelAuth) -> Result<Claims, ValidationError> {
    auth.validate(&BearerToken::parse(TOKEN).unwrap()).await
}

/// The reason and the wait of a question that must fail, with the address of the server cut out.
async fn failure(stub: &Stub, auth: &PropelAuth) -> (String, Option<Duration>) {
    let Err(ValidationError::Unavailable(unavailable)) = ask(auth).await else {
        panic!("the token could be checked");
    };
    let reason = unavailable.reason.replace(&stub.url, "URL");
    for secret in [TOKEN, "access-t0ken", CLIENT_ID, CLIENT_SECRET] {
        assert!(!reason.contains(secret), "{reason}");
    }
    (reason, unavailable.retry_after)
}

async fn failure_of_answer(status: u16, body: &str) -> String {
    let stub = Stub::answering(status, body).await;
    let (reason, retry_after) = failure(&stub, &propel_auth(&stub.url)).await;
    assert_eq!(retry_after, None);
    reason.strip_prefix("PropelAuth at URL/oauth/2.1/introspect: ").unwrap().to_owned()
}

#[tokio::test]
async fn a15_the_call_authenticates_itself_and_sends_a_form() {
    let stub = Stub::answering(200, r#"{"active": true, "sub": "harriet", "scope": "a b"}"#).await;
    for auth_url in [stub.url.clone(), format!("{}/", stub.url)] {
        let claims = ask(&propel_auth(&auth_url)).await.unwrap();
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
async fn a15_a_token_that_is_not_active_is_inactive() {
    for body in [json!({"active": false}), json!({"active": true, "exp": 1})] {
        let stub = Stub::answering(200, body.to_string()).await;
        assert!(matches!(ask(&propel_auth(&stub.url)).await, Err(ValidationError::Inactive)));
    }
}

#[tokio::test]
async fn a15_an_answer_that_is_not_well_formed_is_no_answer() {
    for (body, reason) in [
        ("<html>", "the answer cannot be read: it is not JSON"),
        ("", "the answer cannot be read: it is not JSON"),
        ("[]", "the answer cannot be read: it is JSON, but not an object"),
        ("{}", "the answer cannot be read: it has no boolean `active`"),
        (r#"{"active": "true"}"#, "the answer cannot be read: it has no boolean `active`"),
        (r#"{"active": false, "active": true}"#, "the answer cannot be read: a key of it stands twice"),
        (
            r#"{"active": true, "exp": "soon"}"#,
            "the answer cannot be read: `exp` is not a number of seconds since 1970",
        ),
    ] {
        assert_eq!(failure_of_answer(200, body).await, reason, "{body}");
    }
}

#[tokio::test]
async fn a_status_that_is_no_success_is_no_answer_whatever_the_body_says() {
    let body = r#"{"active": true}"#;
    for (status, reason) in [
        (404, "it is not there (404): is MCP enabled for this environment (MCP -> Enable MCP)?"),
        (400, "it answered 400 Bad Request"),
        (500, "it answered 500 Internal Server Error"),
        (502, "it answered 502 Bad Gateway"),
        (429, "it cannot take calls just now (429 Too Many Requests)"),
        (503, "it cannot take calls just now (503 Service Unavailable)"),
    ] {
        assert_eq!(failure_of_answer(status, body).await, reason);
    }
}

#[tokio::test]
async fn refused_credentials_of_our_own_say_what_to_do_in_the_dashboard() {
    let stub = Stub::new(|request: &Request| {
        let right = request.headers[header::AUTHORIZATION] == "Basic YTpi";
        Some(response(if right { 200 } else { 401 }, &[], r#"{"active": true}"#))
    })
    .await;
    assert!(ask(&PropelAuth::new(&stub.url, "a", "b").unwrap()).await.is_ok());
    let (reason, _) = failure(&stub, &propel_auth(&stub.url)).await;
    assert_eq!(
        reason,
        "PropelAuth at URL/oauth/2.1/introspect: it refused this server's own credentials (401 Unauthorized): make new \
         ones in the dashboard under MCP -> Request Validation -> Create Credentials, in the environment of this Auth \
         URL, and set PROPELAUTH_INTROSPECTION_CLIENT_ID and PROPELAUTH_INTROSPECTION_CLIENT_SECRET"
    );
    assert!(failure_of_answer(403, "").await.contains("Create Credentials"));
}

#[tokio::test]
async fn retry_after_is_passed_on_up_to_a_bound() {
    for (status, value, wait) in [
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
        assert_eq!(retry_after, wait.map(Duration::from_secs), "{status} {value}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_so_neither_credentials_nor_tokens_travel_on() {
    let second = Stub::answering(200, r#"{"active": true}"#).await;
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
async fn an_answer_is_read_up_to_the_bound_and_no_further() {
    let answer = r#"{"active": true}"#;
    let stub = Stub::answering(200, answer).await;
    let exact = propel_auth(&stub.url).max_response_bytes(answer.len());
    assert!(ask(&exact).await.is_ok());
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).max_response_bytes(answer.len() - 1)).await;
    assert!(reason.ends_with("the answer is larger than 15 bytes"), "{reason}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_at_the_bound() {
    let stub = Stub::new(|_| {
        let chunks = stream::repeat(Bytes::from_static(&[b' '; 4096])).map(Ok::<_, io::Error>);
        Some(response(200, &[], Body::from_stream(chunks)))
    })
    .await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url)).await;
    assert!(reason.ends_with("the answer is larger than 65536 bytes"), "{reason}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_after_the_timeout() {
    let stub = Stub::new(|_| None).await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).timeout(SHORT)).await;
    assert!(reason.ends_with("no whole answer within 50ms"), "{reason}");
}

#[tokio::test]
async fn the_timeout_counts_for_the_body_as_well() {
    let stub = Stub::new(|_| {
        let start = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"{\"active\""))]);
        Some(response(200, &[], Body::from_stream(start.chain(stream::pending()))))
    })
    .await;
    let (reason, _) = failure(&stub, &propel_auth(&stub.url).timeout(SHORT)).await;
    assert!(reason.ends_with("no whole answer within 50ms"), "{reason}");
}

/// A listener whose backlog takes connections but that never speaks TLS.
#[tokio::test]
async fn a_connection_that_does_not_come_about_is_given_up_after_the_connect_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let auth = propel_auth(&url).connect_timeout(SHORT).timeout(SHORT * 20);
    let error = ask(&auth).await.unwrap_err().to_string();
    assert!(error.contains("no connection within 50ms"), "{error}");
}

#[tokio::test]
async fn a_refused_connection_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&propel_auth(&format!("http://{address}"))).await.unwrap_err();
    assert!(matches!(error, ValidationError::Unavailable(_)), "{error}");
    let error = error.to_string();
    assert!(error.contains("no connection (") && error.contains("PROPELAUTH_AUTH_URL"), "{error}");
}

#[tokio::test]
async fn a_broken_connection_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let closing = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let error = ask(&propel_auth(&url)).await.unwrap_err();
    closing.abort();
    assert!(matches!(error, ValidationError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn neither_a_token_nor_a_secret_is_ever_logged() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log is on");
    let echo = json!({"active": 1, "token": TOKEN, "secret": CLIENT_SECRET}).to_string();
    for (status, body) in [(200, r#"{"active": true}"#), (200, &echo), (401, &echo), (500, &echo)] {
        let stub = Stub::answering(status, body).await;
        let outcome = ask(&propel_auth(&stub.url)).await;
        let shown = outcome.map_or_else(|error| format!("{error} {error:?}"), |claims| format!("{claims:?}"));
        tracing::info!(shown);
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log is on"));
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
