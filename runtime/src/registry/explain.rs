//! Explaining a decision: the rules of an operation, evaluated by the code that decides calls.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use serde_json::{Map, Value};

use super::{DecisionError, RegisteredOperation, Registry};
use crate::{
    auth::Caller,
    operation::{CallSteps, Failure, GuardTrace, LastStep, MetConditions, OperationKind, ToolError, label},
    policy::{ExplainedDecision, Explanation},
    scope::MissingScopes,
};

/// Why a rule that depends on arguments is not evaluated.
const NO_ARGUMENTS: &str = "no arguments are given";

/// Why the guards of a function with a `&Context` are not evaluated.
const NO_REQUEST: &str = "the function takes a `&Context`, which only a request has";

/// Time limit of the guards of an operation without one.
const TIME_LIMIT: Duration = Duration::from_secs(30);

impl Registry {
    /// Explains the decision about a call by `caller`. Without arguments, the rules that depend on them are not evaluated.
    pub(crate) async fn explain(
        &self,
        kind: OperationKind,
        name: &str,
        caller: &Arc<Caller>,
        arguments: Option<Map<String, Value>>,
    ) -> Explanation {
        let mut explanation = Explanation::new(&label(kind, name), describe(caller));
        let Some(mut found) = self.find(kind, name) else { return explanation };
        let registered = found.operation;
        explanation.rates.extend(registered.rate().map(|rate| format!("{rate} per caller")));
        explanation.rates.extend(registered.total_rate().map(|rate| format!("{rate} in total")));
        self.explain_visibility(&mut explanation, registered, caller);
        explanation.decision = match self.decide(kind, name, caller).map(drop) {
            Err(DecisionError::Unknown) => ExplainedDecision::Unknown,
            Err(DecisionError::Hidden) => ExplainedDecision::Hidden,
            Err(DecisionError::InsufficientScope(mut scopes)) => {
                explanation.decided(scope_rule(registered), Err(missing(&scopes)));
                self.add_conditional_scopes(&mut scopes, found, caller, arguments.unwrap_or_default()).await;
                missing_scopes(&scopes)
            }
            Ok(()) => {
                explanation.decided(scope_rule(registered), Ok(String::new()));
                if registered.mounted_server().is_some() {
                    // The server validates the arguments itself, and has no guards.
                    explanation.decision = ExplainedDecision::Allowed;
                    return explanation;
                }
                // The arguments of a resource are the variables of its URI.
                let arguments = match kind {
                    OperationKind::Resource => Some(found.take_arguments(Map::new())),
                    OperationKind::Tool | OperationKind::Prompt => arguments.map(|given| found.take_arguments(given)),
                };
                match arguments {
                    Some(arguments) => self.explain_call(&mut explanation, registered, caller, arguments).await,
                    None => without_arguments(&mut explanation, registered),
                }
            }
        };
        explanation
    }

    /// Adds the rules that decide lists and calls.
    fn explain_visibility(&self, explanation: &mut Explanation, operation: &RegisteredOperation, caller: &Caller) {
        if self.is_disabled(operation) {
            explanation.decided("`Server::deny`", Err(format!("a rule disables the {}", operation.kind())));
            return;
        }
        for (rule, allows) in operation.visibility(caller, self.states()) {
            let outcome = if allows { Ok(String::new()) } else { Err(format!("the {} is hidden", operation.kind())) };
            explanation.decided(rule, outcome);
            if !allows {
                return;
            }
        }
    }

