//! What `#[tool]` writes triggers no lint, however strict the crate is that it is written in.
//!
//! `cargo clippy --all-targets` looks at this file too; the attributes below make its warnings errors.
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
    ToolOutput,
    content::{self, Content, Image},
    guard::{Arguments, Denied, require_org_role},
    prelude::*,
};

/// The scopes.
pub static SCOPES: Scopes =
    Scopes::new(&["reports:read:all", "reports:write:all"]).implies("reports:write:all", &["reports:read:all"]);

/// What the server holds.
#[derive(Debug)]
pub struct Reports;

/// A report.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Report {
    /// What it says.
    text: String,
}

/// A constant scope.
pub const WRITE: Scope = scope!("reports:write:all");

async fn within_reason(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
    if caller.has(WRITE) || arguments.as_object().len() < 3 {
        return Ok(());
    }
    Err(Denied::new("not that many"))
}

fn is_somebody(caller: &Caller) -> bool {
    caller.user_id().is_some()
}

/// Needs nothing.
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
    guard(within_reason, within_reason),
    visible_to(require_org_role("Owner"), is_somebody),
    timeout = "30s",
    meta = json!({ "example.com/cost": 3 }),
)]
pub async fn every_argument(report: Report, caller: &Caller, context: &Context, reports: &Reports) -> String {
    format!("{} {caller:?} {context:?} {reports:?}", report.text)
}

/// Takes arguments one by one.
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

/// Takes arguments through derives.
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

/// Takes everything as it came.
#[tool(scopes = "reports:read:all")]
async fn raw(#[serde(flatten)] arguments: JsonObject) -> Json<JsonObject> {
    Json(arguments)
}

/// Takes more than seven arguments, and a type that is better borrowed.
#[tool(scopes = "reports:read:all")]
#[deprecated = "too many"]
async fn many(one: u8, two: u8, three: u8, four: u8, five: u8, six: u8, seven: u8, last: String) -> Vec<Content> {
    let sum = [one, two, three, four, five, six, seven].iter().map(|&n| u32::from(n)).sum::<u32>();
    vec![Content::text(format!("{sum} {last}"))]
}

/// Is configured away, with its registration.
#[tool(scopes = "reports:read:all")]
#[cfg(any())]
async fn absent(missing: NoSuchType) {}

/// Asks for more inside.
#[tool(scopes = "reports:read:all")]
async fn asks(caller: &Caller) -> Result<Image, ToolError> {
    caller.require(scope!("reports:write:all"))?;
    Ok(content::image([0], "image/png"))
}

/// Has a result whose traits are in scope by name.
const fn is_output<T: ToolOutput>() -> usize {
    size_of::<T>()
}

#[test]
fn every_compiled_tool_is_registered() {
    let table = ScopeTable::of(&SCOPES);
    let names: Vec<_> = table.tools().iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["asks", "derived", "every.argument", "many", "nothing", "one_by_one", "raw"]);
    assert_eq!(is_output::<()>(), 0);
}
