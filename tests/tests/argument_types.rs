//! Types of other crates as arguments: the features `chrono`, `uuid` and `url`.

use chrono::{NaiveDate, Utc};
use serde_json::json;
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_tests::{Client, Revision, TestServer};
use url::Url;
use uuid::Uuid;

/// The list of this test.
pub static SCOPES: Scopes = Scopes::new(&["meetings:write"]);

/// What was understood.
#[derive(Serialize, JsonSchema)]
struct Understood {
    day: NaiveDate,
    at: chrono::DateTime<Utc>,
    room: Uuid,
    link: Url,
}

/// Plan a meeting.
#[tool(scopes = "meetings:write")]
async fn plan(day: NaiveDate, at: chrono::DateTime<Utc>, room: Uuid, link: Url) -> Json<Understood> {
    Json(Understood { day, at, room, link })
}

#[tokio::test]
async fn dates_uuids_and_urls_are_read_and_refused_by_their_schema() {
    let listener = TestServer::listener().await;
    let tokens = StaticTokens::new().token("planner", Claims::new().scopes(["meetings:write"]));
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new("meetings", &SCOPES).auth(tokens).server_url(base).skip_preflight();
    let server = TestServer::run(listener, server).await;
    let client = Client::new(&server.endpoint, Revision::BOTH[0]).token("planner");

    let good = json!({
        "day": "2026-11-22", "at": "2026-11-22T09:30:00Z",
        "room": "67e55044-10b1-426f-9247-bb680e5fe0c8", "link": "https://meet.example.com/a",
    });
    let reply = client.call("plan", good.clone()).await;
    assert_eq!(reply.result()["structuredContent"], good);

    let bad = json!({ "day": "tomorrow", "at": "9:30", "room": "the big one", "link": "over there" });
    let reply = client.call("plan", bad).await;
    assert!(reply.is_tool_error());
    for pointer in ["/day", "/at", "/room", "/link"] {
        assert!(reply.text_content().contains(&format!("- {pointer}: ")), "{}", reply.text_content());
    }
}
