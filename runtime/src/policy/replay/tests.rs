mod properties;

use serde_json::{Value, json};

use super::*;
use crate::{
    operation::parse_label,
    policy::{
        OperationPolicy,
        fixtures::{company, company_of_all_kinds},
    },
};

fn log(records: &[Value]) -> String {
    records.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

fn replay(policy: &Policy, records: &[Value]) -> Replay {
    policy.replay(log(records).as_bytes()).unwrap()
}

/// Returns the record of a call by Harriet, with these fields in addition.
fn call(label: &str, outcome: &str, granted: &str, fields: Value) -> Value {
    let (kind, name) = parse_label(label);
    let mut record = json!({
        "time": "2026-10-02T08:15:00.000000Z", "outcome": outcome, "user": "harriet", "organization": "2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22",
        "role": "HR", "granted": granted, "policy": "0000000000000000", kind.name(): name, "latency_us": 1,
    });
    let Value::Object(fields) = fields else { panic!("{fields}") };
    record.as_object_mut().unwrap().extend(fields);
    record
}

/// Decides one call again and returns the line of its change, or of why it is undecided.
fn effect(policy: &Policy, record: Value) -> String {
    let replay = replay(policy, &[record]);
    assert_eq!(replay.calls, 1);
    match (&*replay.changes, &*replay.undecided_calls) {
        ([], []) => {
            assert_eq!(replay.unchanged, 1);
            "unchanged".to_owned()
        }
        ([change], []) => change.what.to_string(),
        ([], [undecided]) => undecided.because.to_string(),
        _ => panic!("{replay}"),
    }
}

#[test]
fn a_call_that_lacks_scopes_now_would_be_rejected() {
    let policy = company();
    let record = |outcome, granted| call("employee_search", outcome, granted, json!({}));
    for outcome in ["completed", "failed", "denied", "cancelled", "invalid_arguments", "timed_out"] {
        assert_eq!(
            effect(&policy, record(outcome, "mcp:connect")),
            "would be rejected: missing employees:read:public",
            "{outcome}"
        );
    }
    assert_eq!(
        effect(&policy, record("completed", "")),
        "would be rejected: missing employees:read:public, mcp:connect"
    );
    for outcome in ["insufficient_scope", "hidden", "unknown"] {
        assert_eq!(effect(&policy, record(outcome, "mcp:connect")), "unchanged", "{outcome}");
    }
    assert_eq!(effect(&policy, record("completed", "employees:read:private mcp:connect")), "unchanged");
}

#[test]
fn a_rejected_call_that_has_its_scopes_now_would_be_allowed() {
    let policy = company();
    for outcome in ["insufficient_scope", "hidden", "unknown"] {
        assert_eq!(effect(&policy, call("whoami", outcome, "mcp:connect", json!({}))), "would be allowed");
    }
}

#[test]
fn calls_of_a_removed_tool_would_be_rejected() {
    let policy = company();
    let record = |outcome| call("payroll_delete", outcome, "payroll:read:all", json!({}));
    assert_eq!(effect(&policy, record("completed")), "would be rejected: unknown operation");
    assert_eq!(effect(&policy, record("unknown")), "unchanged");
}

#[test]
fn the_organization_and_the_role_of_a_record_are_known() {
    let policy = Policy::of_scopes(&[])
        .with(OperationPolicy::of("in_org").orgs(&["2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22"]))
        .with(OperationPolicy::of("as_owner").org_roles(&["Owner"]));
    assert_eq!(effect(&policy, call("in_org", "completed", "", json!({}))), "unchanged");
    for organization in [json!("3f4a"), json!(null)] {
        assert_eq!(
            effect(&policy, call("in_org", "completed", "", json!({ "organization": organization }))),
            "would be rejected: hidden: visible in the organization 2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22"
        );
    }
    for role in [json!("HR"), json!(null)] {
        assert_eq!(
            effect(&policy, call("as_owner", "completed", "", json!({ "role": role }))),
            "would be rejected: hidden: visible to the org role Owner"
        );
        assert_eq!(effect(&policy, call("as_owner", "hidden", "", json!({ "role": role }))), "unchanged");
    }
    assert_eq!(effect(&policy, call("as_owner", "hidden", "", json!({ "role": "Owner" }))), "would be allowed");
    // A text that was cut or sanitized is not the claim.
    assert_eq!(
        effect(&policy, call("as_owner", "completed", "", json!({ "role": "Own\u{fffd}r" }))),
        "allowed, if the org role is Owner"
    );
}

#[test]
fn checks_of_the_server_are_undecided() {
    let policy = company();
    let agent = "mcp:connect ticket:write:update support:agent";
    let update = |outcome, fields| call("ticket_update", outcome, agent, fields);
    assert_eq!(
        effect(&policy, update("completed", json!({}))),
        "allowed, if `matches!(status, TicketStatus::Closed)` is false (otherwise it also requires ticket:write:close) \
         and the guard `own_queue(caller, &ticket_id, company)` allows"
    );
    assert!(
        effect(&policy, update("insufficient_scope", json!({ "required_by": "operation" })))
            .starts_with("allowed, if")
    );
    assert_eq!(
        effect(&policy, call("payroll_summary", "hidden", "mcp:connect payroll:read:all", json!({}))),
        "allowed, if `on_duty(caller)` makes it visible"
    );
    let mut policy = Policy::of_scopes(&[]).with(OperationPolicy::of("tool"));
    assert_eq!(
        effect(&policy, call("tool", "denied", "", json!({}))),
        "a guard that this policy does not have, or the body, denied the call"
    );
    policy.server.switches = 1;
    assert_eq!(
        effect(&policy, call("tool", "completed", "", json!({}))),
        "allowed, if the `Server::deny` rule does not disable it"
    );
}

#[test]
fn a_condition_that_was_true_is_still_true() {
    let policy = company();
    let rejected = |close: &str| {
        let granted = "mcp:connect ticket:write:update support:agent";
        let fields = json!({
            "required": format!("ticket:write:update mcp:connect {close}"), "missing": close,
            "required_by": "arguments",
        });
        call("ticket_update", "insufficient_scope", granted, fields)
    };
    assert_eq!(effect(&policy, rejected("ticket:write:close")), "unchanged");
    assert!(effect(&policy, rejected("support:lead")).starts_with("allowed, if"));
    let mut without_condition = policy;
    let tool = without_condition.operations.iter_mut().find(|tool| tool.name == "ticket_update").unwrap();
    tool.scopes_if.clear();
    tool.guards.clear();
    assert_eq!(effect(&without_condition, rejected("ticket:write:close")), "would be allowed");
}

#[test]
fn scopes_that_a_body_required_are_still_required() {
    let fields = json!({ "required": "a b", "missing": "b", "required_by": "body" });
    let record = call("tool", "insufficient_scope", "a", fields);
    let policy = Policy::of_scopes(&["a", "b"]).with(OperationPolicy::of("tool").all(&["a"]));
    assert_eq!(effect(&policy, record.clone()), "unchanged");
    assert_eq!(effect(&policy.implying("a", &["b"]), record), "would be allowed");
}

#[test]
fn records_without_scopes_are_undecided() {
    let policy = company();
    let without = |tool, fields| {
        let mut record = call(tool, "completed", "", fields);
        record.as_object_mut().unwrap().remove("granted");
        record
    };
    let unknown = "the scopes of the caller are not recorded";
    assert_eq!(effect(&policy, without("whoami", json!({ "granted_omitted": 300 }))), unknown);
    assert_eq!(effect(&policy, without("whoami", json!({}))), unknown);
    assert_eq!(effect(&policy, without("removed", json!({}))), "would be rejected: unknown operation");
    assert_eq!(
        effect(&policy, without("server_settings", json!({}))),
        "would be rejected: hidden: visible to the org role Owner"
    );
}

#[test]
fn prompts_and_resources_are_decided_as_they_are_declared() {
    let policy = company_of_all_kinds();
    let record = |label, granted| call(label, "completed", granted, json!({}));
    for label in ["prompt quarterly_review", "company://policies/handbook"] {
        assert_eq!(effect(&policy, record(label, "mcp:connect employees:read:private")), "unchanged", "{label}");
    }
    assert_eq!(
        effect(&policy, record("prompt quarterly_review", "mcp:connect")),
        "would be rejected: missing employees:read:private"
    );
    // A tool and a prompt can have the same name.
    assert_eq!(effect(&policy, record("prompt whoami", "mcp:connect")), "would be rejected: unknown operation");
    assert_eq!(effect(&policy, record("company://policies/dogs", "")), "would be rejected: unknown operation");
}

#[test]
fn a_resource_is_decided_by_its_uri() {
    let policy = company_of_all_kinds();
    let read = |resource, uri: Value, outcome| call(resource, outcome, "mcp:connect", json!({ "uri": uri }));
    let public = "would be rejected: missing employees:read:public";
    let template = "company://employees/{employee_id}";
    assert_eq!(effect(&policy, read(template, json!("company://employees/42"), "completed")), public);
    // The policy then had another template.
    assert_eq!(effect(&policy, read("company://{+path}", json!("company://employees/42"), "completed")), public);
    assert_eq!(
        effect(&policy, read(template, json!("company://employees/ceo"), "completed")),
        "would be rejected: missing payroll:read:all"
    );
    // No resource had this URI.
    assert_eq!(effect(&policy, read("company://employees/42", json!(null), "unknown")), "unchanged");
    let granted = "mcp:connect employees:read:public";
    assert_eq!(
        effect(&policy, call("company://employees/42", "unknown", granted, json!({}))),
        "allowed, if the guard `same_office(caller, &employee_id)` allows"
    );
    // The log has the first bytes of a long URI.
    assert_eq!(effect(&policy, read(template, json!("company://employees/ceo…"), "completed")), public);
}

#[test]
fn records_from_when_all_operations_were_tools_can_be_read() {
    let policy = company();
    let unknown = call("payroll_delete", "unknown_tool", "payroll:read:all", json!({}));
    assert_eq!(effect(&policy, unknown), "unchanged");
    let rejected =
        call("whoami", "insufficient_scope", "", json!({ "required_by": "tool", "missing": "mcp:connect" }));
    assert_eq!(effect(&policy, rejected), "unchanged");
}

#[test]
fn changes_are_sorted_by_kind_and_quote_the_names_of_prompts() {
    let policy = Policy::of_scopes(&["a"]);
    let labels = ["company://handbook", "prompt quarterly review", "prompt brief", "whoami"];
    let records: Vec<_> = labels
        .iter()
        .flat_map(|label| [call(label, "completed", "a", json!({})), call(label, "completed", "a", json!({}))])
        .collect();
    let replay = replay(&policy, &records);
    let operations: Vec<_> = replay.changes.iter().map(|change| change.operation.as_str()).collect();
    assert_eq!(operations, ["whoami", "prompt brief", "prompt quarterly review", "company://handbook"]);
    let lines = replay.to_string();
    assert!(lines.contains("\nprompt \"quarterly review\": 2 calls by user harriet"), "{lines}");
    assert!(lines.contains("\nprompt brief: 2 calls by"), "{lines}");
}

#[test]
fn records_of_the_same_policy_are_unchanged() {
    let policy = company();
    let record = call("employee_search", "completed", "", json!({ "policy": policy.fingerprint() }));
    let replay = replay(&policy, &[record]);
    assert!(replay.is_unchanged());
    assert_eq!((replay.calls, replay.unchanged, replay.same_policy), (1, 1, 1));
}

#[test]
fn the_summary_has_one_line_for_each_change_and_the_totals() {
    let policy = company();
    let at = |time: &str, fields: Value| {
        let mut fields = fields;
        fields["time"] = time.into();
        call("payroll_summary", "completed", "mcp:connect", fields)
    };
    let support = json!({ "user": "u 4", "organization": null, "role": "Customer\nSupport" });
    let service = json!({ "user": null, "organization": null, "role": null });
    let same_policy = json!({ "policy": policy.fingerprint() });
    let records = log(&[
        json!({ "time": "2026-10-01T08:15:00.000000Z", "outcome": "missing_token", "count": 52 }),
        json!({ "time": "2026-10-01T08:15:00.000000Z", "outcome": "listed", "user": "harriet", "list": "tools", "items": 3 }),
        at("2026-10-30T17:02:11.000000Z", json!({})),
        at("2026-10-02T08:15:00.000000Z", json!({})),
        at("2026-10-04T08:15:00.000000Z", support),
        at("yesterday", service),
        call("whoami", "insufficient_scope", "mcp:connect", json!({ "organization": null })),
        call(
            "ticket_update",
            "completed",
            "mcp:connect ticket:write:update ticket:write:close support:lead",
            json!({}),
        ),
        call("employee_search", "completed", "", same_policy),
        call("whoami", "a later outcome", "mcp:connect", json!({})),
    ]);
    let replay = policy.replay((records + "not JSON\n{}\n[]\n").as_bytes()).unwrap();
    insta::assert_snapshot!(replay, @r#"
    payroll_summary: 1 call by a token without a user would be rejected: missing payroll:read:all
    payroll_summary: 2 calls by user harriet (HR in 2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22) would be rejected: missing payroll:read:all (2026-10-02 to 2026-10-30)
    payroll_summary: 1 call by user "u 4" (Customer�Support) would be rejected: missing payroll:read:all (2026-10-04)
    whoami: 1 call by user harriet (HR) would be allowed (2026-10-02)
    ticket_update: 1 call undecided: allowed, if the guard `own_queue(caller, &ticket_id, company)` allows

    7 calls: 1 unchanged (1 under the same policy), 4 would be rejected, 1 would be allowed, 1 undecided
    other records: 2
    unreadable lines: 4 (at 10, 11, 12, 13)
    "#);
    assert!(!replay.is_unchanged());
}

#[test]
fn lines_and_groups_are_bounded() {
    let policy = company();
    let users =
        |count: usize| (0..count).map(|i| call("removed", "completed", "", json!({ "user": format!("u_{i}") })));
    let mut text = log(&users(MAX_GROUPS + 7).chain(users(3)).collect::<Vec<_>>());
    text.push_str(&"x".repeat(3 * MAX_LINE));
    text.push('\n');
    text.push_str(&log(&users(1).collect::<Vec<_>>()));
    let replay = policy.replay(text.as_bytes()).unwrap();
    assert_eq!((replay.changes.len(), replay.more_changed), (MAX_GROUPS, 7));
    let grouped: u64 = replay.changes.iter().map(|change| change.calls).sum();
    assert_eq!((grouped + 7, replay.would_be_rejected), (replay.calls, replay.calls));
    let position = u64::try_from(MAX_GROUPS).unwrap() + 7 + 3 + 1;
    assert_eq!((replay.unreadable_lines, &*replay.first_unreadable_lines), (1, &[position][..]));
}
