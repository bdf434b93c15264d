//! `toolgate::testing`: each assertion passes when it should, and panics when it should not.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[cfg(feature = "approvals")]
mod approvals;
mod completions;
#[cfg(feature = "rates")]
mod rates;
mod tasks;

use std::{
    env,
    process::Command,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use toolgate::{
    BuildProblem, MissingScopes,
    auth::{Claims, StaticTokens},
    input::Confirm,
    prelude::*,
    testing::{self, CallOutcome, Outcome, PromptResult, ResourceResult, TestCaller, TestServer},
};

/// The scopes of the server.
pub static SCOPES: Scopes =
    Scopes::new(&["payroll:read:all", "tickets:read", "tickets:write"]).implies("tickets:write", &["tickets:read"]);

/// A ticket.
#[derive(Serialize, JsonSchema)]
struct Ticket {
    ticket_id: u32,
}

/// Read a ticket.
#[tool(scopes = "tickets:read", read_only)]
async fn ticket(ticket_id: u32) -> Result<Json<Ticket>, ToolError> {
    match ticket_id {
        0 => Err(ToolError::new("tickets begin at 1")),
        1 => Err(ToolError::masked("the password is swordfish")),
        2 => panic!("the password is swordfish"),
        ticket_id => Ok(Json(Ticket { ticket_id })),
    }
}

/// Return the claims of the caller. It takes a context, so rmcp responds.
#[tool(authenticated, read_only)]
async fn whoami(caller: &Caller, context: &Context) -> Json<Value> {
    Json(json!({
        "user": caller.user_id(),
        "organization": caller.org_id(),
        "role": caller.org_role(),
        "scopes": caller.scopes().collect::<Vec<_>>(),
        "tools": context.tools().collect::<Vec<_>>(),
        "revision": context.protocol_version().map(|version| version.to_string()),
    }))
}

/// Allows every department but the caller's role.
fn other_department(caller: &Caller, department: &str) -> Result<(), Denied> {
    if Some(department) == caller.org_role() { Err(Denied::new("this is your own department")) } else { Ok(()) }
}

/// Return the payroll of a department.
#[tool(scopes = "payroll:read:all", guard = other_department(caller, &department), read_only)]
async fn payroll(department: String) -> String {
    format!("the payroll of {department}")
}

/// Delete a ticket.
#[tool(scopes("tickets:read", "tickets:write"), org_role = "Owner", destructive)]
async fn ticket_delete(ticket_id: u32) -> String {
    format!("deleted {ticket_id}")
}

/// Search in tickets; those of others require one more scope. It takes a context, so rmcp responds.
#[tool(scopes = "tickets:read", read_only)]
async fn search(others: bool, caller: &Caller, context: &Context) -> Result<&'static str, ToolError> {
    let _ = context;
    if others {
        caller.require(scope!("tickets:write"))?;
    }
    Ok("nothing was found")
}

/// Return a region, which a header repeats.
#[tool(authenticated, read_only)]
async fn regional(#[arg(header = "Region")] region: String) -> String {
    region
}

/// Never return.
#[tool(authenticated, timeout = "10ms")]
async fn hang() {
    std::future::pending::<()>().await;
}

/// Ask for a confirmation.
#[tool(authenticated)]
async fn confirm(context: &Context) -> Result<&'static str, ToolError> {
    context.ask::<Confirm>("Are you sure?").await?;
    Ok("confirmed")
}

/// Return a long text.
#[tool(authenticated)]
async fn long() -> String {
    "x".repeat(10_000)
}

/// Return an error as a result.
#[tool(authenticated)]
async fn own_error() -> toolgate::CallToolResult {
    toolgate::CallToolResult::error(vec![toolgate::content::Content::text("an error of its own")])
}

