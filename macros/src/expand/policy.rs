//! Generated code of policies beyond scopes: conditions, guards, visibility rules and proofs.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, FnArg, Ident, ItemFn, LitStr, parse_quote, spanned::Spanned};

use super::{arguments::ArgumentCode, checked_scope_list, local, output_method};
use crate::{
    ast::Operation,
    parameter::{Parameter, Reference},
    runtime_path::RuntimePath,
    source_text::{captured_names, mention, source_text},
};

/// Names of the values that guards can use although the function does not take them.
pub(super) const CALLER: &str = "caller";
const CONTEXT: &str = "context";

/// The author's function. A parameter that only its policy and its completions use is not an unused variable.
pub(super) fn function(operation: &Operation) -> ItemFn {
    let attr = &operation.attr;
    let conditions = attr.scopes_if.iter().map(|conditional| &conditional.condition);
    let completions = operation.arguments().filter_map(|argument| argument.attr.complete.as_ref());
    let expressions = attr.guards.iter().chain(&attr.visible_to).chain(conditions).chain(completions);
    let expressions: TokenStream = expressions.map(ToTokens::to_token_stream).collect();
    let captured = attr.approve.as_ref().map(captured_names).unwrap_or_default();
    let mut function = operation.function.clone();
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(input) = input
            && let syn::Pat::Ident(pattern) = &*input.pat
            && (mention(&expressions, &pattern.ident).is_some() || captured.iter().any(|name| pattern.ident == name))
        {
            input.attrs.push(parse_quote!(#[allow(unused_variables)]));
        }
    }
    function
}

/// Constants that fail to compile if a parameter proves a scope that the operation does not declare, each at its type.
pub(super) fn proof_checks(operation: &Operation, runtime: &RuntimePath) -> TokenStream {
    if operation.server_provided().next().is_none() {
        return TokenStream::new();
    }
    let (kind, name) = (operation.kind.name(), operation.name());
    let names = |list: &Option<crate::value::ScopeList>| {
        let names: Vec<LitStr> = list.iter().flat_map(|list| list.scopes.clone()).collect();
        quote!(&[#(#names),*])
    };
    let (all, any) = (names(&operation.attr.scopes), names(&operation.attr.any_scope));
    let checks = operation.server_provided().map(|Reference { ty, .. }| {
        let (ty, span) = (&ty.elem, ty.elem.span());
        let (spanned, list) = (runtime.with_span(span), Ident::new("__TOOLGATE_SCOPES", span));
        quote_spanned!(span=> const _: () = #spanned::__private::check_proof(
            #list, #spanned::__private::ReferenceTo::<#ty>::PROVES, #all, #any, #kind, #name
        );)
    });
    quote! {
        #[allow(unused_imports)]
        use #runtime::__private::Reference as _;
        #(#checks)*
    }
}

/// The types of the references that the function takes, and of the context if a guard names it.
pub(super) fn states(operation: &Operation, runtime: &RuntimePath) -> Vec<TokenStream> {
    let references = operation.server_provided().map(|Reference { ty, .. }| {
        let (ty, runtime) = (&ty.elem, runtime.with_span(ty.elem.span()));
        quote_spanned!(ty.span()=> #runtime::__private::ReferenceTo::<#ty>::TYPE)
    });
    let context = named_by_guards(operation, CONTEXT)
        .map(|_| quote!(#runtime::__private::StateType::of::<#runtime::Context>()));
    references.chain(context).collect()
}

/// The expressions that are passed to the function, in the order of its parameters.
pub(super) fn values(operation: &Operation, runtime: &RuntimePath, arguments: &ArgumentCode) -> Vec<TokenStream> {
    let invocation = local("__invocation");
    let mut values = arguments.values.iter();
    let value = |parameter: &Parameter| match parameter {
        Parameter::Argument(_) => values.next().cloned().unwrap_or_default(),
        Parameter::ServerProvided(reference) => provide(reference, runtime, &quote!(#invocation.provided())),
    };
    operation.parameters.iter().map(value).collect()
}

/// The value of a reference.
fn provide(reference: &Reference, runtime: &RuntimePath, provided: &TokenStream) -> TokenStream {
    let ty = &reference.ty.elem;
    let runtime = runtime.with_span(ty.span());
    // A local variable needs the span of this macro: with the span of a type from a `macro_rules!` it would not be in
    // scope.
    quote_spanned!(ty.span()=> #runtime::__private::ReferenceTo::<#ty>::provide(#provided)?)
}

/// The steps of a call whose policy depends on arguments. The parameters are local variables, so that conditions and
/// guards can borrow them by their names.
pub(super) fn steps(operation: &Operation, runtime: &RuntimePath, arguments: &ArgumentCode) -> TokenStream {
    let [invocation, steps, provided, permit] = ["__invocation", "__steps", "__provided", "__permit"].map(local);
    let function = &operation.function.sig.ident;
    // A parameter can have the name of the function. The span of the name is where the compiler reports a future that is
    // not `Send`.
    let author_function = Ident::new("__function", function.span().resolved_at(steps.span()));
    let argument_names = operation.arguments().map(|argument| &argument.ident);
    let argument_values = &arguments.values;
    let conditions = operation.attr.scopes_if.iter().enumerate().map(|(i, conditional)| {
        let condition = &conditional.condition;
        quote_spanned!(condition.span()=> #steps.condition(#i, || #condition)?;)
    });
    let check = (!operation.attr.scopes_if.is_empty()).then(|| quote!(#steps.check_conditional_scopes()?;));
    let mut references = Vec::new();
    let mut values = Vec::new();
    for parameter in &operation.parameters {
        match parameter {
            Parameter::Argument(argument) => values.push(argument.ident.to_token_stream()),
            Parameter::ServerProvided(reference) => {
                let value = provide(reference, runtime, &provided.to_token_stream());
                match &reference.ident {
                    Some(ident) => {
                        references.push(quote!(let #ident = #value;));
                        values.push(ident.to_token_stream());
                    }
                    None => values.push(value),
                }
            }
        }
    }
    let caller = named_by_guards(operation, CALLER).map(|caller| quote!(let #caller = #provided.caller();));
    let context = named_by_guards(operation, CONTEXT).map(
        |context| quote!(let #context = #runtime::__private::ReferenceTo::<#runtime::Context>::provide(#provided)?;),
    );
    let guards =
        operation.attr.guards.iter().map(|guard| quote_spanned!(guard.span()=> #steps.guard(|| #guard).await?;));
    let approval = operation.attr.approve.as_ref().map(|text| {
        let message = quote_spanned!(text.span()=> ::std::format!(#text));
        quote!(#steps.approve(#provided, || #message).await?;)
    });
    let into_result = output_method(operation, runtime, "into_result");
    let call = quote_spanned!(function.span()=> #author_function(#(#values),*));
    let call = quote!(#into_result(#call.await));
    quote! {
        #[allow(unused_imports)]
        use #runtime::__private::Reference as _;
        let #steps = #invocation.steps();
        let #provided = #invocation.provided();
        let #author_function = #function;
        #(let #argument_names = #argument_values;)*
        #(#conditions)*
        #check
        #(#references)*
        #caller
        #context
        ::core::result::Result::Ok(#runtime::__private::guarded_body(async move {
            #(#guards)*
            #approval
            let #permit = #steps.start_body().await?;
            #call
        }))
    }
}

/// The builder calls of the descriptor for policies beyond scopes.
pub(super) fn descriptor_calls(operation: &Operation, runtime: &RuntimePath) -> Vec<TokenStream> {
    let attr = &operation.attr;
    let mut calls = Vec::new();
    if !attr.scopes_if.is_empty() {
        let conditionals = attr.scopes_if.iter().map(|conditional| {
            let condition = source_text(&conditional.condition);
            let scopes = checked_scope_list(runtime, &conditional.scopes);
            quote!(#runtime::__private::ConditionalScopes { condition: #condition, scopes: &[#(#scopes),*] })
        });
        calls.push(quote!(.scopes_if(&[#(#conditionals),*])));
    }
    if !attr.guards.is_empty() {
        let sources = attr.guards.iter().map(source_text);
        calls.push(quote!(.guards(&[#(#sources),*])));
    }
    if let Some(text) = &attr.approve {
        calls.push(quote!(.approve(#text)));
    }
    if !attr.visible_to.is_empty() {
        let rules = attr.visible_to.iter().map(|rule| visibility_rule(operation, rule, runtime));
        calls.push(quote!(.visible_to(&[#(#rules),*])));
    }
    if !attr.orgs.is_empty() {
        let orgs = &attr.orgs;
        calls.push(quote!(.orgs(&[#(#orgs),*])));
    }
    if !attr.org_roles.is_empty() {
        let roles = &attr.org_roles;
        calls.push(quote!(.org_roles(&[#(#roles),*])));
    }
    calls
}

fn visibility_rule(operation: &Operation, rule: &Expr, runtime: &RuntimePath) -> TokenStream {
    let tokens = rule.to_token_stream();
    let source = source_text(rule);
    let provided = local("__provided");
    let caller = named(operation, &tokens, CALLER).map(|caller| quote!(let #caller = #provided.caller();));
    let (checks, references) = mentioned_references(operation, &tokens, runtime, "NOT_IN_LISTS");
    let allowed = quote_spanned!(rule.span()=> ::core::result::Result::Ok(#rule));
    quote!(#runtime::__private::VisibilityRule {
        source: #source,
        allows: |#provided| {
            #(#checks)*
            #caller
            #(#references)*
            #allowed
        },
    })
}

/// Binds the server-provided parameters that an expression outside of a call mentions: constants that fail to compile for
/// those of which the associated constant `reason` gives a reason, and `let` statements.
pub(super) fn mentioned_references(
    operation: &Operation,
    tokens: &TokenStream,
    runtime: &RuntimePath,
    reason: &str,
) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let provided = local("__provided").to_token_stream();
    let mentioned = operation.server_provided().filter_map(|reference| {
        let name = reference.ident.as_ref()?;
        let span = mention(tokens, name)?.span();
        let (ty, spanned, reason) = (&reference.ty.elem, runtime.with_span(span), Ident::new(reason, span));
        let check = quote_spanned!(span=> const _: () = #spanned::__private::check_reference(
            #spanned::__private::ReferenceTo::<#ty>::#reason
        ););
        let value = provide(reference, runtime, &provided);
        Some((check, quote!(let #name = #value;)))
    });
    mentioned.unzip()
}

/// The name `name` as the guards mention it, if no parameter has it.
fn named_by_guards(operation: &Operation, name: &str) -> Option<Ident> {
    let guards = operation.attr.guards.iter().map(ToTokens::to_token_stream).collect();
    named(operation, &guards, name)
}

/// The name `name` as it is mentioned, with the hygiene of the mention, if no parameter has it.
pub(super) fn named(operation: &Operation, tokens: &TokenStream, name: &str) -> Option<Ident> {
    let name = Ident::new(name, proc_macro2::Span::call_site());
    let is_parameter = operation.parameters.iter().any(|parameter| parameter.ident() == Some(&name));
    if is_parameter { None } else { mention(tokens, &name) }
}
