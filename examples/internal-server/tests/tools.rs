//! Every tool, called in process with a token that has all scopes, and with the tokens of all roles.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use std::time::Duration;

use internal_server::policy;
use serde_json::{Value, json};
use toolgate::OperationKind;
use toolgate::auth::Claims;
use toolgate::testing::Outcome;

use fixture::{Fixture, SANNA};

/// The tool whose calls a person approves.
const EXPORT: &str = "payroll_export";

/// Every other tool with valid arguments, and a value in its result.
fn calls() -> [(&'static str, Value, &'static str, Value); 14] {
    [
        (
            "analytics_query",
            json!({"metric": "signups", "from": "2026-09-01", "to": "2026-09-30"}),
            "/points/29/day",
            json!("2026-09-30"),
        ),
        ("annual_report", json!({"year": 2025}), "/quarters/3/revenue/quarter", json!("2025-Q4")),
        ("customer_contact", json!({"customer_id": "cus_0001"}), "/customer_id", json!("cus_0001")),
        ("customer_summary", json!({"customer_id": "cus_0001"}), "/customer_id", json!("cus_0001")),
        ("employee_information_private", json!({"employee_id": "emp_0042"}), "/employee_id", json!("emp_0042")),
        ("employee_information_public", json!({"employee_id": "emp_0042"}), "/employee_id", json!("emp_0042")),
        ("employee_search", json!({"query": "", "department": "HR", "limit": 1}), "/total", json!(14)),
        ("payroll_summary", json!({"year": 2026, "month": 9}), "/month", json!("2026-09")),
        ("repository_read", json!({"path": "src/main.rs"}), "/text", json!("fn main() {}\n")),
        ("repository_search", json!({"query": "MAIN"}), "/matches/0/path", json!("src/main.rs")),
        ("revenue_report", json!({"quarter": "2026-Q3"}), "/quarter", json!("2026-Q3")),
        ("ticket_list", json!({"status": "open"}), "/tickets/0/status", json!("open")),
        (
            "ticket_update",
            json!({"ticket_id": "tkt_0001", "status": "closed", "comment": "Done."}),
            "/ticket/status",
            json!("closed"),
        ),
        ("whoami", json!({}), "/user_id", json!("user_1")),
    ]
}

#[tokio::test]
async fn every_tool_returns_structured_content() {
    let fixture = Fixture::new().await;
    let mut called = Vec::new();
    for (tool, arguments, pointer, expected) in calls() {
        let result = fixture.caller.call(tool, arguments).await.allowed().structured();
        assert_eq!(result.pointer(pointer), Some(&expected), "{tool}: {result}");
        called.push(tool);
    }
    let mut listed = fixture.caller.tools().await;
    listed.retain(|tool| tool != EXPORT);
    assert_eq!(listed, called);
}

