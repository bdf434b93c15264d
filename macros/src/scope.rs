//! `scope!(..)`, and the compile-time checks of scopes that `#[tool]` shares with it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    LitStr, Path, Token,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::runtime_path::RuntimePath;

/// Arguments of `scope!`, and of `#[scope(..)]` on a scope marker.
pub(crate) struct ScopeMacro {
    pub(crate) name: LitStr,
    pub(crate) list: Option<Path>,
}

impl Parse for ScopeMacro {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let expected = |what: &'static str| move |error: syn::Error| syn::Error::new(error.span(), what);
        let name = input.parse().map_err(expected(
            "expected a string literal, which is checked at compile time: write `scope!(\"employees:read:public\")`",
        ))?;
        let in_list = "expected `in` and the path of a list of scopes: write `scope!(\"..\", in policy::SCOPES)`";
        if input.peek(Token![in]) {
            return Err(input.error("expected a comma: write `scope!(\"..\", in policy::SCOPES)`"));
        }
        let list = match input.parse::<Option<Token![,]>>()? {
            Some(_) if !input.is_empty() => {
                input.parse::<Token![in]>().map_err(expected(in_list))?;
                Some(input.parse().map_err(expected(in_list))?)
            }
            _ => None,
        };
        input.parse::<Option<Token![,]>>()?;
        if !input.is_empty() {
            return Err(input.error("unexpected token: `scope!` takes one scope"));
        }
        Ok(Self { name, list })
    }
}

/// Expands `scope!`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let ScopeMacro { name, list } = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let runtime = RuntimePath::find();
    let checks = checks(&runtime, list.as_ref(), name.span(), [&name]);
    let scope = scope_value(&runtime, &name);
    quote!({
        #checks
        #scope
    })
}

/// The static `__TOOLGATE_SCOPES`, a reference to the list of scopes, and constants that fail to compile if there is no
/// list (at `span`) or if it lacks one of `scopes` (at its literal).
///
/// No other generated code uses the constants, so each failure is one error.
pub(crate) fn checks<'a>(
    runtime: &RuntimePath,
    named_list: Option<&Path>,
    span: Span,
    scopes: impl IntoIterator<Item = &'a LitStr>,
) -> TokenStream {
    let list = list(runtime, named_list, span);
    let list_check = named_list.is_none().then(|| {
        let (runtime, list) = (runtime.with_span(span), Ident::new("__TOOLGATE_SCOPES", span));
        let check = quote_spanned!(span=> #runtime::__private::check_list(#list));
        quote!(const _: () = #check;)
    });
    let path = named_list.map_or_else(|| "SCOPES".to_owned(), path_text);
    let scope_checks = scopes.into_iter().map(|name| {
        let span = name.span();
        let (spanned, list) = (runtime.with_span(span), Ident::new("__TOOLGATE_SCOPES", span));
        let check = quote_spanned!(span=> #spanned::__private::scope(#list, #path, #name));
        quote!(const _: #runtime::Scope = #check;)
    });
    quote! {
        static __TOOLGATE_SCOPES: &#runtime::Scopes = #list;
        #list_check
        #(#scope_checks)*
    }
}

/// Returns a reference to the list that scopes are checked against: the one that `scopes_in` names, or `crate::SCOPES`.
///
/// A glob import in an inner block shadows one in an outer block. So `SCOPES` is that of the crate if it exists, and
/// otherwise the placeholder in `missing`, which `check_list` rejects with an explanation.
fn list(runtime: &RuntimePath, named: Option<&Path>, span: Span) -> TokenStream {
    if let Some(path) = named {
        return quote_spanned!(path.span()=> &#path);
    }
    list_of_crate(&quote!(#runtime::__private::missing), &Ident::new("SCOPES", span))
}

/// Returns a reference to the static `name` at the root of the crate, or to that of the module `missing`.
fn list_of_crate(missing: &TokenStream, name: &Ident) -> TokenStream {
    let found = quote_spanned!(name.span()=> &#name);
    quote!({
        #[allow(unused_imports)]
        use #missing::*;
        {
            #[allow(unused_imports)]
            use crate::*;
            #found
        }
    })
}

/// Constants that fail to compile if the crate has a list `ROLES` without one of `roles`, each at its literal.
pub(crate) fn role_checks(runtime: &RuntimePath, roles: &[LitStr]) -> TokenStream {
    let Some(first) = roles.first() else { return TokenStream::new() };
    let list = list_of_crate(&quote!(#runtime::__private::missing_roles), &Ident::new("ROLES", first.span()));
    let checks = roles.iter().map(|role| {
        let (spanned, list) = (runtime.with_span(role.span()), Ident::new("__TOOLGATE_ROLES", role.span()));
        let check = quote_spanned!(role.span()=> #spanned::__private::check_role(#list, #role));
        quote!(const _: () = #check;)
    });
    quote! {
        static __TOOLGATE_ROLES: &#runtime::Roles = #list;
        #(#checks)*
    }
}

/// A path as it is written, such as `policy::SCOPES`. `TokenStream::to_string` writes `policy :: SCOPES`.
fn path_text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// Returns the value of a scope that [`checks`] checks.
pub(crate) fn scope_value(runtime: &RuntimePath, name: &LitStr) -> TokenStream {
    quote!(#runtime::__private::scope_unchecked(#name))
}
