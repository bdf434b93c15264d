//! Results of tools.

pub(crate) mod output;

pub use output::{Json, JsonContent, ToolContent, ToolOutput, audio, image};
