//! Rates: what is counted for whom, the response to a request beyond a rate, and the headers about quotas. The rates refill
//! too slowly for it to matter; `runtime/tests/testing/rates.rs` advances the clock.

use std::collections::BTreeMap;

use serde_json::json;
use toolgate::{
    BuildProblem, Rate, Server,
    auth::{Claims, StaticTokens},
    config::RatesConfig,
    prelude::*,
};
use toolgate_tests::{CapturedLog, Client, HttpResponse, RawRequest, Revision, SCOPES, TestServer};

use crate::AnyToken;

/// The roles of the servers that declare them.
static ROLES: Roles = Roles::new(&["Member", "Owner"]);

async fn start(configure: impl FnOnce(&mut RatesConfig)) -> TestServer {
    TestServer::with(|server| server.auth(AnyToken).rates(configure)).await
}

fn rates<const N: usize>(rates: [(&str, u32); N]) -> BTreeMap<String, Option<Rate>> {
    rates.map(|(name, quantity)| (name.to_owned(), Some(Rate::per_day(quantity)))).into()
}

/// Asserts that a response is 429 because of a limit.
#[track_caller]
fn assert_limited(response: &HttpResponse, limit: &str, retry_after: u64) {
    assert_eq!(response.status, 429, "{response:?}");
    assert_eq!(response.header("retry-after"), retry_after.to_string());
    let error = &response.json()["error"];
    assert_eq!((&error["code"], &error["data"]["limit"]), (&json!(-32011), &json!(limit)), "{response:?}");
    assert_eq!(error["data"]["retryAfter"], retry_after);
    assert!(error["message"].as_str().unwrap().contains("try again in"), "{response:?}");
    assert!(response.challenge().is_none());
}

/// Returns the headers about quotas.
fn quotas(response: &HttpResponse) -> [&str; 2] {
    [response.header("ratelimit-policy"), response.header("ratelimit")]
}

