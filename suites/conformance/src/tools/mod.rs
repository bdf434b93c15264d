//! Tools that the conformance suite calls. Its scenarios define their names and results.

mod content;
mod input;
mod notifications;
mod schema;

pub(crate) use self::content::PIXEL;
