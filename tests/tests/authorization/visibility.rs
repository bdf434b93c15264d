//! `visible_to`, `org_role` and `org`: rules that hide a tool from a caller, in lists and in calls.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
    testing::{TestCaller, TestServer},
};
use toolgate_tests::{CapturedLog, Revision, TestServer as SocketServer, http_client, record_step, send, take_steps};

static DUTY: Scopes = Scopes::new(&["duty:restart"]);

/// The users on duty.
#[derive(Clone, Default)]
struct Rota(Arc<Mutex<BTreeSet<&'static str>>>);

impl Rota {
    fn set(&self, users: &[&'static str]) {
        *self.0.lock().unwrap() = users.iter().copied().collect();
    }
}

fn is_on_duty(caller: &Caller, rota: &Rota) -> bool {
    record_step("is_on_duty");
    // The lock ends before a panic, which would poison it.
    let on_duty = rota.0.lock().unwrap().clone();
    assert!(!on_duty.contains("panic"), "the password is swordfish");
    caller.user_id().is_some_and(|user| on_duty.contains(user))
}

fn has_username(caller: &Caller) -> bool {
    record_step("has_username");
    caller.username().is_some()
}

/// Restart the machine. Only the rule uses the state.
#[tool(scopes = "duty:restart", scopes_in = DUTY, visible_to = is_on_duty(caller, rota))]
async fn restart(rota: &Rota) -> &'static str {
    "restarting"
}

/// Restart the machine, with a context, so that the gate leaves calls to rmcp.
#[tool(scopes = "duty:restart", scopes_in = DUTY, visible_to = is_on_duty(caller, rota))]
async fn restart_with_context(rota: &Rota, _: &Context) -> &'static str {
    "restarting"
}

/// Read the status.
#[tool(scopes = "duty:restart", scopes_in = DUTY)]
async fn status() -> &'static str {
    "running"
}

/// Restart all machines.
#[tool(scopes = "duty:restart", scopes_in = DUTY, visible_to(has_username(caller), is_on_duty(caller, rota)))]
async fn two_rules(rota: &Rota) -> &'static str {
    "restarting all"
}

const DUTY_TOOLS: [&str; 4] = ["restart", "restart_with_context", "status", "two_rules"];

fn duty_server(rota: &Rota, fast_path: bool) -> TestServer {
    TestServer::new(Server::new("duty", &DUTY).state(rota.clone()).fast_path(fast_path)).unwrap()
}

/// Returns the tools that the caller sees, after it has called every one of `tools`: those that are listed are allowed,
/// and all others are hidden.
async fn listed_and_callable(caller: &TestCaller, tools: &[&str]) -> Vec<String> {
    let listed = caller.tools().await;
    for tool in tools {
        let call = caller.call(tool, json!({})).await;
        if listed.iter().any(|name| name == tool) { drop(call.allowed()) } else { call.hidden() }
    }
    assert_eq!(caller.tools().await, listed);
    listed
}

#[tokio::test]
async fn lists_and_calls_follow_the_state_of_a_rule() {
    for fast_path in [true, false] {
        let rota = Rota::default();
        let server = duty_server(&rota, fast_path);
        let caller = |user: &str| server.as_caller(Claims::new().subject(user).scopes(["duty:restart"]));
        let (sanna, silas) = (caller("sanna"), caller("silas"));
        let (on_duty, off_duty) = (["restart", "restart_with_context", "status"], ["status"]);
        for users in [&[][..], &["sanna"], &["sanna", "silas"], &["silas"], &[], &["sanna"]] {
            rota.set(users);
            for (caller, user) in [(&sanna, "sanna"), (&silas, "silas")] {
                let expected = if users.contains(&user) { &on_duty[..] } else { &off_duty };
                assert_eq!(listed_and_callable(caller, &DUTY_TOOLS).await, expected, "{users:?} {user} {fast_path}");
            }
        }
    }
}

