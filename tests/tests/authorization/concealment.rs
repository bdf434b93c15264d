//! `conceal_forbidden`: a caller with missing scopes cannot tell a tool from one that does not exist.

use serde_json::{Value, json};
use toolgate_tests::{Client, HttpResponse, Revision, TestServer, send, tokens};

/// Name of no tool, as long as `regional`.
const UNKNOWN: &str = "regionel";

async fn start_concealing() -> TestServer {
    TestServer::with(|server| server.auth(tokens()).conceal_forbidden()).await
}

/// Returns what a caller can see of a response, without the date and the name of the tool.
fn visible(response: HttpResponse, name: &str) -> (u16, String, String) {
    let mut headers = response.headers;
    headers.remove("date");
    (response.status, format!("{headers:?}"), response.text.replace(name, "NAME"))
}

/// Asserts that a call of `regional` gets the response of a call of a tool that does not exist.
async fn assert_same_response(client: &Client, revision: Revision, arguments: &Value, headers: &[(&str, &str)]) {
    let mut responses = Vec::new();
    for name in ["regional", UNKNOWN] {
        let mut request = client.request(&revision.call_message(name, arguments));
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        responses.push(visible(send(request).await, name));
    }
    assert_eq!(responses[0], responses[1], "{arguments} {headers:?}");
}

#[tokio::test]
async fn a_concealed_tool_gets_byte_for_byte_the_response_of_an_unknown_one() {
    let server = start_concealing().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for arguments in [json!({}), json!({ "region": "eu" }), json!({ "region": 7 }), json!({ "extra": true })] {
            assert_same_response(&client, revision, &arguments, &[]).await;
        }
        let response = client.call("regional", json!({})).await;
        assert_eq!((response.status, response.error_code()), (200, Some(-32602)), "{response:?}");
        assert!(response.challenge().is_none());
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn parameter_headers_do_not_reveal_a_concealed_tool() {
    let server = start_concealing().await;
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
                assert_same_response(&client, revision, &arguments, headers).await;
            }
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn parameter_headers_are_validated_if_the_caller_may_call_the_tool() {
    let server = start_concealing().await;
    let client = server.client_with("read", Revision::Modern);
    let message = Revision::Modern.call_message("regional", &json!({ "region": "eu" }));
    let response = send(client.request(&message).header("Mcp-Param-Region", "us")).await;
    assert_eq!((response.status, response.error_code()), (400, Some(-32020)), "{response:?}");
    let response = send(client.request(&message).header("Mcp-Param-Region", "eu")).await;
    assert_eq!(response.text_content(), "eu");
}

#[tokio::test]
async fn malformed_calls_do_not_reveal_a_concealed_tool() {
    let server = start_concealing().await;
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
            let mut responses = Vec::new();
            for name in ["regional", UNKNOWN] {
                let mut message = revision.call_message(name, &json!({}));
                change(&mut message);
                responses.push(visible(client.send(&message).await, name));
            }
            assert_eq!(responses[0], responses[1], "{revision}");
        }
    }
}

#[tokio::test]
async fn a_concealed_tool_is_listed_only_for_callers_that_may_call_it() {
    let server = start_concealing().await;
    for revision in Revision::BOTH {
        let tools = server.client_with("public", revision).tool_names().await;
        assert!(!tools.contains(&"regional".to_owned()));
        let reader = server.client_with("read", revision);
        assert!(reader.tool_names().await.contains(&"regional".to_owned()));
        assert!(reader.call("file_read", json!({})).await.is_success());
    }
}

#[tokio::test]
async fn a_step_up_from_the_body_of_a_visible_tool_gets_a_challenge() {
    let server = start_concealing().await;
    for revision in Revision::BOTH {
        let response = server.client_with("public", revision).call("people_search", json!({ "private": true })).await;
        assert_eq!(response.status, 403, "{response:?}");
        assert_eq!(response.expect_challenge().get("error"), "insufficient_scope");
    }
}