    /// Adds the rules that depend on the arguments, and returns the decision.
    async fn explain_call(
        &self,
        explanation: &mut Explanation,
        operation: &RegisteredOperation,
        caller: &Caller,
        arguments: Map<String, Value>,
    ) -> ExplainedDecision {
        let descriptor = operation.descriptor();
        let (met, trace) = (MetConditions::default(), GuardTrace::default());
        let mut steps = CallSteps {
            operation: descriptor,
            caller,
            met: &met,
            last: LastStep::Guards,
            concurrency_limit: None,
            background: None,
            trace: Some(&trace),
            approval: None,
        };
        let evaluates_guards = !descriptor.takes_context();
        if !evaluates_guards {
            steps.last = LastStep::ConditionalScopes;
        }
        let limit = self.time_limit(operation).unwrap_or(TIME_LIMIT);
        let steps = AssertUnwindSafe(async {
            if !evaluates_guards && descriptor.scopes_if.is_empty() {
                // Nothing but the arguments can be evaluated.
                operation.arguments().check(arguments)?;
                return Err(ToolError::stopped());
            }
            self.take_steps(operation, steps, arguments, None)?.await
        })
        .catch_unwind();
        let ended = match tokio::time::timeout(limit, steps).await {
            Ok(Ok(ended)) => ended.map(drop).map_err(ToolError::into_failure),
            Ok(Err(_)) => Err(Failure::Denied("a part of the policy panicked".to_owned())),
            Err(_) => Err(Failure::Denied("a guard exceeded the time limit".to_owned())),
        };
        if let Err(Failure::InvalidArguments(violations)) = &ended {
            let text: Vec<_> = violations.iter().map(ToString::to_string).collect();
            explanation.decided("schema of the arguments", Err(text.join("; ")));
            return ExplainedDecision::InvalidArguments;
        }
        explanation.decided("schema of the arguments", Ok(String::new()));
        let outcomes = trace.into_outcomes();
        if let (true, Err(Failure::Denied(reason))) = (outcomes.is_empty(), &ended) {
            // A condition panicked, or the first guard exceeded the time limit.
            explanation.decided("conditions and guards", Err(reason.clone()));
            return ExplainedDecision::Denied;
        }
        explain_conditions(explanation, operation, caller, &met);
        if outcomes.is_empty()
            && let Err(Failure::InsufficientScope(scopes)) = &ended
        {
            return challenge(operation, caller, &met, scopes);
        }
        let guards = descriptor.guards.iter().map(|source| format!("guard `{source}`"));
        if evaluates_guards {
            for (guard, outcome) in guards.zip(outcomes) {
                explanation.decided(guard, outcome.map(|()| String::new()));
            }
        } else {
            guards.for_each(|guard| explanation.not_evaluated(guard, NO_REQUEST));
        }
        match ended {
            Err(Failure::Stopped) if !evaluates_guards && !descriptor.guards.is_empty() => {
                ExplainedDecision::MayBeAllowed
            }
            Err(Failure::Stopped) => ExplainedDecision::Allowed,
            // A guard required a scope.
            Err(Failure::InsufficientScope(scopes)) => challenge(operation, caller, &met, &scopes),
            _ => ExplainedDecision::Denied,
        }
    }
}

/// Adds the conditions of a call and the scopes that those which hold require.
fn explain_conditions(
    explanation: &mut Explanation,
    operation: &RegisteredOperation,
    caller: &Caller,
    met: &MetConditions,
) {
    for (i, conditional) in operation.descriptor().scopes_if.iter().enumerate() {
        let scopes: Vec<_> = conditional.scopes.iter().map(|scope| scope.name()).collect();
        let rule = format!("{} if `{}`", scopes.join(" and "), conditional.condition);
        let missing: Vec<_> = scopes.iter().copied().filter(|scope| !caller.has_name(scope)).collect();
        let outcome = match (met.contains(i), missing.is_empty()) {
            (false, _) => Ok("the condition does not hold".to_owned()),
            (true, true) => Ok("the condition holds".to_owned()),
            (true, false) => Err(format!("the condition holds, and the token lacks {}", missing.join(" and "))),
        };
        explanation.decided(rule, outcome);
    }
}

/// Adds the rules that cannot be evaluated without arguments, and returns the decision.
fn without_arguments(explanation: &mut Explanation, operation: &RegisteredOperation) -> ExplainedDecision {
    let descriptor = operation.descriptor();
    for conditional in descriptor.scopes_if {
        let scopes: Vec<_> = conditional.scopes.iter().map(|scope| scope.name()).collect();
        explanation.not_evaluated(format!("{} if `{}`", scopes.join(" and "), conditional.condition), NO_ARGUMENTS);
    }
    for guard in descriptor.guards {
        explanation.not_evaluated(format!("guard `{guard}`"), NO_ARGUMENTS);
    }
    if descriptor.scopes_if.is_empty() && descriptor.guards.is_empty() {
        ExplainedDecision::Allowed
    } else {
        ExplainedDecision::MayBeAllowed
    }
}

/// Returns the decision about a call that lacks scopes which its arguments or a guard require.
fn challenge(
    operation: &RegisteredOperation,
    caller: &Caller,
    met: &MetConditions,
    scopes: &MissingScopes,
) -> ExplainedDecision {
    let required = operation.challenged_scopes(caller, met, &scopes.required);
    missing_scopes(&MissingScopes { missing: scopes.missing.clone(), required })
}

fn missing_scopes(scopes: &MissingScopes) -> ExplainedDecision {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    ExplainedDecision::MissingScopes { missing: owned(&scopes.missing), required: owned(&scopes.required) }
}

fn missing(scopes: &MissingScopes) -> String {
    format!("the token lacks {}", scopes.missing.join(" and "))
}

fn scope_rule(operation: &RegisteredOperation) -> String {
    format!("scopes {}", operation.policy().scope_requirement())
}

/// Describes a caller in one line.
fn describe(caller: &Caller) -> String {
    let mut text = match (caller.org_role(), caller.user_id()) {
        (Some(role), Some(user)) => format!("{user}, role {role},"),
        (Some(role), None) => format!("role {role}"),
        (None, Some(user)) => user.to_owned(),
        (None, None) => "a token".to_owned(),
    };
    let scopes: Vec<_> = caller.scopes().collect();
    text.push_str(" with ");
    text.push_str(&if scopes.is_empty() { "no scopes".to_owned() } else { scopes.join(", ") });
    text
}
