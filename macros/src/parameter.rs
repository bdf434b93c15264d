//! Parameters of a function, and their attributes.

use syn::{
    Attribute, Expr, ExprLit, FnArg, Ident, Lit, Pat, Token, Type, TypeReference, ext::IdentExt,
    meta::ParseNestedMeta, token,
};

use crate::{arg::ArgAttr, doc, errors::Errors, kind::Kind};

/// Names of the values that completions can use although they are not parameters, and the methods that return them.
pub(crate) const COMPLETION_VALUES: [&str; 2] = ["value", "arguments"];

/// A parameter of the function.
pub(crate) enum Parameter {
    /// An owned type, which is deserialized from the JSON arguments of the call.
    Argument(Box<Argument>),
    /// A reference, which the server provides: `&Caller`, `&Context`, `&Granted<S>` or `&T` state.
    ServerProvided(Reference),
}

/// A parameter that the server provides.
pub(crate) struct Reference {
    /// Its name, if guards and visibility rules can name it.
    pub(crate) ident: Option<Ident>,
    pub(crate) ty: TypeReference,
}

/// A parameter that is deserialized from JSON.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) description: Option<String>,
    /// The `serde` and `schemars` attributes, for the field of the derived struct.
    pub(crate) derive_attributes: Vec<Attribute>,
    /// Name in JSON: that of the parameter, or that of `#[serde(rename = "..")]`.
    pub(crate) name: String,
    /// Whether it has `#[serde(flatten)]`.
    pub(crate) is_flattened: bool,
    pub(crate) attr: ArgAttr,
}

impl Parameter {
    /// Parses a parameter, and removes the attributes that rustc does not know from the signature.
    pub(crate) fn parse(kind: Kind, input: &mut FnArg, errors: &mut Errors) -> Option<Self> {
        let input = match input {
            FnArg::Receiver(receiver) => {
                errors.push(
                    receiver,
                    format!(
                        "a {kind} cannot be a method: write a free function, take what `self` provides as `&T`, and pass \
                         the `T` to `Server::state`"
                    ),
                );
                return None;
            }
            FnArg::Typed(input) => input,
        };
        // `macro_rules!` wraps the types that it passes on in invisible groups.
        while let Type::Group(group) = &*input.ty {
            let inner = group.elem.clone();
            input.ty = inner;
        }

        let is_reference = matches!(&*input.ty, Type::Reference(_));
        let mut docs = Vec::new();
        let mut derive_attributes = Vec::new();
        let mut attr = ArgAttr::default();
        for attribute in std::mem::take(&mut input.attrs) {
            let is_arg = attribute.path().is_ident("arg");
            let is_derive_attribute = attribute.path().is_ident("serde") || attribute.path().is_ident("schemars");
            if is_reference && (is_arg || is_derive_attribute) {
                errors.push(
                    &attribute,
                    "this attribute is for arguments, and a reference is provided by the server: remove the attribute",
                );
            } else if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
                errors.push(
                    &attribute,
                    "a parameter cannot have `#[cfg]` or `#[cfg_attr]`, because generated code reads all parameters: write \
                     two functions, each with `#[cfg]` on the function",
                );
            } else if is_arg {
                attr.add(kind, &attribute, errors);
            } else if is_derive_attribute {
                derive_attributes.push(attribute);
            } else if attribute.path().is_ident("doc") {
                docs.push(attribute);
            } else {
                input.attrs.push(attribute);
            }
        }

        if let Type::Reference(reference) = &*input.ty {
            let ident = match &*input.pat {
                Pat::Ident(pattern) => Some(pattern.ident.clone()),
                _ => None,
            };
            return Some(Self::ServerProvided(Reference { ident, ty: reference.clone() }));
        }
        let ident = match &*input.pat {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => pattern.ident.clone(),
            pattern => {
                errors.push(
                    pattern,
                    "expected a plain name, which is the name of the argument: destructure the value in the body",
                );
                return None;
            }
        };
        let mut argument = Argument {
            name: ident.unraw().to_string(),
            ident,
            ty: (*input.ty).clone(),
            description: doc::description(&docs),
            derive_attributes,
            is_flattened: false,
            attr,
        };
        argument.read_serde_attributes();
        Some(Self::Argument(Box::new(argument)))
    }
}

impl Parameter {
    /// Name of the parameter, if it has one.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match self {
            Self::Argument(argument) => Some(&argument.ident),
            Self::ServerProvided(reference) => reference.ident.as_ref(),
        }
    }
}

impl Argument {
    /// Reads `rename` and `flatten`. Errors are ignored, because serde's derive reports them.
    fn read_serde_attributes(&mut self) {
        for attribute in self.derive_attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("flatten") {
                    self.is_flattened = true;
                } else if meta.path.is_ident("rename") && meta.input.peek(token::Paren) {
                    meta.parse_nested_meta(|direction| {
                        let name = string_value(&direction)?;
                        if let Some(name) = name.filter(|_| direction.path.is_ident("deserialize")) {
                            self.name = name;
                        }
                        Ok(())
                    })?;
                } else if meta.input.peek(Token![=]) {
                    let value = string_value(&meta)?;
                    if let Some(name) = value.filter(|_| meta.path.is_ident("rename")) {
                        self.name = name;
                    }
                }
                Ok(())
            });
        }
    }
}

/// Parses `= value`, and returns the value if it is a string literal.
fn string_value(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<String>> {
    Ok(match meta.value()?.parse()? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    })
}
