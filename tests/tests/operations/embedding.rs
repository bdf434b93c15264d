//! Servers as parts of an axum application: their routers, an app that toolgate serves, and an app that serves itself.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, header},
    routing::get,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use toolgate::{BuiltServer, Error, prelude::*};
use toolgate_dev_tenant::DevTenant;
use toolgate_tests::{
    Browser, CapturedLog, Client, EventStream, RawRequest, Revision, SCOPES, TestServer, ToolBodies, WEBHOOK_SECRET,
    WithWebhooks, eventually, http_client, propel_auth, send, start_tenant, within_deadline,
};
use tower_http::cors::{Any, CorsLayer};
use url::Url;

use crate::{AnyToken, SHORT_TIMEOUT};

static PEOPLE: Scopes = Scopes::new(&["people:read:public"]);
static TICKETS: Scopes = Scopes::new(&["tickets:read"]);

/// Return a person.
#[tool(scopes = "people:read:public", scopes_in = crate::embedding::PEOPLE, read_only)]
async fn person() -> &'static str {
    "a person"
}

/// Return a ticket.
#[tool(scopes = "tickets:read", scopes_in = crate::embedding::TICKETS, read_only)]
async fn ticket() -> &'static str {
    "a ticket"
}

/// An app that is being served, until the sender is used or dropped.
struct ServedApp {
    address: SocketAddr,
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl ServedApp {
    /// Serves what `build` returns for the URL of the listener.
    async fn start(build: impl FnOnce(&str) -> BuiltServer) -> Self {
        let listener = TestServer::listener().await;
        let (address, url) = (listener.local_addr().unwrap(), TestServer::url_of(&listener));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = build(&url).serve_on(listener, async {
            let _ = stopped.await;
        });
        Self { address, url, stop, task: tokio::spawn(serving) }
    }

    async fn get(&self, path: &str) -> toolgate_tests::HttpResponse {
        send(http_client().get(format!("{}{path}", self.url))).await
    }

    async fn shut_down(self) {
        let _ = self.stop.send(());
        within_deadline("the app stops", self.task).await.unwrap().unwrap();
    }
}

fn server(url: &str, bodies: &ToolBodies) -> Server {
    Server::new("embedded", &SCOPES)
        .ignore_environment()
        .skip_preflight()
        .server_url(url)
        .auth(AnyToken)
        .state(bodies.clone())
}

fn member(name: &str, scopes: &'static Scopes, url: &str, tenant: &DevTenant) -> BuiltServer {
    let auth = propel_auth(tenant).webhook_secret(WEBHOOK_SECRET).unwrap();
    let server = Server::new(name, scopes).ignore_environment().skip_preflight();
    server.server_url(format!("{url}/{name}")).auth(auth).build().unwrap()
}

/// Merges the routers that two servers in one app can have.
fn with_routers(app: Router, server: &BuiltServer) -> Router {
    app.merge(server.mcp_router())
        .merge(server.metadata_router())
        .merge(server.webhook_router())
        .merge(server.landing_page_router())
}

/// Logs in at the authorization server that the challenge of an endpoint leads to, as an MCP client does. Returns a token.
async fn log_in(endpoint: &str, tenant: &DevTenant, app_url: &str) -> String {
    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let challenge = Client::new(endpoint, Revision::Modern).list().await.expect_challenge();
    let document = send(http_client().get(challenge.get("resource_metadata"))).await;
    assert_eq!(document.json()["resource"], endpoint);
    let scopes = document.json()["scopes_supported"][0].as_str().unwrap();
    let issuer = document.json()["authorization_servers"][0].as_str().unwrap();
    assert!(issuer.starts_with(tenant.auth_url()), "{issuer}");
    let issuer = Url::parse(issuer).unwrap();
    let well_known = issuer.join(&format!("/.well-known/oauth-authorization-server{}", issuer.path())).unwrap();
    let metadata = send(http_client().get(well_known)).await.json().clone();
    let of = |name: &str| metadata[name].as_str().unwrap();
    let redirect_uri = format!("{app_url}/callback");
    let client = json!({ "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none" });
    let registered = send(http_client().post(of("registration_endpoint")).json(&client)).await;
    let client_id = registered.json()["client_id"].as_str().unwrap();
    let parameters = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", &redirect_uri),
        ("resource", endpoint),
        ("scope", scopes),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let authorize = Url::parse_with_params(of("authorization_endpoint"), parameters).unwrap();
    let page = Browser::default().log_in(authorize.as_str(), tenant, "Support").await;
    let code = page.url.query_pairs().find_map(|(name, value)| (name == "code").then(|| value.into_owned()));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code.expect("a code")),
        ("client_id", client_id),
        ("redirect_uri", &redirect_uri),
        ("resource", endpoint),
        ("code_verifier", VERIFIER),
    ];
    let response = send(http_client().post(of("token_endpoint")).form(&form)).await;
    response.json()["access_token"].as_str().unwrap_or_else(|| panic!("{response:?}")).to_owned()
}

