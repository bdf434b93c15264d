//! Generated code of completions: `#[arg(complete = ..)]`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Ident, ext::IdentExt, spanned::Spanned};

use super::{
    local,
    policy::{CALLER, mentioned_references, named},
};
use crate::{
    ast::Operation,
    parameter::{Argument, COMPLETION_VALUES},
    runtime_path::RuntimePath,
    source_text::mention,
};

/// The function that completes each argument with `#[arg(complete = ..)]`.
pub(super) fn functions(operation: &Operation, runtime: &RuntimePath) -> TokenStream {
    completed(operation).map(|(argument, call)| function(operation, argument, call, runtime)).collect()
}

/// The builder call of the descriptor, if an argument has a completion.
pub(super) fn descriptor_call(operation: &Operation, runtime: &RuntimePath) -> Option<TokenStream> {
    let completions: Vec<_> = completed(operation)
        .map(|(argument, _)| {
            let (name, function) = (&argument.name, function_name(argument));
            quote!(#runtime::__private::Completion { argument: #name, complete: #function })
        })
        .collect();
    (!completions.is_empty()).then(|| quote!(.completions(&[#(#completions),*])))
}

fn completed(operation: &Operation) -> impl Iterator<Item = (&Argument, &Expr)> {
    operation.arguments().filter_map(|argument| Some((argument, argument.attr.complete.as_ref()?)))
}

fn function_name(argument: &Argument) -> Ident {
    format_ident!("__toolgate_complete_{}", argument.ident.unraw())
}

fn function(operation: &Operation, argument: &Argument, call: &Expr, runtime: &RuntimePath) -> TokenStream {
    let [completion, provided] = ["__completion", "__provided"].map(local);
    let name = function_name(argument);
    let (call, bindings, checks) = match call {
        // A path is a call with the text that the user has typed.
        Expr::Path(path) => {
            // The span of the path is where the compiler reports a parameter of another type.
            let typed = Ident::new("__value", path.span().resolved_at(completion.span()));
            let call = quote_spanned!(path.span()=> #path(#typed));
            (call, vec![quote!(let #typed = #completion.value();)], Vec::new())
        }
        call => {
            let tokens = call.to_token_stream();
            let values = COMPLETION_VALUES.into_iter().filter_map(|value| {
                let method = Ident::new(value, Span::call_site());
                let mentioned = mention(&tokens, &method)?;
                Some(quote!(let #mentioned = #completion.#method();))
            });
            let caller = named(operation, &tokens, CALLER).map(|caller| quote!(let #caller = #provided.caller();));
            let (checks, references) = mentioned_references(operation, &tokens, runtime, "NOT_IN_COMPLETIONS");
            let provided =
                (caller.is_some() || !references.is_empty()).then(|| quote!(let #provided = #completion.provided();));
            let bindings = values.chain(provided).chain(caller).chain(references).collect();
            (tokens, bindings, checks)
        }
    };
    let complete = quote_spanned!(call.span()=> #completion.complete(|| #call).await);
    quote! {
        #[allow(deprecated, non_snake_case)]
        fn #name(
            #completion: #runtime::__private::CompletionInvocation<'_>,
        ) -> #runtime::__private::CompletionFuture<'_> {
            #(#checks)*
            #runtime::__private::completion(async move {
                #(#bindings)*
                #complete
            })
        }
    }
}
