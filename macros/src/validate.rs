//! Checks of an operation as a whole. Every error says what to write instead.

use quote::ToTokens;
use syn::{Attribute, GenericParam, Ident, Item, Path, Safety, visit::Visit};

use crate::{
    ast::Operation,
    attr::ACCESS_RULES,
    doc,
    errors::Errors,
    kind::Kind,
    parameter::{Argument, COMPLETION_VALUES, Parameter},
    source_text::mention,
    value::ScopeList,
};

pub(crate) use types::borrows_from_nothing;

mod resource;
mod types;

/// Maximum length of a name (MCP 2025-11-25, server/tools, "Tool Names"). The same rule is for all kinds, because names are
/// also words of policies and metrics.
const MAX_NAME_LENGTH: usize = 128;

/// Maximum number of `scopes_if`, as in `runtime/src/operation/call_steps.rs`.
const MAX_CONDITIONS: usize = 64;

pub(crate) fn operation(operation: &Operation, errors: &mut Errors) {
    access_rule(operation, errors);
    name(operation, errors);
    attributes(operation, errors);
    resource::resource(operation, errors);
    approval(operation, errors);
    signature(operation, errors);
    audit(operation, errors);
    conditions(operation, errors);
    visibility_rules(operation, errors);
    for parameter in &operation.parameters {
        match parameter {
            Parameter::Argument(argument) => types::argument(operation.kind, argument, errors),
            Parameter::ServerProvided(reference) => {
                types::server_provided(&reference.ty, &operation.function.sig.generics, errors);
            }
        }
    }
    types::result(operation, errors);
    argument_names(operation, errors);
    headers(operation, errors);
    completions(operation, errors);
}

