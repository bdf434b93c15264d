//! Tools of the server under test.

#![allow(clippy::pedantic, clippy::uninlined_format_args, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/tools.rs"));
