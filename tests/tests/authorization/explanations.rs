//! Explanations name the rule that rejects a call, and never run the body.

use std::collections::HashSet;

use serde_json::Value;
use toolgate::{
    auth::Claims,
    policy::{ExplainedDecision, Explanation, RuleEffect},
    prelude::*,
    testing::TestServer,
};
use toolgate_tests::ToolBodies;

static SCOPES: Scopes = Scopes::new(&["refunds:approve", "refunds:create"]);

/// The users on duty.
struct Rota(HashSet<&'static str>);

fn is_on_duty(caller: &Caller, rota: &Rota) -> bool {
    caller.user_id().is_some_and(|user| rota.0.contains(user))
}

async fn not_frozen(order_id: &str) -> Result<(), Denied> {
    match order_id {
        "frozen" => Err(Denied::new("the order is frozen")),
        "hangs" => std::future::pending().await,
        _ => Ok(()),
    }
}

fn is_large(euros: u32) -> bool {
    assert!(euros != 13, "unlucky");
    euros > 1000
}

/// Refund an order.
#[tool(
    scopes = "refunds:create",
    scopes_if(is_large(euros), "refunds:approve"),
    guard = not_frozen(&order_id),
    visible_to = is_on_duty(caller, rota),
    org_role("Agent", "Lead"),
    timeout = "50ms",
    scopes_in = SCOPES
)]
async fn refund(order_id: String, euros: u32, rota: &Rota, bodies: &ToolBodies) {
    bodies.record_run();
}

fn in_request(context: &Context) -> Result<(), Denied> {
    if context.request_id().is_empty() { Err(Denied::new("no request")) } else { Ok(()) }
}

/// Refund an order of this request.
#[tool(scopes = "refunds:create", guard = in_request(context), scopes_in = SCOPES)]
async fn refund_here(euros: u32, bodies: &ToolBodies) {
    let _ = euros;
    bodies.record_run();
}

/// Explains a call by the user `sam` in this role, with these scopes.
async fn explain(tool: &str, role: &str, scopes: &[&str], arguments: Value) -> Explanation {
    let bodies = ToolBodies::default();
    let server = Server::new("refunds", &SCOPES).state(bodies.clone()).state(Rota(HashSet::from(["sam"])));
    let claims = Claims::new().subject("sam").organization("org", role).scopes(scopes.iter().copied());
    let explanation = TestServer::new(server).unwrap().as_caller(claims).explain(tool, arguments).await;
    assert_eq!(bodies.runs(), 0);
    explanation
}

/// Returns the last rule, which rejects the call, and its reason.
fn rejected_by(explanation: &Explanation) -> (&str, &str) {
    let last = explanation.rules.last().unwrap();
    match &last.effect {
        RuleEffect::Rejects(reason) => (&last.rule, reason),
        effect => panic!("{effect}\n{explanation}"),
    }
}

const ORDER: &str = "o1";

fn order(euros: u32) -> Value {
    json!({ "order_id": ORDER, "euros": euros })
}

#[tokio::test]
async fn the_rule_that_rejects_the_call_is_the_last_one() {
    let both = ["refunds:create", "refunds:approve"];
    for (role, scopes, arguments, rule, decision) in [
        ("Guest", &both[..], order(1), "org role Agent or Lead", ExplainedDecision::Hidden),
        ("Lead", &both, json!({}), "schema of the arguments", ExplainedDecision::InvalidArguments),
        (
            "Lead",
            &both,
            json!({ "order_id": "frozen", "euros": 1 }),
            "guard `not_frozen(&order_id)`",
            ExplainedDecision::Denied,
        ),
        ("Lead", &both, order(13), "conditions and guards", ExplainedDecision::Denied),
        (
            "Lead",
            &both,
            json!({ "order_id": "hangs", "euros": 1 }),
            "conditions and guards",
            ExplainedDecision::Denied,
        ),
    ] {
        let explanation = explain("refund", role, scopes, arguments).await;
        assert_eq!(rejected_by(&explanation).0, rule, "{explanation}");
        assert_eq!(explanation.decision, decision, "{explanation}");
        assert!(!explanation.may_be_allowed());
    }
}

#[tokio::test]
async fn missing_scopes_are_those_of_the_whole_call() {
    for (scopes, expected) in [
        (&[][..], "rejected: missing refunds:create and refunds:approve\n"),
        (&["refunds:create"], "rejected: missing refunds:approve of refunds:create and refunds:approve\n"),
    ] {
        let explanation = explain("refund", "Lead", scopes, order(5000)).await;
        assert!(explanation.to_string().ends_with(expected), "{explanation}");
    }
}

#[tokio::test]
async fn rules_that_depend_on_arguments_are_not_evaluated_without_them() {
    let explanation = explain("refund", "Lead", &["refunds:create"], Value::Null).await;
    assert_eq!(explanation.decision, ExplainedDecision::MayBeAllowed, "{explanation}");
    let open = explanation.rules.iter().filter(|rule| matches!(rule.effect, RuleEffect::NotEvaluated(_)));
    let open: Vec<_> = open.map(|rule| rule.rule.as_str()).collect();
    assert_eq!(open, ["refunds:approve if `is_large(euros)`", "guard `not_frozen(&order_id)`"]);
}

#[tokio::test]
async fn guards_that_need_a_request_are_not_evaluated() {
    let explanation = explain("refund_here", "Lead", &["refunds:create"], json!({ "euros": 1 })).await;
    assert_eq!(explanation.decision, ExplainedDecision::MayBeAllowed, "{explanation}");
    let explanation = explain("refund_here", "Lead", &["refunds:create"], json!({ "euros": "x" })).await;
    assert_eq!(explanation.decision, ExplainedDecision::InvalidArguments, "{explanation}");
}

#[tokio::test]
async fn an_unknown_operation_is_reported() {
    for label in ["refnud", "prompt refund", "refunds:o1"] {
        let explanation = explain(label, "Lead", &[], Value::Null).await;
        assert_eq!(explanation.decision, ExplainedDecision::Unknown);
        assert_eq!(explanation.operation, label);
        assert!(explanation.to_string().ends_with("rejected: the server has no such operation\n"), "{explanation}");
    }
}
