//! `guard`: checks of a call over its caller, its arguments and the server's state.

use std::{collections::BTreeMap, fmt::Debug, io};

use serde_json::Value;
use toolgate::{
    JsonObject,
    auth::{Claims, StaticTokens},
    prelude::*,
    testing::{Outcome, TestServer},
};
use toolgate_tests::{CapturedLog, Revision, TestServer as SocketServer, ToolBodies, record_step, take_steps};

/// `tickets:admin` implies `tickets:audit`.
static TICKETS: Scopes = Scopes::new(&["tickets:admin", "tickets:audit", "tickets:read", "tickets:write"])
    .implies("tickets:admin", &["tickets:audit"]);

/// Access to the audit trail of tickets.
#[derive(ScopeMarker)]
#[scope("tickets:audit", in TICKETS)]
struct TicketAudit;

/// Users by the tickets that are assigned to them.
struct Assignees(BTreeMap<&'static str, &'static str>);

impl Assignees {
    fn new() -> Self {
        Self(BTreeMap::from([("t1", "sanna"), ("t2", "silas")]))
    }
}

fn server() -> TestServer {
    TestServer::new(Server::new("tickets", &TICKETS).state(Assignees::new()).state(ToolBodies::default())).unwrap()
}

fn writer() -> Claims {
    Claims::new().subject("sanna").scopes(["tickets:read", "tickets:write"])
}

// Order

fn decide(guard: &str, decision: &str) -> Result<(), Denied> {
    record_step(guard);
    if decision == "allow" { Ok(()) } else { Err(Denied::new(format!("{guard} denies"))) }
}

async fn decide_later(guard: &str, decision: &str) -> Result<(), Denied> {
    tokio::task::yield_now().await;
    decide(guard, decision)
}

/// Call with three guards.
#[tool(
    scopes = "tickets:read",
    scopes_in = TICKETS,
    guard(decide("first", &first), decide_later("second", &second), decide("third", &third))
)]
async fn three_guards(first: String, second: String, third: String) -> String {
    record_step("body");
    first + &second + &third
}

#[tokio::test]
async fn guards_run_in_order_and_stop_at_the_first_denial() {
    let server = server();
    let caller = server.as_caller(writer());
    for (decisions, steps) in [
        (["allow", "allow", "allow"], &["first", "second", "third", "body"][..]),
        (["deny", "allow", "allow"], &["first"]),
        (["deny", "deny", "deny"], &["first"]),
        (["allow", "deny", "allow"], &["first", "second"]),
        (["allow", "deny", "deny"], &["first", "second"]),
        (["allow", "allow", "deny"], &["first", "second", "third"]),
    ] {
        let [first, second, third] = decisions;
        let call = caller.call("three_guards", json!({ "first": first, "second": second, "third": third })).await;
        assert_eq!(take_steps(), steps, "{decisions:?}");
        match steps.last() {
            Some(&"body") => drop(call.allowed()),
            Some(guard) => assert_eq!(call.denied(), format!("not allowed: {guard} denies")),
            None => unreachable!("a guard runs"),
        }
    }
}

// One guard for several tools

async fn own_ticket(caller: &Caller, ticket_id: &str, assignees: &Assignees) -> Result<(), Denied> {
    tokio::task::yield_now().await;
    match assignees.0.get(ticket_id) {
        Some(assignee) if caller.user_id() == Some(assignee) => Ok(()),
        Some(_) => Err(Denied::new(format!("{ticket_id} is assigned to somebody else"))),
        None => Err(Denied::new(format!("there is no ticket {ticket_id}"))),
    }
}

/// Close a ticket. The body uses neither the caller nor the state.
#[tool(scopes = "tickets:write", scopes_in = TICKETS, guard = own_ticket(caller, &ticket_id, assignees))]
async fn ticket_close(ticket_id: String, assignees: &Assignees) -> String {
    format!("{ticket_id} is closed")
}

