//! What a tool cannot be, with what to write instead.

use quote::ToTokens;
use syn::{GenericArgument, GenericParam, PathArguments, Type, TypeParamBound, TypeReference, visit::Visit};

use crate::{
    ast::{Parameter, Tool},
    audit,
    errors::Errors,
};

/// `[A-Za-z0-9_.-]{1,128}`, as MCP recommends for names.
const MAX_NAME_LENGTH: usize = 128;

pub(crate) fn tool(tool: &Tool, errors: &mut Errors) {
    access(tool, errors);
    name(tool, errors);
    signature(tool, errors);
    audit::arguments(tool, errors);
    for parameter in &tool.parameters {
        match parameter {
            Parameter::Argument(argument) => argument_type(&argument.ty, errors),
            Parameter::Given(reference) => given(reference, errors),
        }
    }
    let mut headers: Vec<String> = Vec::new();
    for header in tool.arguments().filter_map(|argument| argument.header.as_ref()) {
        let name = header.value().to_ascii_lowercase();
        if headers.contains(&name) {
            errors.push(
                header,
                format!(
                    "another argument has the header `{}`, where case does not matter: rename one",
                    header.value()
                ),
            );
        }
        headers.push(name);
    }
}

/// Who may call it has to be said, and said once.
fn access(tool: &Tool, errors: &mut Errors) {
    let attr = &tool.attr;
    match (&attr.authenticated, attr.scopes.as_ref().or(attr.any_scope.as_ref())) {
        (None, None) if attr.access_is_unclear => {}
        (None, None) => errors.push(
            &tool.function.sig.ident,
            "this tool does not say who may call it: write `#[tool(scopes = \"..\")]` with a scope of your list, or \
             `#[tool(authenticated)]` if every caller with a valid token may",
        ),
        (Some(authenticated), Some(list)) => errors.push(
            authenticated,
            format!("`authenticated` means that no scope is needed, `{}` that some is: remove one", list.keyword),
        ),
        _ => {}
    }
}

fn name(tool: &Tool, errors: &mut Errors) {
    let name = tool.wire_name();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.chars().all(legal) {
        return;
    }
    let rule = "a tool's name is 1 to 128 of the characters A-Z, a-z, 0-9, `_`, `.` and `-`";
    match &tool.attr.name {
        Some(literal) => errors.push(literal, rule),
        None => errors.push(&tool.function.sig.ident, format!("{rule}: write `#[tool(name = \"..\")]`")),
    }
}

fn signature(tool: &Tool, errors: &mut Errors) {
    let signature = &tool.function.sig;
    if signature.asyncness.is_none() {
        errors.push(signature.fn_token, "a tool is an `async fn`: write `async` here");
    }
    for parameter in &signature.generics.params {
        let message = match parameter {
            GenericParam::Lifetime(_) => {
                "a tool needs no lifetimes: arguments are owned, and what the server gives is borrowed for the call"
            }
            _ => "a tool cannot be generic: its schema needs types that are known here",
        };
        errors.push(parameter, message);
    }
    if let Some(clause) = &signature.generics.where_clause {
        errors.push(clause.where_token, "a tool is not generic, so it has no bounds: remove the `where`");
    }
    if let syn::Safety::Unsafe(unsafety) = &signature.safety {
        errors.push(unsafety, "a tool cannot be `unsafe`: nobody is there to uphold its contract");
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "a tool has a fixed number of parameters");
    }
    if let Some(constness) = &signature.constness {
        errors.push(constness, "a tool is an `async fn`, which cannot be `const`");
    }
    if let Some(abi) = &signature.abi {
        errors.push(abi, "a tool is an ordinary `async fn`, without an ABI of its own");
    }
    let mut finder = ImplTrait(false);
    finder.visit_type(&tool.output);
    if finder.0 {
        errors.push(&tool.output, "a tool's result needs a type that is written out: its schema comes from it");
    }
}

fn argument_type(ty: &Type, errors: &mut Errors) {
    let mut finder = ImplTrait(false);
    finder.visit_type(ty);
    if finder.0 {
        errors.push(ty, "a tool cannot be generic: write the type of the argument");
    }
    Borrows(errors).visit_type(ty);
}

/// A reference is what the server gives, so it has to be to something that a server can hold.
fn given(reference: &TypeReference, errors: &mut Errors) {
    if reference.mutability.is_some() {
        errors.push(
            reference,
            "calls run at the same time, so what the server gives is shared: take `&T`, with a lock inside it if it changes",
        );
    } else if let Some(owned) = owned_form(&reference.elem) {
        errors.push(
            reference,
            format!("arguments are owned: write `{owned}`; a reference is for what the server gives"),
        );
    } else if let Some(lifetime) = &reference.lifetime {
        errors
            .push(lifetime, "what the server gives is borrowed for the call: write the reference without a lifetime");
    } else if matches!(&*reference.elem, Type::TraitObject(_) | Type::ImplTrait(_)) {
        errors.push(reference, "the server finds what it gives by its type: take a reference to a struct or an enum");
    }
}

/// What was meant by a reference to a type that is plainly an argument.
fn owned_form(ty: &Type) -> Option<String> {
    match ty {
        Type::Slice(slice) => Some(format!("Vec<{}>", tight(&slice.elem))),
        Type::Path(path) => {
            let segment = path.path.segments.last()?;
            match segment.ident.to_string().as_str() {
                "str" => Some("String".to_owned()),
                "String" | "Vec" | "Option" | "Box" | "HashMap" | "BTreeMap" | "bool" | "char" | "u8" | "u16"
                | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "f32"
                | "f64" => Some(tight(ty)),
                _ => None,
            }
        }
        Type::Tuple(_) | Type::Array(_) => Some(tight(ty)),
        _ => None,
    }
}

/// A type as one writes it, without the spaces between tokens.
fn tight(ty: &Type) -> String {
    if let Type::Path(path) = ty
        && let Some(segment) = path.path.segments.last()
        && let PathArguments::AngleBracketed(arguments) = &segment.arguments
    {
        let arguments: Vec<_> = arguments
            .args
            .iter()
            .map(|argument| match argument {
                GenericArgument::Type(ty) => tight(ty),
                other => other.to_token_stream().to_string(),
            })
            .collect();
        return format!("{}<{}>", segment.ident, arguments.join(", "));
    }
    ty.to_token_stream().to_string()
}

struct ImplTrait(bool);

impl<'ast> Visit<'ast> for ImplTrait {
    fn visit_type(&mut self, ty: &'ast Type) {
        self.0 |= matches!(ty, Type::ImplTrait(_));
        syn::visit::visit_type(self, ty);
    }

    fn visit_type_param_bound(&mut self, _: &'ast TypeParamBound) {}
}

/// Finds references inside the types of arguments: nothing that a call brings can be borrowed.
struct Borrows<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for Borrows<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let message = match owned_form(&reference.elem) {
            Some(owned) => format!("arguments are owned: write `{owned}`"),
            None => "arguments are owned; what the server gives is taken as it is: write `&T` alone".to_owned(),
        };
        self.0.push(reference, message);
    }
}
