//! The registered tools: the decision about who may use them, the call, and the scope table.

mod call;
mod decision;
mod dispatch;
mod registered_tool;
mod scope_table;
mod tool_registry;

pub(crate) use call::CallResult;
pub(crate) use decision::{Authorized, DecisionError};
pub(crate) use dispatch::{CallRequest, Dispatcher};
pub(crate) use registered_tool::RegisteredTool;
pub use scope_table::{ScopeTable, ToolInfo};
pub(crate) use tool_registry::{DenyRule, RegistryConfig, ToolRegistry};
