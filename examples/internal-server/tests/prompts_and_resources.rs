//! Every prompt and resource, in process, with the tokens of all roles.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod fixture;

use serde_json::{Value, json};
use toolgate::OperationKind;
use toolgate::testing::{Outcome, TestCaller};

use fixture::{Fixture, SANNA};

/// Every prompt with valid arguments, and a text in its result.
fn prompts() -> [(&'static str, Value, &'static str); 2] {
    [
        ("quarterly_review", json!({"quarter": "2026-Q3", "readers": "employees"}), "review of 2026-Q3"),
        ("support_reply", json!({"ticket_id": "tkt_0001", "tone": "formal"}), "\"ticket_id\": \"tkt_0001\""),
    ]
}

/// Every resource and template with one of its URIs, and a text in its contents.
const RESOURCES: [(&str, &str, &str); 6] = [
    ("company://employees/{employee_id}", "company://employees/emp_0042", "emp_0042"),
    (
        "company://employees/{employee_id}/private{?with_salary}",
        "company://employees/emp_0042/private",
        "date_of_birth",
    ),
    ("company://policies/handbook", "company://policies/handbook", "# Employee handbook"),
    ("company://policies/payroll", "company://policies/payroll", "# Payroll policy"),
    ("company://policies/support", "company://policies/support", "# Support policy"),
    ("company://policies/travel", "company://policies/travel", "# Travel policy"),
];

/// Returns the prompts and resources that a caller sees, as the policy names them.
async fn listed(caller: &TestCaller) -> Vec<String> {
    let mut resources = caller.resources().await;
    resources.extend(caller.resource_templates().await);
    resources.sort_unstable();
    caller.prompts().await.into_iter().map(|name| format!("prompt {name}")).chain(resources).collect()
}

#[tokio::test]
async fn every_prompt_and_resource_returns_its_text() {
    let fixture = Fixture::new().await;
    let mut used = Vec::new();
    for (name, arguments, expected) in prompts() {
        let result = fixture.caller.prompt(name, arguments).await.allowed();
        assert!(result.text().contains(expected), "{name}: {}", result.text());
        used.push(format!("prompt {name}"));
    }
    for (resource, uri, expected) in RESOURCES {
        let result = fixture.caller.resource(uri).await.allowed();
        assert!(result.text().contains(expected), "{uri}: {}", result.text());
        used.push(resource.to_owned());
    }
    assert_eq!(listed(&fixture.caller).await, used);
}

#[tokio::test]
async fn each_role_may_use_exactly_the_prompts_and_resources_of_the_role_table() {
    let fixture = Fixture::new().await;
    let policy = internal_server::policy().unwrap();
    for role in &policy.roles {
        let role = &role.name;
        let operations = policy.operations.iter().filter(|operation| operation.kind != OperationKind::Tool);
        let labels = operations.map(|operation| operation.label().into_owned());
        let permitted: Vec<_> = labels.filter(|label| policy.access(role, label).may_allow()).collect();
        let is_permitted = |label: &str| permitted.iter().any(|permitted| permitted == label);
        let caller = fixture.server.as_caller(fixture.server.role_claims(role).username(SANNA));
        assert_eq!(listed(&caller).await, permitted, "{role}");
        for (name, arguments, _) in prompts() {
            let call = caller.prompt(name, arguments).await;
            let is_expected = match call.outcome() {
                Outcome::Allowed(_) => is_permitted(&format!("prompt {name}")),
                Outcome::MissingScopes(_) => !is_permitted(&format!("prompt {name}")),
                _ => false,
            };
            assert!(is_expected, "{role}: {call:?}");
        }
        for (resource, uri, _) in RESOURCES {
            let call = caller.resource(uri).await;
            let is_expected = match call.outcome() {
                Outcome::Allowed(_) => is_permitted(resource),
                Outcome::MissingScopes(_) => !is_permitted(resource),
                _ => false,
            };
            assert!(is_expected, "{role}: {call:?}");
        }
    }
}

