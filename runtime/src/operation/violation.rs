//! Violations of the input schema, and the sentences about them.

use std::fmt;

use serde_json::Value;

/// Maximum number of violations in a result, which bounds the size of the result.
pub(super) const MAX_VIOLATIONS: usize = 20;

/// A violation of the input schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// JSON pointer (RFC 6901) to the invalid value; empty for the arguments as a whole.
    pub(crate) pointer: String,
    /// Description of the violation. It omits the invalid value, which must not reach a log.
    pub(crate) message: String,
}

/// Returns the message about a value that is not one of the choices. It has all of them, because a model needs them.
pub(super) fn choices<'a>(options: impl IntoIterator<Item = &'a Value>) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in options.into_iter().map(Value::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    format!("the value is not one of [{}]", texts.join(","))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            write!(f, "(arguments): {}", self.message)
        } else {
            write!(f, "{}: {}", self.pointer, self.message)
        }
    }
}
