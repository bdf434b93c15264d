//! `scope!("..")`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    LitStr, Path, Token,
    parse::{Parse, ParseStream},
};

use crate::krate;

struct Input {
    name: LitStr,
    list: Option<Path>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        let list = match input.parse::<Option<Token![,]>>()? {
            Some(_) if !input.is_empty() => {
                input.parse::<Token![in]>()?;
                Some(input.parse()?)
            }
            _ => None,
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { name, list })
    }
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let krate = krate::path();
    match syn::parse2::<Input>(input) {
        Ok(Input { name, list }) => {
            let list = self::list(&krate, list.as_ref());
            let scope = checked(&krate, &quote!(__LIST), &name);
            quote!({
                const __LIST: &#krate::Scopes = #list;
                const __SCOPE: #krate::Scope = #scope;
                __SCOPE
            })
        }
        Err(error) => error.to_compile_error(),
    }
}

/// A reference to the list that scopes are checked against.
///
/// A glob of an inner scope comes before one of an outer scope, so this is the crate's `SCOPES` where there is one, and
/// otherwise the stand-in whose check says what is missing.
pub(crate) fn list(krate: &TokenStream, named: Option<&Path>) -> TokenStream {
    if let Some(path) = named {
        return quote!(&#path);
    }
    quote!({
        #[allow(unused_imports)]
        use #krate::__private::missing::*;
        const __FOUND: &#krate::Scopes = {
            #[allow(unused_imports)]
            use crate::*;
            &SCOPES
        };
        #krate::__private::check_list(__FOUND);
        __FOUND
    })
}

/// The checked scope; an error stands on the literal.
pub(crate) fn checked(krate: &TokenStream, list: &TokenStream, name: &LitStr) -> TokenStream {
    let krate = respan(krate, name.span());
    let list = respan(list, name.span());
    quote_spanned!(name.span()=> #krate::__private::scope(#list, #name))
}

/// The same tokens, with errors about them standing elsewhere.
pub(crate) fn respan(tokens: &TokenStream, span: Span) -> TokenStream {
    tokens
        .clone()
        .into_iter()
        .map(|mut token| {
            // Resolved where the macro was called, shown where the literal stands.
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}
