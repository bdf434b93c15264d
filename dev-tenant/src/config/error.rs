//! What can be wrong with a `tenant.toml`.

/// Why a `tenant.toml` was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not in the shape of a `tenant.toml`.
    #[error("tenant.toml cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A scope that RFC 6749 section 3.3 does not allow.
    #[error(
        "tenant.toml line {line}: `{scope}` is no scope token; use visible ASCII characters without \
         spaces, quotes and backslashes (RFC 6749 section 3.3)"
    )]
    InvalidScope {
        /// Where it stands, counted from 1.
        line: usize,
        /// The scope as written.
        scope: String,
    },
    /// Two entries with one name or id.
    #[error("tenant.toml line {line}: the {kind} `{name}` stands twice; rename one or remove it")]
    Duplicate {
        /// Where the second one stands, counted from 1.
        line: usize,
        /// `scope`, `role`, `person id` and the like.
        kind: &'static str,
        /// The doubled name.
        name: String,
    },
    /// A role with a scope that the file does not define.
    #[error(
        "tenant.toml line {line}: the role `{role}` lists the scope `{scope}`, which no [[scopes]] \
         entry defines; define it or remove it here"
    )]
    UnknownScope {
        /// Where it stands, counted from 1.
        line: usize,
        /// The role that lists it.
        role: String,
        /// The unknown scope.
        scope: String,
    },
    /// A person with a role that the file does not define.
    #[error(
        "tenant.toml line {line}: {person} has the role `{role}`, which no [[roles]] entry defines; \
         define it or use one of: {known}"
    )]
    UnknownRole {
        /// Where it stands, counted from 1.
        line: usize,
        /// The person's name.
        person: String,
        /// The unknown role.
        role: String,
        /// The roles that exist, comma separated.
        known: String,
    },
    /// A value that must not be empty.
    #[error("tenant.toml line {line}: the {kind} is empty; write one")]
    Empty {
        /// Where it stands, counted from 1.
        line: usize,
        /// What is empty.
        kind: &'static str,
    },
}
