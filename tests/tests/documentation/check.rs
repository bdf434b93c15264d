//! docs/operations.md explains every code that the command `check` reports.

use std::{collections::BTreeSet, fs};

use crate::repository;

/// Returns the codes in a source: the value of a `CODE`, or the first argument of a result.
fn codes(source: &str) -> impl Iterator<Item = &str> {
    let beginnings = ["CODE: &str = \"", "ok(\"", "note(\"", "warning(\"", "error(\"", "limited(\""];
    beginnings
        .into_iter()
        .flat_map(move |beginning| source.split(beginning).skip(1).filter_map(|rest| rest.split('"').next()))
}

#[test]
fn every_code_of_check_is_explained() {
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let section = page.split("## Find out what is wrong").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(repository().join("runtime/src/cli/check")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap().to_owned();
        let source = source.split("#[cfg(all(test").next().unwrap();
        let is_code = |code: &&str| code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        found.extend(codes(source).filter(is_code).map(str::to_owned));
    }
    for code in &found {
        // `authorization` is the code of a check that did not finish.
        let is_explained = section.contains(&format!("`{code}`")) || code == "authorization";
        assert!(is_explained, "docs/operations.md does not explain the code `{code}`");
    }
    assert!(found.len() > 25, "{found:?}");
}
