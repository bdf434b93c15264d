//! A schema that is not valid is refused when the server is built, not at the first call.
#![allow(missing_docs)]

mod support;

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator, json_schema};
use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["forms:read"]);

macro_rules! argument {
    ($name:ident, $($schema:tt)*) => {
        #[derive(Deserialize)]
        pub struct $name;

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
argument!(Dangling, { "$ref": "#/$defs/Nobody" });
argument!(Fine, { "type": "string", "pattern": "^a" });

/// Its type is none.
#[tool(scopes = "forms:read")]
async fn untyped(a: Untyped) -> String {
    let Untyped = a;
    String::new()
}

/// Its pattern is none.
#[tool(scopes = "forms:read")]
async fn unmatched(a: Unmatched) -> String {
    let Unmatched = a;
    String::new()
}

/// It refers to nothing.
#[tool(scopes = "forms:read")]
async fn dangling(a: Dangling) -> String {
    let Dangling = a;
    String::new()
}

/// Nothing is wrong with this one.
#[tool(scopes = "forms:read")]
async fn fine(a: Fine, plain: Option<u8>) -> String {
    let (Fine, _) = (a, plain);
    String::new()
}

#[test]
fn every_invalid_schema_is_a_build_problem() {
    let error = support::server(&SCOPES).build().expect_err("three tools have no valid schema");
    let why = "the schema of its arguments is not valid";
    assert_eq!(
        error.problems(),
        [
            format!("the tool `dangling`: {why}: Pointer '/$defs/Nobody' does not exist"),
            format!("the tool `unmatched`: {why}: \"(\" is not a \"regex\""),
            format!(
                "the tool `untyped`: {why}: 7 is not valid under any of the schemas listed in the 'anyOf' keyword"
            ),
        ]
    );
}
