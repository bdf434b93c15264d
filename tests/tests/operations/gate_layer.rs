//! The gate before routes of an app.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::HeaderMap,
    response::IntoResponse,
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::net::TcpListener;
use toolgate::{
    BuildProblem, BuiltServer, Rate, Requires,
    auth::{Claims, InsufficientScope, Revocation, StaticTokens},
    prelude::*,
};
use toolgate_tests::{
    CapturedLog, HttpResponse, IntrospectionStub, RawRequest, SCOPES, TestServer, ToolBodies, eventually,
    http_client, send, tokens, within_deadline,
};

use crate::AnyToken;

static OTHER: Scopes = Scopes::new(&["tickets:read"]);

async fn whoami(caller: Caller) -> String {
    format!("{} {}", caller.user_id().unwrap_or("nobody"), caller.scopes().collect::<Vec<_>>().join(" "))
}

async fn headers(headers: HeaderMap) -> String {
    format!("{headers:?}")
}

async fn private(caller: Caller) -> Result<&'static str, InsufficientScope> {
    caller.require(scope!("people:read:private", in SCOPES))?;
    Ok("private")
}

/// A stream of events that does not end.
async fn events(_: Caller) -> impl IntoResponse {
    let events = stream::once(async { Ok::<_, Infallible>("data: first\n\n") }).chain(stream::pending());
    ([("Content-Type", "text/event-stream")], Body::from_stream(events))
}

/// A server and its app, served by toolgate.
struct App {
    url: String,
    address: std::net::SocketAddr,
    revocations: toolgate::auth::Revocations,
    endpoint: String,
}

impl App {
    async fn start(configure: impl FnOnce(Server) -> Server) -> Self {
        Self::start_with(configure, |server| {
            Router::new()
                .route("/whoami", get(whoami))
                .route("/headers", get(headers))
                .route("/private", get(private))
                .route("/events", get(events))
                .route_layer(server.gate_layer(scope!("people:read:public", in SCOPES)).unwrap())
        })
        .await
    }

    async fn start_with(
        configure: impl FnOnce(Server) -> Server,
        routes: impl FnOnce(&BuiltServer) -> Router,
    ) -> Self {
        let listener: TcpListener = TestServer::listener().await;
        let (address, url) = (listener.local_addr().unwrap(), TestServer::url_of(&listener));
        let server = Server::new("gated", &SCOPES).ignore_environment().skip_preflight().server_url(&url);
        let server = configure(server.state(ToolBodies::default())).build().unwrap();
        let app = routes(&server).merge(server.mcp_router()).merge(server.metadata_router());
        let (revocations, endpoint) = (server.revocations(), server.endpoint().to_owned());
        tokio::spawn(server.with_app(app).serve_on(listener, std::future::pending()));
        Self { url, address, revocations, endpoint }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> HttpResponse {
        let request = http_client().get(format!("{}{path}", self.url));
        send(token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)).await
    }
}

#[tokio::test]
async fn a_route_is_reached_with_a_token_and_its_scopes_only() {
    let app = App::start(|server| server.auth(tokens())).await;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", app.url);
    let missing = app.get("/whoami", None).await;
    assert_eq!((missing.status, missing.json()["error"].as_str()), (401, Some("unauthorized")));
    assert_eq!(missing.expect_challenge().get("resource_metadata"), metadata);
    assert_eq!(missing.expect_challenge().get("error"), "");
    let invalid = app.get("/whoami", Some("unknown")).await;
    assert_eq!((invalid.status, invalid.expect_challenge().get("error")), (401, "invalid_token"));
    let malformed = RawRequest::new("GET", "/whoami").header("Authorization", "Bearer a b").send(app.address).await;
    assert_eq!((malformed.status, malformed.expect_challenge().get("error")), (400, "invalid_request"));
    let foreign =
        RawRequest::new("GET", "/whoami").header("Host", "evil.example").token("public").send(app.address).await;
    assert_eq!(foreign.status, 403);
    let lacks = app.get("/whoami", Some("read")).await;
    let challenge = lacks.expect_challenge();
    assert_eq!((lacks.status, challenge.get("error")), (403, "insufficient_scope"));
    assert_eq!(challenge.scopes(), ["people:read:public"]);
    assert_eq!(challenge.get("resource_metadata"), metadata);
    assert_eq!(lacks.json()["scope"], "people:read:public");
    assert_eq!(lacks.header("cache-control"), "no-store");
    let allowed = app.get("/whoami", Some("public")).await;
    assert_eq!((allowed.status, &*allowed.text), (200, "user-public people:read:public"));
}

