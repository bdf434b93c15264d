//! Names of the author and names in generated code do not shadow each other. A target of its own, because it redefines
//! names of the prelude in the crate root.

#![allow(dead_code, unused_macros, missing_docs, unreachable_pub, non_camel_case_types, clippy::pedantic)]

mod support;

use serde_json::json;
use toolgate::prelude::{
    Caller, Denied, Deserialize, Json, JsonSchema, Scopes, Serialize, ToolError, prompt, resource, schemars,
    scope as checked, tool,
};

pub static SCOPES: Scopes = Scopes::new(&["names:read"]);

// Names that generated code must not resolve to.
pub struct Option;
pub struct Box;
pub struct None;
pub struct Ok;
pub struct Err;
pub struct Vec;
pub struct Send;
pub struct Scope;
pub struct Context;
pub struct Arguments;
pub struct OperationDescriptor;
pub struct Completion;
pub trait Future {}
pub trait Into {}
pub trait ToolOutput {}
pub trait PromptOutput {}
pub trait ResourceOutput {}
pub trait Parameter {}
pub type Result<T> = std::result::Result<T, ToolError>;
pub mod std_ {}
pub mod core {}
pub mod alloc {}
pub mod inventory {}
pub mod rmcp {}
pub mod __private {}
macro_rules! submit {
    () => {};
}
macro_rules! concat {
    () => {};
}

// Names that generated code must not shadow.
pub fn scope() -> &'static str {
    "mine"
}
pub fn start() {}
pub fn body() {}
pub fn completion() {}
pub fn approve() {}
pub fn check_uri() {}

/// The result type is the alias of this crate.
#[tool(scopes = "names:read")]
async fn aliased(fail: bool) -> Result<String> {
    if fail {
        return Result::Err(ToolError::new("as requested"));
    }
    Result::Ok(scope().to_owned())
}

/// Functions and parameters have names that generated code may use internally.
#[tool(scopes = "names:read")]
async fn input(input: String, output: String, __invocation: String, __schemas: String) -> String {
    format!("{input}{output}{__invocation}{__schemas}")
}

#[tool(scopes = "names:read")]
async fn output(__arguments: String, #[serde(default)] __generator: String) -> String {
    format!("{__arguments}{__generator}")
}

/// Parameters of a tool with guards are local variables of generated code.
#[tool(scopes = "names:read", scopes_if(__steps.is_empty(), "names:read"), guard = not_empty(&__invocation))]
async fn guarded(
    __invocation: String,
    guarded: String,
    __steps: String,
    __provided: String,
    __function: String,
    __permit: String,
    __caller: &Caller,
) -> String {
    format!("{__invocation}{guarded}{__steps}{__provided}{__function}{__permit}")
}

#[tool(scopes = "names:read", guard = not_empty(&__arguments))]
async fn guarded_derived(__arguments: String, #[serde(default)] __invocation: String) -> String {
    format!("{__arguments}{__invocation}")
}

fn not_empty(text: &str) -> std::result::Result<(), Denied> {
    if text.is_empty() { std::result::Result::Err(Denied::new("empty")) } else { std::result::Result::Ok(()) }
}

#[tool(scopes = "names:read", approve = "Use {__steps} and {__message}")]
async fn approved(__steps: String, __message: String) -> String {
    [__steps, __message].concat()
}

/// The names of completions are those of parameters, too.
#[prompt(scopes = "names:read")]
async fn completed(
    #[arg(complete = echo)] value: String,
    #[arg(complete = join(value, arguments, caller, __completion))] arguments: String,
    __completion: &Caller,
) -> String {
    [value, arguments].concat()
}

#[resource(uri = "names://{__provided}", scopes = "names:read")]
async fn template(#[arg(complete = echo)] __provided: String) -> String {
    __provided
}

fn echo(typed: &str) -> std::vec::Vec<String> {
    std::vec::Vec::from([typed.to_owned()])
}

fn join(typed: &str, _: &toolgate::CompletionArguments, _: &Caller, _: &Caller) -> std::vec::Vec<String> {
    echo(typed)
}

