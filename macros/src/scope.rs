//! `scope!("..")`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    LitStr, Path, Token,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::krate;

struct Input {
    name: LitStr,
    list: Option<Path>,
}

/// How `scope!` is written.
const USAGE: &str =
    "write `scope!(\"employees:read:public\")`, or `scope!(\"..\", in path::TO_LIST)` for another list";

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let usage = |message: &str| {
            let message = format!("{message}: {USAGE}");
            move |error: syn::Error| syn::Error::new(error.span(), message)
        };
        let name = input.parse().map_err(usage("a scope is a string literal, so that the compiler can check it"))?;
        let list = match input.parse::<Option<Token![,]>>()? {
            Some(_) if !input.is_empty() => {
                input.parse::<Token![in]>().map_err(usage("another list stands after `in`"))?;
                Some(input.parse().map_err(usage("a list is named by its path"))?)
            }
            _ => None,
        };
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error(format!("`scope!` makes one scope: {USAGE}")));
        }
        Ok(Self { name, list })
    }
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let krate = krate::path();
    match syn::parse2::<Input>(input) {
        Ok(Input { name, list }) => {
            let checks = checks(&krate, &quote!(__LIST), list.as_ref(), name.span(), [&name]);
            let list = self::list(&krate, list.as_ref(), name.span());
            let value = value(&krate, &name);
            quote!({
                static __LIST: &#krate::Scopes = #list;
                #checks
                #value
            })
        }
        Err(error) => error.to_compile_error(),
    }
}

/// A reference to the list that scopes are checked against.
///
/// A glob of an inner scope comes before one of an outer scope, so this is the crate's `SCOPES` where there is one, and
/// otherwise the stand-in whose check says what is missing.
pub(crate) fn list(krate: &TokenStream, named: Option<&Path>, span: Span) -> TokenStream {
    if let Some(path) = named {
        return quote_spanned!(path.span()=> &#path);
    }
    let found = quote_spanned!(span=> &SCOPES);
    quote!({
        #[allow(unused_imports)]
        use #krate::__private::missing::*;
        {
            #[allow(unused_imports)]
            use crate::*;
            #found
        }
    })
}

/// The constants that fail to compile: where there is no list, an error at `span`, and for each scope that is not in
/// it, an error on its literal. Nothing else depends on them, so each error stands alone.
pub(crate) fn checks<'a>(
    krate: &TokenStream,
    list: &TokenStream,
    named: Option<&Path>,
    span: Span,
    scopes: impl IntoIterator<Item = &'a LitStr>,
) -> TokenStream {
    let found = named.is_none().then(|| {
        let (path, list) = (respan(krate, span), respan(list, span));
        let check = quote_spanned!(span=> #path::__private::check_list(#list));
        quote!(const _: () = #check;)
    });
    let checks = scopes.into_iter().map(|name| {
        let span = name.span();
        let (path, list) = (respan(krate, span), respan(list, span));
        let check = quote_spanned!(span=> #path::__private::scope(#list, #name));
        quote!(const _: #krate::Scope = #check;)
    });
    quote!(#found #(#checks)*)
}

/// A scope whose check stands beside it.
pub(crate) fn value(krate: &TokenStream, name: &LitStr) -> TokenStream {
    quote!(#krate::__private::checked_beside(#name))
}

/// The same tokens, with errors about them standing elsewhere.
pub(crate) fn respan(tokens: &TokenStream, span: Span) -> TokenStream {
    tokens
        .clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}
