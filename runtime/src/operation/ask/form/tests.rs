use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::*;

/// Declares types that are forms without the registration of the derive, which would make every server of this test
/// program invalid.
macro_rules! forms {
    ($($form:ty),*) => {
        $(impl Form for $form {
            fn content() -> FormContent<Self> {
                form_content()
            }
        })*
    };
}

fn requested<T: Form>() -> Value {
    let form = CheckedForm::of::<T>().unwrap_or_else(|problem| panic!("{problem}"));
    serde_json::to_value(&form.requested).unwrap()
}

fn problem<T: Form>() -> FormProblem {
    CheckedForm::of::<T>().err().expect("the type cannot be a form")
}

fn read<T: Form>(content: Value) -> Result<T, String> {
    let Value::Object(content) = content else { panic!("an object") };
    CheckedForm::of::<T>().unwrap().read(content).map_err(|error| error.to_string())
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct EveryField {
    /// The name.
    #[schemars(length(min = 1, max = 80))]
    name: String,
    #[schemars(email)]
    email: Option<String>,
    #[schemars(regex(pattern = "^T-[0-9]+$"))]
    ticket: String,
    #[schemars(title = "Age in years", range(min = 18))]
    age: u8,
    big: u64,
    score: Option<f32>,
    #[serde(default)]
    verified: bool,
    documented: Documented,
    plain: Option<Plain>,
    several: Vec<Documented>,
    #[schemars(length(max = 2))]
    plain_several: BTreeSet<Plain>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
enum Documented {
    /// The first
    /// option
    First,
    #[schemars(title = "2nd", description = "not shown")]
    Second,
    Third,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Plain {
    On,
    Off,
}

/// Defaults (SEP-1034).
#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
struct Defaults {
    name: String,
    age: i64,
    score: f64,
    status: Status,
    verified: bool,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

/// Choices with titles in the form of earlier revisions (SEP-1330).
#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Legacy {
    #[schemars(extend("enumNames" = ["Turned on", "Turned off"]))]
    switch: Plain,
}

forms!(EveryField, Defaults, Legacy);

#[test]
fn every_type_of_field_is_converted() {
    let titled = json!([
        { "const": "First", "title": "The first option" },
        { "const": "Second", "title": "2nd" },
        { "const": "Third", "title": "Third" },
    ]);
    let mut by_value = titled.as_array().unwrap().clone();
    by_value.sort_by_key(ToString::to_string);
    let mut form = requested::<EveryField>();
    for pointer in ["/properties/documented/oneOf", "/properties/several/items/anyOf"] {
        let choices = form.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        choices.sort_by_key(ToString::to_string);
    }
    assert_eq!(
        form,
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "The name.", "minLength": 1, "maxLength": 80 },
                "email": { "type": "string", "format": "email" },
                "ticket": { "type": "string" },
                "age": { "type": "integer", "title": "Age in years", "minimum": 18, "maximum": 255 },
                "big": { "type": "integer", "minimum": 0 },
                "score": { "type": "number" },
                "verified": { "type": "boolean", "default": false },
                "documented": { "type": "string", "oneOf": by_value },
                "plain": { "type": "string", "enum": ["on", "off"] },
                "several": { "type": "array", "items": { "anyOf": by_value } },
                "plain_several": { "type": "array", "maxItems": 2, "items": { "type": "string", "enum": ["on", "off"] } },
            },
            "required": ["name", "ticket", "age", "big", "documented", "several", "plain_several"],
        })
    );
}

#[test]
fn the_fields_are_in_the_order_of_their_declaration() {
    let form = CheckedForm::of::<EveryField>().unwrap();
    let text = serde_json::to_string(&form.requested).unwrap();
    let place = |field: &str| text.find(&format!("\"{field}\":{{")).unwrap();
    let fields = ["name", "email", "ticket", "age", "big", "score", "verified", "documented", "plain", "several"];
    assert!(fields.map(place).is_sorted(), "{text}");
}

