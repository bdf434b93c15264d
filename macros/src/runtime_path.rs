//! Paths into the runtime crate, `toolgate`, in generated code.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Path;

/// Path of the runtime crate: `#runtime::Scopes` in `quote!` names an item of it.
#[derive(Clone)]
pub(crate) struct RuntimePath(TokenStream);

impl RuntimePath {
    /// Finds the runtime crate under the name that the user's `Cargo.toml` gives it.
    ///
    /// The path is absolute, so that no item in the user's scope can shadow the crate.
    pub(crate) fn find() -> Self {
        let name = match crate_name("toolgate") {
            Ok(FoundCrate::Name(name)) => Ident::new(&name, Span::call_site()),
            // toolgate itself has `extern crate self as toolgate`. An error means that `Cargo.toml` cannot be read or
            // does not list the crate.
            Ok(FoundCrate::Itself) | Err(_) => Ident::new("toolgate", Span::call_site()),
        };
        Self(quote!(::#name))
    }

    /// Returns the path that `crate = ..` names, or the crate that [`find`](Self::find) finds.
    pub(crate) fn named_or_found(named: Option<&Path>) -> Self {
        named.map_or_else(Self::find, |path| Self(path.to_token_stream()))
    }

    /// Returns the same path with `span`, so that the compiler reports errors about it there.
    pub(crate) fn with_span(&self, span: Span) -> Self {
        let with_span = |mut token: proc_macro2::TokenTree| {
            token.set_span(span);
            token
        };
        Self(self.0.clone().into_iter().map(with_span).collect())
    }
}

impl ToTokens for RuntimePath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}
