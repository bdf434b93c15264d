//! What a caller sends never becomes a header of ours.

use serde_json::json;
use toolgate_tests::{Reply, Revision, TestServer, raw_exchange};

/// Values that would end a quoted string, a header or a parameter.
const HOSTILE: [&str; 6] = [
    "\", scope=\"everything",
    "x\r\nX-Injected: yes",
    "x\nWWW-Authenticate: Basic",
    "\\\"",
    "\u{e9}\u{1F600}",
    "%0d%0aX-Injected: yes",
];

fn assert_clean(reply: &Reply) {
    assert!(reply.headers.get("x-injected").is_none(), "{reply:?}");
    assert!(reply.headers.get_all("www-authenticate").iter().count() <= 1, "{reply:?}");
    if let Some(challenge) = reply.challenge() {
        assert!(!challenge.get("scope").contains("everything"), "{reply:?}");
        assert!(!format!("{challenge:?}").contains("njected"), "{reply:?}");
    }
}

#[tokio::test]
async fn a14_a_tools_name_is_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for name in HOSTILE {
            let reply = server.client_with("nothing", revision).call(name, json!({})).await;
            assert_eq!(reply.error_code(), Some(-32602), "{name:?}: {reply:?}");
            assert_clean(&reply);
        }
    }
}

#[tokio::test]
async fn a14_a_requests_id_is_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        for id in HOSTILE {
            let mut message = client.call_message("people_public", &json!({}));
            message["id"] = id.into();
            let reply = client.send(&message).await;
            assert_eq!(reply.status, 403);
            assert_clean(&reply);
            assert_eq!(reply.json()["id"], id, "it is given back in the body, as it was");
        }
    }
}

#[tokio::test]
async fn a14_a_path_a_query_and_a_host_are_not_echoed_into_a_header() {
    let server = TestServer::start().await;
    for target in ["/mcp?a=%22,scope=%22everything", "/mcp?%0d%0aX-Injected:yes", "/mcp?a\",scope=\"everything"] {
        let head = format!(
            "POST {target} HTTP/1.1\nContent-Type: application/json\nX-Forwarded-Host: evil.example\n\
             X-Forwarded-Proto: https\nForwarded: host=evil.example\nX-Original-URL: /evil\n"
        );
        let reply = raw_exchange(server.address, &head, "{}").await;
        assert!(matches!(reply.status, 400 | 401), "{target}: {reply:?}");
        assert_clean(&reply);
        assert!(!format!("{reply:?}").contains("evil.example"), "{reply:?}");
    }
}

#[tokio::test]
async fn a14_the_scopes_of_a_challenge_are_separated_by_one_space() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("nothing", revision).call("people_private", json!({})).await;
        assert_eq!(reply.must_challenge().get("scope"), "people:read:private people:read:public", "{revision}");
    }
}
