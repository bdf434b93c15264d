//! Checks of a tool as a whole. Every error says what to write instead.

use quote::ToTokens;
use syn::{GenericArgument, GenericParam, PathArguments, Safety, Type, TypeParamBound, TypeReference, visit::Visit};

use crate::{
    ast::Tool,
    errors::Errors,
    parameter::{Argument, Parameter},
    source_text::mention,
    value::ScopeList,
};

/// Maximum length of a tool name (MCP 2025-11-25, server/tools, "Tool Names").
const MAX_NAME_LENGTH: usize = 128;

pub(crate) fn tool(tool: &Tool, errors: &mut Errors) {
    access_rule(tool, errors);
    name(tool, errors);
    signature(tool, errors);
    audit(tool, errors);
    visibility_rules(tool, errors);
    for parameter in &tool.parameters {
        match parameter {
            Parameter::Argument(argument) => argument_type(&argument.ty, errors),
            Parameter::ServerProvided(reference) => server_provided(&reference.ty, errors),
        }
    }
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
    if (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.chars().all(is_allowed) {
        return;
    }
    let rule = "a tool name has 1 to 128 characters from `A-Z`, `a-z`, `0-9`, `_`, `.` and `-`";
    match &tool.attr.name {
        Some(literal) => errors.push(literal, rule),
        None => errors.push(&tool.function.sig.ident, format!("{rule}: set one with `#[tool(name = \"..\")]`")),
    }
}

fn signature(tool: &Tool, errors: &mut Errors) {
    let signature = &tool.function.sig;
    if signature.asyncness.is_none() {
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
    if let Some(clause) = &signature.generics.where_clause {
        errors
            .push(clause.where_token, "a tool cannot have a `where` clause, because it cannot be generic: remove it");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.push(unsafety, "a tool cannot be `unsafe`, because generated code calls it: remove `unsafe`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "a tool cannot be variadic: declare each parameter");
    }
    if let Some(constness) = &signature.constness {
        errors.push(constness, "a tool must be an `async fn`, which cannot be `const`: remove `const`");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "a tool cannot have an ABI: remove `extern`");
    }
    if contains_impl_trait(&tool.output) {
        errors.push(&tool.output, "a tool cannot return `impl Trait`: its output schema needs a concrete type");
    }
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

fn argument_type(ty: &Type, errors: &mut Errors) {
    if contains_impl_trait(ty) {
        errors.push(ty, "an argument cannot be `impl Trait`: its JSON schema needs a concrete type");
    }
    RejectReferences(errors).visit_type(ty);
}

fn server_provided(reference: &TypeReference, errors: &mut Errors) {
    if reference.mutability.is_some() {
        errors.push(
            reference,
            format!(
                "the server provides shared references: take `&{}`, and put what changes in it behind a lock",
                without_spaces(&reference.elem)
            ),
        );
    } else if let Some(owned) = owned_form(&reference.elem) {
        errors.push(
            reference,
            format!("arguments are owned: write `{owned}` (references are for what the server provides)"),
        );
    } else if let Some(lifetime) = &reference.lifetime {
        errors.push(lifetime, "a reference is borrowed for the call: remove the lifetime");
    } else if matches!(&*reference.elem, Type::TraitObject(_) | Type::ImplTrait(_)) {
        errors.push(reference, "state is looked up by its type: take a reference to a struct or an enum");
    }
}

/// The owned type that the author of `&ty` meant, if `ty` is a type of arguments and not of state.
fn owned_form(ty: &Type) -> Option<String> {
    match ty {
        Type::Slice(slice) => Some(format!("Vec<{}>", without_spaces(&slice.elem))),
        Type::Path(path) => {
            let segment = path.path.segments.last()?;
            match segment.ident.to_string().as_str() {
                "str" => Some("String".to_owned()),
                "String" | "Vec" | "Option" | "Box" | "HashMap" | "BTreeMap" | "bool" | "char" | "u8" | "u16"
                | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "f32"
                | "f64" => Some(without_spaces(ty)),
                _ => None,
            }
        }
        Type::Tuple(_) | Type::Array(_) => Some(without_spaces(ty)),
        _ => None,
    }
}

/// A type as text, such as `Vec<String>`. `TokenStream::to_string` writes `Vec < String >`.
fn without_spaces(ty: &Type) -> String {
    if let Type::Path(path) = ty
        && let Some(segment) = path.path.segments.last()
        && let PathArguments::AngleBracketed(arguments) = &segment.arguments
    {
        let arguments: Vec<_> = arguments
            .args
            .iter()
            .map(|argument| match argument {
                GenericArgument::Type(ty) => without_spaces(ty),
                other => other.to_token_stream().to_string(),
            })
            .collect();
        return format!("{}<{}>", segment.ident, arguments.join(", "));
    }
    ty.to_token_stream().to_string()
}

fn contains_impl_trait(ty: &Type) -> bool {
    let mut finder = FindImplTrait(false);
    finder.visit_type(ty);
    finder.0
}

struct FindImplTrait(bool);

impl<'ast> Visit<'ast> for FindImplTrait {
    fn visit_type(&mut self, ty: &'ast Type) {
        self.0 |= matches!(ty, Type::ImplTrait(_));
        syn::visit::visit_type(self, ty);
    }

    fn visit_type_param_bound(&mut self, _: &'ast TypeParamBound) {}
}

/// Reports references inside the type of an argument, such as `Option<&str>`.
struct RejectReferences<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for RejectReferences<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let ty = without_spaces(&reference.elem);
        let message = match owned_form(&reference.elem) {
            Some(owned) => format!("arguments are owned: write `{owned}`"),
            None => format!("arguments are owned: write `{ty}`, or take a plain `&{ty}` if the server provides it"),
        };
        self.0.push(reference, message);
    }
}
