//! The macros of [toolgate](https://docs.rs/toolgate): use them from there.
//!
//! One road: `attr` parses the arguments, `ast` the function, `validate` refuses, `expand` writes the tokens;
//! `fallback` leaves the function as it is beside the errors, so that one mistake stays one error.

mod ast;
mod attr;
mod audit;
mod doc;
mod errors;
mod expand;
mod fallback;
mod krate;
mod scope;
mod validate;

use proc_macro::TokenStream;

/// Turns an async function into an MCP tool with declared scopes.
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
/// # Who may call it
///
/// Exactly one of these has to be there; a tool without does not compile. `scopes` and `any_scope` can stand together.
///
/// | argument | who may call |
/// |---|---|
/// | `scopes = "a"`, `scopes("a", "b")` | who has all of these scopes |
/// | `any_scope("a", "b")` | who has at least one of these |
/// | `authenticated` | everybody with a valid token |
///
/// Every scope is checked when the crate compiles, against `crate::SCOPES`, or the list that `scopes_in = path::TO_LIST`
/// names.
///
/// # What else can be said
///
/// | argument | meaning |
/// |---|---|
/// | `name = ".."` | the name on the wire, `[A-Za-z0-9_.-]{1,128}`; default: the function's name |
/// | `title = ".."`, `description = ".."` | for people and models; default: none, and the doc comment |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | MCP's hints; `= false` says the opposite |
/// | `guard = path`, `guard(a, b)` | policy that sees the arguments: `async fn(&Caller, &Arguments) -> Result<(), Denied>` |
/// | `visible_to = rule`, `visible_to(a, b)` | policy that decides about the list too: `require_org_role("Owner")`, or a `fn(&Caller) -> bool` |
/// | `timeout = "30s"` | the time limit of the body, at most 24 h, in the notation of [humantime](https://docs.rs/humantime) |
/// | `concurrency = 4` | how many calls run at once; one more gets a result with `isError` that says "busy" |
/// | `audit("ticket_id")` | arguments that the audit may have, by their names in JSON; it has no others |
/// | `meta = json!({..})` | the tool's `_meta` |
///
/// # Parameters
///
/// Owned types are arguments: they come from JSON (`Deserialize + JsonSchema`). Their doc comments and their
/// `#[schemars(..)]` and `#[serde(..)]` attributes go into the schema; `Option<T>` may be left out; arguments that no
/// parameter names are refused. A parameter with `#[serde(flatten)]` of the type `JsonObject` takes the rest, or all,
/// as it came; a struct that is the only parameter is all arguments at once, and refuses unknown ones if it says
/// `deny_unknown_fields`. `#[arg(header = "Region")]` mirrors an argument into the HTTP header `Mcp-Param-Region` (SEP-2243).
///
/// References are given by the server: `&Caller`, `&Context`, or `&T` for a `T` that was handed to `Server::state`.
///
/// # Results
///
/// `Json<T>`, `String`, `()`, content or a list of content, or a `Result` of these. See `ToolOutput`.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::tool(arguments.into(), item.into()).into()
}

/// A scope of this crate's list, checked when the crate compiles: `scope!("employees:read:private")`, or
/// `scope!("a", in path::TO_LIST)` for another list. The value is a constant of the type `Scope`.
#[proc_macro]
pub fn scope(input: TokenStream) -> TokenStream {
    scope::expand(input.into()).into()
}
