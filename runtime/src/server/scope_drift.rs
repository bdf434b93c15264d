//! Differences between the declared scopes, the scopes that operations use, and those of the authorization server.

use std::collections::BTreeSet;

use crate::{
    auth::{Diagnostic, ValidatorTexts},
    policy::OperationPolicy,
};

/// Returns a warning for each kind of difference.
pub(crate) fn diagnostics<'a>(
    declared: &[&str],
    advertised: Option<&[String]>,
    operations: impl IntoIterator<Item = &'a OperationPolicy>,
    texts: &ValidatorTexts,
) -> Vec<Diagnostic> {
    let used = operations.into_iter().flat_map(OperationPolicy::named_scopes).collect();
    differences(&declared.iter().copied().collect(), advertised, &used, texts)
        .into_iter()
        .map(|text| Diagnostic::warning("scopes", text))
        .collect()
}

fn differences(
    declared: &BTreeSet<&str>,
    advertised: Option<&[String]>,
    used: &BTreeSet<&str>,
    texts: &ValidatorTexts,
) -> Vec<String> {
    let ValidatorTexts { name, add_scopes, .. } = texts;
    let mut differences = Vec::new();
    let mut add = |text: String, scopes: Vec<&str>| {
        if !scopes.is_empty() {
            differences.push(format!("{text}: {}", scopes.join(", ")));
        }
    };
    if let Some(advertised) = advertised {
        let advertised: BTreeSet<&str> = advertised.iter().map(String::as_str).collect();
        add(
            format!("scopes in SCOPES, but not in {name}, so no user can grant them; {add_scopes}"),
            declared.difference(&advertised).copied().collect(),
        );
        add(
            format!("scopes in {name}, but not in SCOPES; they grant nothing on this server"),
            advertised.difference(declared).copied().collect(),
        );
    }
    add("scopes in SCOPES that no operation declares".to_owned(), declared.difference(used).copied().collect());
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let texts = ValidatorTexts { name: "Directory".into(), add_scopes: "add them".into(), ..Default::default() };
        let advertised = ["a".to_owned(), "c".to_owned()];
        let found = differences(&["a", "b"].into(), Some(&advertised), &BTreeSet::new(), &texts);
        assert_eq!(
            found,
            [
                "scopes in SCOPES, but not in Directory, so no user can grant them; add them: b",
                "scopes in Directory, but not in SCOPES; they grant nothing on this server: c",
                "scopes in SCOPES that no operation declares: a, b",
            ]
        );
        assert!(differences(&BTreeSet::new(), Some(&[]), &BTreeSet::new(), &texts).is_empty());
    }
}
