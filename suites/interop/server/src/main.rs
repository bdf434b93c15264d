//! A server whose operations are of every kind, for the clients of this suite: text, binary and templated resources,
//! prompts with completed arguments, notifications, a form, an approval, and a task.
//!
//! `suite/operations.py` starts it with its embedded development tenant, and `suite/authorization_servers.py` with the
//! validator that `INTEROP_VALIDATOR` names.
#![forbid(unsafe_code)]

mod company;
mod prompts;
mod resources;
mod tools;

use std::env;

use toolgate::{
    dev_tenant,
    oauth::{Introspection, Jwt},
    prelude::*,
};

use company::Company;

/// Every scope of this server, as in `tenant.toml`.
pub static SCOPES: Scopes = Scopes::new(&["employees:read", "handbook:read", "handbook:write", "payroll:read"]);

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    let server = Server::new("interop-operations", &SCOPES);
    let server = match env::var("INTEROP_VALIDATOR").as_deref() {
        Ok("introspection") => server.auth(Introspection::from_env()?.org_claim("tenant").role_claim("department")),
        Ok("jwt") => server.auth(Jwt::from_env()?.org_claim("tenant").role_claim("department")),
        _ => server.auth_from(dev_tenant::or_propelauth_with(include_str!("../tenant.toml"))),
    };
    server.state(Company::new()).sessions(|_| {}).serve().await
}
