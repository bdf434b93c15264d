use proptest::prelude::*;

use super::*;
use crate::operation::{Annotations, OperationKind};
use crate::policy::{
    ConditionalScopes, OperationPolicy, Role,
    fixtures::{arbitrary::any_policy, company, company_of_all_kinds},
};

#[test]
fn the_lock_has_one_fact_on_a_line() {
    let mut policy = company();
    policy.server.switches = 2;
    policy.operations[0].orgs = vec!["5A3E".into()];
    policy.operations[0].annotations.destructive = Some(false);
    insta::assert_snapshot!(policy.to_lock(), @r#"
    # Access policy of this server, checked in beside its code.
    # A test fails when the code and this file differ; it says how to accept a change.

    scope employees:read:private
      implies employees:read:public
    scope employees:read:public
    scope mcp:connect
    scope payroll:read:all
    scope support:agent
    scope support:lead
    scope ticket:read:all
    scope ticket:write:close
    scope ticket:write:update

    server
      requires mcp:connect
      conceals forbidden operations
      deny_rules 2

    role "Customer Support"
      employees:read:public
      mcp:connect
      support:agent
      ticket:write:update

    role HR
      employees:read:private
      mcp:connect
      payroll:read:all

    role Owner
      mcp:connect
      support:lead
      ticket:write:close
      ticket:write:update

    tool employee_search
      scopes employees:read:public
      org 5a3e
      read_only
      not destructive

    tool payroll_summary
      scopes payroll:read:all
      visible_to on_duty(caller)

    tool server_settings
      org_role Owner

    tool ticket_update
      scopes ticket:write:update
      any_scope support:agent support:lead
      scopes_if ticket:write:close when matches!(status, TicketStatus::Closed)
      guard own_queue(caller, &ticket_id, company)

    tool whoami
      read_only
    "#);
}

#[test]
fn the_lock_has_tools_prompts_and_resources() {
    let mut policy = company_of_all_kinds();
    policy.roles.clear();
    let lock = policy.to_lock();
    let (_, operations) = lock.split_once("tool whoami\n").unwrap();
    insta::assert_snapshot!(operations, @r#"
      read_only

    prompt quarterly_review
      scopes employees:read:private

    resource company://employees/ceo
      scopes payroll:read:all

    resource company://employees/{employee_id}
      scopes employees:read:public
      guard same_office(caller, &employee_id)

    resource company://policies/handbook
    "#);
    assert_eq!(Policy::from_lock(&lock).unwrap(), policy.canonical());
}

#[test]
fn the_kind_of_an_operation_is_part_of_the_lock_and_of_the_fingerprint() {
    let of = |section: &str| Policy::from_lock(&format!("{section} a:b\n")).unwrap();
    let (prompt, resource) = (of("prompt"), of("resource"));
    assert!(prompt.check_lock(&resource.to_lock()).is_err());
    assert_ne!(prompt.fingerprint(), resource.fingerprint());
    assert_eq!(Policy::from_lock("tool a\n\nprompt a\n").unwrap().operations.len(), 2);
}

#[test]
fn reading_a_lock_returns_the_canonical_policy() {
    let policy = company();
    assert_eq!(Policy::from_lock(&policy.to_lock()).unwrap(), policy.canonical());
}

#[test]
fn order_comments_blank_lines_and_line_endings_have_no_effect() {
    let text = "# note\r\ntool b\r\n  guard f(x)\r\n  scopes one\r\n\r\n  # note\r\n  scopes two\r\nscope two\r\nscope one\r\n";
    let policy = Policy::from_lock(text).unwrap();
    assert!(policy.check_lock("scope one\nscope two\n\ntool b\n  scopes two one\n  guard f(x)\n").is_ok());
    assert_eq!(Policy::from_lock(&policy.to_lock()).unwrap(), policy.canonical());
}

#[test]
fn the_lock_does_not_depend_on_source_locations_or_the_order_of_scopes() {
    let mut moved = company();
    moved.scopes.reverse();
    moved.roles.reverse();
    for operation in &mut moved.operations {
        operation.scopes.reverse();
        operation.defined_at = "src/tools.rs:7".into();
    }
    assert_eq!(moved.to_lock(), company().to_lock());
    assert_eq!(moved.fingerprint(), company().fingerprint());
}

#[test]
fn roles_are_compared_only_if_both_sides_have_roles() {
    let with_roles = company();
    let mut without = company();
    without.roles.clear();
    assert!(without.check_lock(&with_roles.to_lock()).is_ok());
    assert!(with_roles.check_lock(&without.to_lock()).is_ok());
    let mut changed = company();
    changed.roles.pop();
    assert!(changed.check_lock(&with_roles.to_lock()).is_err());
    assert_eq!(changed.fingerprint(), with_roles.fingerprint());
}

#[test]
fn a_difference_says_what_changed_and_how_to_accept_it() {
    let mut policy = company();
    policy.operations.retain(|operation| operation.name != "whoami");
    let difference = policy.check_lock(&company().to_lock()).unwrap_err();
    insta::assert_snapshot!(format!("{difference:?}"), @r#"
    the access policy differs from the access lock:

    Customer Support loses whoami
    HR loses whoami
    Owner loses whoami
    tool whoami removed

    To accept these changes, replace the lock by the text of `Policy::to_lock`.
    "#);
}

#[test]
fn errors_name_the_line_and_what_is_expected() {
    let problem = |text: &str| Policy::from_lock(text).unwrap_err().to_string();
    let messages: Vec<String> = [
        "scope a\n\nrule b\n",
        "  scopes a\n",
        "scope a\ntool x\n  guards f(x)\n",
        "scope a\nscope a\n",
        "scope a b\n",
        "tool x\n  scopes\n",
        "scope a\ntool x\n  scopes_if a\n",
        "scope read:all\ntool x\n  scopes read:al\n",
        "server\n  deny_rules none\n",
        "role \"HR\n",
        "scope a\n<<<<<<< HEAD\n",
        "tool x\n  read_only maybe\n",
        "prompt x\n  read_only\n",
        "prompt\n",
        "prompt x\nprompt x\n",
        "resource handbook\n",
        "resource company://employees/{id\n",
    ]
    .iter()
    .map(|text| problem(text))
    .collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    line 3: unknown section `rule`: expected `scope`, `server`, `role`, `tool`, `prompt` or `resource`
    line 1: an indented line must follow a line with `scope`, `server`, `role`, `tool`, `prompt` or `resource`
    line 3: unknown fact `guards` of a tool: expected `scopes`, `any_scope`, `scopes_if`, `guard`, `approve`, `visible_to`, `org`, `org_role`, `rate`, `total_rate` or a hint such as `read_only` or `not destructive`
    line 2: duplicate section `scope a`: merge the two
    line 1: unexpected `b` after the value: quote a name that has spaces
    line 2: `scopes` has no value
    line 3: `scopes_if` has no condition: write `scopes_if SCOPES when CONDITION`
    line 3: the scope `read:al` has no `scope` line: did you mean `read:all`?
    line 2: expected a positive integer, got `none`
    line 1: expected a JSON string, got `"HR`
    line 2: unknown section `<<<<<<<`: expected `scope`, `server`, `role`, `tool`, `prompt` or `resource`
    line 2: unexpected `maybe` after the value: quote a name that has spaces
    line 2: unknown fact `read_only` of a prompt: expected `scopes`, `any_scope`, `scopes_if`, `guard`, `visible_to`, `org`, `org_role`, `rate` or `total_rate`
    line 1: `prompt` has no value
    line 2: duplicate section `prompt x`: merge the two
    line 1: the URI template `handbook` is not valid: it must start with a scheme in lower case (RFC 3986, section 3.1), such as `company:`
    line 1: the URI template `company://employees/{id` is not valid: `{id` has no `}`: close the expression, or write `%7B` for the character `{`
    "#);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "", "when", "#", "\"", " a ", "a\nb", "a when b", "not", "scope", "\\", "x\r", "\u{85}"
        ])
        .prop_map(str::to_owned),
    ]
}