/// Draft a reply to a ticket.
#[prompt(scopes = "tickets:write", guard = open_ticket(ticket_id))]
async fn reply(ticket_id: u32, tone: Option<String>) -> Result<String, ToolError> {
    match ticket_id {
        0 => Err(ToolError::new("tickets begin at 1")),
        1 => Err(ToolError::masked("the password is swordfish")),
        2 => panic!("the password is swordfish"),
        ticket_id => Ok(format!("Write a {} reply to ticket {ticket_id}.", tone.as_deref().unwrap_or("friendly"))),
    }
}

/// Allows every ticket but the closed one.
fn open_ticket(ticket_id: u32) -> Result<(), Denied> {
    if ticket_id == 99 { Err(Denied::new("the ticket is closed")) } else { Ok(()) }
}

/// Review a quarter. It takes a context, so rmcp responds.
#[prompt(scopes = "payroll:read:all", org_role = "HR")]
async fn quarterly_review(context: &Context) -> &'static str {
    let _ = context;
    "Review the quarter."
}

/// The rules for tickets.
#[resource(uri = "tests://rules", scopes = "tickets:read", mime_type = "text/markdown")]
async fn rules() -> &'static str {
    "# Rules"
}

/// The icon of a ticket.
#[resource(uri = "tests://icon", authenticated, mime_type = "image/png")]
async fn icon() -> Vec<u8> {
    vec![0, 255]
}

/// A ticket as a resource.
#[resource(uri = "tests://tickets/{ticket_id}", scopes = "tickets:read", guard = open_ticket(ticket_id))]
async fn ticket_record(ticket_id: u32) -> Result<Json<Ticket>, ToolError> {
    match ticket_id {
        0 => Err(ToolError::not_found()),
        1 => Err(ToolError::masked("the password is swordfish")),
        2 => panic!("the password is swordfish"),
        3 => Err(ToolError::new("the archive is closed")),
        ticket_id => Ok(Json(Ticket { ticket_id })),
    }
}

/// The payroll of a year.
#[resource(uri = "tests://payroll/{year}", scopes = "payroll:read:all", org_role = "HR")]
async fn payroll_of_year(year: u16) -> String {
    format!("the payroll of {year}")
}

fn builder() -> Server {
    Server::new("tests", &SCOPES).limits(|limits| limits.max_result_bytes = 5000)
}

fn server() -> TestServer {
    TestServer::new(builder()).unwrap()
}

fn reader() -> TestCaller {
    server().with_scopes(["tickets:read"])
}

async fn read_ticket(ticket_id: u32) -> CallOutcome {
    reader().call("ticket", json!({ "ticket_id": ticket_id })).await
}

async fn read_own_payroll() -> CallOutcome {
    let claims = Claims::new().organization("org", "HR").scopes(["payroll:read:all"]);
    server().as_caller(claims).call("payroll", json!({ "department": "HR" })).await
}

async fn delete_as_member() -> CallOutcome {
    server().with_scopes(["tickets:write"]).call("ticket_delete", json!({ "ticket_id": 7 })).await
}

#[tokio::test]
async fn tools_are_those_that_the_caller_may_call() {
    let server = server();
    let open = ["confirm", "hang", "long", "own_error", "regional"];
    assert_eq!(server.with_scopes([""; 0]).tools().await, [&open[..], &["whoami"]].concat());
    assert_eq!(reader().tools().await, [&open[..], &["search", "ticket", "whoami"]].concat());
}

#[tokio::test]
async fn prompts_and_resources_are_those_that_the_caller_may_use() {
    let server = server().role("HR", ["payroll:read:all"]);
    let hr = server.as_role("HR");
    assert_eq!(hr.prompts().await, ["quarterly_review"]);
    assert_eq!(hr.resources().await, ["tests://icon"]);
    assert_eq!(hr.resource_templates().await, ["tests://payroll/{year}"]);
    let writer = server.with_scopes(["tickets:write"]);
    assert_eq!(writer.prompts().await, ["reply"]);
    assert_eq!(writer.resources().await, ["tests://icon", "tests://rules"]);
    assert_eq!(writer.resource_templates().await, ["tests://tickets/{ticket_id}"]);
    let described = writer.list_resources().await;
    assert_eq!(described.len(), 3);
    assert_eq!(described[2]["uriTemplate"], "tests://tickets/{ticket_id}");
    assert_eq!(writer.list_prompts().await[0]["arguments"][0]["name"], "ticket_id");
}

