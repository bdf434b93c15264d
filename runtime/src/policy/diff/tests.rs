use proptest::prelude::*;

use super::{
    exceeds::{Version, exceeds},
    *,
};
use crate::{
    operation::OperationKind,
    policy::{
        OperationPolicy,
        evaluator::Evaluator,
        fixtures::{arbitrary::any_policy, brute_force, company, company_of_all_kinds},
    },
};

/// Returns the sentences of the changes that `change` makes to the company's policy, and whether they widen access.
fn diff(change: impl FnOnce(&mut Policy)) -> (String, bool) {
    let mut new = company();
    change(&mut new);
    let diff = company().diff(&new);
    (diff.to_string(), diff.widens_access())
}

fn operation<'p>(policy: &'p mut Policy, name: &str) -> &'p mut OperationPolicy {
    policy.operations.iter_mut().find(|operation| operation.name == name).unwrap()
}

#[test]
fn equal_policies_have_no_difference() {
    let diff = company().diff(&company());
    assert!(diff.is_empty() && !diff.widens_access());
    assert_eq!(diff.to_string(), "");
}

#[test]
fn roles_gain_and_lose_tools() {
    let (text, widens) = diff(|policy| operation(policy, "payroll_summary").scopes = vec!["mcp:connect".into()]);
    assert_eq!(
        text,
        "Customer Support gains payroll_summary\nOwner gains payroll_summary\n\
         payroll_summary: now requires mcp:connect instead of payroll:read:all and mcp:connect\n"
    );
    assert!(widens);
    let (text, widens) = diff(|policy| operation(policy, "whoami").scopes.push("support:lead".into()));
    assert_eq!(
        text,
        "Customer Support loses whoami\nHR loses whoami\n\
         whoami: now requires support:lead and mcp:connect instead of mcp:connect\n"
    );
    assert!(!widens);
}

#[test]
fn changes_of_role_scopes_are_reported() {
    let (text, widens) = diff(|policy| policy.roles[0].scopes[2] = "support:lead".into());
    assert_eq!(
        text,
        "HR loses payroll_summary\nHR can now get support:lead\nHR can no longer get payroll:read:all\n"
    );
    assert!(widens);
    let (text, widens) = diff(|policy| policy.roles[0].name = "People".into());
    assert_eq!(
        text,
        "new role People, which can call employee_search, payroll_summary and whoami\n\
         role HR removed, which could call employee_search, payroll_summary and whoami\n"
    );
    assert!(widens);
}

#[test]
fn roles_are_ignored_unless_both_policies_have_roles() {
    assert_eq!(diff(|policy| policy.roles.clear()), (String::new(), false));
}

#[test]
fn conditions_name_the_tokens_that_lose_and_gain() {
    let condition = "matches!(status, TicketStatus::Closed)";
    let (text, widens) = diff(|policy| operation(policy, "ticket_update").scopes_if.clear());
    assert_eq!(text, format!("tokens without `ticket:write:close` gain ticket_update when {condition}\n"));
    assert!(widens);
    let (text, widens) = diff(|policy| {
        operation(policy, "ticket_update").scopes_if[0].scopes.push("support:lead".into());
    });
    assert_eq!(text, format!("tokens without `support:lead` lose ticket_update when {condition}\n"));
    assert!(!widens);
}

#[test]
fn a_condition_that_all_calls_already_meet_changes_nothing() {
    let (text, widens) = diff(|policy| {
        let operation = operation(policy, "ticket_update");
        operation.scopes.push("ticket:write:close".into());
        operation.scopes_if.clear();
    });
    assert!(text.contains("ticket_update: matches!(status, TicketStatus::Closed) no longer requires"), "{text}");
    assert!(!widens);
}

#[test]
fn removed_checks_widen_and_added_checks_do_not() {
    let (text, widens) = diff(|policy| {
        operation(policy, "ticket_update").guards.clear();
        operation(policy, "payroll_summary").visible_to.clear();
    });
    assert_eq!(
        text,
        "payroll_summary: visibility function on_duty(caller) removed (fewer checks)\n\
         ticket_update: guard own_queue(caller, &ticket_id, company) removed (fewer checks)\n"
    );
    assert!(widens);
    let (text, widens) = diff(|policy| operation(policy, "whoami").guards.push("f(caller)".into()));
    assert_eq!((text.as_str(), widens), ("whoami: guard f(caller) added (more checks)\n", false));
}

