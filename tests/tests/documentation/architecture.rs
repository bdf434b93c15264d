//! ARCHITECTURE.md: the files that it names exist, imports of the runtime point down as in "The house", and the core of
//! the runtime names no vendor.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use crate::repository;

/// Modules that must not name an authorization server.
const CORE: [&str; 15] = [
    "scope",
    "operation",
    "tool",
    "prompt",
    "resource",
    "policy",
    "registry",
    "tasks",
    "notifications",
    "approvals",
    "mcp",
    "rates",
    "gate",
    "server",
    "oauth",
];

/// Returns the floor of each module in the drawing, where 0 is the top. Modules on the same line share a floor.
fn floors() -> HashMap<String, usize> {
    let document = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let house = document.split("## The house").nth(1).unwrap().split("```text\n").nth(1).unwrap();
    let drawing = house.split("```").next().unwrap();
    let mut floors = HashMap::new();
    for (floor, line) in drawing.lines().enumerate() {
        // A module starts a line or follows several spaces.
        for cell in line.split("     ").map(str::trim) {
            if let Some((module, _)) = cell.split_once('/').filter(|(module, _)| !module.contains(' ')) {
                floors.insert(module.to_owned(), floor);
            }
        }
    }
    floors
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Returns the modules that a source imports: the first name after `crate::`, or the names of a `crate::{..}` list.
fn imports(source: &str) -> Vec<&str> {
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut modules = Vec::new();
    let mut in_list = false;
    for line in code {
        if let Some((_, list)) = line.split_once("use crate::{") {
            // Names inside of an entry are no modules, so they do not matter.
            modules.extend(list.split([',', '{', '}']).filter_map(|entry| entry.trim().split("::").next()));
            in_list = !line.ends_with("};");
            continue;
        }
        if in_list {
            // Entries of the outer list are indented by four spaces.
            if let Some(entry) = line.strip_prefix("    ").filter(|entry| !entry.starts_with([' ', '}'])) {
                modules.extend(entry.split("::").next());
            }
            in_list = line != "};";
        }
        modules.extend(
            line.split("crate::")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()),
        );
    }
    modules
}

#[test]
fn imports_of_the_runtime_never_point_up() {
    let floors = floors();
    let folder = repository().join("runtime/src");
    let mut checked = 0;
    for (module, floor) in &floors {
        for path in sources(&folder.join(module)) {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            for import in imports(code) {
                let Some(imported) = floors.get(import) else { continue };
                checked += 1;
                let is_below = imported > floor || import == module;
                assert!(is_below, "{} imports `{import}`, which is not below `{module}`", path.display());
            }
        }
    }
    assert!(floors.len() >= 11 && checked > 100, "{} modules and {checked} imports were found", floors.len());
}

#[test]
fn the_core_of_the_runtime_names_no_vendor() {
    let folder = repository().join("runtime/src");
    for path in CORE.iter().flat_map(|module| sources(&folder.join(module))) {
        let source = fs::read_to_string(&path).unwrap().to_lowercase();
        assert!(!source.contains("propelauth"), "{} names a vendor", path.display());
    }
}

fn is_source(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

#[test]
fn the_files_that_the_document_names_exist() {
    let document = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let words = document.split(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c));
    let paths: Vec<_> = words.filter(|word| word.contains('/') && is_source(word)).collect();
    for path in &paths {
        let is_file =
            [repository().join(path), repository().join("runtime/src").join(path)].iter().any(|p| p.is_file());
        assert!(is_file, "ARCHITECTURE.md names `{path}`, which does not exist");
    }
    assert!(paths.len() > 30, "{} paths were found", paths.len());
}
