//! The table of metrics in the book.

use std::{fs, path::Path};

use toolgate::metrics::DEFINITIONS;

/// The line before the table.
const HEAD: &str = "| name | kind | labels | description |\n|---|---|---|---|\n";

/// Returns the text of a document in which the table of metrics is replaced by that of the definitions.
///
/// # Panics
///
/// If the document has no such table.
pub fn in_document(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (before, after) = text.split_once(HEAD).expect("the document has a table of metrics");
    let rows = after.lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum::<usize>();
    format!("{before}{HEAD}{}{}", table(), &after[rows..])
}

fn table() -> String {
    let row = |metric: &toolgate::metrics::Definition| {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{}`", label.name)).collect();
        format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind.name(), labels.join(", "), metric.description)
            .replace("|  |", "| |")
    };
    DEFINITIONS.iter().map(row).collect()
}
