//! What tools, prompts and resources share: descriptors, arguments, errors, policies beyond scopes, and the context of a
//! call.

mod annotations;
mod approval;
#[cfg(test)]
mod arbitrary_schema;
mod arguments;
mod ask;
mod background;
mod call_steps;
mod completion;
mod content_types;
mod context;
mod denied;
mod descriptor;
mod deserialize;
mod error;
mod input_required;
mod invocation;
mod normalize;
mod parameters;
mod portable_schema;
mod request_state;
mod resource_body;
mod resource_descriptor;
mod result;
pub(crate) mod result_size;
mod simple_schema;
mod states;
mod text_arguments;
mod tool_descriptor;
mod validator;
mod violation;

pub use crate::operation_kind::OperationKind;
pub(crate) use crate::operation_kind::{label, parse_label};
pub use annotations::Annotations;
#[cfg(feature = "approvals")]
pub(crate) use approval::{ApprovalCall, declined};
pub(crate) use approval::{ApprovalPrompt, ApprovalRequest, ApprovalStep, Approver};
pub use arguments::InputSchema;
pub(crate) use arguments::{ArgumentSchema, ParameterCheck};
pub use ask::{
    AskError, AskFuture, Confirm, Form, FormContent, FormType, InvalidAnswer, RegisteredForm, form, form_content,
};
pub(crate) use background::Background;
pub use call_steps::{CallSteps, ConditionalScopes};
pub(crate) use call_steps::{GuardTrace, LastStep, MetConditions};
pub use completion::{Completion, CompletionArguments, CompletionFuture, CompletionInvocation, completion};
pub(crate) use content_types::for_each_content_type;
pub(crate) use context::{ClientRequest, VisibleTools};
pub use context::{Context, InputUnavailable, LogLevel};
pub use denied::Denied;
pub(crate) use descriptor::DescriptorKind;
pub use descriptor::{BodyFuture, OperationDescriptor, VisibilityRule};
pub(crate) use error::Failure;
pub use error::{MaskedError, ToolError};
pub use input_required::InputRequired;
pub(crate) use input_required::undeclared_capabilities;
pub use invocation::{Invocation, Provided, Reference, ReferenceTo, check_reference};
pub use parameters::ParameterSchemas;
use portable_schema::without_alternatives;
pub(crate) use portable_schema::{Direction, portable};
pub(crate) use request_state::{CallBinding, InputRound, RequestStateSigner};
pub use resource_body::ResourceBody;
pub(crate) use resource_descriptor::ResourceDescriptor;
pub use result::OperationResult;
pub(crate) use states::States;
pub use states::{ServerState, StateType};
pub(crate) use text_arguments::{argument_without_texts, from_text};
pub(crate) use tool_descriptor::ToolDescriptor;
#[cfg(feature = "json-schema")]
pub(crate) use validator::ResultValidator;
pub(crate) use violation::Violation;
