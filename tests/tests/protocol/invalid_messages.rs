//! Invalid JSON, JSON-RPC and calls: each gets a JSON-RPC error, runs no tool, and leaves the server running.

use serde_json::{Value, json};
use toolgate_tests::{HttpResponse, Revision, TestServer, send};

use crate::assert_responds;

/// Asserts that a response has status 400 and a JSON-RPC error, that no body ran, and that the server still responds.
async fn assert_rejected(server: &TestServer, response: &HttpResponse, codes: &[i64], what: &str) {
    assert_eq!(response.status, 400, "{what}: {response:?}");
    assert_error(server, response, codes, what).await;
}

/// Asserts that a response has a JSON-RPC error, that no body ran, and that the server still responds.
async fn assert_error(server: &TestServer, response: &HttpResponse, codes: &[i64], what: &str) {
    let code = response.error_code();
    assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {response:?}");
    assert!(!response.json()["error"]["message"].as_str().unwrap_or_default().is_empty(), "{what}");
    assert_eq!(server.bodies.runs(), 0, "{what} ran a body");
    assert_responds(server).await;
}

/// Returns a call whose `params` are given as JSON text without braces.
fn call_with_params(revision: Revision, params: &str) -> String {
    let meta = &revision.message("tools/call", json!({}))["params"]["_meta"];
    let meta = if meta.is_null() { String::new() } else { format!(r#","_meta":{meta}"#) };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}{meta}}}}}"#)
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_parse_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for body in ["", " ", "not json", "{", r#"{"method":"tools/call""#, "\u{feff}{}", "{}{}", "'", "NaN"] {
            let response = send(client.post("request_info", body)).await;
            assert_rejected(&server, &response, &[-32700], body).await;
        }
        let response = send(client.post("request_info", b"{\"method\":\"\xff\xfe\"}".to_vec())).await;
        assert_rejected(&server, &response, &[-32700, -32600], "invalid UTF-8").await;
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_rpc_is_an_invalid_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for body in [
            "null",
            "7",
            "\"tools/call\"",
            "{}",
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"request_info"}}"#,
            r#"{"id":1,"method":"tools/call","params":{"name":"request_info"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7,"params":{"name":"request_info"}}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"request_info"}}"#,
        ] {
            let response = send(client.post("request_info", body)).await;
            assert_rejected(&server, &response, &[-32600], body).await;
        }
    }
}

#[tokio::test]
async fn a_batch_is_an_invalid_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let call = revision.call_message("request_info", &json!({}));
        for batch in [json!([]), json!([call]), json!([call, call])] {
            let response = send(client.post("request_info", batch.to_string())).await;
            assert_rejected(&server, &response, &[-32600], "a batch").await;
            assert!(response.text.contains("batch"), "{response:?}");
        }
    }
}