#[tokio::test]
async fn lists_have_every_page() {
    let server = TestServer::new(builder().operations(|operations| operations.list_page_size = 1)).unwrap();
    let writer = server.with_scopes(["tickets:write"]);
    assert_eq!(writer.tools().await.len(), 8);
    assert_eq!(writer.resources().await, ["tests://icon", "tests://rules"]);
}

async fn write_reply(ticket_id: &str) -> CallOutcome<PromptResult> {
    server().with_scopes(["tickets:write"]).prompt("reply", json!({ "ticket_id": ticket_id })).await
}

async fn read_record(ticket_id: &str) -> CallOutcome<ResourceResult> {
    reader().resource(&format!("tests://tickets/{ticket_id}")).await
}

#[tokio::test]
async fn a_prompt_has_every_outcome() {
    let prompt = write_reply("7").await.allowed();
    assert_eq!(prompt.text(), "Write a friendly reply to ticket 7.");
    assert_eq!(
        (prompt.messages().len(), prompt.into_inner().description.as_deref()),
        (1, Some("Draft a reply to a ticket."))
    );
    assert_eq!(write_reply("x").await.invalid_arguments().len(), 1);
    assert_eq!(write_reply("0").await.failed(), "tickets begin at 1");
    assert_eq!(write_reply("99").await.denied(), "not allowed: the ticket is closed");
    write_reply("1").await.masked();
    assert!(matches!(write_reply("2").await.outcome(), Outcome::Panicked(_)));
    reader().prompt("reply", json!({ "ticket_id": "7" })).await.missing_scopes(["tickets:write"]);
    reader().prompt("quarterly_review", Value::Null).await.hidden();
    assert!(matches!(reader().prompt("ticket", json!({})).await.outcome(), Outcome::Unknown));
    let hr = Claims::new().organization("org", "HR").scopes(["payroll:read:all"]);
    let review = server().as_caller(hr).prompt("quarterly_review", json!({})).await.allowed();
    assert_eq!(review.text(), "Review the quarter.");
}

#[tokio::test]
async fn a_resource_has_every_outcome() {
    let record = read_record("7").await.allowed();
    assert_eq!(record.json(), json!({ "ticket_id": 7 }));
    assert_eq!(record.mime_type(), Some("application/json"));
    assert_eq!(reader().resource("tests://rules").await.allowed().text(), "# Rules");
    let icon = reader().resource("tests://icon").await.allowed();
    assert_eq!((icon.bytes(), icon.mime_type()), (vec![0, 255], Some("image/png")));
    assert_eq!(icon.into_inner().contents.len(), 1);
    read_record("0").await.not_found();
    read_record("seven").await.not_found();
    assert_eq!(read_record("3").await.failed(), "the archive is closed");
    assert_eq!(read_record("99").await.denied(), "not allowed: the ticket is closed");
    read_record("1").await.masked();
    assert!(matches!(read_record("2").await.outcome(), Outcome::Panicked(_)));
    server().with_scopes([""; 0]).resource("tests://rules").await.missing_scopes(["tickets:read"]);
    server().with_scopes([""; 0]).resource("tests://tickets/7").await.missing_scopes(["tickets:read"]);
    reader().resource("tests://payroll/2026").await.hidden();
    for uri in ["tests://rulez", "tests://tickets/7/8", "tests://tickets/..", "ticket", "TESTS://rules"] {
        assert!(matches!(reader().resource(uri).await.outcome(), Outcome::Unknown), "{uri}");
    }
}

