//! Doc comments as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use crate::attr::ungroup;

/// The text of the doc comments among some attributes, as a model reads it best: the one space after `///` taken off, and
/// the lines of a paragraph joined, because where they broke says nothing.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
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

fn join_paragraphs(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    let mut fenced = false;
    let mut after_text = false;
    for line in lines {
        let fence = line.trim_start().starts_with("```");
        if fenced || fence || line.is_empty() || begins_a_block(&line) {
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

/// Whether a line of Markdown starts something of its own: an item of a list, a heading, a row of a table, a quotation,
/// or code.
fn begins_a_block(line: &str) -> bool {
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
    fn the_lines_of_a_paragraph_are_joined() {
        assert_eq!(joined("One\ntwo.\n\nThree\nfour."), "One two.\n\nThree four.");
    }

    #[test]
    fn what_markdown_keeps_apart_stays_apart() {
        let list = "Takes:\n- one\n  and its rest\n- two\n1. three\n\n| a | b |\n|---|---|\n| c | d |";
        assert_eq!(joined(list), "Takes:\n- one and its rest\n- two\n1. three\n\n| a | b |\n|---|---|\n| c | d |");
        let code = "Like this:\n```json\n{\n  \"a\": 1\n}\n```\nand\nso on";
        assert_eq!(joined(code), "Like this:\n```json\n{\n  \"a\": 1\n}\n```\nand so on");
        assert_eq!(joined("# Title\ntext\ntext"), "# Title\ntext text");
    }
}
