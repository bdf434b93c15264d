use super::{
    fixtures::{company, company_of_all_kinds},
    subject::Claim,
    *,
};
use crate::operation::OperationKind;

fn labels(operations: &[&OperationPolicy]) -> Vec<String> {
    operations.iter().map(|operation| operation.label().into_owned()).collect()
}

#[test]
fn a_token_opens_the_tools_whose_scopes_it_has_directly_or_by_hierarchy() {
    let policy = company();
    let open = |scopes: &[&str]| labels(&policy.open_to(scopes));
    assert_eq!(open(&["mcp:connect", "employees:read:private"]), ["employee_search", "server_settings", "whoami"]);
    assert_eq!(
        open(&["mcp:connect", "ticket:write:update", "support:lead"]),
        ["server_settings", "ticket_update", "whoami"]
    );
    assert!(open(&["employees:read:private", "unknown"]).is_empty());
}

#[test]
fn access_says_what_is_missing() {
    assert_eq!(
        company().access("HR", "ticket_update"),
        Access::MissingScopes {
            missing: vec!["ticket:write:update".into(), "support:agent".into()],
            required: vec!["ticket:write:update".into(), "mcp:connect".into(), "support:agent".into()],
        }
    );
}

#[test]
fn access_names_the_checks_that_a_server_makes() {
    let policy = company();
    assert_eq!(
        policy.access("Customer Support", "ticket_update").to_string(),
        "may be allowed, if `matches!(status, TicketStatus::Closed)` is false (otherwise it also requires \
         ticket:write:close) and the guard `own_queue(caller, &ticket_id, company)` allows"
    );
    assert_eq!(
        policy.access("Owner", "ticket_update").to_string(),
        "may be allowed, if the guard `own_queue(caller, &ticket_id, company)` allows"
    );
    assert_eq!(
        policy.access("HR", "payroll_summary"),
        Access::MayAllow { because: vec![RuntimeCheck::VisibleTo("on_duty(caller)".into())] }
    );
}

#[test]
fn org_roles_are_decided_if_the_role_is_known() {
    let policy = company();
    assert_eq!(policy.access("Owner", "server_settings"), Access::Allowed);
    assert_eq!(
        policy.access("HR", "server_settings"),
        Access::Hidden { orgs: vec![], org_roles: vec!["Owner".into()] }
    );
    let token = scopes(["mcp:connect"]);
    assert_eq!(
        policy.access(token.clone(), "server_settings"),
        Access::MayAllow { because: vec![RuntimeCheck::OrgRole(vec!["Owner".into()])] }
    );
    assert_eq!(policy.access(token.clone().with_org_role("Owner"), "server_settings"), Access::Allowed);
    assert!(!policy.access(token.with_org_role("owner"), "server_settings").may_allow());
}

#[test]
fn organizations_and_deny_rules_are_decided_by_the_server() {
    let mut policy = Policy::of_scopes(&["a"]).with(OperationPolicy::of("tool").orgs(&["1d2e"]));
    policy.server.switches = 2;
    assert_eq!(
        policy.access(scopes(["a"]), "tool").to_string(),
        "may be allowed, if none of the 2 `Server::deny` rules disables it and the organization is 1d2e"
    );
}

#[test]
fn organizations_are_decided_if_the_organization_is_known() {
    let tool = OperationPolicy::of("tool").orgs(&["1d2e", "2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22"]).org_roles(&["HR"]);
    let policy = Policy::of_scopes(&[]).with_role("HR", &[]).with(tool);
    assert_eq!(
        policy.access(Subject::from("HR").with_org("2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22"), "tool"),
        Access::Allowed
    );
    let stranger = scopes::<&str>([]).with_org("5b6c").with_org_role("IT");
    assert_eq!(
        policy.access(stranger.clone(), "tool").to_string(),
        "hidden: visible to the org role HR in the organization 1d2e or 2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22"
    );
    assert_eq!(policy.never(stranger, "tool"), Ok(()));
    let without_org = Subject { org: Claim::Absent, ..Subject::from("HR") };
    assert_eq!(
        policy.access(without_org, "tool"),
        Access::Hidden {
            orgs: vec!["1d2e".into(), "2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22".into()],
            org_roles: vec![]
        }
    );
}

#[test]
fn operations_are_sorted_by_kind_and_named_by_their_labels() {
    let policy = company_of_all_kinds();
    let open = policy.open_to(["mcp:connect", "employees:read:private"]);
    assert_eq!(
        labels(&open),
        [
            "employee_search",
            "server_settings",
            "whoami",
            "prompt quarterly_review",
            "company://employees/{employee_id}",
            "company://policies/handbook",
        ]
    );
    assert_eq!(policy.access("HR", "prompt quarterly_review"), Access::Allowed);
    assert_eq!(policy.access("HR", "quarterly_review"), Access::Unknown);
    assert_eq!(policy.operation("company://employees/ceo").unwrap().kind, OperationKind::Resource);
    assert_eq!(policy.operation("company://employees/42"), None);
}

#[test]
fn a_uri_is_decided_by_its_resource_or_by_the_template_that_matches() {
    let policy = company_of_all_kinds();
    let access = |uri| policy.access("Customer Support", uri).to_string();
    let guarded = "may be allowed, if the guard `same_office(caller, &employee_id)` allows";
    assert_eq!(access("company://employees/42"), guarded);
    assert_eq!(access("company://employees/{employee_id}"), guarded);
    assert_eq!(access("company://employees/ceo"), "missing scopes: payroll:read:all");
    for uri in
        ["company://employees/4/2", "company://employees/", "company://employees/..", "COMPANY://employees/ceo"]
    {
        assert_eq!(access(uri), "unknown operation", "{uri}");
    }
}

