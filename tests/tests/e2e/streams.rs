//! Calls that take a while: progress, cancellation, and stopping.

use serde_json::{Value, json};
use toolgate_tests::{Client, PATIENCE, Revision, TestServer};

/// A call that asks for progress.
fn with_progress(client: &Client) -> Value {
    let mut message = client.call_message("progresses", &json!({}));
    message["params"]["_meta"]["progressToken"] = "p".into();
    message
}

#[tokio::test]
async fn progress_comes_before_the_result() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        server.probe.release();
        let reply = client.send(&with_progress(&client)).await;
        assert!(reply.header("content-type").starts_with("text/event-stream"), "{reply:?}");
        let steps: Vec<_> = reply.messages().iter().map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(steps, [Some(1.0), Some(2.0), Some(3.0), None], "{revision}: {reply:?}");
        assert!(reply.messages()[..3].iter().all(|message| message["params"]["progressToken"] == "p"));
        assert_eq!(reply.text_content(), "arrived");
    }
}

#[tokio::test]
async fn progress_that_nobody_asked_for_is_not_sent() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        server.probe.release();
        let reply = server.client_with("nothing", revision).call("progresses", json!({})).await;
        assert!(reply.header("content-type").starts_with("application/json"), "{reply:?}");
        assert_eq!(reply.text_content(), "arrived");
    }
}

#[tokio::test]
async fn h4_closing_the_connection_of_a_call_cancels_it() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        server.probe.started().await;
        call.abort();
        server.probe.gone().await;
    }
    assert!(server.client_with("nothing", Revision::Modern).call("surroundings", json!({})).await.is_success());
}

#[tokio::test]
async fn h4_closing_the_response_stream_cancels_the_call() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let mut response = client.request(&with_progress(&client)).send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some(), "the stream has begun");
        server.probe.started().await;
        drop(response);
        drop(client);
        server.probe.gone().await;
    }
}

#[tokio::test]
async fn calls_run_at_the_same_time() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let waiting = {
            let client = client.clone();
            tokio::spawn(async move { client.call("waits", json!({})).await })
        };
        server.probe.started().await;
        assert!(client.call("surroundings", json!({})).await.is_success());
        server.probe.release();
        assert_eq!(waiting.await.unwrap().text_content(), "waited");
    }
}

#[tokio::test]
async fn a9_a_refusal_after_the_stream_has_begun_is_an_error_of_the_stream_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let mut message = client.call_message("asks_late", &json!({}));
        message["params"]["_meta"]["progressToken"] = "p".into();
        let reply = client.send(&message).await;
        assert_eq!(reply.status, 200, "it was sent already: {reply:?}");
        assert_eq!(reply.messages().len(), 2, "{reply:?}");
        assert_eq!(reply.error_code(), Some(-32010));
        let data = json!({
            "required": ["people:read:public", "people:read:private"],
            "missing": ["people:read:private"],
        });
        assert_eq!(reply.json()["error"]["data"], data);
        // Without a stream it is the usual challenge.
        let reply = client.call("asks_late", json!({})).await;
        assert_eq!(reply.status, 403, "{reply:?}");
    }
}

#[tokio::test]
async fn hundreds_of_calls_at_once_each_get_their_own_answer() {
    let server = TestServer::start().await;
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let (token, allowed) = if number % 3 == 0 { ("nothing", false) } else { ("public", true) };
            let client = server.client_with(token, Revision::BOTH[number % 2]);
            tokio::spawn(async move {
                let person = format!("per_{number}");
                let reply = client.call("people_public", json!({ "person_id": person })).await;
                assert_eq!(reply.status, if allowed { 200 } else { 403 }, "{reply:?}");
                assert!(!allowed || reply.text.contains(&format!("called {person}\"")), "{reply:?}");
            })
        })
        .collect();
    for call in calls {
        tokio::time::timeout(PATIENCE, call).await.unwrap().unwrap();
    }
    assert_eq!(server.probe.runs(), 133);
}
#[tokio::test]
async fn stopping_lets_a_call_in_flight_finish() {
    for revision in Revision::BOTH {
        let server = TestServer::start().await;
        let client = server.client_with("nothing", revision);
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        server.probe.started().await;
        let probe = server.probe.clone();
        let (endpoint, done) = (server.endpoint.clone(), server.stop());
        // New connections are refused once it has begun to stop.
        let stopping = async {
            while Client::new(&endpoint, revision).bare_post("{}").send().await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, stopping).await.is_ok(), "it takes no new connections");
        probe.release();
        assert_eq!(call.await.unwrap().text_content(), "waited", "{revision}");
        let done = tokio::time::timeout(PATIENCE, done).await.expect("it stops");
        assert!(done.unwrap().is_ok());
    }
}
