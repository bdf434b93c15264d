//! The registered tools: the decision about who may use them, and the call.

mod call;
mod decision;
mod dispatch;
mod explain;
mod listed_tool;
mod registered_tool;
mod tool_registry;

pub(crate) use call::CallResult;
use decision::ListedTool;
pub(crate) use decision::{Authorized, DecisionError};
pub(crate) use dispatch::{CallRequest, Dispatcher};
pub(crate) use registered_tool::RegisteredTool;
pub(crate) use tool_registry::{DenyRule, RegistryConfig, ToolRegistry};
