//! `tools/call` by callers that may call the tool: results, errors, invalid arguments and timeouts.

use serde_json::{Value, json};
use toolgate_tests::{Client, HttpResponse, Revision, TestServer};

/// Returns the output schema of a listed tool.
async fn output_schema(client: &Client, tool: &str) -> Value {
    let list = client.list().await;
    let tools = list.result()["tools"].as_array().unwrap();
    tools.iter().find(|listed| listed["name"] == tool).unwrap()["outputSchema"].clone()
}

#[tokio::test]
async fn a_call_returns_the_result_as_structured_content_and_as_text() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response =
            server.client_with("public", revision).call("people_public", json!({ "person_id": "per_7" })).await;
        let profile = json!({ "name": "Person per_7", "room": 7 });
        assert_eq!(response.result()["structuredContent"], profile);
        assert_eq!(serde_json::from_str::<Value>(response.text_content()).unwrap(), profile);
    }
    assert_eq!(server.bodies.runs(), 2);
}

#[tokio::test]
async fn an_unknown_tool_is_rejected_with_32602() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for token in ["nothing", "everything"] {
            let response = server.client_with(token, revision).call("no_such_tool", json!({})).await;
            assert_eq!((response.status, response.error_code()), (200, Some(-32602)), "{revision}: {response:?}");
            assert_eq!(response.json()["id"], 1);
            assert!(response.challenge().is_none());
        }
    }
}

#[tokio::test]
async fn t3_invalid_arguments_are_reported_with_every_violation_and_its_pointer() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let response =
            client.call("arguments", json!({ "limit": 99, "name": "a", "tags": ["x", 7], "extra": true })).await;
        assert!(response.is_tool_error(), "{revision}: {response:?}");
        for part in ["/limit: ", "/name: ", "/tags", "extra"] {
            assert!(response.text_content().contains(part), "{part} is named: {}", response.text_content());
        }
        let response = client.call("arguments", json!({})).await;
        assert!(response.is_tool_error());
        assert!(response.text_content().contains("limit") && response.text_content().contains("name"));
    }
    assert_eq!(server.bodies.runs(), 0);
    let client = server.client_with("nothing", Revision::Modern);
    let response = client.call("arguments", json!({ "limit": 50, "name": "ab" })).await;
    assert!(response.is_success(), "the corrected call succeeds: {response:?}");
}

#[tokio::test]
async fn t3_the_published_schema_is_enforced() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for invalid in [
            json!({}),
            json!({ "person_id": null }),
            json!({ "person_id": 7 }),
            json!({ "person_id": "seven" }),
            json!({ "person_id": "per_7 or 1=1" }),
            json!({ "person_id": "per_7", "bodies": {} }),
            json!({ "Person_id": "per_7" }),
        ] {
            let response = client.call("people_public", invalid.clone()).await;
            assert!(response.is_tool_error(), "{invalid} {revision}: {response:?}");
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn t4_structured_content_matches_the_output_schema() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for (tool, arguments) in [("people_public", json!({ "person_id": "per_1" })), ("request_info", json!({}))] {
            let schema = output_schema(&client, tool).await;
            let response = client.call(tool, arguments).await;
            let content = &response.result()["structuredContent"];
            assert!(content.is_object(), "{response:?}");
            assert!(jsonschema::is_valid(&schema, content), "{tool} {revision}: {content} / {schema}");
        }
    }
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn t4_a_result_that_violates_its_schema_is_not_sent() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response = server.client_with("nothing", revision).call("violates_output_schema", json!({})).await;
        assert!(response.is_tool_error(), "{response:?}");
        assert!(response.result().get("structuredContent").is_none_or(Value::is_null));
        assert!(!response.text.contains("actual"));
    }
}

fn assert_masked(response: &HttpResponse) {
    assert!(response.is_tool_error(), "{response:?}");
    assert!(!response.text.contains("swordfish"), "{response:?}");
    assert!(response.text_content().starts_with("internal error (reference "), "{response:?}");
}

#[tokio::test]
async fn a_panic_is_masked_and_the_server_keeps_running() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        assert_masked(&client.call("panics", json!({})).await);
        assert!(client.call("request_info", json!({})).await.is_success());
    }
    assert_eq!(server.bodies.runs(), 4);
}

#[tokio::test]
async fn an_internal_error_is_masked_with_a_unique_reference() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let (one, other) =
            (client.call("fails_masked", json!({})).await, client.call("fails_masked", json!({})).await);
        assert_masked(&one);
        assert_masked(&other);
        assert_ne!(one.text_content(), other.text_content());
    }
}

#[tokio::test]
async fn a_tool_error_is_shown_verbatim() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let response = server.client_with("nothing", revision).call("fails_shown", json!({})).await;
        assert!(response.is_tool_error());
        assert_eq!(response.text_content(), "no such record; try another ID");
    }
}

#[tokio::test]
async fn a_call_that_exceeds_its_timeout_is_aborted_and_the_server_keeps_running() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("nothing", revision);
        let response = client.call("exceeds_timeout", json!({})).await;
        assert!(response.is_tool_error(), "{response:?}");
        assert!(response.text_content().contains("time limit"));
        assert!(client.call("request_info", json!({})).await.is_success());
    }
}
