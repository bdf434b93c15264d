//! Calls that continue as tasks.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::Notify;
use toolgate::{
    auth::Claims,
    input::{Confirm, InputRequired, form},
    prelude::*,
    testing::{Answer, Outcome, TaskStatus, TestCaller, TestServer, TestTask},
};

/// The scopes of the tools with tasks.
static REPORTS: Scopes = Scopes::new(&["reports:create", "reports:secret"]);

/// What a report waits for.
#[derive(Clone, Default)]
struct Released(Arc<Notify>);

/// Create a report, which waits until it is released.
#[tool(scopes = "reports:create", scopes_in = crate::tasks::REPORTS, task)]
async fn slow_report(context: &Context, released: &Released) -> &'static str {
    context.progress(1.0, Some(2.0), Some("read the first half")).await;
    released.0.notified().await;
    "the report"
}

/// Create a report.
#[tool(
    scopes = "reports:create",
    scopes_in = crate::tasks::REPORTS,
    scopes_if(year == 2000, "reports:secret"),
    guard = not_in_the_future(year),
    task
)]
async fn report(year: u16, caller: &Caller) -> Result<String, ToolError> {
    match year {
        1 => return Err(ToolError::new("there is no report")),
        2 => return Err(ToolError::masked("the password is swordfish")),
        3 => panic!("the password is swordfish"),
        4 => caller.require(toolgate::scope!("reports:secret", in crate::tasks::REPORTS))?,
        _ => {}
    }
    Ok(format!("the report of {year}"))
}

fn not_in_the_future(year: u16) -> Result<(), Denied> {
    if year > 2030 { Err(Denied::new("the year is in the future")) } else { Ok(()) }
}

/// Never return.
#[tool(authenticated, scopes_in = crate::tasks::REPORTS, task, timeout = "10ms")]
async fn hanging_report() {
    std::future::pending::<()>().await;
}

/// Ask in the guard, and twice in the task.
#[tool(authenticated, scopes_in = crate::tasks::REPORTS, guard = confirmed(context), task)]
async fn asking_report(context: &Context) -> Result<&'static str, ToolError> {
    if context.request_state().is_none() {
        return Err(InputRequired::request("confirm", form::<Confirm>("In a new round?")?).state("asked").into());
    }
    context.ask::<Confirm>("In the body?").await?;
    Ok("confirmed")
}

async fn confirmed(context: &Context) -> Result<(), Denied> {
    context.ask::<Confirm>("In the guard?").await.map_err(|_| Denied::new("not confirmed"))?;
    Ok(())
}

/// Ask in a new round, which has to be answered immediately.
#[tool(authenticated, scopes_in = crate::tasks::REPORTS, task, timeout = "10ms")]
async fn impatient_report(context: &Context) -> Result<&'static str, ToolError> {
    match context.request_state() {
        None => Err(InputRequired::request("confirm", form::<Confirm>("Quick?")?).state("asked").into()),
        Some(_) => Ok("confirmed"),
    }
}

/// Create a report for owners only.
#[tool(authenticated, org_role = "Owner", scopes_in = crate::tasks::REPORTS, task)]
async fn owner_report() -> &'static str {
    "for owners"
}

/// Create a report without a task.
#[tool(authenticated, scopes_in = crate::tasks::REPORTS)]
async fn quick_report() -> &'static str {
    "the report"
}

struct Tested {
    server: TestServer,
    released: Released,
}

impl Tested {
    fn new() -> Self {
        let released = Released::default();
        let server = TestServer::new(Server::new("reports", &REPORTS).state(released.clone())).unwrap();
        Self { server, released }
    }

    fn caller(&self, user: &str) -> TestCaller {
        self.server.as_caller(Claims::new().subject(user).scopes(["reports:create"]))
    }

    async fn slow_report(&self) -> TestTask {
        self.caller("sam").start_task("slow_report", json!({})).await.task_created()
    }
}

async fn report_of(year: u16) -> toolgate::testing::CallOutcome {
    Tested::new().caller("sam").start_task("report", json!({ "year": year })).await
}

#[tokio::test]
async fn a_task_can_be_polled_until_it_has_a_result() {
    let tested = Tested::new();
    let task = tested.slow_report().await;
    assert!(task.id().len() >= 32, "{task:?}");
    while task.message().await.as_deref() != Some("read the first half") {
        tokio::task::yield_now().await;
    }
    assert_eq!(task.status().await, TaskStatus::Working);
    tested.released.0.notify_one();
    assert_eq!(task.wait().await.allowed().text(), "the report");
    assert_eq!(task.status().await, TaskStatus::Completed);
    // The outcome stays available, also to a copy.
    task.clone().wait().await.allowed();
}

#[tokio::test]
async fn a_task_has_the_outcomes_of_a_call() {
    let outcome = async |year| report_of(year).await.task_created().wait().await;
    assert_eq!(outcome(2026).await.allowed().text(), "the report of 2026");
    assert_eq!(outcome(1).await.failed(), "there is no report");
    outcome(2).await.masked();
    assert!(matches!(outcome(3).await.outcome(), Outcome::Panicked(_)));
    let scopes = outcome(4).await.missing_scopes(["reports:secret"]);
    assert_eq!(scopes.required, ["reports:create", "reports:secret"]);
    let sam = Tested::new().caller("sam");
    let hanging = sam.start_task("hanging_report", json!({})).await.task_created().wait().await;
    assert!(matches!(hanging.outcome(), Outcome::TimedOut(_)), "{hanging:?}");
}

