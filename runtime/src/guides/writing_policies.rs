//! # Writing policies
//!
//! A tool declares who may call it. This guide covers [several scopes](#all-of), [alternatives](#one-of),
//! [hierarchies](#hierarchies), [policies that depend on arguments](#policies-that-depend-on-arguments),
//! [organizations](#organizations), [roles](#roles), [a scope for every tool](#a-scope-for-every-tool) and
//! [disabling tools](#disabling-tools).
//!
//! Some rules decide lists and calls, others decide calls only:
//!
//! | rule | decides by | lists | rejection |
//! |---|---|---|---|
//! | `scopes`, `any_scope`, `authenticated` | the token's scopes | yes | 403 with a challenge, so that the client can step up |
//! | `visible_to` | the caller | yes | the same response as for a tool that does not exist |
//! | `Server::deny` | the tool | yes | the same response as for a tool that does not exist |
//! | `guard` | the caller and the arguments | no | a result with `isError`, which names no scopes |
//! | `caller.require(..)?` in the body | anything that the body can read | no | 403 with a challenge |
//!
//! A tool is listed if and only if the rules that decide lists allow the call. A guard can still deny certain arguments.
//!
//! Test a policy by sending requests to the router:
//!
//! ```
//! # use toolgate::{auth::{Claims, StaticTokens}, prelude::*};
//! # use tower::ServiceExt as _;
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:write"]);
//! # #[doc(hidden)]
//! /// Read a ticket.
//! #[tool(scopes = "tickets:read", read_only)]
//! async fn ticket(ticket_id: String) -> String {
//!     format!("{ticket_id} is open")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = StaticTokens::new()
//!     .token("sam", Claims::new().subject("sam").scopes(["tickets:read"]))
//!     .token("eve", Claims::new().subject("eve"));
//! let router = Server::new("tickets", &SCOPES).auth(tokens).build()?.into_router();
//!
//! let call = |token: &str| {
//!     axum::http::Request::post("/mcp")
//!         .header("host", "127.0.0.1:8000")
//!         .header("authorization", format!("Bearer {token}"))
//!         .header("content-type", "application/json")
//!         .header("accept", "application/json, text/event-stream")
//!         .body(axum::body::Body::from(
//!             r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ticket","arguments":{"ticket_id":"t1"}}}"#,
//!         ))
//!         .unwrap()
//! };
//! assert_eq!(router.clone().oneshot(call("sam")).await?.status(), 200);
//! assert_eq!(router.clone().oneshot(call("eve")).await?.status(), 403);
//! # Ok(())
//! # }
//! ```
//!
//! # All of
//!
//! Every scope in `scopes(..)` is required. One challenge names all of them, so the client asks its user once.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["customers:read:summary", "customers:read:contact"]);
//! /// Return the contact details of a customer.
//! #[tool(scopes("customers:read:summary", "customers:read:contact"), read_only)]
//! async fn customer_contact(customer_id: String) -> String {
//!     format!("{customer_id}@customers.example.com")
//! }
//! # fn main() {
//! assert_eq!(ScopeTable::of(&SCOPES).tools()[0].requirement(), "customers:read:summary and customers:read:contact");
//! # }
//! ```
//!
//! # One of
//!
//! `any_scope(..)` requires one of its scopes, and can be combined with `scopes(..)`. The challenge names one alternative:
//! a scope that the caller has, otherwise the first.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "support:agent", "support:lead"]);
//! /// Return a ticket with its internal notes.
//! #[tool(scopes = "tickets:read", any_scope("support:agent", "support:lead"), read_only)]
//! async fn ticket_notes(ticket_id: String) -> String {
//!     format!("no notes about {ticket_id}")
//! }
//! # fn main() {
//! assert_eq!(ScopeTable::of(&SCOPES).tools()[0].requirement(), "tickets:read and one of support:agent, support:lead");
//! # }
//! ```
//!
//! # Hierarchies
//!
//! Declare in the list that one scope includes another. The hierarchy applies to lists, calls, `has` and `require`.
//!
//! ```
//! # use toolgate::prelude::*;
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"])
//!     .implies("employees:read:private", &["employees:read:public"]);
//!
//! /// Return the name of an employee. `employees:read:private` is sufficient, too.
//! #[tool(scopes = "employees:read:public", read_only)]
//! async fn employee_name(employee_id: String) -> String {
//!     format!("employee {employee_id}")
//! }
//! # fn main() {}
//! ```
//!
//! # Policies that depend on arguments
//!
//! If some arguments require another scope, require it in the body. The scope is checked when the crate compiles, and a
//! caller without it receives the same challenge as from the gate.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["finance:read", "finance:read:unpublished"]);
//! /// Return the revenue of a quarter, such as `2026-Q3`.
//! #[tool(scopes = "finance:read", read_only)]
//! async fn revenue(quarter: String, caller: &Caller) -> Result<String, ToolError> {
//!     // Every other text requires the scope, also one that is not a quarter.
//!     if !["2026-Q1", "2026-Q2", "2026-Q3"].contains(&quarter.as_str()) {
//!         caller.require(scope!("finance:read:unpublished"))?;
//!     }
//!     Ok(format!("the revenue of {quarter}"))
//! }
//! # fn main() {}
//! ```
//!
//! If the decision does not depend on a scope, write a guard. It runs before the body for every call, so the body cannot
//! skip it.
//!
//! ```
//! use toolgate::{guard::{Arguments, Denied}, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["payroll:read"]);
//!
//! async fn not_own_salary(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
//!     let employee: Option<String> = arguments.get("employee_id").map_err(|_| Denied::new("`employee_id` must be a string"))?;
//!     match (employee.as_deref(), caller.user_id()) {
//!         (Some(employee), Some(user)) if employee != user => Ok(()),
//!         _ => Err(Denied::new("ask HR for your own salary")),
//!     }
//! }
//!
//! /// Return an employee's salary.
//! #[tool(scopes = "payroll:read", guard = not_own_salary, read_only)]
//! async fn salary(employee_id: String) -> String {
//!     format!("the salary of {employee_id}")
//! }
//! # fn main() {}
//! ```
//!
//! # Organizations
//!
//! A token belongs to one organization. `visible_to` hides a tool from the callers of all others: their list does not
//! contain it, and a call receives the same response as for a tool that does not exist.
//!
//! ```
//! use toolgate::{guard::require_org, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["reports:read"]);
//!
//! /// Return the internal report.
//! #[tool(scopes = "reports:read", visible_to = require_org("1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11"), read_only)]
//! async fn internal_report() -> &'static str {
//!     "no incidents"
//! }
//! # fn main() {}
//! ```
//!
//! # Roles
//!
//! The authorization server maps roles to scopes; keep the mapping there. If a tool depends on the role itself, name the
//! role:
//!
//! ```
//! use toolgate::{guard::require_org_role, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["org:admin"]);
//!
//! /// Close the organization's account.
//! #[tool(scopes = "org:admin", visible_to = require_org_role("Owner"), destructive)]
//! async fn close_account() -> Result<String, ToolError> {
//!     Err(ToolError::new("closing an account needs a support request"))
//! }
//!
//! fn on_duty(caller: &Caller) -> bool {
//!     caller.claims().get("on_duty").is_some_and(|claim| claim == true)
//! }
//!
//! /// Restart the machine. Only callers on duty see this tool.
//! #[tool(scopes = "org:admin", visible_to = on_duty, destructive)]
//! async fn restart() -> &'static str {
//!     "restarting"
//! }
//! # fn main() {}
//! ```
//!
//! # A scope for every tool
//!
//! ```
//! # use toolgate::{auth::StaticTokens, prelude::*};
//! pub static SCOPES: Scopes = Scopes::new(&["mcp:connect", "tickets:read"]);
//!
//! /// Read a ticket.
//! #[tool(scopes = "tickets:read", read_only)]
//! async fn ticket(ticket_id: String) -> String {
//!     format!("{ticket_id} is open")
//! }
//!
//! # fn main() -> Result<(), toolgate::BuildError> {
//! let server = Server::new("tickets", &SCOPES).auth(StaticTokens::new()).require_for_all_tools(scope!("mcp:connect")).build()?;
//! assert_eq!(server.scope_table().tools()[0].requirement(), "tickets:read and mcp:connect");
//! # Ok(())
//! # }
//! ```
//!
//! # Disabling tools
//!
//! A deny rule applies to all tools and is evaluated for every list and every call, so it can depend on state that changes
//! while the server runs.
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
//! # use toolgate::{auth::StaticTokens, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
//!
//! /// Delete a ticket.
//! #[tool(scopes = "tickets:write", destructive)]
//! async fn ticket_delete(ticket_id: String) -> String {
//!     format!("{ticket_id} was deleted")
//! }
//!
//! # fn main() -> Result<(), toolgate::BuildError> {
//! let incident = Arc::new(AtomicBool::new(false));
//! let switch = Arc::clone(&incident);
//! let server = Server::new("tickets", &SCOPES)
//!     .auth(StaticTokens::new())
//!     .deny(move |tool| switch.load(Ordering::Relaxed) && tool.annotations.destructive == Some(true))
//!     .build()?;
//!
//! incident.store(true, Ordering::Relaxed); // disables all destructive tools
//! # let _ = server;
//! # Ok(())
//! # }
//! ```
