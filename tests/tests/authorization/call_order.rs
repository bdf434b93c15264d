//! The order of the rules of a call: each runs only if the rules before it allow the call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use serde_json::Value;
use toolgate::{
    auth::Claims,
    prelude::*,
    testing::{Outcome, TestCaller, TestServer},
};
use toolgate_tests::{record_step, take_steps};

static ORDER: Scopes = Scopes::new(&["order:call", "order:large"]);

/// Amount of an order. Reading it is a step.
#[derive(Debug, Serialize, JsonSchema)]
struct Amount(u32);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        record_step("arguments");
        u32::deserialize(deserializer).map(Self)
    }
}

impl Amount {
    fn is_large(&self) -> bool {
        record_step("condition");
        self.0 > 1000
    }
}

/// Rules whose outcome a test chooses.
#[derive(Clone, Default)]
struct Rules(Arc<RulesInner>);

#[derive(Default)]
struct RulesInner {
    disabled: AtomicBool,
    hidden: AtomicBool,
    denied: AtomicBool,
}

fn is_visible(rules: &Rules) -> bool {
    record_step("visibility");
    !rules.0.hidden.load(Ordering::Relaxed)
}

async fn check(guard: &'static str, rules: &Rules) -> Result<(), Denied> {
    record_step(guard);
    tokio::task::yield_now().await;
    if rules.0.denied.load(Ordering::Relaxed) { Err(Denied::new("closed")) } else { Ok(()) }
}

macro_rules! tools {
    ($($name:ident($($context:ident)?))*) => {$(
        /// Order something.
        #[tool(
            scopes = "order:call",
            scopes_if(amount.is_large(), "order:large"),
            scopes_in = ORDER,
            visible_to = is_visible(rules),
            guard(check("first guard", rules), check("second guard", rules))
        )]
        async fn $name(amount: Amount, rules: &Rules $(, _: &$context)?) -> String {
            record_step("body");
            amount.0.to_string()
        }
    )*};
}

// The gate answers calls of the first tool itself, and leaves those of the second one to rmcp.
tools! {
    order()
    order_with_context(Context)
}

const TOOLS: [&str; 2] = ["order", "order_with_context"];

fn start() -> (TestServer, Rules) {
    let rules = Rules::default();
    let deny = rules.clone();
    let server = Server::new("order", &ORDER).state(rules.clone()).deny(move |_| {
        record_step("deny");
        deny.0.disabled.load(Ordering::Relaxed)
    });
    (TestServer::new(server).unwrap(), rules)
}

/// Calls a tool and returns the outcome and the steps. Deny rules and visibility rules can run several times for a call,
/// so only their first run is returned. Every other step is returned each time that it runs.
async fn call(caller: &TestCaller, tool: &str, amount: Value) -> (Outcome, Vec<String>) {
    take_steps();
    let call = caller.call(tool, json!({ "amount": amount })).await;
    let mut steps: Vec<String> = Vec::new();
    for step in take_steps() {
        if !(["deny", "visibility"].contains(&step.as_str()) && steps.contains(&step)) {
            steps.push(step);
        }
    }
    (call.outcome().clone(), steps)
}

#[tokio::test]
async fn every_rule_of_an_allowed_call_runs_once_and_in_order() {
    let (server, _) = start();
    let caller = server.with_scopes(["order:call", "order:large"]);
    for tool in TOOLS {
        let (outcome, steps) = call(&caller, tool, json!(2000)).await;
        assert!(matches!(outcome, Outcome::Allowed(_)), "{outcome}");
        let expected = ["deny", "visibility", "arguments", "condition", "first guard", "second guard", "body"];
        assert_eq!(steps, expected, "{tool}");
    }
}