#[tokio::test]
async fn a_call_that_is_rejected_creates_no_task() {
    let tested = Tested::new();
    let sam = tested.caller("sam");
    assert_eq!(report_of(2031).await.denied(), "not allowed: the year is in the future");
    report_of(2000).await.missing_scopes(["reports:secret"]);
    assert_eq!(sam.start_task("report", json!({})).await.invalid_arguments().len(), 1);
    sam.start_task("owner_report", json!({})).await.hidden();
    let nobody = tested.server.with_scopes([""; 0]);
    nobody.start_task("slow_report", json!({})).await.missing_scopes(["reports:create"]);
    assert!(matches!(sam.start_task("no_report", json!({})).await.outcome(), Outcome::Unknown));
}

#[tokio::test]
async fn call_waits_for_the_result() {
    let sam = Tested::new().caller("sam");
    assert_eq!(sam.call("report", json!({ "year": 2026 })).await.allowed().text(), "the report of 2026");
}

#[tokio::test]
async fn a_task_can_be_cancelled() {
    let task = Tested::new().slow_report().await;
    task.cancel().await;
    task.wait().await.cancelled();
    assert_eq!(task.status().await, TaskStatus::Cancelled);
    // A task that has ended stays as it is.
    let task = report_of(2026).await.task_created();
    task.wait().await.allowed();
    task.cancel().await;
    task.wait().await.allowed();
}

#[tokio::test]
async fn a_task_is_unknown_to_other_callers() {
    let tested = Tested::new();
    let task = tested.slow_report().await;
    task.unknown_to(&tested.caller("kim")).await;
    task.unknown_to(&tested.server.as_caller(Claims::new().scopes(["reports:create"]))).await;
    task.unknown_to(&tested.server.as_caller(Claims::new().subject("sam").client_id("other"))).await;
    assert_eq!(task.status().await, TaskStatus::Working);
}

#[tokio::test]
async fn the_user_answers_the_questions_of_a_task() {
    let accept = || Answer::Accept(json!({}));
    let sam = Tested::new().caller("sam");
    let start = async |answers: Vec<Answer>| sam.answering(answers).start_task("asking_report", json!({})).await;
    let all = start(vec![accept(), accept(), accept()]).await.task_created().wait().await;
    assert_eq!(all.allowed().text(), "confirmed");
    let declined = start(vec![accept(), accept(), Answer::Decline]).await.task_created().wait().await;
    assert!(declined.failed().starts_with("the user declined"), "{declined:?}");
    assert!(matches!(start(vec![]).await.outcome(), Outcome::InputRequired(_)));
    start(vec![Answer::Decline]).await.denied();
    for (answers, question) in [(1, "In a new round?"), (2, "In the body?")] {
        let task = start(vec![accept(); answers]).await.task_created();
        let Outcome::InputRequired(requests) = task.wait().await.outcome().clone() else { panic!("it asks") };
        let requests: Vec<&Value> = requests.as_object().unwrap().values().collect();
        assert_eq!(requests[0]["params"]["message"], question);
        assert_eq!(task.status().await, TaskStatus::InputRequired);
        task.cancel().await;
        task.wait().await.cancelled();
    }
}

#[tokio::test]
async fn a_task_that_is_not_answered_in_time_has_timed_out() {
    let task = Tested::new().caller("sam").start_task("impatient_report", json!({})).await.task_created();
    while task.status().await == TaskStatus::InputRequired || task.status().await == TaskStatus::Working {
        tokio::task::yield_now().await;
    }
    let outcome = task.wait().await;
    assert!(matches!(outcome.outcome(), Outcome::TimedOut(_)), "{outcome:?}");
}

#[tokio::test]
#[should_panic(
    expected = "expected the call to continue as a task, but the call was allowed and returned a result\n  \
                           call: quick_report {}\n  caller: user sam, scopes: reports:create\n  response: 200 OK"
)]
async fn task_created_panics_if_the_tool_has_no_task() {
    Tested::new().caller("sam").start_task("quick_report", json!({})).await.task_created();
}

#[tokio::test]
#[should_panic(expected = "expected the call to be allowed, but the call continues as a task")]
async fn allowed_panics_if_the_call_continues_as_a_task() {
    report_of(2026).await.allowed();
}

#[tokio::test]
#[should_panic(
    expected = "expected the call to be allowed, but the call failed: there is no report\n  task: report \
                           {\"year\":1}\n  caller: user sam, scopes: reports:create\n  response: 200 OK"
)]
async fn allowed_panics_with_the_task() {
    report_of(1).await.task_created().wait().await.allowed();
}

#[tokio::test]
#[should_panic(expected = "expected the task to be cancelled, but the call was allowed and returned a result")]
async fn cancelled_panics_if_the_task_has_a_result() {
    report_of(2026).await.task_created().wait().await.cancelled();
}

#[tokio::test]
#[should_panic(expected = "expected the task to end within 20ms, but it did not\n  task: slow_report {}\n  ID: ")]
async fn wait_at_most_panics_if_the_task_does_not_end() {
    Tested::new().slow_report().await.wait_at_most(Duration::from_millis(20)).await.allowed();
}

#[tokio::test]
#[should_panic(
    expected = "expected the task to be unknown to user sam, scopes: reports:create, but the response to \
                           `tasks/get` differs from that for an unknown task\n  task: slow_report {}\n"
)]
async fn unknown_to_panics_for_another_token_of_the_same_user() {
    let tested = Tested::new();
    tested.slow_report().await.unknown_to(&tested.caller("sam")).await;
}

#[tokio::test]
#[should_panic(expected = "expected a caller of the server that has the task")]
async fn unknown_to_panics_for_a_caller_of_another_server() {
    Tested::new().slow_report().await.unknown_to(&Tested::new().caller("kim")).await;
}
