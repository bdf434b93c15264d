//! A tool as it is written: the attribute and the function.

use proc_macro2::TokenStream;
use syn::{ItemFn, ReturnType, Type, ext::IdentExt, parse_quote};

use crate::{
    attr::ToolAttr,
    doc,
    errors::Errors,
    parameter::{Argument, Parameter, Reference},
};

/// A function with `#[tool(..)]`.
pub(crate) struct Tool {
    pub(crate) attr: ToolAttr,
    /// The function, without the attributes of parameters that only `#[tool]` understands.
    pub(crate) function: ItemFn,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Type,
}

impl Tool {
    pub(crate) fn parse(arguments: TokenStream, mut function: ItemFn, errors: &mut Errors) -> Self {
        let attr = ToolAttr::parse(arguments, errors);
        let parameters = function.sig.inputs.iter_mut().filter_map(|input| Parameter::parse(input, errors)).collect();
        let output = match &function.sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        Self { attr, function, parameters, output }
    }

    /// Name of the tool in MCP.
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
