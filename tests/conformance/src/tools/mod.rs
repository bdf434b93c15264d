//! The tools that the suite calls, under the names and with the answers that its scenarios ask for.

mod content;
mod context;
mod input;
mod schema;
