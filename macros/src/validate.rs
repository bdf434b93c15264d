//! Checks of a tool as a whole. Every error says what to write instead.

use quote::ToTokens;
use syn::{Attribute, GenericParam, Ident, Item, Path, Safety, visit::Visit};

use crate::{
    ast::Tool,
    doc,
    errors::Errors,
    parameter::{Argument, Parameter},
    source_text::mention,
    value::ScopeList,
};

pub(crate) use types::borrows_from_nothing;

mod types;

/// Maximum length of a tool name (MCP 2025-11-25, server/tools, "Tool Names").
const MAX_NAME_LENGTH: usize = 128;

/// Maximum number of `scopes_if`, as in `runtime/src/tool/call_steps.rs`.
const MAX_CONDITIONS: usize = 64;

pub(crate) fn tool(tool: &Tool, errors: &mut Errors) {
    access_rule(tool, errors);
    name(tool, errors);
    attributes(tool, errors);
    signature(tool, errors);
    audit(tool, errors);
    conditions(tool, errors);
    visibility_rules(tool, errors);
    for parameter in &tool.parameters {
        match parameter {
            Parameter::Argument(argument) => types::argument(argument, errors),
            Parameter::ServerProvided(reference) => {
                types::server_provided(&reference.ty, &tool.function.sig.generics, errors);
            }
        }
    }
    types::result(tool, errors);
    argument_names(tool, errors);
    headers(tool, errors);
}

/// Exactly one access rule: `authenticated`, or `scopes` and `any_scope`.
fn access_rule(tool: &Tool, errors: &mut Errors) {
    let attr = &tool.attr;
    match (&attr.authenticated, attr.scopes.as_ref().or(attr.any_scope.as_ref())) {
        (None, None) if attr.access_rule_may_be_misspelled => {}
        (None, None) => errors.push(
            &tool.function.sig.ident,
            "this tool does not declare who may call it: write `#[tool(scopes = \"..\")]` with a scope from your list, \
             or `#[tool(authenticated)]` to allow every caller with a valid token",
        ),
        (Some(authenticated), Some(ScopeList { keyword, .. })) => errors.push(
            authenticated,
            format!(
                "`authenticated` allows every caller with a valid token, but `{keyword}` requires scopes: remove one"
            ),
        ),
        _ => {}
    }
}

fn name(tool: &Tool, errors: &mut Errors) {
    let name = tool.name();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let problem = match name.chars().find(|&c| !is_allowed(c)) {
        Some(character) => format!("the tool name `{name}` contains {character:?}"),
        None if name.is_empty() => "the tool name is empty".to_owned(),
        None if name.len() > MAX_NAME_LENGTH => format!("the tool name has {} characters", name.len()),
        None => return,
    };
    let message = format!("{problem}: expected 1 to 128 characters from `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`");
    match &tool.attr.name {
        Some(literal) => errors.push(literal, message),
        None => {
            errors
                .push(&tool.function.sig.ident, format!("{message}; set another name with `#[tool(name = \"..\")]`"));
        }
    }
}

fn signature(tool: &Tool, errors: &mut Errors) {
    let signature = &tool.function.sig;
    if let Some(constness) = &signature.constness {
        errors.push(
            constness,
            "a tool must be an `async fn`, which cannot be `const`: write `async` instead of `const`",
        );
    } else if signature.asyncness.is_none() {
        errors.push(signature.fn_token, "a tool must be an `async fn`: add `async`");
    }
    for parameter in &signature.generics.params {
        let message = match parameter {
            GenericParam::Lifetime(_) => {
                "a tool cannot have lifetime parameters: arguments are owned, and references are borrowed for the call"
            }
            _ => "a tool cannot be generic: its JSON schema needs concrete types",
        };
        errors.push(parameter, message);
    }
    if let Some(clause) = &signature.generics.where_clause
        && signature.generics.params.is_empty()
    {
        errors
            .push(clause.where_token, "a tool cannot have a `where` clause, because it cannot be generic: remove it");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.push(unsafety, "a tool cannot be `unsafe`, because generated code calls it: remove `unsafe`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "a tool cannot be variadic: declare each parameter");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "a tool cannot have an ABI: remove `extern`");
    }
    if signature.receiver().is_none() {
        let mut uses = FindSelfType(None);
        uses.visit_item_fn(&tool.function);
        if let Some(self_type) = uses.0 {
            errors.push(
                self_type,
                "a tool must be a free function, where `Self` is unknown: move it out of the `impl`, and write the name of \
                 the type instead of `Self`",
            );
        }
    }
}

/// Returns whether an attribute is `#[tool]` itself.
pub(crate) fn is_tool_attribute(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == "tool")
}

