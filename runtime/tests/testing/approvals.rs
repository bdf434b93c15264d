//! Calls that a person approves.

use serde_json::json;
use toolgate::{
    auth::Claims,
    input::Confirm,
    prelude::*,
    testing::{Answer, CallOutcome, Outcome, TestCaller, TestServer},
};

/// The scopes of the tools that need approvals.
static PAYROLL: Scopes = Scopes::new(&["payroll:export"]);

/// Export the payroll of a month.
#[tool(
    scopes = "payroll:export",
    scopes_in = crate::approvals::PAYROLL,
    destructive,
    approve = "Export the payroll of {year}-{month:02}"
)]
async fn payroll_export(year: u16, month: u8) -> String {
    format!("exported {year}-{month:02}")
}

/// Delete the payroll of a year, after a confirmation.
#[tool(authenticated, scopes_in = crate::approvals::PAYROLL, destructive, approve = "Delete the payroll of {year}")]
async fn payroll_delete(year: u16, context: &Context) -> Result<String, ToolError> {
    context.ask::<Confirm>(format!("Delete {year}?")).await?;
    Ok(format!("deleted {year}"))
}

/// Archive the payroll of a year.
#[tool(authenticated, scopes_in = crate::approvals::PAYROLL, approve = "Archive the payroll of {year}", task)]
async fn payroll_archive(year: u16) -> String {
    format!("archived {year}")
}

/// Return the number of exports.
#[tool(authenticated, scopes_in = crate::approvals::PAYROLL, read_only)]
async fn export_count() -> &'static str {
    "0"
}

fn server() -> TestServer {
    TestServer::new(Server::new("payroll", &PAYROLL)).unwrap()
}

fn hr() -> TestCaller {
    server().with_scopes(["payroll:export"])
}

async fn export(caller: &TestCaller, month: u8) -> CallOutcome {
    caller.call("payroll_export", json!({ "year": 2026, "month": month })).await
}

#[tokio::test]
async fn an_approved_call_is_allowed_once() {
    let hr = hr();
    let approval = export(&hr, 7).await.approval_required();
    assert_eq!(approval.message(), "Export the payroll of 2026-07");
    assert!(approval.url().contains("/approve/"), "{approval:?}");
    // Before the decision, the same approval is requested again.
    assert_eq!(export(&hr, 7).await.approval_required().url(), approval.url());
    approval.approve().await;
    // Other arguments need an approval of their own.
    export(&hr, 8).await.approval_required();
    assert_eq!(export(&hr, 7).await.allowed().text(), "exported 2026-07");
    export(&hr, 7).await.approval_required();
}

#[tokio::test]
async fn a_declined_call_is_not_approved() {
    let hr = hr();
    export(&hr, 7).await.approval_required().decline().await;
    let text = export(&hr, 7).await.not_approved();
    assert!(text.starts_with("not approved: the person declined this: Export the payroll of 2026-07."), "{text}");
}

#[tokio::test]
async fn an_approval_is_for_one_person() {
    let server = server();
    let person = |user: &str| server.as_caller(Claims::new().subject(user).scopes(["payroll:export"]));
    export(&person("harriet"), 7).await.approval_required().approve().await;
    export(&person("hugo"), 7).await.approval_required();
    export(&person("harriet"), 7).await.allowed();
    let service = server.as_caller(Claims::new().scopes(["payroll:export"]));
    assert!(export(&service, 7).await.not_approved().contains("the token acts for none"));
}

#[tokio::test]
async fn the_answers_of_the_user_decide_no_approval() {
    let hr = hr();
    let delete = async |answer| hr.answering([answer]).call("payroll_delete", json!({ "year": 2020 })).await;
    for answer in [Answer::Accept(json!({})), Answer::Decline] {
        delete(answer).await.approval_required();
    }
    delete(Answer::Decline).await.approval_required().approve().await;
    assert!(delete(Answer::Decline).await.failed().starts_with("the user declined"));
    delete(Answer::Decline).await.approval_required().approve().await;
    assert_eq!(delete(Answer::Accept(json!({}))).await.allowed().text(), "deleted 2020");
}

#[tokio::test]
async fn a_task_can_need_an_approval() {
    let hr = hr();
    let archive = async || hr.start_task("payroll_archive", json!({ "year": 2020 })).await;
    let approval = archive().await.approval_required();
    assert_eq!(approval.message(), "Archive the payroll of 2020");
    approval.approve().await;
    assert_eq!(archive().await.task_created().wait().await.allowed().text(), "archived 2020");
}

#[tokio::test]
async fn a_call_that_is_rejected_needs_no_approval() {
    let nobody = server().with_scopes([""; 0]);
    export(&nobody, 7).await.missing_scopes(["payroll:export"]);
    assert!(
        matches!(export(&hr(), 7).await.outcome(), Outcome::ApprovalRequired(text) if text.contains("/approve/"))
    );
}

#[tokio::test]
#[should_panic(
    expected = "expected the call to be allowed, but a person has to approve the call: Log in and approve: \
                           Export the payroll of 2026-07: http"
)]
async fn allowed_panics_if_the_call_needs_an_approval() {
    export(&hr(), 7).await.allowed();
}

#[tokio::test]
#[should_panic(expected = "expected a person to have to approve the call, but the call was allowed and returned a \
                           result\n  call: export_count {}")]
async fn approval_required_panics_if_the_call_needs_none() {
    hr().call("export_count", json!({})).await.approval_required();
}

#[tokio::test]
#[should_panic(expected = "expected the call not to be approved, but a person has to approve the call")]
async fn not_approved_panics_without_a_decision() {
    export(&hr(), 7).await.not_approved();
}

#[tokio::test]
#[should_panic(expected = "expected the approval to be pending, but it was decided or withdrawn, or has expired\n  \
                           tool: payroll_export\n  approval: Export the payroll of 2026-07\n  URL: http")]
async fn an_approval_is_decided_once() {
    let approval = export(&hr(), 7).await.approval_required();
    approval.approve().await;
    approval.decline().await;
}
