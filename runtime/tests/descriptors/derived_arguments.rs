//! Arguments with serde or schemars attributes, which generated code reads through a derived struct.

use insta::assert_snapshot;
use serde_json::{Value, json};
use toolgate::prelude::*;

use crate::{Person, Urgency, call, call_text, input_schema, listing};

fn ten() -> u32 {
    10
}

fn now() -> Urgency {
    Urgency::Now
}

#[tool(scopes = "forms:read")]
async fn attributes(
    /// What to look for.
    #[serde(rename = "q")]
    #[schemars(length(min = 2, max = 80))]
    query: String,
    /// How many at most.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 50))]
    limit: u32,
    #[serde(default = "now")] urgency: Urgency,
    #[serde(default)] exact: bool,
    #[schemars(regex(pattern = "^emp_[0-9]{4}$"), example = &"emp_0042")] employee_id: Option<String>,
    #[arg(header = "Region")] region: Option<String>,
    r#type: Option<String>,
) -> String {
    format!("{query} {limit} {urgency:?} {exact} {employee_id:?} {region:?} {type:?}")
}

#[tokio::test]
async fn serde_and_schemars_attributes_are_in_the_schema() {
    assert_snapshot!(input_schema("attributes").await, @r#"
    {
      "additionalProperties": false,
      "properties": {
        "employee_id": {
          "examples": [
            "emp_0042"
          ],
          "pattern": "^emp_[0-9]{4}$",
          "type": "string"
        },
        "exact": {
          "default": false,
          "type": "boolean"
        },
        "limit": {
          "default": 10,
          "description": "How many at most.",
          "maximum": 50,
          "minimum": 1,
          "type": "integer"
        },
        "q": {
          "description": "What to look for.",
          "maxLength": 80,
          "minLength": 2,
          "type": "string"
        },
        "region": {
          "type": "string",
          "x-mcp-header": "Region"
        },
        "type": {
          "type": "string"
        },
        "urgency": {
          "default": "now",
          "description": "How urgent it is.\n\n- `now`: A person is waiting.\n- `next_day`: It can wait a day.",
          "enum": [
            "never",
            "now",
            "next_day"
          ],
          "type": "string"
        }
      },
      "required": [
        "q"
      ],
      "type": "object"
    }
    "#);
}

#[tokio::test]
async fn serde_defaults_replace_omitted_arguments() {
    assert_eq!(call_text("attributes", json!({ "q": "abc" })).await, "ok: abc 10 Now false None None None");
    let all =
        json!({ "q": "abc", "limit": 50, "urgency": "never", "exact": true, "employee_id": "emp_0042", "type": "t" });
    assert_eq!(call_text("attributes", all).await, r#"ok: abc 50 Never true Some("emp_0042") None Some("t")"#);
}

#[tokio::test]
async fn schemars_constraints_are_enforced() {
    let arguments = json!({ "q": "a", "limit": 51, "employee_id": "42", "query": "abc" });
    assert_snapshot!(call_text("attributes", arguments).await, @r#"
    error: the arguments do not fit the tool's input schema:
    - /employee_id: the value does not match "^emp_[0-9]{4}$"
    - /limit: the value is greater than the maximum of 50
    - /q: the value is shorter than 2 characters
    - (arguments): Additional properties are not allowed ('query' was unexpected)
    "#);
}

#[tool(scopes = "forms:read")]
async fn everything(#[serde(flatten)] arguments: JsonObject) -> Json<JsonObject> {
    Json(arguments)
}

#[tokio::test]
async fn a_flattened_json_object_receives_all_arguments_unchanged() {
    assert_snapshot!(input_schema("everything").await, @r#"
    {
      "additionalProperties": true,
      "properties": {},
      "type": "object"
    }
    "#);
    let arguments = json!({ "b": [1, null], "a": { "x": 1.5 } });
    assert_eq!(call("everything", arguments.clone()).await["structuredContent"], arguments);
}

#[tool(scopes = "forms:read")]
async fn the_rest(name: String, #[serde(flatten)] rest: JsonObject) -> String {
    format!("{name} {}", Value::Object(rest))
}

#[tokio::test]
async fn a_flattened_json_object_receives_the_remaining_arguments() {
    assert_snapshot!(input_schema("the_rest").await, @r#"
    {
      "additionalProperties": true,
      "properties": {
        "name": {
          "type": "string"
        }
      },
      "required": [
        "name"
      ],
      "type": "object"
    }
    "#);
    assert_eq!(call_text("the_rest", json!({ "name": "a", "x": 1 })).await, r#"ok: a {"x":1}"#);
}

#[tool(scopes = "forms:read")]
async fn one_struct(#[serde(flatten)] person: Person) -> String {
    person.name
}

#[tokio::test]
async fn a_flattened_struct_rejects_unknown_arguments() {
    assert_snapshot!(input_schema("one_struct").await, @r##"
    {
      "$defs": {
        "Person": {
          "additionalProperties": false,
          "description": "A person.",
          "properties": {
            "manager": {
              "$ref": "#/$defs/Person",
              "description": "Who they report to."
            },
            "name": {
              "description": "The name on the badge.",
              "type": "string"
            },
            "nicknames": {
              "default": [],
              "items": {
                "type": "string"
              },
              "type": "array"
            }
          },
          "required": [
            "name"
          ],
          "type": "object"
        }
      },
      "additionalProperties": false,
      "properties": {
        "manager": {
          "$ref": "#/$defs/Person",
          "description": "Who they report to."
        },
        "name": {
          "description": "The name on the badge.",
          "type": "string"
        },
        "nicknames": {
          "default": [],
          "items": {
            "type": "string"
          },
          "type": "array"
        }
      },
      "required": [
        "name"
      ],
      "type": "object"
    }
    "##);
    assert_eq!(call_text("one_struct", json!({ "name": "a" })).await, "ok: a");
    assert_snapshot!(call_text("one_struct", json!({ "name": "a", "age": 7 })).await, @r"
    error: the arguments do not fit the tool's input schema:
    - (arguments): Additional properties are not allowed ('age' was unexpected)
    ");
}

#[tool(scopes = "forms:read")]
async fn comments_one_by_one(
    /// The first paragraph,
    /// in two lines.
    ///
    /// - a list,
    ///   indented
    ///
    /// The last.
    argument: String,
) {
}

#[tool(scopes = "forms:read")]
async fn comments_through_derives(
    /// The first paragraph,
    /// in two lines.
    ///
    /// - a list,
    ///   indented
    ///
    /// The last.
    argument: String,
    #[serde(default)] other: String,
) {
}

#[tokio::test]
async fn doc_comments_are_listed_alike_with_and_without_derives() {
    let one_by_one = listing("comments_one_by_one").await["inputSchema"]["properties"]["argument"].take();
    let derived = listing("comments_through_derives").await["inputSchema"]["properties"]["argument"].take();
    assert_eq!(one_by_one, derived);
}