#[test]
fn a_tool_whose_name_looks_like_another_operation_is_found() {
    for name in ["payroll:export", "prompt review"] {
        let tool = OperationPolicy { name: name.to_owned(), ..OperationPolicy::default() };
        let policy = Policy::of_scopes(&[]).with_role("HR", &[]).with(tool.clone());
        assert_eq!(policy.operation(name), Some(&tool));
        assert_eq!(policy.access("HR", name), Access::Allowed);
        assert_eq!(Policy::from_lock(&policy.to_lock()).unwrap(), policy);
    }
}

#[test]
fn an_unknown_operation_or_role_is_reported_as_such() {
    let policy = company();
    assert_eq!(policy.access("HR", "payroll"), Access::Unknown);
    assert_eq!(policy.access("Hr", "payroll_summary"), Access::UnknownRole);
}

#[test]
fn the_table_shows_every_requirement() {
    insta::assert_snapshot!(company(), @r#"
    operation        hints      HR   Customer Support  Owner  requires
    employee_search  read-only  x    x                        employees:read:public and mcp:connect
    payroll_summary  -          (x)                           payroll:read:all and mcp:connect, visible to on_duty(caller)
    server_settings  -                                 x      mcp:connect, with the org role Owner
    ticket_update    -               (x)               (x)    ticket:write:update and mcp:connect and one of support:agent, support:lead, also ticket:write:close when matches!(status, TicketStatus::Closed), if own_queue(caller, &ticket_id, company) allows
    whoami           read-only  x    x                 x      mcp:connect

    x: every call is allowed; (x): the server's own checks decide
    all operations require mcp:connect
    operations that a caller lacks scopes for are concealed
    employees:read:private implies employees:read:public
    "#);
}

#[test]
fn the_table_has_tools_prompts_and_resources() {
    let mut policy = company_of_all_kinds();
    policy.operations.retain(|operation| operation.kind != OperationKind::Tool || operation.name == "whoami");
    policy.hierarchy.clear();
    insta::assert_snapshot!(policy, @r#"
    operation                          hints      HR  Customer Support  Owner  requires
    whoami                             read-only  x   x                 x      mcp:connect
    prompt quarterly_review            -          x                            employees:read:private and mcp:connect
    company://employees/ceo            -          x                            payroll:read:all and mcp:connect
    company://employees/{employee_id}  -              (x)                      employees:read:public and mcp:connect, if same_office(caller, &employee_id) allows
    company://policies/handbook        -          x   x                 x      mcp:connect

    x: every call is allowed; (x): the server's own checks decide
    all operations require mcp:connect
    operations that a caller lacks scopes for are concealed
    "#);
}

#[test]
fn markdown_escapes_the_separator_of_columns() {
    let policy = Policy::of_scopes(&["a"])
        .with(OperationPolicy::of("tool").when("x || y", &["a"]).guard("f(\"`\")").orgs(&["1d2e", "3f4a"]));
    insta::assert_snapshot!(policy.to_markdown(), @r#"
    | operation | hints | requires |
    |---|---|---|
    | `tool` | - | any valid token, also `a` when `x \|\| y`, in the organization `1d2e` or `3f4a`, if `` f("`") `` allows |
    "#);
}

#[test]
fn the_access_matrix_marks_what_a_server_decides() {
    insta::assert_snapshot!(company().access_matrix(), @r#"
    operation        HR   Customer Support  Owner
    employee_search  x    x
    payroll_summary  (x)
    server_settings                         x
    ticket_update         (x)               (x)
    whoami           x    x                 x
    "#);
    assert_eq!(
        company().access_matrix().to_markdown().lines().next().unwrap(),
        "| operation | HR | Customer Support | Owner |"
    );
}

#[test]
fn deny_rules_do_not_change_marks() {
    let mut policy = company();
    policy.server.switches = 1;
    assert_eq!(policy.access_matrix(), company().access_matrix());
}

#[test]
fn json_contains_the_whole_policy() {
    let policy = company();
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
}

#[test]
fn roles_may_have_only_scopes_of_the_policy() {
    let error = company().with_roles(vec![Role::new("HR", ["payroll:read:al"])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the role `HR` has the scope `payroll:read:al`, which is not in the list of scopes: did you mean \
         `payroll:read:all`?"
    );
}

#[test]
fn duplicate_roles_and_scopes_are_rejected() {
    let role = || Role::new("HR", ["payroll:read:all"]);
    let error = company().with_roles(vec![role(), role()]).unwrap_err();
    assert!(matches!(error, RolesError::DuplicateRole { .. }), "{error}");
    let error = company().with_roles(vec![Role::new("HR", ["mcp:connect", "mcp:connect"])]).unwrap_err();
    assert!(matches!(error, RolesError::DuplicateScope { .. }), "{error}");
}

#[cfg(feature = "policy-files")]
mod policy_files {
    use super::*;

    #[test]
    fn the_roles_of_a_development_tenant_can_be_read() {
        let tenant = r#"
            [organization]
            id = "5a3e1f00-0000-4000-8000-000000000001"

            [[scopes]]
            name = "payroll:read:all"
            description = "Read the company's monthly payroll."

            [[roles]]
            name = "HR"
            scopes = ["payroll:read:all"]

            [[roles]]
            name = "Contractor"
            scopes = []
        "#;
        let roles = Role::from_toml(tenant).unwrap();
        assert_eq!(roles, [Role::new("HR", ["payroll:read:all"]), Role::new::<&str>("Contractor", [])]);
    }

    #[test]
    fn a_file_without_roles_is_an_error() {
        assert_eq!(Role::from_toml("[organization]\nname = \"x\"\n"), Err(RolesError::NoRoles));
        assert!(matches!(Role::from_toml("[[roles]]\nname = \"x\"\n"), Err(RolesError::Toml(_))));
    }
}
