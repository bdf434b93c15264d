//! Checks of what only resources and prompts have: a URI, and arguments that are not JSON.

use crate::{ast::Operation, errors::Errors, kind::Kind};

/// A resource has a URI. Its arguments, and those of a prompt, are declared one by one.
pub(super) fn resource(operation: &Operation, errors: &mut Errors) {
    if operation.kind == Kind::Tool {
        return;
    }
    flattened(operation, errors);
    if operation.kind != Kind::Resource {
        return;
    }
    let attr = &operation.attr;
    if attr.uri.is_none() && !attr.may_have(&["uri"]) {
        errors.push(
            &operation.function.sig.ident,
            "this resource does not declare its URI: write `#[resource(uri = \"company://policies/handbook\", ..)]`, or \
             a template such as `\"company://employees/{employee_id}\"`",
        );
    }
    // Its variables are compared with the arguments by the constant that `expand` generates.
    if let Some(uri) = attr.uri.as_ref().filter(|uri| attr.size.is_some() && uri.value().contains('{')) {
        errors.push(uri, "a resource whose URI has variables has no single size: remove `size`");
    }
}

/// Arguments of prompts and variables of URIs are listed by name.
fn flattened(operation: &Operation, errors: &mut Errors) {
    let kind = operation.kind;
    for argument in operation.arguments().filter(|argument| argument.is_flattened) {
        errors.push(
            &argument.ident,
            format!("a {kind} declares each of its arguments: replace `flatten` by a parameter for each argument"),
        );
    }
}
