//! Matching, expanding and comparing.

use super::{matched, template, variables};
use crate::resource::{ExpandError, MAX_URI_BYTES, UriTemplate};

fn assert_matches(text: &str, uri: &str, expected: &[&str]) {
    assert_eq!(
        matched(text, uri).as_deref(),
        Some(&expected.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
        "{uri}"
    );
}

fn assert_no_match(text: &str, uri: &str) {
    assert_eq!(matched(text, uri), None, "{text} {uri}");
}

#[test]
fn a_uri_without_variables_matches_itself_only() {
    let text = "company://policies/handbook?v=1";
    assert!(template(text).is_uri());
    assert_matches(text, text, &[]);
    for other in
        ["company://policies/handbook", "company://policies/handbook?v=1&", "company://policies/handbook?v=%31"]
    {
        assert_no_match(text, other);
    }
}

#[test]
fn a_simple_variable_is_one_segment() {
    let text = "company://employees/{id}/reviews/{year}-{month}.md";
    assert_matches(
        text,
        "company://employees/emp_0042/reviews/2026-11.md",
        &["id=emp_0042", "year=2026", "month=11"],
    );
    assert_no_match(text, "company://employees/a/b/reviews/2026-11.md");
    assert_no_match(text, "company://employees//reviews/2026-11.md");
    assert_no_match(text, "company://employees/a/reviews/2026-11.md/");
    assert_no_match(text, "company://employees/a/reviews/-11.md");
}

#[test]
fn ambiguous_text_goes_to_the_last_variable_or_to_the_segments() {
    assert_matches("x:{a}-{b}", "x:1-2-3", &["a=1", "b=2-3"]);
    assert_matches("x:{a}-{b}", "x:-1-2", &["a=-1", "b=2"]);
    assert_matches("x:{a}/{+p}/{b}", "x:1/2/3/4", &["a=1", "p=2/3", "b=4"]);
    assert_matches("x:{a}-{+p}-{b}", "x:1-2-3-4", &["a=1", "p=2-3", "b=4"]);
    assert_matches("x:{+p}/{a}.{b}", "x:1/2.3.4", &["p=1", "a=2.3", "b=4"]);
    assert_matches("x:{a}aa{b}aa", "x:aaaaaaa", &["a=a", "b=aa"]);
}

#[test]
fn segments_can_start_in_the_host() {
    assert_matches("docs://{+path}", "docs://guides/a@b:c.md", &["path=guides/a@b:c.md"]);
    for uri in ["docs://a@b/c", "docs://a:80/c", "docs://a:b", "docs:///c", "docs://a//b", "docs://a/", "docs://"] {
        assert_no_match("docs://{+path}", uri);
    }
}

#[test]
fn parameters_of_the_query_are_optional_and_in_any_order() {
    let text = "company://search{?q,page,sort}";
    assert_matches(text, "company://search", &[]);
    assert_matches(text, "company://search?page=2", &["page=2"]);
    assert_matches(text, "company://search?sort=&page=2&q=a%26b/c", &["q=a&b/c", "page=2", "sort="]);
    for query in [
        "",
        "q",
        "q=1&q=2",
        "q=1&q=1",
        "other=1",
        "q=1&",
        "&q=1",
        "q=1&&page=2",
        "q=1;page=2",
        "q=a+b",
        "q=a=b",
        "q=a?b",
        "Q=1",
        "%71=1",
    ] {
        assert_no_match(text, &format!("company://search?{query}"));
    }
    assert!(template(text).is_optional("page") && !template("x:{page}").is_optional("page"));
    assert_eq!(template("x:{a}{?b,c}").variables().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn a_variable_in_the_query_is_one_parameter() {
    assert_matches("x:a?q={q}&r={r}", "x:a?q=1%262&r=3", &["q=1&2", "r=3"]);
    for query in ["q=1&r=3&r=4", "q=1&s=2&r=3", "q=1;s=2&r=3", "q=a+b&r=3", "r=3&q=1", "q=&r=3", "q=a/b&r=3"] {
        assert_no_match("x:a?q={q}&r={r}", &format!("x:a?{query}"));
    }
}

#[test]
fn a_value_is_decoded_once_from_every_spelling_of_clients() {
    for spelling in ["a@b:c", "a%40b%3Ac", "a%40b%3ac"] {
        assert_matches("x:/{v}", &format!("x:/{spelling}"), &["v=a@b:c"]);
    }
    assert_matches("x:/{v}", "x:/gr%C3%B6%c3%9fe%20(1)", &["v=größe (1)"]);
    assert_matches("x:/{v}", "x:/100%25", &["v=100%"]);
    assert_matches("x:/{v}41", "x:/%2541", &["v=%"]);
    // Unreserved characters have one spelling.
    assert_no_match("x:/{v}", "x:/%61");
    assert_no_match("x:/{v}41", "x:/%41");
}

#[test]
fn expanding_writes_one_spelling() {
    let text = "x://h/{id}/{+path}{?q,r}";
    let expand = |values: &[_]| template(text).expand(&variables(values));
    assert_eq!(
        expand(&[("r", "a b/c"), ("path", "a/b?.md"), ("id", "é@1")]).unwrap(),
        "x://h/%C3%A9%401/a/b%3F.md?r=a%20b%2Fc"
    );
    assert_eq!(expand(&[("id", "1")]), Err(ExpandError::Missing("path".to_owned())));
    assert_eq!(expand(&[("id", "1"), ("path", "a"), ("x", "")]), Err(ExpandError::Unknown("x".to_owned())));
    for (id, path) in
        [("..", "a"), ("", "a"), ("a/b", "a"), ("a", "/a"), ("a", "a/../b"), ("a%2F", "a"), ("a", "c:/d")]
    {
        assert!(matches!(expand(&[("id", id), ("path", path)]), Err(ExpandError::Value(_))), "{id} {path}");
    }
    let long = "x".repeat(MAX_URI_BYTES);
    assert_eq!(expand(&[("id", &long), ("path", "a")]), Err(ExpandError::TooLong));
    assert_eq!(template("x:{a}-{b}").expand(&variables(&[("a", "1-2"), ("b", "3")])), Err(ExpandError::Ambiguous));
    assert!(template("x:{a}-{b}").expand(&variables(&[("b", "3"), ("a", "1")])).is_ok());
}

#[test]
fn overlapping_templates_are_found() {
    let overlaps = |a: &str, b: &str| {
        let (a, b) = (template(a), template(b));
        assert_eq!(a.overlaps(&b), b.overlaps(&a));
        a.overlaps(&b)
    };
    for (a, b) in [
        ("x://a", "x://a"),
        ("x://employees/{id}", "x://employees/me"),
        ("x://employees/{id}", "x://{kind}/emp_1"),
        ("x://{a}/list", "x://all/{b}"),
        ("x://files/{+path}", "x://files/{name}.md"),
        ("x://{+path}", "x://a/b/c{?q}"),
        ("x://search{?q}", "x://search{?page}"),
        ("x://search{?q}", "x://search?q={value}"),
        ("x://search{?q}", "x://search"),
    ] {
        assert!(overlaps(a, b), "{a} {b}");
    }
    for (a, b) in [
        ("x://a", "x://b"),
        ("x://a", "y://a"),
        ("x://employees/{id}", "x://employees/{id}/reviews"),
        ("x://employees/{id}", "x://employees/"),
        ("x://files/{name}.md", "x://files/{name}.txt"),
        ("x://{a}/list", "x://{a}/{b}/list"),
        ("x://search{?q}", "x://search/{q}"),
        ("x://search?q={q}", "x://search"),
    ] {
        assert!(!overlaps(a, b), "{a} {b}");
    }
}

#[test]
fn matching_and_comparing_long_texts_is_fast() {
    let many: Vec<_> = (0..200).map(|i| format!("{{v{i}}}a")).collect();
    let many = template(&format!("x:{}b", many.concat()));
    let uri = format!("x:{}", "a".repeat(MAX_URI_BYTES - 2));
    // Backtracking would not end.
    assert!(many.matches(&uri).is_none());
    assert!(many.matches(&format!("{}b", &uri[..MAX_URI_BYTES - 1])).is_some());
    assert!(many.overlaps(&UriTemplate::parse("x:{v}b").unwrap()));
}

#[test]
fn a_uri_with_other_spellings_is_found() {
    for (text, uri) in [
        ("x:/{v}", "x:/a@b"),
        ("x:/{v}", "x:/a%40b"),
        ("x:/{v}", "x:/%C3%A9"),
        ("x:/{v}{?q}", "x:/a?q=b/c"),
        ("x:/{v}{?q,r}", "x:/a?q=1&r=2"),
    ] {
        assert!(template(text).matches_other_spellings_of(uri), "{text} {uri}");
    }
    for (text, uri) in [
        ("x:/{v}", "x:/emp_1-2.3~"),
        ("x:/{+v}", "x:/a/b"),
        ("x:/{v}{?q}", "x:/a?q=b"),
        ("x:/a@{v}", "x:/a@b"),
        ("x:/{v}", "y:/a@b"),
        ("x:/a", "x:/a"),
    ] {
        assert!(!template(text).matches_other_spellings_of(uri), "{text} {uri}");
    }
}
