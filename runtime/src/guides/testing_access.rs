//! # Testing and reviewing access
//!
//! [Writing policies](super::writing_policies) declares who may call a tool. This guide shows how to test that in your own
//! crate, how to state rules that hold for every token, and how to review a change of access before it is deployed.
//!
//! [Test calls](#test-calls) · [Test guards and bodies](#test-guards-and-bodies) · [Test as a role](#test-as-a-role) ·
//! [State rules over every token](#state-rules-over-every-token) · [Lock the policy](#lock-the-policy) ·
//! [Use the command line](#use-the-command-line) · [Explain a decision](#explain-a-decision) ·
//! [Replay the audit log](#replay-the-audit-log)
//!
//! Enable the feature `testing` for your tests only:
//!
//! ```toml
//! [dev-dependencies]
//! toolgate = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # Test calls
//!
//! [`TestServer`](crate::testing::TestServer) takes your `Server` and sends requests through its whole gate, without a
//! socket and without an authorization server. Each assertion names one outcome, and its message says what the server
//! responded instead.
//!
//! ```
//! use toolgate::{auth::Claims, prelude::*, testing::TestServer};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["refunds:approve", "refunds:create"]);
//!
//! fn own_customer(caller: &Caller, customer_id: &str) -> Result<(), Denied> {
//!     if caller.claims().get("customer").is_some_and(|own| own == customer_id) {
//!         return Ok(());
//!     }
//!     Err(Denied::new("this customer is not yours"))
//! }
//!
//! # #[doc(hidden)]
//! /// Refund a customer.
//! #[tool(
//!     scopes = "refunds:create",
//!     scopes_if(euros > 1000, "refunds:approve"),
//!     guard = own_customer(caller, &customer_id),
//! )]
//! async fn refund(customer_id: String, euros: u32) -> String {
//!     format!("{euros} EUR for {customer_id}")
//! }
//!
//! /// The server of the program, without its validator.
//! fn server() -> Server {
//!     Server::new("refunds", &SCOPES)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! // In a `#[tokio::test]`:
//! let server = TestServer::new(server())?;
//! let mut claims = Claims::new().subject("sam").scopes(["refunds:create"]);
//! claims.raw.insert("customer".to_owned(), json!("c1"));
//! let sam = server.as_caller(claims);
//!
//! assert_eq!(sam.tools().await, ["refund"]);
//! let refunded = sam.call("refund", json!({ "customer_id": "c1", "euros": 20 })).await.allowed();
//! assert_eq!(refunded.text(), "20 EUR for c1");
//!
//! // One challenge names every scope of the call.
//! let call = sam.call("refund", json!({ "customer_id": "c1", "euros": 5000 })).await;
//! let scopes = call.missing_scopes(["refunds:approve"]);
//! assert_eq!(scopes.required, ["refunds:create", "refunds:approve"]);
//!
//! assert_eq!(
//!     sam.call("refund", json!({ "customer_id": "c2", "euros": 20 })).await.denied(),
//!     "not allowed: this customer is not yours"
//! );
//! sam.call("refund", json!({ "euros": -1 })).await.invalid_arguments();
//! server.with_scopes(["refunds:approve"]).call("refund", json!({})).await.missing_scopes(["refunds:create"]);
//! # Ok(())
//! # }
//! ```
//!
//! # Test guards and bodies
//!
//! Guards, visibility rules and tools are functions, so a unit test can call them. [`testing::caller`](crate::testing::caller)
//! creates a caller from claims. Its [`grant`](crate::Caller::grant) returns the proofs that a data layer requires.
//!
//! ```
//! use toolgate::{auth::Claims, prelude::*, testing};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
//!
//! #[derive(ScopeMarker)]
//! #[scope("payroll:read:all")]
//! pub struct PayrollRead;
//!
//! fn total(_access: &Granted<PayrollRead>, month: u32) -> u32 {
//!     month * 1000
//! }
//!
//! # fn main() {
//! let hr = testing::caller(&SCOPES, Claims::new().scopes(["payroll:read:all"]));
//! assert_eq!(total(hr.grant().unwrap(), 9), 9000);
//! assert!(testing::caller(&SCOPES, Claims::new()).grant::<PayrollRead>().is_err());
//! # }
//! ```
//!
//! # Test as a role
//!
//! The authorization server maps roles to scopes. PropelAuth has no API for that mapping, so write it down in
//! `roles.toml`, beside your code:
//!
//! ```toml
//! [[roles]]
//! name = "Agent"
//! scopes = ["refunds:create"]
//!
//! [[roles]]
//! name = "Lead"
//! scopes = ["refunds:create", "refunds:approve"]
//! ```
//!
//! The development tenant's `tenant.toml` has the same tables, so it can be that file. [`Policy`](crate::Policy) is
//! everything that decides access, as data. With the roles it prints who may call what:
//!
//! ```
//! use toolgate::{policy::Role, prelude::*, testing::TestServer};
//! # pub static SCOPES: Scopes = Scopes::new(&["refunds:approve", "refunds:create"]);
//! # /// Refund a customer.
//! # #[tool(scopes = "refunds:create", scopes_if(euros > 1000, "refunds:approve"))]
//! # async fn refund(customer_id: String, euros: u32) -> String {
//! #     format!("{euros} EUR for {customer_id}")
//! # }
//! # fn server() -> Server { Server::new("refunds", &SCOPES) }
//! # const ROLES_TOML: &str = "[[roles]]\nname = \"Agent\"\nscopes = [\"refunds:create\"]\n\n[[roles]]\nname = \"Lead\"\nscopes = [\"refunds:create\", \"refunds:approve\"]\n";
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let roles = Role::from_toml(ROLES_TOML)?; // include_str!("../roles.toml")
//! let policy = server().policy().with_roles(roles.clone())?;
//! assert_eq!(policy.access_matrix().to_string(), "tool    Agent  Lead\nrefund  (x)    x\n");
//!
//! let server = TestServer::new(server())?.roles(roles);
//! server.as_role("Lead").call("refund", json!({ "customer_id": "c1", "euros": 5000 })).await.allowed();
//! # Ok(())
//! # }
//! ```
//!
//! `x` is every call, `(x)` is a call that a condition, a guard or a visibility rule can still reject. The text of
//! [`access_matrix`](crate::Policy::access_matrix) is made for snapshot tests.
//!
//! # State rules over every token
//!
//! A test of examples misses the example that you did not think of. What a tool requires of scopes is a formula, so these
//! rules are decided exactly, for every token:
//!
//! ```
//! use toolgate::{policy::{Policy, Role}, prelude::*};
//! # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "refunds:approve", "refunds:create"])
//! #     .implies("refunds:approve", &["refunds:create"]);
//! # /// Refund a customer.
//! # #[tool(scopes = "refunds:create")]
//! # async fn refund_create(customer_id: String) -> String { customer_id }
//! # /// Approve a refund.
//! # #[tool(scopes = "refunds:approve")]
//! # async fn refund_approve(refund_id: String) -> String { refund_id }
//! # /// Return the payroll.
//! # #[tool(scopes = "payroll:read:all")]
//! # async fn payroll_summary() -> String { String::new() }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::of(&SCOPES).with_roles(vec![
//!     Role::new("Agent", ["refunds:create"]),
//!     Role::new("Lead", ["refunds:approve"]),
//!     Role::new("HR", ["payroll:read:all"]),
//! ])?;
//!
//! policy.only("payroll:read:all", "payroll_*")?; // every token that can call a payroll tool has this scope
//! policy.never("Agent", "refund_approve")?; // no token of an agent can approve
//! policy.separate("payroll_*", "refund_*")?; // no role can do both
//!
//! // A violation names the smallest token that breaks the rule.
//! let violation = policy.separate("refund_create", "refund_approve").unwrap_err();
//! assert_eq!(
//!     violation.to_string(),
//!     "Lead with `refunds:approve` can call both `refund_create` and `refund_approve`"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! Guards and conditions count as "may allow", so a rule that holds does not depend on them. A pattern that matches no
//! tool, and a scope or role that does not exist, are errors: a rule that checks nothing must fail.
//!
//! # Lock the policy
//!
//! One test line makes every change of access a change of a file, which a review shows:
//!
//! ```no_run
//! # use toolgate::prelude::*;
//! # pub static SCOPES: Scopes = Scopes::new(&["refunds:create"]);
//! # fn server() -> Server { Server::new("refunds", &SCOPES) }
//! #[test]
//! fn the_policy_is_the_reviewed_one() {
//!     toolgate::testing::assert_policy_lock(&server().policy(), "policy.lock");
//! }
//! # fn main() {}
//! ```
//!
//! The file has one fact on each line. If the code differs, the test fails in terms of access:
//!
//! ```text
//! the policy differs from policy.lock:
//!
//! Support gains payroll_summary
//! payroll_summary: now requires any valid token instead of payroll:read:all
//!
//! To accept the policy, run the test with ACCEPT_POLICY=1.
//! ```
//!
//! [`Server::policy_lock`](crate::Server::policy_lock) refuses to build a server that differs from the file, for a
//! deployment whose image was built from other code than the one that was reviewed.
//!
//! # Use the command line
//!
//! With the feature `cli`, [`cli::App`](crate::cli::App) gives your program these commands. `runtime/examples/command_line.rs`
//! shows a complete one.
//!
//! ```sh
//! my-server policy                          # the table, for people
//! my-server policy --format markdown        # for a pull request
//! my-server policy --format json            # for other programs
//! git show main:policy.lock | my-server policy diff -    # what this build changes
//! my-server check                           # compares with policy.lock; exit status 1 if it differs
//! my-server check --accept                  # writes policy.lock
//! ```
//!
//! In a GitHub Action, a step with `my-server check` fails if the policy is not the reviewed one.
//!
//! # Explain a decision
//!
//! A colleague cannot call a tool. Ask the code that decides:
//!
//! ```console
//! $ my-server explain --role Agent --tool refund --arguments '{ "customer_id": "c1", "euros": 5000 }'
//! refund, called by role Agent with refunds:create
//!   allows: scopes refunds:create
//!   allows: schema of the arguments
//!   REJECTS (the condition holds, and the token lacks refunds:approve): refunds:approve if `euros > 1000`
//! rejected: missing refunds:approve of refunds:create and refunds:approve
//! ```
//!
//! The guards run, with the server's states; the body does not. [`BuiltServer::explain`](crate::BuiltServer::explain) is the
//! same in code.
//!
//! # Replay the audit log
//!
//! Each audit record has the scopes that the token granted and the fingerprint of the policy. Before you deploy a change,
//! decide last month's calls with it:
//!
//! ```sh
//! my-server replay audit.2026-10.jsonl audit.jsonl
//! ```
//!
//! It prints which calls of whom would be rejected or allowed now, and counts those that depend on arguments, which the
//! audit log does not have. [`Policy::replay`](crate::Policy::replay) is the same in code.
