//! URIs that try to reach something else than they name.

use super::{matched, template};
use crate::resource::{MAX_URI_BYTES, ResourceUri};

/// Templates that must match none of `NEVER`.
const TEMPLATES: [&str; 6] = [
    "company://handbook/public",
    "company://handbook/{page}",
    "company://handbook/{+path}",
    "company://handbook/{page}{?lang}",
    "company://handbook/public/{+path}{?lang,v}",
    "company://handbook/p?lang={lang}",
];

/// URIs that match none of the templates.
const NEVER: &[&str] = &[
    // Segments that leave the path, in every spelling.
    "company://handbook/..",
    "company://handbook/.",
    "company://handbook/%2e%2e",
    "company://handbook/%2E%2E",
    "company://handbook/.%2e",
    "company://handbook/%2e",
    "company://handbook/public/../private",
    "company://handbook/public/./private",
    "company://handbook/public/%2e%2e/private",
    "company://handbook/public/%2e./private",
    "company://handbook/public/..",
    "company://handbook/public/a/../../private",
    "company://handbook/../handbook/public",
    "company://handbook/p?lang=..",
    "company://handbook/p?lang=%2e%2e",
    "company://handbook/p?lang=../../secret",
    "company://handbook/p?lang=..%2F..%2Fsecret",
    // Encoded slashes and backslashes.
    "company://handbook/public%2Fprivate",
    "company://handbook/public%2fprivate",
    "company://handbook/public/a%2Fb",
    "company://handbook/..%2fprivate",
    "company://handbook/..%5cprivate",
    "company://handbook/a%5Cb",
    "company://handbook/a\\b",
    "company://handbook\\public",
    "company:\\\\handbook\\public",
    // Values that change if they are decoded again.
    "company://handbook/%252e%252e",
    "company://handbook/%252E%252E",
    "company://handbook/a%252fb",
    "company://handbook/%25252e",
    "company://handbook/%2500",
    "company://handbook/p?lang=%252e%252e",
    // Unreserved characters in another spelling.
    "company://handbook/%70ublic",
    "company://handbook/p%75blic",
    "company://%68andbook/public",
    "company://handbook/publi%63",
    // Other schemes and other spellings of the scheme.
    "Company://handbook/public",
    "COMPANY://handbook/public",
    "https://handbook/public",
    "file:///handbook/public",
    "file:///etc/passwd",
    "javascript:company://handbook/public",
    "data:,company://handbook/public",
    "view-source:company://handbook/public",
    "company:handbook/public",
    "company:/handbook/public",
    "company:///handbook/public",
    "company:////handbook/public",
    "companyx://handbook/public",
    "xcompany://handbook/public",
    "company%3A//handbook/public",
    "//handbook/public",
    "/handbook/public",
    "public",
    "",
    // Other hosts, user information and ports.
    "company://HANDBOOK/public",
    "company://handbook./public",
    "company://handbook:80/public",
    "company://handbook:/public",
    "company://user@handbook/public",
    "company://user:password@handbook/public",
    "company://@handbook/public",
    "company://handbook@other/public",
    "company://other/handbook/public",
    "company://other#@handbook/public",
    "company://[::1]/public",
    // Empty segments and slashes at the end.
    "company://handbook/",
    "company://handbook",
    "company://handbook//",
    "company://handbook//public",
    "company://handbook/public/",
    "company://handbook/public//private",
    "company://handbook/https://other/x",
    "company://handbook/public/a/",
    "company://handbook/public/a//b",
    // Fragments.
    "company://handbook/public#",
    "company://handbook/public#private",
    "company://handbook/private#/../public",
    // Parameters that are not declared, are repeated or are hidden in another.
    "company://handbook/public?",
    "company://handbook/public?admin=true",
    "company://handbook/public?lang=en&admin=true",
    "company://handbook/public?lang=en&lang=de",
    "company://handbook/public?lang=en&lang=en",
    "company://handbook/public?lang=en;admin=true",
    "company://handbook/public?lang=en?admin=true",
    "company://handbook/public?lang",
    "company://handbook/public?lang=en&",
    "company://handbook/public?&lang=en",
    "company://handbook/public?%6cang=en",
    "company://handbook/public?lang%3Den",
    "company://handbook/public?lang[]=en",
    "company://handbook/public?LANG=en",
    "company://handbook/public?lang=a+b",
    // Control characters, spaces and what ends or splits a line.
    "company://handbook/public\0",
    "company://handbook/public%00",
    "company://handbook/public%00.md",
    "company://handbook/public\n",
    "company://handbook/a%0Ab",
    "company://handbook/a%0D%0Ab",
    "company://handbook/a%0d%0aSet-Cookie:%20x",
    "company://handbook/a\r\nb",
    "company://handbook/a\tb",
    "company://handbook/a%09b",
    "company://handbook/a%7Fb",
    "company://handbook/a%1Bb",
    "company://handbook/a%C2%85b",
    "company://handbook/a%E2%80%A8b",
    "company://handbook/a b",
    " company://handbook/public",
    "company://handbook/public ",
    "\u{feff}company://handbook/public",
    // Invisible characters, and characters that change the direction of a line.
    "company://handbook/public%E2%80%8B",
    "company://handbook/%E2%80%AEcilbup",
    "company://handbook/pub%C2%ADlic",
    "company://handbook/pub%EF%BB%BFlic",
    "company://handbook/pub%F3%A0%80%A0lic",
    "company://handbook/pub\u{200b}lic",
    // Look-alikes that are not encoded, which no URI contains.
    "company://handbook/рublic",
    "company://handbook/ｐublic",
    "company://handbook／public",
    "company://handbook/．．",
    "cоmpany://handbook/public",
    "company://hаndbook/public",
    "company：//handbook/public",
    // Encodings that are not UTF-8: overlong, surrogates, cut, beyond Unicode.
    "company://handbook/%C0%AE%C0%AE",
    "company://handbook/%C0%AF",
    "company://handbook/%E0%80%AF",
    "company://handbook/%F0%80%80%AF",
    "company://handbook/%C1%9C",
    "company://handbook/%ED%A0%80",
    "company://handbook/%E2%80",
    "company://handbook/%FF",
    "company://handbook/%F4%90%80%80",
    "company://handbook/%80",
    // Malformed percent-encodings.
    "company://handbook/%",
    "company://handbook/%2",
    "company://handbook/%zz",
    "company://handbook/%u002e",
    "company://handbook/%%32%65",
    "company://handbook/% 2e",
    // Characters that a URI must encode.
    "company://handbook/{page}",
    "company://handbook/{+path}",
    "company://handbook/\"public\"",
    "company://handbook/<script>",
    "company://handbook/a|b",
    "company://handbook/a^b",
    "company://handbook/a`b",
    "company://handbook/[a]",
    // Paths of Windows.
    "company://handbook/public/C:/Windows",
    "company://handbook/public/c%3A/Windows",
    "company://handbook/public/C:%5CWindows",
    "company://handbook/%5C%5Cserver%5Cshare",
];

