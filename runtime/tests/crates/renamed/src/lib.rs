//! The macros work in a crate that depends on toolgate under another name, and has no dependency on serde.

use gate::prelude::*;

/// Scopes of this crate.
pub static SCOPES: Scopes = Scopes::new(&["files:read", "files:write"]);

/// A scope constant.
pub const WRITE: Scope = scope!("files:write");

/// A file. serde's derives need `crate`, because this crate has no dependency named `serde`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(crate = "gate::prelude::serde")]
struct File {
    /// Path of the file.
    path: String,
}

/// Reads its arguments one by one.
#[tool(scopes = "files:read")]
async fn read(file: File, caller: &Caller) -> Result<Json<File>, ToolError> {
    caller.require(scope!("files:write"))?;
    Ok(Json(file))
}

/// Reads its arguments with derives, which take the path of serde as a string.
#[tool(scopes = "files:write", any_scope("files:read"))]
async fn write(
    path: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    text: String,
) -> String {
    path + &text
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use gate::auth::{Claims, StaticTokens};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    /// Returns the `serverInfo` of a server with the tools of this crate.
    async fn server_info(configure: impl FnOnce(Server) -> Server) -> String {
        let tokens = StaticTokens::new().token("token", Claims::new());
        let server = Server::new("files", &SCOPES).server_url("http://127.0.0.1:8000").auth(tokens);
        let router = configure(server).build().expect("the server is complete").into_router();
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" },
            },
        });
        let request = Request::post("/mcp")
            .header("host", "127.0.0.1:8000")
            .header("authorization", "Bearer token")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("the request is valid");
        let response = router.oneshot(request).await.expect("the router does not fail");
        let body = response.into_body().collect().await.expect("the response is complete").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let start = text.find("\"serverInfo\":").unwrap_or_else(|| panic!("no `serverInfo` in {text}"));
        text[start..].split_inclusive('}').next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn the_version_of_a_server_is_that_of_the_crate_of_its_tools() {
        let info = server_info(|server| server).await;
        assert_eq!(info, r#""serverInfo":{"name":"files","version":"7.8.9"}"#);
        let info = server_info(|server| server.version("10.0.0")).await;
        assert_eq!(info, r#""serverInfo":{"name":"files","version":"10.0.0"}"#);
    }

    #[test]
    fn both_tools_are_registered() {
        let policy = Policy::of(&SCOPES);
        let names: Vec<_> = policy.operations.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["read", "write"]);
        assert_eq!(WRITE.name(), "files:write");
    }
}
