//! Checks of the types of parameters and of the result.

use quote::ToTokens;
use syn::{GenericArgument, Generics, PathArguments, PathSegment, Type, TypeParamBound, TypeReference, visit::Visit};

use crate::{ast::Operation, errors::Errors, kind::Kind, parameter::Argument};

/// The type of an argument is owned, concrete and not a type that only holds state of a server.
pub(super) fn argument(kind: Kind, argument: &Argument, errors: &mut Errors) {
    let Argument { ident, ty, .. } = argument;
    if contains_impl_trait(ty) {
        errors.push(ty, "an argument cannot be `impl Trait`: its JSON schema needs a concrete type");
    } else if let Some(state) = state(ty) {
        if let Some(owned) = owned_form(state) {
            errors.push(ty, format!("arguments are owned: write `{owned}`"));
            return;
        }
        let (name, state, source) = (without_spaces(ty), without_spaces(state), kind.source_of_arguments());
        errors.push(
            ty,
            format!(
                "`{name}` cannot be an argument, because {source}: if it is state of the server, take \
                 `{ident}: &{state}`, and pass the `{state}` to `Server::state`"
            ),
        );
    } else {
        RejectReferences(errors).visit_type(ty);
    }
}

/// The state of a server that the author of an owned `ty` meant, without the `Arc` around it.
///
/// Other types that cannot be deserialized are reported by the trait `Parameter`. Types of which there is a serializable
/// one with the same name in some program are not listed here.
fn state(ty: &Type) -> Option<&Type> {
    let segment = last_segment(ty)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match segment.ident.to_string().as_str() {
        "Arc" | "Rc" => {
            let inner = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })?;
            match inner {
                // State is looked up by its type, so a trait object needs the `Arc`.
                Type::TraitObject(_) => Some(ty),
                inner => Some(state(inner).unwrap_or(inner)),
            }
        }
        "Mutex" | "RwLock" | "Pool" => Some(ty),
        _ => None,
    }
}

/// A server-provided parameter is a shared reference to a concrete type.
pub(super) fn server_provided(reference: &TypeReference, generics: &Generics, errors: &mut Errors) {
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
    } else if let Type::Reference(inner) = &*reference.elem {
        let state = without_spaces(&inner.elem);
        errors.push(reference, format!("the server provides state by one reference: take `&{state}`"));
    } else if matches!(&*reference.elem, Type::TraitObject(_) | Type::ImplTrait(_)) {
        errors.push(reference, "state is looked up by its type: take a reference to a struct or an enum");
    } else if let Some(lifetime) = &reference.lifetime {
        // A declared lifetime is reported at its declaration.
        if generics.lifetimes().all(|parameter| parameter.lifetime != *lifetime) {
            errors.push(lifetime, "a reference is borrowed for the call: remove the lifetime");
        }
    }
}

/// The result is a concrete type without references, except to constants, and in `Json` to what the server provides.
pub(super) fn result(operation: &Operation, errors: &mut Errors) {
    if contains_impl_trait(&operation.output) {
        if operation.function.sig.asyncness.is_none() {
            // `fn f() -> impl Future` is reported as a function without `async`.
            return;
        }
        let kind = operation.kind;
        let reason = if kind == Kind::Tool { "its output schema" } else { "its conversion into an MCP result" };
        errors
            .push(&operation.output, format!("a {kind} cannot return `impl Trait`: {reason} needs a concrete type"));
        return;
    }
    let can_borrow = operation.server_provided().count() == 1;
    RejectBorrowedResult { kind: operation.kind, in_json: false, in_error: false, can_borrow, errors }
        .visit_type(&operation.output);
}

/// Returns whether the result has a reference that the compiler can give no lifetime, because there is not exactly one
/// reference among the parameters.
pub(crate) fn borrows_from_nothing(operation: &Operation) -> bool {
    let mut finder = FindElidedReference(false);
    finder.visit_type(&operation.output);
    finder.0 && operation.server_provided().count() != 1
}

struct FindElidedReference(bool);

impl<'ast> Visit<'ast> for FindElidedReference {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0 |= reference.lifetime.is_none();
        syn::visit::visit_type_reference(self, reference);
    }
}

/// Reports references without a lifetime in a result.
struct RejectBorrowedResult<'a> {
    kind: Kind,
    in_json: bool,
    in_error: bool,
    can_borrow: bool,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for RejectBorrowedResult<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.is_some() || self.in_json && self.can_borrow {
            return;
        }
        let is_text = last_segment(&reference.elem).is_some_and(|segment| segment.ident == "str");
        let message = match owned_form(&reference.elem) {
            Some(_) if self.in_error => {
                let (kind, reader) = (self.kind, if self.kind == Kind::Tool { "model" } else { "client" });
                format!(
                    "a string cannot be the error of a {kind}: return `Result<_, ToolError>`, and write \
                     `ToolError::new(\"..\")` for a message that the {reader} sees"
                )
            }
            _ if is_text => "a result is owned: write `String`, or `&'static str` for a constant".to_owned(),
            Some(owned) => format!("a result is owned: write `{owned}`"),
            None => format!("a result is owned: write `{}`", without_spaces(&reference.elem)),
        };
        self.errors.push(reference, message);
    }

    fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return };
        let (in_json, in_error) = (self.in_json, self.in_error);
        self.in_json |= segment.ident == "Json";
        for (i, argument) in arguments.args.iter().enumerate() {
            self.in_error = in_error || segment.ident == "Result" && i == 1;
            self.visit_generic_argument(argument);
        }
        (self.in_json, self.in_error) = (in_json, in_error);
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

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
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
