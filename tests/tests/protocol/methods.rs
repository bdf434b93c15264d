//! The methods of both revisions: invalid parameters and unsupported methods are errors with a sentence.

use serde_json::{Value, json};
use toolgate_tests::{HttpResponse, Revision, TestServer, send};

use crate::assert_responds;

/// Methods of both revisions, with parameters that are valid, and members whose type is changed.
fn methods() -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        (
            "initialize",
            json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": { "name": "client", "version": "1" },
            }),
            &["protocolVersion", "capabilities", "clientInfo"],
        ),
        ("server/discover", json!({ "_meta": {} }), &["_meta"]),
        ("ping", json!({}), &["_meta"]),
        ("tools/list", json!({}), &["cursor", "_meta"]),
        (
            "tools/call",
            json!({ "name": "request_info" }),
            &["name", "arguments", "inputResponses", "requestState", "_meta"],
        ),
        ("prompts/list", json!({}), &["cursor", "_meta"]),
        ("prompts/get", json!({ "name": "p" }), &["name", "arguments", "_meta"]),
        ("resources/list", json!({}), &["cursor", "_meta"]),
        ("resources/templates/list", json!({}), &["cursor", "_meta"]),
        ("resources/read", json!({ "uri": "a:b" }), &["uri", "_meta"]),
        ("resources/subscribe", json!({ "uri": "a:b" }), &["uri", "_meta"]),
        ("resources/unsubscribe", json!({ "uri": "a:b" }), &["uri", "_meta"]),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "p" }, "argument": { "name": "a", "value": "b" } }),
            &["ref", "argument", "_meta"],
        ),
        ("logging/setLevel", json!({ "level": "info" }), &["level", "_meta"]),
        ("subscriptions/listen", json!({ "notifications": {} }), &["notifications", "_meta"]),
        ("tasks/get", json!({ "taskId": "t" }), &["taskId", "_meta"]),
        ("tasks/cancel", json!({ "taskId": "t" }), &["taskId", "_meta"]),
        ("tasks/update", json!({ "taskId": "t", "inputResponses": {} }), &["taskId", "inputResponses", "_meta"]),
    ]
}

/// Methods that the revision 2026-07-28 does not have.
const REMOVED: [&str; 5] = ["initialize", "logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"];

/// Sends a request whose headers agree with its body.
async fn send_request(server: &TestServer, revision: Revision, method: &str, params: Option<&Value>) -> HttpResponse {
    let mut message = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    if let Some(params) = params {
        message["params"] = params.clone();
    }
    let mut request = server.client_with("everything", revision).bare_post(message.to_string());
    if revision == Revision::Modern {
        request = request.header("Mcp-Method", method);
        let name = |params: &Value| {
            ["name", "uri", "taskId"].into_iter().find_map(|member| params[member].as_str().map(str::to_owned))
        };
        if let Some(name) = params.and_then(name) {
            request = request.header("Mcp-Name", name);
        }
    }
    send(request).await
}

fn with_meta(revision: Revision, params: &Value) -> Value {
    let mut params = params.clone();
    let meta = &revision.message("", json!({}))["params"]["_meta"];
    if let Some(meta) = meta.as_object() {
        for (key, value) in meta {
            params["_meta"][key] = value.clone();
        }
    }
    params
}

/// Asserts a JSON-RPC error whose text is a sentence and not the name of the method.
fn assert_sentence(response: &HttpResponse, codes: &[i64], what: &str) {
    assert!(response.header("content-type").starts_with("application/json"), "{what}: {response:?}");
    let code = response.error_code();
    assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {response:?}");
    let text = response.json()["error"]["message"].as_str().unwrap();
    assert!(text.split(' ').count() >= 4, "{what}: {text}");
}

#[tokio::test]
async fn params_of_another_type_than_the_methods_are_invalid() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        for (method, valid, members) in methods() {
            for params in [json!([]), json!(7), json!("text"), json!(true)] {
                let response = send_request(&server, revision, method, Some(&params)).await;
                let what = format!("{revision} {method} {params}");
                assert_sentence(&response, &[-32602], &what);
                assert_eq!(response.status, 400, "{what}");
            }
            for member in members {
                let wrong =
                    if valid[member].is_object() || *member == "arguments" { json!("text") } else { json!({}) };
                let wrong = if matches!(*member, "_meta" | "inputResponses") { json!([7]) } else { wrong };
                let mut params = with_meta(revision, &valid);
                params[*member] = wrong;
                let response = send_request(&server, revision, method, Some(&params)).await;
                let what = format!("{revision} {method} {params}");
                // A request without readable metadata does not repeat its revision.
                let codes: &[i64] = match *member {
                    "_meta" => &[-32602, -32020],
                    _ if revision == Revision::Modern && REMOVED.contains(&method) => &[-32601],
                    _ => &[-32602],
                };
                assert_sentence(&response, codes, &what);
            }
        }
    }
    assert_eq!(server.bodies.runs(), 0);
    assert_responds(&server).await;
}

