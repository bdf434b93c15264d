//! Hints about the behaviour of a tool.

use std::fmt;

use serde::{Deserialize, Serialize};

/// MCP's hints about a tool's behaviour. Clients may use them; the decision never does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "generated code constructs it")]
pub struct Annotations {
    /// `readOnlyHint`: the tool modifies nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may delete or overwrite data.
    pub destructive: Option<bool>,
    /// `idempotentHint`: calling the tool twice has the same effect as calling it once.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: the tool interacts with systems outside a closed domain.
    pub open_world: Option<bool>,
}

impl fmt::Display for Annotations {
    /// Lists the hints that are set, or `-` if none is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hints = [
            ("read-only", self.read_only),
            ("destructive", self.destructive),
            ("idempotent", self.idempotent),
            ("open-world", self.open_world),
        ];
        let words: Vec<_> = hints
            .iter()
            .filter_map(|(word, hint)| hint.map(|yes| if yes { (*word).to_owned() } else { format!("not {word}") }))
            .collect();
        f.write_str(&if words.is_empty() { "-".to_owned() } else { words.join(", ") })
    }
}