#[tokio::test]
async fn a_call_without_a_valid_token_evaluates_nothing() {
    let (server, _) = start();
    let valid = Claims::new().scopes(["order:call", "order:large"]);
    let expired = valid.clone().expires_at(SystemTime::UNIX_EPOCH);
    let foreign = valid.audience(["https://other.example/mcp"]);
    for caller in [server.as_caller(expired), server.as_caller(foreign)] {
        for tool in TOOLS {
            let (outcome, steps) = call(&caller, tool, json!(2000)).await;
            assert!(matches!(outcome, Outcome::Rejected { status: 401, .. }), "{outcome}");
            assert_eq!(steps, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_disabled_or_hidden_tool_evaluates_nothing_else() {
    let (server, rules) = start();
    for caller in [server.with_scopes(["order:call", "order:large"]), server.as_caller(Claims::new())] {
        for tool in TOOLS {
            rules.0.disabled.store(true, Ordering::Relaxed);
            assert_eq!(call(&caller, tool, json!(2000)).await, (Outcome::Hidden, vec!["deny".to_owned()]));
            rules.0.disabled.store(false, Ordering::Relaxed);
            rules.0.hidden.store(true, Ordering::Relaxed);
            let (outcome, steps) = call(&caller, tool, json!(2000)).await;
            assert_eq!((outcome, steps), (Outcome::Hidden, ["deny", "visibility"].map(str::to_owned).to_vec()));
            rules.0.hidden.store(false, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_call_without_the_unconditional_scopes_evaluates_its_conditions_for_the_challenge_and_no_guard() {
    let (server, _) = start();
    for tool in TOOLS {
        for (amount, missing) in [(2000, &["order:call", "order:large"][..]), (7, &["order:call"])] {
            let (outcome, steps) = call(&server.as_caller(Claims::new()), tool, json!(amount)).await;
            assert!(matches!(outcome, Outcome::MissingScopes(scopes) if scopes.missing == missing), "{tool}");
            assert_eq!(steps, ["deny", "visibility", "arguments", "condition"], "{tool}");
        }
    }
}

#[tokio::test]
async fn arguments_that_violate_the_schema_are_not_read() {
    let (server, _) = start();
    for tool in TOOLS {
        for amount in [json!("many"), json!(-1), json!(null)] {
            let (outcome, steps) = call(&server.with_scopes(["order:call"]), tool, amount.clone()).await;
            assert!(matches!(outcome, Outcome::InvalidArguments(_)), "{tool} {amount}: {outcome}");
            assert_eq!(steps, ["deny", "visibility"], "{tool} {amount}");
            let (outcome, steps) = call(&server.with_scopes(["order:large"]), tool, amount.clone()).await;
            assert!(matches!(outcome, Outcome::MissingScopes(_)), "{tool} {amount}: {outcome}");
            assert_eq!(steps, ["deny", "visibility"], "{tool} {amount}");
        }
    }
}

#[tokio::test]
async fn a_call_without_the_conditional_scopes_runs_no_guard() {
    let (server, rules) = start();
    rules.0.denied.store(true, Ordering::Relaxed);
    for tool in TOOLS {
        let (outcome, steps) = call(&server.with_scopes(["order:call"]), tool, json!(2000)).await;
        assert!(matches!(outcome, Outcome::MissingScopes(scopes) if scopes.missing == ["order:large"]), "{tool}");
        assert_eq!(steps, ["deny", "visibility", "arguments", "condition"], "{tool}");
    }
}

#[tokio::test]
async fn a_denied_call_runs_neither_the_next_guard_nor_the_body() {
    let (server, rules) = start();
    rules.0.denied.store(true, Ordering::Relaxed);
    for tool in TOOLS {
        let (outcome, steps) = call(&server.with_scopes(["order:call"]), tool, json!(7)).await;
        assert_eq!(outcome, Outcome::DeniedByGuard("not allowed: closed".to_owned()));
        assert_eq!(steps, ["deny", "visibility", "arguments", "condition", "first guard"], "{tool}");
    }
}

#[tokio::test]
async fn a_list_evaluates_only_the_rules_that_need_no_arguments() {
    let (server, rules) = start();
    rules.0.denied.store(true, Ordering::Relaxed);
    take_steps();
    assert_eq!(server.with_scopes(["order:call"]).tools().await, TOOLS);
    let steps = take_steps();
    assert!(steps.iter().all(|step| ["deny", "visibility"].contains(&step.as_str())), "{steps:?}");
}
