//! What the parser rejects, and what the compiler says.

use std::panic::catch_unwind;

use crate::resource::{MAX_URI_BYTES, ResourceUri, UriTemplate, check_uri};

/// Returns the message of the compile error.
fn compile_error(uri: &'static str, parameters: &'static [&'static str]) -> String {
    let panic = catch_unwind(|| check_uri(uri, parameters)).expect_err(uri);
    *panic.downcast::<String>().expect("the message is formatted")
}

#[test]
fn s4_uris_of_rfc_3986_and_templates_of_rfc_6570_are_accepted() {
    const _: () = check_uri("company://policies/handbook", &[]);
    const _: () = check_uri("company://employees/{employee_id}", &["employee_id"]);
    const _: () = check_uri("company://{kind}/{+path}.md{?lang,v}", &["v", "path", "kind", "lang"]);
    for uri in [
        "urn:company:handbook",
        "x:",
        "x+y-z.1:a",
        "https://a.example:8443/b%20c?d=e/f?g",
        "file:///a/b",
        "x://a//b/",
        "x:/...",
        "x:/.a",
        "x:/.{a}",
        "x:..a",
        "x://..",
        "x:{a}.{b}",
    ] {
        assert!(UriTemplate::parse(uri).is_ok(), "{uri}");
        assert!(uri.contains('{') || ResourceUri::parse(uri).is_ok(), "{uri}");
    }
}

#[test]
fn each_mistake_has_its_sentence() {
    let long: &'static str = format!("x:{}", "a".repeat(MAX_URI_BYTES)).leak();
    let mut messages = String::new();
    for uri in [
        "",
        "policies/handbook",
        "{scheme}:a",
        "Company://a",
        "x:a b",
        "x:größe",
        "x:a\\b",
        "x:%4",
        "x:%zz",
        "x:%{a}",
        "x:%61",
        "x:%2e%2e",
        "x:a#b",
        "x://user@host/a",
        "x://user:pw@host/a",
        "x://[::1]/a",
        "x://host:port/a",
        "x://host:{port}/a",
        "x:a/../b",
        "x:a/.",
        "x:..{?a}",
        "x:.?a",
        "x:{a",
        "x:{a{b}",
        "x:a}",
        "x:{}",
        "x:{+}",
        "x:{?}",
        "x:{?a,}",
        "x:{a b}",
        "x:{a..b}",
        "x:{größe}",
        "x:{#a}",
        "x:{&a}",
        "x:{a*}",
        "x:{a:3}",
        "x:{a,b}",
        "x:{a}{b}",
        "x:{a}{+b}",
        "x:{+a}/{+b}",
        "x:?q={+q}",
        "x:{?a}/b",
        "x:?a=1{?b}",
        "x:{?a}{?b}",
        "x:{a}/{a}",
        "x:{a}{?b,a}",
        long,
    ] {
        let message = compile_error(uri, &[]);
        let error = UriTemplate::parse(uri).expect_err(uri).to_string();
        // At run time, the same sentence has another subject.
        let sentence = message.split_once("is not valid: ").expect("a sentence").1;
        assert!(error.ends_with(sentence), "{error} | {sentence}");
        messages.push_str(&message);
        messages.push('\n');
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("sentences", messages);
    });
}

#[test]
fn variables_and_parameters_are_the_same() {
    for (uri, parameters, message) in [
        (
            "x://employees/{employe_id}",
            &["employee_id"][..],
            "the URI `x://employees/{employe_id}` has the variable `employe_id`, but the function has no such parameter: \
             did you mean `employee_id`?",
        ),
        (
            "x://employees/{id}",
            &[],
            "the URI `x://employees/{id}` has the variable `id`, but the function has no such parameter: add the \
             parameter, or remove the variable",
        ),
        (
            "x://employees/me",
            &["employee_id"],
            "the URI `x://employees/me` has no variable `employee_id`, but the function has this parameter: a resource \
             receives only the variables of its URI, so add `{employee_id}` to the URI, or remove the parameter",
        ),
    ] {
        assert_eq!(compile_error(uri, parameters), message);
    }
}

#[test]
fn an_error_shows_neither_control_characters_nor_long_text() {
    let error = UriTemplate::parse("x:\u{1b}[2J\u{202e}").unwrap_err().to_string();
    assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error:?}");
    assert!(UriTemplate::parse(&"x".repeat(1_000_000)).unwrap_err().to_string().len() < 700);
}