#[tokio::test]
async fn missing_params_of_a_method_that_needs_them_are_invalid() {
    let server = TestServer::start().await;
    for (method, valid, members) in methods() {
        let required = members.iter().filter(|member| !valid[**member].is_null());
        for member in required {
            for absent in [true, false] {
                let mut params = valid.clone();
                if absent {
                    params.as_object_mut().unwrap().remove(*member);
                } else {
                    params[*member] = Value::Null;
                }
                let response = send_request(&server, Revision::Legacy, method, Some(&params)).await;
                assert_sentence(&response, &[-32602], &format!("{method} {params}"));
            }
            let response = send_request(&server, Revision::Legacy, method, None).await;
            assert_sentence(&response, &[-32602], &format!("{method} without params"));
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn initialize_says_which_member_is_wrong() {
    let server = TestServer::start().await;
    let client = json!({ "name": "client", "version": "1" });
    for (params, text) in [
        (None, "`params` of initialize must be an object"),
        (Some(json!({})), "`params.protocolVersion` of initialize must be a string"),
        (
            Some(json!({ "protocolVersion": 2025, "capabilities": {}, "clientInfo": client })),
            "`params.protocolVersion` of initialize must be a string",
        ),
        (
            Some(json!({ "protocolVersion": "2025-11-25", "clientInfo": client })),
            "`params.capabilities` of initialize must be an object",
        ),
        (
            Some(json!({ "protocolVersion": "2025-11-25", "capabilities": {} })),
            "`params.clientInfo` of initialize must be an object",
        ),
        (
            Some(json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c" } })),
            "`params.clientInfo.version` of initialize must be a string",
        ),
    ] {
        let response = send_request(&server, Revision::Legacy, "initialize", params.as_ref()).await;
        assert_eq!(response.error_code(), Some(-32602), "{response:?}");
        assert_eq!(response.json()["error"]["message"], text);
        assert_eq!(response.json()["id"], 1);
    }
}

#[tokio::test]
async fn a_method_that_the_server_does_not_support_is_named_in_a_sentence() {
    let server = TestServer::start().await;
    for (revision, status) in [(Revision::Legacy, 200), (Revision::Modern, 404)] {
        for (method, params) in [
            ("tools/execute", json!({})),
            ("TOOLS/CALL", json!({ "name": "request_info" })),
            ("rpc.discover", json!({})),
            ("a \"quoted\" method", json!({})),
            ("prompts/get", json!({ "name": "n" })),
            ("tasks/get", json!({ "taskId": "t" })),
            ("initialize", json!({})),
            ("logging/setLevel", json!({})),
            ("resources/subscribe", json!({})),
            ("resources/unsubscribe", json!({})),
        ] {
            if revision == Revision::Legacy && REMOVED.contains(&method) {
                continue;
            }
            let params = with_meta(revision, &params);
            let response = send_request(&server, revision, method, Some(&params)).await;
            assert_eq!((response.status, response.error_code()), (status, Some(-32601)), "{method}: {response:?}");
            let text = response.json()["error"]["message"].as_str().unwrap();
            assert_eq!(text, format!("this server does not support the method `{method}`"));
            assert_eq!(response.json()["id"], 1);
        }
        let long = send_request(&server, revision, &"x".repeat(257), None).await;
        assert_eq!((long.status, long.error_code()), (400, Some(-32600)), "{long:?}");
        assert!(long.text.len() < 256, "{long:?}");
    }
}

#[tokio::test]
async fn params_that_are_null_are_absent() {
    let server = TestServer::start().await;
    for method in ["ping", "tools/list"] {
        let response = send_request(&server, Revision::Legacy, method, Some(&Value::Null)).await;
        assert!(response.is_success(), "{method}: {response:?}");
    }
}
