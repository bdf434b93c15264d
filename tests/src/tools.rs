//! The tools of the test server. Each says in the probe that its body ran.

use std::borrow::Cow;

use toolgate::guard::{Arguments, Denied, require_org_role};
use toolgate::prelude::*;

use crate::Probe;

/// The scopes of the test server: what is needed to read is implied by what is needed to write, and so on.
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

/// The scopes of a server on which two tools have one name.
pub static OTHER_SCOPES: Scopes = Scopes::new(&["other:read"]);

/// Everything that a tool can learn about the request.
#[derive(Serialize, JsonSchema)]
struct Surroundings {
    user: Option<String>,
    scopes: Vec<&'static str>,
    tools: Vec<&'static str>,
    headers: Vec<(String, String)>,
    everything: String,
}

/// Say all that can be known about the caller.
#[tool(authenticated, read_only)]
async fn surroundings(caller: &Caller, context: &Context, probe: &Probe) -> Json<Surroundings> {
    probe.ran();
    let headers = context.headers().iter();
    Json(Surroundings {
        user: caller.user_id().map(str::to_owned),
        scopes: caller.scopes().collect(),
        tools: context.tools().collect(),
        headers: headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        everything: format!("{caller:?} {context:?} {:?} {:?}", caller.claims(), context.meta()),
    })
}

/// What everybody may know of a person.
#[derive(Serialize, JsonSchema)]
struct Profile {
    /// As on the badge.
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
    probe: &Probe,
) -> Json<Profile> {
    probe.ran();
    Json(Profile { name: format!("The one called {person_id}"), room: Some(7) })
}

/// Return a person's private record.
#[tool(scopes("people:read:private", "people:read:public"), read_only)]
async fn people_private(person_id: Option<String>, probe: &Probe) -> String {
    probe.ran();
    format!("the secrets of {}", person_id.unwrap_or_default())
}

/// Return a report, to whoever reads reports or files.
#[tool(any_scope("reports:read", "files:read"), read_only)]
async fn report(probe: &Probe) -> &'static str {
    probe.ran();
    "all is well"
}

/// Read a file.
#[tool(scopes = "files:read", read_only)]
async fn file_read(probe: &Probe) -> &'static str {
    probe.ran();
    "contents"
}

/// Write a file on somebody's behalf.
#[tool(scopes = "files:write", any_scope("people:read:private", "reports:read"), destructive)]
async fn file_write(probe: &Probe) {
    probe.ran();
}

/// Only for owners.
#[tool(authenticated, visible_to = require_org_role("Owner"))]
async fn owner_only(probe: &Probe) -> &'static str {
    probe.ran();
    "for the owner's eyes"
}

/// Search for people; their private records take one more scope.
#[tool(scopes = "people:read:public", read_only)]
async fn people_search(private: bool, caller: &Caller, probe: &Probe) -> Result<&'static str, ToolError> {
    probe.ran();
    if private {
        caller.require(scope!("people:read:private"))?;
        return Ok("with private records");
    }
    Ok("nobody")
}

/// Tell of progress, then ask for one more scope.
#[tool(scopes = "people:read:public")]
async fn asks_late(caller: &Caller, context: &Context, probe: &Probe) -> Result<(), ToolError> {
    probe.ran();
    context.progress(1.0, None, None).await;
    Ok(caller.require(scope!("people:read:private"))?)
}

/// Says yes to `yes`; says no, panics or never answers otherwise.
async fn only_yes(_: &Caller, arguments: &Arguments) -> Result<(), Denied> {
    let answer: Option<String> = arguments.get("answer").map_err(|_| Denied::new("unreadable"))?;
    match answer.as_deref() {
        Some("yes") => Ok(()),
        Some("panic") => panic!("the password is swordfish"),
        Some("hang") => std::future::pending().await,
        _ => Err(Denied::new("only yes will do")),
    }
}

/// Do what a guard allows.
#[tool(scopes = "people:read:public", guard = only_yes, timeout = "50ms")]
async fn guarded(answer: String, probe: &Probe) -> String {
    probe.ran();
    answer
}

/// Panic.
#[tool(authenticated)]
async fn panics(probe: &Probe) -> &'static str {
    probe.ran();
    panic!("the password is swordfish")
}

/// Take too long.
#[tool(authenticated, timeout = "50ms")]
async fn dawdles(probe: &Probe) -> &'static str {
    probe.ran();
    std::future::pending().await
}

/// Fail with an error that is nobody's business.
#[tool(authenticated)]
async fn fails_masked(probe: &Probe) -> Result<&'static str, ToolError> {
    probe.ran();
    Err(std::io::Error::other("the password is swordfish"))?
}

/// Fail with an error that a model can act on.
#[tool(authenticated)]
async fn fails_shown(probe: &Probe) -> Result<&'static str, ToolError> {
    probe.ran();
    Err(ToolError::new("there is no such thing; try another"))
}

/// Wait until the test says so.
#[tool(authenticated)]
async fn waits(probe: &Probe) -> &'static str {
    probe.ran();
    probe.wait_for_release().await;
    "waited"
}

/// Tell of progress, then wait until the test says so.
#[tool(authenticated)]
async fn progresses(context: &Context, probe: &Probe) -> &'static str {
    probe.ran();
    for step in 1..=3_u8 {
        context.progress(f64::from(step), Some(3.0), Some("on the way")).await;
    }
    probe.wait_for_release().await;
    "arrived"
}

/// Something with arguments of many kinds.
#[tool(authenticated, read_only)]
async fn arguments(
    #[schemars(range(min = 1, max = 50))] limit: u8,
    #[schemars(length(min = 2))] name: String,
    tags: Option<Vec<String>>,
    probe: &Probe,
) -> String {
    probe.ran();
    format!("{limit} {name} {tags:?}")
}

/// Something that a proxy routes by region.
#[tool(scopes = "files:read", read_only)]
async fn regional(#[arg(header = "Region")] region: String, probe: &Probe) -> String {
    probe.ran();
    region
}

/// A type whose schema is wrong about it.
#[derive(Serialize)]
struct Liar {
    truth: u8,
}

impl JsonSchema for Liar {
    fn schema_name() -> Cow<'static, str> {
        "Liar".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "required": ["lie"] })
    }
}

/// Return what does not fit the output schema.
#[tool(authenticated)]
async fn lies(probe: &Probe) -> Json<Liar> {
    probe.ran();
    Json(Liar { truth: 1 })
}

/// One of two with a name.
#[tool(scopes = "other:read", scopes_in = crate::OTHER_SCOPES, name = "twin")]
async fn first_twin() -> &'static str {
    "first"
}

/// The other one.
#[tool(authenticated, scopes_in = crate::OTHER_SCOPES, name = "twin")]
async fn second_twin(missing: &std::sync::Mutex<u8>) -> String {
    format!("{missing:?}")
}
