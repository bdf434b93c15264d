//! Arguments of types from other crates: the features `chrono`, `uuid` and `url`.

use chrono::{NaiveDate, Utc};
use serde_json::json;
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_tests::{Revision, TestServer};
use url::Url;
use uuid::Uuid;

static MEETING_SCOPES: Scopes = Scopes::new(&["meetings:write"]);

/// A planned meeting.
#[derive(Serialize, JsonSchema)]
struct Meeting {
    day: NaiveDate,
    at: chrono::DateTime<Utc>,
    room: Uuid,
    link: Url,
}

/// Plan a meeting.
#[tool(scopes = "meetings:write", scopes_in = MEETING_SCOPES)]
async fn plan(day: NaiveDate, at: chrono::DateTime<Utc>, room: Uuid, link: Url) -> Json<Meeting> {
    Json(Meeting { day, at, room, link })
}

#[tokio::test]
async fn dates_uuids_and_urls_are_parsed_and_validated_by_their_schemas() {
    let tokens = StaticTokens::new().token("planner", Claims::new().scopes(["meetings:write"]));
    let server = |url| Server::new("meetings", &MEETING_SCOPES).auth(tokens).server_url(url).skip_preflight();
    let server = TestServer::serve(server).await;
    let client = server.client_with("planner", Revision::Modern);

    let valid = json!({
        "day": "2026-11-22", "at": "2026-11-22T09:30:00Z",
        "room": "67e55044-10b1-426f-9247-bb680e5fe0c8", "link": "https://meet.example.com/a",
    });
    let response = client.call("plan", valid.clone()).await;
    assert_eq!(response.result()["structuredContent"], valid);

    let invalid = json!({ "day": "tomorrow", "at": "9:30", "room": "the big one", "link": "over there" });
    let response = client.call("plan", invalid).await;
    assert!(response.is_tool_error());
    for pointer in ["/day", "/at", "/room", "/link"] {
        assert!(response.text_content().contains(&format!("- {pointer}: ")), "{}", response.text_content());
    }
}
