//! # Writing policies
//!
//! Who may call a tool is said where the tool is written. What this page shows, from the plainest rule to the last
//! resort: [all of some scopes](#all-of), [one of several](#one-of), [hierarchies](#hierarchies), [what depends on the
//! arguments](#what-depends-on-the-arguments), [organizations](#organizations), [roles](#roles),
//! [a rule for every tool](#a-rule-for-every-tool) and [the kill switch](#the-kill-switch).
//!
//! Two kinds of rule are told apart throughout:
//!
//! | rule | sees | decides about the list | a refusal is |
//! |---|---|---|---|
//! | `scopes`, `any_scope`, `authenticated` | the token's scopes | yes | 403 with a challenge: the client can step up |
//! | `visible_to` | the caller | yes | as for a tool that does not exist |
//! | `Server::deny` | the tool | yes | as for a tool that does not exist |
//! | `guard` | the caller and the arguments | no | a result that says so; scopes are never named |
//! | `caller.require(..)?` in the body | whatever the body sees | no | 403 with a challenge |
//!
//! A tool that is listed can be called as far as the rules with a "yes" go; a guard can still refuse certain arguments.
//!
//! The examples below share this beginning, which also shows how to try a policy out in a test:
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
//! Several scopes in `scopes(..)` are all needed. One challenge names them all, so the client asks its user once.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["customers:read:summary", "customers:read:contact"]);
//! /// Return how to reach a customer.
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
//! `any_scope(..)` needs one, and can stand beside `scopes(..)`. The challenge names the alternative that the caller is
//! nearest to.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "support:agent", "support:lead"]);
//! /// Return a ticket with its internal notes.
//! #[tool(scopes = "tickets:read", any_scope("support:agent", "support:lead"), read_only)]
//! async fn ticket_notes(ticket_id: String) -> String {
//!     format!("nobody wrote anything about {ticket_id}")
//! }
//! # fn main() {
//! assert_eq!(ScopeTable::of(&SCOPES).tools()[0].requirement(), "tickets:read and one of support:agent, support:lead");
//! # }
//! ```
//!
//! # Hierarchies
//!
//! Where one scope includes another, say so in the list, once. Everything sees it: lists, calls, `has`, `require`.
//!
//! ```
//! # use toolgate::prelude::*;
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"])
//!     .implies("employees:read:private", &["employees:read:public"]);
//!
//! /// Return the name of an employee: open to whoever may read the private record, too.
//! #[tool(scopes = "employees:read:public", read_only)]
//! async fn employee_name(employee_id: String) -> String {
//!     format!("the one with the ID {employee_id}")
//! }
//! # fn main() {}
//! ```
//!
//! # What depends on the arguments
//!
//! If more is needed for some arguments, ask for it in the body. The scope is checked when the crate compiles, and a
//! refusal is the same challenge as at the gate.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["finance:read", "finance:read:unpublished"]);
//! /// Report the revenue of a quarter, such as `2026-Q3`.
//! #[tool(scopes = "finance:read", read_only)]
//! async fn revenue(quarter: String, caller: &Caller) -> Result<String, ToolError> {
//!     if quarter.as_str() >= "2026-Q4" {
//!         caller.require(scope!("finance:read:unpublished"))?;
//!     }
//!     Ok("plenty".to_owned())
//! }
//! # fn main() {}
//! ```
//!
//! If no scope would help, write a guard. It runs before the body, for every call, so nobody can forget it in one branch.
//!
//! ```
//! use toolgate::{guard::{Arguments, Denied}, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["payroll:read"]);
//!
//! async fn not_their_own(caller: &Caller, arguments: &Arguments) -> Result<(), Denied> {
//!     let employee: Option<String> = arguments.get("employee_id").map_err(|_| Denied::new("unreadable"))?;
//!     match employee.as_deref() == caller.user_id() {
//!         true => Err(Denied::new("your own salary is in the letter from HR")),
//!         false => Ok(()),
//!     }
//! }
//!
//! /// Return an employee's salary.
//! #[tool(scopes = "payroll:read", guard = not_their_own, read_only)]
//! async fn salary(employee_id: String) -> String {
//!     format!("{employee_id} earns enough")
//! }
//! # fn main() {}
//! ```
//!
//! # Organizations
//!
//! A token is for one organization. `visible_to` hides a tool from all others: it is not in their list, and a call is
//! answered as for a tool that does not exist.
//!
//! ```
//! use toolgate::{guard::require_org, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["reports:read"]);
//!
//! /// Return the report for our own people.
//! #[tool(scopes = "reports:read", visible_to = require_org("1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11"), read_only)]
//! async fn internal_report() -> &'static str {
//!     "all is well"
//! }
//! # fn main() {}
//! ```
//!
//! # Roles
//!
//! Scopes belong to roles in PropelAuth, and that is where the mapping should stay. Where a tool really is a matter of the
//! role itself:
//!
//! ```
//! use toolgate::{guard::require_org_role, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["org:admin"]);
//!
//! /// Close the organization's account.
//! #[tool(scopes = "org:admin", visible_to = require_org_role("Owner"), destructive)]
//! async fn close_account() -> Result<String, ToolError> {
//!     Err(ToolError::new("ask a person"))
//! }
//!
//! fn on_duty(caller: &Caller) -> bool {
//!     caller.claims().get("on_duty").is_some_and(|claim| claim == true)
//! }
//!
//! /// Restart the machine: for whoever has the rule's own blessing.
//! #[tool(scopes = "org:admin", visible_to = on_duty, destructive)]
//! async fn restart() -> &'static str {
//!     "restarting"
//! }
//! # fn main() {}
//! ```
//!
//! # A rule for every tool
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
//! let server = Server::new("tickets", &SCOPES).auth(StaticTokens::new()).require_all_tools("mcp:connect").build()?;
//! assert_eq!(server.scope_table().tools()[0].requirement(), "tickets:read and mcp:connect");
//! # Ok(())
//! # }
//! ```
//!
//! # The kill switch
//!
//! An operator's rule over all tools, asked for every list and every call: what it looks at can change at any time.
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
//! # use toolgate::{auth::StaticTokens, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
//!
//! /// Delete a ticket.
//! #[tool(scopes = "tickets:write", destructive)]
//! async fn ticket_delete(ticket_id: String) -> String {
//!     format!("{ticket_id} is gone")
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
//! incident.store(true, Ordering::Relaxed); // nothing destructive from now on
//! # let _ = server;
//! # Ok(())
//! # }
//! ```