prop_compose! {
    /// A policy with names and source texts of any characters.
    fn hostile_policy()(
        mut policy in any_policy(),
        texts in prop::collection::vec(any_text(), 8),
        hints in prop::array::uniform4(any::<Option<bool>>()),
        scopes in prop::collection::vec(any_text(), 1..4),
        (conceals, switches) in (any::<bool>(), 0_usize..3),
        kind in prop::sample::select(OperationKind::ALL.to_vec()),
        uri in "company:[a-z]{1,4}(/[a-z0-9.~]{3}|/%20|/\\{name\\}|/\\{\\+path\\}){0,1}(\\{\\?a,b\\})?",
    ) -> Policy {
        policy.scopes.extend(scopes.iter().cloned());
        policy.server.required_scopes.push(policy.scopes[0].clone());
        policy.server.conceal_forbidden = conceals;
        policy.server.switches = switches;
        policy.roles.push(Role::new(format!("{}!", texts[0]), scopes.clone()));
        let mut operation = OperationPolicy { kind, ..OperationPolicy::default() };
        operation.name = match kind {
            OperationKind::Tool | OperationKind::Prompt => format!("{}!", texts[1]),
            OperationKind::Resource => uri,
        };
        operation.scopes = scopes.clone();
        operation.any_scope = scopes.clone();
        operation.scopes_if.push(ConditionalScopes { condition: texts[2].clone(), scopes });
        operation.guards.extend([texts[3].clone(), texts[4].clone()]);
        operation.visible_to.push(texts[5].clone());
        operation.orgs.push(texts[6].clone());
        operation.org_roles.push(texts[7].clone());
        if kind == OperationKind::Tool {
            let [read_only, destructive, idempotent, open_world] = hints;
            operation.annotations = Annotations { read_only, destructive, idempotent, open_world };
        }
        policy.with(operation)
    }
}

proptest! {
    #[test]
    fn every_policy_survives_the_lock(policy in hostile_policy()) {
        let lock = policy.to_lock();
        let read = Policy::from_lock(&lock).unwrap();
        prop_assert_eq!(&read, &policy.canonical());
        prop_assert_eq!(read.to_lock(), lock);
        prop_assert_eq!(read.fingerprint(), policy.fingerprint());
    }

    #[test]
    fn the_canonical_form_is_stable_and_decides_alike(policy in any_policy()) {
        let canonical = policy.canonical();
        prop_assert_eq!(&canonical.canonical(), &canonical);
        for role in &policy.roles {
            for operation in &policy.operations {
                let [before, after] = [&policy, &canonical].map(|policy| policy.access(&role.name, &operation.label()));
                prop_assert_eq!(before.is_allowed(), after.is_allowed());
                prop_assert_eq!(before.may_allow(), after.may_allow());
            }
        }
    }

    #[test]
    fn any_text_is_read_or_reported(text in any::<String>(), line in "(scope|tool|prompt|resource|role|server|  [a-z_]*) [ -~]*") {
        let _ = Policy::from_lock(&text);
        let _ = Policy::from_lock(&format!("scope a\ntool b\n{line}\n"));
    }
}
