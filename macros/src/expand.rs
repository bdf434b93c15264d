//! Generated code of a tool: the function as it is written, and a constant beside it that registers the tool.

use proc_macro2::{TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use crate::{
    ast::Tool, errors::Errors, fallback, item, parameter::Parameter, runtime_path::RuntimePath, scope, validate,
    value::ScopeList,
};

use arguments::ArgumentCode;

mod arguments;

/// Expands `#[tool(..)]`.
///
/// An invalid tool expands to its errors and its function, see [`fallback`].
pub(crate) fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match item::parse(item) {
        Ok(function) => function,
        Err(expansion) => return expansion,
    };
    let mut errors = Errors::default();
    let tool = Tool::parse(arguments.clone(), function, &mut errors);
    validate::tool(&tool, &mut errors);
    match errors.into_compile_errors() {
        Some(errors) => {
            let function = fallback::function(&tool, arguments);
            quote!(#errors #function)
        }
        None => expand(&tool),
    }
}

fn expand(tool: &Tool) -> TokenStream {
    let runtime = RuntimePath::named_or_found(tool.attr.runtime.as_ref());
    let function = &tool.function;
    // A tool that `cfg` removes is not registered.
    let cfgs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let (list, access) = (tool.attr.scopes_in.as_ref(), tool.attr.access_span());
    let checks = scope::checks(&runtime, list, access, tool.attr.all_scopes());
    let arguments = ArgumentCode::new(tool, &runtime);
    let (items, input_schema) = (&arguments.items, &arguments.input_schema);
    let output_schema = output_schema(tool, &runtime);
    let body = body(tool, &runtime, &arguments);
    let descriptor = descriptor(tool, &runtime);
    quote! {
        // A tool has to be async, to own its arguments, and to have one parameter for each argument.
        #[allow(clippy::unused_async, clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #function

        // The attribute replaces this `impl` by its content. The compiler drops an `impl` inside an `impl` or a trait with one
        // error, which says to move it out. Without it, the errors would be about `const _` and an unknown function.
        #(#cfgs)*
        #[#runtime::__private::register]
        impl tool {
            const _: () = {
                #checks
                #items
                #input_schema
                #output_schema
                #body
                #runtime::__private::inventory::submit! { #descriptor }
            };
        }
    }
}

/// Returns the content of the last braces, which are those of the `impl` in [`expand`].
pub(crate) fn content(item: TokenStream) -> TokenStream {
    match item.into_iter().last() {
        Some(TokenTree::Group(group)) => group.stream(),
        _ => TokenStream::new(),
    }
}

fn output_schema(tool: &Tool, runtime: &RuntimePath) -> TokenStream {
    let schema = output_method(tool, runtime, "schema");
    quote! {
        fn __toolgate_output_schema(
            __generator: &mut #runtime::__private::schemars::SchemaGenerator,
        ) -> ::core::option::Option<#runtime::__private::schemars::Schema> {
            #schema(__generator)
        }
    }
}

