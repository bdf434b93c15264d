//! Documents that make claims about the code: the README's transcripts, and the tests that other documents name.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod named_tests;
mod readme;