#[test]
fn a_default_of_each_type_is_in_the_form() {
    assert_eq!(
        requested::<Defaults>()["properties"],
        json!({
            "name": { "type": "string", "default": "John Doe" },
            "age": { "type": "integer", "default": 30 },
            "score": { "type": "number", "default": 95.5 },
            "status": { "type": "string", "enum": ["active", "inactive"], "default": "active" },
            "verified": { "type": "boolean", "default": true },
        })
    );
    assert_eq!(read::<Defaults>(json!({})).unwrap(), Defaults::default());
}

#[test]
fn choices_with_titles_of_earlier_revisions_are_in_the_form() {
    assert_eq!(
        requested::<Legacy>()["properties"]["switch"],
        json!({ "type": "string", "enum": ["on", "off"], "enumNames": ["Turned on", "Turned off"] })
    );
}

#[test]
fn a_confirmation_has_no_fields() {
    assert_eq!(requested::<Confirm>(), json!({ "type": "object", "properties": {} }));
    assert_eq!(read::<Confirm>(json!({})), Ok(Confirm {}));
}

#[test]
fn an_answer_is_checked_against_the_form_and_against_what_only_the_server_knows() {
    let answer = json!({
        "name": "Sam", "email": null, "ticket": "T-1", "age": 42.0, "big": 1, "documented": "Second",
        "several": ["First", "Third"], "plain_several": [],
    });
    let read_with = |change: Value| {
        let mut answer = answer.clone();
        answer.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        read::<EveryField>(answer)
    };
    let entered = read_with(json!({})).unwrap();
    assert_eq!((entered.age, entered.email, entered.verified), (42, None, false));
    assert_eq!(entered.several, [Documented::First, Documented::Third]);
    for (change, reason) in [
        (json!({ "name": "" }), "/name: "),
        (json!({ "email": "sam" }), "/email: "),
        (json!({ "ticket": "swordfish" }), "/ticket: "),
        (json!({ "age": 17 }), "/age: "),
        (json!({ "documented": "Fourth" }), "/documented: the value is not one of"),
        (json!({ "several": ["Fourth"] }), "/several/0: "),
        (json!({ "big": null }), "/big: "),
    ] {
        let error = read_with(change).unwrap_err();
        assert!(error.starts_with("the user's answer does not fit the form:\n- "), "{error}");
        assert!(error.contains(reason) && !error.contains("swordfish"), "{error}");
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Nested {
    inner: Legacy,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Recursive {
    next: Option<Box<Recursive>>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Open {
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Secret {
    new_password: String,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Numbers {
    numbers: Vec<u8>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Anything {
    value: Value,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
enum WithData {
    Text { text: String },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct FlattenedEnum {
    #[serde(flatten)]
    kind: WithData,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct BadPattern {
    #[schemars(regex(pattern = "("))]
    value: String,
}

forms!(Nested, Recursive, Open, Secret, Numbers, Anything, WithData, FlattenedEnum, BadPattern, String);

#[test]
fn a_type_that_mcp_does_not_allow_is_rejected() {
    let not_primitive = |field: &str| FormProblem::NotPrimitive(field.to_owned());
    assert_eq!(problem::<Nested>(), not_primitive("inner"));
    assert_eq!(problem::<Recursive>(), not_primitive("next"));
    assert_eq!(problem::<Open>(), FormProblem::OpenFields);
    assert_eq!(problem::<Numbers>(), not_primitive("numbers"));
    assert_eq!(problem::<Anything>(), not_primitive("value"));
    assert_eq!(problem::<WithData>(), FormProblem::NotAStruct);
    assert_eq!(problem::<FlattenedEnum>(), FormProblem::NotAStruct);
    assert_eq!(problem::<String>(), FormProblem::NotAStruct);
    assert!(matches!(problem::<BadPattern>(), FormProblem::InvalidSchema(_)));
}

#[test]
fn e1_a_form_never_asks_for_a_secret() {
    let problem = problem::<Secret>();
    let text = problem.to_string();
    assert!(matches!(problem, FormProblem::Secret { field, .. } if field == "new_password"), "{text}");
    assert!(text.contains("URL mode"), "{text}");
}