#[tokio::test]
async fn concealed_prompts_and_resources_are_hidden() {
    let server = TestServer::new(builder().conceal_forbidden()).unwrap();
    let nobody = server.with_scopes([""; 0]);
    nobody.prompt("reply", json!({ "ticket_id": "7" })).await.hidden();
    nobody.resource("tests://rules").await.hidden();
    nobody.resource("tests://tickets/7").await.hidden();
}

#[tokio::test]
#[should_panic(
    expected = "expected the call to be allowed, but the token lacks the scopes tickets:write (the call requires \
                           tickets:write)\n  prompt: reply {\"ticket_id\":\"7\"}\n  caller: user test-user, scopes: \
                           tickets:read\n  response: 403 Forbidden"
)]
async fn allowed_panics_with_the_prompt() {
    reader().prompt("reply", json!({ "ticket_id": "7" })).await.allowed();
}

#[tokio::test]
#[should_panic(
    expected = "expected the resource to be hidden from the caller, but the server has no such operation\n  \
                           resource: tests://tickets\n"
)]
async fn hidden_panics_if_no_template_matches_the_uri() {
    reader().resource("tests://tickets").await.hidden();
}

#[tokio::test]
#[should_panic(
    expected = "\n  resources: tests://icon, tests://rules, tests://payroll/{year}, tests://tickets/{ticket_id}"
)]
async fn an_unknown_resource_panics_with_all_of_them() {
    reader().resource("tests://rulez").await.allowed();
}

#[tokio::test]
#[should_panic(expected = "expected the resource not to be found, but the call was allowed and returned a result")]
async fn not_found_panics_if_the_resource_has_contents() {
    read_record("7").await.not_found();
}

#[tokio::test]
async fn list_has_the_schemas() {
    let tools = reader().list().await;
    let ticket = tools.iter().find(|tool| tool["name"] == "ticket").unwrap();
    assert_eq!(ticket["inputSchema"]["properties"]["ticket_id"]["type"], "integer");
    assert_eq!(ticket["annotations"]["readOnlyHint"], true);
}

#[tokio::test]
#[should_panic(expected = "401")]
async fn tools_panics_if_the_list_is_rejected() {
    let expired = Claims::new().expires_at(SystemTime::now() - Duration::from_secs(1));
    server().as_caller(expired).tools().await;
}

#[tokio::test]
async fn allowed_returns_the_result() {
    let result = read_ticket(7).await.allowed();
    assert_eq!(result.structured(), json!({ "ticket_id": 7 }));
    assert_eq!(result.text(), r#"{"ticket_id":7}"#);
    assert_eq!(result.into_inner().is_error, Some(false));
}

#[tokio::test]
#[should_panic(expected = "expected structured content, but the result has only the text \"nothing was found\"")]
async fn structured_panics_without_structured_content() {
    reader().call("search", json!({ "others": false })).await.allowed().structured();
}

#[tokio::test]
#[should_panic(expected = "expected the call to be allowed, but the token lacks the scopes tickets:read (the call \
                           requires tickets:read)\n  call: ticket {\"ticket_id\":7}\n  caller: user test-user, scopes: \
                           payroll:read:all\n  response: 403 Forbidden, WWW-Authenticate: Bearer ")]
async fn allowed_panics_with_the_call_the_caller_and_the_response() {
    let caller = server().with_scopes(["payroll:read:all"]);
    caller.call("ticket", json!({ "ticket_id": 7 })).await.allowed();
}

#[tokio::test]
#[should_panic(expected = "but the call failed: tickets begin at 1")]
async fn allowed_panics_if_the_tool_fails() {
    read_ticket(0).await.allowed();
}

#[tokio::test]
async fn missing_scopes_returns_all_required_scopes() {
    let server = server();
    let owner = server.as_caller(Claims::new().organization("org", "Owner").scopes(["tickets:read"]));
    let MissingScopes { required, missing, .. } =
        owner.call("ticket_delete", json!({})).await.missing_scopes(["tickets:write"]);
    assert_eq!((required, missing), (vec!["tickets:read", "tickets:write"], vec!["tickets:write"]));
    let owner = server.as_caller(Claims::new().organization("org", "Owner"));
    owner.call("ticket_delete", json!({})).await.missing_scopes(["tickets:write", "tickets:read"]);
}

