//! `scopes_if`: scopes that a call requires because of its arguments.

use serde_json::Value;
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
    scope,
    testing::{Outcome, TestServer},
};
use toolgate_tests::{CapturedLog, Revision, TestServer as SocketServer, record_step, take_steps};

/// `orders:admin` implies `orders:approve` and `orders:export`.
static ORDERS: Scopes = Scopes::new(&[
    "orders:admin",
    "orders:approve",
    "orders:connect",
    "orders:export",
    "orders:read",
    "orders:write",
])
.implies("orders:admin", &["orders:approve", "orders:export"]);

macro_rules! orders {
    ($($name:ident($($context:ident)?))*) => {$(
        /// Order something. A large order needs an approval, and an export needs two scopes.
        #[tool(
            scopes = "orders:write",
            scopes_if(euros > 1000, "orders:approve"),
            scopes_if(export, "orders:export", "orders:approve"),
            scopes_in = ORDERS
        )]
        async fn $name(euros: u32, export: bool $(, _: &$context)?) -> String {
            record_step("body");
            format!("{euros} {export}")
        }
    )*};
}

// The gate answers calls of the first tool itself, and leaves those of the second one to rmcp.
orders! {
    order()
    order_with_context(Context)
}

const BOTH: [&str; 2] = ["order", "order_with_context"];

/// Read or write an order.
#[tool(any_scope("orders:read", "orders:write"), scopes_if(export, "orders:export"), scopes_in = ORDERS)]
async fn either(export: bool) -> String {
    export.to_string()
}

#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Closed,
    Deleted { reason: String },
}

/// Set the status of an order.
#[tool(
    scopes = "orders:write",
    scopes_if(matches!(status, Status::Closed | Status::Deleted { .. }), "orders:approve"),
    scopes_in = ORDERS
)]
async fn set_status(status: Status) -> String {
    format!("{status:?}")
}

/// Add a note to an order.
#[tool(scopes = "orders:write", scopes_if(note.is_some(), "orders:approve"), scopes_in = ORDERS)]
async fn add_note(note: Option<String>) -> String {
    format!("{note:?}")
}

/// List orders. Without a filter, it is an export.
#[tool(scopes = "orders:read", scopes_if(filter.is_none(), "orders:export"), scopes_in = ORDERS)]
async fn list(filter: Option<String>) -> String {
    format!("{filter:?}")
}

/// Read a file of an order.
#[tool(scopes = "orders:read", scopes_if(path.starts_with("contracts/"), "orders:approve"), scopes_in = ORDERS)]
async fn read_file(path: String) -> String {
    path
}

fn is_lucky(number: u32) -> bool {
    assert!(number != 13, "the password is swordfish");
    number == 7
}

/// Draw a number.
#[tool(
    scopes = "orders:read",
    scopes_if(is_lucky(number), "orders:approve"),
    scopes_if(number > 10, "orders:export"),
    scopes_in = ORDERS
)]
async fn draw(number: u32) -> String {
    record_step("body");
    number.to_string()
}

/// An argument whose type fails on some values that its schema allows.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Fragile(String);

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert!(text != "panic", "the password is swordfish");
        if text == "fail" { Err(serde::de::Error::custom("not this text")) } else { Ok(Self(text)) }
    }
}

/// Parse a text.
#[tool(scopes = "orders:read", scopes_if(!text.0.is_empty(), "orders:approve"), scopes_in = ORDERS)]
async fn parse(text: Fragile) -> String {
    text.0
}

fn server() -> TestServer {
    TestServer::new(Server::new("orders", &ORDERS)).unwrap()
}

/// Starts a server with these tokens.
async fn start(tokens: &[(&str, &[&str])]) -> SocketServer {
    let tokens = tokens.iter().fold(StaticTokens::new(), |tokens, (token, scopes)| {
        tokens.token(*token, Claims::new().scopes(scopes.iter().copied()))
    });
    SocketServer::serve(|url| Server::new("orders", &ORDERS).server_url(url).auth(tokens).skip_preflight()).await
}

