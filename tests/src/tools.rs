//! The tools of the test server. Most record in their state that their body ran.

use std::borrow::Cow;

use toolgate::prelude::*;

use crate::ToolBodies;

/// The scopes of the test server. `files:admin` implies `files:write`, which implies `files:read`.
pub static SCOPES: Scopes = Scopes::new(&[
    "files:admin",
    "files:read",
    "files:write",
    "people:read:private",
    "people:read:public",
    "reports:read",
])
.implies("files:admin", &["files:write"])
.implies("files:write", &["files:read"]);

/// The scopes of a server on which two tools have the same name.
pub static DUPLICATE_NAME_SCOPES: Scopes = Scopes::new(&["other:read"]);

/// Everything that a tool can read of the request.
#[derive(Serialize, JsonSchema)]
struct RequestInfo {
    user: Option<String>,
    scopes: Vec<&'static str>,
    tools: Vec<&'static str>,
    headers: Vec<(String, String)>,
    /// `Debug` of all of it.
    debug: String,
}

/// Return everything that a tool can read of the request.
#[tool(authenticated, read_only)]
async fn request_info(caller: &Caller, context: &Context, bodies: &ToolBodies) -> Json<RequestInfo> {
    bodies.record_run();
    let headers = context.headers().iter();
    Json(RequestInfo {
        user: caller.user_id().map(str::to_owned),
        scopes: caller.scopes().collect(),
        tools: context.tools().collect(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        debug: format!("{caller:?} {context:?} {:?} {:?}", caller.claims(), context.meta()),
    })
}

/// A person's public profile.
#[derive(Serialize, JsonSchema)]
struct Profile {
    /// The name on the badge.
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<u16>,
}

/// Return a person's public profile.
#[tool(scopes = "people:read:public", read_only)]
async fn people_public(
    /// The person's ID, such as `per_7`.
    #[schemars(regex(pattern = "^per_[0-9]+$"))]
    person_id: String,
    bodies: &ToolBodies,
) -> Json<Profile> {
    bodies.record_run();
    Json(Profile { name: format!("Person {person_id}"), room: Some(7) })
}

/// Return a person's private record.
#[tool(scopes("people:read:private", "people:read:public"), read_only)]
async fn people_private(person_id: Option<String>, bodies: &ToolBodies) -> String {
    bodies.record_run();
    format!("the private record of {}", person_id.unwrap_or_default())
}

/// Return a report.
#[tool(any_scope("reports:read", "files:read"), read_only)]
async fn report(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    "the report"
}

/// Read a file.
#[tool(scopes = "files:read", read_only)]
async fn file_read(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    "contents"
}

/// Write a file.
#[tool(scopes = "files:write", any_scope("people:read:private", "reports:read"), destructive)]
async fn file_write(bodies: &ToolBodies) {
    bodies.record_run();
}

/// Return what only owners may see.
#[tool(authenticated, org_role = "Owner")]
async fn owner_only(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    "for owners"
}

/// Search for people; private records require one more scope.
#[tool(scopes = "people:read:public", read_only)]
async fn people_search(private: bool, caller: &Caller, bodies: &ToolBodies) -> Result<&'static str, ToolError> {
    bodies.record_run();
    if private {
        caller.require(scope!("people:read:private"))?;
        return Ok("with private records");
    }
    Ok("public records only")
}

/// Report progress, then require one more scope.
#[tool(scopes = "people:read:public")]
async fn requires_scope_late(caller: &Caller, context: &Context, bodies: &ToolBodies) -> Result<(), ToolError> {
    bodies.record_run();
    context.progress(1.0, None, None).await;
    Ok(caller.require(scope!("people:read:private"))?)
}

/// Allows the call if `decision` is `allow`; otherwise denies it, fails, panics or never returns.
async fn decide(decision: &str) -> Result<(), Denied> {
    match decision {
        "allow" => Ok(()),
        "panic" => panic!("the password is swordfish"),
        "fail" => Err(std::io::Error::other("the password is swordfish"))?,
        "hang" => std::future::pending().await,
        _ => Err(Denied::new("the decision is not `allow`")),
    }
}

/// Return the decision of the guard.
#[tool(scopes = "people:read:public", guard = decide(&decision), timeout = "50ms")]
async fn guarded(decision: String, bodies: &ToolBodies) -> String {
    bodies.record_run();
    decision
}

/// Panic.
#[tool(authenticated)]
async fn panics(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    panic!("the password is swordfish")
}

/// Exceed the timeout.
#[tool(authenticated, timeout = "50ms")]
async fn exceeds_timeout(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    std::future::pending().await
}

/// Fail with an error that must not be shown.
#[tool(authenticated)]
async fn fails_masked(bodies: &ToolBodies) -> Result<&'static str, ToolError> {
    bodies.record_run();
    Err(std::io::Error::other("the password is swordfish"))?
}

/// Fail with an error that is shown to the model.
#[tool(authenticated)]
async fn fails_shown(bodies: &ToolBodies) -> Result<&'static str, ToolError> {
    bodies.record_run();
    Err(ToolError::new("no such record; try another ID"))
}

/// Wait until the test releases the body.
#[tool(authenticated)]
async fn waits(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    bodies.wait_for_release().await;
    "waited"
}

/// Wait until the test releases the body, one call at a time.
#[tool(authenticated, concurrency = 1)]
async fn waits_alone(bodies: &ToolBodies) -> &'static str {
    bodies.wait_for_release().await;
    "waited"
}

/// Return a text of a given length.
#[tool(authenticated)]
async fn long_text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Fail with a text of a given length.
#[tool(authenticated)]
async fn long_error(bytes: usize) -> Result<String, ToolError> {
    Err(ToolError::new("x".repeat(bytes)))
}

/// Report progress, then wait until the test releases the body.
#[tool(authenticated)]
async fn progresses(context: &Context, bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    for step in 1..=3_u8 {
        context.progress(f64::from(step), Some(3.0), Some("in progress")).await;
    }
    bodies.wait_for_release().await;
    "done"
}

/// Return arguments of several types.
#[tool(authenticated, read_only)]
async fn arguments(
    #[schemars(range(min = 1, max = 50))] limit: u8,
    #[schemars(length(min = 2))] name: String,
    tags: Option<Vec<String>>,
    bodies: &ToolBodies,
) -> String {
    bodies.record_run();
    format!("{limit} {name} {tags:?}")
}

/// Return the region, which a header repeats.
#[tool(scopes = "files:read", read_only)]
async fn regional(#[arg(header = "Region")] region: String, bodies: &ToolBodies) -> String {
    bodies.record_run();
    region
}

/// A type whose schema does not describe it.
#[derive(Serialize)]
struct WrongSchema {
    actual: u8,
}

impl JsonSchema for WrongSchema {
    fn schema_name() -> Cow<'static, str> {
        "WrongSchema".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "required": ["published"] })
    }
}

/// Return a value that violates the output schema.
#[tool(authenticated)]
async fn violates_output_schema(bodies: &ToolBodies) -> Json<WrongSchema> {
    bodies.record_run();
    Json(WrongSchema { actual: 1 })
}

/// First of two tools with one name.
#[tool(scopes = "other:read", scopes_in = crate::DUPLICATE_NAME_SCOPES, name = "duplicate")]
async fn first_duplicate() -> &'static str {
    "first"
}

/// Second of two tools with one name.
#[tool(authenticated, scopes_in = crate::DUPLICATE_NAME_SCOPES, name = "duplicate")]
async fn second_duplicate(missing: &std::sync::Mutex<u8>) -> String {
    format!("{missing:?}")
}
