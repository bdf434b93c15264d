//! Replaying an audit log: what a change of the policy would have meant for recorded calls.

use std::{fs, io::BufReader};

use serde_json::json;
use toolgate::{
    audit::JsonLines,
    auth::{Claims, StaticTokens},
    policy::{Policy, Replay},
    prelude::*,
};
use toolgate_tests::{CapturedLog, Revision, TestServer};
use tracing_subscriber::{layer::SubscriberExt, registry};

static PAYROLL_SCOPES: Scopes =
    Scopes::new(&["payroll:all", "payroll:read", "payroll:write"]).implies("payroll:all", &["payroll:read"]);

/// Show the payroll.
#[tool(scopes = "payroll:read", scopes_in = PAYROLL_SCOPES)]
async fn payroll_summary() -> String {
    "much".to_owned()
}

/// Change a salary.
#[tool(
    scopes = "payroll:read",
    scopes_if(amount > 1000, "payroll:write"),
    org_role = "HR",
    scopes_in = PAYROLL_SCOPES
)]
async fn payroll_change(amount: u32) -> String {
    amount.to_string()
}

/// Show a budget.
#[tool(authenticated, org = "5a3e1f00-0000-4000-8000-000000000001", scopes_in = PAYROLL_SCOPES)]
async fn payroll_budget(caller: &Caller) -> Result<String, ToolError> {
    caller.require(scope!("payroll:all", in PAYROLL_SCOPES))?;
    Ok("more".to_owned())
}

/// Explain a salary.
#[prompt(scopes = "payroll:read", org_role = "HR", scopes_in = PAYROLL_SCOPES)]
async fn salary_letter(user: String) -> String {
    format!("Explain the salary of {user}.")
}

/// The payroll of a year.
#[resource(
    uri = "replay://payroll/{year}",
    scopes = "payroll:read",
    scopes_if(year < 2020, "payroll:write"),
    scopes_in = PAYROLL_SCOPES
)]
async fn payroll_of_year(year: u16) -> String {
    year.to_string()
}

/// The payroll of this year.
#[resource(uri = "replay://payroll/now", scopes = "payroll:all", scopes_in = PAYROLL_SCOPES)]
async fn payroll_now() -> &'static str {
    "now"
}

/// Calls every tool, gets every prompt and reads every resource with every token, and returns the audit log.
async fn recorded_calls() -> String {
    // A global subscriber keeps `tracing` from caching on another thread that nothing is interested in the records.
    CapturedLog::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let (layer, guard) = JsonLines::file(&path).open().unwrap();
    let subscriber = tracing::subscriber::set_default(registry().with(layer));
    let claims = |user: &str, role: &str, scopes: &[&'static str]| {
        let claims = Claims::new().subject(user).organization("5A3E1F00-0000-4000-8000-000000000001", role);
        claims.scopes(scopes.iter().copied())
    };
    let tokens = StaticTokens::new()
        .token("all", claims("harriet", "HR", &["payroll:all"]))
        .token("read", claims("sanna", "Support", &["payroll:read"]))
        .token("none", Claims::new());
    let server =
        TestServer::serve(|url| Server::new("replay", &PAYROLL_SCOPES).server_url(url).auth(tokens).skip_preflight())
            .await;
    for token in ["all", "read", "none"] {
        let client = server.client_with(token, Revision::Modern);
        client.list().await;
        client.call("payroll_summary", json!({})).await;
        for amount in [1, 2000] {
            client.call("payroll_change", json!({ "amount": amount })).await;
        }
        client.call("payroll_budget", json!({})).await;
        client.call("no_such_tool", json!({})).await;
        let prompts = [("salary_letter", json!({ "user": "sam" })), ("no_such_prompt", json!({}))];
        for (name, arguments) in prompts {
            client
                .send(&Revision::Modern.message("prompts/get", json!({ "name": name, "arguments": arguments })))
                .await;
        }
        for uri in ["payroll/2026", "payroll/2012", "payroll/now", "payroll/soon", "nothing"] {
            let params = json!({ "uri": format!("replay://{uri}") });
            client.send(&Revision::Modern.message("resources/read", params)).await;
        }
    }
    server.shut_down().await;
    drop(subscriber);
    drop(guard);
    fs::read_to_string(path).unwrap()
}

/// Replays a log and returns its changes without their times.
fn changes(policy: &Policy, log: &str) -> (Replay, Vec<String>) {
    let replay = policy.replay(BufReader::new(log.as_bytes())).unwrap();
    let changes = replay.changes.iter().map(|change| change.to_string().split(" (20").next().unwrap().to_owned());
    let changes = changes.collect();
    (replay, changes)
}

#[tokio::test]
async fn a_replay_reports_who_would_lose_or_gain_access() {
    let log = recorded_calls().await;
    let policy = Policy::of(&PAYROLL_SCOPES);

    let (replay, _) = changes(&policy, &log);
    assert_eq!((replay.calls, replay.same_policy, replay.other_records), (36, 36, 3), "{log}");
    assert!(replay.is_unchanged() && replay.unreadable_lines == 0);

    // With another fingerprint, every call is decided again.
    let (replay, _) = changes(&policy, &log.replace(&policy.fingerprint(), "another"));
    assert_eq!((replay.calls, replay.unchanged, replay.same_policy), (36, 31, 0), "{replay}");
    assert_eq!(
        replay.undecided_calls.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "payroll_change: 1 call undecided: allowed, if `amount > 1000` is false (otherwise it also requires \
          payroll:write)",
            "replay://payroll/{year}: 4 calls undecided: allowed, if `year < 2020` is false (otherwise it also requires \
          payroll:write)"
        ]
    );

    let lock = policy.to_lock();
    let edited = lock
        .replace("tool payroll_summary\n  scopes payroll:read\n", "tool payroll_summary\n  scopes payroll:all\n")
        .replace("  org_role HR\n", "")
        .replace("  org 5a3e1f00-0000-4000-8000-000000000001\n", "  org another\n")
        .replace("  scopes_if payroll:write when amount > 1000\n", "")
        .replace("  scopes_if payroll:write when year < 2020\n", "")
        // Its URI is then one of the template.
        .replace("resource replay://payroll/now\n  scopes payroll:all\n\n", "");
    let (replay, changes) = changes(&Policy::from_lock(&edited).unwrap(), &log);
    let organization = "in 5A3E1F00-0000-4000-8000-000000000001";
    assert_eq!(
        changes,
        [
            format!(
                "payroll_budget: 1 call by user harriet (HR {organization}) would be rejected: hidden: visible in the organization another"
            ),
            format!("payroll_change: 1 call by user harriet (HR {organization}) would be allowed"),
            format!("payroll_change: 2 calls by user sanna (Support {organization}) would be allowed"),
            format!(
                "payroll_summary: 1 call by user sanna (Support {organization}) would be rejected: missing payroll:all"
            ),
            format!("prompt salary_letter: 1 call by user sanna (Support {organization}) would be allowed"),
            format!("replay://payroll/now: 1 call by user sanna (Support {organization}) would be allowed"),
            format!("replay://payroll/{{year}}: 1 call by user harriet (HR {organization}) would be allowed"),
            format!("replay://payroll/{{year}}: 1 call by user sanna (Support {organization}) would be allowed"),
        ],
        "{replay}{log}"
    );
    assert_eq!((replay.unchanged, replay.undecided), (27, 0), "{replay}");
}