/// Exactly one access rule: `authenticated`, or `scopes` and `any_scope`.
fn access_rule(operation: &Operation, errors: &mut Errors) {
    let Operation { kind, attr, .. } = operation;
    let use_it = match kind {
        Kind::Tool => "call it",
        Kind::Prompt => "get it",
        Kind::Resource => "read it",
    };
    match (&attr.authenticated, attr.scopes.as_ref().or(attr.any_scope.as_ref())) {
        (None, None) if attr.may_have(&ACCESS_RULES) => {}
        (None, None) => errors.push(
            &operation.function.sig.ident,
            format!(
                "this {kind} does not declare who may {use_it}: write `#[{kind}(scopes = \"..\")]` with a scope from your \
                 list, or `#[{kind}(authenticated)]` to allow every caller with a valid token"
            ),
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

fn name(operation: &Operation, errors: &mut Errors) {
    let (kind, name) = (operation.kind, operation.name());
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let problem = match name.chars().find(|&c| !is_allowed(c)) {
        Some(character) => format!("the {kind} name `{name}` contains {character:?}"),
        None if name.is_empty() => format!("the {kind} name is empty"),
        None if name.len() > MAX_NAME_LENGTH => format!("the {kind} name has {} characters", name.len()),
        None => return,
    };
    let message = format!("{problem}: expected 1 to 128 characters from `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`");
    let ident = &operation.function.sig.ident;
    match &operation.attr.name {
        Some(literal) => errors.push(literal, message),
        None => errors.push(ident, format!("{message}; set another name with `#[{kind}(name = \"..\")]`")),
    }
}

fn signature(operation: &Operation, errors: &mut Errors) {
    let (kind, signature) = (operation.kind, &operation.function.sig);
    if let Some(constness) = &signature.constness {
        errors.push(
            constness,
            format!("a {kind} must be an `async fn`, which cannot be `const`: write `async` instead of `const`"),
        );
    } else if signature.asyncness.is_none() {
        errors.push(signature.fn_token, format!("a {kind} must be an `async fn`: add `async`"));
    }
    for parameter in &signature.generics.params {
        let message = match parameter {
            GenericParam::Lifetime(_) => {
                format!(
                    "a {kind} cannot have lifetime parameters: arguments are owned, and references are borrowed for the call"
                )
            }
            _ if kind == Kind::Tool => "a tool cannot be generic: its JSON schema needs concrete types".to_owned(),
            _ => format!("a {kind} cannot be generic: its arguments need concrete types"),
        };
        errors.push(parameter, message);
    }
    if let Some(clause) = &signature.generics.where_clause
        && signature.generics.params.is_empty()
    {
        let message = format!("a {kind} cannot have a `where` clause, because it cannot be generic: remove it");
        errors.push(clause.where_token, message);
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        let message = format!("a {kind} cannot be `unsafe`, because generated code calls it: remove `unsafe`");
        errors.push(unsafety, message);
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, format!("a {kind} cannot be variadic: declare each parameter"));
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, format!("a {kind} cannot have an ABI: remove `extern`"));
    }
    if signature.receiver().is_none() {
        let mut uses = FindSelfType(None);
        uses.visit_item_fn(&operation.function);
        if let Some(self_type) = uses.0 {
            errors.push(
                self_type,
                format!(
                    "a {kind} must be a free function, where `Self` is unknown: move it out of the `impl`, and write the \
                     name of the type instead of `Self`"
                ),
            );
        }
    }
}

/// The kind of an attribute, if it is `#[tool]`, `#[prompt]` or `#[resource]`.
pub(crate) fn kind_of(attribute: &Attribute) -> Option<Kind> {
    let name = &attribute.path().segments.last()?.ident;
    Kind::ALL.into_iter().find(|kind| name == kind.name())
}

/// One function is one operation.
fn attributes(operation: &Operation, errors: &mut Errors) {
    let Operation { kind, function, .. } = operation;
    for attribute in &function.attrs {
        let message = match kind_of(attribute) {
            None => continue,
            Some(other) if other == *kind => {
                format!("duplicate `#[{kind}]`: remove one, or write a second function with another name")
            }
            Some(other) => format!("this function is a {kind} already: write a second function for `#[{other}]`"),
        };
        errors.push(attribute, message);
    }
    // A doc comment for rustdoc can have such an attribute in addition to text.
    let computed = function.attrs.iter().find(|attribute| doc::is_computed(attribute));
    if let Some(attribute) = computed.filter(|_| operation.description().is_none()) {
        errors.push(
            attribute,
            format!(
                "the description of a {kind} is a doc comment or a string literal, because this macro cannot expand \
                 another one: write it here, or in `description = \"..\"`"
            ),
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

/// `audit` names arguments of the operation, each once.
fn audit(operation: &Operation, errors: &mut Errors) {
    let kind = operation.kind;
    // The names in a flattened parameter are unknown here. They are checked when the server is built.
    let all_known = operation.arguments().all(|argument| !argument.is_flattened);
    let known: Vec<&str> = operation.arguments().map(|argument: &Argument| argument.name.as_str()).collect();
    for (i, literal) in operation.attr.audit.iter().enumerate() {
        let name = literal.value();
        if operation.attr.audit[..i].iter().any(|earlier| earlier.value() == name) {
            errors.push(literal, format!("duplicate argument `{name}` in `audit`: remove one"));
        } else if all_known && known.is_empty() {
            errors.push(literal, format!("the {kind} has no argument `{name}`, because it has no arguments"));
        } else if all_known && !known.contains(&name.as_str()) {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let expected = if known.len() == 1 { "expected" } else { "expected one of" };
            let in_json = if kind == Kind::Tool { " in JSON" } else { "" };
            let known = known.join(", ");
            errors.push(literal, format!("the {kind} has no argument `{name}`{in_json}: {expected} {known}"));
        }
    }
}

/// The conditions of a call are the bits of one integer.
fn conditions(operation: &Operation, errors: &mut Errors) {
    if let Some(extra) = operation.attr.scopes_if.get(MAX_CONDITIONS) {
        let kind = operation.kind;
        let message =
            format!("a {kind} can have at most {MAX_CONDITIONS} `scopes_if`: merge conditions, or split the {kind}");
        errors.push(&extra.condition, message);
    }
}

/// A visibility rule decides lists, which have neither arguments nor a context.
fn visibility_rules(operation: &Operation, errors: &mut Errors) {
    for rule in &operation.attr.visible_to {
        let tokens = rule.to_token_stream();
        for argument in operation.arguments() {
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
fn argument_names(operation: &Operation, errors: &mut Errors) {
    let mut seen: Vec<&Argument> = Vec::new();
    for argument in operation.arguments().filter(|argument| !argument.is_flattened) {
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
fn headers(operation: &Operation, errors: &mut Errors) {
    let mut seen: Vec<String> = Vec::new();
    for header in operation.arguments().filter_map(|argument| argument.attr.header.as_ref()) {
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

/// An approval has a text, and belongs to a tool that changes something.
fn approval(operation: &Operation, errors: &mut Errors) {
    let Some(text) = &operation.attr.approve else { return };
    if text.value().trim().is_empty() {
        errors.push(text, "expected the text that the person reads, such as `\"Export the payroll of {year}\"`");
    }
    if operation.attr.read_only == Some(true) {
        errors.push(text, "a tool that needs an approval changes something: remove `read_only` or `approve`");
    }
}

/// A completion is a call beside the operation, which has neither its arguments nor a context.
fn completions(operation: &Operation, errors: &mut Errors) {
    for call in operation.arguments().filter_map(|argument| argument.attr.complete.as_ref()) {
        let tokens = call.to_token_stream();
        let unusable = operation.arguments().filter(|argument| !COMPLETION_VALUES.contains(&argument.name.as_str()));
        for argument in unusable {
            if let Some(name) = mention(&tokens, &argument.ident) {
                let message = format!(
                    "a completion cannot use the argument `{name}`, because the user may not have filled it in: use \
                     `arguments.get({:?})`",
                    argument.name
                );
                errors.push(name, message);
            }
        }
    }
}