#[tokio::test]
async fn each_request_of_a_caller_is_counted_whatever_its_token_and_its_method() {
    let server = start(|rates| rates.caller = Some(Rate::per_day(3))).await;
    let client = |token| server.client_with(token, Revision::Modern);
    let call = client("ann-1").call("request_info", json!({})).await;
    assert_eq!(quotas(&call), [r#""caller";q=3;w=86400"#, r#""caller";r=2;t=28800"#]);
    assert!(call.is_success());
    assert_eq!(quotas(&client("ann-2").list().await)[1], r#""caller";r=1;t=57600"#);
    let unknown = client("ann-1").send_method("no/method", json!({})).await;
    assert_eq!((unknown.status, quotas(&unknown)[1]), (404, r#""caller";r=0;t=86400"#));
    let limited = client("ann-3").list().await;
    assert_limited(&limited, "caller", 28800);
    assert_eq!(quotas(&limited), [r#""caller";q=3;w=86400"#, r#""caller";r=0;t=86400"#]);
    assert!(client("bob").list().await.is_success(), "another caller has its own quota");
    let stranger = server.client(Revision::Modern).list().await;
    assert_eq!((stranger.status, quotas(&stranger)), (401, ["", ""]), "a request without a caller is not counted");
}

#[tokio::test]
async fn a_request_beyond_the_callers_rate_is_rejected_before_its_body_is_read() {
    let server = start(|rates| rates.caller = Some(Rate::per_day(1))).await;
    assert!(server.client_with("ann", Revision::Modern).list().await.is_success());
    // The body never arrives.
    let request = RawRequest::mcp(Revision::Modern).token("ann").header("Content-Length", 1_000_000);
    let response = request.send(server.address).await;
    assert_limited(&response, "caller", 86400);
    assert_eq!(response.json()["id"], json!(null));
}

#[tokio::test]
async fn the_calls_of_an_operation_are_counted_alike_on_the_fast_path_and_by_rmcp() {
    for (fast_path, tool) in [(true, "file_read"), (false, "file_read"), (true, "request_info")] {
        for revision in [Revision::Modern, Revision::Legacy] {
            let server = TestServer::with(|server| {
                let claims = |user| Claims::new().subject(user).scopes(["files:read"]).audience_verified();
                let tokens = StaticTokens::new().token("ann", claims("ann")).token("bob", claims("bob"));
                server.auth(tokens).fast_path(fast_path).rates(|settings| settings.operations = rates([(tool, 2)]))
            })
            .await;
            let client = server.client_with("ann", revision);
            for remaining in [r#""operation";r=1;t=43200"#, r#""operation";r=0;t=86400"#] {
                let response = client.call(tool, json!({})).await;
                assert!(response.is_success(), "{response:?}");
                assert_eq!(quotas(&response), [r#""operation";q=2;w=86400"#, remaining]);
            }
            let runs = server.bodies.runs();
            let limited = client.call(tool, json!({})).await;
            assert_limited(&limited, "operation", 43200);
            assert!(!limited.json()["id"].is_null(), "{limited:?}");
            assert_eq!(server.bodies.runs(), runs, "the body has not run");
            assert_eq!(quotas(&client.list().await), ["", ""], "a list is not a call");
            assert!(
                client.call("arguments", json!({ "count": 1 })).await.status == 200,
                "other tools are not limited"
            );
            assert!(server.client_with("bob", revision).call(tool, json!({})).await.is_success());
        }
    }
}

#[tokio::test]
async fn a_call_that_is_not_authorized_takes_from_the_callers_quota_and_not_from_that_of_the_operation() {
    let server = TestServer::with(|server| {
        let claims =
            |scopes: &[&str]| Claims::new().subject("ann").scopes(scopes.iter().copied()).audience_verified();
        let tokens = StaticTokens::new().token("without", claims(&[])).token("with", claims(&["files:read"]));
        server.auth(tokens).rates(|settings| {
            settings.caller = Some(Rate::per_day(10));
            settings.operations = rates([("file_read", 1), ("owner_only", 1)]);
            settings.operation_totals = rates([("file_read", 1)]);
        })
    })
    .await;
    let without = server.client_with("without", Revision::Modern);
    for remaining in [9, 8] {
        let response = without.call("file_read", json!({})).await;
        assert_eq!((response.status, quotas(&response)[0]), (403, r#""caller";q=10;w=86400"#));
        assert!(quotas(&response)[1].starts_with(&format!(r#""caller";r={remaining};"#)), "{response:?}");
    }
    let (hidden, unknown) = (without.call("owner_only", json!({})).await, without.call("no_tool", json!({})).await);
    assert_eq!(quotas(&hidden)[0], quotas(&unknown)[0], "a quota does not show that an operation exists");
    let authorized = server.client_with("with", Revision::Modern).call("file_read", json!({})).await;
    assert!(authorized.is_success(), "{authorized:?}");
    assert_eq!(quotas(&authorized)[0], r#""caller";q=10;w=86400, "operation";q=1;w=86400"#);
}

#[tokio::test]
async fn the_rate_of_all_callers_is_not_shown_and_not_used_up_by_a_caller_beyond_its_own() {
    let server = start(|settings| {
        settings.operations = rates([("request_info", 2)]);
        settings.operation_totals = rates([("request_info", 3)]);
    })
    .await;
    let call = async |user| server.client_with(user, Revision::Modern).call("request_info", json!({})).await;
    for _ in 0..2 {
        assert_eq!(quotas(&call("ann").await)[0], r#""operation";q=2;w=86400"#);
    }
    for _ in 0..5 {
        assert_limited(&call("ann").await, "operation", 43200);
    }
    assert!(call("bob").await.is_success(), "calls beyond a caller's rate take nothing from the other callers");
    let limited = call("carol").await;
    assert_limited(&limited, "operation_total", 28800);
    assert_eq!(quotas(&limited), ["", ""]);
}

#[tokio::test]
async fn the_rate_of_a_role_replaces_that_of_all_callers() {
    for (role, expected) in [(Some(4), r#""role";q=4;w=86400"#), (None, "")] {
        let server = TestServer::with(|server| {
            let claims = |user, role| Claims::new().subject(user).organization("company", role).audience_verified();
            let tokens =
                StaticTokens::new().token("ann", claims("ann", "Owner")).token("bob", claims("bob", "Member"));
            server.auth(tokens).roles(&ROLES).rates(|rates| {
                rates.caller = Some(Rate::per_day(1));
                rates.roles.insert("Owner".to_owned(), role.map(Rate::per_day));
            })
        })
        .await;
        let owner = server.client_with("ann", Revision::Modern);
        for _ in 0..role.unwrap_or(4) {
            assert_eq!(quotas(&owner.list().await)[0], expected);
        }
        if role.is_some() {
            assert_limited(&owner.list().await, "role", 21600);
        }
        let member = server.client_with("bob", Revision::Modern);
        assert_eq!(quotas(&member.list().await)[0], r#""caller";q=1;w=86400"#);
        assert_limited(&member.list().await, "caller", 86400);
    }
}

#[tokio::test]
async fn a_client_without_a_user_is_one_caller_with_any_number_of_tokens() {
    let server = TestServer::with(|server| {
        let claims = |client| Claims::new().client_id(client).audience_verified();
        let tokens = StaticTokens::new()
            .token("ci-1", claims("ci"))
            .token("ci-2", claims("ci"))
            .token("agent", claims("agent"));
        server.auth(tokens).rates(|rates| rates.caller = Some(Rate::per_day(1)))
    })
    .await;
    assert!(server.client_with("ci-1", Revision::Modern).list().await.is_success());
    assert_limited(&server.client_with("ci-2", Revision::Modern).list().await, "caller", 86400);
    assert!(server.client_with("agent", Revision::Modern).list().await.is_success());
}

#[tokio::test]
async fn a_browser_can_read_the_quotas() {
    let server = start(|rates| rates.caller = Some(Rate::per_day(1))).await;
    let client = server.client_with("ann", Revision::Modern);
    for status in [200, 429] {
        let message = Revision::Modern.message("tools/list", json!({}));
        let request = client.request(&message).header("Origin", &server.url);
        let response = toolgate_tests::send(request).await;
        let exposed = response.header("access-control-expose-headers").to_lowercase();
        assert_eq!(response.status, status);
        assert!(
            ["ratelimit", "ratelimit-policy", "retry-after"].iter().all(|name| exposed.contains(name)),
            "{exposed}"
        );
    }
}

#[tokio::test]
async fn a_request_beyond_a_rate_is_recorded_with_the_limit() {
    let log = CapturedLog::start();
    let server = start(|settings| {
        settings.caller = Some(Rate::per_day(2));
        settings.operations = rates([("request_info", 1)]);
    })
    .await;
    let client = server.client_with("ann", Revision::Modern);
    for _ in 0..3 {
        client.call("request_info", json!({})).await;
    }
    let records = log.of_this_thread();
    let records: Vec<_> = records.lines().filter(|line| line.contains("rate_limited")).collect();
    assert_eq!(records.len(), 2, "{records:?}");
    for record in &records {
        assert!(record.contains("user=\"ann\""), "{record}");
    }
    assert!(
        records[0].contains("tool=\"request_info\"") && records[0].contains("limit=\"operation\""),
        "{records:?}"
    );
    assert!(!records[1].contains("tool=") && records[1].contains("limit=\"caller\""), "{records:?}");
}

#[test]
fn a_rate_of_an_unknown_operation_or_role_is_a_problem_that_names_a_similar_one() {
    let build = |configure: fn(Server) -> Server| {
        let server = Server::new("rates", &SCOPES).ignore_environment().auth(StaticTokens::new());
        let server = configure(server.state(toolgate_tests::ToolBodies::default()));
        server.build().err().map(|error| error.problems().to_vec()).unwrap_or_default()
    };
    let problems = build(|server| {
        server.roles(&ROLES).rates(|settings| {
            settings.operations = rates([("file_reed", 1), ("file_read", 1)]);
            settings.operation_totals = rates([("prompt nothing-like-it", 1)]);
            settings.roles = rates([("Membr", 1), ("Owner", 1)]);
        })
    });
    let operation = |setting, operation: &str, similar: Option<&str>| BuildProblem::UnknownRateOperation {
        setting,
        operation: operation.to_owned(),
        similar: similar.map(str::to_owned),
    };
    let role = BuildProblem::UnknownRateRole { role: "Membr".to_owned(), similar: Some("Member".to_owned()) };
    let expected = [
        operation("rates.operations", "file_reed", Some("file_read")),
        operation("rates.operation_totals", "prompt nothing-like-it", None),
        role,
    ];
    assert!(problems.len() == 3 && expected.iter().all(|problem| problems.contains(problem)), "{problems:?}");
    let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("did you mean `file_read`?") && text.contains("did you mean `Member`?"), "{text}");
    let without_roles = build(|server| server.rates(|settings| settings.roles = rates([("Membr", 1)])));
    assert_eq!(without_roles, [], "a server that declares no roles accepts all");
    let with_lock = build(|server| {
        let lock = format!("role Member\n\n{}", server.policy().to_lock());
        server.policy_lock(lock).rates(|settings| settings.roles = rates([("Membr", 1)]))
    });
    assert_eq!(with_lock.len(), 1, "{with_lock:?}");
}

/// A client of a session, so that a call is a request within one.
#[tokio::test]
async fn the_calls_in_a_session_are_counted() {
    let server = TestServer::with(|server| {
        server.auth(AnyToken).sessions(|_| {}).rates(|settings| settings.operations = rates([("request_info", 1)]))
    })
    .await;
    let client: Client = server.client_with("ann", Revision::Legacy);
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "rates", "version": "1" },
    });
    let opened = client.send_method("initialize", params).await;
    let session = opened.header("mcp-session-id").to_owned();
    assert!(!session.is_empty(), "{opened:?}");
    let call = async || {
        let message = Revision::Legacy.call_message("request_info", &json!({}));
        toolgate_tests::send(client.request(&message).header("Mcp-Session-Id", &session)).await
    };
    let first = call().await;
    assert!(first.is_success(), "{first:?}");
    assert_limited(&call().await, "operation", 86400);
}
