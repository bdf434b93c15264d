//! Procedural macros of [toolgate](https://docs.rs/toolgate). Use them through that crate.
//!
//! `#[tool]` passes through these modules:
//!
//! 1. `attr` parses the arguments of the attribute, `item` and `ast` the function with its parameters. **To add an
//!    argument, start in `attr`.**
//! 2. `validate` checks the tool as a whole.
//! 3. `expand` generates code, or `fallback` emits the function beside the collected errors.

mod ast;
mod attr;
mod doc;
mod errors;
mod expand;
mod fallback;
mod item;
mod parameter;
mod runtime_path;
mod scope;
mod scope_marker;
mod source_text;
mod validate;
mod value;

use proc_macro::TokenStream;

/// Registers an async function as an MCP tool with declared scopes.
///
/// ```
/// use toolgate::prelude::*;
/// # #[derive(Serialize, JsonSchema)]
/// # struct PublicProfile {}
/// # struct Directory;
/// # impl Directory {
/// #     async fn public_profile(&self, _: &str) -> std::io::Result<PublicProfile> {
/// #         Ok(PublicProfile {})
/// #     }
/// # }
/// # fn main() {}
///
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
///
/// /// Return an employee's public information.
/// #[tool(scopes = "employees:read:public", read_only)]
/// async fn employee_information_public(
///     /// The employee's ID, such as `emp_0042`.
///     employee_id: String,
///     directory: &Directory,
/// ) -> Result<Json<PublicProfile>, ToolError> {
///     Ok(Json(directory.public_profile(&employee_id).await?))
/// }
/// ```
///
/// The function is a free `async fn`, without generics. Other code can still call it.
///
/// # Arguments of the attribute
///
/// A tool needs an access rule: `authenticated`, or `scopes`, `any_scope` or both. A tool without one does not compile.
///
/// | argument | effect | default |
/// |---|---|---|
/// | `scopes = "a"`, `scopes("a", "b")` | The caller needs all of these scopes. | |
/// | `any_scope("a", "b")` | The caller needs at least one of these scopes. | |
/// | `authenticated` | Every caller with a valid token may call the tool. | |
/// | `scopes_in = policy::SCOPES` | The list that the scopes are checked against at compile time. | `crate::SCOPES` |
/// | `name = "employees.get"` | Tool name in MCP: 1 to 128 characters from `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`. | the function's name |
/// | `title = "Get an employee"` | Name that clients show to users. | none |
/// | `description = ".."` | Description, by which a model chooses the tool. Building a server logs tools without one. | the doc comment |
/// | `read_only`, `read_only = false` | MCP hint: the tool changes nothing. | not sent |
/// | `destructive`, `destructive = false` | MCP hint: the tool may delete or overwrite data. | not sent |
/// | `idempotent`, `idempotent = false` | MCP hint: a second call with the same arguments has no further effect. | not sent |
/// | `open_world`, `open_world = false` | MCP hint: the tool reaches systems outside the server's own. | not sent |
/// | `scopes_if(amount > 1000, "a", "b")` | Scopes that a call needs if the condition holds, an expression over the tool's arguments. It can be given several times. | |
/// | `guard = own_ticket(caller, &ticket_id, tickets)`, `guard(a(..), b(..))` | Checks that run before the body: each is a call of a `fn` or an `async fn` that returns `Result<(), Denied>`, with parameters of the tool. `caller` and `context` are in scope, too. | none |
/// | `visible_to = is_on_duty(caller, rota)`, `visible_to(a(..), b(..))` | Rules that hide the tool from a caller, in the list and in calls: each is a call of a function that returns `bool`, with `caller` and states that the tool takes. | none |
/// | `org_role = "Owner"`, `org_role("Owner", "Admin")` | Hides the tool from callers with another role in their organization. The roles are checked against `crate::ROLES`, if the crate declares it. | every role |
/// | `org = "1f1f…"`, `org("1f1f…", "2a2a…")` | Hides the tool from callers of other organizations. | every organization |
/// | `timeout = "30s"` | Time limit of a call, at most 24 h, in [humantime](https://docs.rs/humantime)'s notation: `500ms`, `5m`, `1h 30m`. | the server's `timeout` for tools |
/// | `concurrency = 4` | Maximum number of concurrent calls. A further call gets a result with `isError` that says that the tool is busy. | unlimited |
/// | `audit("ticket_id")` | Arguments whose values go into the audit record, by their names in JSON. | none |
/// | `meta = json!({ "team": "payroll" })` | The tool's `_meta`, a JSON object. | none |
/// | `crate = my_crate::toolgate` | Path of this crate, for macros that generate tools in other crates. | found in `Cargo.toml` |
///
/// # Parameters
///
/// **Owned types are arguments.** They are deserialized from the JSON of the call, and need `Deserialize` and
/// `JsonSchema`.
///
/// - The doc comment of a parameter becomes its description. `#[serde(..)]` and `#[schemars(..)]` attributes work as on
///   the field of a struct.
/// - `Option<T>` is an optional argument. Its schema is that of `T`. `null` for an argument or a property that is not
///   required, and whose schema does not have `null`, means that it is absent.
/// - An integer may be written with a fraction or an exponent, as `5.0` or `2e3`, if its value is integral and below 2^53.
///   The bounds of integers of up to 32 bits are in the schema. Those of wider integers are enforced but not published,
///   because JavaScript would round them.
/// - The schema is rewritten into the form that clients of every kind accept: bounds instead of formats such as `uint32`,
///   one `enum` for an enum without data, with the comments of its variants in the description, and no `$ref` except in
///   recursive types. The alternatives of a flattened enum are merged, because clients reject alternatives at the root;
///   the call is still checked against them.
/// - The message for the model names every invalid argument by its JSON pointer and omits its value. The error of a type's
///   own `Deserialize` or `TryFrom` is shown as it is.
/// - A parameter cannot have `#[cfg]`: write two functions, each with `#[cfg]` on the function.
/// - A call with an argument that no parameter names is rejected.
/// - A `#[serde(flatten)]` parameter of type `JsonObject` takes all arguments that no other parameter names. If a struct
///   is flattened and is the only parameter, its fields are the arguments; `#[serde(deny_unknown_fields)]` on the struct
///   rejects unknown ones.
/// - `#[arg(header = "Region")]` declares that clients repeat the argument in the HTTP header `Mcp-Param-Region`
///   (SEP-2243). The argument must be a string, an integer or a boolean.
///
/// **References are provided by the server:** `&Caller`, `&Context`, `&Granted<S>` for a scope that the tool declares, or
/// `&T` for a `T` that was passed to `Server::state`. A parameter that only a guard or a visibility rule uses is not
/// reported as unused.
///
/// # Results
///
/// A tool returns `Json<T>`, `String`, `&'static str`, `()`, content such as an image, a `Vec` of content, or a `Result`
/// of one of these. The error of a `Result` must convert into `ToolError`: a `ToolError` is shown to the model, and any
/// other error is masked and logged. `anyhow::Error` and strings do not convert; write `.map_err(ToolError::masked)`. See
/// the trait `ToolOutput` of toolgate.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::tool(arguments.into(), item.into()).into()
}

/// Replaces the `impl` block that `#[tool]` generates by its content.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn register(_: TokenStream, item: TokenStream) -> TokenStream {
    expand::content(item.into()).into()
}

/// A constant of type `Scope`, checked at compile time against a list of scopes.
///
/// `scope!("employees:read:private")` is checked against `crate::SCOPES`, and
/// `scope!("employees:read:private", in policy::SCOPES)` against the list at that path.
#[proc_macro]
pub fn scope(input: TokenStream) -> TokenStream {
    scope::expand(input.into()).into()
}

/// Implements `ScopeMarker`: the type represents a scope in `Granted`.
///
/// `#[scope("payroll:read:all")]` names the scope, which is checked against `crate::SCOPES`, and
/// `#[scope("payroll:read:all", in policy::SCOPES)]` one that is checked against the list at that path.
#[proc_macro_derive(ScopeMarker, attributes(scope))]
pub fn scope_marker(input: TokenStream) -> TokenStream {
    scope_marker::expand(input.into()).into()
}