#[test]
fn an_approval_that_is_no_longer_needed_widens() {
    let mut old = company();
    operation(&mut old, "ticket_update").approve = Some("Update {ticket_id}".to_owned());
    let mut new = old.clone();
    operation(&mut new, "ticket_update").approve = None;
    let removed = "ticket_update: no person approves `Update {ticket_id}` any more (fewer checks)\n";
    assert_eq!((old.diff(&new).to_string().as_str(), old.diff(&new).widens_access()), (removed, true));
    let added = "ticket_update: a person now approves `Update {ticket_id}` (more checks)\n";
    assert_eq!((new.diff(&old).to_string().as_str(), new.diff(&old).widens_access()), (added, false));
    operation(&mut new, "ticket_update").approve = Some("Close {ticket_id}".to_owned());
    assert!(!old.diff(&new).widens_access() && !old.diff(&new).is_empty());
    let lock = old.to_lock();
    assert!(lock.contains("  approve Update {ticket_id}\n"), "{lock}");
    assert!(old.check_lock(&lock).is_ok() && new.check_lock(&lock).is_err());
    let requirement = operation(&mut old, "ticket_update").requirement();
    assert!(requirement.ends_with("after a person approved Update {ticket_id}"), "{requirement}");
}

#[test]
fn a_higher_rate_widens_and_a_lower_one_does_not() {
    let policy = |facts: &str| Policy::from_lock(&format!("tool review\n{facts}")).unwrap();
    for (old, new, sentence, widens) in [
        ("", "  rate 30/minute\n", "now limited to 30/minute per caller", false),
        ("  rate 30/minute\n", "", "no longer limited to 30/minute per caller", true),
        (
            "  rate 30/minute\n",
            "  rate 40/minute\n",
            "now limited to 40/minute per caller instead of 30/minute",
            true,
        ),
        ("  rate 30/minute\n", "  rate 30/hour\n", "now limited to 30/hour per caller instead of 30/minute", false),
        ("  total_rate 9/day\n", "", "no longer limited to 9/day in total", true),
    ] {
        let (old, new) = (policy(old), policy(new));
        let diff = old.diff(&new);
        assert_eq!((diff.to_string(), diff.widens_access()), (format!("review: {sentence}\n"), widens));
        assert!(new.check_lock(&new.to_lock()).is_ok() && new.check_lock(&old.to_lock()).is_err());
    }
    let limited = &policy("  total_rate 9/day\n  rate 3/hour\n").operations[0];
    assert_eq!(limited.requirement(), "any valid token, at most 3/hour per caller, at most 9/day in total");
}

#[test]
fn restrictions_by_organization_and_role_are_compared_as_sets() {
    let (text, widens) = diff(|policy| operation(policy, "server_settings").org_roles.push("HR".into()));
    assert_eq!(
        text,
        "HR gains server_settings\nserver_settings: now visible to the org role HR or Owner instead of Owner\n"
    );
    assert!(widens);
    let (text, widens) = diff(|policy| operation(policy, "whoami").orgs.push("5a3e".into()));
    assert_eq!((text.as_str(), widens), ("whoami: now allowed in the organization 5a3e instead of any\n", false));
}

#[test]
fn new_and_removed_tools_are_reported() {
    let (text, widens) = diff(|policy| {
        policy.operations.retain(|operation| operation.name != "whoami");
        policy.operations.push(OperationPolicy::of("export").all(&["payroll:read:all"]).guard("f(caller)"));
    });
    assert_eq!(
        text,
        "Customer Support loses whoami\nHR gains export\nHR loses whoami\nOwner loses whoami\n\
         new tool export, which requires payroll:read:all and mcp:connect, if f(caller) allows\ntool whoami removed\n"
    );
    assert!(widens);
}