fn arguments(euros: u32, export: bool) -> Value {
    json!({ "euros": euros, "export": export })
}

#[tokio::test]
async fn one_challenge_names_every_scope_of_the_call() {
    let server = server();
    let (write, approve, export) = ("orders:write", "orders:approve", "orders:export");
    for (granted, arguments, required, missing) in [
        (&[][..], arguments(1, false), &[write][..], &[write][..]),
        (&[], arguments(2000, false), &[write, approve], &[write, approve]),
        (&[], arguments(1, true), &[write, export, approve], &[write, export, approve]),
        (&[approve], arguments(2000, false), &[write, approve], &[write]),
        (&[write], arguments(2000, false), &[write, approve], &[approve]),
        (&[write, approve], arguments(1, true), &[write, export, approve], &[export]),
        // Two conditions that hold require the same scope.
        (&[], arguments(2000, true), &[write, approve, export], &[write, approve, export]),
        (&[write], arguments(2000, true), &[write, approve, export], &[approve, export]),
        (&[write, export], arguments(2000, true), &[write, approve, export], &[approve]),
    ] {
        let caller = server.as_caller(Claims::new().scopes(granted.iter().copied()));
        for tool in BOTH {
            let scopes = caller.call(tool, arguments.clone()).await.missing_scopes(missing.iter().copied());
            assert_eq!(scopes.required, required, "{tool} {arguments} {granted:?}");
        }
    }
    assert_eq!(take_steps(), [""; 0], "no body ran");
}

#[tokio::test]
async fn the_challenge_is_the_same_in_every_revision() {
    let tokens = [("nothing", &[][..]), ("write", &["orders:write"]), ("approve", &["orders:approve"])];
    let server = start(&tokens).await;
    for revision in Revision::BOTH {
        for tool in BOTH {
            for (token, missing) in [
                ("nothing", &["orders:write", "orders:approve"][..]),
                ("write", &["orders:approve"]),
                ("approve", &["orders:write"]),
            ] {
                let response = server.client_with(token, revision).call(tool, arguments(2000, false)).await;
                assert_eq!(response.status, 403, "{revision} {tool}: {response:?}");
                let challenge = response.expect_challenge();
                assert_eq!(challenge.get("error"), "insufficient_scope");
                assert_eq!(challenge.scopes(), ["orders:write", "orders:approve"]);
                let data = json!({ "required": ["orders:write", "orders:approve"], "missing": missing });
                assert_eq!(response.json()["error"]["data"], data, "{revision} {tool}");
            }
            let response = server.client_with("write", revision).call(tool, arguments(1, false)).await;
            assert_eq!(response.text_content(), "1 false");
        }
    }
}

#[tokio::test]
async fn a_call_without_arguments_is_one_with_empty_arguments() {
    let tokens = [("nothing", &[][..]), ("read", &["orders:read"]), ("export", &["orders:read", "orders:export"])];
    let server = start(&tokens).await;
    for revision in Revision::BOTH {
        for arguments in [None, Some(json!(null)), Some(json!({}))] {
            let mut message = revision.call_message("list", &json!({}));
            match &arguments {
                Some(arguments) => message["params"]["arguments"] = arguments.clone(),
                None => drop(message["params"].as_object_mut().unwrap().remove("arguments")),
            }
            for token in ["nothing", "read"] {
                let response = server.client_with(token, revision).send(&message).await;
                assert_eq!(response.status, 403, "{revision} {arguments:?}: {response:?}");
                let scopes = response.expect_challenge();
                assert_eq!(scopes.scopes(), ["orders:read", "orders:export"], "{revision} {arguments:?} {token}");
            }
            assert_eq!(server.client_with("export", revision).send(&message).await.text_content(), "None");
        }
    }
}

