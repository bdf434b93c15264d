//! Tokens for which the authorization server, or a firewall in front of it, responds with an error. They affect no other
//! token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{sync::Notify, task::JoinSet};
use toolgate::auth::{BearerToken, Claims, Resource, TokenValidator, Unavailable, ValidationError, async_trait};
use toolgate_tests::{
    CONTROL_QUESTION, CapturedLog, IntrospectionStub, Revision, StubFault, TestServer, eventually, http_client, send,
    within_deadline,
};

/// Number of requests with odd tokens for each fault: 1,020 in total.
const REQUESTS: usize = 170;
/// Number of them that are in flight.
const CONCURRENT: usize = 34;

async fn status(server: &TestServer, token: &str) -> (u16, String) {
    let response = server.client_with(token, Revision::Modern).call("request_info", json!({})).await;
    (response.status, response.header("retry-after").to_owned())
}

async fn readiness(server: &TestServer) -> u16 {
    send(http_client().get(format!("{}/readyz", server.url))).await.status
}

#[tokio::test]
async fn tokens_that_the_authorization_server_fails_for_affect_no_other_token() {
    // A failure that may be temporary is retried. Responses with `Retry-After` and rejected credentials are not.
    for (fault, requests_per_token) in [
        (StubFault::Status(400), 2),
        (StubFault::Status(403), 1),
        (StubFault::Status(429), 1),
        (StubFault::Status(500), 2),
        (StubFault::Reset, 2),
        (StubFault::Hang, 2),
    ] {
        let stub = IntrospectionStub::start().await;
        let timeout = if fault == StubFault::Hang { Duration::from_millis(500) } else { Duration::from_secs(5) };
        let auth = stub.propel_auth().timeout(timeout);
        let server = TestServer::with(|server| server.auth(auth)).await;
        stub.set_response(json!({ "active": true, "sub": "harriet", "aud": server.endpoint }).to_string());
        stub.fail_for("passwd", fault);
        let started_at = Instant::now();
        for batch in 0..REQUESTS / CONCURRENT {
            let mut requests = JoinSet::new();
            for i in 0..CONCURRENT {
                let client = server.client_with(&format!("../../etc/passwd/{batch}/{i}"), Revision::Modern);
                requests.spawn(async move { client.call("request_info", json!({})).await.status });
            }
            assert_eq!(status(&server, &format!("new-{batch}")).await, (200, String::new()), "{fault:?}");
            assert_eq!(requests.join_all().await, [503; CONCURRENT], "{fault:?}");
            assert_eq!(status(&server, &format!("newer-{batch}")).await, (200, String::new()), "{fault:?}");
            assert_eq!(readiness(&server).await, 200, "{fault:?}");
        }
        let questions = stub.requests_for(CONTROL_QUESTION);
        assert_eq!(stub.requests_for("passwd"), REQUESTS * requests_per_token, "{fault:?}");
        let seconds = usize::try_from(started_at.elapsed().as_secs()).unwrap();
        println!("{fault:?}: {questions} control questions in {seconds} s for {REQUESTS} requests");
        assert!((1..=seconds + 1).contains(&questions), "{fault:?}: {questions} control questions in {seconds} s");
    }
}

/// Validator that fails for the token `odd` and never validates another one.
#[derive(Clone, Default)]
struct HangingValidator(Arc<Question>);

#[derive(Default)]
struct Question {
    asked: Notify,
    ended: AtomicBool,
}

struct EndedOnDrop<'a>(&'a Question);

impl Drop for EndedOnDrop<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl TokenValidator for HangingValidator {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        if token.expose() == "odd" {
            return Err(Unavailable::new("a firewall rejects this token").into());
        }
        let _ended = EndedOnDrop(&self.0);
        self.0.asked.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_control_question_in_flight_ends_with_the_server() {
    let log = CapturedLog::start();
    let validator = HangingValidator::default();
    let server = TestServer::with(|server| server.auth(validator.clone())).await;
    assert_eq!(status(&server, "odd").await.0, 503);
    within_deadline("the control question is asked", validator.0.asked.notified()).await;
    server.shut_down().await;
    eventually("the control question ends", async || validator.0.ended.load(Ordering::SeqCst)).await;
    let log = log.of_this_thread();
    assert!(!log.contains("tokens cannot be validated"), "its own time limit has ended it: {log}");
}