#[test]
fn changes_of_prompts_and_resources_name_their_kind() {
    let mut new = company_of_all_kinds();
    new.operations.retain(|operation| operation.name != "company://policies/handbook");
    new = new.with(OperationPolicy::of("prompt whoami").all(&["payroll:read:all"]));
    let review = new.operations.iter_mut().find(|operation| operation.name == "quarterly_review").unwrap();
    review.scopes = vec!["payroll:read:all".into(), "mcp:connect".into()];
    let diff = company_of_all_kinds().diff(&new);
    assert_eq!(
        diff.to_string(),
        "Customer Support loses company://policies/handbook\nHR gains prompt whoami\n\
         HR loses company://policies/handbook\nOwner loses company://policies/handbook\n\
         prompt quarterly_review: now requires payroll:read:all and mcp:connect instead of employees:read:private and \
         mcp:connect\n\
         new prompt whoami, which requires payroll:read:all and mcp:connect\n\
         resource company://policies/handbook removed\n"
    );
}

#[test]
fn removing_a_resource_widens_access_if_a_template_then_matches_its_uri() {
    let mut new = company_of_all_kinds();
    new.operations.retain(|operation| operation.name != "company://employees/ceo");
    let diff = company_of_all_kinds().diff(&new);
    assert_eq!(
        diff.to_string(),
        "Customer Support gains company://employees/ceo\n\
         resource company://employees/ceo removed, whose URIs can match company://employees/{employee_id}\n"
    );
    assert!(diff.widens_access());
    let back = new.diff(&company_of_all_kinds());
    assert!(back.to_string().starts_with("Customer Support loses company://employees/ceo\n"), "{back}");
}

#[test]
fn rules_for_all_operations_are_reported_once() {
    let (text, widens) = diff(|policy| {
        policy.roles.clear();
        policy.server.required_scopes.clear();
        policy.server.switches = 1;
        policy.server.conceal_forbidden = false;
        policy.operations.iter_mut().for_each(|operation| operation.scopes.retain(|scope| scope != "mcp:connect"));
    });
    assert_eq!(
        text,
        "the server no longer requires mcp:connect for all operations\n\
         operations that a caller lacks scopes for are now reported as forbidden\n\
         the number of `Server::deny` rules changed from 0 to 1\n"
    );
    assert!(widens);
}

#[test]
fn a_tool_that_declares_the_scope_itself_is_not_affected_by_the_server() {
    let (text, widens) = diff(|policy| policy.server.required_scopes.clear());
    assert_eq!((text.as_str(), widens), ("the server no longer requires mcp:connect for all operations\n", false));
}

#[test]
fn changes_of_the_hierarchy_are_reported() {
    let (text, widens) = diff(|policy| policy.hierarchy[0].implies = vec!["payroll:read:all".into()]);
    assert_eq!(
        text,
        "HR loses employee_search\nemployees:read:private now implies payroll:read:all\n\
         employees:read:private no longer implies employees:read:public\n"
    );
    assert!(widens);
}

#[test]
fn hints_and_scopes_without_a_tool_are_reported() {
    let (text, widens) = diff(|policy| {
        policy.scopes.push("new:scope".into());
        operation(policy, "whoami").annotations.read_only = None;
    });
    assert_eq!(text, "whoami: hints changed from `read-only` to `-`\nnew scope new:scope\n");
    assert!(!widens);
}

/// Returns whether a token may make a call for which only `condition` is true.
fn is_callable(policy: &Policy, operation: &OperationPolicy, scopes: &[String], condition: Option<&str>) -> bool {
    // A scope that the policy does not contain grants nothing.
    let known: Vec<String> = scopes.iter().filter(|scope| policy.scopes.contains(scope)).cloned().collect();
    let set = brute_force::set(policy, &known);
    let granted = brute_force::closure(policy, &set);
    let conditional = operation.scopes_if.iter().filter(|rule| Some(rule.condition.as_str()) == condition);
    brute_force::is_callable(policy, operation, &set, None)
        && conditional.into_iter().all(|rule| brute_force::set(policy, &rule.scopes).is_subset(&granted))
}

/// Returns the sets of scopes that two policies know.
fn tokens(a: &Policy, b: &Policy) -> Vec<Vec<String>> {
    let mut scopes = a.scopes.clone();
    scopes.extend(b.scopes.iter().filter(|scope| !a.scopes.contains(scope)).cloned());
    brute_force::subsets(&(0..scopes.len()).collect())
        .map(|set| set.into_iter().map(|i| scopes[i].clone()).collect())
        .collect()
}

const PARTS: usize = 15;

