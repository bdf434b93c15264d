//! Properties of every template and every URI.

use proptest::prelude::*;

use crate::{
    audit::is_plain,
    resource::{ExpandError, ResourceUri, UriTemplate, Variables},
};

fn templates() -> impl Strategy<Value = UriTemplate> {
    templates_of(
        &["x:", "x:/", "x://", "x:///", "x://a/"],
        &["", "", "a", "b", "/", "/", "-", ".", "/a/", "a/b", "%20", "?a=", "&b=", ":", "41"],
    )
}

/// Templates of few characters, so that two of them often match one URI.
fn similar_templates() -> impl Strategy<Value = UriTemplate> {
    templates_of(&["x:"], &["", "", "a", "/", "a/", "-", "?a="])
}

fn templates_of(
    starts: &'static [&'static str],
    literals: &'static [&'static str],
) -> impl Strategy<Value = UriTemplate> {
    let expression = prop::sample::select(&["", "{N}", "{N}", "{+N}"][..]);
    let part = (prop::sample::select(literals), expression);
    let end = prop::sample::select(&["", "", "{?a}", "{?a,b}"][..]);
    let text = (prop::sample::select(starts), prop::collection::vec(part, 0..4), end);
    text.prop_filter_map("a valid template", |(start, parts, end)| {
        let mut text = start.to_owned();
        for (i, (literal, expression)) in parts.into_iter().enumerate() {
            text += literal;
            text += &expression.replace('N', &format!("n{i}"));
        }
        UriTemplate::parse(&(text + end)).ok()
    })
}

fn values() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[ab41/.%é@:&=+? -]{0,5}", 6)
}

/// URIs of few characters, in which most percent-encodings are well formed.
fn uris() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", "/", "-", ".", "41", "%20", "%41", "%2F", "%2e", "%25", "%C3%A9", "@", ":", "?", "a=", "&", "b=",
        "é", "%", "\n",
    ]);
    let start = prop::sample::select(vec!["", "x:", "x:/", "x://", "x:///", "x://a/"]);
    (start, prop::collection::vec(piece, 0..10)).prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

fn expansion(template: &UriTemplate, values: &[String]) -> Result<(Variables, String), ExpandError> {
    let variables: Variables = template.variables().zip(values.iter().cycle().map(String::as_str)).collect();
    let uri = template.expand(&variables)?;
    Ok((variables, uri))
}

/// Checks what holds for every URI that matches.
fn check(template: &UriTemplate, uri: &str) -> Result<(), TestCaseError> {
    let Some(variables) = template.matches(uri) else { return Ok(()) };
    prop_assert!(ResourceUri::parse(uri).is_ok(), "{template} {uri}");
    for (name, value) in variables.iter() {
        prop_assert!(value.chars().all(|c| is_plain(c) && c != '\\'), "{uri}");
        prop_assert!(value.split('/').all(|segment| segment != "." && segment != ".."), "{uri}");
        let twice = percent_encoding::percent_decode_str(value).collect::<Vec<_>>();
        prop_assert_eq!(&twice, value.as_bytes());
        prop_assert!(!value.is_empty() || template.is_optional(name));
        prop_assert!(!value.starts_with('/') || template.is_optional(name));
    }
    // The one spelling of `expand` can contain a separator that another spelling does not, as `%AF` in `%c2%af`.
    match template.expand(&variables) {
        Ok(expanded) => {
            prop_assert!(expanded == uri || template.matches_other_spellings_of(uri), "{template} {uri}");
            prop_assert_eq!(template.matches(&expanded), Some(variables));
            let decode = |uri: &str| percent_encoding::percent_decode_str(uri).collect::<Vec<_>>();
            if template.variables().all(|name| !template.is_optional(name)) {
                prop_assert_eq!(decode(&expanded), decode(uri), "{} {}", expanded, uri);
            }
        }
        Err(error) => prop_assert!(matches!(error, ExpandError::Ambiguous), "{template} {uri} {error}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics_the_parser_or_the_matcher(text: String, template in templates()) {
        check(&template, &text)?;
        if let Ok(parsed) = UriTemplate::parse(&text) {
            check(&parsed, &text)?;
        }
        check(&template, &format!("{template}{text}"))?;
    }

    #[test]
    fn a_matching_uri_is_valid_and_its_values_cannot_leave_the_template(template in templates(), uri in uris()) {
        check(&template, &uri)?;
    }

    #[test]
    fn an_expanded_uri_matches_with_the_same_values(template in templates(), values in values()) {
        if let Ok((variables, uri)) = expansion(&template, &values) {
            prop_assert_eq!(template.matches(&uri), Some(variables));
            check(&template, &uri)?;
        }
    }

    #[test]
    fn templates_that_match_one_uri_overlap(
        a in similar_templates(),
        b in similar_templates(),
        values in prop::collection::vec("[a/-]{1,3}", 6),
        uri in uris(),
    ) {
        prop_assert!(a.overlaps(&a), "{a}");
        prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
        let expanded = expansion(&a, &values).map(|(_, uri)| uri);
        for uri in expanded.iter().chain([&uri]) {
            if a.matches(uri).is_some() && b.matches(uri).is_some() {
                prop_assert!(a.overlaps(&b), "{a} {b} {uri}");
            }
        }
    }
}
