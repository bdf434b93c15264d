//! Tools: their hints and results.

mod annotations;
mod descriptor;
pub(crate) mod output;

pub use annotations::Annotations;
pub(crate) use descriptor::ToolDescriptor;
pub use output::{Json, JsonContent, ToolContent, ToolOutput, audio, image};