#[tokio::test]
async fn two_servers_in_one_app_have_their_own_logins_and_reject_the_tokens_of_each_other() {
    let tenant = start_tenant().await;
    let app = ServedApp::start(|url| {
        let people = member("people", &PEOPLE, url, &tenant);
        let tickets = member("tickets", &TICKETS, url, &tenant);
        let app = Router::new().route("/callback", get(async || "logged in")).merge(people.health_router());
        let app = with_routers(with_routers(app, &people), &tickets).merge(tickets.root_router());
        people.with_app(app).with_server(tickets)
    })
    .await;
    let endpoint = |name: &str| format!("{}/{name}/mcp", app.url);
    let (people, tickets) = (endpoint("people"), endpoint("tickets"));
    let tokens = [log_in(&people, &tenant, &app.url).await, log_in(&tickets, &tenant, &app.url).await];
    for (endpoint, own, foreign, tool, document, scope) in [
        (&people, &tokens[0], &tokens[1], "person", "people", "people:read:public"),
        (&tickets, &tokens[1], &tokens[0], "ticket", "tickets", "tickets:read"),
    ] {
        for revision in Revision::BOTH {
            let client = Client::new(endpoint, revision);
            let accepted = client.clone().token(own);
            assert_eq!(accepted.tool_names().await, [tool], "{endpoint}");
            assert!(accepted.call(tool, json!({})).await.is_success());
            let rejected = client.clone().token(foreign).call(tool, json!({})).await;
            assert_eq!((rejected.status, rejected.expect_challenge().get("error")), (401, "invalid_token"));
            let challenge = client.list().await.expect_challenge();
            let url = format!("{}/.well-known/oauth-protected-resource/{document}/mcp", app.url);
            assert_eq!(challenge.get("resource_metadata"), url);
            assert_eq!(send(http_client().get(url)).await.json()["scopes_supported"], json!([scope]));
        }
    }
    // Only one of them has the paths that name neither.
    let root = app.get("/.well-known/oauth-protected-resource").await;
    assert_eq!(root.json()["resource"], Value::from(tickets.clone()));
    for name in ["people", "tickets"] {
        assert_eq!(app.get(&format!("/.well-known/oauth-authorization-server/{name}")).await.status, 200);
        assert_eq!(app.get(&format!("/{name}/webhooks/propelauth")).await.status, 405, "a route for POST");
        assert!(app.get(&format!("/{name}")).await.text.contains(&endpoint(name)), "the page for browsers");
    }
    assert_eq!(app.get("/people/favicon.ico").await.status, 200);
    app.shut_down().await;
}

#[tokio::test]
async fn servers_with_different_endpoint_paths_can_be_merged() {
    let bodies = ToolBodies::default();
    let build = |path: &str| {
        let path = path.to_owned();
        server("http://127.0.0.1:8000", &bodies).http(|http| http.endpoint_path = path).build().unwrap()
    };
    let (one, other) = (build("/one/mcp"), build("/other"));
    let app = Router::new()
        .merge(one.mcp_router())
        .merge(other.mcp_router())
        .merge(one.metadata_router())
        .merge(other.metadata_router())
        .merge(one.root_router())
        .merge(other.health_router());
    for server in [&one, &other] {
        assert_eq!(server.check_app(&app).await, []);
    }
}

