//! Procedural macros of [toolgate](https://docs.rs/toolgate). Use them through that crate.
//!
//! `#[tool]`, `#[prompt]` and `#[resource]` pass through these modules, with the `kind` of the operation:
//!
//! 1. `attr` parses the arguments of the attribute, `item` and `ast` the function with its parameters, and `arg` the
//!    attributes of those. **To add an argument, start in `attr`.**
//! 2. `validate` checks the operation as a whole.
//! 3. `expand` generates code, or `fallback` emits the function beside the collected errors.

mod arg;
mod ast;
mod attr;
mod doc;
mod errors;
mod expand;
mod fallback;
mod form;
mod item;
mod kind;
mod parameter;
mod rate;
mod runtime_path;
mod scope;
mod scope_marker;
mod source_text;
mod validate;
mod value;

use proc_macro::TokenStream;

use kind::Kind;

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
/// | `task` | A call becomes a task if the client supports the extension `io.modelcontextprotocol/tasks`: the client gets a handle immediately, and polls for the result. | the client waits for the result |
/// | `approve = "Export the payroll of {year}"` | A person approves each call on a page of the server before the body runs. The text is formatted with the tool's parameters. | none |
/// | `scopes_if(amount > 1000, "a", "b")` | Scopes that a call needs if the condition holds, an expression over the tool's arguments. It can be given several times. | |
/// | `guard = own_ticket(caller, &ticket_id, tickets)`, `guard(a(..), b(..))` | Checks that run before the body: each is a call of a `fn` or an `async fn` that returns `Result<(), Denied>`, with parameters of the tool. `caller` and `context` are in scope, too. | none |
/// | `visible_to = is_on_duty(caller, rota)`, `visible_to(a(..), b(..))` | Rules that hide the tool from a caller, in the list and in calls: each is a call of a function that returns `bool`, with `caller` and states that the tool takes. | none |
/// | `org_role = "Owner"`, `org_role("Owner", "Admin")` | Hides the tool from callers with another role in their organization. The roles are checked against `crate::ROLES`, if the crate declares it. | every role |
/// | `org = "1f1f…"`, `org("1f1f…", "2a2a…")` | Hides the tool from callers of other organizations. | every organization |
/// | `timeout = "30s"` | Time limit of a call, at most 24 h, in [humantime](https://docs.rs/humantime)'s notation: `500ms`, `5m`, `1h 30m`. | the server's `operations.timeout` |
/// | `concurrency = 4` | Maximum number of concurrent calls. A further call gets a result with `isError` that says that the tool is busy. | unlimited |
/// | `rate = "30/minute"` | Number of calls of each caller: a quantity and `second`, `minute`, `hour` or `day`. A further call is rejected with 429. Needs the feature `rates` of toolgate. | unlimited |
/// | `total_rate = "300/minute"` | Number of calls of all callers together. | unlimited |
/// | `audit("ticket_id")` | Arguments whose values go into the audit record, by their names in JSON. | none |
/// | `meta = json!({ "team": "payroll" })` | The tool's `_meta`, a JSON object. | none |
/// | `crate = my_crate::toolgate` | Path of this crate, for macros that generate tools in other crates. | found in `Cargo.toml`; `::toolgate` without the feature `renamed-dependency` of toolgate |
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
    expand::operation(Kind::Tool, arguments.into(), item.into()).into()
}

