//! An authorization gate for internal MCP servers.
//!
//! MCP lets a model call tools and has no authorization of its own: whoever connects reaches everything. With toolgate
//! every tool says which scopes it needs, a misspelt scope does not compile, and a caller sees and calls only what
//! their token allows. [PropelAuth](https://www.propelauth.com) is the authorization server.
//!
//! ```no_run
//! use toolgate::prelude::*;
//!
//! /// Every scope of this server, as configured in PropelAuth under MCP -> Org Scopes.
//! pub static SCOPES: Scopes = Scopes::new(&["employees:read:private", "employees:read:public"]);
//!
//! /// What everybody may know of an employee.
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
//! - [`#[tool]`](macro@tool) is the language; [`Scopes`] the list it is checked against.
//! - [`Server`] puts everything together; [`PropelAuth`] checks tokens, or another [`TokenValidator`].
//! - [`Caller`] is who calls, [`Context`] the request around the call, [`ToolError`] how a tool fails.

// Generated code says `::toolgate`, in this crate too.
#[allow(unused_extern_crates)]
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
mod gate;
pub mod guides;
pub mod metrics;
pub mod propelauth;
#[cfg(feature = "redis")]
pub mod replicas;
mod scope;
mod server;
mod tool;

/// Content that is not structured: text, images, audio, resources and links to them.
pub mod content {
    pub use rmcp::model::{
        AudioContent as Audio, ContentBlock as Content, EmbeddedResource, ImageContent as Image,
        Resource as ResourceLink, ResourceContents, TextContent as Text,
    };

    pub use crate::tool::{ToolContent, audio, image};
}

/// Policies beyond scopes: [`Guard`](guard::Guard)s see the arguments, [`Visibility`](guard::Visibility) rules decide
/// about the list too.
pub mod guard {
    pub use crate::tool::{
        Arguments, Denied, Guard, GuardFuture, Org, OrgRole, Visibility, require_org, require_org_role,
    };
}

/// Asking the user something in the middle of a call.
pub mod input {
    pub use rmcp::model::{
        ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests, InputResponses,
    };

    pub use crate::tool::InputRequired;
}

/// What a server is written with.
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

pub use auth::{Caller, TokenValidator};
pub use propelauth::PropelAuth;
pub use rmcp;
#[doc(no_inline)]
pub use rmcp::model::CallToolResult;
pub use scope::{Scope, ScopeSet, Scopes, Shortfall};
/// A JSON object; as the type of a `#[serde(flatten)]` parameter it takes all arguments as they came.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
pub use server::{BuildError, BuiltServer, Error, Preflight, Server, stop_signal};
pub use tool::{
    Annotations, Argument, Context, Json, LogLevel, ScopeTable, ToolDescriptor, ToolError, ToolInfo, ToolOutput,
};
pub use toolgate_macros::{scope, tool};