#[tokio::test]
async fn a_body_that_requires_more_gets_one_challenge_with_all_scopes() {
    let app = App::start(|server| server.auth(tokens())).await;
    assert_eq!(app.get("/private", Some("people")).await.text, "private");
    let lacks = app.get("/private", Some("public")).await;
    let challenge = lacks.expect_challenge();
    assert_eq!((lacks.status, challenge.get("error")), (403, "insufficient_scope"));
    assert_eq!(challenge.scopes(), ["people:read:public", "people:read:private"]);
}

#[tokio::test]
async fn a_route_does_not_receive_the_token() {
    let app = App::start(|server| server.auth(tokens())).await;
    let request = RawRequest::new("GET", "/headers").token("public").header("Cookie", "theme=dark");
    let received = request.send(app.address).await.text;
    assert!(!received.contains("public") && !received.to_lowercase().contains("authorization"), "{received}");
    assert!(received.contains("theme=dark"), "{received}");
}

#[tokio::test]
async fn a_handler_with_a_caller_does_not_run_without_the_gate() {
    let log = CapturedLog::start();
    let app = App::start_with(
        |server| server.auth(tokens()),
        |_| Router::new().route("/whoami", get(whoami)).route("/open", post(async |_: Request| "open")),
    )
    .await;
    let response = app.get("/whoami", Some("everything")).await;
    assert_eq!((response.status, &*response.text), (500, r#"{"error":"server_error"}"#));
    let log = log.of_this_thread();
    assert!(log.contains("its route has no gate") && log.contains("/whoami"), "{log}");
}

#[tokio::test]
async fn the_record_of_a_nested_route_has_its_whole_path() {
    let log = CapturedLog::start();
    let app = App::start_with(
        |server| server.auth(tokens()),
        |server| {
            let layer = server.gate_layer(scope!("people:read:public", in SCOPES)).unwrap();
            Router::new().nest("/admin", Router::new().route("/whoami", get(whoami)).route_layer(layer))
        },
    )
    .await;
    assert_eq!(app.get("/admin/whoami", Some("public")).await.status, 200);
    let log = log.of_this_thread();
    assert!(log.contains("route=\"GET /admin/whoami\""), "{log}");
}

#[tokio::test]
async fn scopes_for_every_operation_are_those_of_every_route() {
    let app = App::start(|server| server.auth(tokens()).require_for_all(scope!("reports:read", in SCOPES))).await;
    let lacks = app.get("/whoami", Some("public")).await;
    assert_eq!(lacks.expect_challenge().scopes(), ["people:read:public", "reports:read"]);
    assert_eq!(app.get("/whoami", Some("everything")).await.status, 200);
}

#[tokio::test]
async fn one_of_several_scopes_or_any_token_can_be_enough() {
    let app = App::start_with(
        |server| server.auth(tokens()),
        |server| {
            let any = Requires::any([scope!("files:write", in SCOPES), scope!("reports:read", in SCOPES)]);
            let either = Router::new().route("/either", get(whoami)).route_layer(server.gate_layer(any).unwrap());
            let all = Requires::authentication();
            either.merge(Router::new().route("/all", get(whoami)).route_layer(server.gate_layer(all).unwrap()))
        },
    )
    .await;
    for (path, token, status) in [
        ("/either", "reports", 200),
        ("/either", "admin", 200),
        ("/either", "read", 403),
        ("/all", "nothing", 200),
        ("/all", "unknown", 401),
    ] {
        assert_eq!(app.get(path, Some(token)).await.status, status, "{path} {token}");
    }
}

#[test]
fn a_scope_of_another_list_is_a_build_problem() {
    let server = Server::new("gated", &SCOPES).ignore_environment().auth(AnyToken).state(ToolBodies::default());
    let error = server.build().unwrap().gate_layer(scope!("tickets:read", in OTHER)).unwrap_err();
    assert_eq!(error.problems(), [BuildProblem::UnknownRouteScope("tickets:read")]);
    assert!(error.to_string().contains("`tickets:read`"), "{error}");
}

#[tokio::test]
async fn a_revocation_ends_access_to_routes_and_their_streams() {
    let app = App::start(|server| server.auth(tokens())).await;
    let request = http_client().get(format!("{}/events", app.url)).bearer_auth("public");
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "data: first\n\n");
    app.revocations.revoke(&[Revocation::User("user-public".to_owned())]).await.unwrap();
    let end = within_deadline("the stream ends", stream.chunk()).await;
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}

#[tokio::test]
async fn cached_tokens_serve_routes_and_tools_and_a_token_that_cannot_be_validated_gets_503() {
    let stub = IntrospectionStub::start().await;
    let auth = PropelAuth::new(stub.auth_url(), "client-id", "client-secret").unwrap();
    let app = App::start(|server| server.auth(auth)).await;
    let claims = json!({ "active": true, "aud": app.endpoint, "sub": "sam", "scope": "people:read:public" });
    stub.set_response(claims.to_string());
    for _ in 0..3 {
        assert_eq!(app.get("/whoami", Some("token")).await.status, 200);
    }
    let client = toolgate_tests::Client::new(&app.endpoint, toolgate_tests::Revision::Modern).token("token");
    assert!(client.list().await.is_success());
    assert_eq!(stub.requests().len(), 1, "one cache");
    stub.set_response("not JSON");
    let unavailable = app.get("/whoami", Some("another")).await;
    assert_eq!((unavailable.status, unavailable.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert!(!unavailable.header("retry-after").is_empty() && unavailable.challenge().is_none(), "{unavailable:?}");
}

#[tokio::test]
async fn requests_to_routes_count_as_in_flight() {
    let bodies = ToolBodies::default();
    let slow = bodies.clone();
    let app = App::start_with(
        |server| server.auth(AnyToken).limits(|limits| limits.max_requests_per_caller = 1),
        |server| {
            let handler = async move || {
                slow.wait_for_release().await;
                "finished"
            };
            let gate = server.gate_layer(Requires::authentication()).unwrap();
            Router::new().route("/slow", get(handler)).route_layer(gate)
        },
    )
    .await;
    let request = http_client().get(format!("{}/slow", app.url)).bearer_auth("ann");
    let first = tokio::spawn(send(request));
    bodies.wait_for_start(1).await;
    let rejected = app.get("/slow", Some("ann")).await;
    assert_eq!((rejected.status, rejected.header("retry-after")), (429, "1"));
    bodies.release(1);
    assert_eq!(first.await.unwrap().text, "finished");
    bodies.release(1);
    eventually("the place is free", async || app.get("/slow", Some("ann")).await.status == 200).await;
}

#[tokio::test]
async fn every_decision_about_a_route_is_recorded() {
    let log = CapturedLog::start();
    let app = App::start(|server| server.auth(tokens())).await;
    app.get("/whoami?secret=1", Some("public")).await;
    app.get("/whoami", Some("read")).await;
    app.get("/private", Some("public")).await;
    app.get("/whoami", Some("unknown")).await;
    let log = log.of_this_thread();
    let records: Vec<_> = log.lines().filter(|line| line.contains("toolgate::audit")).collect();
    for parts in [
        &["outcome=\"allowed\"", "user=\"user-public\"", "route=\"GET /whoami\""][..],
        &[
            "outcome=\"insufficient_scope\"",
            "route=\"GET /whoami\"",
            "missing=\"people:read:public\"",
            "required_by=\"operation\"",
        ],
        &["outcome=\"allowed\"", "route=\"GET /private\""],
        &[
            "outcome=\"insufficient_scope\"",
            "route=\"GET /private\"",
            "missing=\"people:read:private\"",
            "required_by=\"body\"",
        ],
        &["outcome=\"invalid_token\""],
    ] {
        assert!(
            records.iter().any(|record| parts.iter().all(|part| record.contains(part))),
            "{parts:?} {records:#?}"
        );
    }
    assert!(!records.iter().any(|record| record.contains("secret")), "{records:#?}");
}

#[tokio::test]
async fn requests_to_routes_count_in_the_rate_of_their_caller() {
    let claims = Claims::new().subject("ann").scopes(["people:read:public"]);
    let validator = StaticTokens::new().token("ann-1", claims.clone()).token("ann-2", claims);
    let app = App::start(|server| server.auth(validator).rates(|rates| rates.caller = Some(Rate::per_day(2)))).await;
    let request = async |token| app.get("/whoami", Some(token)).await;
    assert_eq!(request("ann-1").await.header("ratelimit"), r#""caller";r=1;t=43200"#);
    assert_eq!(request("ann-2").await.status, 200);
    let limited = request("ann-1").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "43200"));
}
