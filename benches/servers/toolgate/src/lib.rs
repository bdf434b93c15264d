//! The tools in toolgate.

#![allow(clippy::pedantic, clippy::uninlined_format_args)]
// `ToolError` grows past clippy's limit when a peer asks serde_json for ordered objects.
#![allow(clippy::result_large_err)]

include!(concat!(env!("OUT_DIR"), "/tools.rs"));
