//! Notifications in a session: on its standalone stream, about the lists and resources of its own caller.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use toolgate::{Notifications, prelude::*};
use toolgate_tests::{Revision, TestServer, eventually};

use crate::{
    client::{Session, initialize},
    start_with,
};

static ROOMS: Scopes = Scopes::new(&["rooms:read", "people:read:public"]);

/// A room.
#[resource(uri = "company://rooms/{room}", scopes = "people:read:public", scopes_in = ROOMS)]
async fn room(room: u8) -> String {
    room.to_string()
}

/// The key cabinet.
#[resource(uri = "company://keys", scopes = "rooms:read", scopes_in = ROOMS)]
async fn keys() -> &'static str {
    "keys"
}

async fn start(stopped: Arc<AtomicBool>) -> (TestServer, Notifications) {
    let mut notifications = None;
    let server = start_with(|server| {
        notifications = Some(server.notifications());
        server
            .add_from(&ROOMS)
            .deny(move |operation| operation.name == "people_public" && stopped.load(Ordering::Relaxed))
    })
    .await;
    (server, notifications.expect("the server was configured"))
}

async fn subscribe(session: &Session, uri: &str) -> Value {
    session.send_method("resources/subscribe", json!({ "uri": uri })).await.json().clone()
}

#[tokio::test]
async fn a_session_is_notified_of_the_resources_that_it_subscribed_to() {
    let (server, notifications) = start(Arc::default()).await;
    let session = Session::open(&server, "sam").await;
    let mut stream = session.stream().await;
    for room in 1..=3 {
        let subscribed = subscribe(&session, &format!("company://rooms/{room}")).await;
        assert_eq!(subscribed["result"], json!({}), "{subscribed}");
    }
    let unsubscribed = session.send_method("resources/unsubscribe", json!({ "uri": "company://rooms/2" })).await;
    assert_eq!(unsubscribed.result(), &json!({}));
    for room in [1, 2, 4, 3] {
        notifications.resource_updated(format!("company://rooms/{room}"));
    }
    for room in [1, 3] {
        let message = stream.message().await;
        assert_eq!(message["method"], "notifications/resources/updated", "{message}");
        assert_eq!(message["params"], json!({ "uri": format!("company://rooms/{room}") }));
    }
}

#[tokio::test]
async fn a_resource_that_the_caller_may_not_read_is_as_an_unknown_one() {
    let (server, _) = start(Arc::default()).await;
    let session = Session::open(&server, "sam").await;
    let mut errors = ["company://keys", "company://none", "company://rooms/none"].map(|uri| (uri, Value::Null));
    for (uri, error) in &mut errors {
        *error = subscribe(&session, uri).await["error"].clone();
        assert_eq!(error["code"], -32002, "{error}");
        let text = error.to_string().replace(*uri, "URI");
        *error = text.into();
    }
    assert!(errors.iter().all(|(_, error)| *error == errors[0].1), "{errors:?}");
}

#[tokio::test]
async fn the_number_of_resources_of_a_session_is_bounded() {
    let server =
        start_with(|server| server.add_from(&ROOMS).subscriptions(|subscriptions| subscriptions.max_resources = 2))
            .await;
    let session = Session::open(&server, "sam").await;
    for room in [1, 2, 1] {
        assert!(subscribe(&session, &format!("company://rooms/{room}")).await["error"].is_null());
    }
    assert_eq!(subscribe(&session, "company://rooms/3").await["error"]["code"], -32602);
    session.send_method("resources/unsubscribe", json!({ "uri": "company://rooms/1" })).await;
    assert!(subscribe(&session, "company://rooms/3").await["error"].is_null());
}

#[tokio::test]
async fn a_session_is_notified_of_its_own_lists_only() {
    let stopped = Arc::new(AtomicBool::new(false));
    let (server, notifications) = start(Arc::clone(&stopped)).await;
    let (sam, harriet) = (Session::open(&server, "sam").await, Session::open(&server, "harriet").await);
    let (mut of_sam, mut of_harriet) = (sam.stream().await, harriet.stream().await);
    for is_stopped in [true, false] {
        stopped.store(is_stopped, Ordering::Relaxed);
        notifications.access_changed();
        let message = of_sam.message().await;
        assert_eq!(message, json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" }));
    }
    assert_eq!(harriet.delete().await.status, 204);
    of_harriet.ended().await;
    // The same user with fewer scopes.
    sam.with("sam-demoted", &sam.id).send_method("ping", json!({})).await;
    let mut methods = [of_sam.message().await, of_sam.message().await].map(|message| message["method"].clone());
    methods.sort_by_key(Value::to_string);
    assert_eq!(methods, ["notifications/resources/list_changed", "notifications/tools/list_changed"]);
}

#[tokio::test]
async fn the_subscription_ends_with_the_session() {
    let (server, notifications) = start(Arc::default()).await;
    let session = Session::open(&server, "sam").await;
    let count = |count| format!("{notifications:?}").contains(&format!("subscriptions: {count}"));
    assert!(count(1));
    assert_eq!(session.delete().await.status, 204);
    eventually("the subscription ends", async || count(0)).await;
}

#[tokio::test]
async fn notifications_are_declared_in_sessions_only() {
    let (server, _) = start(Arc::default()).await;
    let client = server.client_with("sam", Revision::Legacy);
    let initialized = client.send(&initialize(&json!({}))).await;
    let capabilities = &initialized.result()["capabilities"];
    assert_eq!(capabilities["resources"], json!({ "subscribe": true, "listChanged": true }), "{initialized:?}");
    let subscribed = client.send_method("resources/subscribe", json!({ "uri": "company://rooms/1" })).await;
    assert_eq!(subscribed.error_code(), Some(-32601), "{subscribed:?}");
}