/// A macro that generates tools with guards. Its local variables are not those of `#[tool]`.
macro_rules! generated_tool {
    ($name:ident, $argument:ident) => {
        #[tool(scopes = "names:read", scopes_if($argument.is_empty(), "names:read"), guard = not_empty(&$argument))]
        async fn $name($argument: String, state: String) -> String {
            format!("{}{state}", $argument)
        }
    };
}

generated_tool!(generated, text);

#[tool(scopes = "names:read")]
async fn schema(tool: String) -> String {
    tool
}

#[tool(scopes = "names:read", name = "tool")]
async fn main_tool(caller: &Caller) -> String {
    caller.require(checked!("names:read")).map(|()| "ok".to_owned()).unwrap_or_default()
}

#[derive(Deserialize, Serialize, JsonSchema)]
pub struct __ToolgateArgument {
    name: String,
}

/// The type of the parameter is the one of this crate.
#[tool(scopes = "names:read")]
async fn own_type(
    argument: __ToolgateArgument,
    r#type: String,
    r#fn: std::option::Option<u8>,
) -> Json<__ToolgateArgument> {
    Json(__ToolgateArgument { name: format!("{} {} {:?}", argument.name, r#type, r#fn) })
}

/// A raw identifier with a serde attribute.
#[tool(scopes = "names:read")]
async fn r#match(#[serde(default)] r#type: String) -> String {
    r#type
}

mod beside {
    use ::toolgate::prelude::*;

    use super::support;

    mod toolgate {}

    /// A module with the name of the crate shadows relative paths only.
    #[tool(scopes = "names:read")]
    async fn beside_a_module_named_toolgate() {}

    #[tokio::test]
    async fn a_module_named_toolgate_does_not_hide_the_crate() {
        let names = support::names(support::server(&super::SCOPES)).await;
        assert!(names.iter().any(|name| name == "beside_a_module_named_toolgate"), "{names:?}");
    }
}

#[tokio::test]
async fn results_have_the_types_of_the_author() {
    let call = |tool, arguments| support::call(support::server(&SCOPES), tool, arguments);
    assert_eq!(support::text(&call("aliased", json!({ "fail": false })).await), "mine");
    assert_eq!(support::text(&call("aliased", json!({ "fail": true })).await), "as requested");
    let all = json!({ "input": "a", "output": "b", "__invocation": "c", "__schemas": "d" });
    assert_eq!(support::text(&call("input", all).await), "abcd");
    assert_eq!(support::text(&call("output", json!({ "__arguments": "a" })).await), "a");
    let all = json!({
        "__invocation": "a", "guarded": "b", "__steps": "c", "__provided": "d", "__function": "e", "__permit": "f",
    });
    assert_eq!(support::text(&call("guarded", all).await), "abcdef");
    assert_eq!(support::text(&call("guarded_derived", json!({ "__arguments": "a" })).await), "a");
    assert_eq!(support::text(&call("generated", json!({ "text": "a", "state": "b" })).await), "ab");
    assert_eq!(support::text(&call("schema", json!({ "tool": "a" })).await), "a");
    assert_eq!(support::text(&call("tool", json!({})).await), "ok");
}

#[tokio::test]
async fn raw_identifiers_are_listed_without_their_prefix() {
    let tool = support::listing(support::server(&SCOPES), "own_type").await;
    let properties = tool["inputSchema"]["properties"].as_object().unwrap();
    assert_eq!(properties.keys().collect::<std::vec::Vec<_>>(), ["argument", "fn", "type"]);
    let arguments = json!({ "argument": { "name": "n" }, "type": "t", "fn": 7 });
    let result = support::call(support::server(&SCOPES), "own_type", arguments).await;
    assert_eq!(result["structuredContent"]["name"], "n t Some(7)");

    let result = support::call(support::server(&SCOPES), "match", json!({ "type": "t" })).await;
    assert_eq!(support::text(&result), "t");
}
