use proptest::prelude::*;

use super::*;
use crate::policy::{
    ConditionalScopes, OperationPolicy, Role,
    fixtures::{arbitrary::any_policy, company},
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
      conceals forbidden tools
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
    for tool in &mut moved.operations {
        tool.scopes.reverse();
        tool.defined_at = "src/tools.rs:7".into();
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
    policy.operations.retain(|tool| tool.name != "whoami");
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
    ]
    .iter()
    .map(|text| problem(text))
    .collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    line 3: unknown section `rule`: expected `scope`, `server`, `role` or `tool`
    line 1: an indented line must follow a line with `scope`, `server`, `role` or `tool`
    line 3: unknown fact `guards` of a tool: expected `scopes`, `any_scope`, `scopes_if`, `guard`, `visible_to`, `org`, `org_role` or a hint such as `read_only` or `not destructive`
    line 2: duplicate section `scope a`: merge the two
    line 1: unexpected `b` after the value: quote a name that has spaces
    line 2: `scopes` has no value
    line 3: `scopes_if` has no condition: write `scopes_if SCOPES when CONDITION`
    line 3: the scope `read:al` has no `scope` line: did you mean `read:all`?
    line 2: expected a positive integer, got `none`
    line 1: expected a JSON string, got `"HR`
    line 2: unknown section `<<<<<<<`: expected `scope`, `server`, `role` or `tool`
    line 2: unexpected `maybe` after the value: quote a name that has spaces
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
    ) -> Policy {
        policy.scopes.extend(scopes.iter().cloned());
        policy.server.required_scopes.push(policy.scopes[0].clone());
        policy.server.conceal_forbidden = conceals;
        policy.server.switches = switches;
        policy.roles.push(Role::new(format!("{}!", texts[0]), scopes.clone()));
        let mut tool = OperationPolicy::of(&format!("{}!", texts[1]));
        tool.scopes = scopes.clone();
        tool.any_scope = scopes.clone();
        tool.scopes_if.push(ConditionalScopes { condition: texts[2].clone(), scopes });
        tool.guards.extend([texts[3].clone(), texts[4].clone()]);
        tool.visible_to.push(texts[5].clone());
        tool.orgs.push(texts[6].clone());
        tool.org_roles.push(texts[7].clone());
        tool.annotations.read_only = hints[0];
        tool.annotations.destructive = hints[1];
        tool.annotations.idempotent = hints[2];
        tool.annotations.open_world = hints[3];
        policy.with_tool(tool)
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
            for tool in &policy.operations {
                let [before, after] = [&policy, &canonical].map(|policy| policy.access(&role.name, &tool.name));
                prop_assert_eq!(before.is_allowed(), after.is_allowed());
                prop_assert_eq!(before.may_allow(), after.may_allow());
            }
        }
    }

    #[test]
    fn any_text_is_read_or_reported(text in any::<String>(), line in "(scope|tool|role|server|  [a-z_]*) [ -~]*") {
        let _ = Policy::from_lock(&text);
        let _ = Policy::from_lock(&format!("scope a\ntool b\n{line}\n"));
    }
}
