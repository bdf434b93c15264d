//! What bad input gets: a clear answer, no body, and a server that goes on.

use serde_json::{Value, json};
use toolgate_tests::{Client, Reply, Revision, TestServer};

/// The answer is a 400 with a JSON-RPC error, no body ran, and the server still answers.
async fn assert_refused(server: &TestServer, reply: &Reply, codes: &[i64], what: &str) {
    assert_eq!(reply.status, 400, "{what}: {reply:?}");
    assert_error(server, reply, codes, what).await;
}

/// The answer is a JSON-RPC error, no body ran, and the server still answers.
async fn assert_error(server: &TestServer, reply: &Reply, codes: &[i64], what: &str) {
    let code = reply.error_code();
    assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {reply:?}");
    assert!(!reply.json()["error"]["message"].as_str().unwrap_or_default().is_empty(), "{what}");
    assert_eq!(server.probe.runs(), 0, "{what} reached a body");
    assert_alive(server).await;
}

async fn assert_alive(server: &TestServer) {
    for revision in Revision::BOTH {
        assert_eq!(server.client_with("public", revision).list().await.status, 200);
    }
}

/// A call in the client's revision, written by hand: `params` is what stands between the braces.
fn handwritten(client: &Client, params: &str) -> String {
    let meta = &client.message("tools/call", json!({}))["params"]["_meta"];
    let meta = if meta.is_null() { String::new() } else { format!(r#","_meta":{meta}"#) };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}{meta}}}}}"#)
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_parse_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for body in ["", " ", "not json", "{", r#"{"method":"tools/call""#, "\u{feff}{}", "{}{}", "'", "NaN"] {
            let reply = Reply::to(client.post("surroundings", body)).await;
            assert_refused(&server, &reply, &[-32700], body).await;
        }
        let reply = Reply::to(client.post("surroundings", b"{\"method\":\"\xff\xfe\"}".to_vec())).await;
        assert_refused(&server, &reply, &[-32700, -32600], "no UTF-8").await;
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
            r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"surroundings"}}"#,
            r#"{"id":1,"method":"tools/call","params":{"name":"surroundings"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7,"params":{"name":"surroundings"}}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"surroundings"}}"#,
        ] {
            let reply = Reply::to(client.post("surroundings", body)).await;
            assert_refused(&server, &reply, &[-32600], body).await;
        }
    }
}

