//! Tools: descriptors, arguments, results, errors, guards, visibility rules, and the context of a call.

mod arguments;
mod context;
mod descriptor;
mod error;
mod guard;
mod input_required;
pub(crate) mod output;
mod parameters;
mod request_state;
pub(crate) mod result_size;
mod simple_schema;
mod states;
mod visibility;

pub use arguments::Arguments;
pub(crate) use arguments::{ArgumentSchema, Violation};
pub(crate) use context::{ClientRequest, VisibleTools};
pub use context::{Context, LogLevel};
pub use descriptor::{Annotations, BodyFuture, Invocation, ToolDescriptor};
pub(crate) use error::Failure;
pub use error::{MaskedError, ToolError};
pub use guard::{Denied, Guard, GuardFuture};
pub use input_required::InputRequired;
pub(crate) use input_required::undeclared_capabilities;
pub use output::{Json, JsonContent, ToolContent, ToolOutput, audio, image};
pub use parameters::ParameterSchemas;
pub(crate) use request_state::{CallBinding, InputRound, RequestStateSigner};
pub(crate) use states::States;
pub use states::{ServerState, StateType};
pub use visibility::{Org, OrgRole, Visibility, require_org, require_org_role};
