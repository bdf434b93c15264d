//! Rates of a server in process, whose clock the test advances.

use std::time::Duration;

use toolgate::{
    Rate,
    auth::Claims,
    policy::ExplainedDecision,
    prelude::*,
    testing::{Outcome, TestServer},
};

/// The scopes of the server.
static RATE_SCOPES: Scopes = Scopes::new(&["reports:read"]);

/// Return a report.
#[tool(scopes = "reports:read", scopes_in = RATE_SCOPES, rate = "3/minute", total_rate = "4/minute")]
async fn report() -> &'static str {
    "the report"
}

/// Return a report as a task.
#[tool(authenticated, scopes_in = RATE_SCOPES, rate = "2/hour", task)]
async fn long_report() -> &'static str {
    "the long report"
}

/// Review a report.
#[prompt(authenticated, scopes_in = RATE_SCOPES, rate = "1/day")]
async fn review() -> &'static str {
    "Review the report."
}

/// A page of a report.
#[resource(uri = "reports://pages/{page}", authenticated, scopes_in = RATE_SCOPES, rate = "2/day")]
async fn page(page: u32) -> String {
    format!("page {page}")
}

/// Ask for a name.
#[tool(authenticated, scopes_in = RATE_SCOPES, rate = "2/day")]
async fn ask_for_consent(context: &Context) -> Result<&'static str, ToolError> {
    context.ask::<toolgate::input::Confirm>("Really?").await?;
    Ok("done")
}

fn server() -> Server {
    Server::new("reports", &RATE_SCOPES)
}

fn user(name: &str) -> Claims {
    Claims::new().subject(name).scopes(["reports:read"])
}

#[tokio::test]
async fn a_quota_refills_evenly_and_can_be_used_at_once() {
    let server = TestServer::new(server()).unwrap();
    let ann = server.as_caller(user("ann"));
    for _ in 0..3 {
        ann.call("report", json!({})).await.allowed();
    }
    let expected = "too many requests for report: a caller may send 3 per minute; try again in 20 seconds";
    assert_eq!(ann.call("report", json!({})).await.rate_limited(), expected);
    server.advance_rates(Duration::from_millis(19_999));
    assert!(ann.call("report", json!({})).await.rate_limited().ends_with("try again in 1 second"));
    server.advance_rates(Duration::from_millis(1));
    ann.call("report", json!({})).await.allowed();
    ann.call("report", json!({})).await.rate_limited();
    server.advance_rates(Duration::from_hours(1));
    for _ in 0..3 {
        ann.call("report", json!({})).await.allowed();
    }
    ann.call("report", json!({})).await.rate_limited();
}

#[tokio::test]
async fn all_callers_together_have_a_quota() {
    let server = TestServer::new(server()).unwrap();
    for i in 0..4 {
        server.as_caller(user(&i.to_string())).call("report", json!({})).await.allowed();
    }
    let text = server.as_caller(user("ann")).call("report", json!({})).await.rate_limited();
    assert_eq!(
        text,
        "too many requests for report: all callers together may send 4 per minute; try again in 15 seconds"
    );
}

#[tokio::test]
async fn prompts_and_resources_are_counted_and_a_template_is_one_operation() {
    let server = TestServer::new(server()).unwrap();
    let ann = server.as_caller(user("ann"));
    ann.prompt("review", json!({})).await.allowed();
    assert!(ann.prompt("review", json!({})).await.rate_limited().starts_with("too many requests for prompt review:"));
    for page in [1, 2] {
        ann.resource(&format!("reports://pages/{page}")).await.allowed();
    }
    let text = ann.resource("reports://pages/3").await.rate_limited();
    assert!(text.starts_with("too many requests for reports://pages/{page}:"), "{text}");
}

#[tokio::test]
async fn a_task_is_counted_when_it_is_created_and_its_polls_are_not() {
    let server = TestServer::new(server()).unwrap();
    let ann = server.as_caller(user("ann"));
    for _ in 0..2 {
        let task = ann.start_task("long_report", json!({})).await.task_created();
        assert_eq!(task.wait().await.allowed().text(), "the long report");
        assert_eq!(task.wait().await.allowed().text(), "the long report");
    }
    ann.start_task("long_report", json!({})).await.rate_limited();
}

#[tokio::test]
async fn each_request_of_a_call_that_asks_is_counted() {
    let server = TestServer::new(server()).unwrap();
    let ann = server.as_caller(user("ann")).answering([toolgate::testing::Answer::Accept(json!({}))]);
    assert_eq!(ann.call("ask_for_consent", json!({})).await.allowed().text(), "done");
    ann.call("ask_for_consent", json!({})).await.rate_limited();
}

#[tokio::test]
async fn the_rate_of_a_caller_is_an_outcome_of_every_request() {
    let server = server().rates(|rates| {
        rates.caller = Some(Rate::per_minute(2));
        rates.roles.insert("Support".to_owned(), Some(Rate::per_minute(1)));
    });
    let server = TestServer::new(server).unwrap().role("Support", ["reports:read"]);
    let ann = server.as_caller(user("ann"));
    ann.call("report", json!({})).await.allowed();
    ann.call("report", json!({})).await.allowed();
    let text = ann.call("report", json!({})).await.rate_limited();
    assert_eq!(text, "too many requests: a caller may send 2 per minute; try again in 30 seconds");
    let support = server.as_role("Support");
    support.call("report", json!({})).await.allowed();
    let text = support.prompt("review", json!({})).await.rate_limited();
    assert!(text.starts_with("too many requests: a caller with the role Support may send 1 per minute;"), "{text}");
    let completion = support.complete_prompt("review", "x", "").await;
    assert!(matches!(completion.outcome(), Outcome::RateLimited(_)), "{completion:?}");
}

#[tokio::test]
async fn settings_replace_the_rates_of_attributes_but_not_those_of_the_policy() {
    let server = server().rates(|rates| {
        rates.operations.insert("report".to_owned(), Some(Rate::per_minute(1)));
        rates.operations.insert("prompt review".to_owned(), None);
        rates.operation_totals.insert("report".to_owned(), None);
    });
    let policy = server.policy();
    let requirement = policy.operation("report").unwrap().requirement();
    assert_eq!(requirement, "reports:read, at most 3/minute per caller, at most 4/minute in total");
    let server = TestServer::new(server).unwrap();
    let ann = server.as_caller(user("ann"));
    ann.call("report", json!({})).await.allowed();
    ann.call("report", json!({})).await.rate_limited();
    for _ in 0..3 {
        ann.prompt("review", json!({})).await.allowed();
    }
    let explanation = ann.explain("report", json!({})).await;
    assert_eq!(
        (explanation.rates.as_slice(), &explanation.decision),
        (["1/minute per caller".to_owned()].as_slice(), &ExplainedDecision::Allowed)
    );
    assert!(explanation.to_string().ends_with("allowed\nlimited to 1/minute per caller\n"), "{explanation}");
}
