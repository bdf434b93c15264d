//! What stands in for a tool that was refused.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ItemFn;

/// The function as it was written, less the attributes that only `#[tool]` knows, so that whoever calls it still finds
/// it. One that cannot compile by itself (a method outside an `impl`) is left out.
pub(crate) fn function(function: ItemFn) -> TokenStream {
    if function.sig.receiver().is_some() {
        return TokenStream::new();
    }
    function.into_token_stream()
}
