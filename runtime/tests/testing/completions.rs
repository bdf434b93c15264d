//! Completions of arguments of prompts and of variables of URI templates.

use serde_json::json;
use toolgate::{
    CompletionArguments,
    auth::Claims,
    prelude::*,
    testing::{CallOutcome, CompletionResult, Outcome, TestServer},
};

/// The scopes of the prompts and resources.
static COMPLETED: Scopes = Scopes::new(&["reviews:read", "reviews:write"]);

/// How a review sounds.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Tone {
    Formal,
    Friendly,
}

/// Review the quarter of a team.
#[prompt(scopes = "reviews:write", scopes_in = crate::completions::COMPLETED)]
async fn team_review(
    department: String,
    #[arg(complete = team_names(value, arguments))] team: String,
    tone: Option<Tone>,
) -> String {
    let tone = if matches!(tone, Some(Tone::Formal)) { "formal" } else { "friendly" };
    format!("Write a {tone} review of {team} in {department}.")
}

fn team_names(value: &str, arguments: &CompletionArguments) -> Result<Vec<String>, ToolError> {
    match value {
        "fail" => return Err(ToolError::new("the directory is closed")),
        "mask" => return Err(ToolError::masked("the password is swordfish")),
        _ => {}
    }
    let teams = [("Payments", "Finance"), ("Platform", "Engineering"), ("Sales", "Sales")];
    let department = arguments.get("department");
    let teams = teams.iter().filter(|(_, of)| department.is_none_or(|department| department == *of));
    Ok(teams.map(|(team, _)| (*team).to_owned()).filter(|team| team.starts_with(value)).collect())
}

/// A review of HR.
#[prompt(authenticated, org_role = "HR", scopes_in = crate::completions::COMPLETED)]
async fn secret_review(tone: Tone) -> &'static str {
    if matches!(tone, Tone::Formal) { "Dear" } else { "Hi" }
}

/// The review of a quarter.
#[resource(uri = "reviews://{quarter}", scopes = "reviews:read", scopes_in = crate::completions::COMPLETED)]
async fn review(#[arg(complete = quarters(value))] quarter: String) -> String {
    quarter
}

fn quarters(value: &str) -> Vec<String> {
    (1..=101).map(|quarter| format!("Q{quarter}")).filter(|quarter| quarter.starts_with(value)).collect()
}

fn server() -> TestServer {
    TestServer::new(Server::new("reviews", &COMPLETED)).unwrap()
}

async fn complete(argument: &str, value: &str) -> CallOutcome<CompletionResult> {
    server().with_scopes(["reviews:write"]).complete_prompt("team_review", argument, value).await
}

#[tokio::test]
async fn allowed_returns_the_values() {
    let teams = complete("team", "P").await.allowed();
    assert_eq!((teams.values(), teams.has_more()), (&["Payments".to_owned(), "Platform".to_owned()][..], false));
    assert_eq!(teams.into_inner().total, Some(2));
    assert_eq!(complete("tone", "FR").await.allowed().values(), ["friendly"]);
    assert_eq!(complete("department", "").await.allowed().values(), [""; 0]);
    let quarters =
        server().with_scopes(["reviews:read"]).complete_resource("reviews://{quarter}", "quarter", "").await;
    assert_eq!((quarters.allowed().values().len(), quarters.allowed().has_more()), (100, true));
}

#[tokio::test]
async fn a_completion_has_the_arguments_that_are_filled_in() {
    let writer = server().with_scopes(["reviews:write"]).filled_in(json!({ "department": "Engineering" }));
    let teams = writer.complete_prompt("team_review", "team", "").await.allowed();
    assert_eq!(teams.values(), ["Platform"]);
    let invalid = writer.filled_in(json!("Engineering")).complete_prompt("team_review", "team", "").await;
    assert!(matches!(invalid.outcome(), Outcome::Rejected { status: 400, .. }), "{invalid:?}");
}

#[tokio::test]
async fn what_the_caller_may_not_use_is_not_completed() {
    let server = server();
    let reader = server.with_scopes(["reviews:read"]);
    let scopes = reader.complete_prompt("team_review", "team", "").await.missing_scopes(["reviews:write"]);
    assert_eq!(scopes.required, ["reviews:write"]);
    let writer = server.with_scopes(["reviews:write"]);
    writer.complete_resource("reviews://{quarter}", "quarter", "").await.missing_scopes(["reviews:read"]);
    writer.complete_prompt("secret_review", "tone", "").await.hidden();
    let hr = server.as_caller(Claims::new().subject("harriet").organization("org", "HR"));
    assert_eq!(hr.complete_prompt("secret_review", "tone", "").await.allowed().values(), ["formal", "friendly"]);
    let concealing = TestServer::new(Server::new("reviews", &COMPLETED).conceal_forbidden()).unwrap();
    concealing.with_scopes([""; 0]).complete_prompt("team_review", "team", "").await.hidden();
    concealing.with_scopes([""; 0]).complete_resource("reviews://{quarter}", "quarter", "").await.hidden();
}

#[tokio::test]
async fn a_completion_that_fails_has_its_outcome() {
    assert_eq!(complete("team", "fail").await.failed(), "the directory is closed");
    complete("team", "mask").await.masked();
    assert_eq!(complete("teem", "").await.invalid_arguments(), ["the prompt has no such argument"]);
    assert!(matches!(
        server().with_scopes([""; 0]).complete_prompt("no_review", "team", "").await.outcome(),
        Outcome::Unknown
    ));
    let expired = Claims::new().expires_at(std::time::SystemTime::UNIX_EPOCH);
    let expired = server().as_caller(expired).complete_prompt("team_review", "team", "").await;
    assert!(matches!(expired.outcome(), Outcome::Rejected { status: 401, .. }), "{expired:?}");
}

#[tokio::test]
#[should_panic(
    expected = "expected the call to be allowed, but the token lacks the scopes reviews:write (the call requires \
                reviews:write)\n  completion: prompt team_review, team = \"P\"\n  caller: user test-user, scopes: \
                reviews:read\n  response: 403 Forbidden"
)]
async fn allowed_panics_with_the_completion() {
    server().with_scopes(["reviews:read"]).complete_prompt("team_review", "team", "P").await.allowed();
}

#[tokio::test]
#[should_panic(expected = "expected the prompt to be hidden from the caller, but the call was allowed")]
async fn hidden_panics_if_there_are_values() {
    complete("team", "P").await.hidden();
}

#[tokio::test]
#[should_panic(
    expected = "but the server has no such operation\n  completion: resource reviews://Q1, quarter = \"\""
)]
async fn hidden_panics_if_a_uri_takes_the_place_of_its_template() {
    server().with_scopes(["reviews:read"]).complete_resource("reviews://Q1", "quarter", "").await.hidden();
}