#[tokio::test]
async fn missing_scopes_accepts_a_challenge_from_the_body() {
    let scopes = reader().call("search", json!({ "others": true })).await.missing_scopes(["tickets:write"]);
    assert_eq!(scopes.required, ["tickets:read", "tickets:write"]);
}

#[tokio::test]
#[should_panic(
    expected = "expected a challenge because the token lacks the scopes tickets:read, but the call was allowed"
)]
async fn missing_scopes_panics_if_the_call_is_allowed() {
    read_ticket(7).await.missing_scopes(["tickets:read"]);
}

#[tokio::test]
#[should_panic(expected = "but the token lacks the scopes tickets:read (the call requires tickets:read)")]
async fn missing_scopes_panics_if_fewer_are_missing() {
    let call = server().with_scopes([""; 0]).call("ticket", json!({})).await;
    call.missing_scopes(["tickets:read", "tickets:write"]);
}

#[tokio::test]
#[should_panic(expected = "but the token lacks the scopes tickets:read, tickets:write")]
async fn missing_scopes_panics_if_more_are_missing() {
    let owner = server().as_caller(Claims::new().organization("org", "Owner"));
    owner.call("ticket_delete", json!({})).await.missing_scopes(["tickets:write"]);
}

#[tokio::test]
async fn denied_returns_the_text_of_the_guard() {
    assert_eq!(read_own_payroll().await.denied(), "not allowed: this is your own department");
}

#[tokio::test]
#[should_panic(expected = "expected a guard to deny the call, but the call failed: tickets begin at 1")]
async fn denied_panics_if_the_tool_fails() {
    read_ticket(0).await.denied();
}

#[tokio::test]
async fn hidden_accepts_hidden_disabled_and_concealed_tools() {
    delete_as_member().await.hidden();
    let disabled = TestServer::new(builder().deny(|tool| tool.name == "ticket")).unwrap();
    disabled.with_scopes(["tickets:read"]).call("ticket", json!({ "ticket_id": 7 })).await.hidden();
    let concealing = TestServer::new(builder().conceal_forbidden()).unwrap();
    concealing.with_scopes([""; 0]).call("ticket", json!({ "ticket_id": 7 })).await.hidden();
}

#[tokio::test]
#[should_panic(expected = "expected the tool to be hidden from the caller, but the call was allowed")]
async fn hidden_panics_if_the_call_is_allowed() {
    read_ticket(7).await.hidden();
}

#[tokio::test]
#[should_panic(expected = "expected the tool to be hidden from the caller, but the token lacks the scopes")]
async fn hidden_panics_if_there_is_a_challenge() {
    server().with_scopes([""; 0]).call("ticket", json!({})).await.hidden();
}

#[tokio::test]
#[should_panic(expected = "but the server has no such operation")]
async fn hidden_panics_if_the_name_is_misspelled() {
    reader().call("ticket_delte", json!({})).await.hidden();
}

#[tokio::test]
#[should_panic(
    expected = "\n  tools: confirm, hang, long, own_error, payroll, regional, search, ticket, ticket_delete, whoami"
)]
async fn the_message_about_an_unknown_tool_has_the_names_of_all_tools() {
    reader().call("tickets", json!({})).await.allowed();
}

#[tokio::test]
async fn invalid_arguments_returns_every_violation() {
    let call = reader().call("ticket", json!({ "ticket_id": "seven", "extra": true })).await;
    let violations = call.invalid_arguments();
    assert_eq!(violations.len(), 2, "{violations:?}");
    assert!(violations.iter().any(|violation| violation.starts_with("/ticket_id: ")), "{violations:?}");
    assert!(violations.iter().any(|violation| violation.starts_with("(arguments): ")), "{violations:?}");
}

