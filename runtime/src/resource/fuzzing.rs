//! Fuzz target of URIs and URI templates, for `crate::__fuzzing`.

use super::{ResourceUri, UriTemplate};

/// Matches a URI. The first two lines are templates, and the third is the URI.
///
/// # Panics
///
/// A URI that matches is not valid, has a value that can leave the template, or differs from what the template expands
/// to; or it matches two templates that do not overlap.
pub fn resource_uri(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let templates = [lines.next(), lines.next()].map(|line| UriTemplate::parse(line.unwrap_or_default()));
    let uri = lines.next().unwrap_or_default();
    for template in templates.iter().flatten() {
        let Some(variables) = template.matches(uri) else { continue };
        assert!(ResourceUri::parse(uri).is_ok(), "{uri:?}");
        for (name, value) in variables.iter() {
            assert!(value.split('/').all(|segment| segment != "." && segment != ".."), "{value:?}");
            assert!(!value.contains('\\') && !value.contains(char::is_control), "{value:?}");
            assert!(!value.is_empty() || template.is_optional(name), "{name:?}");
        }
        // A spelling with more percent-encodings can be too long.
        if let Ok(expanded) = template.expand(&variables) {
            assert_eq!(template.matches(&expanded).as_ref(), Some(&variables), "{expanded:?}");
        }
    }
    if let [Ok(a), Ok(b)] = &templates {
        assert_eq!(a.overlaps(b), b.overlaps(a), "{a} {b}");
        if a.matches(uri).is_some() && b.matches(uri).is_some() {
            assert!(a.overlaps(b), "{a} {b}");
        }
    }
}
