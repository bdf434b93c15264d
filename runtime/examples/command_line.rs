//! A server with the command line of toolgate: it serves, and prints, explains and checks its access policy.
//!
//! ```sh
//! cargo run -p toolgate --features cli --example command_line -- --help
//! ```
//!
//! Below, `command_line` is that command without `--help`. The roles are in `command_line/roles.toml`.
//!
//! ```console
//! $ command_line policy
//! operation    hints        Agent  Lead  requires
//! refund       -                   x     refunds:create, also refunds:approve when euros > 1000
//! refund_list  read-only    x      x     refunds:read
//! refund_undo  destructive         (x)   refunds:approve, if within_a_day(&refund_id) allows
//!
//! x: every call is allowed; (x): the server's own checks decide
//! refunds:approve implies refunds:create
//! refunds:create implies refunds:read
//! $ command_line explain refund --role Agent --arguments '{ "order_id": "o1", "euros": 5000 }'
//! refund, called by role Agent with refunds:read
//!   REJECTS (the token lacks refunds:create): scopes refunds:create
//! rejected: missing refunds:create and refunds:approve
//! $ command_line explain refund_undo --role Lead --arguments '{ "refund_id": "r_old" }'
//! refund_undo, called by role Lead with refunds:approve, refunds:create, refunds:read
//!   allows: scopes refunds:approve
//!   allows: schema of the arguments
//!   REJECTS (r_old is older than a day): guard `within_a_day(&refund_id)`
//! rejected: denied
//! $ command_line check --offline; echo "exit status $?"
//! ok       policy  the policy equals policy.lock
//! exit status 0
//! ```

use std::{convert::Infallible, process::ExitCode};

use toolgate::{
    auth::{Claims, StaticTokens},
    cli::App,
    prelude::*,
};

/// Every scope of this server. Who approves refunds also creates and reads them.
pub static SCOPES: Scopes = Scopes::new(&["refunds:approve", "refunds:create", "refunds:read"])
    .implies("refunds:approve", &["refunds:create"])
    .implies("refunds:create", &["refunds:read"]);

/// List the refunds of today.
#[tool(scopes = "refunds:read", read_only)]
async fn refund_list() -> &'static str {
    "r_1: 20 EUR"
}

/// Refund an order. Large amounts need an approver.
#[tool(scopes = "refunds:create", scopes_if(euros > 1000, "refunds:approve"))]
async fn refund(order_id: String, euros: u32) -> String {
    format!("{euros} EUR refunded for {order_id}")
}

/// Allows only refunds of the last day. A real server reads their age from a database.
fn within_a_day(refund_id: &str) -> Result<(), Denied> {
    if refund_id == "r_old" { Err(Denied::new(format!("{refund_id} is older than a day"))) } else { Ok(()) }
}

/// Undo a refund.
#[tool(scopes = "refunds:approve", guard = within_a_day(&refund_id), destructive)]
async fn refund_undo(refund_id: String) -> String {
    format!("{refund_id} was undone")
}

/// Sample tokens. A real server has `PropelAuth::from_env` instead.
fn sample_tokens() -> StaticTokens {
    StaticTokens::new().token("lead-token", Claims::new().subject("lena").scopes(["refunds:approve"]))
}

#[tokio::main]
async fn main() -> ExitCode {
    App::new(Server::new("refunds", &SCOPES)).auth(|| Ok::<_, Infallible>(sample_tokens())).run().await
}