/// URIs that match a template, and only with the value that they name.
const EXACT: &[(&str, &str, &str)] = &[
    ("company://handbook/{page}", "company://handbook/...", "page=..."),
    ("company://handbook/{page}", "company://handbook/..a", "page=..a"),
    ("company://handbook/{page}", "company://handbook/%25", "page=%"),
    ("company://handbook/{page}", "company://handbook/%252", "page=%2"),
    ("company://handbook/{page}", "company://handbook/%26%3D%3F%23", "page=&=?#"),
    ("company://handbook/{page}", "company://handbook/user@host:80", "page=user@host:80"),
    ("company://handbook/{page}", "company://handbook/public;v=1", "page=public;v=1"),
    ("company://handbook/{page}", "company://handbook/a+b", "page=a+b"),
    ("company://handbook/{page}", "company://handbook/Public", "page=Public"),
    // Look-alikes are other names: Cyrillic er, a fullwidth letter, fullwidth full stops, a fullwidth slash.
    ("company://handbook/{page}", "company://handbook/%D1%80ublic", "page=рublic"),
    ("company://handbook/{page}", "company://handbook/%EF%BD%90ublic", "page=ｐublic"),
    ("company://handbook/{page}", "company://handbook/%EF%BC%8E%EF%BC%8E", "page=．．"),
    ("company://handbook/{page}", "company://handbook/a%EF%BC%8Fb", "page=a／b"),
    // Composed and decomposed.
    ("company://handbook/{page}", "company://handbook/%C3%A9", "page=\u{e9}"),
    ("company://handbook/{page}", "company://handbook/e%CC%81", "page=e\u{301}"),
    ("company://handbook/{+path}", "company://handbook/https:/other/x", "path=https:/other/x"),
    ("company://handbook/{+path}", "company://handbook/a%3Fb%23c", "path=a?b#c"),
    ("company://handbook/p?lang={lang}", "company://handbook/p?lang=en%26admin%3Dtrue", "lang=en&admin=true"),
    ("company://handbook/{page}{?lang}", "company://handbook/a%3Flang=x?lang=y", "page=a?lang=x lang=y"),
];

#[test]
fn hostile_uris_match_no_template() {
    for text in TEMPLATES {
        for uri in NEVER {
            assert_eq!(matched(text, uri), None, "{text} {uri:?}");
        }
    }
}

#[test]
fn unusual_uris_match_only_with_the_value_that_they_name() {
    for (text, uri, expected) in EXACT {
        let Some(values) = matched(text, uri) else { panic!("{uri} does not match {text}") };
        assert_eq!(values.join(" "), *expected, "{uri}");
        assert!(ResourceUri::parse(uri).is_ok(), "{uri}");
    }
}

#[test]
fn a_uri_beyond_the_limit_does_not_match() {
    let uri = format!("company://handbook/{}", "a".repeat(MAX_URI_BYTES - 19));
    let page = template("company://handbook/{page}");
    assert!(page.matches(&uri).is_some());
    assert!(page.matches(&format!("{uri}a")).is_none());
    assert!(page.matches(&uri.repeat(1000)).is_none());
}
