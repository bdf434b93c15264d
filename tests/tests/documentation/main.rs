//! Documents that make claims about the code: the house in ARCHITECTURE.md, the transcripts in README.md, the settings in
//! docs/configuration.md, the tests that other documents name, the files for operators, and the links between documents.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod architecture;
mod book;
mod check;
mod configuration;
mod links;
mod named_tests;
mod observability;
mod readme;

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