#[tokio::test]
#[should_panic(expected = "expected the arguments to violate the input schema, but the call was allowed")]
async fn invalid_arguments_panics_if_the_call_is_allowed() {
    read_ticket(7).await.invalid_arguments();
}

#[tokio::test]
async fn failed_returns_the_text_of_the_error() {
    assert_eq!(read_ticket(0).await.failed(), "tickets begin at 1");
    assert_eq!(reader().call("own_error", json!({})).await.failed(), "an error of its own");
}

#[tokio::test]
#[should_panic(expected = "but the call failed with an error that only the log shows: internal error (reference ")]
async fn failed_panics_if_the_error_is_masked() {
    read_ticket(1).await.failed();
}

#[tokio::test]
#[should_panic(expected = "expected the body to fail with an error that the model sees, but the arguments violate")]
async fn failed_panics_if_the_arguments_are_invalid() {
    reader().call("ticket", json!({})).await.failed();
}

#[tokio::test]
async fn masked_accepts_an_internal_error() {
    read_ticket(1).await.masked();
}

#[tokio::test]
#[should_panic(
    expected = "expected the body to fail with an error that only the log shows, but the call failed: tickets"
)]
async fn masked_panics_if_the_model_sees_the_error() {
    read_ticket(0).await.masked();
}

#[tokio::test]
#[should_panic(expected = "but the call panicked: internal error")]
async fn masked_panics_if_the_tool_panicked() {
    read_ticket(2).await.masked();
}

#[tokio::test]
async fn outcome_distinguishes_what_the_other_methods_do_not_assert() {
    let outcome = async |tool: &str| reader().call(tool, json!({})).await.outcome().clone();
    assert!(matches!(outcome("hang").await, Outcome::TimedOut(_)));
    assert!(matches!(outcome("long").await, Outcome::ResultTooLarge(_)));
    assert!(matches!(outcome("tickets").await, Outcome::Unknown));
    assert!(matches!(outcome("größe").await, Outcome::Unknown));
    let Outcome::InputRequired(requests) = outcome("confirm").await else { panic!("it asks") };
    let request = requests.as_object().unwrap().values().next().unwrap();
    assert_eq!(request["params"]["message"], "Are you sure?");
    assert!(matches!(read_ticket(2).await.outcome(), Outcome::Panicked(_)));
}

#[tokio::test]
async fn a_rejected_request_has_its_status_and_message() {
    let server = server();
    let rejected = async |claims: Claims| {
        let call = server.as_caller(claims).call("whoami", json!({})).await;
        let Outcome::Rejected { status, message } = call.outcome().clone() else { panic!("{call:?}") };
        (status, message)
    };
    let (status, message) = rejected(Claims::new().expires_at(SystemTime::UNIX_EPOCH)).await;
    assert_eq!((status, message.contains("expired")), (401, true), "{message}");
    assert_eq!(rejected(Claims::new().audience(["https://other.example.com/mcp"])).await.0, 401);
    let call = reader().call("whoami", json!([1])).await;
    assert!(matches!(call.outcome(), Outcome::Rejected { status: 400, .. }), "{call:?}");
}

#[tokio::test]
async fn a_tool_with_a_context_receives_the_newest_revision() {
    let whoami = reader().call("whoami", json!({})).await.allowed().structured();
    assert_eq!(whoami["revision"], "2026-07-28");
    assert_eq!(whoami["tools"], json!(reader().tools().await));
}

#[tokio::test]
async fn arguments_are_mirrored_into_their_headers() {
    for region in ["eu", "größe", " =?base64?x?= ", ""] {
        let call = reader().call("regional", json!({ "region": region })).await;
        assert_eq!(call.allowed().text(), region);
    }
    reader().call("regional", json!({})).await.invalid_arguments();
}

