use proptest::prelude::*;

use super::*;
use crate::policy::{
    OperationPolicy, Role,
    fixtures::{
        arbitrary::{ROLES, any_policy},
        brute_force, company, company_of_all_kinds,
    },
    scopes,
};

fn text(result: Result<(), RuleViolation>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn never_reports_the_smallest_set_of_scopes_of_a_role() {
    let policy = company();
    assert_eq!(
        text(policy.never("HR", "employee_*")),
        "HR with `mcp:connect` and `employees:read:private` can call `employee_search`"
    );
    assert_eq!(policy.never("HR", "ticket_*"), Ok(()));
}

#[test]
fn never_names_the_checks_that_have_the_last_word() {
    assert_eq!(
        text(company().never("HR", "payroll_*")),
        "HR with `mcp:connect` and `payroll:read:all` can call `payroll_summary`, if `on_duty(caller)` makes it visible"
    );
    let mut policy = company();
    policy.server.switches = 1;
    assert_eq!(text(policy.never("HR", "whoami")), "HR with `mcp:connect` can call `whoami`");
}

#[test]
fn never_decides_org_roles_exactly() {
    let policy = company();
    assert_eq!(policy.never("HR", "server_settings"), Ok(()));
    assert_eq!(text(policy.never("Owner", "server_*")), "Owner with `mcp:connect` can call `server_settings`");
    assert_eq!(
        text(policy.never(scopes(["mcp:connect"]), "server_*")),
        "a token with `mcp:connect` can call `server_settings`, if the org role is Owner"
    );
    assert_eq!(policy.never(scopes(["mcp:connect"]).with_org_role("HR"), "server_*"), Ok(()));
}

#[test]
fn only_reports_a_token_without_the_scope() {
    let policy = company();
    assert_eq!(policy.only("payroll:read:all", "payroll_*"), Ok(()));
    assert_eq!(policy.only("mcp:connect", "*"), Ok(()));
    assert_eq!(
        text(policy.only("support:lead", "ticket_*")),
        "a token with `mcp:connect` and `ticket:write:update` and `support:agent` can call `ticket_update` without \
         `support:lead`, if `matches!(status, TicketStatus::Closed)` is false (otherwise it also requires \
         ticket:write:close) and the guard `own_queue(caller, &ticket_id, company)` allows"
    );
}

#[test]
fn only_accepts_a_scope_that_implies_the_required_one() {
    let policy = Policy::of_scopes(&["all", "read"])
        .implying("all", &["read"])
        .with(OperationPolicy::of("get").all(&["read"]))
        .with(OperationPolicy::of("put").all(&["all"]));
    assert_eq!(policy.only("read", "*"), Ok(()));
    assert_eq!(text(policy.only("all", "*")), "a token with `read` can call `get` without `all`");
}

#[test]
fn a_tool_without_requirements_is_open_to_any_valid_token() {
    let policy = Policy::of_scopes(&["a"]).with_role("Guest", &[]).with(OperationPolicy::of("open"));
    assert_eq!(text(policy.only("a", "open")), "any valid token can call `open` without `a`");
    assert_eq!(text(policy.never("Guest", "open")), "Guest without any scope can call `open`");
}

#[test]
fn separate_reports_a_role_with_both_tools() {
    let policy = company();
    assert_eq!(
        text(policy.separate("server_settings", "ticket_*")),
        "Owner with `mcp:connect` and `ticket:write:update` and `support:lead` can call both `server_settings` and \
         `ticket_update`, if `matches!(status, TicketStatus::Closed)` is false (otherwise it also requires \
         ticket:write:close) and the guard `own_queue(caller, &ticket_id, company)` allows"
    );
    assert_eq!(policy.separate("payroll_*", "ticket_*"), Ok(()));
}

#[test]
fn rules_apply_to_prompts_and_resources() {
    let policy = company_of_all_kinds();
    assert_eq!(policy.only("mcp:connect", "*"), Ok(()));
    assert_eq!(policy.never("Owner", "prompt *"), Ok(()));
    assert_eq!(
        text(policy.never("HR", "prompt *")),
        "HR with `mcp:connect` and `employees:read:private` can get `prompt quarterly_review`"
    );
    assert_eq!(
        text(policy.never("Owner", "company://*")),
        "Owner with `mcp:connect` can read `company://policies/handbook`"
    );
    assert_eq!(
        text(policy.only("employees:read:private", "company://employees/42")),
        "a token with `mcp:connect` and `employees:read:public` can read `company://employees/{employee_id}` without \
         `employees:read:private`, if the guard `same_office(caller, &employee_id)` allows"
    );
    assert_eq!(
        text(policy.separate("payroll_summary", "company://employees/ceo")),
        "HR with `mcp:connect` and `payroll:read:all` can use both `payroll_summary` and `company://employees/ceo`, if \
         `on_duty(caller)` makes it visible"
    );
}

#[test]
fn a_rule_that_checks_nothing_is_an_error() {
    let policy = company();
    assert_eq!(
        text(policy.never("HR", "payrol_summary")),
        "`payrol_summary` matches no operation: did you mean `payroll_summary`?"
    );
    assert_eq!(
        text(policy.only("payroll:read:al", "*")),
        "the scope `payroll:read:al` is not in the policy: did you mean `payroll:read:all`?"
    );
    assert_eq!(text(policy.never("HRR", "*")), "the role `HRR` is not in the policy: did you mean `HR`?");
    assert!(matches!(policy.never(scopes(["unknown"]), "*"), Err(RuleViolation::UnknownScope { .. })));
    assert!(matches!(policy.separate("x*", "*"), Err(RuleViolation::NoSuchOperation { .. })));
    assert!(matches!(policy.separate("*", "ticket_*"), Err(RuleViolation::OverlappingPatterns { .. })));
    let policy = policy.with_roles(Vec::new()).unwrap();
    assert_eq!(policy.separate("payroll_*", "ticket_*"), Err(RuleViolation::NoRoles));
}

#[test]
fn debug_prints_what_display_prints() {
    let violation = company().never("HR", "whoami").unwrap_err();
    assert_eq!(format!("{violation:?}"), violation.to_string());
}

#[test]
fn of_equally_small_sets_the_first_in_the_order_of_the_list_is_reported() {
    let policy = Policy::of_scopes(&["a", "b", "c", "r1", "r2", "r3"])
        .implying("a", &["r2"])
        .implying("b", &["r1", "r2"])
        .implying("c", &["r1", "r3"])
        .with(OperationPolicy::of("tool").all(&["r1", "r2", "r3"]));
    let every = scopes(policy.scopes.clone());
    assert_eq!(text(policy.never(every, "tool")), "a token with `a` and `c` can call `tool`");
}

/// Returns the scopes of the counterexample, after checking that it is one.
fn counterexample(policy: &Policy, result: Result<(), RuleViolation>) -> Option<(Vec<usize>, Counterexample)> {
    match result {
        Ok(()) => None,
        Err(RuleViolation::Violated(found)) => {
            let scopes = brute_force::set(policy, &found.scopes);
            for operation in &found.operations {
                let operation = policy.operation(operation).unwrap();
                assert!(brute_force::is_callable(policy, operation, &scopes, found.role.as_deref()), "{found}");
            }
            Some((scopes.into_iter().collect(), *found))
        }
        Err(other) => panic!("{other}"),
    }
}

fn named<'p>(policy: &'p Policy, part: &str) -> Vec<&'p OperationPolicy> {
    policy.operations.iter().filter(|operation| operation.name.contains(part)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn never_agrees_with_brute_force(policy in any_policy(), role in 0..ROLES.len(), of_token in any::<bool>()) {
        let Role { name, scopes: owned, .. } = &policy.roles[role];
        let (org_role, found) = if of_token {
            (None, policy.never(scopes(owned.clone()), "*get*"))
        } else {
            (Some(name.as_str()), policy.never(name.as_str(), "*get*"))
        };
        let expected = brute_force::smallest(
            brute_force::subsets(&brute_force::set(&policy, owned)).filter(|subset| {
                named(&policy, "get").iter().any(|operation| brute_force::is_callable(&policy, operation, subset, org_role))
            }),
        );
        let found = counterexample(&policy, found);
        prop_assert_eq!(found.as_ref().map(|(scopes, _)| scopes), expected.as_ref());
        prop_assert!(found.is_none_or(|(_, found)| found.role.as_deref() == org_role));
    }

    #[test]
    fn only_agrees_with_brute_force(policy in any_policy(), scope in any::<prop::sample::Index>()) {
        let position = scope.index(policy.scopes.len());
        let every = (0..policy.scopes.len()).collect();
        let expected = brute_force::smallest(
            brute_force::subsets(&every).filter(|subset| {
                !brute_force::closure(&policy, subset).contains(&position)
                    && named(&policy, "get").iter().any(|operation| brute_force::is_callable(&policy, operation, subset, None))
            }),
        );
        let found = counterexample(&policy, policy.only(&policy.scopes[position], "*get*"));
        prop_assert_eq!(found.map(|(scopes, _)| scopes), expected);
    }

    #[test]
    fn separate_agrees_with_brute_force(policy in any_policy()) {
        let expected = policy
            .roles
            .iter()
            .filter_map(|role| {
                let may_call = |part: &str, subset: &_| {
                    let operations = named(&policy, part);
                    operations.iter().any(|operation| brute_force::is_callable(&policy, operation, subset, Some(&role.name)))
                };
                let sets = brute_force::subsets(&brute_force::set(&policy, &role.scopes));
                brute_force::smallest(sets.filter(|subset| may_call("get", subset) && may_call("put", subset)))
                    .map(|set| (set.len(), set, &role.name))
            })
            .min_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let found = counterexample(&policy, policy.separate("*get*", "*put*"));
        let found = found.map(|(scopes, found)| (scopes, found.role.unwrap()));
        prop_assert_eq!(found, expected.map(|(_, scopes, role)| (scopes, role.clone())));
    }
}
