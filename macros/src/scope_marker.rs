//! `#[derive(ScopeMarker)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::{
    runtime_path::RuntimePath,
    scope::{self, ScopeMacro},
};

const USAGE: &str = "expected the scope that the type represents: write `#[scope(\"employees:read:public\")]`";

/// Expands `#[derive(ScopeMarker)]`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let parsed = syn::parse2(input).and_then(|input| Ok((marked_scope(&input)?, input)));
    let (ScopeMacro { name, list }, input) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return error.to_compile_error(),
    };
    let runtime = RuntimePath::find();
    let checks = scope::checks(&runtime, list.as_ref(), name.span(), [&name]);
    let scope = scope::scope_value(&runtime, &name);
    let marker = &input.ident;
    quote! {
        const _: () = {
            #checks
            impl #runtime::ScopeMarker for #marker {
                const SCOPE: #runtime::Scope = #scope;
            }
            #runtime::__private::inventory::submit! {
                #runtime::__private::MarkedScope::new(__TOOLGATE_SCOPES, #scope)
            }
        };
    }
}

fn marked_scope(input: &DeriveInput) -> syn::Result<ScopeMacro> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(parameter, "a scope marker represents one scope: remove the parameters"));
    }
    let mut attributes = input.attrs.iter().filter(|attribute| attribute.path().is_ident("scope"));
    let attribute = attributes.next().ok_or_else(|| syn::Error::new_spanned(&input.ident, USAGE))?;
    if let Some(duplicate) = attributes.next() {
        return Err(syn::Error::new_spanned(duplicate, "duplicate `scope`: a scope marker represents one scope"));
    }
    let list = attribute.meta.require_list().map_err(|error| syn::Error::new(error.span(), USAGE))?;
    syn::parse2(list.tokens.clone())
}
