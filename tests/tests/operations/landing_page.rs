//! The page for browsers, at the root and as the body of a 401 response.

use axum::{Router, body::Body, http::Request, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use toolgate::{
    Server,
    auth::{
        AuthorizationServer, BearerToken, Claims, Resource, StaticTokens, TokenValidator, Unavailable,
        ValidationError, async_trait,
    },
};
use toolgate_tests::{HttpResponse, RawRequest, SCOPES, TestServer, ToolBodies, eventually, exchange, tokens};

/// What Chromium sends when it opens a page.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";

fn browser(method: &str, path: &str) -> RawRequest {
    RawRequest::new(method, path).header("Accept", BROWSER)
}

async fn get_page(server: &TestServer, path: &str) -> HttpResponse {
    browser("GET", path).send(server.address).await
}

fn is_page(response: &HttpResponse) -> bool {
    response.header("content-type") == "text/html; charset=utf-8" && response.text.starts_with("<!doctype html>")
}

/// Checks the headers that keep a page harmless, and that the policy allows its style sheet.
fn assert_protected(response: &HttpResponse) {
    let style = response.text.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert_eq!(
        response.header("content-security-policy"),
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self'; form-action 'none'; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), value, "{name}");
    }
    for code in ["<script", " onclick", " style=", "javascript:"] {
        assert!(!response.text.contains(code), "{code}");
    }
}

#[tokio::test]
async fn the_root_shows_a_browser_how_to_connect_a_client() {
    let server = TestServer::with(|server| server.title("Tools of the company").auth(tokens())).await;
    let page = get_page(&server, "/").await;
    assert_eq!(page.status, 200);
    assert!(is_page(&page), "{page:?}");
    assert_protected(&page);
    let endpoint = &server.endpoint;
    for text in [
        "<h1><bdi>Tools of the company</bdi></h1>".to_owned(),
        format!("<pre><code>{endpoint}</code></pre>"),
        format!(
            "claude mcp add --transport http toolgate-tests {endpoint} &#38;&#38; claude mcp login toolgate-tests"
        ),
        format!("npx @modelcontextprotocol/inspector@latest --transport http --server-url {endpoint}"),
        "href=\"cursor://anysphere.cursor-deeplink/mcp/install?name=toolgate-tests&#38;config=".to_owned(),
        "href=\"vscode:mcp/install?%7B".to_owned(),
        ".vscode/mcp.json".to_owned(),
        "log in with the authorization server".to_owned(),
        "<p class=\"state ready\">Ready</p>".to_owned(),
    ] {
        assert!(page.text.contains(&text), "{text} is not in {}", page.text);
    }
    let head = browser("HEAD", "/").send(server.address).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), page.text.len().to_string());
    assert_eq!(head.header("content-security-policy"), page.header("content-security-policy"));
    assert_eq!(browser("POST", "/").send(server.address).await.status, 405);
}

#[tokio::test]
async fn the_page_names_no_tool_no_scope_and_no_version() {
    let server = TestServer::with(|server| server.version("7.8.9").auth(tokens())).await;
    let policy = Server::new("toolgate-tests", &SCOPES).policy();
    for page in [get_page(&server, "/").await, get_page(&server, "/mcp").await] {
        assert!(is_page(&page), "{page:?}");
        let names = policy.operations.iter().map(|tool| &tool.name).chain(&policy.scopes);
        let shown: Vec<_> = names.filter(|name| page.text.contains(name.as_str())).collect();
        assert!(shown.is_empty(), "{shown:?}");
        for version in ["7.8.9", env!("CARGO_PKG_VERSION"), "rmcp"] {
            assert!(!page.text.contains(version), "{version}");
        }
    }
}

#[tokio::test]
async fn a_browser_without_a_token_gets_the_page_as_the_body_of_the_401() {
    let server = TestServer::start().await;
    for method in ["GET", "POST", "DELETE"] {
        let json = RawRequest::new(method, "/mcp").header("Accept", "application/json, text/event-stream");
        let json = json.send(server.address).await;
        let page = browser(method, "/mcp").send(server.address).await;
        assert_eq!((json.status, page.status), (401, 401));
        assert_eq!(json.json()["error"], "unauthorized");
        assert!(is_page(&page), "{page:?}");
        assert_protected(&page);
        assert!(page.text.contains("This address is for MCP clients"));
        // Everything but the body and what describes it is the same, the challenge included.
        for (name, value) in &json.headers {
            let describes_body = ["content-type", "content-length", "date"].contains(&name.as_str());
            assert!(describes_body || page.headers.get(name) == Some(value), "{name}");
        }
        assert!(json.challenge().is_some());
        assert_eq!((json.header("vary"), page.header("vary")), ("accept", "accept"));
    }
    let head = browser("HEAD", "/mcp").send(server.address).await;
    assert_eq!((head.status, head.text.as_str()), (401, ""));
    assert!(head.challenge().is_some());
}

