//! An operation as it is written: the attribute and the function.

use proc_macro2::TokenStream;
use syn::{ItemFn, ReturnType, Type, ext::IdentExt, parse_quote_spanned};

use crate::{
    attr::OperationAttr,
    doc,
    errors::Errors,
    kind::Kind,
    parameter::{Argument, Parameter, Reference},
};

/// A function with `#[tool(..)]`, `#[prompt(..)]` or `#[resource(..)]`.
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) attr: OperationAttr,
    /// The function, without the attributes of parameters that only this macro understands.
    pub(crate) function: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Type,
}

impl Operation {
    pub(crate) fn parse(kind: Kind, arguments: TokenStream, mut function: ItemFn, errors: &mut Errors) -> Self {
        let attr = OperationAttr::parse(kind, arguments, errors);
        let inputs = function.sig.inputs.iter_mut();
        let parameters = inputs.filter_map(|input| Parameter::parse(kind, input, errors)).collect();
        let output = match &function.sig.output {
            ReturnType::Default => parse_quote_spanned!(function.sig.ident.span()=> ()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        Self { kind, attr, function, parameters, output }
    }

    /// Name in MCP.
    pub(crate) fn name(&self) -> String {
        match &self.attr.name {
            Some(name) => name.value(),
            None => self.function.sig.ident.unraw().to_string(),
        }
    }

    pub(crate) fn description(&self) -> Option<String> {
        match &self.attr.description {
            Some(text) => Some(text.value()),
            None => doc::description(&self.function.attrs),
        }
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Argument(argument) => Some(&**argument),
            Parameter::ServerProvided(_) => None,
        })
    }

    pub(crate) fn server_provided(&self) -> impl Iterator<Item = &Reference> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::ServerProvided(reference) => Some(reference),
            Parameter::Argument(_) => None,
        })
    }
}
