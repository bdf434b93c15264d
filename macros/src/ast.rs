//! A tool, parsed.

use proc_macro2::TokenStream;
use syn::{
    Attribute, FnArg, Ident, ItemFn, LitStr, Pat, ReturnType, Type, TypeReference, ext::IdentExt, parse_quote,
};

use crate::{
    attr::{self, ToolAttr},
    doc,
    errors::Errors,
};

/// A function with `#[tool(..)]` on it.
pub(crate) struct Tool {
    pub(crate) attr: ToolAttr,
    pub(crate) function: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Type,
}

/// One parameter of the function.
pub(crate) enum Parameter {
    /// An owned type: it comes from JSON.
    Argument(Box<Argument>),
    /// A reference: the server gives it. The type is the one behind the reference.
    Given(TypeReference),
}

/// A parameter that comes from JSON.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    /// `doc`, `serde` and `schemars`, for the field that stands for this parameter.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) header: Option<LitStr>,
}

impl Tool {
    pub(crate) fn parse(arguments: TokenStream, mut function: ItemFn, errors: &mut Errors) -> Self {
        let attr = ToolAttr::parse(arguments, errors);
        let parameters = function.sig.inputs.iter_mut().filter_map(|input| parameter(input, errors)).collect();
        let output = match &function.sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        Self { attr, function, parameters, output }
    }

    /// The name on the wire.
    pub(crate) fn wire_name(&self) -> String {
        match &self.attr.name {
            Some(name) => name.value(),
            None => self.function.sig.ident.unraw().to_string(),
        }
    }

    pub(crate) fn description(&self) -> Option<String> {
        match &self.attr.description {
            Some(text) => Some(text.value()),
            None => doc::text(&self.function.attrs),
        }
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument(argument) => Some(&**argument),
            Parameter::Given(_) => None,
        })
    }

    pub(crate) fn given(&self) -> impl Iterator<Item = &TypeReference> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Given(reference) => Some(reference),
            Parameter::Argument(_) => None,
        })
    }
}

/// Takes the attributes that are ours out of the signature, where Rust does not know them.
fn parameter(input: &mut FnArg, errors: &mut Errors) -> Option<Parameter> {
    let input = match input {
        FnArg::Receiver(receiver) => {
            errors.push(
                receiver,
                "a tool is a free function, not a method: take what `self` holds as `&T`, and hand a `T` to `Server::state`",
            );
            return None;
        }
        FnArg::Typed(input) => input,
    };
    // What a macro of the author's passes on comes in invisible brackets.
    while let Type::Group(group) = &*input.ty {
        let inner = group.elem.clone();
        input.ty = inner;
    }
    let is_given = matches!(&*input.ty, Type::Reference(_));
    let mut header = None;
    let mut attributes = Vec::new();
    for attribute in std::mem::take(&mut input.attrs) {
        let path = attribute.path();
        let is_ours = path.is_ident("arg");
        let is_of_arguments = is_ours || path.is_ident("serde") || path.is_ident("schemars");
        if is_given && is_of_arguments {
            errors.push(
                &attribute,
                "this is for arguments; what is taken by reference is given by the server: remove it",
            );
        } else if is_ours {
            let another = attr::argument_header(&attribute, errors);
            if header.is_some() && another.is_some() {
                errors.push(&attribute, "an argument has one header: remove one");
            }
            header = another;
        } else if is_of_arguments || path.is_ident("doc") {
            attributes.push(attribute);
        } else {
            input.attrs.push(attribute);
        }
    }
    if let Type::Reference(reference) = &*input.ty {
        return Some(Parameter::Given(reference.clone()));
    }
    match &*input.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Some(Parameter::Argument(Box::new(Argument {
                name: pattern.ident.clone(),
                ty: (*input.ty).clone(),
                attributes,
                header,
            })))
        }
        pattern => {
            errors.push(
                pattern,
                "a parameter needs a plain name, which is the argument's name: take it apart in the body",
            );
            None
        }
    }
}
