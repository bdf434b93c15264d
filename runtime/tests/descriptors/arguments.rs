//! Arguments without serde or schemars attributes, which generated code reads one by one.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::{Value, json};
use toolgate::prelude::*;

use crate::{Directory, Person, Place, Urgency, call_text, input_schema};

#[tool(scopes = "forms:read")]
async fn scalars(
    /// The text.
    text: String,
    /// Two lines,
    /// of which this is the second.
    number: u8,
    float: f64,
    yes: bool,
    optional: Option<u32>,
    letter: char,
    caller: &Caller,
    context: &Context,
    directory: &Directory,
) -> String {
    format!("{text} {number} {float} {yes} {optional:?} {letter}")
}

#[tokio::test]
async fn scalars_have_their_types_and_doc_comments() {
    assert_snapshot!(input_schema("scalars").await, @r#"
    {
      "additionalProperties": false,
      "properties": {
        "float": {
          "type": "number"
        },
        "letter": {
          "maxLength": 1,
          "minLength": 1,
          "type": "string"
        },
        "number": {
          "description": "Two lines, of which this is the second.",
          "maximum": 255,
          "minimum": 0,
          "type": "integer"
        },
        "optional": {
          "maximum": 4294967295,
          "minimum": 0,
          "type": "integer"
        },
        "text": {
          "description": "The text.",
          "type": "string"
        },
        "yes": {
          "type": "boolean"
        }
      },
      "required": [
        "text",
        "number",
        "float",
        "yes",
        "letter"
      ],
      "type": "object"
    }
    "#);
}

#[tokio::test]
async fn optional_arguments_may_be_omitted() {
    let mut arguments = json!({ "text": "a", "number": 1, "float": 0.5, "yes": true, "letter": "x" });
    assert_eq!(call_text("scalars", arguments.clone()).await, "ok: a 1 0.5 true None x");
    arguments["optional"] = json!(null);
    assert_eq!(call_text("scalars", arguments.clone()).await, "ok: a 1 0.5 true None x");
    arguments["optional"] = json!(7);
    assert_eq!(call_text("scalars", arguments).await, "ok: a 1 0.5 true Some(7) x");
}

#[tokio::test]
async fn every_violation_is_reported() {
    let arguments = json!({ "text": 1, "number": 256, "float": "x", "letter": "xy", "extra": true });
    assert_snapshot!(call_text("scalars", arguments).await, @r#"
    error: the arguments do not fit the tool's input schema:
    - (arguments): "yes" is a required property
    - /float: the value is not of type "number"
    - /letter: the value is longer than 1 character
    - /number: the value is greater than the maximum of 255
    - /text: the value is not of type "string"
    - (arguments): Additional properties are not allowed ('extra' was unexpected)
    "#);
}

#[tool(scopes = "forms:read")]
async fn enums(
    urgency: Urgency,
    /** Overrides the doc comment of the type. */
    other: Option<Urgency>,
    place: Place,
) -> String {
    format!("{urgency:?} {other:?} {place:?}")
}

#[tokio::test]
async fn enum_variants_have_their_doc_comments() {
    assert_snapshot!(input_schema("enums").await, @r#"
    {
      "additionalProperties": false,
      "properties": {
        "other": {
          "description": "Overrides the doc comment of the type.\n\n- `now`: A person is waiting.\n- `next_day`: It can wait a day.",
          "enum": [
            "never",
            "now",
            "next_day"
          ],
          "type": "string"
        },
        "place": {
          "anyOf": [
            {
              "description": "In a room.",
              "properties": {
                "kind": {
                  "enum": [
                    "room"
                  ],
                  "type": "string"
                },
                "number": {
                  "description": "Its number on the door.",
                  "maximum": 65535,
                  "minimum": 0,
                  "type": "integer"
                }
              },
              "required": [
                "kind",
                "number"
              ],
              "type": "object"
            },
            {
              "description": "In the mail.",
              "properties": {
                "address": {
                  "type": "string"
                },
                "kind": {
                  "enum": [
                    "mail"
                  ],
                  "type": "string"
                }
              },
              "required": [
                "kind",
                "address"
              ],
              "type": "object"
            }
          ],
          "description": "Where to look."
        },
        "urgency": {
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
        "urgency",
        "place"
      ],
      "type": "object"
    }
    "#);
    let arguments = json!({ "urgency": "next_day", "place": { "kind": "room", "number": 12 } });
    assert_eq!(call_text("enums", arguments).await, "ok: NextDay None Room { number: 12 }");
}

#[tool(scopes = "forms:read")]
async fn nested(person: Person, groups: BTreeMap<String, Vec<u8>>, anything: Value) -> String {
    format!("{person:?} {groups:?} {anything}")
}

#[tokio::test]
async fn structures_lists_and_maps_are_nested() {
    assert_snapshot!(input_schema("nested").await, @r##"
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
        "anything": {},
        "groups": {
          "additionalProperties": {
            "items": {
              "maximum": 255,
              "minimum": 0,
              "type": "integer"
            },
            "type": "array"
          },
          "type": "object"
        },
        "person": {
          "$ref": "#/$defs/Person"
        }
      },
      "required": [
        "person",
        "groups",
        "anything"
      ],
      "type": "object"
    }
    "##);
}

#[tokio::test]
async fn nested_violations_have_their_pointers() {
    let person = json!({ "name": "a", "manager": { "name": 1 }, "age": 7 });
    let arguments = json!({ "person": person, "groups": { "x": [1, 300] }, "anything": null });
    assert_snapshot!(call_text("nested", arguments).await, @r#"
    error: the arguments do not fit the tool's input schema:
    - /groups/x/1: the value is greater than the maximum of 255
    - /person/manager/name: the value is not of type "string"
    - /person: Additional properties are not allowed ('age' was unexpected)
    "#);
}

#[tool(scopes = "forms:read")]
async fn mirrored(
    /// Which region.
    #[arg(header = "Region")]
    region: String,
) {
}

#[tokio::test]
async fn a_mirrored_argument_has_its_header() {
    assert_snapshot!(input_schema("mirrored").await, @r#"
    {
      "additionalProperties": false,
      "properties": {
        "region": {
          "description": "Which region.",
          "type": "string",
          "x-mcp-header": "Region"
        }
      },
      "required": [
        "region"
      ],
      "type": "object"
    }
    "#);
}

#[tool(scopes = "forms:read")]
async fn no_arguments(caller: &Caller) {}

#[tokio::test]
async fn a_tool_without_arguments_rejects_arguments() {
    assert_snapshot!(input_schema("no_arguments").await, @r#"
    {
      "additionalProperties": false,
      "properties": {},
      "type": "object"
    }
    "#);
    assert_snapshot!(call_text("no_arguments", json!({ "extra": 1 })).await, @r"
    error: the arguments do not fit the tool's input schema:
    - (arguments): Additional properties are not allowed ('extra' was unexpected)
    ");
}
