use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{auth::Audience, oauth::json_claims::MAX_VALUES};

/// 2026-01-01T00:00:00Z
const NOW: u64 = 1_767_225_600;

fn now() -> SystemTime {
    at(NOW)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn parse(response: &Value) -> Result<IntrospectionResponse, IntrospectionResponseError> {
    IntrospectionResponse::parse(response.to_string().as_bytes(), &ClaimNames::DEFAULT, now())
}

/// Parses an active response with one more field.
fn parse_with(field: &str, value: impl Into<Value>) -> Result<IntrospectionResponse, IntrospectionResponseError> {
    let mut response = json!({"active": true});
    response[field] = value.into();
    parse(&response)
}

fn wrong_type(field: &'static str, expected: &'static str) -> IntrospectionResponseError {
    JsonClaimsError::WrongType { field: field.into(), expected }.into()
}

fn too_late() -> IntrospectionResponseError {
    JsonClaimsError::TooLate { field: "exp".into() }.into()
}

fn claims(result: Result<IntrospectionResponse, IntrospectionResponseError>) -> Claims {
    match result {
        Ok(IntrospectionResponse::Active(claims)) => *claims,
        other => panic!("not an active token: {other:?}"),
    }
}

#[test]
fn parses_a_full_response() {
    let response = json!({
        "active": true, "scope": "employees:read:public payroll:read:all", "client_id": "client", "username": "harriet",
        "sub": "user", "exp": NOW + 60, "iat": NOW - 60, "aud": "https://mcp.example.com/mcp",
        "org_id": "org", "org_role": "HR", "department": {"name": "People"},
    });
    let claims = claims(parse(&response));
    assert_eq!(claims.subject.as_deref(), Some("user"));
    assert_eq!(claims.client_id.as_deref(), Some("client"));
    assert_eq!(claims.username.as_deref(), Some("harriet"));
    assert_eq!(claims.org_id.as_deref(), Some("org"));
    assert_eq!(claims.org_role.as_deref(), Some("HR"));
    assert_eq!(claims.scopes, ["employees:read:public", "payroll:read:all"]);
    assert_eq!(claims.audience, Audience::Resources(vec!["https://mcp.example.com/mcp".into()]));
    assert_eq!(claims.expires_at, Some(at(NOW + 60)));
    assert_eq!(Value::Object(claims.raw), response);
}

#[test]
fn every_field_except_active_may_be_missing_or_null() {
    let bare = claims(parse(&json!({"active": true})));
    let mut nulls = json!({"active": true});
    for field in ["scope", "client_id", "username", "sub", "exp", "aud", "resource", "org_id", "org_role"] {
        nulls[field] = Value::Null;
    }
    let mut nulls = claims(parse(&nulls));
    nulls.raw = bare.raw.clone();
    assert_eq!(nulls, bare);
    assert_eq!(bare.audience, Audience::Unknown);
    assert_eq!(bare.expires_at, None);
}

#[test]
fn scope_may_be_a_string_or_an_array() {
    for (value, scopes) in [
        (json!("a b"), vec!["a", "b"]),
        (json!("  a  b "), vec!["a", "b"]),
        (json!(""), vec![]),
        (json!(["a", "b"]), vec!["a", "b"]),
        (json!(["a b", ""]), vec!["a b"]),
        (json!([]), vec![]),
        (json!("a\tb"), vec!["a\tb"]),
    ] {
        assert_eq!(claims(parse_with("scope", value.clone())).scopes, scopes, "{value}");
    }
}

#[test]
fn the_audience_may_be_a_string_or_an_array_and_defaults_to_resource() {
    let audience = |response| claims(parse(&response)).audience;
    let resources = |all: &[&str]| Audience::Resources(all.iter().map(ToString::to_string).collect());
    for (response, expected) in [
        (json!({"active": true, "aud": "a"}), resources(&["a"])),
        (json!({"active": true, "aud": ["a", "b"]}), resources(&["a", "b"])),
        (json!({"active": true, "aud": []}), resources(&[])),
        (json!({"active": true, "resource": "r"}), resources(&["r"])),
        (json!({"active": true, "resource": ["r", "s"]}), resources(&["r", "s"])),
        (json!({"active": true, "aud": null, "resource": "r"}), resources(&["r"])),
        (json!({"active": true, "aud": "a", "resource": "r"}), resources(&["a"])),
        (json!({"active": true, "aud": [], "resource": "r"}), resources(&[])),
    ] {
        assert_eq!(audience(response.clone()), expected, "{response}");
    }
}

#[test]
fn exp_may_be_an_integer_a_float_or_a_numeric_string() {
    let half = at(NOW + 1) + Duration::from_millis(500);
    for (text, end) in [
        ("1767225601", at(NOW + 1)),
        ("1767225601.5", half),
        ("1.767225601e9", at(NOW + 1)),
        ("\"1767225601\"", at(NOW + 1)),
        ("\"1767225601.5\"", half),
        ("253402300799", at(253_402_300_799)),
    ] {
        let response = IntrospectionResponse::parse(
            format!(r#"{{"active":true,"exp":{text}}}"#).as_bytes(),
            &ClaimNames::DEFAULT,
            now(),
        );
        assert_eq!(claims(response).expires_at, Some(end), "{text}");
    }
}

#[test]
fn a_token_with_an_exp_in_the_past_is_inactive_even_if_active_is_true() {
    for exp in [json!(NOW), json!(NOW - 1), json!(0), json!(-1), json!(-1e300), json!("-7")] {
        assert_eq!(parse_with("exp", exp.clone()), Ok(IntrospectionResponse::Inactive), "{exp}");
    }
}

#[test]
fn an_invalid_exp_never_results_in_a_token_that_does_not_expire() {
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
        let response = IntrospectionResponse::parse(
            format!(r#"{{"active":true,"exp":{text}}}"#).as_bytes(),
            &ClaimNames::DEFAULT,
            now(),
        );
        assert!(response.is_err(), "{text}: {response:?}");
    }
    for exp in [json!(253_402_300_800_u64), json!(NOW * 1000), json!(u64::MAX), json!(1e300), json!("1e300")] {
        assert_eq!(parse_with("exp", exp.clone()), Err(too_late()), "{exp}");
    }
}

#[test]
fn rejects_a_field_of_another_type() {
    for field in ["sub", "client_id", "username"] {
        for value in [json!(1), json!(true), json!(["a"]), json!({})] {
            assert_eq!(parse_with(field, value), Err(wrong_type(field, "a string")));
        }
    }
    for field in ["org_id", "org_role"] {
        for value in [json!(1), json!(true), json!(["a", "b"]), json!([1]), json!({})] {
            assert_eq!(parse_with(field, value), Err(wrong_type(field, "a string or an array of one string")));
        }
    }
    for field in ["scope", "aud", "resource"] {
        for value in [json!(1), json!(false), json!({}), json!(["a", 1]), json!([["a"]]), json!(["a", null])] {
            let expected = "a string or an array of strings";
            assert_eq!(parse_with(field, value), Err(wrong_type(field, expected)));
        }
    }
}

#[test]
fn rejects_an_active_that_is_not_a_boolean() {
    for active in [json!(null), json!(1), json!("true"), json!([true]), json!({})] {
        assert_eq!(parse(&json!({"active": active})), Err(IntrospectionResponseError::MissingActive), "{active}");
    }
    assert_eq!(parse(&json!({})), Err(IntrospectionResponseError::MissingActive));
    assert_eq!(parse(&json!({"Active": true})), Err(IntrospectionResponseError::MissingActive));
    assert_eq!(parse(&json!({"active": false})), Ok(IntrospectionResponse::Inactive));
    assert_eq!(parse(&json!({"active": false, "exp": [], "sub": 1})), Ok(IntrospectionResponse::Inactive));
}

#[test]
fn rejects_a_response_with_too_many_values() {
    // The response itself, `active` and the array are values, too.
    assert!(parse_with("other", vec![0; MAX_VALUES - 3]).is_ok());
    assert_eq!(parse_with("other", vec![0; MAX_VALUES - 2]), Err(JsonClaimsError::TooManyValues.into()));
}

#[test]
fn rejects_a_duplicate_key() {
    for text in [
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":true}"#,
        r#"{"active":true,"\u0061ctive":true}"#,
        r#"{"active":true,"exp":1,"exp":null}"#,
        r#"{"active":true,"scope":"a","scope":"b"}"#,
        r#"{"active":false,"other":1,"other":2}"#,
    ] {
        assert_eq!(
            IntrospectionResponse::parse(text.as_bytes(), &ClaimNames::DEFAULT, now()),
            Err(JsonClaimsError::DuplicateKey.into()),
            "{text}"
        );
    }
}

#[test]
fn rejects_what_is_not_a_json_object_and_never_quotes_it() {
    for (body, expected) in [
        (&b""[..], JsonClaimsError::NotJson),
        (b"<html>secret</html>", JsonClaimsError::NotJson),
        (b"{\"active\":true", JsonClaimsError::NotJson),
        (b"{\"active\":true} {}", JsonClaimsError::NotJson),
        (b"\xef\xbb\xbf{\"active\":true}", JsonClaimsError::NotJson),
        (b"{\"active\":true,\"sub\":\"\xff\"}", JsonClaimsError::NotJson),
        (b"{\"active\":true,\"sub\":\"\\ud800\"}", JsonClaimsError::NotJson),
        (b"null", JsonClaimsError::NotAnObject),
        (b"true", JsonClaimsError::NotAnObject),
        (b"\"secret\"", JsonClaimsError::NotAnObject),
        (b"[{\"active\":true}]", JsonClaimsError::NotAnObject),
    ] {
        let error = IntrospectionResponse::parse(body, &ClaimNames::DEFAULT, now()).unwrap_err();
        assert_eq!(error, expected.into(), "{}", String::from_utf8_lossy(body));
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn rejects_deep_nesting() {
    let deep = format!(r#"{{"active":true,"x":{}}}"#, "[".repeat(60_000));
    assert_eq!(
        IntrospectionResponse::parse(deep.as_bytes(), &ClaimNames::DEFAULT, now()),
        Err(JsonClaimsError::NotJson.into())
    );
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
    fn no_json_panics_and_only_active_true_is_active(
        response in any_json(),
        active in prop_oneof![Just(Value::Bool(true)), any_json()],
        exp in any_json(),
    ) {
        let _ = parse(&response);
        let response = json!({"active": active, "exp": exp});
        if let Ok(IntrospectionResponse::Active(claims)) = parse(&response) {
            prop_assert_eq!(&response["active"], &Value::Bool(true));
            prop_assert!(claims.expires_at.is_some() || response["exp"].is_null());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = IntrospectionResponse::parse(&body, &ClaimNames::DEFAULT, now());
    }

    #[test]
    fn the_expiry_is_exp_and_in_the_future(exp in any::<i64>(), as_text in any::<bool>()) {
        let value = if as_text { Value::from(exp.to_string()) } else { Value::from(exp) };
        match parse_with("exp", value) {
            Ok(IntrospectionResponse::Active(claims)) => {
                let end = claims.expires_at.expect("the response has an exp");
                prop_assert_eq!(end, at(u64::try_from(exp).expect("exp is after 1970")));
                prop_assert!(end > now());
            }
            Ok(IntrospectionResponse::Inactive) => prop_assert!(exp <= i64::try_from(NOW).expect("NOW fits")),
            Err(error) => {
                prop_assert_eq!(error, too_late());
                prop_assert!(exp > 253_402_300_799);
            }
        }
    }

    #[test]
    fn scopes_are_the_same_as_a_string_and_as_an_array(scopes in prop::collection::vec("[!#-\\[\\]-~]{1,10}", 0..6)) {
        let text = claims(parse_with("scope", scopes.join(" ")));
        let array = claims(parse_with("scope", scopes.clone()));
        prop_assert_eq!(&text.scopes, &scopes);
        prop_assert_eq!(text.scopes, array.scopes);
    }
}
