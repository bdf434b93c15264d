//! Tools: descriptors, arguments, results, errors, policies beyond scopes, and the context of a call.

mod arguments;
mod call_steps;
mod context;
mod denied;
mod descriptor;
mod error;
mod input_required;
mod invocation;
pub(crate) mod output;
mod parameters;
mod request_state;
pub(crate) mod result_size;
mod simple_schema;
mod states;

pub(crate) use arguments::{ArgumentSchema, Violation};
pub use call_steps::{CallSteps, ConditionalScopes};
pub(crate) use call_steps::{GuardTrace, LastStep, MetConditions};
pub(crate) use context::{ClientRequest, VisibleTools};
pub use context::{Context, LogLevel};
pub use denied::Denied;
pub use descriptor::{Annotations, BodyFuture, ToolDescriptor, VisibilityRule};
pub(crate) use error::Failure;
pub use error::{MaskedError, ToolError};
pub use input_required::InputRequired;
pub(crate) use input_required::undeclared_capabilities;
pub use invocation::{Invocation, Provided, Reference, ReferenceTo, check_in_lists};
pub use output::{Json, JsonContent, ToolContent, ToolOutput, audio, image};
pub use parameters::ParameterSchemas;
pub(crate) use request_state::{CallBinding, InputRound, RequestStateSigner};
pub(crate) use states::States;
pub use states::{ServerState, StateType};