#[tokio::test]
async fn the_whole_router_is_the_merge_of_its_parts() {
    let bodies = ToolBodies::default();
    for url in ["http://127.0.0.1:8000", "http://127.0.0.1:8000/tools"] {
        let built = || server(url, &bodies).build().unwrap();
        let (parts, whole) = (built(), built().into_router());
        let parts = Router::new()
            .merge(parts.mcp_router())
            .merge(parts.metadata_router())
            .merge(parts.webhook_router())
            .merge(parts.health_router())
            .merge(parts.approvals_router())
            .merge(parts.root_router());
        for path in [
            "/mcp",
            "/tools/mcp",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource/tools/mcp",
            "/.well-known/oauth-authorization-server",
            "/.well-known/oauth-authorization-server/tools",
            "/healthz",
            "/",
        ] {
            let request = || axum::http::Request::get(path).header("Host", "127.0.0.1:8000");
            let request = || request().body(axum::body::Body::empty()).unwrap();
            let (one, other) = (
                toolgate_tests::exchange(&parts, request()).await,
                toolgate_tests::exchange(&whole, request()).await,
            );
            assert_eq!((one.status, one.text), (other.status, other.text), "{url} {path}");
        }
    }
}

#[tokio::test]
async fn an_app_with_its_own_health_endpoint_is_served_with_limits_and_drained() {
    let bodies = ToolBodies::default();
    let app = ServedApp::start(|url| {
        let server = server(url, &bodies).http(|http| http.max_connections = Some(2)).build().unwrap();
        let slow = bodies.clone();
        let app = Router::new()
            .route("/healthz", get(async || "healthy"))
            .route(
                "/slow",
                get(async move || {
                    slow.wait_for_release().await;
                    "finished"
                }),
            )
            .merge(server.mcp_router())
            .merge(server.metadata_router());
        server.with_app(app)
    })
    .await;
    assert_eq!(app.get("/healthz").await.text, "healthy");
    assert_eq!(app.get("/readyz").await.status, 404, "the app has none");
    let slow = tokio::spawn(send(http_client().get(format!("{}/slow", app.url))));
    let client = Client::new(&format!("{}/mcp", app.url), Revision::Modern).token("ann");
    let call = tokio::spawn(async move { client.call("waits", json!({})).await });
    bodies.wait_for_start(2).await;
    let address = app.address;
    let request = async |path| RawRequest::new("GET", path).send(address).await;
    assert_eq!(request("/slow").await.status, 503, "both connections are in use");
    assert_eq!(request("/healthz").await.text, "healthy", "health does not depend on clients");
    let stopped = tokio::spawn(app.shut_down());
    eventually("no connection is accepted", async || tokio::net::TcpStream::connect(address).await.is_err()).await;
    assert!(!stopped.is_finished(), "requests are in flight");
    bodies.release(2);
    assert_eq!(slow.await.unwrap().text, "finished");
    assert_eq!(call.await.unwrap().text_content(), "waited");
    within_deadline("the app stops", stopped).await.unwrap();
}

/// An app that axum serves.
struct SelfServed {
    url: String,
    running: toolgate::RunningServer,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl SelfServed {
    async fn start(bodies: &ToolBodies, configure: impl FnOnce(Server) -> Server) -> Self {
        let listener: TcpListener = TestServer::listener().await;
        let url = TestServer::url_of(&listener);
        let server = configure(server(&url, bodies)).build().unwrap();
        let running = server.start().await.unwrap();
        let app = Router::new().merge(server.into_router());
        let (stop, stopped) = oneshot::channel::<()>();
        let (handle, driver) = (running.clone(), running.clone());
        let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
            let _ = stopped.await;
            handle.begin_shutdown();
        });
        let task = tokio::spawn(async move { driver.drive(serving).await });
        Self { url, running, stop, task }
    }

    fn client(&self) -> Client {
        Client::new(&format!("{}/mcp", self.url), Revision::Modern).token("ann")
    }
}

