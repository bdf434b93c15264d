//! What `tools/list` shows of a function, and what it means for a call.
//!
//! `cargo insta review` shows what a change of the macros or of the schemas does to these.
#![allow(missing_docs, unused_variables)]

mod support;

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::{Value, json};
use toolgate::{content, prelude::*};

pub static SCOPES: Scopes = Scopes::new(&["forms:read"]);

struct Directory;

async fn listing(tool: &str) -> Value {
    support::listing(support::server(&SCOPES).state(Directory), tool).await
}

/// Without the dialect, which is the same for all.
async fn input(tool: &str) -> String {
    pretty(listing(tool).await["inputSchema"].take())
}

async fn output(tool: &str) -> String {
    pretty(listing(tool).await["outputSchema"].take())
}

fn pretty(mut schema: Value) -> String {
    if let Some(schema) = schema.as_object_mut() {
        assert_eq!(schema.remove("$schema"), Some(json!("https://json-schema.org/draft/2020-12/schema")));
    }
    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
}

async fn call(tool: &str, arguments: Value) -> Value {
    support::call(support::server(&SCOPES).state(Directory), tool, arguments).await
}

/// The text of a result, after whether it is an error.
async fn answer(tool: &str, arguments: Value) -> String {
    let result = call(tool, arguments).await;
    let kind = if result["isError"] == true { "error" } else { "ok" };
    format!("{kind}: {}", support::text(&result))
}

// What stands beside the schema.

/// The first line of the description.
///
/// - a list,
///   indented
///
#[tool(
    scopes = "forms:read",
    name = "Every.Word-1",
    title = "Every word",
    read_only,
    destructive = false,
    idempotent = true,
    open_world = false,
    meta = json!({ "example.com/cost": 3 })
)]
async fn every_word() {}

#[tool(scopes = "forms:read", description = "Said by the attribute.", destructive)]
/// Not by the comment.
async fn described() {}

#[tool(authenticated)]
async fn bare() {}

