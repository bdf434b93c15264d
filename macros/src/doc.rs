//! Doc comments as descriptions for a model.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::value::ungroup;

/// Text of the doc comments among `attributes`, or `None` if it is empty.
///
/// The space after `///` is removed. The lines of a Markdown paragraph are joined, because their breaks depend on the
/// width of the source code.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match ungroup(meta.value.clone()) {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|text| {
            text.split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
                .collect::<Vec<_>>()
        });
    let text = join_paragraphs(lines);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns whether an attribute is documentation that is not a literal, such as `#[doc = include_str!("..")]`.
pub(crate) fn is_computed(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::NameValue(meta) => {
            meta.path.is_ident("doc") && !matches!(ungroup(meta.value.clone()), Expr::Lit(ExprLit { .. }))
        }
        _ => false,
    }
}

fn join_paragraphs(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut fenced = false;
    let mut after_text = false;
    for line in lines {
        let fence = line.trim_start().starts_with("```");
        if fenced || fence || line.is_empty() || starts_block(&line) {
            text.push('\n');
        } else {
            text.push(if after_text { ' ' } else { '\n' });
        }
        text.push_str(if fenced || !after_text { &line } else { line.trim_start() });
        fenced ^= fence;
        after_text = !fenced && !fence && !line.is_empty() && !line.starts_with(['#', '|']);
    }
    text
}

/// Whether a line of Markdown starts a list item, a heading, a table row, a quotation or indented code.
fn starts_block(line: &str) -> bool {
    let start = line.trim_start();
    let item = start.trim_start_matches(|c: char| c.is_ascii_digit());
    start.starts_with(['#', '|', '>'])
        || ["- ", "* ", "+ "].iter().any(|bullet| start.starts_with(bullet))
        || item.len() < start.len() && (item.starts_with(". ") || item.starts_with(") "))
        || line.starts_with("    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> String {
        join_paragraphs(text.lines().map(str::to_owned)).trim().to_owned()
    }

    #[test]
    fn joins_the_lines_of_a_paragraph() {
        assert_eq!(joined("One\ntwo.\n\nThree\nfour."), "One two.\n\nThree four.");
    }

    #[test]
    fn keeps_the_line_breaks_of_lists_tables_headings_and_code() {
        let list = "Takes:\n- one\n  continued\n- two\n1. three\n\n| a | b |\n|---|---|\n| c | d |";
        assert_eq!(joined(list), "Takes:\n- one continued\n- two\n1. three\n\n| a | b |\n|---|---|\n| c | d |");
        let code = "Like this:\n```json\n{\n  \"a\": 1\n}\n```\nand\nmore";
        assert_eq!(joined(code), "Like this:\n```json\n{\n  \"a\": 1\n}\n```\nand more");
        assert_eq!(joined("# Title\ntext\ntext"), "# Title\ntext text");
    }
}
