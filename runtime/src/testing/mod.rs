//! Tests of the policies of a server, in process.
//!
//! A [`TestServer`] is the server that its builder describes, without a socket and without an authorization server. Its
//! callers send real requests, in the newest revision of MCP that the server supports, through the whole gate: tokens
//! are validated, scopes decided, guards run, and calls recorded in the audit log.
//!
//! The module exists with the feature `testing`. Enable it in `[dev-dependencies]` only:
//!
//! ```toml
//! [dev-dependencies]
//! toolgate = { version = "0.1", features = ["testing"] }
//! ```
//!
//! # Example
//!
//! ```
//! use toolgate::{auth::Claims, prelude::*, testing::TestServer};
//!
//! pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "tickets:read"]);
//!
//! fn not_own_salary(caller: &Caller, employee_id: &str) -> Result<(), Denied> {
//!     if Some(employee_id) == caller.user_id() {
//!         return Err(Denied::new("ask HR for your own salary"));
//!     }
//!     Ok(())
//! }
//!
//! # #[doc(hidden)]
//! /// Return an employee's salary.
//! #[tool(scopes = "payroll:read:all", guard = not_own_salary(caller, &employee_id), read_only)]
//! async fn salary(employee_id: String) -> Result<Json<u32>, ToolError> {
//!     match employee_id.as_str() {
//!         "sam" => Ok(Json(50_000)),
//!         _ => Err(ToolError::new(format!("there is no employee {employee_id}"))),
//!     }
//! }
//!
//! /// The server of the program, without its validator.
//! fn server() -> Server {
//!     Server::new("company", &SCOPES)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! // In a `#[tokio::test]`:
//! let server = TestServer::new(server())?.role("HR", ["payroll:read:all"]).role("Support", ["tickets:read"]);
//!
//! let hr = server.as_role("HR");
//! assert_eq!(hr.tools().await, ["salary"]);
//! let salary = hr.call("salary", json!({ "employee_id": "sam" })).await.allowed();
//! assert_eq!(salary.structured(), 50_000);
//! assert_eq!(hr.call("salary", json!({})).await.invalid_arguments().len(), 1);
//! assert_eq!(hr.call("salary", json!({ "employee_id": "x" })).await.failed(), "there is no employee x");
//!
//! let support = server.as_role("Support");
//! assert!(support.tools().await.is_empty());
//! support.call("salary", json!({ "employee_id": "sam" })).await.missing_scopes(["payroll:read:all"]);
//!
//! let sam = server.as_caller(Claims::new().subject("sam").scopes(["payroll:read:all"]));
//! let denied = sam.call("salary", json!({ "employee_id": "sam" })).await.denied();
//! assert_eq!(denied, "not allowed: ask HR for your own salary");
//! # Ok(())
//! # }
//! ```
//!
//! Prompts and resources are tested in the same way, with [`TestCaller::prompt`] and [`TestCaller::resource`], and their lists
//! with [`prompts`](TestCaller::prompts), [`resources`](TestCaller::resources) and
//! [`resource_templates`](TestCaller::resource_templates).
//!
//! # Outcomes
//!
//! Each method of [`CallOutcome`] asserts one outcome. The audit record of the call says what happened, and the response
//! must be the one that clients receive for it. This is the response for a tool; where a tool has a result with `isError`, a
//! prompt or a resource has a JSON-RPC error with the same text, `-32602` for invalid arguments and `-32603` for all others:
//!
//! | method | asserts that | response |
//! |---|---|---|
//! | [`allowed`](CallOutcome::allowed) | the body returned a result | 200, a result without `isError` |
//! | [`missing_scopes`](CallOutcome::missing_scopes) | the token lacks exactly these scopes | 403, a challenge with all required scopes, JSON-RPC `-32010` |
//! | [`hidden`](CallOutcome::hidden) | the operation is hidden, disabled or concealed | 200, JSON-RPC `-32602`, byte for byte that for one that does not exist |
//! | [`invalid_arguments`](CallOutcome::invalid_arguments) | the arguments violate the input schema | 200, a result with `isError`, every violation with its pointer |
//! | [`not_found`](CallOutcome::not_found) | a resource has no contents for the URI | 200, JSON-RPC `-32602`, that for a resource that does not exist |
//! | [`denied`](CallOutcome::denied) | a guard denied the call | 200, a result with `isError`, `not allowed: ..` |
//! | [`failed`](CallOutcome::failed) | the body returned an error for the model | 200, a result with `isError`, the text of the error |
//! | [`masked`](CallOutcome::masked) | the body returned any other error | 200, a result with `isError`, `internal error` and a reference to the log |
//! | [`task_created`](CallOutcome::task_created) | the call continues as a task | 200, a task |
//! | [`cancelled`](CallOutcome::cancelled) | the task was cancelled | 200, a task with the status `cancelled` |
//! | `approval_required` (feature `approvals`) | a person has to approve the call | 200, a request to open the page of the approval |
//! | `not_approved` (feature `approvals`) | the person declined the call | 200, a result with `isError`, `not approved: ..` |
//! | [`rate_limited`](CallOutcome::rate_limited) | the request is beyond a rate | 429, `Retry-After`, JSON-RPC `-32011` |
//! | [`outcome`](CallOutcome::outcome) | nothing; returns the [`Outcome`], also that of a panic, a timeout, a full operation, a large result, a request for input, an unknown operation, or a rejected token | |
//!
//! # Completions
//!
//! [`TestCaller::complete_prompt`] and [`complete_resource`](TestCaller::complete_resource) complete an argument. The outcome is
//! `allowed` with the [values](CompletionResult::values). A prompt or a resource that is hidden from the caller completes
//! nothing, as one that does not exist:
//!
//! ```
//! # use toolgate::{prelude::*, testing::TestServer};
//! # pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);
//! /// How a review sounds.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(rename_all = "snake_case")]
//! enum Tone {
//!     Formal,
//!     Friendly,
//! }
//!
//! # #[doc(hidden)]
//! /// Review a quarter.
//! #[prompt(scopes = "reviews:write", org_role = "HR")]
//! async fn quarterly_review(tone: Tone) -> &'static str {
//!     if matches!(tone, Tone::Formal) { "Write a formal review." } else { "Write a friendly review." }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! let server = TestServer::new(Server::new("company", &SCOPES))?.role("HR", ["reviews:write"]).role("Support", [""; 0]);
//! let tones = server.as_role("HR").complete_prompt("quarterly_review", "tone", "f").await.allowed();
//! assert_eq!(tones.values(), ["formal", "friendly"]);
//! server.as_role("Support").complete_prompt("quarterly_review", "tone", "f").await.hidden();
//! # Ok(())
//! # }
//! ```
//!
//! # Tasks
//!
//! [`TestCaller::start_task`] calls a tool with `task` as a client that supports tasks. The [`TestTask`] can be polled and
//! cancelled, and [`wait`](TestTask::wait) returns the outcome of the call:
//!
//! ```
//! # use toolgate::{auth::Claims, prelude::*, testing::TestServer};
//! # pub static SCOPES: Scopes = Scopes::new(&["reports:create"]);
//! # #[doc(hidden)]
//! /// Write the report of a year.
//! #[tool(scopes = "reports:create", task)]
//! async fn annual_report(year: u16) -> Result<String, ToolError> {
//!     if year > 2030 {
//!         return Err(ToolError::new("the year is in the future"));
//!     }
//!     Ok(format!("the report of {year}"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! let server = TestServer::new(Server::new("reports", &SCOPES))?;
//! let sam = server.as_caller(Claims::new().subject("sam").scopes(["reports:create"]));
//! let task = sam.start_task("annual_report", json!({ "year": 2026 })).await.task_created();
//! assert_eq!(task.wait().await.allowed().text(), "the report of 2026");
//! task.unknown_to(&server.as_caller(Claims::new().subject("kim").scopes(["reports:create"]))).await;
//!
//! let task = sam.start_task("annual_report", json!({ "year": 2040 })).await.task_created();
//! assert_eq!(task.wait().await.failed(), "the year is in the future");
//! # Ok(())
//! # }
//! ```
//!
//! # Approvals
//!
//! With the feature `approvals`, a test decides about a call of a tool with `approve` as the person whom the call acts for,
//! without the page of the server and without a login. The same call is then allowed once:
//!
#![cfg_attr(feature = "approvals", doc = "```")]
#![cfg_attr(not(feature = "approvals"), doc = "```ignore")]
//! # use toolgate::{prelude::*, testing::TestServer};
//! # pub static SCOPES: Scopes = Scopes::new(&["payroll:export"]);
//! # #[doc(hidden)]
//! /// Export the payroll of a month.
//! #[tool(scopes = "payroll:export", destructive, approve = "Export the payroll of {year}-{month:02}")]
//! async fn payroll_export(year: u16, month: u8) -> String {
//!     format!("exported {year}-{month:02}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! let server = TestServer::new(Server::new("payroll", &SCOPES))?;
//! let hr = server.with_scopes(["payroll:export"]);
//! let july = json!({ "year": 2026, "month": 7 });
//! let approval = hr.call("payroll_export", july.clone()).await.approval_required();
//! assert_eq!(approval.message(), "Export the payroll of 2026-07");
//! approval.approve().await;
//! assert_eq!(hr.call("payroll_export", july).await.allowed().text(), "exported 2026-07");
//! # Ok(())
//! # }
//! ```
//!
//! # Rates
//!
//! The clock of rates stands still in a test, until [`TestServer::advance_rates`] advances it. Replication is not used, so
//! the server counts in memory:
//!
#![cfg_attr(feature = "rates", doc = "```")]
#![cfg_attr(not(feature = "rates"), doc = "```ignore")]
//! # use std::time::Duration;
//! # use toolgate::{prelude::*, testing::TestServer};
//! # pub static SCOPES: Scopes = Scopes::new(&["payroll:export"]);
//! # #[doc(hidden)]
//! /// Export the payroll of a month.
//! #[tool(scopes = "payroll:export", rate = "2/hour")]
//! async fn payroll_export(month: u8) -> String {
//!     format!("exported {month}")
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), toolgate::BuildError> {
//! let server = TestServer::new(Server::new("payroll", &SCOPES))?;
//! let hr = server.with_scopes(["payroll:export"]);
//! for month in [6, 7] {
//!     hr.call("payroll_export", json!({ "month": month })).await.allowed();
//! }
//! let text = hr.call("payroll_export", json!({ "month": 8 })).await.rate_limited();
//! assert!(text.starts_with("too many requests for payroll_export: a caller may send 2 per hour;"));
//! server.advance_rates(Duration::from_secs(30 * 60));
//! hr.call("payroll_export", json!({ "month": 8 })).await.allowed();
//! # Ok(())
//! # }
//! ```
//!
//! # Unit tests
//!
//! [`caller`] creates a caller without a server, for guards, visibility rules and bodies. Its method
//! [`grant`](crate::Caller::grant) returns the proofs that a data layer requires.

mod answer;
mod call_outcome;
mod caller;
mod classify;
mod completion_result;
mod connection;
mod issued_tokens;
mod lock;
mod outcome;
#[cfg(feature = "approvals")]
mod pending_approval;
mod prompt_result;
mod resource_result;
mod response;
mod server;
mod task;
mod tool_result;
mod values;

pub use answer::Answer;
pub use call_outcome::CallOutcome;
pub use caller::TestCaller;
pub use completion_result::CompletionResult;
pub use lock::assert_policy_lock;
pub use outcome::Outcome;
#[cfg(feature = "approvals")]
pub use pending_approval::PendingApproval;
pub use prompt_result::PromptResult;
pub use resource_result::ResourceResult;
pub use rmcp::model::TaskStatus;
pub use server::TestServer;
pub use task::TestTask;
pub use tool_result::ToolResult;
pub use values::caller;
