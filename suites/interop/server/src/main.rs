//! A server whose operations are of every kind, for the clients of this suite: text, binary and templated resources,
//! prompts with completed arguments, notifications, a form, an approval, and a task.
//!
//! `suite/operations.py` starts it with its embedded development tenant.
#![forbid(unsafe_code)]

mod company;
mod prompts;
mod resources;
mod tools;

use toolgate::{dev_tenant, prelude::*};

use company::Company;

/// Every scope of this server, as in `tenant.toml`.
pub static SCOPES: Scopes = Scopes::new(&["employees:read", "handbook:read", "handbook:write", "payroll:read"]);

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    Server::new("interop-operations", &SCOPES)
        .auth_from(dev_tenant::or_propelauth_with(include_str!("../tenant.toml")))
        .state(Company::new())
        .sessions(|_| {})
        .serve()
        .await
}
