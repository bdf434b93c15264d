//! A tool in a list that also shows the tools which a caller can acquire by step-up.

use rmcp::model::Tool;
use serde_json::{Value, json};

use super::ListedTool;
use crate::scope::{Requirement, ScopeSet};

/// Key in `_meta`: whether the caller may call the tool, and which scopes it lacks.
const ACCESS: &str = "toolgate/access";

/// Key in `_meta` under which the Apps SDK of `OpenAI` reads the scopes of a tool.
const SECURITY_SCHEMES: &str = "securitySchemes";

impl ListedTool<'_> {
    /// Returns the tool with its scopes in `_meta`. A key that the author of the tool set is unchanged.
    pub(super) fn with_access(&self, granted: &ScopeSet) -> Tool {
        let requirement = self.tool.requirement();
        let missing = self.missing.as_ref().map(|scopes| scopes.missing.as_slice()).unwrap_or_default();
        let access = json!({
            "granted": self.missing.is_none(),
            "missingScopes": missing,
            "requiredScopes": requirement.required_scopes(granted),
        });
        let mut listing = self.tool.listing().clone();
        let meta = &mut listing.meta.get_or_insert_default().0;
        for (key, value) in [(ACCESS, access), (SECURITY_SCHEMES, security_schemes(requirement))] {
            meta.entry(key).or_insert(value);
        }
        listing
    }
}

/// Returns one scheme for each set of scopes that is enough to call the tool.
fn security_schemes(requirement: &Requirement) -> Value {
    requirement.alternatives().map(|scopes| json!({ "type": "oauth2", "scopes": scopes })).collect()
}