#[tokio::test]
async fn a_hidden_tool_gets_no_challenge_for_its_scopes() {
    let rota = Rota::default();
    let server = duty_server(&rota, true);
    let caller = server.as_caller(Claims::new().subject("sanna"));
    caller.call("restart", json!({})).await.hidden();
    rota.set(&["sanna"]);
    caller.call("restart", json!({})).await.missing_scopes(["duty:restart"]);
}

#[tokio::test]
async fn every_rule_must_allow_the_tool() {
    let rota = Rota::default();
    let server = duty_server(&rota, true);
    let claims = Claims::new().subject("sanna").scopes(["duty:restart"]);
    for (claims, users, is_visible) in [
        (claims.clone(), &["sanna"][..], false),
        (claims.clone().username("sanna@example.com"), &[], false),
        (claims.clone().username("sanna@example.com"), &["sanna"], true),
    ] {
        rota.set(users);
        let listed = listed_and_callable(&server.as_caller(claims), &DUTY_TOOLS).await;
        assert_eq!(listed.iter().any(|tool| tool == "two_rules"), is_visible, "{users:?}");
    }
    // The rules run in order, and stop at the first that hides the tool.
    let caller = server.as_caller(Claims::new().subject("sanna").scopes(["duty:restart"]));
    take_steps();
    caller.call("two_rules", json!({})).await.hidden();
    assert!(take_steps().iter().all(|step| step == "has_username"));
}

#[tokio::test]
async fn a_rule_that_panics_hides_its_tool_and_nothing_else() {
    let log = CapturedLog::start();
    let rota = Rota::default();
    let tokens = StaticTokens::new()
        .token("sanna", Claims::new().subject("sanna").username("sanna@example.com").scopes(["duty:restart"]));
    let state = rota.clone();
    let server = SocketServer::serve(|url| {
        Server::new("duty", &DUTY).state(state).server_url(url).auth(tokens).skip_preflight()
    })
    .await;
    for revision in Revision::BOTH {
        let client = server.client_with("sanna", revision);
        rota.set(&["panic"]);
        for _ in 0..3 {
            assert_eq!(client.tool_names().await, ["status"]);
            for tool in ["restart", "restart_with_context", "two_rules"] {
                let response = client.call(tool, json!({})).await;
                assert_eq!((response.status, response.error_code()), (200, Some(-32602)), "{response:?}");
                assert!(!response.text.contains("swordfish"), "{response:?}");
            }
            assert_eq!(client.call("status", json!({})).await.text_content(), "running");
        }
        for probe in ["healthz", "readyz"] {
            let response = send(http_client().get(format!("{}/{probe}", server.url))).await;
            assert_eq!(response.status, 200, "{probe}: {response:?}");
        }
        rota.set(&["sanna"]);
        assert_eq!(client.tool_names().await, DUTY_TOOLS);
        assert_eq!(client.call("restart", json!({})).await.text_content(), "restarting");
    }
    let log = log.of_this_thread();
    assert!(
        log.contains("visibility rule failed; the operation is hidden") && log.contains("is_on_duty(caller, rota)")
    );
}

// A rule that changes while a list is created

static FLICKER: Scopes = Scopes::new(&["flicker:see"]);

/// What the rule decides next, and what it decides after that.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<(VecDeque<bool>, bool)>>);

fn is_next(script: &Script) -> bool {
    let (next, otherwise) = &mut *script.0.lock().unwrap();
    next.pop_front().unwrap_or(*otherwise)
}

/// Appear and disappear.
#[tool(authenticated, scopes_in = FLICKER, visible_to = is_next(script))]
async fn flickering(script: &Script) {}

/// Be always there.
#[tool(authenticated, scopes_in = FLICKER)]
async fn steady() {}

#[tokio::test]
async fn a_rule_that_changes_while_a_list_is_created_leaves_no_stale_list() {
    for fast_path in [true, false] {
        for changes in 0..16_u8 {
            let script = Script::default();
            let server = Server::new("flicker", &FLICKER).state(script.clone()).fast_path(fast_path);
            let caller = TestServer::new(server).unwrap().as_caller(Claims::new());
            *script.0.lock().unwrap() = ((0..4).map(|bit| changes & (1 << bit) != 0).collect(), false);
            caller.tools().await;
            for is_visible in [true, false] {
                *script.0.lock().unwrap() = (VecDeque::new(), is_visible);
                let listed = listed_and_callable(&caller, &["flickering", "steady"]).await;
                assert_eq!(listed.iter().any(|tool| tool == "flickering"), is_visible, "{changes:04b} {fast_path}");
            }
        }
    }
}