#[tokio::test]
async fn a_batch_is_an_invalid_request() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let call = client.call_message("surroundings", &json!({}));
        for batch in [json!([]), json!([call]), json!([call, call])] {
            let reply = Reply::to(client.post("surroundings", batch.to_string())).await;
            assert_refused(&server, &reply, &[-32600], "a batch").await;
            assert!(reply.text.contains("batch"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn doubled_keys_are_refused_before_anybody_can_read_them_differently() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        // This token may call the first tool, not the second.
        let client = server.client_with("public", revision);
        for params in [
            r#""name":"people_search","name":"people_private""#,
            r#""name":"people_private","name":"people_search""#,
            r#""name":"people_search","n\u0061me":"people_private""#,
            r#""name":"people_search","arguments":{"private":false},"arguments":{"private":true}"#,
        ] {
            let reply = Reply::to(client.post("people_search", handwritten(&client, params))).await;
            assert_refused(&server, &reply, &[-32600], params).await;
        }
        let call = handwritten(&client, r#""name":"people_search""#);
        let twice = |from: &str, to: &str| call.replacen(from, &format!("{from},{to}"), 1);
        for body in [
            twice(r#""method":"tools/call""#, r#""method":"tools/list""#),
            twice(r#""method":"tools/call""#, r#""params":{"name":"people_private"}"#),
            twice(r#""id":1"#, r#""id":2"#),
        ] {
            let reply = Reply::to(client.post("people_search", body.clone())).await;
            assert_refused(&server, &reply, &[-32600], &body).await;
        }
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_or_answered_and_never_overflows() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("public", revision);
        for depth in [200, 5_000, 500_000] {
            for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
                let inner = if open == "[" { "" } else { "1" };
                let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                let params = format!(r#""name":"people_search","arguments":{{"private":{nested}}}"#);
                for body in [handwritten(&client, &params), nested.clone(), format!(r#"{{"method":{nested}}}"#)] {
                    let reply = Reply::to(client.post("people_search", body)).await;
                    assert!((400..500).contains(&reply.status), "{depth} {revision}: {}", reply.status);
                }
            }
        }
        assert_eq!(server.probe.runs(), 0);
        assert_alive(&server).await;
    }
}

#[tokio::test]
async fn a_name_that_only_looks_like_a_tools_is_unknown() {
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
            let reply = client.call(name, json!({ "private": true })).await;
            assert_eq!((reply.status, reply.error_code()), (200, Some(-32602)), "{name:?} {revision}: {reply:?}");
        }
        assert_eq!(server.probe.runs(), 0);
        assert_alive(&server).await;
    }
}

/// A call whose parameters are none has invalid parameters.
const NO_CALL: [i64; 1] = [-32602];

#[tokio::test]
async fn a_name_that_is_no_string_is_refused() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for name in ["null", "7", "true", "[\"surroundings\"]", "{\"a\":1}"] {
            let params = format!(r#""name":{name},"arguments":{{}}"#);
            let reply = Reply::to(client.post("surroundings", handwritten(&client, &params))).await;
            assert_error(&server, &reply, &NO_CALL, name).await;
        }
        let reply = Reply::to(client.post("surroundings", handwritten(&client, r#""arguments":{}"#))).await;
        assert_error(&server, &reply, &NO_CALL, "no name").await;
    }
}

#[tokio::test]
async fn arguments_of_another_type_are_refused() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for arguments in ["7", "\"private\"", "true", "[]", "[{\"private\":true}]"] {
            let params = format!(r#""name":"people_search","arguments":{arguments}"#);
            let reply = Reply::to(client.post("people_search", handwritten(&client, &params))).await;
            assert_error(&server, &reply, &NO_CALL, arguments).await;
        }
        for params in ["[]", "7", "\"people_search\"", "[{\"name\":\"people_search\"}]"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let reply = Reply::to(client.post("people_search", body)).await;
            assert_error(&server, &reply, &NO_CALL, params).await;
        }
    }
}

#[tokio::test]
async fn null_arguments_are_no_arguments() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for params in [r#""name":"people_search","arguments":null"#, r#""name":"people_search""#] {
            let reply = Reply::to(client.post("people_search", handwritten(&client, params))).await;
            assert!(reply.is_tool_error(), "an argument is missing: {reply:?}");
        }
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a_method_that_there_is_not_is_an_error() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        for method in ["tools/Call", "tools/execute", "TOOLS/CALL", "surroundings", "", "rpc.discover"] {
            let reply = client.ask(method, json!({ "name": "surroundings" })).await;
            assert!(matches!(reply.status, 200 | 400 | 404), "{method} {revision}: {reply:?}");
            assert!(reply.error_code().is_some(), "{method} {revision}: {reply:?}");
        }
        assert_eq!(server.probe.runs(), 0);
        assert_alive(&server).await;
    }
}

#[tokio::test]
async fn a_call_without_an_id_runs_nothing() {
    let server = TestServer::start().await;
    for revision in Revision::BOTH {
        let client = server.client_with("everything", revision);
        let mut message = client.call_message("surroundings", &json!({}));
        message.as_object_mut().unwrap().remove("id");
        let reply = client.send(&message).await;
        assert!(matches!(reply.status, 202 | 400), "{revision}: {reply:?}");
        message["id"] = Value::Null;
        let reply = client.send(&message).await;
        assert!(matches!(reply.status, 202 | 400), "{revision}: {reply:?}");
        assert_alive(&server).await;
    }
    assert_eq!(server.probe.runs(), 0);
}
