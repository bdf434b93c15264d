//! The tools in toolgate.

#![allow(clippy::pedantic, clippy::uninlined_format_args)]

include!(concat!(env!("OUT_DIR"), "/tools.rs"));