/// Move what is in one ticket to another one.
#[tool(
    scopes = "tickets:write",
    scopes_in = TICKETS,
    guard(own_ticket(who, &from, tickets), own_ticket(who, &to, tickets))
)]
async fn ticket_merge(from: String, to: String, who: &Caller, tickets: &Assignees) -> String {
    format!("{:?} merged {from} into {to}, of {} tickets", who.user_id(), tickets.0.len())
}

#[tokio::test]
async fn a_guard_serves_tools_with_different_parameters() {
    let server = server();
    let sanna = server.as_caller(writer());
    sanna.call("ticket_close", json!({ "ticket_id": "t1" })).await.allowed();
    let denied = sanna.call("ticket_close", json!({ "ticket_id": "t2" })).await.denied();
    assert_eq!(denied, "not allowed: t2 is assigned to somebody else");
    let merged = sanna.call("ticket_merge", json!({ "from": "t1", "to": "t1" })).await.allowed();
    assert_eq!(merged.text(), r#"Some("sanna") merged t1 into t1, of 2 tickets"#);
    for (from, to, reason) in
        [("t1", "t2", "t2 is assigned"), ("t2", "t1", "t2 is assigned"), ("t9", "t2", "there is no ticket t9")]
    {
        let denied = sanna.call("ticket_merge", json!({ "from": from, "to": to })).await.denied();
        assert!(denied.contains(reason), "{from} {to}: {denied}");
    }
}

#[tokio::test]
async fn a_guard_does_not_replace_scopes() {
    let server = server();
    let reader = server.as_caller(Claims::new().subject("sanna").scopes(["tickets:read"]));
    reader.call("ticket_close", json!({ "ticket_id": "t1" })).await.missing_scopes(["tickets:write"]);
    assert!(!reader.tools().await.contains(&"ticket_close".to_owned()));
}

#[tokio::test]
async fn a_guard_does_not_decide_the_list() {
    let server = server();
    let stranger = server.as_caller(writer().subject("eve"));
    assert!(stranger.tools().await.contains(&"ticket_close".to_owned()));
    stranger.call("ticket_close", json!({ "ticket_id": "t1" })).await.denied();
}

// The context

async fn from_a_known_client(context: &Context, allowed: &str) -> Result<(), Denied> {
    tokio::task::yield_now().await;
    match context.client_info() {
        Some(client) if client.name == allowed => Ok(()),
        _ => Err(Denied::new("the client is not known")),
    }
}

/// Call with a guard that reads the context. The tool does not take it.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = from_a_known_client(context, &client))]
async fn known_client(client: String) -> String {
    client
}

#[tokio::test]
async fn a_guard_reads_the_context_although_the_tool_does_not_take_it() {
    let server = server();
    let caller = server.as_caller(writer());
    caller.call("known_client", json!({ "client": "toolgate-testing" })).await.allowed();
    let denied = caller.call("known_client", json!({ "client": "another" })).await.denied();
    assert_eq!(denied, "not allowed: the client is not known");
}

// Arguments

#[expect(clippy::unnecessary_wraps, reason = "a guard returns a result")]
fn see(value: &impl Debug) -> Result<(), Denied> {
    record_step(format!("{value:?}"));
    Ok(())
}

fn body_gets(value: &impl Debug) -> String {
    format!("{value:?}")
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Page {
    number: u32,
    #[serde(default)]
    reverse: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Open,
    Closed,
}

fn ten() -> u32 {
    10
}

/// Plain arguments, which are read one by one.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&(&text, &page, &status, &many, &optional)))]
async fn plain(text: String, page: Page, status: Status, many: Vec<u8>, optional: Option<i64>) -> String {
    body_gets(&(text, page, status, many, optional))
}

/// Arguments with serde's attributes, which are read by a derive.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&(&title, &limit, &rest)))]
async fn derived(
    #[serde(rename = "newTitle")] title: String,
    #[serde(default = "ten")] limit: u32,
    #[serde(flatten)] rest: JsonObject,
) -> String {
    body_gets(&(title, limit, rest))
}

/// One flattened struct.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&page))]
async fn flattened(#[serde(flatten)] page: Page) -> String {
    body_gets(&page)
}

/// A raw identifier.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&r#type))]
async fn raw(r#type: String) -> String {
    body_gets(&r#type)
}

/// A parameter with the name of the function.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&same_name))]
async fn same_name(same_name: String) -> String {
    body_gets(&same_name)
}

/// A parameter that the body changes.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&names))]
async fn changed(mut names: Vec<String>) -> String {
    let seen = body_gets(&names);
    names.clear();
    assert!(names.is_empty());
    seen
}

/// A parameter with the name of what guards can use anyway.
#[tool(authenticated, scopes_in = TICKETS, guard = see(&(&caller, &context)))]
async fn named_caller(caller: String, context: u8) -> String {
    body_gets(&(caller, context))
}

#[tokio::test]
async fn a_guard_sees_the_arguments_that_the_body_gets() {
    let server = server();
    let caller = server.as_caller(Claims::new());
    let page = json!({ "number": 3 });
    for (tool, arguments, seen) in [
        (
            "plain",
            json!({ "text": "a\"b", "page": page, "status": "closed", "many": [1, 2], "optional": -7 }),
            r#"("a\"b", Page { number: 3, reverse: false }, Closed, [1, 2], Some(-7))"#,
        ),
        (
            "plain",
            json!({ "text": "", "page": { "number": 0, "reverse": true }, "status": "open", "many": [] }),
            r#"("", Page { number: 0, reverse: true }, Open, [], None)"#,
        ),
        ("derived", json!({ "newTitle": "a" }), r#"("a", 10, {})"#),
        (
            "derived",
            json!({ "newTitle": "a", "limit": 2, "other": [true] }),
            r#"("a", 2, {"other": Array [Bool(true)]})"#,
        ),
        ("flattened", page.clone(), "Page { number: 3, reverse: false }"),
        ("raw", json!({ "type": "a" }), r#""a""#),
        ("same_name", json!({ "same_name": "a" }), r#""a""#),
        ("changed", json!({ "names": ["a", "b"] }), r#"["a", "b"]"#),
        ("named_caller", json!({ "caller": "a", "context": 1 }), r#"("a", 1)"#),
    ] {
        let result = caller.call(tool, arguments.clone()).await.allowed();
        assert_eq!(take_steps(), [seen], "{tool} {arguments}");
        assert_eq!(result.text(), seen, "{tool} {arguments}");
    }
}

// Denials

#[derive(Debug)]
struct DatabaseError;

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot connect as root:swordfish")
    }
}

impl std::error::Error for DatabaseError {}

fn fail_at_once(how: &str) -> Result<(), Denied> {
    match how {
        "deny" => Err(Denied::new("closed on Sundays")),
        "error" => Err(DatabaseError)?,
        "nested error" => Err(io::Error::other(DatabaseError))?,
        "panic" => panic!("the password is swordfish"),
        _ => Ok(()),
    }
}

async fn fail_later(how: &str) -> Result<(), Denied> {
    tokio::task::yield_now().await;
    match how {
        "hang" => std::future::pending().await,
        how => fail_at_once(how),
    }
}

/// Call with a guard that fails at once.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = fail_at_once(&how))]
async fn fails_at_once(how: String) -> String {
    record_step("body");
    how
}

/// Call with a guard that fails later.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = fail_later(&how), timeout = "100ms")]
async fn fails_later(how: String) -> String {
    record_step("body");
    how
}

/// Call with a guard that fails later, of a tool that takes the context.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = fail_later(&how), timeout = "100ms")]
async fn fails_with_context(how: String, _: &Context) -> String {
    record_step("body");
    how
}

const FAILING: [&str; 3] = ["fails_at_once", "fails_later", "fails_with_context"];

#[tokio::test]
async fn the_model_sees_the_message_of_a_denial() {
    let server = server();
    for tool in FAILING {
        let denied = server.as_caller(writer()).call(tool, json!({ "how": "deny" })).await.denied();
        assert_eq!(denied, "not allowed: closed on Sundays");
    }
    assert_eq!(take_steps(), [""; 0]);
}

#[tokio::test]
async fn an_error_in_a_guard_denies_the_call_and_only_the_log_shows_it() {
    let server = server();
    let log = CapturedLog::start();
    for tool in FAILING {
        for how in ["error", "nested error"] {
            let call = server.as_caller(writer()).call(tool, json!({ "how": how })).await;
            let denied = call.denied();
            let reference = denied.strip_prefix("not allowed: a guard failed (reference ").unwrap();
            let reference = reference.strip_suffix(')').unwrap();
            assert!(reference.len() == 12 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()), "{denied}");
            let response = format!("{call:?}");
            assert!(!response.contains("swordfish") && !response.contains("connect"), "{response}");
            let logged = log.of_this_thread();
            let line = logged.lines().find(|line| line.contains(reference)).unwrap();
            assert!(line.contains("swordfish") && line.contains(tool), "{line}");
        }
    }
    assert_eq!(take_steps(), [""; 0]);
}

#[tokio::test]
async fn a_panic_in_a_guard_denies_the_call() {
    let server = server();
    for tool in FAILING {
        let call = server.as_caller(writer()).call(tool, json!({ "how": "panic" })).await;
        assert_eq!(call.denied(), "not allowed: a guard failed");
        assert!(!format!("{call:?}").contains("swordfish"), "{call:?}");
        server.as_caller(writer()).call(tool, json!({ "how": "allow" })).await.allowed();
        assert_eq!(take_steps(), ["body"], "{tool}");
    }
}

#[tokio::test]
async fn a_guard_that_exceeds_the_time_limit_ends_the_call_before_its_body() {
    let server = server();
    for tool in ["fails_later", "fails_with_context"] {
        let call = server.as_caller(writer()).call(tool, json!({ "how": "hang" })).await;
        assert!(matches!(call.outcome(), Outcome::TimedOut(_)), "{call:?}");
    }
    assert_eq!(take_steps(), [""; 0]);
}

// Step-up

fn audited(caller: &Caller, with_history: bool) -> Result<(), Denied> {
    if with_history {
        let _proof: &Granted<TicketAudit> = caller.grant()?;
    }
    Ok(())
}

macro_rules! histories {
    ($($name:ident($($context:ident)?))*) => {$(
        /// Read a ticket, with its history if the caller may.
        #[tool(
            any_scope("tickets:read", "tickets:write"),
            scopes_if(ticket_id.is_empty(), "tickets:write"),
            scopes_in = TICKETS,
            guard = audited(caller, with_history)
        )]
        async fn $name(ticket_id: String, with_history: bool $(, _: &$context)?) -> String {
            record_step("body");
            format!("{ticket_id} {with_history}")
        }
    )*};
}

histories! {
    history()
    history_with_context(Context)
}

#[tokio::test]
async fn a_guard_that_requires_a_scope_gets_the_challenge_with_every_scope_of_the_call() {
    let server = server();
    for tool in ["history", "history_with_context"] {
        for (granted, ticket_id, required) in [
            (&["tickets:read"][..], "t1", &["tickets:read", "tickets:audit"][..]),
            (&["tickets:write"], "t1", &["tickets:write", "tickets:audit"]),
            (&["tickets:write", "tickets:read"], "", &["tickets:read", "tickets:write", "tickets:audit"]),
        ] {
            let caller = server.with_scopes(granted.iter().copied());
            let call = caller.call(tool, json!({ "ticket_id": ticket_id, "with_history": true })).await;
            assert_eq!(call.missing_scopes(["tickets:audit"]).required, required, "{tool} {granted:?}");
            caller.call(tool, json!({ "ticket_id": ticket_id, "with_history": false })).await.allowed();
            assert_eq!(take_steps(), ["body"]);
        }
        for audit in ["tickets:audit", "tickets:admin"] {
            let caller = server.with_scopes(["tickets:read", audit]);
            caller.call(tool, json!({ "ticket_id": "t1", "with_history": true })).await.allowed();
            assert_eq!(take_steps(), ["body"]);
        }
    }
}

// Concurrency

async fn wait_or_decide(decision: &str, bodies: &ToolBodies) -> Result<(), Denied> {
    if decision == "wait in the guard" {
        bodies.wait_for_release().await;
        return Err(Denied::new("waited"));
    }
    decide("guard", decision)
}

/// Wait in the body, one call at a time.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = wait_or_decide(&decision, bodies), concurrency = 1)]
async fn one_at_a_time(decision: String, wait: bool, bodies: &ToolBodies) -> String {
    if wait {
        bodies.wait_for_release().await;
    }
    decision
}

fn decision(decision: &str, wait: bool) -> Value {
    json!({ "decision": decision, "wait": wait })
}

#[tokio::test]
async fn a_full_tool_still_runs_its_guards() {
    let bodies = ToolBodies::default();
    let server = Server::new("tickets", &TICKETS).state(Assignees::new()).state(bodies.clone());
    let caller = TestServer::new(server).unwrap().as_caller(writer());
    let waiting = caller.call("one_at_a_time", decision("allow", true));
    let while_full = async {
        bodies.wait_for_start(1).await;
        assert_eq!(caller.call("one_at_a_time", decision("deny", false)).await.denied(), "not allowed: guard denies");
        let call = caller.call("one_at_a_time", decision("allow", false)).await;
        assert!(matches!(call.outcome(), Outcome::Busy(_)), "{call:?}");
        bodies.release(1);
    };
    let (waited, ()) = tokio::join!(waiting, while_full);
    waited.allowed();
    caller.call("one_at_a_time", decision("allow", false)).await.allowed();
}

#[tokio::test]
async fn a_call_takes_no_place_of_the_concurrency_limit_before_its_guards_allow_it() {
    let bodies = ToolBodies::default();
    let server = Server::new("tickets", &TICKETS).state(Assignees::new()).state(bodies.clone());
    let caller = TestServer::new(server).unwrap().as_caller(writer());
    let waiting = caller.call("one_at_a_time", decision("wait in the guard", false));
    let meanwhile = async {
        bodies.wait_for_start(1).await;
        for _ in 0..3 {
            caller.call("one_at_a_time", decision("deny", false)).await.denied();
            caller.call("one_at_a_time", decision("allow", false)).await.allowed();
        }
        bodies.release(1);
    };
    let (waited, ()) = tokio::join!(waiting, meanwhile);
    assert_eq!(waited.denied(), "not allowed: waited");
}

async fn wait(bodies: &ToolBodies) -> Result<(), Denied> {
    bodies.wait_for_release().await;
    Ok(())
}

/// Wait in the guard.
#[tool(scopes = "tickets:read", scopes_in = TICKETS, guard = wait(bodies))]
async fn waits_in_its_guard(bodies: &ToolBodies) {
    bodies.record_run();
}

#[tokio::test]
async fn a_client_that_disconnects_during_a_guard_ends_the_call_before_its_body() {
    for fast_path in [true, false] {
        let tokens = StaticTokens::new().token("writer", writer());
        let server = SocketServer::serve(|url| {
            let server = Server::new("tickets", &TICKETS).server_url(url).auth(tokens).skip_preflight();
            server.state(Assignees::new()).fast_path(fast_path)
        })
        .await;
        for revision in Revision::BOTH {
            let client = server.client_with("writer", revision);
            let abandoned = client.clone();
            let call = tokio::spawn(async move { abandoned.call("waits_in_its_guard", json!({})).await });
            server.bodies.wait_for_start(1).await;
            call.abort();
            server.bodies.wait_for_end(1).await;
            // The next call is released and runs, so the first one would have run by now.
            server.bodies.release(1);
            let before = server.bodies.runs();
            assert!(client.call("waits_in_its_guard", json!({})).await.is_success());
            server.bodies.wait_for_start(1).await;
            server.bodies.wait_for_end(1).await;
            assert_eq!(server.bodies.runs(), before + 1, "{revision}, fast path: {fast_path}");
        }
        assert_eq!(server.bodies.runs(), 2);
    }
}