#[tokio::test]
async fn a_client_with_credentials_or_without_a_preference_gets_json() {
    let server = TestServer::start().await;
    for (status, authorization) in [(401, "Bearer invented"), (400, "Bearer a b"), (401, "Basic YTpi")] {
        let response = browser("GET", "/mcp").header("Authorization", authorization).send(server.address).await;
        assert_eq!(response.status, status, "{authorization}");
        assert!(response.json()["error"].is_string(), "{response:?}");
    }
    for accept in ["*/*", "application/json", "text/html, application/json", "text/html;q=0"] {
        let response = RawRequest::new("GET", "/mcp").header("Accept", accept).send(server.address).await;
        assert_eq!((response.status, &response.json()["error"]), (401, &json!("unauthorized")), "{accept}");
    }
    let response = RawRequest::new("GET", "/mcp").send(server.address).await;
    assert_eq!(response.json()["error"], "unauthorized");
}

#[tokio::test]
async fn a_foreign_host_or_origin_gets_neither_the_page_nor_the_icon() {
    let server = TestServer::start().await;
    for path in ["/", "/favicon.ico", "/mcp"] {
        for (name, value) in [("Host", "evil.example"), ("Origin", "https://evil.example")] {
            let response = browser("GET", path).header(name, value).send(server.address).await;
            assert_eq!((response.status, &response.json()["error"]), (403, &json!("forbidden")), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn without_the_page_the_root_is_404_and_a_401_is_always_json() {
    let server = TestServer::with(|server| server.auth(tokens()).http(|http| http.landing_page = false)).await;
    for path in ["/", "/favicon.ico"] {
        assert_eq!(get_page(&server, path).await.status, 404, "{path}");
    }
    let response = get_page(&server, "/mcp").await;
    assert_eq!((response.status, &response.json()["error"]), (401, &json!("unauthorized")));
    assert_eq!(response.header("vary"), "");
}

#[tokio::test]
async fn the_page_is_below_the_path_of_the_server_url_with_and_without_a_proxy_that_removes_it() {
    let server = TestServer::serve(|url| {
        Server::new("below", &SCOPES).server_url(format!("{url}/tools")).skip_preflight().auth(tokens())
    })
    .await;
    for path in ["/", "/tools", "/tools/"] {
        let page = get_page(&server, path).await;
        assert!(is_page(&page), "{path}: {page:?}");
        assert!(page.text.contains("<link rel=\"icon\" href=\"/tools/favicon.ico\""), "{path}");
    }
    assert_eq!(get_page(&server, "/tools/favicon.ico").await.status, 200);
}

#[tokio::test]
async fn the_icon_is_small_and_cacheable() {
    let server = TestServer::start().await;
    let icon = get_page(&server, "/favicon.ico").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/svg+xml"));
    assert_eq!(icon.header("cache-control"), "public, max-age=86400");
    assert!(icon.text.len() < 1024 && icon.text.starts_with("<svg"));
}

/// Validator whose texts and issuer hold markup, and which cannot validate tokens.
struct Markup;

#[async_trait]
impl TokenValidator for Markup {
    async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        Err(Unavailable::new("down").into())
    }

    async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
        Ok(AuthorizationServer::new("https://issuer.example/\"><script>"))
    }

    fn default_issuer(&self) -> Option<String> {
        Some("https://issuer.example/\"><script>".to_owned())
    }
}

#[tokio::test]
async fn every_text_on_the_page_is_escaped() {
    let server = TestServer::serve(|url| {
        Server::new("<img src=x>", &SCOPES).title("\"><script>alert(1)</script>&").server_url(url).auth(Markup)
    })
    .await;
    let page = get_page(&server, "/").await;
    assert_protected(&page);
    assert!(
        page.text.contains("<bdi>&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#38;</bdi>"),
        "{}",
        page.text
    );
    assert!(page.text.contains("https://issuer.example/&#34;&#62;&#60;script&#62;"));
    assert!(!page.text.contains("<img"));
}

#[tokio::test]
async fn the_page_says_whether_the_server_is_ready_and_not_why() {
    let server =
        TestServer::serve(|url| Server::new("unready", &SCOPES).server_url(url).skip_preflight().auth(Markup)).await;
    eventually("the server is ready", async || get_page(&server, "/").await.text.contains(">Ready<")).await;
    let call = RawRequest::new("GET", "/mcp").token("unknown").send(server.address).await;
    assert_eq!(call.status, 503);
    eventually("the server is unready", async || get_page(&server, "/").await.text.contains("state unready")).await;
    let ready = RawRequest::new("GET", "/readyz").send(server.address).await;
    let reason = ready.json()["reasons"][0].as_str().unwrap().to_owned();
    assert!(!get_page(&server, "/").await.text.contains(&reason), "{reason}");
}

#[tokio::test]
async fn a_router_leaves_the_root_to_the_application_that_mounts_it() {
    let built =
        Server::new("mounted", &SCOPES).auth(StaticTokens::new()).state(ToolBodies::default()).build().unwrap();
    let router = Router::new().route("/", get(|| async { "mine" })).merge(built.into_router());
    let request = |path: &str| {
        Request::get(path).header("Host", "127.0.0.1:8000").header("Accept", BROWSER).body(Body::empty()).unwrap()
    };
    assert_eq!(exchange(&router, request("/")).await.text, "mine");
    assert!(is_page(&exchange(&router, request("/mcp")).await));
}
