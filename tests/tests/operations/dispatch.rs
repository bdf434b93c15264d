//! Requests for the MCP endpoint of a server that serves itself, which do not pass the router: the responses are those of a
//! server whose routers are an app.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::json;
use tokio::{sync::oneshot, task::JoinHandle};
use toolgate::{BuiltServer, Error, prelude::*};
use toolgate_tests::{
    HttpResponse, RawRequest, Revision, SCOPES, TestServer, ToolBodies, WithWebhooks, tokens, within_deadline,
};

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "UNKNOWN"];
const ORIGIN: &str = "https://app.example.com";

/// A server for `https://mcp.example.com`, so that its responses do not depend on its address.
struct Served {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _task: JoinHandle<Result<(), Error>>,
}

impl Served {
    async fn start(url: &str, endpoint: &str, sessions: bool, serve: fn(BuiltServer) -> BuiltServer) -> Self {
        let server = Server::new("dispatch", &SCOPES)
            .ignore_environment()
            .skip_preflight()
            .server_url(url)
            .auth(WithWebhooks::new(tokens()))
            .http(|http| {
                endpoint.clone_into(&mut http.endpoint_path);
                http.allowed_origins = vec![ORIGIN.to_owned()];
                http.max_body_bytes = 1000;
            })
            .sessions(|config| config.enabled = sessions)
            .state(ToolBodies::default());
        let server = serve(server.build().unwrap());
        let listener = TestServer::listener().await;
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.serve_on(listener, async {
            let _ = stopped.await;
        });
        Self { address, _stop: stop, _task: tokio::spawn(serving) }
    }
}

/// Lets the server serve its own routers as an app.
fn as_app(server: BuiltServer) -> BuiltServer {
    let app = server
        .mcp_router()
        .merge(server.metadata_router())
        .merge(server.health_router())
        .merge(server.webhook_router())
        .merge(server.root_router())
        .merge(server.landing_page_router());
    server.with_app(app)
}

/// What a client gets. `Date` is the time of the response.
fn observed(response: &HttpResponse) -> (u16, BTreeMap<String, Vec<String>>, String) {
    let mut headers = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in response.headers.iter().filter(|(name, _)| *name != "date") {
        headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
    }
    (response.status, headers, response.text.clone())
}

fn call(method: &str, target: &str, token: &str) -> RawRequest {
    let body = Revision::Modern.call_message("file_read", &json!({})).to_string();
    let request = RawRequest::new(method, target).header("Host", "mcp.example.com").token(token).body(body);
    let headers = Revision::Modern.headers().into_iter();
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    request.header("Mcp-Method", "tools/call").header("Mcp-Name", "file_read")
}

/// Requests to the endpoint, and to targets that may name it.
fn requests(endpoint: &str, targets: &[String]) -> Vec<RawRequest> {
    let mut requests: Vec<_> = targets
        .iter()
        .flat_map(|target| ["GET", "POST", "OPTIONS"].map(|method| call(method, target, "read")))
        .collect();
    for target in [endpoint, &format!("{endpoint}/")] {
        for method in METHODS {
            requests.push(call(method, target, "read"));
            requests.push(call(method, target, "read").header("Origin", ORIGIN));
            requests.push(RawRequest::new(method, target).header("Host", "mcp.example.com"));
        }
        let call = || call("POST", target, "read");
        let large = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{}\"}}", "x".repeat(1000));
        let preflight = RawRequest::new("OPTIONS", target)
            .header("Host", "mcp.example.com")
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization, mcp-method");
        requests.extend([
            call().replace_header("Host", "other.example"),
            call().replace_header("Host", "MCP.example.com:443"),
            call().replace_header("Host", "user@mcp.example.com"),
            call().header("Host", "mcp.example.com"),
            call().header("Origin", "https://other.example"),
            call().header("Origin", ORIGIN).header("Origin", "https://other.example"),
            preflight.clone().header("Origin", ORIGIN),
            preflight.header("Origin", "https://other.example"),
            call().replace_header("Authorization", "Bearer nothing"),
            call().replace_header("Authorization", "Bearer invented"),
            call().replace_header("Authorization", "Basic YTpi"),
            call().header("Authorization", "Bearer read"),
            call().replace_header("Accept", "text/event-stream"),
            call().replace_header("Accept", "text/html").replace_header("Authorization", ""),
            call().replace_header("Content-Type", "text/plain"),
            call().header("Content-Encoding", "gzip"),
            call().header("Expect", "100-continue"),
            call().header("Transfer-Encoding", "chunked").body("0\r\n\r\n"),
            call().header("MCP-Session-Id", "unknown"),
            call().body(large),
            call().body("not JSON"),
            call().body("[]"),
            call().body(""),
            call().body(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        ]);
    }
    requests
}

#[tokio::test]
async fn a_request_that_bypasses_the_router_gets_the_response_of_the_router() {
    for (url, endpoint, sessions) in [
        ("https://mcp.example.com", "/mcp", false),
        ("https://mcp.example.com", "/mcp", true),
        ("https://mcp.example.com/base", "/a/mcp", false),
    ] {
        let itself = Served::start(url, endpoint, sessions, |server| server).await;
        let app = Served::start(url, endpoint, sessions, as_app).await;
        let base = url.strip_prefix("https://mcp.example.com").unwrap();
        let endpoint = &format!("{base}{endpoint}");
        let suffixes = ["//", "/other", "?a=b", "/?a=b", "#", "x", "%2F"];
        let mut targets: Vec<_> = suffixes.iter().map(|suffix| format!("{endpoint}{suffix}")).collect();
        targets.push(format!("http://mcp.example.com{endpoint}"));
        targets.push(format!("http://other.example{endpoint}"));
        targets.extend(
            ["/mcp", "/a/mcp/", "/MCP", "/%6Dcp", "//mcp", "*", "/mcp/../mcp", "/healthz"].map(str::to_owned),
        );
        let mut statuses = BTreeMap::<u16, usize>::new();
        for request in requests(endpoint, &targets) {
            let of = |served: &Served| {
                let (request, address) = (request.clone(), served.address);
                async move { observed(&within_deadline("the response", request.send(address)).await) }
            };
            let (by_itself, by_app) = tokio::join!(of(&itself), of(&app));
            assert_eq!(by_itself, by_app, "{request:?}");
            *statuses.entry(by_itself.0).or_default() += 1;
        }
        // The table reaches the tool and each kind of rejection.
        for status in [200, 400, 401, 403, 404, 405, 406, 413, 415] {
            assert!(statuses.contains_key(&status), "{status}: {statuses:?}");
        }
    }
}