#[tokio::test]
async fn the_challenge_names_scopes_that_are_required_for_all_tools() {
    let server = Server::new("orders", &ORDERS).require_for_all(scope!("orders:connect", in ORDERS));
    let server = TestServer::new(server).unwrap();
    for granted in [&["orders:write", "orders:connect"][..], &["orders:write"]] {
        let call = server.with_scopes(granted.iter().copied()).call("order", arguments(2000, false)).await;
        let Outcome::MissingScopes(scopes) = call.outcome() else { panic!("{call:?}") };
        assert_eq!(scopes.required, ["orders:write", "orders:connect", "orders:approve"]);
    }
}

#[tokio::test]
async fn the_challenge_names_the_alternative_that_the_caller_has() {
    let server = server();
    for (granted, required) in [
        (&["orders:write"][..], ["orders:write", "orders:export"]),
        (&["orders:read"], ["orders:read", "orders:export"]),
        (&[], ["orders:read", "orders:export"]),
    ] {
        let caller = server.as_caller(Claims::new().scopes(granted.iter().copied()));
        let call = caller.call("either", json!({ "export": true })).await;
        let Outcome::MissingScopes(scopes) = call.outcome() else { panic!("{call:?}") };
        assert_eq!(scopes.required, required, "{granted:?}");
    }
}

#[tokio::test]
async fn a_call_whose_conditions_do_not_hold_needs_no_more_scopes() {
    let server = server();
    let caller = server.with_scopes(["orders:write"]);
    for tool in BOTH {
        assert_eq!(caller.call(tool, arguments(1000, false)).await.allowed().text(), "1000 false");
        caller.call(tool, arguments(1001, false)).await.missing_scopes(["orders:approve"]);
    }
}

#[tokio::test]
async fn a_broader_scope_satisfies_a_conditional_one() {
    let server = server();
    let caller = server.with_scopes(["orders:write", "orders:admin"]);
    for tool in BOTH {
        assert_eq!(caller.call(tool, arguments(2000, true)).await.allowed().text(), "2000 true");
        let scopes = server.with_scopes(["orders:admin"]).call(tool, arguments(2000, true)).await;
        let scopes = scopes.missing_scopes(["orders:write"]);
        assert_eq!(scopes.required, ["orders:write", "orders:approve", "orders:export"], "granted scopes are named");
    }
}

#[tokio::test]
async fn a_condition_reads_arguments_of_every_type() {
    let server = server();
    let writer = server.with_scopes(["orders:write"]);
    let reader = server.with_scopes(["orders:read"]);
    for (caller, tool, arguments, is_conditional) in [
        (&writer, "set_status", json!({ "status": "open" }), false),
        (&writer, "set_status", json!({ "status": "closed" }), true),
        (&writer, "set_status", json!({ "status": { "deleted": { "reason": "lost" } } }), true),
        (&writer, "add_note", json!({}), false),
        (&writer, "add_note", json!({ "note": null }), false),
        (&writer, "add_note", json!({ "note": "" }), true),
        (&reader, "read_file", json!({ "path": "orders/contracts/1" }), false),
        (&reader, "read_file", json!({ "path": "contracts/1" }), true),
        (&reader, "read_file", json!({ "path": "contracts/" }), true),
    ] {
        let call = caller.call(tool, arguments).await;
        if is_conditional {
            call.missing_scopes(["orders:approve"]);
        } else {
            call.allowed();
        }
    }
}

#[tokio::test]
async fn a_condition_that_panics_denies_the_call() {
    let server = server();
    let log = CapturedLog::start();
    let caller = server.with_scopes(["orders:read", "orders:approve", "orders:export"]);
    let call = caller.call("draw", json!({ "number": 13 })).await;
    assert_eq!(call.denied(), "not allowed: a condition of the policy failed");
    assert!(!format!("{call:?}").contains("swordfish"), "{call:?}");
    assert_eq!(take_steps(), [""; 0], "the body did not run");
    assert!(log.of_this_thread().contains("the condition of a `scopes_if` panicked"));
    assert_eq!(caller.call("draw", json!({ "number": 14 })).await.allowed().text(), "14");
}

