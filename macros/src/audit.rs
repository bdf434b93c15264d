//! The arguments that the audit may have: each has to be one.

use syn::{Attribute, Expr, ExprLit, Lit, Token, ext::IdentExt};

use crate::{
    ast::{Argument, Tool},
    errors::Errors,
};

pub(crate) fn arguments(tool: &Tool, errors: &mut Errors) {
    let names: Vec<_> = tool.arguments().map(wire_name).collect();
    // What is in a flattened parameter is known when the server is built, and checked then.
    let all_known = names.iter().all(Option::is_some);
    for (i, name) in tool.attr.audit.iter().enumerate() {
        if tool.attr.audit[..i].iter().any(|earlier| earlier.value() == name.value()) {
            errors.push(name, format!("`{}` is named twice: remove one", name.value()));
        } else if all_known && !names.iter().flatten().any(|known| *known == name.value()) {
            let text = format!("the tool has no argument `{}`{}", name.value(), known(names.iter().flatten()));
            errors.push(name, text);
        }
    }
}

fn known<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        ", and no other".to_owned()
    } else {
        format!(": name one as it is in JSON, {}", names.join(", "))
    }
}

/// The name in JSON; nothing for a parameter that is flattened.
fn wire_name(argument: &Argument) -> Option<String> {
    let mut name = Some(argument.name.unraw().to_string());
    for attribute in argument.attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        read_serde(attribute, &mut name);
    }
    name
}

fn read_serde(attribute: &Attribute, name: &mut Option<String>) {
    // What does not parse is serde's to complain about.
    let _ = attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("flatten") {
            *name = None;
        } else if meta.path.is_ident("rename") && meta.input.peek(syn::token::Paren) {
            meta.parse_nested_meta(|inner| {
                let value = inner.value()?.parse::<Expr>()?;
                if inner.path.is_ident("deserialize") {
                    rename(&value, name);
                }
                Ok(())
            })?;
        } else if meta.input.peek(Token![=]) {
            let value = meta.value()?.parse::<Expr>()?;
            if meta.path.is_ident("rename") {
                rename(&value, name);
            }
        }
        Ok(())
    });
}

fn rename(value: &Expr, name: &mut Option<String>) {
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value {
        *name = Some(text.value());
    }
}