#[tokio::test]
async fn names_titles_comments_annotations_and_meta_are_listed() {
    let mut tool = listing("Every.Word-1").await;
    tool.as_object_mut().unwrap().remove("inputSchema");
    assert_snapshot!(serde_json::to_string_pretty(&tool).unwrap(), @r#"
    {
      "_meta": {
        "example.com/cost": 3
      },
      "annotations": {
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": false,
        "readOnlyHint": true
      },
      "description": "The first line of the description.\n\n- a list, indented",
      "name": "Every.Word-1",
      "title": "Every word"
    }
    "#);
}

#[tokio::test]
async fn the_description_attribute_overrides_the_doc_comment() {
    let tool = listing("described").await;
    assert_eq!(tool["description"], "Said by the attribute.");
    assert_eq!(tool["annotations"], json!({ "destructiveHint": true }));
}

#[tokio::test]
async fn omitted_properties_are_not_listed() {
    assert_snapshot!(serde_json::to_string_pretty(&listing("bare").await).unwrap(), @r#"
    {
      "inputSchema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "additionalProperties": false,
        "properties": {},
        "type": "object"
      },
      "name": "bare"
    }
    "#);
}

// Arguments that are read one by one.

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
    assert_snapshot!(input("scalars").await, @r#"
    {
      "additionalProperties": false,
      "properties": {
        "float": {
          "format": "double",
          "type": "number"
        },
        "letter": {
          "maxLength": 1,
          "minLength": 1,
          "type": "string"
        },
        "number": {
          "description": "Two lines, of which this is the second.",
          "format": "uint8",
          "maximum": 255,
          "minimum": 0,
          "type": "integer"
        },
        "optional": {
          "format": "uint32",
          "minimum": 0,
          "type": [
            "integer",
            "null"
          ]
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
    assert_eq!(answer("scalars", arguments.clone()).await, "ok: a 1 0.5 true None x");
    arguments["optional"] = json!(null);
    assert_eq!(answer("scalars", arguments.clone()).await, "ok: a 1 0.5 true None x");
    arguments["optional"] = json!(7);
    assert_eq!(answer("scalars", arguments).await, "ok: a 1 0.5 true Some(7) x");
}

#[tokio::test]
async fn every_violation_is_reported() {
    let arguments = json!({ "text": 1, "number": 256, "float": "x", "letter": "xy", "extra": true });
    assert_snapshot!(answer("scalars", arguments).await, @r#"
    error: the arguments do not fit the tool's input schema:
    - (arguments): "yes" is a required property
    - /float: the value is not of type "number"
    - /letter: the value is longer than 1 character
    - /number: the value is greater than the maximum of 255
    - /text: the value is not of type "string"
    - (arguments): Additional properties are not allowed ('extra' was unexpected)
    "#);
}

/// How urgent it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Urgency {
    /// Somebody waits.
    Now,
    /// It can wait a day.
    NextDay,
    Never,
}

/// Where to look.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Place {
    /// In a room.
    Room {
        /// Its number on the door.
        number: u16,
    },
    /// In the mail.
    Mail { address: String },
}

/// A person.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    /// The name on the badge.
    name: String,
    /// Who they report to.
    manager: Option<Box<Person>>,
    #[serde(default)]
    nicknames: Vec<String>,
}

#[tool(scopes = "forms:read")]
async fn enums(
    urgency: Urgency,
    /** Overrides the type's comment. */
    other: Option<Urgency>,
    place: Place,
) -> String {
    format!("{urgency:?} {other:?} {place:?}")
}

#[tokio::test]
async fn enum_variants_have_their_doc_comments() {
    assert_snapshot!(input("enums").await, @r##"
    {
      "$defs": {
        "Place": {
          "description": "Where to look.",
          "oneOf": [
            {
              "description": "In a room.",
              "properties": {
                "kind": {
                  "const": "room",
                  "type": "string"
                },
                "number": {
                  "description": "Its number on the door.",
                  "format": "uint16",
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
                  "const": "mail",
                  "type": "string"
                }
              },
              "required": [
                "kind",
                "address"
              ],
              "type": "object"
            }
          ]
        },
        "Urgency": {
          "description": "How urgent it is.",
          "oneOf": [
            {
              "enum": [
                "never"
              ],
              "type": "string"
            },
            {
              "const": "now",
              "description": "Somebody waits.",
              "type": "string"
            },
            {
              "const": "next_day",
              "description": "It can wait a day.",
              "type": "string"
            }
          ]
        }
      },
      "additionalProperties": false,
      "properties": {
        "other": {
          "anyOf": [
            {
              "$ref": "#/$defs/Urgency"
            },
            {
              "type": "null"
            }
          ],
          "description": "Overrides the type's comment."
        },
        "place": {
          "$ref": "#/$defs/Place"
        },
        "urgency": {
          "$ref": "#/$defs/Urgency"
        }
      },
      "required": [
        "urgency",
        "place"
      ],
      "type": "object"
    }
    "##);
    let arguments = json!({ "urgency": "next_day", "place": { "kind": "room", "number": 12 } });
    assert_eq!(answer("enums", arguments).await, "ok: NextDay None Room { number: 12 }");
}

#[tool(scopes = "forms:read")]
async fn nested(person: Person, groups: BTreeMap<String, Vec<u8>>, anything: Value) -> String {
    format!("{person:?} {groups:?} {anything}")
}

#[tokio::test]
async fn structures_lists_and_maps_are_nested() {
    assert_snapshot!(input("nested").await, @r##"
    {
      "$defs": {
        "Person": {
          "additionalProperties": false,
          "description": "A person.",
          "properties": {
            "manager": {
              "anyOf": [
                {
                  "$ref": "#/$defs/Person"
                },
                {
                  "type": "null"
                }
              ],
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
        "anything": true,
        "groups": {
          "additionalProperties": {
            "items": {
              "format": "uint8",
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
    assert_snapshot!(answer("nested", arguments).await, @r"
    error: the arguments do not fit the tool's input schema:
    - /groups/x/1: the value is greater than the maximum of 255
    - /person/manager: the value is not valid under any of the schemas listed in the 'anyOf' keyword
    - /person: Additional properties are not allowed ('age' was unexpected)
    ");
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
    assert_snapshot!(input("mirrored").await, @r#"
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
    assert_snapshot!(input("no_arguments").await, @r#"
    {
      "additionalProperties": false,
      "properties": {},
      "type": "object"
    }
    "#);
    assert_snapshot!(answer("no_arguments", json!({ "extra": 1 })).await, @r"
    error: the arguments do not fit the tool's input schema:
    - (arguments): Additional properties are not allowed ('extra' was unexpected)
    ");
}

// Arguments that are read through derives, because serde or schemars have something to say.

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
    assert_snapshot!(input("attributes").await, @r##"
    {
      "$defs": {
        "Urgency": {
          "description": "How urgent it is.",
          "oneOf": [
            {
              "enum": [
                "never"
              ],
              "type": "string"
            },
            {
              "const": "now",
              "description": "Somebody waits.",
              "type": "string"
            },
            {
              "const": "next_day",
              "description": "It can wait a day.",
              "type": "string"
            }
          ]
        }
      },
      "additionalProperties": false,
      "properties": {
        "employee_id": {
          "examples": [
            "emp_0042"
          ],
          "pattern": "^emp_[0-9]{4}$",
          "type": [
            "string",
            "null"
          ]
        },
        "exact": {
          "default": false,
          "type": "boolean"
        },
        "limit": {
          "default": 10,
          "description": "How many at most.",
          "format": "uint32",
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
          "type": [
            "string",
            "null"
          ],
          "x-mcp-header": "Region"
        },
        "type": {
          "type": [
            "string",
            "null"
          ]
        },
        "urgency": {
          "$ref": "#/$defs/Urgency",
          "default": "now"
        }
      },
      "required": [
        "q"
      ],
      "type": "object"
    }
    "##);
}

#[tokio::test]
async fn serde_defaults_replace_omitted_arguments() {
    assert_eq!(answer("attributes", json!({ "q": "abc" })).await, "ok: abc 10 Now false None None None");
    let all =
        json!({ "q": "abc", "limit": 50, "urgency": "never", "exact": true, "employee_id": "emp_0042", "type": "t" });
    assert_eq!(answer("attributes", all).await, r#"ok: abc 50 Never true Some("emp_0042") None Some("t")"#);
}

#[tokio::test]
async fn schemars_constraints_are_enforced() {
    let arguments = json!({ "q": "a", "limit": 51, "employee_id": "42", "query": "abc" });
    assert_snapshot!(answer("attributes", arguments).await, @r#"
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
    assert_snapshot!(input("everything").await, @r#"
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
    assert_snapshot!(input("the_rest").await, @r#"
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
    assert_eq!(answer("the_rest", json!({ "name": "a", "x": 1 })).await, r#"ok: a {"x":1}"#);
}

#[tool(scopes = "forms:read")]
async fn one_struct(#[serde(flatten)] person: Person) -> String {
    person.name
}

#[tokio::test]
async fn a_flattened_struct_rejects_unknown_arguments() {
    assert_snapshot!(input("one_struct").await, @r##"
    {
      "$defs": {
        "Person": {
          "additionalProperties": false,
          "description": "A person.",
          "properties": {
            "manager": {
              "anyOf": [
                {
                  "$ref": "#/$defs/Person"
                },
                {
                  "type": "null"
                }
              ],
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
          "anyOf": [
            {
              "$ref": "#/$defs/Person"
            },
            {
              "type": "null"
            }
          ],
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
    assert_eq!(answer("one_struct", json!({ "name": "a" })).await, "ok: a");
    assert_snapshot!(answer("one_struct", json!({ "name": "a", "age": 7 })).await, @r"
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

// Results.

#[tool(scopes = "forms:read")]
async fn structured() -> Result<Json<Person>, ToolError> {
    Ok(Json(Person { name: "a".to_owned(), manager: None, nicknames: Vec::new() }))
}

#[tokio::test]
async fn structured_results_have_a_schema() {
    assert_snapshot!(output("structured").await, @r##"
    {
      "additionalProperties": false,
      "description": "A person.",
      "properties": {
        "manager": {
          "anyOf": [
            {
              "$ref": "#"
            },
            {
              "type": "null"
            }
          ],
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
        "name",
        "manager",
        "nicknames"
      ],
      "type": "object"
    }
    "##);
    assert_snapshot!(serde_json::to_string_pretty(&call("structured", json!({})).await).unwrap(), @r#"
    {
      "content": [
        {
          "text": "{\"name\":\"a\",\"manager\":null,\"nicknames\":[]}",
          "type": "text"
        }
      ],
      "isError": false,
      "structuredContent": {
        "manager": null,
        "name": "a",
        "nicknames": []
      }
    }
    "#);
}

#[tool(scopes = "forms:read")]
async fn any_json() -> Json<Vec<Value>> {
    Json(vec![json!(1), json!("two"), json!(null)])
}

#[tool(scopes = "forms:read")]
async fn unit() {}

#[tool(scopes = "forms:read")]
async fn static_text() -> &'static str {
    "text"
}

#[tool(scopes = "forms:read")]
async fn fallible(how: String) -> Result<(), ToolError> {
    match how.as_str() {
        "shown" => Err(ToolError::new("try another")),
        "masked" => Err(std::io::Error::other("the password is swordfish"))?,
        _ => Ok(()),
    }
}

#[tool(scopes = "forms:read")]
async fn own_error() -> Result<String, std::fmt::Error> {
    Err(std::fmt::Error)
}

#[tool(scopes = "forms:read")]
async fn picture() -> content::Image {
    content::image([0, 1, 2], "image/png")
}

#[tool(scopes = "forms:read")]
async fn sound() -> Result<content::Audio, ToolError> {
    Ok(content::audio([0, 1, 2], "audio/wav"))
}

#[tool(scopes = "forms:read")]
async fn link() -> content::ResourceLink {
    content::ResourceLink::new("https://example.com/a", "a")
}

#[tool(scopes = "forms:read")]
async fn mixed() -> Vec<content::Content> {
    vec![content::Content::text("look:"), content::Content::Image(content::image([0], "image/png"))]
}

#[tool(scopes = "forms:read")]
async fn texts() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

#[tool(scopes = "forms:read")]
async fn whole() -> toolgate::CallToolResult {
    toolgate::CallToolResult::error(vec![content::Content::text("by hand")])
}

#[tokio::test]
async fn only_structured_results_have_a_schema() {
    for tool in
        ["unit", "static_text", "fallible", "own_error", "picture", "sound", "link", "mixed", "texts", "whole"]
    {
        assert_eq!(listing(tool).await.get("outputSchema"), None, "{tool}");
    }
    // In this revision, structured content is an object.
    assert_eq!(listing("any_json").await.get("outputSchema"), None);
    assert_eq!(listing("everything").await["outputSchema"]["type"], "object");
}

#[tokio::test]
async fn every_result_type_becomes_content() {
    let mut results = Vec::new();
    for tool in ["any_json", "unit", "static_text", "picture", "sound", "link", "mixed", "texts", "whole"] {
        results.push(format!("{tool}: {}", call(tool, json!({})).await));
    }
    assert_snapshot!(results.join("\n"), @r#"
    any_json: {"content":[{"text":"[1,\"two\",null]","type":"text"}],"isError":false}
    unit: {"content":[],"isError":false}
    static_text: {"content":[{"text":"text","type":"text"}],"isError":false}
    picture: {"content":[{"data":"AAEC","mimeType":"image/png","type":"image"}],"isError":false}
    sound: {"content":[{"data":"AAEC","mimeType":"audio/wav","type":"audio"}],"isError":false}
    link: {"content":[{"name":"a","type":"resource_link","uri":"https://example.com/a"}],"isError":false}
    mixed: {"content":[{"text":"look:","type":"text"},{"data":"AA==","mimeType":"image/png","type":"image"}],"isError":false}
    texts: {"content":[{"text":"a","type":"text"},{"text":"b","type":"text"}],"isError":false}
    whole: {"content":[{"text":"by hand","type":"text"}],"isError":true}
    "#);
}

#[tokio::test]
async fn errors_are_shown_or_masked() {
    assert!(answer("fallible", json!({ "how": "shown" })).await.eq("error: try another"));
    for masked in [answer("fallible", json!({ "how": "masked" })).await, answer("own_error", json!({})).await] {
        assert!(masked.starts_with("error: internal error (reference "), "{masked}");
    }
}
