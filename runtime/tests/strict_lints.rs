//! Generated code triggers no lint in a crate with strict lints. `cargo clippy --all-targets` checks this file, and the
//! attributes below make its warnings errors.

#![forbid(unsafe_code)]
#![deny(
    future_incompatible,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results,
    let_underscore_drop,
    missing_debug_implementations,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unnameable_types,
    warnings
)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::absolute_paths, clippy::missing_docs_in_private_items, clippy::wildcard_imports)]

use toolgate::{
    CompletionArguments, OperationKind, ToolOutput,
    content::{self, Content, Image},
    prelude::*,
};

/// The scopes.
pub static SCOPES: Scopes =
    Scopes::new(&["reports:read:all", "reports:write:all"]).implies("reports:write:all", &["reports:read:all"]);

/// State of the server.
#[derive(Debug)]
pub struct Reports;

/// A report.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Report {
    /// Text of the report.
    text: String,
}

/// A constant scope.
pub const WRITE: Scope = scope!("reports:write:all");

/// The roles.
pub static ROLES: Roles = Roles::new(&["Owner", "Member"]);

/// Access to writing.
#[derive(Debug, ScopeMarker)]
#[scope("reports:write:all")]
pub struct Write;

/// Access to reading.
#[derive(Debug, ScopeMarker)]
#[scope("reports:read:all")]
pub struct Read;

/// State that only the guard of a tool uses.
#[derive(Debug)]
pub struct Quota;

fn short_report(caller: &Caller, report: &Report, quota: &Quota) -> Result<(), Denied> {
    if caller.has(WRITE) || report.text.len() < 3 {
        return Ok(());
    }
    Err(Denied::new(format!("the report is too long for {quota:?}")))
}

async fn same_session(context: &Context) -> Result<(), Denied> {
    context.progress(0.0, None, None).await;
    if context.request_id().is_empty() { Err(Denied::new("no request")) } else { Ok(()) }
}

fn has_user_id(caller: &Caller) -> bool {
    caller.user_id().is_some()
}

const fn has_reports(_reports: &Reports) -> bool {
    true
}

/// Has no parameters.
#[tool(authenticated)]
async fn nothing() {}

/// Has every argument of the attribute.
#[tool(
    scopes("reports:read:all", "reports:write:all"),
    any_scope("reports:read:all", "reports:write:all"),
    scopes_in = SCOPES,
    name = "every.argument",
    title = "Every argument",
    description = "Takes all of them.",
    read_only,
    destructive = false,
    idempotent,
    open_world = false,
    scopes_if(report.text.is_empty(), "reports:write:all"),
    scopes_if(matches!(report.text.as_str(), "a" | "b"), "reports:read:all", "reports:write:all"),
    guard(short_report(caller, &report, quota), same_session(context)),
    visible_to(has_user_id(caller), has_reports(reports)),
    org_role("Owner", "Member"),
    org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11",
    timeout = "30s",
    meta = json!({ "example.com/cost": 3 }),
)]
pub async fn every_argument(
    report: Report,
    caller: &Caller,
    context: &Context,
    reports: &Reports,
    access: &Granted<Write>,
    quota: &Quota,
) -> String {
    format!("{} {caller:?} {context:?} {reports:?} {access:?}", report.text)
}

/// Takes arguments without attributes.
#[tool(scopes = "reports:read:all")]
pub(crate) async fn one_by_one(
    /// What to look for.
    query: String,
    limit: Option<u32>,
    #[arg(header = "Region")] region: String,
    many: Vec<Report>,
) -> Result<Json<Report>, ToolError> {
    Ok(Json(Report { text: format!("{query} {limit:?} {region} {many:?}") }))
}

/// Takes arguments with attributes.
#[tool(scopes = "reports:read:all")]
async fn derived(
    /// What to look for.
    #[serde(default, rename = "q")]
    query: String,
    #[schemars(range(min = 1, max = 50))]
    #[arg(header = "Limit")]
    limit: u32,
    mut rest: Vec<String>,
) -> Result<String, ToolError> {
    rest.push(format!("{query} {limit}"));
    Ok(rest.join(" "))
}