/// A method of the result type's `ToolOutput`.
///
/// All methods have the span of the type, so that the compiler reports a type without `ToolOutput` once.
fn output_method(tool: &Tool, runtime: &RuntimePath, name: &str) -> TokenStream {
    let output = &tool.output;
    let runtime = runtime.with_span(output.span());
    let name = Ident::new(name, output.span());
    quote_spanned!(output.span()=> <#output as #runtime::ToolOutput>::#name)
}

/// The function that the server calls: it reads the parameters from the invocation and calls the author's function.
fn body(tool: &Tool, runtime: &RuntimePath, arguments: &ArgumentCode) -> TokenStream {
    let function = &tool.function.sig.ident;
    let mut argument_values = arguments.values.iter();
    let values = tool.parameters.iter().map(|parameter| match parameter {
        Parameter::Argument(_) => argument_values.next().cloned().unwrap_or_default(),
        Parameter::ServerProvided(reference) => {
            let ty = &reference.elem;
            // A local variable needs the span of this macro: with the span of a type from a `macro_rules!` it would not
            // be in scope.
            let invocation = quote!(__invocation);
            quote_spanned!(ty.span()=> #invocation.state::<#ty>()?)
        }
    });
    let values: Vec<_> = values.collect();
    let mutability = (!arguments.values.is_empty()).then(|| quote!(mut));
    let read = &arguments.read;
    let call = quote_spanned!(function.span()=> #function(#(#values),*));
    let into_result = output_method(tool, runtime, "into_result");
    quote! {
        #[allow(deprecated)]
        fn __toolgate_body(
            #mutability __invocation: #runtime::__private::Invocation<'_>,
        ) -> #runtime::__private::BodyFuture<'_> {
            #runtime::__private::start(move || {
                #read
                ::core::result::Result::Ok(#runtime::__private::body(#call, #into_result))
            })
        }
    }
}

/// The descriptor that registers the tool: the required parts, and a builder call for each optional one.
fn descriptor(tool: &Tool, runtime: &RuntimePath) -> TokenStream {
    let attr = &tool.attr;
    let name = tool.name();
    let mut calls = Vec::new();
    if let Some(title) = &attr.title {
        calls.push(quote!(.title(#title)));
    }
    if let Some(description) = tool.description() {
        calls.push(quote!(.description(#description)));
    }
    if let Some(list) = &attr.scopes {
        let scopes = checked_scopes(runtime, list);
        calls.push(quote!(.scopes(&[#(#scopes),*])));
    }
    if let Some(list) = &attr.any_scope {
        let scopes = checked_scopes(runtime, list);
        calls.push(quote!(.any_scope(&[#(#scopes),*])));
    }
    calls.extend(annotations(tool, runtime));
    let states: Vec<_> = tool.server_provided().map(|reference| &reference.elem).collect();
    if !states.is_empty() {
        calls.push(quote!(.states(&[#(#runtime::__private::StateType::of::<#states>()),*])));
    }
    if !attr.guards.is_empty() {
        let guards = attr.guards.iter().map(|guard| quote_spanned!(guard.span()=> &#guard));
        calls.push(quote!(.guards(&[#(#guards),*])));
    }
    if !attr.visible_to.is_empty() {
        let rules = attr.visible_to.iter().map(|rule| quote_spanned!(rule.span()=> &#rule));
        calls.push(quote!(.visible_to(&[#(#rules),*])));
    }
    if let Some(timeout) = attr.timeout {
        let (seconds, nanoseconds) = (timeout.as_secs(), timeout.subsec_nanos());
        calls.push(quote!(.timeout(::core::time::Duration::new(#seconds, #nanoseconds))));
    }
    if let Some(concurrency) = attr.concurrency {
        calls.push(quote!(.concurrency(#concurrency)));
    }
    if !attr.audit.is_empty() {
        let names = &attr.audit;
        calls.push(quote!(.audit(&[#(#names),*])));
    }
    if let Some(meta) = &attr.meta {
        calls.push(quote!(.meta(|| #meta)));
    }
    quote! {
        #runtime::__private::ToolDescriptor::new(
            #name,
            __TOOLGATE_SCOPES,
            __toolgate_input_schema,
            __toolgate_output_schema,
            __toolgate_body,
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        )
        #(#calls)*
    }
}

fn checked_scopes<'a>(runtime: &'a RuntimePath, list: &'a ScopeList) -> impl Iterator<Item = TokenStream> + 'a {
    list.scopes.iter().map(|name| scope::scope_value(runtime, name))
}

/// The call of `annotations`, if the tool has any of the four hints.
fn annotations(tool: &Tool, runtime: &RuntimePath) -> Option<TokenStream> {
    let attr = &tool.attr;
    let hints = [attr.read_only, attr.destructive, attr.idempotent, attr.open_world];
    hints.iter().any(Option::is_some).then(|| {
        let [read_only, destructive, idempotent, open_world] = hints.map(|hint| match hint {
            None => quote!(::core::option::Option::None),
            Some(hint) => quote!(::core::option::Option::Some(#hint)),
        });
        quote! {
            .annotations(#runtime::Annotations {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            })
        }
    })
}

#[cfg(test)]
mod tests;
