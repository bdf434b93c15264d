//! IDs, days and quarters. A value of one of these types is well-formed, and its JSON Schema describes the format.

mod day;
mod id;
mod quarter;

pub use day::Day;
pub use id::{CustomerId, EmployeeId, TicketId};
pub use quarter::Quarter;

/// A text that does not have the expected format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct FormatError {
    /// The rejected text.
    pub text: String,
    /// The expected format, with an example.
    pub expected: &'static str,
}

impl FormatError {
    fn new(text: impl Into<String>, expected: &'static str) -> Self {
        Self { text: text.into(), expected }
    }
}
