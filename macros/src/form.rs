//! `#[derive(Form)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Fields};

use crate::runtime_path::RuntimePath;

/// Expands `#[derive(Form)]`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let runtime = RuntimePath::find();
    let form = &input.ident;
    // An error about the type points to its name.
    let spanned = runtime.with_span(form.span());
    let content = quote_spanned!(form.span()=> #spanned::__private::form_content::<#form>());
    let Err(error) = check(&input) else {
        return quote! {
            const _: () = {
                impl #runtime::input::Form for #form {
                    fn content() -> #runtime::__private::FormContent<Self> {
                        #content
                    }
                }
                #runtime::__private::inventory::submit! {
                    #runtime::__private::RegisteredForm::of::<#form>()
                }
            };
        };
    };
    let error = error.into_compile_error();
    if !input.generics.params.is_empty() {
        return error;
    }
    // The uses of the type are no further errors.
    quote! {
        #error
        impl #runtime::input::Form for #form {
            fn content() -> #runtime::__private::FormContent<Self> {
                ::core::unimplemented!()
            }
        }
    }
}

/// Checks what the tokens of a type tell. The rest is checked when a server is built.
fn check(input: &DeriveInput) -> syn::Result<()> {
    if let Some(parameter) = input.generics.params.first() {
        let message = "a form has no generic parameters, because it is checked when a server is built: remove them";
        return Err(syn::Error::new_spanned(parameter, message));
    }
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(()),
        Data::Enum(_) => {
            let message = "a form is a struct with named fields: let an enum be the type of one of its fields";
            Err(syn::Error::new_spanned(&input.ident, message))
        }
        Data::Struct(_) | Data::Union(_) => Err(syn::Error::new_spanned(
            &input.ident,
            "a form is a struct with named fields, which the user fills in",
        )),
    }
}
