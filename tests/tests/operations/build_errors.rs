//! Problems that prevent a server from starting: each is a sentence that names the setting.

use std::net::SocketAddr;

use toolgate::{
    Error, PropelAuth, Scopes, Server, auth::StaticTokens, replication::Replication, resource, scope,
    tasks::MemoryTaskStore,
};
use toolgate_tests::{DUPLICATE_NAME_SCOPES, SCOPES, TASK_SCOPES, TestServer, ToolBodies, WithWebhooks, tokens};

fn server() -> Server {
    Server::new("toolgate-tests", &SCOPES).auth(tokens()).state(ToolBodies::default())
}

fn problems(server: Server) -> Vec<String> {
    let error = server.build().expect_err("the server has a problem");
    error.problems().iter().map(ToString::to_string).collect()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_invalid_server_url_is_rejected_by_variable_name() {
    for (url, word) in [
        ("mcp.example.com", "must be the URL"),
        ("", "must be the URL"),
        ("ftp://mcp.example.com", "scheme"),
        ("https://mcp.example.com/?a=b", "query"),
        ("https://mcp.example.com/#a", "fragment"),
        ("http://mcp.example.com", "plain http"),
        ("http://192.168.1.7:8000", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("https://user:hunter2@mcp.example.com", "user name"),
        ("https://mcp.example.com/mcp", "https://mcp.example.com/mcp/mcp"),
        ("https://mcp.example.com/mcp/", "set it to https://mcp.example.com,"),
    ] {
        let problems = problems(server().server_url(url));
        assert_eq!(problems.len(), 1, "{url}: {problems:?}");
        assert!(problems[0].starts_with("SERVER_URL ") && problems[0].contains(word), "{url}: {problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn a_server_that_does_not_know_its_port_needs_a_public_url() {
    let on_any_port = || server().bind(address("127.0.0.1:0"));
    let problems = problems(on_any_port());
    assert!(matches!(&problems[..], [problem] if problem.contains("call `Server::serve`")), "{problems:?}");
    assert!(on_any_port().server_url("http://127.0.0.1:8000").build().is_ok());
}

#[tokio::test]
async fn an_app_that_would_not_be_served_is_an_error() {
    let build = |path| server().server_url(format!("http://127.0.0.1:8000/{path}")).build().unwrap();
    let other = build("other").with_app(axum::Router::new());
    let served = build("first").with_server(other).serve_on(TestServer::listener().await, std::future::pending());
    let error = served.await.unwrap_err().to_string();
    assert!(
        error.starts_with("the server at http://127.0.0.1:8000/other/mcp was passed to `with_server`"),
        "{error}"
    );
}

#[test]
fn an_invalid_auth_url_is_rejected_by_variable_name() {
    for url in [
        "auth.example.com",
        "ftp://auth.example.com",
        "http://auth.example.com",
        "http://10.0.0.1",
        "https://auth.example.com?a=b",
        "https://auth.example.com#a",
        "https://user:hunter2@auth.example.com",
        "https://auth.example.com/oauth/2.1",
    ] {
        let error = PropelAuth::new(url, "id", "secret").expect_err(url).to_string();
        assert!(error.starts_with("PROPELAUTH_AUTH_URL "), "{url}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("secret"), "{error}");
    }
}

#[test]
fn a_server_with_a_provider_is_served_and_has_one_validator() {
    let provider = || toolgate::dev_tenant::or_propelauth("tenant.toml");
    let server = || Server::new("toolgate-tests", &SCOPES).state(ToolBodies::default());
    let unbuilt = problems(server().auth_from(provider()));
    assert!(unbuilt.len() == 1 && unbuilt[0].contains("call `serve` instead of `build`"), "{unbuilt:?}");
    for twice in [server().auth_from(provider()).auth(tokens()), server().auth(tokens()).auth_from(provider())] {
        let twice = problems(twice);
        assert!(twice.len() == 1 && twice[0].contains("one token validator"), "{twice:?}");
    }
}

#[test]
fn every_missing_propelauth_setting_is_named() {
    let error = PropelAuth::new("", " ", "").unwrap_err().to_string();
    for variable in
        ["PROPELAUTH_AUTH_URL", "PROPELAUTH_INTROSPECTION_CLIENT_ID", "PROPELAUTH_INTROSPECTION_CLIENT_SECRET"]
    {
        assert!(error.contains(variable), "{error}");
    }
}

#[test]
fn a_trailing_slash_of_a_url_is_ignored() {
    for url in ["https://mcp.example.com", "https://mcp.example.com/"] {
        let server = server().server_url(url).build().unwrap();
        assert_eq!(server.endpoint(), "https://mcp.example.com/mcp");
    }
    for url in ["https://auth.example.com", "https://auth.example.com/"] {
        let auth = PropelAuth::new(url, "id", "secret").unwrap();
        assert!(format!("{auth:?}").contains("\"https://auth.example.com\""), "{auth:?}");
    }
}

#[test]
fn h2_a_server_whose_url_is_on_loopback_binds_to_loopback_only() {
    let bound = server().server_url("http://127.0.0.1:8000").bind(address("0.0.0.0:8000"));
    let problems = problems(bound);
    assert!(problems.len() == 1 && problems[0].contains("loopback"), "{problems:?}");
    assert!(problems[0].contains("TOOLGATE_HTTP_ALLOW_NETWORK_ACCESS_TO_LOOPBACK_URL=true"), "{problems:?}");
    let public = server().server_url("https://mcp.example.com").bind(address("0.0.0.0:8000"));
    assert!(public.build().is_ok());
    let container = server().server_url("http://127.0.0.1:8000").bind(address("0.0.0.0:8000"));
    let container = container.http(|http| http.allow_network_access_to_loopback_url = true);
    assert!(container.build().is_ok(), "the program accepts it explicitly");
}

#[test]
fn h2_the_default_bind_address_is_on_loopback() {
    let built = server().server_url("http://127.0.0.1:8000").build().unwrap();
    assert!(built.bind_address().ip().is_loopback());
}

#[test]
fn a_missing_validator_is_a_build_problem() {
    let server =
        Server::new("toolgate-tests", &SCOPES).server_url("https://mcp.example.com").state(ToolBodies::default());
    let problems = problems(server);
    assert!(problems.len() == 1 && problems[0].contains(".auth("), "{problems:?}");
}

#[test]
fn every_build_problem_is_reported() {
    let server = Server::new("duplicates", &DUPLICATE_NAME_SCOPES)
        .server_url("https://mcp.example.com#a")
        .http(|http| http.endpoint_path = "mcp/".to_owned())
        .auth(StaticTokens::new())
        .auth(StaticTokens::new())
        .require_for_all(scope!("files:read", in toolgate_tests::SCOPES));
    let problems = problems(server).join("\n");
    for part in [
        "SERVER_URL",
        "mcp/",
        "call `auth` or `auth_from` once",
        "files:read",
        "two tools are named `duplicate`",
        "Mutex<u8>",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

#[test]
fn a_missing_state_is_a_build_problem_that_names_the_tool_and_the_type() {
    let server = Server::new("toolgate-tests", &SCOPES).server_url("https://mcp.example.com").auth(tokens());
    let problems = problems(server);
    assert!(
        problems.iter().any(|problem| problem.contains("`people_public`") && problem.contains("ToolBodies")),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_reported_in_one_line() {
    let taken = TestServer::listener().await;
    let address = taken.local_addr().unwrap();
    let error = server().server_url(format!("http://{address}")).bind(address).serve().await.unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.lines().count() == 1, "{text}");
}

#[test]
fn requiring_and_skipping_the_preflight_exclude_each_other() {
    let problems = problems(server().require_preflight().skip_preflight());
    assert!(problems[0].contains("`require_preflight` and `skip_preflight`"), "{problems:?}");
}

#[test]
fn listing_and_concealing_what_a_caller_lacks_exclude_each_other() {
    let problems = problems(server().conceal_forbidden().operations(|operations| operations.list_acquirable = true));
    assert!(problems.len() == 1 && problems[0].contains("`operations.list_acquirable`"), "{problems:?}");
}

#[test]
fn initial_scopes_must_be_scopes_of_the_server_that_clients_can_request() {
    let none = problems(server().initial_scopes([]));
    assert!(none.len() == 1 && none[0].contains("`initial_scopes` has no scope"), "{none:?}");
    let foreign = problems(server().initial_scopes([scope!("other:read", in DUPLICATE_NAME_SCOPES)]));
    assert!(foreign.len() == 1 && foreign[0].contains("other:read"), "{foreign:?}");
}

#[test]
fn the_endpoint_must_not_have_the_path_of_another_route() {
    let server = || {
        let server = Server::new("toolgate-tests", &SCOPES).auth(WithWebhooks::new(tokens()));
        server.state(ToolBodies::default())
    };
    for path in ["/healthz", "/readyz", "/webhooks/propelauth"] {
        let problems = problems(server().http(|http| http.endpoint_path = path.to_owned()));
        assert!(problems[0].contains(path), "{problems:?}");
    }
}

/// The scopes of resources of which some have the same URIs.
static AMBIGUOUS: Scopes = Scopes::new(&["files:read"]);

#[resource(uri = "files://{folder}/{name}", authenticated, scopes_in = AMBIGUOUS)]
async fn file(folder: String, name: String) -> String {
    format!("{folder}/{name}")
}

/// Matches the same URIs.
#[resource(uri = "files://{folder}/readme-{language}", scopes = "files:read", scopes_in = AMBIGUOUS)]
async fn readme(folder: String, language: String) -> String {
    format!("{folder}/{language}")
}

/// Has another spelling, `files://a/b%40c`, which `file` matches.
#[resource(uri = "files://a/b@c", scopes = "files:read", scopes_in = AMBIGUOUS)]
async fn other_spelling() -> &'static str {
    "secret"
}

/// Has one spelling, with which it is read under its own policy.
#[resource(uri = "files://a/b", scopes = "files:read", scopes_in = AMBIGUOUS)]
async fn one_spelling() -> &'static str {
    "secret"
}

#[test]
fn a_uri_that_two_resources_can_have_is_a_problem_that_names_both() {
    let mut problems = problems(Server::new("files", &AMBIGUOUS).auth(StaticTokens::new()));
    problems.sort_unstable();
    let expected = |other: &str| {
        format!(
            "a URI can belong to both `{other}` and `files://{{folder}}/{{name}}`: change one of them, for example by another segment"
        )
    };
    assert_eq!(problems, ["files://a/b@c", "files://{folder}/readme-{language}"].map(expected));
}

#[test]
fn tasks_in_a_redis_without_a_secret_are_rejected_unless_they_are_stored_elsewhere() {
    let replication = || Replication::redis("redis://127.0.0.1:1");
    let with_tasks = || server().add_from(&TASK_SCOPES);
    let found = problems(with_tasks().replication(replication()));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`replication.shared_cache_secret`") && found[0].contains("`Server::task_store`"));
    for valid in [
        with_tasks().replication(replication().shared_cache([7; 32])),
        with_tasks().replication(replication()).task_store(MemoryTaskStore::default()),
        server().replication(replication()),
    ] {
        valid.build().unwrap();
    }
}
