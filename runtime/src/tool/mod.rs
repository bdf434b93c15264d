//! Tools: what `#[tool]` makes, the decision about it, and the call.

mod answer_size;
mod arguments;
mod call;
mod context;
mod decision;
mod descriptor;
mod error;
mod guard;
mod input;
mod log;
mod output;
mod parameters;
mod plain_schema;
mod registry;
mod request_state;
mod state;
mod table;

pub use arguments::{Argument, Arguments};
pub(crate) use call::{Answer, Called, Outcome};
pub use context::Context;
pub(crate) use decision::{Authorized, Refusal};
pub use descriptor::{Annotations, BodyFuture, Invocation, ToolDescriptor};
pub use error::ToolError;
pub use guard::{Denied, Guard, GuardFuture, Org, OrgRole, Visibility, require_org, require_org_role};
pub use input::InputRequired;
pub(crate) use input::undeclared;
pub use log::LogLevel;
pub use output::{Json, ToolContent, ToolOutput, audio, image};
pub use parameters::ParameterSchemas;
pub(crate) use registry::{DenyRule, Parts, RegisteredTool, Registry};
pub(crate) use request_state::{Belonging, StateSeal};
pub use state::StateType;
pub(crate) use state::States;
pub use table::{ScopeTable, ToolInfo};
