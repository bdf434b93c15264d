//! The console for operators.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::json;
use tokio::net::TcpStream;
use toolgate::{BuildProblem, Error, Server, auth::StaticTokens};
use toolgate_tests::{
    HttpResponse, RawRequest, Revision, SCOPES, TestServer, ToolBodies, eventually, free_address, read_to_end, tokens,
};

async fn with_console(configure: impl FnOnce(Server) -> Server) -> (TestServer, SocketAddr) {
    let console = free_address();
    let server = TestServer::with(|server| {
        configure(server.title("Company").auth(tokens()).http(|http| http.console_address = Some(console)))
    })
    .await;
    eventually("the console is served", async || TcpStream::connect(console).await.is_ok()).await;
    (server, console)
}

async fn show(console: SocketAddr, path: &str) -> HttpResponse {
    let page = RawRequest::new("GET", path).send(console).await;
    assert_eq!(page.status, 200, "{path}: {page:?}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), value, "{path} {name}");
    }
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'")
    );
    assert!(!page.text.contains("<script") && !page.text.contains(" style="), "{path}");
    page
}

/// Returns the outcomes of the decisions that a page shows, the newest first.
async fn outcomes(console: SocketAddr, query: &str) -> Vec<String> {
    let page = show(console, &format!("/decisions?{query}")).await;
    let rows = page.text.split("<strong class=\"").skip(1);
    rows.map(|row| row.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()).collect()
}

/// Makes one decision of each of several kinds.
async fn make_decisions(server: &TestServer) {
    let people = server.client_with("people", Revision::Modern);
    assert!(people.call("people_public", json!({ "person_id": "per_98765432" })).await.status == 200);
    assert_eq!(people.call("file_write", json!({})).await.status, 403);
    people.list().await;
    server.client_with("read", Revision::Modern).call("no-such-tool<b>", json!({})).await;
    server.client(Revision::Modern).list().await;
    server.client_with("invented-token", Revision::Modern).list().await;
}

#[tokio::test]
async fn the_console_shows_the_policy_with_the_place_of_each_operation() {
    let (_server, console) = with_console(|server| server).await;
    let page = show(console, "/policy").await;
    let policy = Server::new("toolgate-tests", &SCOPES).policy();
    assert!(page.text.contains(&policy.fingerprint()));
    for operation in &policy.operations {
        for text in [&operation.label(), operation.defined_at.as_str()] {
            assert!(page.text.contains(&format!("<code>{text}</code>")), "{text}");
        }
        assert!(operation.defined_at.starts_with("tests/src/"), "{}", operation.defined_at);
    }
}

#[tokio::test]
async fn the_console_shows_decisions_newest_first_and_filters_them() {
    let (server, console) = with_console(|server| server).await;
    make_decisions(&server).await;
    let newest_first = ["invalid_token", "missing_token", "unknown", "listed", "insufficient_scope", "completed"];
    assert_eq!(outcomes(console, "").await, newest_first);
    assert_eq!(outcomes(console, "person=USER-people").await, ["listed", "insufficient_scope", "completed"]);
    assert_eq!(outcomes(console, "person=&operation=file_write&outcome=").await, ["insufficient_scope"]);
    assert_eq!(outcomes(console, "operation=no-such-tool%3Cb%3E").await, ["unknown"]);
    assert_eq!(outcomes(console, "outcome=missing_token").await, ["missing_token"]);
    assert_eq!(outcomes(console, "person=user-people&outcome=missing_token").await, [""; 0]);

    let page = show(console, "/decisions?person=%22%3E%3Cscript%3E&operation=%3Cimg%3E&outcome=x%22").await;
    assert!(page.text.contains("value=\"&#34;&#62;&#60;script&#62;\""), "{}", page.text);
    assert!(page.text.contains("<option selected>&#60;img&#62;</option>"), "{}", page.text);
    assert!(!page.text.contains("<img"));
}

#[tokio::test]
async fn the_console_shows_no_token_and_no_argument() {
    let (server, console) = with_console(|server| server).await;
    make_decisions(&server).await;
    for path in ["/", "/decisions", "/policy"] {
        let page = show(console, path).await;
        for secret in ["per_98765432", "invented-token", "Bearer"] {
            assert!(!page.text.contains(secret), "{path}: {secret}");
        }
    }
}

