//! The kinds of operations that a caller is authorized for.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// What a caller is authorized for: calling a tool, getting a prompt, or reading a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::exhaustive_enums, reason = "MCP defines three kinds of server features")]
pub enum OperationKind {
    /// Call of a tool.
    #[default]
    Tool,
    /// Getting a prompt.
    Prompt,
    /// Reading a resource, or a resource that matches a URI template.
    Resource,
}

impl OperationKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// Returns the kind as a word: `tool`, `prompt` or `resource`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the kind and the name of the operation that a text names, see [`label`].
pub(crate) fn parse_label(text: &str) -> (OperationKind, &str) {
    match text.strip_prefix("prompt ") {
        Some(name) => (OperationKind::Prompt, name),
        None if text.contains(':') => (OperationKind::Resource, text),
        None => (OperationKind::Tool, text),
    }
}

/// Returns an operation as texts name it: the name of a tool, `prompt` and the name of a prompt, or the URI of a resource,
/// which contains a colon.
pub(crate) fn label(kind: OperationKind, name: &str) -> Cow<'_, str> {
    match kind {
        OperationKind::Tool | OperationKind::Resource => Cow::Borrowed(name),
        OperationKind::Prompt => Cow::Owned(format!("prompt {name}")),
    }
}
