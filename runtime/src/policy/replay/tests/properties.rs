//! Random policies and calls.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{call, effect, log, replay};
use crate::policy::{
    Access, OperationPolicy, Policy, Subject,
    evaluator::{EvaluatedOperation, Evaluator},
    fixtures::arbitrary::{ROLES, any_policy},
    subject::{Claim, Kind},
};

/// A token whose organization and role are known.
fn subject(scopes: &[String], role: Option<&str>) -> Subject {
    let org_role = role.map_or(Claim::Absent, |role| Claim::Is(role.to_owned()));
    Subject { kind: Kind::Token { scopes: scopes.to_vec(), org_role }, org: Claim::Absent }
}

/// Returns the record that a server with this policy writes of a call. `is_true` are the conditions that hold, and
/// `allows` is what the guards decide.
fn record_of(
    policy: &Policy,
    label: &str,
    scopes: &[String],
    role: Option<&str>,
    is_true: &[bool],
    allows: bool,
) -> Value {
    let evaluator = Evaluator::new(policy);
    let granted = evaluator.expand(scopes);
    let names: Vec<&str> = granted.bits().map(|bit| evaluator.index().names()[bit]).collect();
    let (outcome, fields) = match policy.access(subject(scopes, role), label) {
        Access::Unknown => ("unknown", json!({})),
        Access::Hidden { .. } => ("hidden", json!({})),
        Access::MissingScopes { missing, required } => (
            "insufficient_scope",
            json!({ "required": required.join(" "), "missing": missing.join(" "), "required_by": "operation" }),
        ),
        _ => {
            let operation = evaluator.find(label).unwrap().policy();
            let met = operation.scopes_if.iter().zip(is_true).filter(|(_, is_true)| **is_true);
            let conditional: Vec<&str> = met.flat_map(|(rule, _)| &rule.scopes).map(String::as_str).collect();
            let missing: Vec<&str> =
                conditional.iter().copied().filter(|scope| !evaluator.has(&granted, scope)).collect();
            let required: Vec<&str> = operation.scopes.iter().map(String::as_str).chain(conditional).collect();
            if !missing.is_empty() {
                let fields = json!({
                    "required": required.join(" "), "missing": missing.join(" "), "required_by": "arguments",
                });
                ("insufficient_scope", fields)
            } else if allows || operation.guards.is_empty() {
                ("completed", json!({ "required": required.join(" ") }))
            } else {
                ("denied", json!({ "required": required.join(" ") }))
            }
        }
    };
    let found = evaluator.find(label).map(EvaluatedOperation::policy);
    let declared = found.map_or(label.into(), OperationPolicy::label);
    let mut record = call(&declared, outcome, &names.join(" "), fields);
    if declared != label {
        record["uri"] = label.into();
    }
    record["organization"] = Value::Null;
    record["role"] = role.into();
    record
}

fn any_role() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(ROLES.to_vec()))
}

proptest! {
    #[test]
    fn the_policy_that_decided_changes_nothing(
        policy in any_policy(),
        with_scope in prop::collection::vec(any::<bool>(), 12),
        role in any_role(),
        is_true: [bool; 3],
        allows: bool,
    ) {
        let scopes: Vec<_> =
            policy.scopes.iter().zip(with_scope).filter(|(_, with)| *with).map(|(scope, _)| scope.clone()).collect();
        let labels = policy.operations.iter().map(|operation| operation.label().into_owned());
        let operations = labels.chain(["unknown".to_owned()]);
        let records: Vec<_> =
            operations.map(|operation| record_of(&policy, &operation, &scopes, role, &is_true, allows)).collect();
        let replay = replay(&policy, &records);
        prop_assert!(replay.is_unchanged(), "{}{}", replay, log(&records));
        prop_assert_eq!(replay.calls, replay.unchanged + replay.undecided);
    }

    #[test]
    fn another_policy_decides_as_access_does(
        old in any_policy(),
        new in any_policy(),
        with_scope in prop::collection::vec(any::<bool>(), 12),
        role in any_role(),
    ) {
        let scopes: Vec<_> =
            old.scopes.iter().zip(with_scope).filter(|(_, with)| *with).map(|(scope, _)| scope.clone()).collect();
        for operation in old.operations.iter().chain(&new.operations).filter(|operation| operation.scopes_if.is_empty()) {
            let has_checks = |policy: &Policy| {
                Evaluator::new(policy).find(&operation.label()).map(EvaluatedOperation::policy).is_some_and(|operation| !operation.scopes_if.is_empty() || !operation.guards.is_empty())
            };
            if has_checks(&old) || has_checks(&new) {
                continue;
            }
            let record = record_of(&old, &operation.label(), &scopes, role, &[], true);
            let granted: Vec<String> =
                record["granted"].as_str().unwrap().split_whitespace().map(str::to_owned).collect();
            let [then, now] = [(&old, &scopes), (&new, &granted)]
                .map(|(policy, scopes)| policy.access(subject(scopes, role), &operation.label()));
            let effect = effect(&new, record);
            match (then.is_allowed(), now.is_allowed()) {
                (true, false) => prop_assert!(effect.starts_with("would be rejected: "), "{} {}", effect, now),
                (false, true) => prop_assert_eq!(effect, "would be allowed"),
                _ => prop_assert_eq!(effect, "unchanged"),
            }
        }
    }
}