/// Replaces one part of a policy by that of another one.
fn replace_part(policy: &mut Policy, other: Policy, part: usize) {
    let (operation, other_operation) = (&mut policy.operations[0], other.operations[0].clone());
    match part {
        0 => policy.scopes = other.scopes,
        1 => policy.hierarchy = other.hierarchy,
        2 => policy.server.required_scopes.extend(other.scopes.first().cloned()),
        3 => policy.server.switches += 1,
        4 => policy.roles[0] = other.roles[0].clone(),
        5 => policy.roles.truncate(2),
        6 => policy.operations.truncate(1),
        7 => operation.scopes = other_operation.scopes,
        8 => operation.any_scope = other_operation.any_scope,
        9 => operation.scopes_if = other_operation.scopes_if,
        10 => operation.guards = other_operation.guards,
        11 => operation.guards.extend(["other(x)".to_owned(), "guard(caller)".to_owned()]),
        12 => operation.org_roles = other_operation.org_roles,
        13 if operation.kind == OperationKind::Tool => operation.approve = other_operation.approve,
        PARTS.. => unreachable!("there are {PARTS} parts"),
        _ => operation.annotations.idempotent = Some(true),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_diff_is_empty_exactly_if_the_canonical_policies_are_equal(old in any_policy(), other in any_policy(), part in 0..PARTS) {
        let mut new = old.clone();
        replace_part(&mut new, other, part);
        prop_assert_eq!(old.diff(&new).is_empty(), old.canonical() == new.canonical());
        prop_assert!(old.diff(&old.canonical()).is_empty());
        prop_assert_eq!(new.check_lock(&old.to_lock()).is_ok(), old.canonical() == new.canonical());
    }

    #[test]
    fn more_scopes_are_sufficient_exactly_if_a_token_shows_it(a in any_policy(), b in any_policy()) {
        let (a_evaluator, b_evaluator) = (Evaluator::new(&a), Evaluator::new(&b));
        let (a_operation, b_operation) = (a_evaluator.operations().next().unwrap(), b_evaluator.operations().next().unwrap());
        for condition in [None, Some("closed"), Some("urgent")] {
            let expected = tokens(&a, &b).iter().any(|token| {
                is_callable(&a, a_operation.policy(), token, condition)
                    && !is_callable(&b, b_operation.policy(), token, condition)
            });
            let a_version = Version { policy: &a_evaluator, operation: a_operation };
            let b_version = Version { policy: &b_evaluator, operation: b_operation };
            prop_assert_eq!(exceeds(a_version, b_version, condition), expected);
        }
    }

    #[test]
    fn a_diff_without_widening_lets_no_role_gain(old in any_policy(), other in any_policy(), removed in 0..8_usize) {
        let mut new = Policy { operations: other.operations, ..old.clone() };
        new.operations.retain(|operation| operation.named_scopes().all(|scope| old.scopes.contains(&scope.to_owned())));
        let mut without_one = old.clone();
        without_one.operations.remove(removed % old.operations.len());
        for new in [new, without_one] {
            if old.diff(&new).widens_access() {
                continue;
            }
            for operation in old.operations.iter().chain(&new.operations) {
                for role in &old.roles {
                    let [before, after] = [&old, &new].map(|policy| policy.access(&role.name, &operation.label()));
                    prop_assert!(before.may_allow() || !after.may_allow(), "{}", operation.label());
                }
            }
        }
    }

    /// Every caller that gains a call is reported. Only one tool differs, so that few changes hide others.
    #[test]
    fn a_diff_without_widening_lets_no_token_gain(old in any_policy(), other in any_policy()) {
        let mut new = old.clone();
        let replacement = &other.operations[0];
        let known = |scopes: &[String]| -> Vec<String> {
            scopes.iter().filter(|scope| new.scopes.contains(scope)).cloned().collect()
        };
        let replacement = OperationPolicy {
            name: old.operations[0].name.clone(),
            scopes: known(&replacement.scopes),
            any_scope: known(&replacement.any_scope),
            scopes_if: Vec::new(),
            ..old.operations[0].clone()
        };
        new.operations[0] = replacement;
        if !old.diff(&new).widens_access() {
            for token in tokens(&old, &new) {
                for condition in [None, Some("closed"), Some("urgent")] {
                    prop_assert!(
                        !is_callable(&new, &new.operations[0], &token, condition)
                            || is_callable(&old, &old.operations[0], &token, condition)
                    );
                }
            }
        }
    }
}
