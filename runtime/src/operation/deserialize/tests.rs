use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU8,
};

use serde_json::{json, value::RawValue};

use super::*;

fn rejected<T: DeserializeOwned>(value: Value) -> String {
    argument::<T>("a", value).err().expect("the value is invalid").to_string()
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, Deserialize)]
enum Choice {
    Unit,
    Newtype(u8),
    Tuple(u8, String),
    Struct { x: Option<i64> },
}

#[derive(Debug, PartialEq, serde::Serialize, Deserialize)]
struct Everything {
    yes: bool,
    small: i8,
    large: u64,
    wide: i128,
    float: f32,
    letter: char,
    text: String,
    nothing: (),
    option: Option<Box<Everything>>,
    tuple: (u8, String),
    list: Vec<Choice>,
    by_number: BTreeMap<u16, bool>,
    by_choice: HashMap<bool, NonZeroU8>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[test]
fn values_are_deserialized_as_serde_json_does() {
    let choices = [
        Choice::Unit,
        Choice::Newtype(1),
        Choice::Tuple(2, "t".to_owned()),
        Choice::Struct { x: Some(-3) },
        Choice::Struct { x: None },
    ];
    let value = json!({
        "yes": true, "small": -8, "large": u64::MAX, "wide": -1, "float": 1, "letter": "x", "text": "y", "nothing": null,
        "option": null, "tuple": [1, "a"], "list": choices, "by_number": { "7": true }, "by_choice": { "true": 1 },
        "other": [1, { "a": 1.5 }],
    });
    let read: Everything = argument("a", value.clone()).unwrap();
    assert_eq!(read, serde_json::from_value(value.clone()).unwrap());
    assert_eq!(read.list, choices);
    let nested = json!({ "option": value });
    assert_eq!(
        argument::<BTreeMap<String, Option<Box<Everything>>>>("a", nested).unwrap()["option"].as_deref(),
        Some(&read)
    );
    let raw: Box<RawValue> = argument("a", json!({ "b": [1] })).unwrap();
    assert_eq!(raw.get(), r#"{"b":[1]}"#);
}

#[test]
fn an_error_has_the_pointer_to_the_value() {
    for (text, expected) in [
        (rejected::<u8>(json!(256)), "/a: the value is not valid: expected u8"),
        (rejected::<Vec<u8>>(json!([1, "x"])), "/a/1: expected u8, not text"),
        (rejected::<(u8, u8)>(json!([1])), "/a: invalid length 1, expected a tuple of size 2"),
        (rejected::<(u8,)>(json!([1, 2])), "/a: invalid length 2, expected fewer items"),
        (
            rejected::<BTreeMap<String, Vec<u8>>>(json!({ "x/y": [300] })),
            "/a/x~1y/0: the value is not valid: expected u8",
        ),
        (rejected::<Choice>(json!({ "Struct": { "x": "1" } })), "/a/Struct/x: expected i64, not text"),
        (rejected::<Choice>(json!({ "Newtype": 1.5 })), "/a/Newtype: expected u8, not a number with a fraction"),
        (rejected::<Choice>(json!(1)), "/a: expected text, or an object with one property"),
        (rejected::<Choice>(json!("unit")), r#"/a: the value is not one of ["Unit", "Newtype", "Tuple", "Struct"]"#),
        (rejected::<Choice>(json!("Newtype")), "/a: expected an object with the name of the variant and its content"),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn an_error_omits_the_value() {
    for text in [
        rejected::<u8>(json!("swordfish")),
        rejected::<Choice>(json!("swordfish")),
        rejected::<Choice>(json!({ "swordfish": 1 })),
        rejected::<std::net::Ipv4Addr>(json!("swordfish")),
        rejected::<char>(json!("swordfish")),
        rejected::<bool>(json!(77_777)),
        rejected::<NonZeroU8>(json!(77_777)),
    ] {
        assert!(!text.contains("swordfish") && !text.contains("77"), "{text}");
    }
}

#[test]
fn every_invalid_argument_is_reported() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only errors are tested")]
    struct Four {
        a: u8,
        b: String,
        c: NonZeroU8,
        d: Vec<u8>,
    }
    let read = |value: Value| {
        let Value::Object(value) = value else { panic!("an object") };
        let violations = arguments::<Four>(value).expect_err("a value is invalid");
        violations.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        read(json!({ "a": 256, "b": "x", "c": 0, "d": [1, 2, 300] })),
        [
            "/a: the value is not valid: expected u8",
            "/c: the value is not valid: expected a nonzero u8",
            "/d/2: the value is not valid: expected u8",
        ]
    );
    assert_eq!(read(json!({ "a": 1, "c": 1, "d": [] })), ["(arguments): missing field `b`"]);
    assert_eq!(read(json!({ "a": 1, "b": "x", "c": 1, "d": 1 })), ["/d: expected a sequence, not an integer"]);
}
