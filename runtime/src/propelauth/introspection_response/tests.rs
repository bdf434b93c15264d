use proptest::prelude::*;
use serde_json::json;

use super::*;

/// 2026-01-01T00:00:00Z
const NOW: u64 = 1_767_225_600;

fn now() -> SystemTime {
    at(NOW)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn read(answer: &Value) -> Result<IntrospectionResponse, Unreadable> {
    IntrospectionResponse::read(answer.to_string().as_bytes(), now())
}

/// An active answer with one more field.
fn read_with(field: &str, value: impl Into<Value>) -> Result<IntrospectionResponse, Unreadable> {
    let mut answer = json!({"active": true});
    answer[field] = value.into();
    read(&answer)
}

fn claims(answer: Result<IntrospectionResponse, Unreadable>) -> Claims {
    match answer {
        Ok(IntrospectionResponse::Active(claims)) => *claims,
        other => panic!("not an active token: {other:?}"),
    }
}

#[test]
fn a_full_answer_is_read() {
    let answer = json!({
        "active": true, "scope": "employees:read:public payroll:read:all", "client_id": "client", "username": "harriet",
        "sub": "user", "exp": NOW + 60, "iat": NOW - 60, "aud": "https://mcp.example.com/mcp",
        "org_id": "org", "org_role": "HR", "department": {"name": "People"},
    });
    let claims = claims(read(&answer));
    assert_eq!(claims.subject.as_deref(), Some("user"));
    assert_eq!(claims.client_id.as_deref(), Some("client"));
    assert_eq!(claims.username.as_deref(), Some("harriet"));
    assert_eq!(claims.org_id.as_deref(), Some("org"));
    assert_eq!(claims.org_role.as_deref(), Some("HR"));
    assert_eq!(claims.scopes, ["employees:read:public", "payroll:read:all"]);
    assert_eq!(claims.audience, Audience::Resources(vec!["https://mcp.example.com/mcp".into()]));
    assert_eq!(claims.expires_at, Some(at(NOW + 60)));
    assert_eq!(Value::Object(claims.raw), answer);
}

#[test]
fn every_field_but_active_may_be_missing_or_null() {
    let bare = claims(read(&json!({"active": true})));
    let mut nulls = json!({"active": true});
    for field in ["scope", "client_id", "username", "sub", "exp", "aud", "resource", "org_id", "org_role"] {
        nulls[field] = Value::Null;
    }
    let mut nulls = claims(read(&nulls));
    nulls.raw = bare.raw.clone();
    assert_eq!(nulls, bare);
    assert_eq!(bare.audience, Audience::Unknown);
    assert_eq!(bare.expires_at, None);
}

#[test]
fn scopes_come_as_a_string_or_an_array() {
    for (value, scopes) in [
        (json!("a b"), vec!["a", "b"]),
        (json!("  a  b "), vec!["a", "b"]),
        (json!(""), vec![]),
        (json!(["a", "b"]), vec!["a", "b"]),
        (json!(["a b", ""]), vec!["a b"]),
        (json!([]), vec![]),
        (json!("a\tb"), vec!["a\tb"]),
    ] {
        assert_eq!(claims(read_with("scope", value.clone())).scopes, scopes, "{value}");
    }
}

#[test]
fn the_audience_comes_as_a_string_or_an_array_and_from_resource_when_aud_is_absent() {
    let audience = |answer| claims(read(&answer)).audience;
    let resources = |all: &[&str]| Audience::Resources(all.iter().map(ToString::to_string).collect());
    for (answer, expected) in [
        (json!({"active": true, "aud": "a"}), resources(&["a"])),
        (json!({"active": true, "aud": ["a", "b"]}), resources(&["a", "b"])),
        (json!({"active": true, "aud": []}), resources(&[])),
        (json!({"active": true, "resource": "r"}), resources(&["r"])),
        (json!({"active": true, "resource": ["r", "s"]}), resources(&["r", "s"])),
        (json!({"active": true, "aud": null, "resource": "r"}), resources(&["r"])),
        (json!({"active": true, "aud": "a", "resource": "r"}), resources(&["a"])),
        (json!({"active": true, "aud": [], "resource": "r"}), resources(&[])),
    ] {
        assert_eq!(audience(answer.clone()), expected, "{answer}");
    }
}

#[test]
fn exp_comes_as_an_integer_a_float_or_a_numeric_string() {
    let half = at(NOW + 1) + Duration::from_millis(500);
    for (text, end) in [
        ("1767225601", at(NOW + 1)),
        ("1767225601.5", half),
        ("1.767225601e9", at(NOW + 1)),
        ("\"1767225601\"", at(NOW + 1)),
        ("\"1767225601.5\"", half),
        ("253402300799", at(253_402_300_799)),
    ] {
        let answer = IntrospectionResponse::read(format!(r#"{{"active":true,"exp":{text}}}"#).as_bytes(), now());
        assert_eq!(claims(answer).expires_at, Some(end), "{text}");
    }
}

#[test]
fn a_token_whose_exp_has_passed_is_inactive_whatever_active_says() {
    for exp in [json!(NOW), json!(NOW - 1), json!(0), json!(-1), json!(-1e300), json!("-7")] {
        assert_eq!(read_with("exp", exp.clone()), Ok(IntrospectionResponse::Inactive), "{exp}");
    }
}

#[test]
fn an_exp_that_cannot_be_read_is_never_a_token_without_an_end() {
    let texts = [
        "\"\"",
        "\"never\"",
        "\"NaN\"",
        "\"inf\"",
        "\"1e999\"",
        "true",
        "[]",
        "{}",
        "[1767225601]",
        "1e999",
        "NaN",
        "Infinity",
    ];
    for text in texts {
        let answer = IntrospectionResponse::read(format!(r#"{{"active":true,"exp":{text}}}"#).as_bytes(), now());
        assert!(answer.is_err(), "{text}: {answer:?}");
    }
    for exp in [json!(253_402_300_800_u64), json!(NOW * 1000), json!(u64::MAX), json!(1e300), json!("1e300")] {
        assert_eq!(read_with("exp", exp.clone()), Err(Unreadable::ExpiryTooLate), "{exp}");
    }
}

#[test]
fn a_field_of_another_type_makes_the_answer_unreadable() {
    for field in ["sub", "client_id", "username", "org_id", "org_role"] {
        for value in [json!(1), json!(true), json!(["a"]), json!({})] {
            let expected = "a string";
            assert_eq!(read_with(field, value), Err(Unreadable::WrongType { field, expected }));
        }
    }
    for field in ["scope", "aud", "resource"] {
        for value in [json!(1), json!(false), json!({}), json!(["a", 1]), json!([["a"]]), json!(["a", null])] {
            let expected = "a string or an array of strings";
            assert_eq!(read_with(field, value), Err(Unreadable::WrongType { field, expected }));
        }
    }
}

#[test]
fn only_a_boolean_active_says_anything() {
    for active in [json!(null), json!(1), json!("true"), json!([true]), json!({})] {
        assert_eq!(read(&json!({"active": active})), Err(Unreadable::NoActive), "{active}");
    }
    assert_eq!(read(&json!({})), Err(Unreadable::NoActive));
    assert_eq!(read(&json!({"Active": true})), Err(Unreadable::NoActive));
    assert_eq!(read(&json!({"active": false})), Ok(IntrospectionResponse::Inactive));
    assert_eq!(read(&json!({"active": false, "exp": [], "sub": 1})), Ok(IntrospectionResponse::Inactive));
}

#[test]
fn a_key_that_stands_twice_makes_the_answer_unreadable() {
    for text in [
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":true}"#,
        r#"{"active":true,"\u0061ctive":true}"#,
        r#"{"active":true,"exp":1,"exp":null}"#,
        r#"{"active":true,"scope":"a","scope":"b"}"#,
        r#"{"active":false,"other":1,"other":2}"#,
    ] {
        assert_eq!(IntrospectionResponse::read(text.as_bytes(), now()), Err(Unreadable::Doubled), "{text}");
    }
}

#[test]
fn what_is_no_json_object_is_told_apart_and_never_quoted() {
    for (body, expected) in [
        (&b""[..], Unreadable::NotJson),
        (b"<html>secret</html>", Unreadable::NotJson),
        (b"{\"active\":true", Unreadable::NotJson),
        (b"{\"active\":true} {}", Unreadable::NotJson),
        (b"\xef\xbb\xbf{\"active\":true}", Unreadable::NotJson),
        (b"{\"active\":true,\"sub\":\"\xff\"}", Unreadable::NotJson),
        (b"{\"active\":true,\"sub\":\"\\ud800\"}", Unreadable::NotJson),
        (b"null", Unreadable::NotAnObject),
        (b"true", Unreadable::NotAnObject),
        (b"\"secret\"", Unreadable::NotAnObject),
        (b"[{\"active\":true}]", Unreadable::NotAnObject),
    ] {
        let error = IntrospectionResponse::read(body, now()).unwrap_err();
        assert_eq!(error, expected, "{}", String::from_utf8_lossy(body));
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn deep_nesting_is_unreadable_and_nothing_worse() {
    let deep = format!(r#"{{"active":true,"x":{}}}"#, "[".repeat(60_000));
    assert_eq!(IntrospectionResponse::read(deep.as_bytes(), now()), Err(Unreadable::NotJson));
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from)
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.clone(),
        number.prop_map(|number| Value::from(number.to_string())),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![Just("active".to_owned()), Just("exp".to_owned()), Just("scope".to_owned()), ".{0,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_only_active_true_is_active(
        answer in any_json(),
        active in prop_oneof![Just(Value::Bool(true)), any_json()],
        exp in any_json(),
    ) {
        let _ = read(&answer);
        let with = json!({"active": active, "exp": exp});
        if let Ok(IntrospectionResponse::Active(claims)) = read(&with) {
            prop_assert_eq!(&with["active"], &Value::Bool(true));
            prop_assert!(claims.expires_at.is_some() || with["exp"].is_null());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = IntrospectionResponse::read(&body, now());
    }

    #[test]
    fn the_expiry_is_neither_later_than_exp_nor_in_the_past(exp in any::<i64>(), as_text in any::<bool>()) {
        let value = if as_text { Value::from(exp.to_string()) } else { Value::from(exp) };
        match read_with("exp", value) {
            Ok(IntrospectionResponse::Active(claims)) => {
                let end = claims.expires_at.expect("an exp that was read");
                prop_assert_eq!(end, at(u64::try_from(exp).expect("not before 1970")));
                prop_assert!(end > now());
            }
            Ok(IntrospectionResponse::Inactive) => prop_assert!(exp <= i64::try_from(NOW).expect("fits")),
            Err(error) => {
                prop_assert_eq!(error, Unreadable::ExpiryTooLate);
                prop_assert!(exp > 253_402_300_799);
            }
        }
    }

    #[test]
    fn scopes_mean_the_same_in_both_shapes(scopes in prop::collection::vec("[!#-\\[\\]-~]{1,10}", 0..6)) {
        let text = claims(read_with("scope", scopes.join(" ")));
        let array = claims(read_with("scope", scopes.clone()));
        prop_assert_eq!(&text.scopes, &scopes);
        prop_assert_eq!(text.scopes, array.scopes);
    }
}
