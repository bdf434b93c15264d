//! Patterns of labels of operations.

use std::collections::HashSet;

use crate::policy::OperationPolicy;

/// Returns whether a pattern selects an operation: by its label or, for a pattern with a colon, by a URI that the template
/// of a resource can match. It can return `true` for a template that matches no such URI, but never `false` for one that
/// does.
pub(super) fn selects(pattern: &str, operation: &OperationPolicy) -> bool {
    matches(pattern, &operation.label())
        || (operation.is_template() && pattern.contains(':') && overlaps(pattern, &operation.name))
}

/// Returns whether `name` matches `pattern`, in which each `*` matches any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let prefix = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(prefix) else { return false };
    let Some(suffix) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(position) = rest.find(part) else { return false };
        rest = &rest[position + part.len()..];
    }
    rest.ends_with(suffix)
}

/// A part of a pattern or of a template.
#[derive(Clone, Copy)]
enum Part {
    Char(char),
    /// Any text.
    Text,
    /// Any text without `/`.
    Segment,
}

impl Part {
    fn is_text(self) -> bool {
        !matches!(self, Self::Char(_))
    }

    /// Returns whether both parts can begin with the same character. For two texts, it does not matter: skipping one of
    /// them gives the same result.
    fn shares_char_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::Char(c), Self::Segment) | (Self::Segment, Self::Char(c)) => c != '/',
            (Self::Char(_), Self::Text) | (Self::Text, Self::Char(_)) => true,
            (Self::Text | Self::Segment, Self::Text | Self::Segment) => false,
        }
    }
}

/// Returns whether a text matches both the pattern and the template.
fn overlaps(pattern: &str, template: &str) -> bool {
    let pattern: Vec<Part> = pattern.chars().map(|c| if c == '*' { Part::Text } else { Part::Char(c) }).collect();
    let template = parts(template);
    let mut seen = HashSet::new();
    let mut positions = vec![(0, 0)];
    while let Some((i, j)) = positions.pop() {
        if !seen.insert((i, j)) {
            continue;
        }
        let (part, other) = (pattern.get(i).copied(), template.get(j).copied());
        if part.is_none() && other.is_none() {
            return true;
        }
        if part.is_some_and(Part::is_text) {
            positions.push((i + 1, j));
        }
        if other.is_some_and(Part::is_text) {
            positions.push((i, j + 1));
        }
        if let (Some(part), Some(other)) = (part, other)
            && part.shares_char_with(other)
        {
            positions.push((i + usize::from(!part.is_text()), j + usize::from(!other.is_text())));
        }
    }
    false
}

/// Returns the parts of a URI template.
fn parts(template: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        parts.extend(literal.chars().map(Part::Char));
        let (variables, after) = after.split_once('}').unwrap_or((after, ""));
        parts.push(if variables.starts_with(['+', '?']) { Part::Text } else { Part::Segment });
        rest = after;
    }
    parts.extend(rest.chars().map(Part::Char));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_an_asterisk_is_a_name() {
        assert!(matches("refund", "refund"));
        assert!(!matches("refund", "refund_approve"));
        assert!(!matches("", "refund"));
    }

    #[test]
    fn an_asterisk_matches_any_text_anywhere() {
        for pattern in ["*", "refund_*", "*_approve", "re*_a*ove", "*refund_approve*", "**", "r*e"] {
            assert!(matches(pattern, "refund_approve"), "{pattern}");
        }
        for pattern in
            ["payroll_*", "*_request", "re*_x*", "refund_approve*x", "*d_a", "refund_approve*refund_approve"]
        {
            assert!(!matches(pattern, "refund_approve"), "{pattern}");
        }
    }

    #[test]
    fn the_parts_of_a_pattern_do_not_overlap() {
        assert!(!matches("aba*aba", "ababa"));
        assert!(matches("aba*aba", "abaaba"));
        assert!(!matches("a*b*b", "ab"));
    }

    #[test]
    fn a_pattern_of_uris_selects_every_template_that_can_match_one_of_them() {
        let selected = |pattern: &str, label: &str| selects(pattern, &OperationPolicy::of(label));
        for (pattern, label) in [
            ("company://payroll/*", "company://payroll/{year}"),
            ("company://payroll/*", "company://{section}/{id}"),
            ("company://payroll/2026", "company://{+path}"),
            ("company://payroll/2026", "company://payroll/{year}"),
            ("company://*/2026", "company://payroll/{year}{?part}"),
            ("company://*?part=*", "company://payroll{?part}"),
            ("*:*", "company://{+path}"),
            ("company://{+path}", "company://{+path}"),
        ] {
            assert!(selected(pattern, label), "{pattern} {label}");
        }
        for (pattern, label) in [
            ("company://payroll/*", "company://employees/{id}"),
            ("company://payroll/2026/07", "company://payroll/{year}"),
            ("company://payroll/*", "company://{section}"),
            ("*_export", "company://{+path}"),
            ("prompt *", "company://{+path}"),
            ("company:*", "prompt company"),
        ] {
            assert!(!selected(pattern, label), "{pattern} {label}");
        }
    }
}
