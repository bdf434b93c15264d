//! A server whose tool continues as a task, for the tests of traces.

#![forbid(unsafe_code)]

use toolgate::prelude::*;
use tracing::Instrument as _;

/// Every scope of this server.
pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);

/// Count the employees.
#[tool(scopes = "employees:read:public", task)]
async fn count() -> Result<String, ToolError> {
    let counted = async { Err(ToolError::new("the employees cannot be counted")) };
    counted.instrument(tracing::info_span!("counting")).await
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    Server::new("Tasks", &SCOPES).auth(PropelAuth::from_env()?).serve().await
}
