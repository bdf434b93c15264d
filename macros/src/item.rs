//! The item with the attribute, which must be a function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Item, ItemFn, TraitItemFn, parse_quote};

use crate::kind::Kind;

/// Parses the function.
///
/// # Errors
///
/// The expansion for another item: an error, and the item.
pub(crate) fn parse(kind: Kind, item: TokenStream) -> Result<ItemFn, TokenStream> {
    let error = match syn::parse2(item.clone()) {
        Ok(function) => return Ok(function),
        Err(error) => error,
    };
    if let Ok(mut declaration) = syn::parse2::<TraitItemFn>(item.clone()) {
        let message =
            format!("a {kind} needs a body, and is not a function of a trait: write a free `async fn` with a body");
        let error = syn::Error::new_spanned(declaration.semi_token, message).into_compile_error();
        // The compiler would report the missing body of a free function again.
        declaration.semi_token = None;
        declaration.default = Some(parse_quote!({ ::core::unimplemented!() }));
        return Err(quote!(#error #[allow(unused)] #declaration));
    }
    let message = match syn::parse2(item.clone()).ok().as_ref().and_then(describe) {
        Some(other) => {
            format!(
                "`#[{kind}]` is for a free `async fn`, but this is {other}: move `#[{kind}(..)]` to a free function"
            )
        }
        None => format!("`#[{kind}]` is for a free `async fn`: {error}"),
    };
    Err([syn::Error::new(error.span(), message).into_compile_error(), item].into_iter().collect())
}

fn describe(item: &Item) -> Option<&'static str> {
    Some(match item {
        Item::Const(_) => "a constant",
        Item::Enum(_) => "an enum",
        Item::Impl(_) => "an `impl` block",
        Item::Macro(_) => "a macro",
        Item::Mod(_) => "a module",
        Item::Static(_) => "a static",
        Item::Struct(_) => "a struct",
        Item::Trait(_) => "a trait",
        Item::Type(_) => "a type alias",
        _ => return None,
    })
}
