//! An invalid input schema is a problem of the build, not an error of the first call.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator, json_schema};
use toolgate::prelude::*;

use crate::support;

static INVALID_SCHEMAS: Scopes = Scopes::new(&["invalid:read"]);

macro_rules! argument {
    ($name:ident, $($schema:tt)*) => {
        #[derive(Deserialize)]
        struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)*)
            }
        }
    };
}

argument!(Untyped, { "type": "object", "properties": { "a": { "type": 7 } } });
argument!(Unmatched, { "type": "string", "pattern": "(" });
argument!(Dangling, { "$ref": "#/$defs/Missing" });
argument!(Valid, { "type": "string", "pattern": "^a" });

/// The type of the argument does not exist.
#[tool(scopes = "invalid:read", scopes_in = INVALID_SCHEMAS)]
async fn untyped(a: Untyped) -> String {
    let Untyped = a;
    String::new()
}

/// The pattern of the argument is not a regular expression.
#[tool(scopes = "invalid:read", scopes_in = INVALID_SCHEMAS)]
async fn unmatched(a: Unmatched) -> String {
    let Unmatched = a;
    String::new()
}

/// The schema of the argument refers to a missing definition.
#[tool(scopes = "invalid:read", scopes_in = INVALID_SCHEMAS)]
async fn dangling(a: Dangling) -> String {
    let Dangling = a;
    String::new()
}

/// The schemas are valid.
#[tool(scopes = "invalid:read", scopes_in = INVALID_SCHEMAS)]
async fn valid(a: Valid, plain: Option<u8>) -> String {
    let (Valid, _) = (a, plain);
    String::new()
}

#[test]
fn every_invalid_schema_is_a_build_problem() {
    let error = support::server(&INVALID_SCHEMAS).build().expect_err("three tools have an invalid schema");
    let problem = "the schema of its arguments is not valid";
    assert_eq!(
        error.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            format!("the tool `dangling`: {problem}: Pointer '/$defs/Missing' does not exist"),
            format!("the tool `unmatched`: {problem}: \"(\" is not a \"regex\""),
            format!(
                "the tool `untyped`: {problem}: 7 is not valid under any of the schemas listed in the 'anyOf' keyword"
            ),
        ]
    );
}

static STRUCTURED_TEXTS: Scopes = Scopes::new(&["structured:read"]);

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Filter {
    year: u16,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is used")]
struct Tree {
    children: Vec<Tree>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tone {
    /// The tone of a letter.
    Formal,
    Friendly,
}

/// One argument is a list.
#[prompt(authenticated, scopes_in = STRUCTURED_TEXTS)]
async fn list(_tags: Vec<String>) -> String {
    String::new()
}

/// One argument is an object.
#[prompt(authenticated, scopes_in = STRUCTURED_TEXTS)]
async fn object(_name: String, _filter: Option<Filter>) -> String {
    String::new()
}

/// The variable is a recursive object.
#[resource(uri = "trees://{_tree}", authenticated, scopes_in = STRUCTURED_TEXTS)]
async fn tree(_tree: Tree) -> String {
    String::new()
}

/// Every argument can be written as a text.
#[prompt(authenticated, scopes_in = STRUCTURED_TEXTS)]
async fn texts(_tone: Tone, _year: Option<u16>, _ratio: f64, _flag: bool, _any: serde_json::Value) -> String {
    String::new()
}

#[test]
fn an_argument_of_a_prompt_and_a_variable_of_a_uri_can_be_texts() {
    let error = support::server(&STRUCTURED_TEXTS).build().expect_err("three operations have no texts");
    let problem = |operation: &str, argument: &str| {
        format!(
            "the {operation}: its argument `{argument}` is a list or an object, but the protocol sends it as text: take a \
             string, a number, a boolean or an enum without data"
        )
    };
    let expected = [
        problem("prompt `list`", "_tags"),
        problem("prompt `object`", "_filter"),
        problem("resource `trees://{_tree}`", "_tree"),
    ];
    let mut problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    problems.sort();
    assert_eq!(problems, expected);
}