#[tokio::test]
async fn a_condition_that_panics_does_not_change_the_challenge_of_the_unconditional_scopes() {
    let server = server();
    let call = server.as_caller(Claims::new()).call("draw", json!({ "number": 13 })).await;
    assert_eq!(call.missing_scopes(["orders:read"]).required, ["orders:read"]);
    assert!(!format!("{call:?}").contains("swordfish"), "{call:?}");
}

#[tokio::test]
async fn invalid_arguments_get_the_challenge_of_the_unconditional_scopes_first() {
    let server = server();
    for tool in BOTH {
        for arguments in [
            json!({}),
            json!({ "euros": 2000 }),
            json!({ "euros": -1, "export": true }),
            json!({ "euros": 2000, "export": true, "extra": 1 }),
        ] {
            let scopes = server.as_caller(Claims::new()).call(tool, arguments.clone()).await;
            assert_eq!(scopes.missing_scopes(["orders:write"]).required, ["orders:write"], "{tool} {arguments}");
            server.with_scopes(["orders:write"]).call(tool, arguments).await.invalid_arguments();
        }
    }
}

#[tokio::test]
async fn an_argument_that_cannot_be_read_requires_no_conditional_scope() {
    let server = server();
    for text in ["fail", "panic"] {
        let call = server.as_caller(Claims::new()).call("parse", json!({ "text": text })).await;
        assert_eq!(call.missing_scopes(["orders:read"]).required, ["orders:read"], "{text}");
        assert!(!format!("{call:?}").contains("swordfish"), "{call:?}");
    }
    let reader = server.with_scopes(["orders:read"]);
    reader.call("parse", json!({ "text": "fail" })).await.invalid_arguments();
    assert!(matches!(reader.call("parse", json!({ "text": "panic" })).await.outcome(), Outcome::Panicked(_)));
    reader.call("parse", json!({ "text": "x" })).await.missing_scopes(["orders:approve"]);
    reader.call("parse", json!({ "text": "" })).await.allowed();
}

#[tokio::test]
async fn a_tool_is_listed_for_callers_who_meet_its_unconditional_scopes() {
    let server = server();
    assert_eq!(
        server.with_scopes(["orders:write"]).tools().await,
        ["add_note", "either", "order", "order_with_context", "set_status"]
    );
    assert_eq!(server.with_scopes(["orders:read"]).tools().await, ["draw", "either", "list", "parse", "read_file"]);
    let caller = server.with_scopes(["orders:admin", "orders:approve", "orders:export"]);
    assert_eq!(caller.tools().await, [""; 0], "conditional scopes alone list no tool");
}

#[tokio::test]
async fn a_concealing_server_sends_the_challenge_for_a_tool_that_the_caller_sees_and_hides_every_other() {
    let server = TestServer::new(Server::new("orders", &ORDERS).conceal_forbidden()).unwrap();
    for tool in BOTH {
        let writer = server.with_scopes(["orders:write"]);
        let scopes = writer.call(tool, arguments(2000, false)).await.missing_scopes(["orders:approve"]);
        assert_eq!(scopes.required, ["orders:write", "orders:approve"]);
        for granted in [&[][..], &["orders:approve"]] {
            let caller = server.as_caller(Claims::new().scopes(granted.iter().copied()));
            for euros in [1, 2000] {
                caller.call(tool, arguments(euros, false)).await.hidden();
            }
            caller.call(tool, json!({ "euros": "many" })).await.hidden();
        }
    }
    // A panic in a condition does not reveal the tool either.
    server.as_caller(Claims::new()).call("draw", json!({ "number": 13 })).await.hidden();
    server.as_caller(Claims::new()).call("parse", json!({ "text": "panic" })).await.hidden();
}
