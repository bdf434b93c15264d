//! `docs/security.md` and `docs/requirements.md` name the test of each row, by file and function.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::repository;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the names of the test functions in a Rust source.
fn test_functions(source: &str) -> BTreeSet<&str> {
    let mut functions = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            is_test |= ["#[test]", "#[tokio::test"].iter().any(|attribute| line.starts_with(attribute));
        } else if let Some(function) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test {
                functions.extend(function.split(['(', '<']).next());
            }
            is_test = false;
        } else if !line.is_empty() && !line.starts_with("//") {
            is_test = false;
        }
    }
    functions
}

/// Returns the cells of the rows of all tables whose last column is headed `Test`.
fn rows_with_tests(document: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in document.lines() {
        let Some(row) = line.trim().strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let cells: Vec<_> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        if cells.last().is_some_and(|cell| cell.eq_ignore_ascii_case("test")) {
            in_table = true;
        } else if in_table && !cells.iter().all(|cell| cell.starts_with("--")) {
            rows.push(cells);
        }
    }
    rows
}

/// Returns the path and the function of each test in a cell: code spans, a path followed by its functions.
fn tests_in_cell(cell: &str) -> Vec<(&str, &str)> {
    let mut path = None;
    let mut tests = Vec::new();
    for span in cell.split('`').skip(1).step_by(2) {
        if span.contains('/') {
            path = Some(span);
        } else if !span.contains('.') {
            tests.push((path.unwrap_or_else(|| panic!("`{span}` has no path: {cell}")), span));
        }
    }
    tests
}

/// Asserts that every row names at least one test and that all of them exist, and returns the rows.
fn assert_named_tests_exist<'a>(path: &str, document: &'a str) -> Vec<Vec<&'a str>> {
    let mut sources = BTreeMap::new();
    let mut problems = Vec::new();
    let rows = rows_with_tests(document);
    for row in &rows {
        let tests = tests_in_cell(row.last().unwrap());
        if tests.is_empty() {
            problems.push(format!("no test: {}", row.join(" | ")));
        }
        for (file, function) in tests {
            let source = sources.entry(file).or_insert_with(|| fs::read_to_string(repository().join(file)));
            if !source.as_ref().is_ok_and(|source| test_functions(source).contains(function)) {
                problems.push(format!("no such test: `{file}` `{function}`"));
            }
        }
    }
    assert!(problems.is_empty(), "{path}:\n{}", problems.join("\n"));
    rows
}

fn is_rust(path: impl AsRef<Path>) -> bool {
    path.as_ref().extension().is_some_and(|extension| extension == "rs")
}

/// Calls `visit` with every Rust source below a folder.
fn visit_sources(folder: &Path, visit: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit_sources(&path, visit);
        } else if is_rust(&path) {
            visit(&fs::read_to_string(path).unwrap());
        }
    }
}

/// Returns the number that the name of a test begins with, such as `A9`.
fn requirement(test: &str) -> Option<String> {
    let (number, _) = test.split_once('_')?;
    let (letter, digits) = number.split_at_checked(1)?;
    let is_number = letter.bytes().all(|byte| byte.is_ascii_lowercase()) && digits.parse::<u8>().is_ok();
    is_number.then(|| number.to_uppercase())
}

#[test]
fn every_test_that_the_security_document_names_exists() {
    const PATH: &str = "docs/security.md";
    let document = read(PATH);
    let rows = assert_named_tests_exist(PATH, &document);
    // A change of the format must not leave the rows unread.
    assert!(rows.len() >= 50, "{PATH} has {} rows with a test", rows.len());
    for file in document.split('`').skip(1).step_by(2).filter(|span| is_rust(span)) {
        let path = if file.contains('/') { file.to_owned() } else { format!("runtime/tests/ui/fail/{file}") };
        assert!(repository().join(&path).is_file(), "{PATH} names {path}");
    }
}

#[test]
fn every_requirement_that_a_test_cites_is_documented_with_its_tests() {
    const PATH: &str = "docs/requirements.md";
    let document = read(PATH);
    let rows = assert_named_tests_exist(PATH, &document);
    let documented: BTreeSet<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    assert_eq!(documented.len(), rows.len(), "{PATH} has a duplicate number");
    let mut cited = BTreeSet::new();
    for folder in ["dev-tenant", "examples", "macros", "runtime", "tests"] {
        visit_sources(&repository().join(folder), &mut |source| {
            cited.extend(test_functions(source).into_iter().filter_map(requirement));
        });
    }
    assert_eq!(cited.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not in {PATH}");
    for row in &rows {
        let tests = tests_in_cell(row.last().unwrap());
        let number = Some(row[0].to_owned());
        assert!(tests.iter().any(|(_, test)| requirement(test) == number), "no test of {} has its number", row[0]);
    }
}

#[test]
fn a_test_function_is_recognized_by_its_attribute() {
    let source = "#[test]\nfn a() {}\n\n#[tokio::test(flavor = \"multi_thread\")]\n#[cfg(unix)]\nasync fn b() {\n    fn c() {}\n}\nfn d() {}\n";
    assert_eq!(test_functions(source), BTreeSet::from(["a", "b"]));
}
