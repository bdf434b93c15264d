//! What `tools/list` shows of a function, and how a call of it is read and answered.
//!
//! After a change of the macros or of the schemas, review the snapshots with `cargo insta review`.

#![allow(missing_docs, unused_variables)]

mod arguments;
mod derived_arguments;
mod invalid_schemas;
mod properties;
mod results;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use toolgate::prelude::*;

pub static SCOPES: Scopes = Scopes::new(&["forms:read"]);

struct Directory;

async fn listing(tool: &str) -> Value {
    support::listing(support::server(&SCOPES).state(Directory), tool).await
}

async fn input_schema(tool: &str) -> String {
    pretty(&listing(tool).await["inputSchema"])
}

async fn output_schema(tool: &str) -> String {
    pretty(&listing(tool).await["outputSchema"])
}

fn pretty(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).expect("a schema is JSON")
}

async fn call(tool: &str, arguments: Value) -> Value {
    support::call(support::server(&SCOPES).state(Directory), tool, arguments).await
}

/// Returns the text of a result after `ok: ` or `error: `.
async fn call_text(tool: &str, arguments: Value) -> String {
    let result = call(tool, arguments).await;
    let kind = if result["isError"] == true { "error" } else { "ok" };
    format!("{kind}: {}", support::text(&result))
}

/// How urgent it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Urgency {
    /// A person is waiting.
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
