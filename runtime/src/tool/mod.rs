//! Tools: what `#[tool]` makes, the decision about it, and the call.

mod arguments;
mod call;
mod context;
mod decision;
mod descriptor;
mod error;
mod guard;
mod input;
mod output;
mod registry;
mod state;
mod table;

pub use arguments::{Argument, Arguments};
pub(crate) use call::{Answer, Called, Outcome};
pub use context::Context;
pub(crate) use decision::{Authorized, Refusal};
pub use descriptor::{Annotations, Body, BodyFuture, Invocation, ToolDescriptor};
pub use error::ToolError;
pub use guard::{Denied, Guard, GuardFuture, Org, OrgRole, Visibility, org, org_role};
pub use input::InputRequired;
pub use output::{Json, ToolContent, ToolOutput, audio, image};
pub(crate) use registry::{DenyRule, Parts, RegisteredTool, Registry};
pub use state::StateType;
pub(crate) use state::States;
pub use table::{ScopeTable, ToolInfo};