/// One function is one tool.
fn attributes(tool: &Tool, errors: &mut Errors) {
    for attribute in tool.function.attrs.iter().filter(|attribute| is_tool_attribute(attribute)) {
        errors.push(attribute, "duplicate `#[tool]`: remove one, or write a second function with another name");
    }
    // A doc comment for rustdoc can have such an attribute in addition to text.
    let computed = tool.function.attrs.iter().find(|attribute| doc::is_computed(attribute));
    if let Some(attribute) = computed.filter(|_| tool.description().is_none()) {
        errors.push(
            attribute,
            "the description of a tool is a doc comment or a string literal, because this macro cannot expand another \
             one: write it here, or in `description = \"..\"`",
        );
    }
}

/// Finds the first `Self` in a function. Items in its body can have a `Self` of their own.
struct FindSelfType<'ast>(Option<&'ast Ident>);

impl<'ast> Visit<'ast> for FindSelfType<'ast> {
    fn visit_path(&mut self, path: &'ast Path) {
        let first = path.segments.first().map(|segment| &segment.ident);
        self.0 = self.0.or(first.filter(|ident| *ident == "Self"));
        syn::visit::visit_path(self, path);
    }

    fn visit_item(&mut self, _: &'ast Item) {}
}

/// `audit` names arguments of the tool, each once.
fn audit(tool: &Tool, errors: &mut Errors) {
    // The names in a flattened parameter are unknown here. They are checked when the server is built.
    let all_known = tool.arguments().all(|argument| !argument.is_flattened);
    let known: Vec<&str> = tool.arguments().map(|argument: &Argument| argument.name.as_str()).collect();
    for (i, literal) in tool.attr.audit.iter().enumerate() {
        let name = literal.value();
        if tool.attr.audit[..i].iter().any(|earlier| earlier.value() == name) {
            errors.push(literal, format!("duplicate argument `{name}` in `audit`: remove one"));
        } else if all_known && known.is_empty() {
            errors.push(literal, format!("the tool has no argument `{name}`, because it has no arguments"));
        } else if all_known && !known.contains(&name.as_str()) {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let expected = if known.len() == 1 { "expected" } else { "expected one of" };
            errors
                .push(literal, format!("the tool has no argument `{name}` in JSON: {expected} {}", known.join(", ")));
        }
    }
}

/// The conditions of a call are the bits of one integer.
fn conditions(tool: &Tool, errors: &mut Errors) {
    if let Some(extra) = tool.attr.scopes_if.get(MAX_CONDITIONS) {
        let message =
            format!("a tool can have at most {MAX_CONDITIONS} `scopes_if`: merge conditions, or split the tool");
        errors.push(&extra.condition, message);
    }
}

/// A visibility rule decides lists, which have neither arguments nor a context.
fn visibility_rules(tool: &Tool, errors: &mut Errors) {
    for rule in &tool.attr.visible_to {
        let tokens = rule.to_token_stream();
        for argument in tool.arguments() {
            if let Some(name) = mention(&tokens, &argument.ident) {
                let message = format!(
                    "a visibility rule cannot use the argument `{name}`, because it decides lists, which have no \
                     arguments: use `guard`"
                );
                errors.push(name, message);
            }
        }
    }
}

/// Each argument has a name of its own in JSON. The compiler reports two parameters with one name.
fn argument_names(tool: &Tool, errors: &mut Errors) {
    let mut seen: Vec<&Argument> = Vec::new();
    for argument in tool.arguments().filter(|argument| !argument.is_flattened) {
        if seen.iter().any(|other| other.name == argument.name && other.ident != argument.ident) {
            errors.push(
                &argument.ident,
                format!("another argument has the name `{}` in JSON: use another name", argument.name),
            );
        }
        seen.push(argument);
    }
}

/// Each header belongs to one argument. Header names are case-insensitive (RFC 9110, section 5.1).
fn headers(tool: &Tool, errors: &mut Errors) {
    let mut seen: Vec<String> = Vec::new();
    for header in tool.arguments().filter_map(|argument| argument.header.as_ref()) {
        let name = header.value().to_ascii_lowercase();
        if seen.contains(&name) {
            errors.push(
                header,
                format!(
                    "another argument has the header `{}` (header names are case-insensitive): use another name",
                    header.value()
                ),
            );
        }
        seen.push(name);
    }
}