// Organizations and roles

static OFFICES: Scopes = Scopes::new(&["offices:read"]);

const HEADQUARTERS: &str = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11";
const BRANCH: &str = "2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22";

/// Read the report of the headquarters.
#[tool(scopes = "offices:read", scopes_in = OFFICES, org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11")]
async fn headquarters() {}

/// Read the report of both offices.
#[tool(
    scopes = "offices:read",
    scopes_in = OFFICES,
    org("1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11", "2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22")
)]
async fn both_offices() {}

/// Read what leads read.
#[tool(scopes = "offices:read", scopes_in = OFFICES, org_role("Owner", "Admin"))]
async fn leads() {}

/// Read what owners of the headquarters read.
#[tool(
    scopes = "offices:read",
    scopes_in = OFFICES,
    org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11",
    org_role = "Owner",
    visible_to = has_username(caller)
)]
async fn owners_of_headquarters() {}

/// Read what one organization reads, whose ID is not a UUID.
#[tool(scopes = "offices:read", scopes_in = OFFICES, org = "Depot")]
async fn depot() {}

/// Read the address.
#[tool(scopes = "offices:read", scopes_in = OFFICES)]
async fn address() {}

const OFFICE_TOOLS: [&str; 6] =
    ["address", "both_offices", "depot", "headquarters", "leads", "owners_of_headquarters"];

#[tokio::test]
async fn organizations_and_roles_decide_lists_and_calls() {
    let server = TestServer::new(Server::new("offices", &OFFICES)).unwrap();
    let (upper, lower) = (HEADQUARTERS.to_ascii_uppercase(), BRANCH.to_ascii_lowercase());
    for (org, role, expected) in [
        (HEADQUARTERS, "Owner", &["address", "both_offices", "headquarters", "leads", "owners_of_headquarters"][..]),
        // UUIDs are compared without regard to case.
        (&*upper, "Owner", &["address", "both_offices", "headquarters", "leads", "owners_of_headquarters"]),
        (&*lower, "Admin", &["address", "both_offices", "leads"]),
        (BRANCH, "Owner", &["address", "both_offices", "leads"]),
        (HEADQUARTERS, "Member", &["address", "both_offices", "headquarters"]),
        // Roles are compared exactly.
        (HEADQUARTERS, "owner", &["address", "both_offices", "headquarters"]),
        (HEADQUARTERS, "Owner ", &["address", "both_offices", "headquarters"]),
        ("3c3c", "Admin", &["address", "leads"]),
        // IDs that are not UUIDs are compared exactly.
        ("Depot", "Member", &["address", "depot"]),
        ("depot", "Member", &["address"]),
        ("", "", &["address"]),
        ("1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b1", "Member", &["address"]),
    ] {
        let claims = Claims::new().username("x@example.com").scopes(["offices:read"]).organization(org, role);
        let listed = listed_and_callable(&server.as_caller(claims), &OFFICE_TOOLS).await;
        assert_eq!(listed, expected, "{org} {role}");
    }
    let without_organization = server.with_scopes(["offices:read"]);
    assert_eq!(listed_and_callable(&without_organization, &OFFICE_TOOLS).await, ["address"]);
}

#[tokio::test]
async fn a_role_does_not_replace_scopes() {
    let server = TestServer::new(Server::new("offices", &OFFICES)).unwrap();
    let owner = Claims::new().username("x@example.com").organization(HEADQUARTERS, "Owner");
    let owner = server.as_caller(owner);
    assert_eq!(owner.tools().await, [""; 0]);
    for tool in OFFICE_TOOLS.into_iter().filter(|tool| *tool != "depot") {
        owner.call(tool, json!({})).await.missing_scopes(["offices:read"]);
    }
}
