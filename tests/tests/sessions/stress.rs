//! Concurrent requests of one session in any order.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use serde_json::json;
use toolgate_tests::{Revision, TestServer, within_deadline};

use crate::{client::Session, start_with};

/// Sends requests in a random order, and disconnects from some of them.
async fn act(server_bodies: toolgate_tests::ToolBodies, session: Session, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..40 {
        // Few IDs, so that some are in use.
        let id = random.random_range(1..6);
        match random.random_range(0..7) {
            0 => {
                let mut message = Revision::Legacy.progress_message("progresses");
                message["id"] = id.into();
                let disconnect_after = Duration::from_millis(random.random_range(0..20));
                let _ = tokio::time::timeout(disconnect_after, session.post(&message).send()).await;
            }
            1 => {
                let mut message = Revision::Legacy.call_message("waits", &json!({}));
                message["id"] = id.into();
                let disconnect_after = Duration::from_millis(random.random_range(0..20));
                let _ = tokio::time::timeout(disconnect_after, session.post(&message).send()).await;
            }
            2 => {
                session.notify("notifications/cancelled", json!({ "requestId": id })).await;
            }
            3 => {
                let event = format!("{}-{}", random.random_range(0..40), random.random_range(0..3));
                drop(session.request(Method::GET).header("Last-Event-ID", event).send().await);
            }
            4 => drop(session.request(Method::GET).send().await),
            5 => server_bodies.release(2),
            _ => {
                let mut message = Revision::Legacy.call_message("file_read", &json!({}));
                message["id"] = id.into();
                let response = session.send(&message).await;
                assert!([200, 400, 429].contains(&response.status), "{response:?}");
                // It is empty if another client has cancelled it.
                let text = &response.text;
                assert!(response.status != 200 || text.is_empty() || text.contains("contents"), "{response:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_in_any_order_leave_a_session_usable() {
    let server: TestServer = start_with(|server| server.limits(|limits| limits.max_streams_per_caller = 4)).await;
    let session = Session::open(&server, "sam").await;
    let clients: Vec<_> =
        (0..6).map(|seed| tokio::spawn(act(server.bodies.clone(), session.clone(), seed))).collect();
    for client in clients {
        within_deadline("the client ends", client).await.unwrap();
    }
    // Every call that still waits ends.
    server.bodies.release(1000);
    toolgate_tests::eventually("the session is usable", async || {
        session.call("file_read", json!({})).await.status == 200
    })
    .await;
    assert_eq!(session.delete().await.status, 204);
    server.shut_down().await;
}
