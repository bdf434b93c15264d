//! Guides. Every example in them compiles and runs.

pub mod writing_policies;
