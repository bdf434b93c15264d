//! Values from a request never become part of a response header.

use serde_json::json;
use toolgate_tests::{HttpResponse, RawRequest, Revision, TestServer};

/// Values that would end a quoted string, a header or a parameter if they were copied.
const INJECTIONS: [&str; 6] = [
    "\", scope=\"everything",
    "x\r\nX-Injected: yes",
    "x\nWWW-Authenticate: Basic",
    "\\\"",
    "\u{e9}\u{1F600}",
    "%0d%0aX-Injected: yes",
];

fn assert_no_injection(response: &HttpResponse) {
    assert!(response.headers.get("x-injected").is_none(), "{response:?}");
    assert!(response.headers.get_all("www-authenticate").iter().count() <= 1, "{response:?}");
    if let Some(challenge) = response.challenge() {
        assert!(!challenge.get("scope").contains("everything"), "{response:?}");
        assert!(!format!("{challenge:?}").contains("njected"), "{response:?}");
    }
}

#[tokio::test]
async fn a14_a_tool_name_is_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for name in INJECTIONS {
            let response = server.client_with("nothing", revision).call(name, json!({})).await;
            assert_eq!(response.error_code(), Some(-32602), "{name:?}: {response:?}");
            assert_no_injection(&response);
        }
    }
}

#[tokio::test]
async fn a14_a_request_id_is_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        for id in INJECTIONS {
            let mut message = revision.call_message("people_public", &json!({}));
            message["id"] = id.into();
            let response = client.send(&message).await;
            assert_no_injection(&response);
            if id.contains(char::is_control) {
                assert_eq!((response.status, &response.json()["id"]), (400, &json!(null)), "{response:?}");
            } else {
                assert_eq!((response.status, &response.json()["id"]), (403, &json!(id)), "the ID is unchanged");
            }
        }
    }
}

#[tokio::test]
async fn a14_a_path_a_query_and_a_host_are_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for target in ["/mcp?a=%22,scope=%22everything", "/mcp?%0d%0aX-Injected:yes", "/mcp?a\",scope=\"everything"] {
        let request = RawRequest::new("POST", target)
            .header("Content-Type", "application/json")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https")
            .header("Forwarded", "host=evil.example")
            .header("X-Original-URL", "/evil");
        let response = request.body("{}").send(server.address).await;
        assert!(matches!(response.status, 400 | 401), "{target}: {response:?}");
        assert_no_injection(&response);
        assert!(!format!("{response:?}").contains("evil.example"), "{response:?}");
    }
}

#[tokio::test]
async fn a14_the_scopes_of_a_challenge_are_separated_by_one_space() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response = server.client_with("nothing", revision).call("people_private", json!({})).await;
        assert_eq!(response.expect_challenge().get("scope"), "people:read:private people:read:public", "{revision}");
    }
}
