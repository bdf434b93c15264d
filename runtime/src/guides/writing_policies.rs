//! # Writing policies
//!
//! A tool declares who may call it. This guide covers [several scopes](#all-of), [alternatives](#one-of),
//! [hierarchies](#hierarchies), [scopes that depend on arguments](#scopes-that-depend-on-arguments), [guards](#guards),
//! [proofs in the data layer](#proofs-in-the-data-layer), [organizations](#organizations), [roles](#roles),
//! [visibility](#visibility), [a scope for every tool](#a-scope-for-every-tool) and [disabling tools](#disabling-tools).
//!
//! The rules run in this order. Those that decide lists decide calls too:
//!
//! | rule | decides by | lists | rejection |
//! |---|---|---|---|
//! | `Server::deny` | the tool | yes | the same response as for a tool that does not exist |
//! | `org`, `org_role`, `visible_to` | the caller and the server's state | yes | the same response as for a tool that does not exist |
//! | `scopes`, `any_scope`, `authenticated`, `require_for_all_tools` | the token's scopes | yes | 403 with a challenge, so that the client can step up |
//! | the schema of the arguments | the arguments | no | a result with `isError` and every violation |
//! | `scopes_if` | the arguments and the token's scopes | no | 403 with a challenge that names every scope of the call |
//! | `guard` | the caller, the arguments, the server's state, and what the guard reads | no | a result with `isError`, which names no scopes |
//! | `caller.require(..)?`, `caller.grant()?` in the body | anything that the body can read | no | 403 with a challenge |
//!
//! A tool is listed if and only if the rules that decide lists allow the call. The rules after them can still reject a call
//! with certain arguments.
//!
//! [Testing and reviewing access](super::testing_access) shows how to test a policy and how to review a change of it.
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
//! assert_eq!(Policy::of(&SCOPES).tools[0].requirement(), "customers:read:summary and customers:read:contact");
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
//! assert_eq!(Policy::of(&SCOPES).tools[0].requirement(), "tickets:read and one of support:agent, support:lead");
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
//! # Scopes that depend on arguments
//!
//! If some arguments require another scope, declare it with `scopes_if`: a condition over the tool's arguments, and the
//! scopes that a call needs if it holds. The condition is Rust, so the compiler checks it. It is evaluated after the
//! arguments have been checked and before the guards. A caller without the scope receives one challenge that names every
//! scope of the call.
//!
//! ```
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["refunds:create", "refunds:approve"]);
//! /// Refund an order.
//! #[tool(scopes = "refunds:create", scopes_if(euros > 1000, "refunds:approve"))]
//! async fn refund(order_id: String, euros: u32) -> String {
//!     format!("{euros} EUR refunded for {order_id}")
//! }
//! # fn main() {}
//! ```
//!
//! It is also evaluated for callers that lack the other scopes of the tool, and the challenge shows whether it holds. So it
//! must be quick, and have no side effects and no secrets. The list shows a tool whose unconditional scopes are met. If the
//! scope depends on data that only the body reads, require it there with [`Caller::require`](crate::Caller::require): the
//! challenge is the same.
//!
//! # Guards
//!
//! If the decision does not depend on a scope, write a guard: a `fn` or an `async fn` that returns `Result<(), Denied>`.
//! `#[tool]` calls it before the body, with parameters of the tool. A name, a type or a state that does not exist is a compile error
//! at the guard.
//!
//! ```
//! use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
//! # use std::io;
//!
//! struct Tickets;
//!
//! impl Tickets {
//!     async fn assignee(&self, ticket_id: &str) -> io::Result<String> {
//!         Ok(format!("the assignee of {ticket_id}"))
//!     }
//! }
//!
//! /// Allows only the assignee of a ticket.
//! async fn own_ticket(caller: &Caller, ticket_id: &str, tickets: &Tickets) -> Result<(), Denied> {
//!     // An error that is not `Denied` denies the call too. The model does not see it.
//!     let assignee = tickets.assignee(ticket_id).await?;
//!     if caller.user_id() == Some(assignee.as_str()) {
//!         return Ok(());
//!     }
//!     Err(Denied::new("the ticket is assigned to another agent"))
//! }
//!
//! /// Close a ticket.
//! #[tool(scopes = "tickets:write", guard = own_ticket(caller, &ticket_id, tickets))]
//! async fn ticket_close(ticket_id: String, tickets: &Tickets) -> String {
//!     format!("{ticket_id} is closed")
//! }
//! # fn main() {}
//! ```
//!
//! `caller` and `context` are in scope although the tool does not take them. State has to be a parameter of the tool, as
//! `tickets` above; the compiler does not report it as unused if only the guard uses it. Several guards run in their order:
//! `guard(own_ticket(caller, &ticket_id, tickets), office_hours())`. A guard that fails, panics or exceeds the tool's time
//! limit denies the call.
//!
//! # Proofs in the data layer
//!
//! Scopes on tools do not protect a function that any tool can call. [`Granted`](crate::Granted) does: the function takes a
//! proof that the caller has a scope, and only a tool that declares the scope can pass one on.
//!
//! ```
//! use toolgate::prelude::*;
//!
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "payroll:read:all"]);
//!
//! /// Access to salaries.
//! #[derive(ScopeMarker)]
//! #[scope("payroll:read:all")]
//! pub struct PayrollRead;
//!
//! pub struct Payroll;
//!
//! impl Payroll {
//!     pub fn salary(&self, _access: &Granted<PayrollRead>, employee_id: &str) -> String {
//!         format!("the salary of {employee_id}")
//!     }
//! }
//!
//! /// Return a salary. Without `payroll:read:all` in `scopes`, this does not compile.
//! #[tool(scopes = "payroll:read:all", read_only)]
//! async fn salary(employee_id: String, payroll: &Payroll, access: &Granted<PayrollRead>) -> String {
//!     payroll.salary(access, &employee_id)
//! }
//!
//! /// Return an employee, with the salary if it is asked for.
//! #[tool(scopes = "employees:read:public", scopes_if(with_salary, "payroll:read:all"), read_only)]
//! async fn employee(
//!     employee_id: String,
//!     with_salary: bool,
//!     caller: &Caller,
//!     payroll: &Payroll,
//! ) -> Result<String, ToolError> {
//!     if with_salary {
//!         // A scope that only some calls have is proved where it is needed.
//!         return Ok(payroll.salary(caller.grant()?, &employee_id));
//!     }
//!     Ok(employee_id)
//! }
//! # fn main() {}
//! ```
//!
//! A server logs, when it is built, the tools that declare a scope with a marker and can prove none: their data layer may
//! lack the proof, or they may not need the scope.
//!
//! # Organizations
//!
//! A token belongs to one organization. `org` hides a tool from the callers of all others: their list does not contain it,
//! and a call receives the same response as for a tool that does not exist.
//!
//! ```
//! use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["reports:read"]);
//!
//! /// Return the internal report.
//! #[tool(scopes = "reports:read", org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11", read_only)]
//! async fn internal_report() -> &'static str {
//!     "no incidents"
//! }
//! # fn main() {}
//! ```
//!
//! # Roles
//!
//! The authorization server maps roles to scopes; keep the mapping there. If a tool depends on the role itself, name the
//! role. Declare the roles at the root of the crate, so that a misspelled one does not compile: it would hide the tool from
//! everyone.
//!
//! ```
//! use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["org:admin"]);
//!
//! pub static ROLES: Roles = Roles::new(&["Owner", "Admin", "Member"]);
//!
//! /// Close the organization's account.
//! #[tool(scopes = "org:admin", org_role = "Owner", destructive)]
//! async fn close_account() -> Result<String, ToolError> {
//!     Err(ToolError::new("closing an account needs a support request"))
//! }
//! # fn main() {}
//! ```
//!
//! # Visibility
//!
//! `visible_to` hides a tool by any other rule that needs no arguments: a call of a function that returns `bool`, with
//! `caller` and states that the tool takes. It is evaluated for every list and every call, so it must be quick. A rule that
//! panics hides the tool.
//!
//! ```
//! use std::collections::HashSet;
//! use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["org:admin"]);
//!
//! /// The users on duty.
//! struct Rota(HashSet<String>);
//!
//! fn is_on_duty(caller: &Caller, rota: &Rota) -> bool {
//!     caller.user_id().is_some_and(|user| rota.0.contains(user))
//! }
//!
//! /// Restart the machine. Only callers on duty see this tool.
//! #[tool(scopes = "org:admin", visible_to = is_on_duty(caller, rota), destructive)]
//! async fn restart(rota: &Rota) -> &'static str {
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
//! assert_eq!(server.policy().tools[0].requirement(), "tickets:read and mcp:connect");
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
