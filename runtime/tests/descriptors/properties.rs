//! Name, title, description, annotations and `_meta` of a tool.

use insta::assert_snapshot;
use serde_json::json;
use toolgate::prelude::*;

use crate::listing;

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
async fn every_property() {}

#[tool(scopes = "forms:read", description = "From the attribute.", destructive)]
/// From the doc comment.
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
    assert_eq!(tool["description"], "From the attribute.");
    assert_eq!(tool["annotations"], json!({ "destructiveHint": true }));
}

#[tokio::test]
async fn omitted_properties_are_not_listed() {
    assert_snapshot!(serde_json::to_string_pretty(&listing("bare").await).unwrap(), @r#"
    {
      "inputSchema": {
        "additionalProperties": false,
        "properties": {},
        "type": "object"
      },
      "name": "bare"
    }
    "#);
}