#[tokio::test]
async fn duplicate_keys_are_rejected_before_two_parsers_can_disagree() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        // The token may call `people_search` and not `people_private`.
        let client = server.client_with("public", revision);
        for params in [
            r#""name":"people_search","name":"people_private""#,
            r#""name":"people_private","name":"people_search""#,
            r#""name":"people_search","n\u0061me":"people_private""#,
            r#""name":"people_search","arguments":{"private":false},"arguments":{"private":true}"#,
        ] {
            let response = send(client.post("people_search", call_with_params(revision, params))).await;
            assert_rejected(&server, &response, &[-32600], params).await;
        }
        let call = call_with_params(revision, r#""name":"people_search""#);
        let twice = |from: &str, to: &str| call.replacen(from, &format!("{from},{to}"), 1);
        for body in [
            twice(r#""method":"tools/call""#, r#""method":"tools/list""#),
            twice(r#""method":"tools/call""#, r#""params":{"name":"people_private"}"#),
            twice(r#""id":1"#, r#""id":2"#),
        ] {
            let response = send(client.post("people_search", body.clone())).await;
            assert_rejected(&server, &response, &[-32600], &body).await;
        }
    }
}

#[tokio::test]
async fn deep_nesting_is_rejected_without_a_stack_overflow() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for depth in [200, 5_000, 500_000] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let inner = if open == "[" { "" } else { "1" };
                let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                let params = format!(r#""name":"people_search","arguments":{{"private":{nested}}}"#);
                for body in [call_with_params(revision, &params), nested.clone(), format!(r#"{{"method":{nested}}}"#)]
                {
                    let response = send(client.post("people_search", body)).await;
                    assert!((400..500).contains(&response.status), "{depth} {revision}: {}", response.status);
                }
            }
        }
        assert_eq!(server.bodies.runs(), 0);
        assert_responds(&server).await;
    }
}

#[tokio::test]
async fn a_name_that_resembles_a_tool_name_is_unknown() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for name in [
            "People_Search",
            "PEOPLE_SEARCH",
            "people_search ",
            " people_search",
            "people_search\u{0}",
            "people_search\n",
            "pe\u{43e}ple_search",
            "people\u{ff3f}search",
            "people_\u{17f}earch",
            "people_search\u{200b}",
            "people_search/../people_private",
            "",
        ] {
            let response = client.call(name, json!({ "private": true })).await;
            // A name that must not reach a log is rejected by the gate.
            let status = if name.contains(['\0', '\n', '\u{200b}']) { 400 } else { 200 };
            assert_eq!(
                (response.status, response.error_code()),
                (status, Some(-32602)),
                "{name:?} {revision}: {response:?}"
            );
        }
        assert_eq!(server.bodies.runs(), 0);
        assert_responds(&server).await;
    }
}

const INVALID_PARAMS: [i64; 1] = [-32602];

#[tokio::test]
async fn a_tool_name_that_is_not_a_string_is_rejected() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for name in ["null", "7", "true", "[\"request_info\"]", "{\"a\":1}"] {
            let params = format!(r#""name":{name},"arguments":{{}}"#);
            let response = send(client.post("request_info", call_with_params(revision, &params))).await;
            assert_error(&server, &response, &INVALID_PARAMS, name).await;
        }
        let response = send(client.post("request_info", call_with_params(revision, r#""arguments":{}"#))).await;
        assert_error(&server, &response, &INVALID_PARAMS, "no name").await;
    }
}

#[tokio::test]
async fn arguments_that_are_not_an_object_are_rejected() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for arguments in ["7", "\"private\"", "true", "[]", "[{\"private\":true}]"] {
            let params = format!(r#""name":"people_search","arguments":{arguments}"#);
            let response = send(client.post("people_search", call_with_params(revision, &params))).await;
            assert_error(&server, &response, &INVALID_PARAMS, arguments).await;
        }
        for params in ["[]", "7", "\"people_search\"", "[{\"name\":\"people_search\"}]"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let response = send(client.post("people_search", body)).await;
            assert_error(&server, &response, &INVALID_PARAMS, params).await;
        }
    }
}

#[tokio::test]
async fn null_arguments_are_treated_as_missing() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for params in [r#""name":"people_search","arguments":null"#, r#""name":"people_search""#] {
            let response = send(client.post("people_search", call_with_params(revision, params))).await;
            assert!(response.is_tool_error(), "the argument `private` is missing: {response:?}");
        }
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn an_unknown_method_is_an_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for method in ["tools/Call", "tools/execute", "TOOLS/CALL", "request_info", "", "rpc.discover"] {
            let response = client.send_method(method, json!({ "name": "request_info" })).await;
            assert!(matches!(response.status, 200 | 400 | 404), "{method} {revision}: {response:?}");
            assert!(response.error_code().is_some(), "{method} {revision}: {response:?}");
        }
        assert_eq!(server.bodies.runs(), 0);
        assert_responds(&server).await;
    }
}

#[tokio::test]
async fn a_call_without_an_id_does_not_run_the_tool() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let mut message = revision.call_message("request_info", &json!({}));
        message.as_object_mut().unwrap().remove("id");
        let response = client.send(&message).await;
        assert!(matches!(response.status, 202 | 400), "{revision}: {response:?}");
        message["id"] = Value::Null;
        let response = client.send(&message).await;
        assert!(matches!(response.status, 202 | 400), "{revision}: {response:?}");
        assert_responds(&server).await;
    }
    assert_eq!(server.bodies.runs(), 0);
}