/// Registers an async function as an MCP prompt with declared scopes.
///
/// ```
/// use toolgate::prelude::*;
/// # struct Tickets;
/// # impl Tickets {
/// #     async fn text(&self, _: &str) -> std::io::Result<String> {
/// #         Ok(String::new())
/// #     }
/// #     async fn open_ids(&self, _: &str) -> std::io::Result<Vec<String>> {
/// #         Ok(Vec::new())
/// #     }
/// # }
/// # fn main() {}
///
/// pub static SCOPES: Scopes = Scopes::new(&["tickets:reply"]);
///
/// #[derive(Debug, Deserialize, JsonSchema)]
/// #[serde(rename_all = "lowercase")]
/// enum Tone {
///     Friendly,
///     Formal,
/// }
///
/// /// Draft a reply to a support ticket.
/// #[prompt(scopes = "tickets:reply", title = "Support reply")]
/// async fn support_reply(
///     /// The ticket's ID, such as `tkt_0042`.
///     #[arg(complete = open_tickets(value, tickets))]
///     ticket_id: String,
///     /// How the reply sounds.
///     tone: Option<Tone>,
///     tickets: &Tickets,
/// ) -> Result<String, ToolError> {
///     let tone = tone.unwrap_or(Tone::Friendly);
///     Ok(format!("Write a {tone:?} reply to this ticket:\n\n{}", tickets.text(&ticket_id).await?))
/// }
///
/// async fn open_tickets(value: &str, tickets: &Tickets) -> Result<Vec<String>, ToolError> {
///     Ok(tickets.open_ids(value).await?)
/// }
/// ```
///
/// The function is a free `async fn`, without generics. Other code can still call it.
///
/// # Arguments of the attribute
///
/// A prompt needs an access rule and takes the [arguments of `#[tool]`](macro@tool#arguments-of-the-attribute), except for
/// `read_only`, `destructive`, `idempotent`, `open_world`, `task` and `approve`, which are for tools only.
///
/// # Parameters
///
/// Owned types are the prompt's arguments, and references are provided by the server, as for
/// [`#[tool]`](macro@tool#parameters). The arguments of prompts are texts in MCP:
///
/// - A type is read from its text: a number, a boolean, an enum without data, a string, or a type that deserializes from
///   one of these. Lists and structs are rejected when the server is built.
/// - An argument of type `Option<T>`, or with `#[serde(default)]`, is optional. All others are required.
/// - The parameters are the list of arguments, so none of them has `#[serde(flatten)]` or `#[arg(header = ..)]`.
///
/// ## Completion
///
/// An enum without data completes by itself. `#[arg(complete = ..)]` names a function that suggests values for an argument
/// while the user fills it in:
///
/// - `#[arg(complete = departments)]` calls the `fn` or `async fn` with what the user has typed so far, a `&str`.
/// - In a call, such as `#[arg(complete = teams(value, arguments, caller, directory))]`, these names are in scope: `value`
///   (the typed `&str`), `arguments` (`&CompletionArguments`, the other arguments that are filled in), `caller`, and the
///   references that the prompt takes, except for `&Context` and `&Granted`. The arguments of the prompt are not in scope.
/// - The function returns `Vec<String>`, `Vec<&'static str>`, or a `Result` of one of these with an error as in a tool. The
///   server sends the first 100 values, and does not filter them.
/// - A caller from whom the prompt is hidden, or whose token lacks its scopes, gets no values.
///
/// # Results
///
/// A prompt returns `String` or content for one message of the user, a message of the user or the assistant, a `Vec` of
/// these, or a `Result` of one of these with an error as in a tool. See the trait `PromptOutput` of toolgate.
#[proc_macro_attribute]
pub fn prompt(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::operation(Kind::Prompt, arguments.into(), item.into()).into()
}

/// Registers an async function as an MCP resource, or as all resources of a URI template, with declared scopes.
///
/// ```
/// use toolgate::prelude::*;
/// # #[derive(Serialize, JsonSchema)]
/// # struct Employee {}
/// # struct Directory;
/// # impl Directory {
/// #     async fn employee(&self, _: &str) -> std::io::Result<Employee> {
/// #         Ok(Employee {})
/// #     }
/// # }
/// # fn main() {}
///
/// pub static SCOPES: Scopes = Scopes::new(&["policies:read", "employees:read:public"]);
///
/// /// The employee handbook.
/// #[resource(uri = "company://policies/handbook", scopes = "policies:read", mime_type = "text/markdown")]
/// async fn handbook() -> &'static str {
///     "# Handbook\n\nBe kind."
/// }
///
/// /// An employee's public record.
/// #[resource(uri = "company://employees/{employee_id}", scopes = "employees:read:public")]
/// async fn employee(
///     /// The employee's ID, such as `emp_0042`.
///     employee_id: String,
///     directory: &Directory,
/// ) -> Result<Json<Employee>, ToolError> {
///     Ok(Json(directory.employee(&employee_id).await?))
/// }
/// ```
///
/// The function is a free `async fn`, without generics. Other code can still call it.
///
/// # Arguments of the attribute
///
/// A resource needs a URI and an access rule. It takes the
/// [arguments of `#[tool]`](macro@tool#arguments-of-the-attribute), except for `read_only`, `destructive`, `idempotent`,
/// `open_world`, `task` and `approve`, which are for tools only, and these:
///
/// | argument | effect | default |
/// |---|---|---|
/// | `uri = "company://policies/handbook"` | URI of the resource, or the template of the URIs of several resources, which is checked at compile time. | required |
/// | `mime_type = "text/markdown"` | Media type of the content. | that of the result's type |
/// | `size = 2048` | Size of the content in bytes, before any encoding. Only for a URI without variables. | not sent |
/// | `audience("user")`, `audience("user", "assistant")` | Whom the content is for. | not sent |
/// | `priority = 0.8` | Importance of the resource, from 0 (optional) to 1 (required). | not sent |
///
/// # Parameters
///
/// References are provided by the server, as for [`#[tool]`](macro@tool#parameters). Owned types are the variables of the
/// URI template, so a resource whose URI has no variables has none. Each variable is a parameter of the same name, and its
/// type is read from the percent-decoded text as that of a [prompt's argument](macro@prompt#parameters). A variable of a
/// query, such as `year` in `company://employees/{employee_id}{?year}`, can be an `Option`. A URI that does not fit the
/// template, or whose variables do not fit the types, is reported as an unknown resource.
///
/// Variables are completed as the [arguments of a prompt](macro@prompt#completion) are.
///
/// # Results
///
/// A resource returns `String` or `&'static str` for text, `Vec<u8>` for bytes, `Json<T>`, or a `Result` of one of these
/// with an error as in a tool. `ToolError::not_found` is the error of a record that does not exist: the client gets the same
/// response as for an unknown URI. See the trait `ResourceOutput` of toolgate.
#[proc_macro_attribute]
pub fn resource(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::operation(Kind::Resource, arguments.into(), item.into()).into()
}

