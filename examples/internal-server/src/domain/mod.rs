//! The formats that the company's data is spoken of in. A value of one of these types has been
//! checked, and its JSON Schema says to a client what the check is.

mod day;
mod id;
mod quarter;

pub use day::Day;
pub use id::{CustomerId, EmployeeId, TicketId};
pub use quarter::Quarter;

/// A text that is not in the format that it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct FormatError {
    /// The text that was given.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

impl FormatError {
    fn new(text: impl Into<String>, expected: &'static str) -> Self {
        Self { text: text.into(), expected }
    }
}