#[tokio::test]
async fn the_prompt_for_a_reply_has_the_policy_and_the_ticket_and_follows_the_guard_of_the_update() {
    let fixture = Fixture::new().await;
    let support = fixture.server.role_claims("Support");
    let sanna = fixture.server.as_caller(support.clone().username(SANNA));
    let reply = sanna.prompt("support_reply", json!({"ticket_id": "tkt_0001"})).await.allowed();
    let [policy, ticket] = reply.messages() else { panic!("expected two messages, got {reply:?}") };
    let (policy, ticket) = (json!(policy), json!(ticket));
    assert_eq!(policy["content"]["resource"]["uri"], "company://policies/support");
    assert!(ticket["content"]["text"].as_str().unwrap().contains("Sound friendly"), "{ticket}");

    let denied = sanna.prompt("support_reply", json!({"ticket_id": "tkt_0002"})).await.denied();
    assert!(denied.contains("tkt_0002 is in the queue `accounts`"), "{denied}");
    let stranger = fixture.server.as_caller(support);
    stranger.prompt("support_reply", json!({"ticket_id": "tkt_0001"})).await.denied();
    for arguments in [json!({}), json!({"ticket_id": "1"}), json!({"ticket_id": "tkt_0001", "tone": "rude"})] {
        sanna.prompt("support_reply", arguments).await.invalid_arguments();
    }
}

#[tokio::test]
async fn arguments_are_completed_from_the_data_that_the_caller_may_read() {
    let fixture = Fixture::new().await;
    let support = fixture.server.role_claims("Support");
    let sanna = fixture.server.as_caller(support.username(SANNA));
    // Sanna works in the queue `product`, which has odd numbers.
    let tickets = sanna.complete_prompt("support_reply", "ticket_id", "tkt_000").await.allowed();
    assert!(tickets.values().contains(&"tkt_0005".to_owned()), "{tickets:?}");
    assert!(tickets.values().iter().all(|ticket| ticket.ends_with(['1', '3', '5', '7', '9'])), "{tickets:?}");
    let tones = sanna.complete_prompt("support_reply", "tone", "f").await.allowed();
    assert_eq!(tones.values(), ["friendly", "formal"]);
    let hr = fixture.server.as_role("HR");
    let ids = hr.complete_resource("company://employees/{employee_id}", "employee_id", "emp_0042").await.allowed();
    assert_eq!(ids.values(), ["emp_0042"]);
    let missing = ["ticket:read:all", "ticket:write:update"];
    hr.complete_prompt("support_reply", "ticket_id", "").await.missing_scopes(missing);
    let template = "company://employees/{employee_id}/private{?with_salary}";
    sanna.complete_resource(template, "employee_id", "").await.missing_scopes(["employees:read:private"]);
}

#[tokio::test]
async fn the_error_of_a_review_without_data_names_the_quarters_with_data() {
    let fixture = Fixture::new().await;
    let error = fixture.caller.prompt("quarterly_review", json!({"quarter": "2030-Q1"})).await.failed();
    assert!(error.contains("from 2024-Q4 to 2026-Q3"), "{error}");
}

#[tokio::test]
async fn an_employee_who_does_not_exist_has_no_resource() {
    let fixture = Fixture::new().await;
    for id in ["emp_9999", "cus_0001", "42", "..", "%2e%2e", "emp_0042%2Fprivate"] {
        for suffix in ["", "/private", "/private?with_salary=true"] {
            let uri = format!("company://employees/{id}{suffix}");
            let read = fixture.caller.resource(&uri).await;
            assert!(matches!(read.outcome(), Outcome::NotFound | Outcome::Unknown), "{read:?}");
        }
    }
}

#[tokio::test]
async fn the_salary_in_the_resource_of_a_private_record_requires_payroll() {
    const URI: &str = "company://employees/emp_0042/private";
    let fixture = Fixture::new().await;
    let caller = fixture.server.with_scopes(["employees:read:private"]);
    for query in ["", "?with_salary=false"] {
        let record = caller.resource(&format!("{URI}{query}")).await.allowed().json();
        assert_eq!(record.get("annual_salary_usd"), None, "{record}");
    }
    let with_salary = format!("{URI}?with_salary=true");
    let missing = caller.resource(&with_salary).await.missing_scopes(["payroll:read:all"]);
    assert_eq!(missing.required, ["employees:read:private", "payroll:read:all"]);
    let record = fixture.server.as_role("HR").resource(&with_salary).await.allowed().json();
    assert!(record["annual_salary_usd"].as_i64().unwrap() > 0, "{record}");
}