#[tokio::test]
async fn responses_do_not_depend_on_the_fast_path() {
    let server = TestServer::new(builder().fast_path(false)).unwrap();
    let reader = server.with_scopes(["tickets:read"]);
    assert_eq!(reader.tools().await, self::reader().tools().await);
    reader.call("ticket", json!({ "ticket_id": 7 })).await.allowed();
    reader.call("ticket", json!({ "ticket_id": 1 })).await.masked();
    reader.call("payroll", json!({})).await.missing_scopes(["payroll:read:all"]);
    reader.call("ticket_delete", json!({})).await.hidden();
}

#[tokio::test]
async fn a_role_has_its_scopes_a_user_and_an_organization() {
    let server = server().role("Owner", ["tickets:write"]).role("HR", ["foreign"]).role("HR", ["payroll:read:all"]);
    let claims = server.as_role("HR").call("whoami", json!({})).await.allowed().structured();
    assert_eq!(claims["role"], "HR");
    assert_eq!(claims["scopes"], json!(["payroll:read:all"]));
    assert_eq!((&claims["user"], &claims["organization"]), (&json!("test-user-HR"), &json!("test-organization")));
    server.as_role("Owner").call("ticket_delete", json!({ "ticket_id": 7 })).await.allowed();
}

#[test]
#[should_panic(expected = "unknown role `Hr`; the roles are HR, Owner")]
fn as_role_panics_with_the_known_roles() {
    server().role("HR", [""; 0]).role("Owner", [""; 0]).as_role("Hr");
}

#[test]
#[should_panic(
    expected = "the scope `ticket:read` is in no list of the server; its scopes are payroll:read:all, tickets:read"
)]
fn with_scopes_panics_if_a_scope_is_misspelled() {
    server().with_scopes(["ticket:read"]);
}

#[tokio::test]
async fn as_caller_accepts_scopes_of_other_servers() {
    let caller = server().as_caller(Claims::new().scopes(["ticket:read"]));
    caller.call("ticket", json!({})).await.missing_scopes(["tickets:read"]);
}

#[tokio::test]
async fn concurrent_calls_keep_their_outcomes() {
    let reader = reader();
    let call = async |ticket_id| reader.call("ticket", json!({ "ticket_id": ticket_id })).await;
    let (allowed, failed, masked) = tokio::join!(call(7), call(0), call(1));
    allowed.allowed();
    failed.failed();
    masked.masked();
}

#[test]
fn a_server_is_built_without_its_validator_address_and_runtime() {
    let address = "203.0.113.1:443".parse().unwrap();
    let other = builder().auth(StaticTokens::new()).bind(address).server_url("https://mcp.example.com/base");
    let server = TestServer::new(other).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let call = runtime.block_on(server.with_scopes(["tickets:read"]).call("ticket", json!({ "ticket_id": 7 })));
    call.allowed();
}

#[test]
fn other_problems_of_the_builder_are_reported() {
    let broken = builder().auth(StaticTokens::new()).auth(StaticTokens::new());
    assert_eq!(TestServer::new(broken).unwrap_err().problems(), [BuildProblem::DuplicateValidator]);
    let broken = builder().http(|http| http.endpoint_path = "mcp/".to_owned());
    assert!(TestServer::new(broken).is_err());
}

#[test]
fn the_addresses_in_the_environment_are_ignored() {
    let test = "a_server_is_built_without_its_validator_address_and_runtime";
    let mut command = Command::new(env::current_exe().unwrap());
    for variable in ["SERVER_URL", "BIND_ADDR", "METRICS_ADDR", "CONSOLE_ADDR", "TOOLGATE_HTTP_BIND"] {
        command.env(variable, "invalid");
    }
    let output = command.args([test, "--exact"]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

#[tokio::test]
async fn a_guard_can_be_tested_without_a_server() {
    let harriet = testing::caller(&SCOPES, Claims::new().organization("org", "HR").scopes(["tickets:write"]));
    assert!(harriet.has(scope!("tickets:read")));
    assert!(other_department(&harriet, "Sales").is_ok());
    assert_eq!(other_department(&harriet, "HR").unwrap_err().to_string(), "this is your own department");
    assert_eq!(payroll("HR".to_owned()).await, "the payroll of HR");
}
