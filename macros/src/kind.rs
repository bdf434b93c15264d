//! Kinds of operations, one for each attribute.

use std::fmt;

use proc_macro2::{Ident, Span};

/// What an attribute makes of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Prompt,
    Resource,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// Name of the attribute, which is also the noun in messages: "a tool", "a prompt", "a resource".
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }

    /// The name as an identifier of generated code.
    pub(crate) fn ident(self) -> Ident {
        Ident::new(self.name(), Span::call_site())
    }

    /// Trait of the result types.
    pub(crate) const fn output_trait(self) -> &'static str {
        match self {
            Self::Tool => "ToolOutput",
            Self::Prompt => "PromptOutput",
            Self::Resource => "ResourceOutput",
        }
    }

    /// Where arguments come from, for messages about types that cannot be arguments.
    pub(crate) const fn source_of_arguments(self) -> &'static str {
        match self {
            Self::Tool => "arguments are deserialized from JSON",
            Self::Prompt => "arguments are texts that the client sends",
            Self::Resource => "arguments are variables of the URI",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The attributes of `kinds`, for messages: `` `#[prompt]` and `#[resource]` ``.
pub(crate) fn attributes(kinds: &[Kind]) -> String {
    let attributes: Vec<_> = kinds.iter().map(|kind| format!("`#[{kind}]`")).collect();
    attributes.join(" and ")
}
