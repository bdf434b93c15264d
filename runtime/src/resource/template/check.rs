//! Check of the URI of a resource in constants.

use super::{
    problem::message,
    syntax::{Parser, Part, count, validate},
};
use crate::scope::{equal, nearest};

/// Checks the URI, or the URI template, of a resource with these parameters, for generated code. In a constant, a panic
/// is a compile error.
///
/// A resource without parameters has a URI without variables. Otherwise, each variable is a parameter, and each
/// parameter is a variable.
#[doc(hidden)]
#[track_caller]
pub const fn check_uri(uri: &str, parameters: &[&str]) {
    if let Err(error) = validate(uri) {
        error.panic(uri);
    }
    let mut parser = Parser::new(uri);
    while let Ok(Some(part)) = parser.next() {
        if let Part::Variable { name, .. } = part
            && !contains(parameters, name)
        {
            let message = message(uri)
                .push(" has the variable `")
                .push(name)
                .push("`, but the function has no such parameter: ");
            match nearest(name, parameters) {
                Some(nearest) => message.push("did you mean `").push(nearest).push("`?").panic(),
                None => message.push("add the parameter, or remove the variable").panic(),
            }
        }
    }
    let mut i = 0;
    while i < parameters.len() {
        if count(uri, parameters[i]) == 0 {
            message(uri)
                .push(" has no variable `")
                .push(parameters[i])
                .push("`, but the function has this parameter: a resource receives only the variables of its URI, so add `{")
                .push(parameters[i])
                .push("}` to the URI, or remove the parameter")
                .panic();
        }
        i += 1;
    }
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut i = 0;
    while i < names.len() {
        if equal(names[i], name) {
            return true;
        }
        i += 1;
    }
    false
}
