//! Documents that make claims about the code: the house in ARCHITECTURE.md, the transcripts in README.md, the settings in
//! docs/configuration.md, and the tests that other documents name.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod architecture;
mod configuration;
mod named_tests;
mod readme;
