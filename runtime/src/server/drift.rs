//! Differences between the server's scopes, its tools and PropelAuth, named at start-up.

use std::collections::BTreeSet;

use crate::tool::ScopeTable;

/// Findings, a sentence each.
pub(crate) fn findings(declared: &[&str], advertised: Option<&[String]>, table: &ScopeTable) -> Vec<String> {
    let declared: BTreeSet<&str> = declared.iter().copied().collect();
    let used: BTreeSet<&str> =
        table.tools().iter().flat_map(|tool| tool.scopes.iter().chain(&tool.any_scope)).copied().collect();
    let mut findings = Vec::new();
    let mut say = |scopes: Vec<&str>, text: &str| {
        if !scopes.is_empty() {
            findings.push(format!("{text}: {}", scopes.join(", ")));
        }
    };
    if let Some(advertised) = advertised {
        let advertised: BTreeSet<&str> = advertised.iter().map(String::as_str).collect();
        say(
            declared.difference(&advertised).copied().collect(),
            "in SCOPES, but not in PropelAuth, so nobody can be granted them; add them under MCP -> Org Scopes",
        );
        say(
            advertised.difference(&declared).copied().collect(),
            "in PropelAuth, but not in SCOPES; they grant nothing on this server",
        );
    }
    say(declared.difference(&used).copied().collect(), "in SCOPES, but no tool needs them by declaration");
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let table = ScopeTable::new(Vec::new());
        let advertised = ["a".to_owned(), "c".to_owned()];
        let found = findings(&["a", "b"], Some(&advertised), &table);
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("in SCOPES, but not in PropelAuth") && found[0].ends_with(": b"), "{found:?}");
        assert!(found[1].starts_with("in PropelAuth, but not in SCOPES") && found[1].ends_with(": c"), "{found:?}");
        assert!(found[2].ends_with(": a, b"), "{found:?}");
        assert!(findings(&[], Some(&[]), &table).is_empty());
    }
}
