//! Result types: their output schemas, and the content and errors that they become.

use insta::assert_snapshot;
use serde_json::{Value, json};
use toolgate::{content, prelude::*};

use crate::{Person, call, call_text, listing, output_schema};

#[tool(scopes = "forms:read")]
async fn structured() -> Result<Json<Person>, ToolError> {
    Ok(Json(Person { name: "a".to_owned(), manager: None, nicknames: Vec::new() }))
}

#[tokio::test]
async fn structured_results_have_a_schema() {
    assert_snapshot!(output_schema("structured").await, @r##"
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
    // In revision 2025-11-25, structured content is an object.
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
    assert_eq!(call_text("fallible", json!({ "how": "shown" })).await, "error: try another");
    for masked in [call_text("fallible", json!({ "how": "masked" })).await, call_text("own_error", json!({})).await] {
        assert!(masked.starts_with("error: internal error (reference "), "{masked}");
    }
}