#[tokio::test]
async fn an_app_that_serves_itself_drains_calls_and_ends_subscriptions() {
    let bodies = ToolBodies::default();
    let app = SelfServed::start(&bodies, |server| server).await;
    eventually("the server is ready", async || app.running.unready_reasons().is_empty()).await;
    let client = app.client();
    let mut stream = EventStream::listen(&client, json!({ "toolsListChanged": true })).await;
    stream.acknowledged().await;
    let call = tokio::spawn(async move { client.call("waits", json!({})).await });
    bodies.wait_for_start(1).await;
    app.stop.send(()).unwrap();
    let result = stream.next().await.unwrap();
    assert_eq!(result["result"]["resultType"], "complete", "{result}");
    assert_eq!(app.running.unready_reasons(), ["shutting_down"]);
    assert!(!app.task.is_finished());
    bodies.release(1);
    assert_eq!(call.await.unwrap().text_content(), "waited");
    within_deadline("the app stops", app.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_app_that_serves_itself_stops_after_the_shutdown_timeout() {
    let log = CapturedLog::start();
    let bodies = ToolBodies::default();
    let app = SelfServed::start(&bodies, |server| server.http(|http| http.shutdown_timeout = SHORT_TIMEOUT)).await;
    let client = app.client();
    let _call = tokio::spawn(async move { client.call("waits", json!({})).await });
    bodies.wait_for_start(1).await;
    app.stop.send(()).unwrap();
    within_deadline("the app stops", app.task).await.unwrap().unwrap();
    let log = log.of_this_thread();
    assert!(log.contains("aborted the requests that did not finish") && log.contains("requests=1"), "{log}");
}

#[tokio::test]
async fn a_server_without_an_http_server_waits_for_its_requests() {
    let bodies = ToolBodies::default();
    let server = server("http://127.0.0.1:8000", &bodies).http(|http| http.shutdown_timeout = Duration::from_mins(1));
    let server = server.build().unwrap();
    let running = server.start().await.unwrap();
    let router = server.into_router();
    let message = Revision::Legacy.call_message("waits", &json!({})).to_string();
    let mut request =
        axum::http::Request::post("/mcp").header("Host", "127.0.0.1:8000").header("Authorization", "Bearer a");
    for (name, value) in Revision::Legacy.headers() {
        request = request.header(name, value);
    }
    let request = request.body(axum::body::Body::from(message)).unwrap();
    let call = tokio::spawn(async move { toolgate_tests::exchange(&router, request).await });
    bodies.wait_for_start(1).await;
    let stopped = tokio::spawn(async move { running.shut_down().await });
    tokio::task::yield_now().await;
    assert!(!stopped.is_finished());
    bodies.release(1);
    assert_eq!(call.await.unwrap().text_content(), "waited");
    within_deadline("the server stops", stopped).await.unwrap();
}

const ORIGIN: &str = "https://app.example.com";

/// Returns the codes and texts of the check of an app with a server that `ORIGIN` may use.
async fn check(app: impl FnOnce(&BuiltServer) -> Router) -> Vec<(&'static str, String)> {
    let bodies = ToolBodies::default();
    let server = server("https://mcp.example.com", &bodies);
    let server = server.http(|http| http.allowed_origins = vec![ORIGIN.to_owned()]).build().unwrap();
    let app = app(&server);
    server.check_app(&app).await.iter().map(|found| (found.code(), found.text().to_owned())).collect()
}

fn whole(server: &BuiltServer) -> Router {
    Router::new().merge(server.mcp_router()).merge(server.metadata_router())
}

#[tokio::test]
async fn a_cors_layer_that_breaks_browser_clients_is_reported() {
    let origin = HeaderValue::from_static(ORIGIN);
    let problems = async |cors: CorsLayer| check(|server| whole(server).layer(cors)).await;
    // A wildcard does not include `Authorization`.
    let found = problems(CorsLayer::permissive()).await;
    assert!(
        matches!(&*found, [("app_cors", text)] if text.contains("requests may not have authorization.")),
        "{found:?}"
    );
    let found = problems(CorsLayer::new().allow_origin(origin.clone())).await;
    assert!(matches!(&*found, [("app_cors", text)] if text.contains("authorization, content-type")), "{found:?}");
    let other = HeaderValue::from_static("https://other.example.com");
    let found = problems(CorsLayer::very_permissive().allow_origin(other)).await;
    assert!(matches!(&*found, [("app_cors", text)] if text.contains("the origin is not allowed")), "{found:?}");
    let hides = CorsLayer::very_permissive().expose_headers([header::ETAG]);
    let found = problems(hides).await;
    assert!(
        matches!(&*found, [("app_cors", text)] if text.contains("clients cannot read www-authenticate")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_cors_layer_that_lets_browser_clients_work_is_not_reported() {
    assert_eq!(check(whole).await, []);
    assert_eq!(check(|server| whole(server).layer(CorsLayer::very_permissive())).await, []);
    let explicit = CorsLayer::new()
        .allow_origin(HeaderValue::from_static(ORIGIN))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(
            [
                "authorization",
                "content-type",
                "last-event-id",
                "mcp-method",
                "mcp-name",
                "mcp-protocol-version",
                "mcp-session-id",
            ]
            .map(HeaderName::from_static),
        );
    assert_eq!(check(|server| whole(server).layer(explicit)).await, []);
    // A layer on the routes of the app alone does not concern those of toolgate.
    let own = Router::new().route("/status", get(async || "up")).layer(CorsLayer::new().allow_origin(Any));
    assert_eq!(check(|server| own.merge(whole(server))).await, []);
}

#[tokio::test]
async fn browsers_get_what_the_check_promises() {
    let bodies = ToolBodies::default();
    for (cors, works) in
        [(Some(CorsLayer::very_permissive()), true), (Some(CorsLayer::permissive()), false), (None, true)]
    {
        let app = ServedApp::start(|url| {
            let server = server(url, &bodies).http(|http| http.allowed_origins = vec![ORIGIN.to_owned()]);
            let server = server.build().unwrap();
            let app = match cors {
                Some(cors) => whole(&server).layer(cors),
                None => whole(&server),
            };
            server.with_app(app)
        })
        .await;
        let endpoint = format!("{}/mcp", app.url);
        let preflight = http_client()
            .request(reqwest::Method::OPTIONS, &endpoint)
            .header("Origin", ORIGIN)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version");
        let preflight = send(preflight).await;
        assert_eq!(
            preflight.header("access-control-allow-headers").contains("authorization"),
            works,
            "{preflight:?}"
        );
        let rejected = send(http_client().post(&endpoint).header("Origin", ORIGIN)).await;
        assert_eq!(rejected.status, 401);
        let exposed = rejected.header("access-control-expose-headers");
        assert!(exposed.contains("www-authenticate") || exposed == "*", "{rejected:?}");
        rejected.expect_challenge();
        app.shut_down().await;
    }
}

#[tokio::test]
async fn what_an_app_does_not_serve_is_reported_and_logged() {
    let found = check(|_| Router::new()).await;
    let codes: Vec<_> = found.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes[..2], ["app_endpoint", "app_metadata"], "{found:?}");
    let found = check(|server| Router::new().nest("/api", whole(server))).await;
    assert_eq!(found[0].0, "app_endpoint", "{found:?}");
    let log = CapturedLog::start();
    let bodies = ToolBodies::default();
    let app = ServedApp::start(|url| {
        let validator = WithWebhooks::new(AnyToken);
        let server = Server::new("webhooks", &SCOPES).ignore_environment().server_url(url).auth(validator);
        let server = server.skip_preflight().state(bodies.clone()).build().unwrap();
        let app = whole(&server);
        server.with_app(app)
    })
    .await;
    assert_eq!(app.get("/webhooks/propelauth").await.status, 404);
    app.shut_down().await;
    let log = log.of_this_thread();
    assert!(log.contains("code=\"app_webhooks\"") && log.contains("merge `webhook_router()`"), "{log}");
}
