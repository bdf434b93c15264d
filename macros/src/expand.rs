//! Generated code of a tool: the function as it is written, and a constant beside it that registers the tool.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Ident, LitStr, spanned::Spanned};

use crate::{ast::Tool, errors::Errors, fallback, item, runtime_path::RuntimePath, scope, validate};

use arguments::ArgumentCode;

mod arguments;
mod policy;

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
    let function = policy::function(tool);
    // A tool that `cfg` removes is not registered.
    let cfgs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let (list, access) = (tool.attr.scopes_in.as_ref(), tool.attr.access_span());
    let checks = scope::checks(&runtime, list, access, tool.attr.all_scopes());
    let role_checks = scope::role_checks(&runtime, &tool.attr.org_roles);
    let proof_checks = policy::proof_checks(tool, &runtime);
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
                #role_checks
                #proof_checks
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

/// A local variable of generated code. Names of the author neither refer to it nor shadow it, also if a `macro_rules!`
/// generates the tool.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The function that the server calls: it reads the parameters from the invocation, takes the steps of the call, and calls
/// the author's function.
fn body(tool: &Tool, runtime: &RuntimePath, arguments: &ArgumentCode) -> TokenStream {
    let read = &arguments.read;
    let [invocation, steps] = ["__invocation", "__steps"].map(local);
    let steps = if tool.attr.guards.is_empty() && tool.attr.scopes_if.is_empty() {
        let function = &tool.function.sig.ident;
        let values = policy::values(tool, runtime, arguments);
        let call = quote_spanned!(function.span()=> #function(#(#values),*));
        let into_result = output_method(tool, runtime, "into_result");
        quote! {
            let #steps = #invocation.steps();
            ::core::result::Result::Ok(#runtime::__private::body(#steps, #call, #into_result))
        }
    } else {
        policy::steps(tool, runtime, arguments)
    };
    let mutability = (!arguments.values.is_empty()).then(|| quote!(mut));
    quote! {
        #[allow(deprecated)]
        fn __toolgate_body(
            #mutability #invocation: #runtime::__private::Invocation<'_>,
        ) -> #runtime::__private::BodyFuture<'_> {
            #runtime::__private::start(move || {
                #read
                #steps
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
        let scopes = checked_scope_list(runtime, &list.scopes);
        calls.push(quote!(.scopes(&[#(#scopes),*])));
    }
    if let Some(list) = &attr.any_scope {
        let scopes = checked_scope_list(runtime, &list.scopes);
        calls.push(quote!(.any_scope(&[#(#scopes),*])));
    }
    calls.extend(annotations(tool, runtime));
    let states = policy::states(tool, runtime);
    if !states.is_empty() {
        calls.push(quote!(.states(&[#(#states),*])));
    }
    calls.extend(policy::descriptor_calls(tool, runtime));
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
        #runtime::__private::OperationDescriptor::tool(
            #name,
            __TOOLGATE_SCOPES,
            __toolgate_input_schema,
            __toolgate_output_schema,
            __toolgate_body,
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        )
        .crate_version(::core::option_env!("CARGO_PKG_VERSION"))
        #(#calls)*
    }
}

fn checked_scope_list<'a>(runtime: &'a RuntimePath, scopes: &'a [LitStr]) -> impl Iterator<Item = TokenStream> + 'a {
    scopes.iter().map(|name| scope::scope_value(runtime, name))
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
