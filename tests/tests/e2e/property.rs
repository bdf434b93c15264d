//! Listed = callable, for any token.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use proptest::{collection::btree_set, prelude::*, sample::select, test_runner::TestCaseResult};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use toolgate::{
    Server,
    auth::{BearerToken, Claims, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{
    Probe,
    catalogue::{self, CATALOGUE, TOOLS},
};
use tower::ServiceExt;

/// Scopes that tokens hold and that are not in the list, among them near misses.
const FOREIGN: [&str; 6] = ["A", "a:", "b", "b:read:x", "offline_access", "*"];

/// What the next request's token says.
#[derive(Clone, Debug, Default)]
struct Token {
    scopes: BTreeSet<&'static str>,
    role: Option<&'static str>,
}

/// Knows one token: whatever the case at hand says.
struct CurrentToken(Arc<Mutex<Token>>);

#[async_trait]
impl TokenValidator for CurrentToken {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        assert!(token.expose().starts_with("case-"));
        let current = self.0.lock().unwrap().clone();
        let claims = Claims::new().audience_verified().scopes(current.scopes);
        Ok(match current.role {
            Some(role) => claims.organization("org-1", role),
            None => claims,
        })
    }
}

struct Fixture {
    runtime: Runtime,
    router: Router,
    token: Arc<Mutex<Token>>,
    switched_off: Arc<Mutex<BTreeSet<&'static str>>>,
    probe: Probe,
    /// The validator may remember tokens, so no two cases have the same.
    cases: std::cell::Cell<usize>,
}

impl Fixture {
    fn new(conceal: bool) -> Self {
        let token = Arc::new(Mutex::new(Token::default()));
        let switched_off = Arc::new(Mutex::new(BTreeSet::new()));
        let switch = Arc::clone(&switched_off);
        let probe = Probe::default();
        let mut server = Server::new("catalogue", &CATALOGUE)
            .server_url("http://127.0.0.1:8000")
            .auth(CurrentToken(Arc::clone(&token)))
            .state(probe.clone())
            .deny(move |tool| switch.lock().unwrap().contains(tool.name));
        if conceal {
            server = server.conceal_forbidden_tools();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let router = runtime.block_on(async { server.build().unwrap().into_router() });
        Self { runtime, router, token, switched_off, probe, cases: std::cell::Cell::new(0) }
    }

    fn send(&self, method: &str, params: &Value) -> (u16, Value) {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = Request::post("/mcp")
            .header("Host", "127.0.0.1:8000")
            .header("Authorization", format!("Bearer case-{}", self.cases.get()))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2025-11-25")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap())
        })
    }

    fn listed(&self) -> BTreeSet<String> {
        let (status, answer) = self.send("tools/list", &json!({}));
        assert_eq!(status, 200, "{answer}");
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The tools whose bodies ran when they were called.
    fn callable(&self, conceal: bool) -> BTreeSet<String> {
        let mut callable = BTreeSet::new();
        for (name, ..) in TOOLS {
            let before = self.probe.runs();
            let (status, answer) = self.send("tools/call", &json!({ "name": name, "arguments": {} }));
            let ran = self.probe.runs() - before;
            if status == 200 && answer["result"].is_object() {
                assert_eq!(ran, 1, "{name} ran once");
                callable.insert(name.to_owned());
            } else {
                assert_eq!(ran, 0, "{name} was refused and ran");
                let unknown = (status, answer["error"]["code"].as_i64()) == (200, Some(-32602));
                let challenged = (status, answer["error"]["code"].as_i64()) == (403, Some(-32010));
                assert!(unknown || (challenged && !conceal), "{name}: {status} {answer}");
            }
        }
        callable
    }

    fn check(&self, token: Token, switched_off: BTreeSet<&'static str>, conceal: bool) -> TestCaseResult {
        let open = catalogue::open_to(&token.scopes, token.role, &switched_off);
        let open: BTreeSet<String> = open.into_iter().map(str::to_owned).collect();
        self.cases.set(self.cases.get() + 1);
        *self.token.lock().unwrap() = token;
        *self.switched_off.lock().unwrap() = switched_off;
        let listed = self.listed();
        prop_assert_eq!(&listed, &self.callable(conceal), "listed and callable");
        prop_assert_eq!(&listed, &open, "listed and meant");
        Ok(())
    }
}

fn tokens() -> impl Strategy<Value = Token> {
    let scopes = [CATALOGUE.names(), &FOREIGN[..]].concat();
    let roles = select(vec![None, Some("Owner"), Some("Member"), Some("owner")]);
    (btree_set(select(scopes), 0..9), roles).prop_map(|(scopes, role)| Token { scopes, role })
}

fn switches() -> impl Strategy<Value = BTreeSet<&'static str>> {
    let names: Vec<_> = TOOLS.iter().map(|(name, ..)| *name).collect();
    prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(select(names), 1..4)]
}

fn run(conceal: bool) {
    let fixture = Fixture::new(conceal);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let checked = runner.run(&(tokens(), switches()), |(token, off)| fixture.check(token, off, conceal));
    if let Err(error) = checked {
        panic!("{error}");
    }
}

#[test]
fn listed_is_callable_for_any_token() {
    run(false);
}

#[test]
fn listed_is_callable_for_any_token_of_a_server_that_conceals() {
    run(true);
}
