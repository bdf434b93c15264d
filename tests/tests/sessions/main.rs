//! Sessions of clients of 2025-11-25: whom they belong to, how they end, their streams, and what they make possible.

mod ask;
mod client;
mod input;
mod lifecycle;
mod limits;
mod notifications;
mod ownership;
mod same_results;
mod streams;
mod stress;

use toolgate::{
    LogLevel, Scopes, Server,
    auth::{Claims, StaticTokens},
    input::{Confirm, InputRequired, form},
    prelude::*,
};
use toolgate_tests::{TestServer, ToolBodies};

/// The scopes of the tools that need a session.
pub static SESSION_SCOPES: Scopes = Scopes::new(&["records:delete"]);

/// Log at three levels.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES)]
async fn logs(context: &Context) -> &'static str {
    for level in [LogLevel::Debug, LogLevel::Info, LogLevel::Error] {
        context.log(level, format!("{level:?}")).await;
    }
    "logged"
}

/// Return what the client declared.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES)]
async fn declared(context: &Context) -> String {
    let name = context.client_info().map(|info| info.name);
    format!("{name:?} {:?}", context.client_capabilities().map(|can| can.elicitation.is_some()))
}

/// Delete a record after a confirmation.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES, destructive)]
async fn record_delete(context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    let round = context.request_state().map_or(Ok(0), str::parse::<u8>)?;
    let Some(response) = context.input_response("confirm") else {
        return Err(InputRequired::request("confirm", form::<Confirm>("Delete it?")?)
            .state((round + 1).to_string())
            .into());
    };
    bodies.record_run();
    Ok(format!("{} in round {round}", response["action"].as_str().unwrap_or_default()))
}

/// Ask the client again and again.
#[tool(authenticated, scopes_in = crate::SESSION_SCOPES)]
async fn asks_forever(bodies: &ToolBodies, context: &Context) -> Result<(), ToolError> {
    bodies.record_run();
    let _ = context.request_state();
    Err(InputRequired::request("confirm", form::<Confirm>("Again?")?).into())
}

/// Returns the tokens of two users and two services. `sam` has three, one of them for another client.
fn tokens() -> StaticTokens {
    let sam = || Claims::new().subject("sam").client_id("editor");
    StaticTokens::new()
        .token("sam", sam().scopes(["files:read", "people:read:public"]))
        .token("sam-demoted", sam())
        .token("sam-elsewhere", sam().client_id("other-editor"))
        .token("harriet", Claims::new().subject("harriet").client_id("editor"))
        .token("service-one", Claims::new())
        .token("service-two", Claims::new())
}

/// Starts a server with sessions.
async fn start() -> TestServer {
    start_with(|server| server).await
}

/// Starts a server with sessions, configured by the test.
async fn start_with(configure: impl FnOnce(Server) -> Server) -> TestServer {
    start_with_tokens(tokens(), configure).await
}

async fn start_with_tokens(tokens: StaticTokens, configure: impl FnOnce(Server) -> Server) -> TestServer {
    TestServer::with(|server| configure(server.add_from(&SESSION_SCOPES).auth(tokens).sessions(|_| {}))).await
}