#[tokio::test]
async fn each_role_may_call_exactly_the_tools_of_the_role_table() {
    let fixture = Fixture::new().await;
    let policy = policy().unwrap();
    for role in &policy.roles {
        let role = &role.name;
        let tools = policy.operations.iter().filter(|operation| operation.kind == OperationKind::Tool);
        let tools = tools.map(|tool| tool.name.as_str());
        let permitted: Vec<_> = tools.filter(|tool| policy.access(role, tool).may_allow()).collect();
        let caller = fixture.server.as_caller(fixture.server.role_claims(role).username(SANNA));
        assert_eq!(caller.tools().await, permitted, "{role}");
        for (tool, arguments, ..) in calls() {
            let call = caller.call(tool, arguments).await;
            match call.outcome() {
                Outcome::Allowed(_) => assert!(permitted.contains(&tool), "{role}: {call:?}"),
                Outcome::MissingScopes(_) => assert!(!permitted.contains(&tool), "{role}: {call:?}"),
                outcome => panic!("{role}: {outcome}\n{call:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_person_approves_an_export_of_a_month_with_data() {
    let fixture = Fixture::new().await;
    let month = |year: u16| json!({"year": year, "month": 9});
    let hr = fixture.server.as_role("HR");
    let approval = hr.call(EXPORT, month(2026)).await.approval_required();
    assert_eq!(approval.message(), "Export the payroll of 2026-09");
    approval.approve().await;
    let export = hr.call(EXPORT, month(2026)).await.allowed().structured();
    assert_eq!(export["month"], "2026-09", "{export}");
    // The next export needs another approval.
    hr.call(EXPORT, month(2026)).await.approval_required().decline().await;
    hr.call(EXPORT, month(2026)).await.not_approved();
    let denied = hr.call(EXPORT, month(2030)).await.denied();
    assert!(denied.contains("from 2024-10 to 2026-09"), "{denied}");
    let support = fixture.server.as_role("Support");
    support.call(EXPORT, month(2026)).await.missing_scopes(["payroll:read:all"]);
}

#[tokio::test]
async fn the_annual_report_is_a_task_of_its_caller() {
    let fixture = Fixture::new().await;
    let task = fixture.caller.start_task("annual_report", json!({"year": 2025})).await.task_created();
    task.unknown_to(&fixture.server.as_role("Management")).await;
    let report = task.wait().await.allowed().structured();
    assert_eq!(report["quarters"].as_array().unwrap().len(), 4, "{report}");
    assert_eq!(task.message().await.as_deref(), Some("read 2025-Q4"));
    let task = fixture.caller.start_task("annual_report", json!({"year": 2030})).await.task_created();
    assert!(task.wait().await.failed().contains("from 2024-Q4 to 2026-Q3"));
    let support = fixture.server.as_role("Support");
    let call = support.start_task("annual_report", json!({"year": 2025})).await;
    call.missing_scopes(["analytics:read:all", "finance:read:revenue"]);
}

#[tokio::test]
async fn an_error_for_missing_data_says_what_to_request_instead() {
    let fixture = Fixture::new().await;
    for (tool, arguments, expected) in [
        ("analytics_query", json!({"metric": "signups", "from": "2026-09-02", "to": "2026-09-01"}), "swap them"),
        ("analytics_query", json!({"metric": "signups", "from": "2025-01-01", "to": "2026-09-01"}), "at most 366"),
        (
            "analytics_query",
            json!({"metric": "signups", "from": "2030-01-01", "to": "2030-01-01"}),
            "from 2024-10-01 to 2026-09-30",
        ),
        ("annual_report", json!({"year": 2030}), "from 2024-Q4 to 2026-Q3"),
        ("customer_contact", json!({"customer_id": "cus_9999"}), "from cus_0001 to cus_0060"),
        ("customer_summary", json!({"customer_id": "cus_9999"}), "from cus_0001 to cus_0060"),
        (
            "employee_information_private",
            json!({"employee_id": "emp_9999"}),
            "no employee emp_9999; use employee_search",
        ),
        (
            "employee_information_public",
            json!({"employee_id": "emp_9999"}),
            "no employee emp_9999; use employee_search",
        ),
        ("payroll_summary", json!({"year": 2030, "month": 1}), "from 2024-10 to 2026-09"),
        ("repository_read", json!({"path": "src/nothing.rs"}), "use repository_search"),
        ("repository_read", json!({"path": "../company.db"}), "not a path inside the repository"),
        ("repository_search", json!({"query": "x", "path": "/etc"}), "not a path inside the repository"),
        ("revenue_report", json!({"quarter": "2030-Q1"}), "from 2024-Q4 to 2026-Q3"),
    ] {
        let text = fixture.caller.call(tool, arguments).await.failed();
        assert!(text.contains(expected), "{tool}: {text}");
    }
}

#[tokio::test]
async fn rejects_arguments_with_an_invalid_format_or_range() {
    let fixture = Fixture::new().await;
    for (tool, arguments, argument) in [
        ("analytics_query", json!({"metric": "secrets", "from": "2026-09-01", "to": "2026-09-01"}), "/metric"),
        ("analytics_query", json!({"metric": "signups", "from": "2026-02-30", "to": "2026-09-01"}), "/from"),
        ("analytics_query", json!({"metric": "signups", "from": "2026-09-01", "to": "1.9.2026"}), "/to"),
        ("customer_summary", json!({"customer_id": "emp_0001"}), "/customer_id"),
        ("employee_information_public", json!({"employee_id": "42"}), "/employee_id"),
        ("employee_information_public", json!({"employee_id": 42}), "/employee_id"),
        ("employee_search", json!({"query": "a", "limit": 0}), "/limit"),
        ("employee_search", json!({"query": "a", "limit": 51}), "/limit"),
        ("employee_search", json!({"query": "a", "department": "hr"}), "/department"),
        ("payroll_summary", json!({"year": 2026, "month": 13}), "/month"),
        ("repository_read", json!({"path": ""}), "/path"),
        ("repository_search", json!({"query": ""}), "/query"),
        ("revenue_report", json!({"quarter": "2026-Q5"}), "/quarter"),
        ("ticket_update", json!({"ticket_id": "tkt_0001", "status": "closed", "comment": ""}), "/comment"),
        ("whoami", json!({"as": "user_2"}), "as"),
    ] {
        let violations = fixture.caller.call(tool, arguments).await.invalid_arguments();
        assert!(violations.iter().any(|violation| violation.contains(argument)), "{tool}: {violations:?}");
    }
}

#[tokio::test]
async fn an_update_records_its_author_and_changes_the_list() {
    let fixture = Fixture::new().await;
    let arguments = json!({"ticket_id": "tkt_0005", "status": "waiting", "comment": "Which browser is it?"});
    let update = fixture.caller.call("ticket_update", arguments).await.allowed().structured();
    assert_eq!(update["history"][0]["author"], "user_1");
    assert_eq!(update["history"][0]["comment"], "Which browser is it?");

    let list = fixture.caller.call("ticket_list", json!({"status": "waiting"})).await.allowed().structured();
    let tickets = list["tickets"].as_array().unwrap();
    let ticket = tickets.iter().find(|ticket| ticket["ticket_id"] == "tkt_0005").unwrap();
    assert_eq!(ticket["comments"], 1);
}

#[tokio::test]
async fn an_agent_updates_only_tickets_of_their_own_queue() {
    let fixture = Fixture::new().await;
    let support = fixture.server.role_claims("Support");
    let update = |ticket: &str| json!({"ticket_id": ticket, "status": "waiting", "comment": "Which browser is it?"});
    let sanna = fixture.server.as_caller(support.clone().username(SANNA));
    let silas = fixture.server.as_caller(support.clone().username("silas.support@example.com"));
    sanna.call("ticket_update", update("tkt_0001")).await.allowed();
    silas.call("ticket_update", update("tkt_0002")).await.allowed();
    let denied = silas.call("ticket_update", update("tkt_0001")).await.denied();
    assert_eq!(
        denied,
        "not allowed: tkt_0001 is in the queue `product`; you can update tickets of the queue `accounts`"
    );
    for stranger in [support.clone(), support.username("harriet.hr@example.com")] {
        let denied = fixture.server.as_caller(stranger).call("ticket_update", update("tkt_0001")).await.denied();
        assert!(denied.contains("only support agents"), "{denied}");
    }
    let denied = sanna.call("ticket_update", update("tkt_9999")).await.denied();
    assert!(denied.contains("use ticket_list"), "{denied}");
}

#[tokio::test]
async fn closing_a_ticket_requires_one_more_scope() {
    let fixture = Fixture::new().await;
    let caller = |scopes: &[&str]| {
        let claims = Claims::new().subject("user_1").username(SANNA).scopes(scopes.iter().copied());
        fixture.server.as_caller(claims)
    };
    let update = |status: &str| json!({"ticket_id": "tkt_0001", "status": status, "comment": "Done."});
    let updater = caller(&["ticket:write:update"]);
    updater.call("ticket_update", update("waiting")).await.allowed();
    let missing = updater.call("ticket_update", update("closed")).await.missing_scopes(["ticket:write:close"]);
    assert_eq!(missing.required, ["ticket:write:update", "ticket:write:close"]);
    // One challenge for a caller without either.
    let both = ["ticket:write:update", "ticket:write:close"];
    caller(&[]).call("ticket_update", update("closed")).await.missing_scopes(both);
    caller(&both).call("ticket_update", update("closed")).await.allowed();
}

#[tokio::test]
async fn the_salary_in_a_private_record_requires_payroll() {
    let fixture = Fixture::new().await;
    let caller = fixture.server.with_scopes(["employees:read:private"]);
    let record = async |with_salary: Value| {
        let arguments = json!({"employee_id": "emp_0042", "with_salary": with_salary});
        caller.call("employee_information_private", arguments).await
    };
    for without in [Value::Null, json!(false)] {
        assert_eq!(record(without).await.allowed().structured().get("annual_salary_usd"), None);
    }
    record(json!(true)).await.missing_scopes(["payroll:read:all"]);
    let arguments = json!({"employee_id": "emp_0042", "with_salary": true});
    let hr = fixture.server.as_role("HR").call("employee_information_private", arguments).await.allowed();
    assert!(hr.structured()["annual_salary_usd"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn a_caller_cannot_copy_all_contacts_at_once() {
    let fixture = Fixture::new().await;
    let contact = async || fixture.caller.call("customer_contact", json!({"customer_id": "cus_0001"})).await;
    for _ in 0..200 {
        contact().await.allowed();
    }
    assert!(contact().await.rate_limited().contains("a caller may send 200 per hour"));
    fixture.server.advance_rates(Duration::from_secs(60 * 60 / 200));
    contact().await.allowed();
}
