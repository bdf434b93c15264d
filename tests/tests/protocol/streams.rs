//! Long-running calls: progress, cancellation and concurrency.

use serde_json::json;
use toolgate_tests::{Revision, TestServer, within_deadline};

#[tokio::test]
async fn progress_notifications_precede_the_result() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        server.bodies.release(1);
        let response = client.send(&revision.progress_message("progresses")).await;
        assert!(response.header("content-type").starts_with("text/event-stream"), "{response:?}");
        let steps: Vec<_> =
            response.messages().iter().map(|message| message["params"]["progress"].as_f64()).collect();
        assert_eq!(steps, [Some(1.0), Some(2.0), Some(3.0), None], "{revision}: {response:?}");
        assert!(response.messages()[..3].iter().all(|message| message["params"]["progressToken"] == "p"));
        assert_eq!(response.text_content(), "done");
    }
}

#[tokio::test]
async fn progress_is_not_sent_without_a_progress_token() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        server.bodies.release(1);
        let response = server.client_with("nothing", revision).call("progresses", json!({})).await;
        assert!(response.header("content-type").starts_with("application/json"), "{response:?}");
        assert_eq!(response.text_content(), "done");
    }
}

#[tokio::test]
async fn h4_closing_the_connection_of_a_call_cancels_it() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let call = tokio::spawn(async move { client.call("waits", json!({})).await });
        server.bodies.wait_for_start(1).await;
        call.abort();
        server.bodies.wait_for_end(1).await;
    }
    assert!(server.client_with("nothing", Revision::Modern).call("request_info", json!({})).await.is_success());
}

#[tokio::test]
async fn h4_closing_the_response_stream_cancels_the_call() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let mut response = client.request(&revision.progress_message("progresses")).send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some(), "the stream has started");
        server.bodies.wait_for_start(1).await;
        drop(response);
        drop(client);
        server.bodies.wait_for_end(1).await;
    }
}

#[tokio::test]
async fn calls_run_concurrently() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let waiting = {
            let client = client.clone();
            tokio::spawn(async move { client.call("waits", json!({})).await })
        };
        server.bodies.wait_for_start(1).await;
        assert!(client.call("request_info", json!({})).await.is_success());
        server.bodies.release(1);
        assert_eq!(waiting.await.unwrap().text_content(), "waited");
    }
}

#[tokio::test]
async fn a9_missing_scopes_after_the_stream_has_started_are_an_error_event_with_all_scopes() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        let response = client.send(&revision.progress_message("requires_scope_late")).await;
        assert_eq!(response.status, 200, "the status has been sent: {response:?}");
        assert_eq!(response.messages().len(), 2, "{response:?}");
        assert_eq!(response.error_code(), Some(-32010));
        let data = json!({
            "required": ["people:read:public", "people:read:private"],
            "missing": ["people:read:private"],
        });
        assert_eq!(response.json()["error"]["data"], data);
        // Without a progress token there is no stream, and the response has a challenge.
        let response = client.call("requires_scope_late", json!({})).await;
        assert_eq!(response.status, 403, "{response:?}");
    }
}

#[tokio::test]
async fn concurrent_calls_each_get_their_own_result() {
    let server = TestServer::start().await;
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let (token, allowed) = if number % 3 == 0 { ("nothing", false) } else { ("public", true) };
            let client = server.client_with(token, Revision::BOTH[number % 2]);
            tokio::spawn(async move {
                let person = format!("per_{number}");
                let response = client.call("people_public", json!({ "person_id": person })).await;
                assert_eq!(response.status, if allowed { 200 } else { 403 }, "{response:?}");
                assert!(!allowed || response.text.contains(&format!("Person {person}\"")), "{response:?}");
            })
        })
        .collect();
    for call in calls {
        within_deadline("the call returns", call).await.unwrap();
    }
    assert_eq!(server.bodies.runs(), 133);
}
