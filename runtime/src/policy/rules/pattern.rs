//! Patterns of tool names.

/// Returns whether `name` matches `pattern`, in which each `*` matches any text.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
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
}
