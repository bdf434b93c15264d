//! Command line of a server: serve, and inspect the access policy and the settings.
//!
//! The module exists with the feature `cli`. With it, a program of a few lines has all commands:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use toolgate::{cli::App, prelude::*};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
//!
//! /// Read a ticket.
//! #[tool(scopes = "tickets:read", read_only)]
//! async fn ticket(ticket_id: String) -> String {
//!     format!("{ticket_id} is open")
//! }
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     App::new(Server::new("tickets", &SCOPES)).auth(PropelAuth::from_env).run().await
//! }
//! ```
//!
//! | command | does |
//! |---|---|
//! | `serve`, or none | serves until Ctrl-C or SIGTERM |
//! | `policy` | prints who may use which tool, prompt and resource, as a table, Markdown, JSON or lock file |
//! | `policy diff OLD [NEW]` | prints what changes between two policies, in terms of access |
//! | `explain payroll_summary --role HR --arguments '{..}'` | prints why a call is allowed or rejected, rule by rule |
//! | `explain "prompt quarterly_review"`, `explain company://policies/handbook` | the same for a prompt, for a resource |
//! | `replay audit.jsonl` | decides the calls of an audit log again, and prints what would change, for whom |
//! | `check` | checks the settings, the policy against `policy.lock`, and the connections of the server |
//! | `config` | prints the settings and where each is from: default, code, file, variable or option |
//!
//! Commands other than `serve` need no authorization server. If one is configured, `check` also checks the connections: the
//! authorization server, a token, the public URL and the proxy behind it, webhooks, Redis, and the audit file. `explain` alone needs the server's states, because
//! visibility rules and guards use them.
//!
//! The exit status is 0 on success. It is 1 if `check` finds an error, if `check` or `policy diff` finds a difference, if
//! `replay` finds a change, if `explain` finds that the call is rejected, or if the server cannot start. It is 2 if the command
//! line is invalid or a command cannot read its input, and 3 if the worst result of `check` is a warning.
//!
//! A program with options of its own parses them with [`clap`] and adds [`Inspect`] to its commands; see
//! `examples/internal-server`.

mod app;
mod check;
mod config;
mod error;
mod explain;
mod options;
mod policy;
mod replay;
mod serve;

pub use app::App;
pub use check::CheckOptions;
/// The version of clap whose traits the options implement.
pub use clap;
pub use config::{ConfigFormat, ConfigOptions};
pub use error::Error;
pub use explain::ExplainOptions;
pub use options::{Command, Inspect};
pub use policy::{DiffOptions, PolicyCommand, PolicyFormat, PolicyOptions};
pub use replay::ReplayOptions;
pub use serve::ServeOptions;
