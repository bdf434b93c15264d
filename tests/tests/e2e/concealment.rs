//! A server that conceals: who lacks a scope does not learn of the tool.

use serde_json::{Value, json};
use toolgate_tests::{Client, Reply, Revision, TestServer, tokens};

/// A name that is as long as `regional` and is no tool's.
const UNKNOWN: &str = "regionel";

async fn concealing() -> TestServer {
    TestServer::with(|server| server.auth(tokens()).conceal_forbidden_tools()).await
}

/// All that a caller can see, apart from the clock.
fn visible(reply: Reply, name: &str) -> (u16, String, String) {
    let mut headers = reply.headers;
    headers.remove("date");
    (reply.status, format!("{headers:?}"), reply.text.replace(name, "NAME"))
}

async fn assert_alike(client: &Client, arguments: &Value, headers: &[(&str, &str)]) {
    let mut answers = Vec::new();
    for name in ["regional", UNKNOWN] {
        let mut request = client.request(&client.call_message(name, arguments));
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        answers.push(visible(Reply::to(request).await, name));
    }
    assert_eq!(answers[0], answers[1], "{arguments} {headers:?}");
}

#[tokio::test]
async fn a_concealed_tool_is_answered_byte_for_byte_like_an_unknown_one() {
    let server = concealing().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for arguments in [json!({}), json!({ "region": "eu" }), json!({ "region": 7 }), json!({ "extra": true })] {
            assert_alike(&client, &arguments, &[]).await;
        }
        let reply = client.call("regional", json!({})).await;
        assert_eq!((reply.status, reply.error_code()), (200, Some(-32602)), "{reply:?}");
        assert!(reply.challenge().is_none());
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn hostile_parameter_headers_do_not_tell_a_concealed_tool_from_an_unknown_one() {
    let server = concealing().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for arguments in [json!({}), json!({ "region": "eu" }), json!({ "region": null })] {
            for headers in [
                &[("Mcp-Param-Region", "eu")][..],
                &[("Mcp-Param-Region", "us")],
                &[("Mcp-Param-Region", "=?base64?!?=")],
                &[("Mcp-Param-Region", "eu"), ("Mcp-Param-Region", "us")],
                &[("Mcp-Param-Nothing", "x")],
            ] {
                assert_alike(&client, &arguments, headers).await;
            }
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn parameter_headers_are_checked_for_who_may_call_the_tool() {
    let server = concealing().await;
    let client = server.client_with("read", Revision::Modern);
    let message = client.call_message("regional", &json!({ "region": "eu" }));
    let reply = Reply::to(client.request(&message).header("Mcp-Param-Region", "us")).await;
    assert_eq!((reply.status, reply.error_code()), (400, Some(-32020)), "{reply:?}");
    let reply = Reply::to(client.request(&message).header("Mcp-Param-Region", "eu")).await;
    assert_eq!(reply.text_content(), "eu");
}

#[tokio::test]
async fn malformed_calls_do_not_tell_a_concealed_tool_from_an_unknown_one() {
    let server = concealing().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for change in [
            |message: &mut Value| message["params"]["arguments"] = json!(7),
            |message: &mut Value| message["params"]["arguments"] = json!([]),
            |message: &mut Value| message["id"] = json!({}),
            |message: &mut Value| message["jsonrpc"] = json!("1.0"),
            |message: &mut Value| message["params"]["_meta"]["progressToken"] = json!(1),
            |message: &mut Value| message["params"]["_meta"]["progressToken"] = json!({}),
            |message: &mut Value| message["params"]["task"] = json!({ "ttl": 1 }),
            |message: &mut Value| message["params"]["requestState"] = json!("x"),
        ] {
            let mut answers = Vec::new();
            for name in ["regional", UNKNOWN] {
                let mut message = client.call_message(name, &json!({}));
                change(&mut message);
                answers.push(visible(client.send(&message).await, name));
            }
            assert_eq!(answers[0], answers[1], "{revision}");
        }
    }
}

#[tokio::test]
async fn a_concealed_tool_is_not_in_the_list_and_is_there_for_who_may_call_it() {
    let server = concealing().await;
    for revision in Revision::BOTH {
        let tools = server.client_with("public", revision).tools().await;
        assert!(!tools.contains(&"regional".to_owned()));
        let reader = server.client_with("read", revision);
        assert!(reader.tools().await.contains(&"regional".to_owned()));
        assert!(reader.call("file_read", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn a_body_that_asks_for_more_challenges_who_may_see_the_tool() {
    let server = concealing().await;
    for revision in Revision::BOTH {
        let reply = server.client_with("public", revision).call("people_search", json!({ "private": true })).await;
        assert_eq!(reply.status, 403, "{reply:?}");
        assert_eq!(reply.must_challenge().get("error"), "insufficient_scope");
    }
}