/// Takes all arguments as one object.
#[tool(scopes = "reports:read:all")]
async fn raw(#[serde(flatten)] arguments: JsonObject) -> Json<JsonObject> {
    Json(arguments)
}

/// Takes more than seven arguments, and one that Clippy would borrow.
#[tool(scopes = "reports:read:all")]
#[deprecated = "too many"]
async fn many(one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8, last: String) -> Vec<Content> {
    let sum = [one, two, three, four, five, six, seven].iter().map(|&n| u32::from(n)).sum::<u32>();
    vec![Content::text(format!("{sum} {last}"))]
}

/// Is not compiled, and neither is its registration.
#[tool(scopes = "reports:read:all")]
#[cfg(any())]
async fn absent(missing: NoSuchType) {}

/// Requires a scope in the body.
#[tool(scopes = "reports:read:all")]
async fn requires_scope(caller: &Caller) -> Result<Image, ToolError> {
    caller.require(scope!("reports:write:all"))?;
    Ok(content::image([0], "image/png"))
}

/// Becomes a task, which a person approves.
#[tool(scopes = "reports:write:all", destructive, task, approve = "Delete the reports of {year} before {month:02}")]
async fn approved(year: u32, month: u8, reports: &Reports) -> String {
    format!("{reports:?}")
}

/// Has no parameters.
#[prompt(authenticated)]
async fn greeting() -> &'static str {
    "Hello"
}

const fn quarters(_value: &str) -> Vec<&'static str> {
    Vec::new()
}

#[expect(clippy::unused_async, reason = "an `async fn` is one of the kinds of completions")]
async fn teams(
    value: &str,
    arguments: &CompletionArguments,
    caller: &Caller,
    reports: &Reports,
) -> Result<Vec<String>, ToolError> {
    caller.require(WRITE)?;
    Ok(vec![format!("{value} {:?} {reports:?}", arguments.get("quarter"))])
}

/// Completes its arguments.
#[prompt(
    scopes = "reports:read:all",
    name = "every.completion",
    title = "Every completion",
    scopes_if(quarter == "Q1", "reports:write:all"),
    guard = same_session(context),
    visible_to = has_reports(reports),
    timeout = "30s",
    audit("quarter")
)]
async fn every_completion(
    /// The quarter.
    #[arg(complete = quarters)]
    quarter: String,
    #[arg(complete = teams(value, arguments, caller, reports))]
    #[serde(default)]
    team: String,
    reports: &Reports,
) -> Result<String, ToolError> {
    Ok(format!("{quarter} {team}"))
}

/// Has every argument of a resource.
#[resource(
    uri = "reports://all",
    scopes = "reports:read:all",
    name = "all.reports",
    title = "All reports",
    mime_type = "text/plain",
    size = 2048,
    audience("user", "assistant"),
    priority = 0.5,
    org_role = "Owner",
    concurrency = 4
)]
async fn all_reports(reports: &Reports, access: &Granted<Read>) -> String {
    format!("{reports:?} {access:?}")
}

/// Is a template.
#[resource(uri = "reports://{year}/{quarter}", scopes = "reports:read:all")]
async fn report(year: u16, #[arg(complete = quarters)] quarter: String) -> Result<Json<Report>, ToolError> {
    Ok(Json(Report { text: format!("{year} {quarter}") }))
}

/// Uses the imported trait, which generated code must not need.
const fn assert_output<T: ToolOutput>() {}

const _: () = assert_output::<()>();

#[test]
fn every_compiled_operation_is_registered() {
    let policy = Policy::of(&SCOPES);
    let names = |kind| {
        let operations = policy.operations.iter().filter(move |operation| operation.kind == kind);
        operations.map(|operation| operation.name.as_str()).collect::<Vec<_>>()
    };
    let tools = ["approved", "derived", "every.argument", "many", "nothing", "one_by_one", "raw", "requires_scope"];
    assert_eq!(names(OperationKind::Tool), tools);
    assert_eq!(names(OperationKind::Prompt), ["every.completion", "greeting"]);
    assert_eq!(names(OperationKind::Resource), ["reports://all", "reports://{year}/{quarter}"]);
}
