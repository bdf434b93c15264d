//! An authorization gate for internal MCP servers.
//!
//! MCP authorizes access to a server, not to its tools: a client that can connect can call every tool. With toolgate,
//! every tool, prompt and resource declares the scopes that it requires, a misspelled scope does not compile, and a caller
//! sees and uses only what their token allows. [PropelAuth](https://www.propelauth.com) is the authorization server.
//!
//! ```no_run
//! use toolgate::prelude::*;
//!
//! /// Every scope of this server, as configured in PropelAuth under MCP -> Org Scopes.
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);
//!
//! /// Public information about an employee.
//! #[derive(Serialize, JsonSchema)]
//! struct PublicProfile {
//!     name: String,
//! }
//!
//! /// Return an employee's public information.
//! #[tool(scopes = "employees:read:public", read_only)]
//! async fn employee_information_public(
//!     /// The employee's ID, such as `emp_0042`.
//!     employee_id: String,
//! ) -> Result<Json<PublicProfile>, ToolError> {
//!     match employee_id.as_str() {
//!         "emp_0042" => Ok(Json(PublicProfile { name: "Sample Person".to_owned() })),
//!         _ => Err(ToolError::new(format!("there is no employee {employee_id}"))),
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), toolgate::Error> {
//!     Server::new("My MCP server", &SCOPES)
//!         .auth(PropelAuth::from_env()?)
//!         .serve()
//!         .await
//! }
//! ```
//!
//! # Where to start
//!
//! - [`#[tool]`](macro@tool), [`#[prompt]`](macro@prompt) and [`#[resource]`](macro@resource) declare operations;
//!   [`Scopes`] is the list that their scopes are checked against.
//! - [`Server`] builds a server from a validator, states and [settings](config). [`PropelAuth`] validates tokens; [`oauth`]
//!   has validators for other authorization servers, and [`TokenValidator`] is the trait for your own.
//! - `dev_tenant` (feature `dev-tenant`) adds a login during development, without an account.
//! - An operation takes its arguments as owned parameters, and [`Caller`], [`Context`] and states by reference. It fails
//!   with [`ToolError`]. [`Context::ask`] asks the user during a call.
//! - [`tasks`] are calls that continue after their response, [`Server::sessions`] is for clients of earlier revisions of
//!   MCP, and [`Notifications`] tells subscribed clients what changed.
//! - `#[tool(approve = "..")]` (feature `approvals`) requires that a person approves a call.
//! - `#[tool(rate = "30/minute")]` (feature `rates`) limits how often each caller may call.
//! - [`Server::mount`] puts an existing rmcp server behind the gate.
//! - [`BuiltServer::into_router`] and its parts embed a server in an axum application, which [`BuiltServer::with_app`]
//!   serves; [`BuiltServer::gate_layer`] puts the gate before other routes.
//! - The book in the repository, `docs/`, has guides: policies beyond scopes (scopes that depend on arguments, guards
//!   ([`Denied`]), visibility rules, and proofs for a data layer ([`Granted`])), tests, clients, deployment and operations.
//! - [`audit`] and [`metrics`] describe the records and the numbers of a server.
//!
//! # Features
//!
//! The first five are enabled by default. A server without them (`default-features = false`) compiles faster and is not
//! less strict: what such a server cannot enforce, it does not accept.
//!
//! | feature | adds |
//! |---|---|
//! | `config-file` | settings from a TOML file (`Server::config_file`, `TOOLGATE_CONFIG`) |
//! | `http2` | HTTP/2 to the authorization server, instead of HTTP/1.1 only |
//! | `json-schema` | every keyword of JSON Schema for arguments, such as `pattern`, `format` and `uniqueItems`. Without it, [`Server::build`] reports each keyword that the program does not enforce ([`OperationProblem::JsonSchemaFeature`]), and debug builds do not compare results with their schemas |
//! | `landing-page` | the page for browsers ([`HttpConfig::landing_page`](config::HttpConfig::landing_page)) |
//! | `renamed-dependency` | toolgate under another name in `Cargo.toml`, which the macros find |
//! | `approvals` | `#[tool(approve = "..")]`: calls that a person approves on a page of the server, after a login; `approvals::ApprovalStore` |
//! | `audit-file` | `audit::JsonLines`, which writes the audit log to a rotating file |
//! | `cli` | `cli::App`, the command line of a server: serve, and inspect the access policy; with `config-file`, `logging` and `policy-files` |
//! | `console` | a console for operators, on an address of its own ([`HttpConfig::console_address`](config::HttpConfig::console_address)) |
//! | `dev-tenant` | `dev_tenant`, a login on your own machine: a tenant that replaces PropelAuth during development |
//! | `logging` | `logging::init`, which logs to standard error without blocking, one escaped line for each event |
//! | `otel` | `traces`: traces of requests, exported to OpenTelemetry; with `logging` |
//! | `prometheus` | the endpoint `/metrics`, on an address of its own ([`HttpConfig::metrics_address`](config::HttpConfig::metrics_address)) |
//! | `jwt` | `oauth::Jwt`, which validates JWT access tokens of any authorization server |
//! | `policy-files` | `Role::from_toml`, which reads the roles of an access [policy] from a file |
//! | `rates` | rates of callers and of operations: `#[tool(rate = "30/minute")]`, `Server::rates` |
//! | `redis` | `replication`, which shares revocations, tasks, approvals and rates between replicas through Redis |
//! | `tls` | TLS on the listener, with a certificate and a key from files that are read again when they change ([`HttpConfig::tls_certificate`](config::HttpConfig::tls_certificate)) |
//! | `testing` | `testing`, which tests the policies of a server in process; enable it in `[dev-dependencies]` |
//! | `chrono`, `uuid`, `url` | types of these crates as arguments and in results |
//!
//! # The prelude
//!
//! `use toolgate::prelude::*` imports the common items, including the derives of serde and schemars. Two of its names
//! exist in other crates that servers use: `Json` in axum and `Context` in anyhow. An explicit import takes precedence
//! over a glob, so `use axum::Json;` next to the prelude selects axum's type.

// Generated code refers to `::toolgate`, in this crate too.
#[allow(unused_extern_crates, reason = "only generated code uses the name")]
extern crate self as toolgate;

#[cfg(toolgate_internals)]
#[doc(hidden)]
#[path = "bench.rs"]
pub mod __bench;
#[cfg(any(fuzzing, toolgate_internals))]
#[doc(hidden)]
#[path = "fuzzing.rs"]
pub mod __fuzzing;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "approvals")]
pub mod approvals;
pub mod audit;
pub mod auth;
mod body;
#[cfg(feature = "cli")]
pub mod cli;
pub mod connect;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "dev-tenant")]
pub mod dev_tenant;
mod duration;
mod error;
mod gate;
mod hexadecimal;
mod json_memory;
mod log_limit;
#[cfg(feature = "logging")]
pub mod logging;
mod mcp;
pub mod metrics;
mod notifications;
pub mod oauth;
mod operation;
mod operation_kind;
#[cfg(any(feature = "approvals", feature = "console", feature = "landing-page"))]
mod page;
mod peer;
pub mod policy;
mod prompt;
pub mod propelauth;
mod rate;
mod rates;
mod registry;
#[cfg(feature = "redis")]
pub mod replication;
mod resource;
mod scope;
mod server;
mod settings;
mod spawn;
pub mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod tool;
#[cfg(feature = "otel")]
pub mod traces;
#[cfg(not(feature = "otel"))]
mod traces;
mod url;

