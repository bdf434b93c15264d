//! An operation in a list. The list of tools can also show those that a caller can acquire by step-up.

use serde_json::{Value, json};

use super::{Listing, RegisteredOperation};
use crate::scope::{MissingScopes, Requirement, ScopeSet};

/// Key in `_meta`: whether the caller may call the tool, and which scopes it lacks.
const ACCESS: &str = "toolgate/access";

/// Key in `_meta` under which the Apps SDK of `OpenAI` reads the scopes of a tool.
const SECURITY_SCHEMES: &str = "securitySchemes";

/// An operation in the list of a caller.
#[derive(Debug)]
pub(crate) struct ListedOperation<'a> {
    pub(crate) operation: &'a RegisteredOperation,
    /// Scopes that the token lacks; `None` if the caller is authorized for the operation.
    pub(crate) missing: Option<MissingScopes>,
}

impl ListedOperation<'_> {
    /// Returns the operation with the scopes of a tool in `_meta`. A key that the author of the tool set is unchanged.
    pub(super) fn with_access(&self, granted: &ScopeSet) -> Listing {
        let requirement = self.operation.requirement();
        let missing = self.missing.as_ref().map(|scopes| scopes.missing.as_slice()).unwrap_or_default();
        let mut listing = self.operation.listing().clone();
        if let Listing::Tool(tool) = &mut listing {
            let access = json!({
                "granted": self.missing.is_none(),
                "missingScopes": missing,
                "requiredScopes": requirement.required_scopes(granted),
            });
            let meta = &mut tool.meta.get_or_insert_default().0;
            for (key, value) in [(ACCESS, access), (SECURITY_SCHEMES, security_schemes(requirement))] {
                meta.entry(key).or_insert(value);
            }
        }
        listing
    }
}

/// Returns one scheme for each set of scopes that is enough to call the tool.
fn security_schemes(requirement: &Requirement) -> Value {
    requirement.alternatives().map(|scopes| json!({ "type": "oauth2", "scopes": scopes })).collect()
}