#[tokio::test]
async fn the_overview_counts_calls_lists_and_rejections() {
    let (server, console) = with_console(|server| server).await;
    let before = show(console, "/").await;
    assert!(before.text.contains("No call was made.") && before.text.contains("No request was rejected."));
    make_decisions(&server).await;
    let page = show(console, "/").await;
    for text in [
        "<dt>Calls</dt><dd>3</dd>",
        "<dt>Lists</dt><dd>1</dd>",
        "<dt>Rejections</dt><dd>4</dd>",
        "<dt>Requests in flight</dt><dd>0</dd>",
        "<dt>Cached tokens</dt><dd>2</dd>",
        "<p class=\"state ready\">Ready</p>",
        "<a href=\"/decisions?outcome=insufficient_scope\">insufficient_scope</a></th><td class=\"number\">1</td>",
    ] {
        assert!(page.text.contains(text), "{text} is not in {}", page.text);
    }
}

#[tokio::test]
async fn the_console_holds_the_latest_500_decisions() {
    let (server, console) = with_console(|server| server).await;
    let client = server.client_with("people", Revision::Modern);
    client.call("people_public", json!({ "person_id": "per_1" })).await;
    for _ in 0..500 {
        client.list().await;
    }
    assert_eq!(outcomes(console, "").await, ["listed"; 500]);
}

#[tokio::test]
async fn the_console_only_reads() {
    let (_server, console) = with_console(|server| server).await;
    for path in ["/", "/decisions", "/policy"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(RawRequest::new(method, path).send(console).await.status, 405, "{method} {path}");
        }
        let head = RawRequest::new("HEAD", path).send(console).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
    }
    assert_eq!(RawRequest::new("GET", "/mcp").send(console).await.status, 404);
}

#[tokio::test]
async fn a_name_that_resolves_to_the_console_is_rejected() {
    let (_server, console) =
        with_console(|server| server.http(|http| http.console_hosts = vec!["console.example.com".to_owned()])).await;
    for path in ["/", "/decisions", "/policy", "/nothing"] {
        for host in ["evil.example", "mcp.example.com", "127.0.0.1.evil.example"] {
            let response = RawRequest::new("GET", path).header("Host", host).send(console).await;
            assert_eq!(response.status, 403, "{path} {host}");
            assert!(!response.text.contains("Company"));
        }
        let response = RawRequest::new("GET", path).header("Origin", "https://evil.example").send(console).await;
        assert_eq!(response.status, 403, "{path}");
    }
    for host in ["localhost:1", "[::1]", "127.0.0.1", "console.example.com"] {
        assert_eq!(RawRequest::new("GET", "/").header("Host", host).send(console).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn silent_connections_do_not_occupy_the_console() {
    let (_server, console) = with_console(|server| server).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(console).await.unwrap());
    }
    show(console, "/").await;
    // At most 8 connections are open.
    assert_eq!(read_to_end(&mut silent[0]).await, "");
}

#[tokio::test]
async fn a_console_that_other_machines_can_reach_needs_an_explicit_setting() {
    let address: SocketAddr = "192.0.2.1:9465".parse().unwrap();
    let server = || {
        Server::new("exposed", &SCOPES)
            .auth(StaticTokens::new())
            .state(ToolBodies::default())
            .http(|http| http.console_address = Some(address))
    };
    let error = server().build().unwrap_err();
    assert_eq!(error.problems(), [BuildProblem::ConsoleAddress(address)]);
    assert!(error.to_string().contains("expose_console_without_authentication"), "{error}");
    server().http(|http| http.expose_console_without_authentication = true).build().unwrap();
}

#[tokio::test]
async fn an_address_in_use_stops_the_start() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let built = Server::new("taken", &SCOPES)
        .auth(StaticTokens::new())
        .state(ToolBodies::default())
        .http(|http| http.console_address = Some(address))
        .build()
        .unwrap();
    let error = built.serve_on(TestServer::listener().await, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, Error::ListenForConsole { address: named, .. } if named == address), "{error}");
}