/// Unstructured content of results: text, images, audio, resources and resource links.
pub mod content {
    pub use rmcp::model::{
        AudioContent as Audio, ContentBlock as Content, EmbeddedResource, ImageContent as Image, PromptMessage,
        Resource as ResourceLink, ResourceContents, Role, TextContent as Text,
    };

    pub use crate::{
        prompt::IntoPromptMessage,
        tool::{ToolContent, audio, image},
    };
}

/// Asking the user for input during a call.
pub mod input {
    pub use rmcp::model::{
        ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests, InputResponses,
    };

    pub use crate::error::FormProblem;
    pub use crate::operation::{
        AskError, AskFuture, Confirm, Form, InputRequired, InputUnavailable, InvalidAnswer, form,
    };
    pub use toolgate_macros::Form;
}

/// Common imports for a crate that defines operations or a server.
pub mod prelude {
    #[doc(no_inline)]
    pub use schemars::{self, JsonSchema};
    #[doc(no_inline)]
    pub use serde::{self, Deserialize, Serialize};
    #[doc(no_inline)]
    pub use serde_json::json;

    pub use crate::{
        Caller, Context, Denied, Granted, Json, JsonObject, Policy, PropelAuth, Roles, Scope, ScopeMarker, Scopes,
        Server, ToolError, prompt, resource, scope, tool,
    };
}

pub use auth::{Caller, Granted, Preflight, TokenValidator};
pub use error::{BuildError, BuildProblem, CertificateError, Error, OperationProblem, ServerUrlError};
pub use notifications::Notifications;
pub use policy::Policy;
pub use propelauth::PropelAuth;
pub use rate::{Rate, RateError};
/// The version of rmcp whose types this API uses.
pub use rmcp;
#[doc(no_inline)]
pub use rmcp::model::CallToolResult;
pub use scope::{MissingScopes, Roles, Scope, ScopeMarker, Scopes};
/// A JSON object. As the type of a `#[serde(flatten)]` parameter, it receives all arguments unchanged.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
pub use operation::{
    Annotations, CompletionArguments, Context, Denied, LogLevel, MaskedError, OperationKind, ResourceBody,
    ServerState, ToolError,
};
pub use prompt::PromptOutput;
pub use resource::ResourceOutput;
pub use server::{
    BuiltServer, GateLayer, Gated, MountPolicy, Requires, RunningServer, Server, config, shutdown_signal,
};
pub use tool::{Json, JsonContent, ToolOutput};
pub use toolgate_macros::{ScopeMarker, prompt, resource, scope, tool};
