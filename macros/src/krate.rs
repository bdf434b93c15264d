//! The path of the runtime crate, whatever it is called in the user's `Cargo.toml`.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// Absolute, so that nothing in the user's scope can stand in for it.
pub(crate) fn path() -> TokenStream {
    match crate_name("toolgate") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name)
        }
        // In toolgate itself (`extern crate self as toolgate`), and where Cargo.toml cannot be read, the name is the best guess.
        Ok(FoundCrate::Itself) | Err(_) => quote!(::toolgate),
    }
}
