//! The policy table, with the place of each operation in the source.

use std::{borrow::Cow, path::Path, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};

use super::{Console, Page, respond};
use crate::page::PageKind;

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyTemplate<'a> {
    style: &'static str,
    title: &'a str,
    page: Page,
    fingerprint: String,
    operations: Vec<Row<'a>>,
    notes: Vec<String>,
}

/// One operation.
struct Row<'a> {
    label: Cow<'a, str>,
    requirement: String,
    hints: String,
    defined_at: &'a str,
}

pub(super) async fn page(State(console): State<Arc<Console>>) -> Response {
    let policy = &console.policy;
    let operations = policy.operations.iter().map(|operation| Row {
        label: operation.label(),
        requirement: operation.requirement(),
        hints: operation.annotations.to_string(),
        defined_at: without_machine(&operation.defined_at),
    });
    respond(&PolicyTemplate {
        style: PageKind::Console.style(),
        title: &console.title,
        page: Page::Policy,
        fingerprint: policy.fingerprint(),
        operations: operations.collect(),
        notes: policy.notes(&str::to_owned),
    })
}

/// Removes the folders of the machine that compiled the program from a source location. The compiler is given relative
/// paths for the crates of a workspace, and absolute ones for their dependencies: those begin with the folder of the
/// crate here, or with the name of the file.
fn without_machine(location: &str) -> &str {
    let is_windows_path = location.as_bytes().get(1) == Some(&b':');
    if !Path::new(location).has_root() && !is_windows_path {
        return location;
    }
    let is_separator = |c: char| matches!(c, '/' | '\\');
    let starts: Vec<usize> = location.match_indices(is_separator).map(|(at, _)| at + 1).collect();
    let is_source_folder =
        |&at: &usize| location[at..].starts_with("src") && location[at + 3..].starts_with(is_separator);
    // The folder before the last `src`.
    let start = match starts.iter().rposition(is_source_folder) {
        Some(position) if position > 0 => starts[position - 1],
        _ => starts.last().copied().unwrap_or_default(),
    };
    &location[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_location_names_no_folder_of_the_machine() {
        for (location, shown) in [
            ("src/tools.rs:12", "src/tools.rs:12"),
            ("examples/internal-server/src/tools.rs:12", "examples/internal-server/src/tools.rs:12"),
            (
                "/home/sam/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/hr-1.2.0/src/lib.rs:3",
                "hr-1.2.0/src/lib.rs:3",
            ),
            ("/home/sam/.cargo/git/checkouts/hr-1f/ab12/src/tools/pay.rs:3", "ab12/src/tools/pay.rs:3"),
            ("/home/sam/hr/main.rs:3", "main.rs:3"),
            ("C:\\Users\\sam\\hr\\src\\main.rs:3", "hr\\src\\main.rs:3"),
            ("/src/main.rs:3", "main.rs:3"),
            ("", ""),
        ] {
            assert_eq!(without_machine(location), shown);
        }
    }
}
