//! `subscriptions/listen` on the wire.

use serde_json::json;
use toolgate_tests::{EventStream, Revision, TestServer, eventually, within_deadline};

async fn start() -> (TestServer, toolgate::Notifications) {
    let mut notifications = None;
    let server = TestServer::with(|server| {
        notifications = Some(server.notifications());
        server.auth(toolgate_tests::tokens())
    })
    .await;
    (server, notifications.unwrap())
}

/// Number of open subscriptions, as `Debug` states it.
fn is_idle(notifications: &toolgate::Notifications) -> bool {
    format!("{notifications:?}").contains("subscriptions: 0")
}

#[tokio::test]
async fn u1_the_acknowledgment_is_first_and_names_only_what_will_be_sent() {
    let (server, _) = start().await;
    let client = server.client_with("read", Revision::Modern);
    for (filter, accepted) in [
        (json!({}), json!({})),
        (json!({ "toolsListChanged": true }), json!({ "toolsListChanged": true })),
        (json!({ "toolsListChanged": false }), json!({})),
        (json!({ "promptsListChanged": true, "resourcesListChanged": true }), json!({})),
        (json!({ "resourceSubscriptions": ["company://unknown", "no uri", ""] }), json!({})),
    ] {
        assert_eq!(EventStream::listen(&client, filter.clone()).await.acknowledged().await, accepted, "{filter}");
    }
}

#[tokio::test]
async fn u2_shutdown_answers_the_request_before_the_stream_closes() {
    let (server, notifications) = start().await;
    let client = server.client_with("read", Revision::Modern);
    let mut stream = EventStream::listen(&client, json!({ "toolsListChanged": true })).await;
    stream.acknowledged().await;
    let stopped = server.begin_shutdown();
    let result = stream.next().await.unwrap();
    assert_eq!(result["id"], 1, "{result}");
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    assert_eq!(result["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1, "{result}");
    assert_eq!(stream.next().await, None);
    drop(client);
    within_deadline("the server stops", stopped).await.unwrap().unwrap();
    assert!(is_idle(&notifications));
}

#[tokio::test]
async fn closing_the_stream_ends_the_subscription() {
    let (server, notifications) = start().await;
    let client = server.client_with("read", Revision::Modern);
    let mut stream = EventStream::listen(&client, json!({ "toolsListChanged": true })).await;
    stream.acknowledged().await;
    assert!(!is_idle(&notifications));
    drop(stream);
    eventually("the subscription ends", async || is_idle(&notifications)).await;
}

#[tokio::test]
async fn a_request_that_opens_no_stream_leaves_no_subscription() {
    let (server, notifications) = start().await;
    let client = server.client_with("read", Revision::Modern);
    let filter = json!({ "notifications": { "toolsListChanged": true } });
    let legacy =
        server.client_with("read", Revision::Legacy).send_method("subscriptions/listen", filter.clone()).await;
    assert_eq!((legacy.status, legacy.error_code()), (200, Some(-32601)), "{legacy:?}");
    let json_only = client.bare_post(Revision::Modern.message("subscriptions/listen", filter.clone()).to_string());
    let json_only = json_only.header("Mcp-Method", "subscriptions/listen").header("Accept", "application/json");
    let mut headers = json_only.build().unwrap();
    headers.headers_mut().insert("accept", "application/json".parse().unwrap());
    let response = toolgate_tests::http_client().execute(headers).await.unwrap();
    assert_eq!(response.status(), 406);
    let other_method = client.bare_post(Revision::Modern.message("subscriptions/listen", filter).to_string());
    let other_method = toolgate_tests::send(other_method.header("Mcp-Method", "tools/list")).await;
    assert_eq!((other_method.status, other_method.error_code()), (400, Some(-32020)), "{other_method:?}");
    for notifications in
        [json!(null), json!([]), json!({ "toolsListChanged": 1 }), json!({ "resourceSubscriptions": "a:b" })]
    {
        let response = client.send_method("subscriptions/listen", json!({ "notifications": notifications })).await;
        assert_eq!((response.status, response.error_code()), (400, Some(-32602)), "{response:?}");
    }
    let unauthenticated = server.client(Revision::Modern);
    assert_eq!(EventStream::open(&unauthenticated, json!({})).await.unwrap_err().status, 401);
    eventually("nothing is open", async || is_idle(&notifications)).await;
}

#[tokio::test]
async fn the_number_of_resources_of_a_subscription_is_bounded() {
    let server = TestServer::with(|server| {
        server.auth(toolgate_tests::tokens()).subscriptions(|subscriptions| subscriptions.max_resources = 3)
    })
    .await;
    let client = server.client_with("read", Revision::Modern);
    let uris = |count: usize| (0..count).map(|i| format!("company://{i}")).collect::<Vec<_>>();
    let mut stream = EventStream::listen(&client, json!({ "resourceSubscriptions": uris(3) })).await;
    stream.acknowledged().await;
    let rejected = EventStream::open(&client, json!({ "resourceSubscriptions": uris(4) })).await.unwrap_err();
    assert_eq!((rejected.status, rejected.error_code()), (400, Some(-32602)), "{rejected:?}");
    let same = json!({ "resourceSubscriptions": vec!["company://1"; 50] });
    EventStream::listen(&client, same).await.acknowledged().await;
    let large = json!({ "resourceSubscriptions": ["x".repeat(70_000)] });
    assert_eq!(EventStream::open(&client, large).await.unwrap_err().status, 413);
}

#[tokio::test]
async fn only_revisions_that_can_be_notified_are_told_of_list_changed() {
    let server = TestServer::start().await;
    let discovered = server.client_with("read", Revision::Modern).send_method("server/discover", json!({})).await;
    assert_eq!(discovered.result()["capabilities"]["tools"], json!({ "listChanged": true }), "{discovered:?}");
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" }
    });
    let initialized = server.client_with("read", Revision::Legacy).send_method("initialize", params).await;
    assert_eq!(initialized.result()["capabilities"]["tools"], json!({}), "{initialized:?}");
}

#[tokio::test]
async fn u3_streams_beyond_the_limits_are_rejected_until_one_closes() {
    let server = TestServer::with(|server| {
        server.auth(toolgate_tests::tokens()).limits(|limits| {
            (limits.max_streams, limits.max_streams_per_caller) = (3, 2);
            // Streams do not count as requests in flight.
            limits.max_requests_in_flight = 1;
        })
    })
    .await;
    let open = async |token: &str| {
        let client = server.client_with(token, Revision::Modern);
        let mut stream = EventStream::open(&client, json!({})).await?;
        stream.acknowledged().await;
        Ok::<_, toolgate_tests::HttpResponse>(stream)
    };
    let (first, _second, _third) =
        (open("read").await.unwrap(), open("read").await.unwrap(), open("write").await.unwrap());
    for (token, of) in [("read", "read"), ("write", "all")] {
        let rejected = open(token).await.unwrap_err();
        assert_eq!(rejected.status, 429, "{of}: {rejected:?}");
        assert_eq!(rejected.header("retry-after"), "1");
    }
    assert_eq!(server.client_with("read", Revision::Modern).list().await.status, 200);
    drop(first);
    eventually("there is a place again", async || open("write").await.is_ok()).await;
}
