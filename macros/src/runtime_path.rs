//! Paths into the runtime crate, `toolgate`, in generated code.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::Path;

/// Path of the runtime crate: `#runtime::Scopes` in `quote!` names an item of it.
#[derive(Clone)]
pub(crate) struct RuntimePath(TokenStream);

impl RuntimePath {
    /// Finds the runtime crate. The path is absolute, so that no item in the user's scope can shadow the crate.
    pub(crate) fn find() -> Self {
        let name = Ident::new(&dependency_name(), Span::call_site());
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

/// Returns the name that the user's `Cargo.toml` gives the runtime crate; without the feature, its own name.
fn dependency_name() -> String {
    // toolgate itself has `extern crate self as toolgate`. An error means that `Cargo.toml` cannot be read or does not list
    // the crate.
    #[cfg(feature = "renamed-dependency")]
    if let Ok(proc_macro_crate::FoundCrate::Name(name)) = proc_macro_crate::crate_name("toolgate") {
        return name;
    }
    "toolgate".to_owned()
}

impl ToTokens for RuntimePath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}