/// Replaces the `impl` block that `#[tool]`, `#[prompt]` and `#[resource]` generate by its content.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn register(_: TokenStream, item: TokenStream) -> TokenStream {
    expand::content(item.into()).into()
}

/// A constant of type `Scope`, checked at compile time against a list of scopes.
///
/// `scope!("employees:read:private")` is checked against `crate::SCOPES`, and
/// `scope!("employees:read:private", in policy::SCOPES)` against the list at that path.
///
/// ```
/// use toolgate::prelude::*;
///
/// pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "employees:read:private"]);
///
/// /// Search for employees.
/// #[tool(scopes = "employees:read:public", read_only)]
/// async fn employee_search(query: String, with_salary: bool, caller: &Caller) -> Result<String, ToolError> {
///     if with_salary {
///         caller.require(scope!("employees:read:private"))?;
///     }
///     Ok(format!("no employees match {query}"))
/// }
/// # fn main() {}
/// ```
#[proc_macro]
pub fn scope(input: TokenStream) -> TokenStream {
    scope::expand(input.into()).into()
}

/// Implements `ScopeMarker`: the type represents a scope in `Granted`.
///
/// `#[scope("payroll:read:all")]` names the scope, which is checked against `crate::SCOPES`, and
/// `#[scope("payroll:read:all", in policy::SCOPES)]` one that is checked against the list at that path.
///
/// ```
/// use toolgate::prelude::*;
///
/// pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all"]);
///
/// /// Access to salaries.
/// #[derive(ScopeMarker)]
/// #[scope("payroll:read:all")]
/// struct PayrollRead;
///
/// /// Returns the total of a month, for callers with `payroll:read:all` only.
/// fn total(_access: &Granted<PayrollRead>, month: u32) -> u32 {
///     month * 1000
/// }
///
/// /// Return the total payroll of a month.
/// #[tool(scopes = "payroll:read:all", read_only)]
/// async fn payroll_total(month: u32, access: &Granted<PayrollRead>) -> String {
///     total(access, month).to_string()
/// }
/// # fn main() {}
/// ```
#[proc_macro_derive(ScopeMarker, attributes(scope))]
pub fn scope_marker(input: TokenStream) -> TokenStream {
    scope_marker::expand(input.into()).into()
}

/// Implements `Form`: the fields of the struct are a form that a user fills in, for `Context::ask`.
///
/// The type also derives `Deserialize` and `JsonSchema`. `build` of a server checks that MCP allows its fields.
///
/// ```
/// use toolgate::{input::Form, prelude::*};
/// # pub static SCOPES: Scopes = Scopes::new(&["ticket:write:update"]);
///
/// #[derive(Deserialize, JsonSchema, Form)]
/// struct Closing {
///     /// Why the ticket is closed.
///     reason: String,
/// }
///
/// /// Close a ticket for a reason that the user enters.
/// #[tool(scopes = "ticket:write:update")]
/// async fn ticket_close(ticket_id: u32, context: &Context) -> Result<String, ToolError> {
///     let Closing { reason } = context.ask(format!("Why do you close ticket {ticket_id}?")).await?;
///     Ok(format!("ticket {ticket_id} was closed: {reason}"))
/// }
/// # fn main() {}
/// ```
#[proc_macro_derive(Form)]
pub fn form(input: TokenStream) -> TokenStream {
    form::expand(input.into()).into()
}
