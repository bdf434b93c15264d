//! Guides. Every example in them compiles and runs.

pub mod testing_access;
pub mod writing_policies;
