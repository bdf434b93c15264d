//! The sample company's internal server: what the README's `cargo run` starts.

pub mod company;
pub mod domain;
pub mod repository;
