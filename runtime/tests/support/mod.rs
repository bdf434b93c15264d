//! A server without a socket: requests go straight into its router.
#![allow(dead_code)] // No test uses all of it.

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use toolgate::{
    Scopes, Server,
    auth::{Claims, StaticTokens},
};
use tower::ServiceExt;

const URL: &str = "http://127.0.0.1:8000";
const TOKEN: &str = "everything";

/// A server with one token, which has all scopes of the list.
pub(crate) fn server(scopes: &'static Scopes) -> Server {
    let claims = Claims::new().subject("tester").scopes(scopes.names().iter().copied());
    Server::new("test", scopes).server_url(URL).auth(StaticTokens::new().token(TOKEN, claims))
}

/// What `tools/list` says of a tool.
pub(crate) async fn listing(server: Server, tool: &str) -> Value {
    let answer = exchange(server, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("a list of tools");
    tools.iter().find(|listed| listed["name"] == tool).unwrap_or_else(|| panic!("no {tool} in {tools:?}")).clone()
}

/// The names in `tools/list`.
pub(crate) async fn names(server: Server) -> Vec<String> {
    let answer = exchange(server, "tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("a list of tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

/// The result of a call.
pub(crate) async fn call(server: Server, tool: &str, arguments: Value) -> Value {
    let answer = exchange(server, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    answer.get("result").unwrap_or_else(|| panic!("no result: {answer}")).clone()
}

/// The text of a result.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}

async fn exchange(server: Server, method: &str, params: Value) -> Value {
    let router: Router = server.build().expect("the server is complete").into_router();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = Request::post(format!("{URL}/mcp"))
        .header(header::HOST, "127.0.0.1:8000")
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(body.to_string()))
        .expect("a request");
    let response = router.oneshot(request).await.expect("the router does not fail");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}
