//! An authorization gate for internal MCP servers.
//!
//! MCP authorizes access to a server, not to its tools: a client that can connect can call every tool. With toolgate,
//! every tool declares the scopes that it requires, a misspelled scope does not compile, and a caller sees and calls
//! only the tools that their token allows. [PropelAuth](https://www.propelauth.com) is the authorization server.
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
//! - [`#[tool]`](macro@tool) declares a tool; [`Scopes`] is the list that its scopes are checked against.
//! - [`Server`] builds a server from a validator, states and [settings](config). [`PropelAuth`] validates tokens;
//!   implement [`TokenValidator`] for another authorization server.
//! - A tool takes its arguments as owned parameters, and [`Caller`], [`Context`] and states by reference. It fails with
//!   [`ToolError`].
//! - [`guard`] has policies beyond scopes, [`guides`] explain how to write them.
//! - [`audit`] and [`metrics`] describe the records and the numbers of a server.
//!
//! # Features
//!
//! No feature is enabled by default.
//!
//! | feature | adds |
//! |---|---|
//! | `audit-file` | `audit::JsonLines`, which writes the audit log to a rotating file |
//! | `logging` | `logging::init`, which logs to standard error without blocking, one escaped line for each event |
//! | `prometheus` | the endpoint `/metrics`, on an address of its own ([`HttpConfig::metrics_address`](config::HttpConfig::metrics_address)) |
//! | `redis` | `replication`, which shares revocations between replicas through Redis |
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
pub mod audit;
pub mod auth;
mod body;
mod error;
mod gate;
pub mod guides;
mod json_memory;
mod log_limit;
#[cfg(feature = "logging")]
pub mod logging;
mod mcp;
pub mod metrics;
mod peer;
pub mod propelauth;
mod registry;
#[cfg(feature = "redis")]
pub mod replication;
mod scope;
mod server;
mod tool;
mod url;

/// Unstructured content of results: text, images, audio, resources and resource links.
pub mod content {
    pub use rmcp::model::{
        AudioContent as Audio, ContentBlock as Content, EmbeddedResource, ImageContent as Image,
        Resource as ResourceLink, ResourceContents, TextContent as Text,
    };

    pub use crate::tool::{ToolContent, audio, image};
}

/// Policies beyond scopes: a [`Guard`](guard::Guard) decides a call by its arguments, a [`Visibility`](guard::Visibility)
/// rule decides lists and calls by the caller.
pub mod guard {
    pub use crate::tool::{
        Arguments, Denied, Guard, GuardFuture, Org, OrgRole, Visibility, require_org, require_org_role,
    };
}

/// Asking the user for input during a call.
pub mod input {
    pub use rmcp::model::{
        ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests, InputResponses,
    };

    pub use crate::tool::InputRequired;
}

/// Common imports for a crate that defines tools or a server.
pub mod prelude {
    #[doc(no_inline)]
    pub use schemars::{self, JsonSchema};
    #[doc(no_inline)]
    pub use serde::{self, Deserialize, Serialize};
    #[doc(no_inline)]
    pub use serde_json::json;

    pub use crate::{
        Caller, Context, Json, JsonObject, PropelAuth, Scope, ScopeTable, Scopes, Server, ToolError, scope, tool,
    };
}

pub use auth::{Caller, Preflight, TokenValidator};
pub use error::{BuildError, BuildProblem, Error, ServerUrlError, ToolProblem};
pub use propelauth::PropelAuth;
pub use registry::{ScopeTable, ToolInfo};
/// The version of rmcp whose types this API uses.
pub use rmcp;
#[doc(no_inline)]
pub use rmcp::model::CallToolResult;
pub use scope::{MissingScopes, Scope, Scopes};
/// A JSON object. As the type of a `#[serde(flatten)]` parameter, it receives all arguments unchanged.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
pub use server::{BuiltServer, Server, config, shutdown_signal};
pub use tool::{Annotations, Context, Json, JsonContent, LogLevel, MaskedError, ServerState, ToolError, ToolOutput};
pub use toolgate_macros::{scope, tool};
