//! A server without a socket. Requests are sent to its router.

#![allow(dead_code, reason = "no test target uses all of it")]

use axum::{Router, body::Body};
use http::{Request, StatusCode, header, request::Builder};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use toolgate::{
    Scopes, Server,
    auth::{Claims, StaticTokens},
};
use tower::ServiceExt;

pub(crate) const URL: &str = "http://127.0.0.1:8000";
const TOKEN: &str = "everything";

/// Creates a server with one token, which has all scopes of the list.
pub(crate) fn server(scopes: &'static Scopes) -> Server {
    let claims = Claims::new().subject("tester").scopes(scopes.names().iter().copied());
    Server::new("test", scopes).server_url(URL).auth(StaticTokens::new().token(TOKEN, claims))
}

/// Returns a tool from the result of `tools/list`.
pub(crate) async fn listing(server: Server, tool: &str) -> Value {
    let response = exchange(server, "tools/list", json!({})).await;
    let tools = response["result"]["tools"].as_array().expect("a list of tools");
    tools.iter().find(|listed| listed["name"] == tool).unwrap_or_else(|| panic!("no {tool} in {tools:?}")).clone()
}

/// Returns the names in the result of `tools/list`.
pub(crate) async fn names(server: Server) -> Vec<String> {
    let response = exchange(server, "tools/list", json!({})).await;
    let tools = response["result"]["tools"].as_array().expect("a list of tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a tool has a name").to_owned()).collect()
}

/// Returns the result of `tools/call`.
pub(crate) async fn call(server: Server, tool: &str, arguments: Value) -> Value {
    let response = exchange(server, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    response.get("result").unwrap_or_else(|| panic!("no result: {response}")).clone()
}

/// Returns the text of a tool result.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}

/// Returns a POST to the endpoint with the headers that every request needs.
pub(crate) fn post(token: &str) -> Builder {
    Request::post(format!("{URL}/mcp"))
        .header(header::HOST, URL.trim_start_matches("http://"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
}

async fn exchange(server: Server, method: &str, params: Value) -> Value {
    let router: Router = server.build().expect("the server is complete").into_router();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = post(TOKEN)
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(body.to_string()))
        .expect("the request is valid");
    let response = router.oneshot(request).await.expect("the router does not fail");
    let status = response.status();
    let body = response.into_body().collect().await.expect("the response is complete").to_bytes();
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}
