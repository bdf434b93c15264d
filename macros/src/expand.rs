//! Generated code of an operation: the function as it is written, and a constant beside it that registers the operation.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Ident, LitStr, spanned::Spanned};

use crate::{ast::Operation, errors::Errors, fallback, item, kind::Kind, runtime_path::RuntimePath, scope, validate};

use arguments::ArgumentCode;

mod arguments;
mod completion;
mod policy;

/// Expands `#[tool(..)]`, `#[prompt(..)]` or `#[resource(..)]`.
///
/// An invalid operation expands to its errors and its function, see [`fallback`].
pub(crate) fn operation(kind: Kind, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match item::parse(kind, item) {
        Ok(function) => function,
        Err(expansion) => return expansion,
    };
    let mut errors = Errors::default();
    let operation = Operation::parse(kind, arguments.clone(), function, &mut errors);
    validate::operation(&operation, &mut errors);
    match errors.into_compile_errors() {
        Some(errors) => {
            let function = fallback::function(&operation, arguments);
            quote!(#errors #function)
        }
        None => expand(&operation),
    }
}

fn expand(operation: &Operation) -> TokenStream {
    let runtime = RuntimePath::named_or_found(operation.attr.runtime.as_ref());
    let function = policy::function(operation);
    // An operation that `cfg` removes is not registered.
    let cfgs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let (list, access) = (operation.attr.scopes_in.as_ref(), operation.attr.access_span());
    let checks = scope::checks(&runtime, list, access, operation.attr.all_scopes());
    let role_checks = scope::role_checks(&runtime, &operation.attr.org_roles);
    let proof_checks = policy::proof_checks(operation, &runtime);
    let arguments = ArgumentCode::new(operation, &runtime);
    let (items, input_schema) = (&arguments.items, &arguments.input_schema);
    let output_schema = (operation.kind == Kind::Tool).then(|| output_schema(operation, &runtime));
    let uri_check = uri_check(operation, &runtime);
    let completions = completion::functions(operation, &runtime);
    let kind = operation.kind.ident();
    let body = body(operation, &runtime, &arguments);
    let descriptor = descriptor(operation, &runtime);
    quote! {
        // The function has to be async, to own its arguments, and to have one parameter for each argument.
        #[allow(clippy::unused_async, clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #function

        // The attribute replaces this `impl` by its content. The compiler drops an `impl` inside an `impl` or a trait with one
        // error, which says to move it out. Without it, the errors would be about `const _` and an unknown function.
        #(#cfgs)*
        #[#runtime::__private::register]
        impl #kind {
            const _: () = {
                #checks
                #role_checks
                #proof_checks
                #uri_check
                #items
                #input_schema
                #output_schema
                #body
                #completions
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

fn output_schema(operation: &Operation, runtime: &RuntimePath) -> TokenStream {
    let schema = output_method(operation, runtime, "schema");
    quote! {
        fn __toolgate_output_schema(
            __generator: &mut #runtime::__private::schemars::SchemaGenerator,
        ) -> ::core::option::Option<#runtime::__private::schemars::Schema> {
            #schema(__generator)
        }
    }
}

/// A constant that fails to compile if the URI of a resource is invalid, or if its variables are not the arguments.
fn uri_check(operation: &Operation, runtime: &RuntimePath) -> Option<TokenStream> {
    let uri = operation.attr.uri.as_ref()?;
    let spanned = runtime.with_span(uri.span());
    let names = operation.arguments().map(|argument| &argument.name);
    let check = quote_spanned!(uri.span()=> #spanned::__private::check_uri(#uri, &[#(#names),*]));
    Some(quote!(const _: () = #check;))
}

/// A method of the result type's `ToolOutput`, `PromptOutput` or `ResourceOutput`.
///
/// All methods have the span of the type, so that the compiler reports a type without the trait once.
fn output_method(operation: &Operation, runtime: &RuntimePath, name: &str) -> TokenStream {
    let output = &operation.output;
    let runtime = runtime.with_span(output.span());
    let [name, output_trait] = [name, operation.kind.output_trait()].map(|name| Ident::new(name, output.span()));
    quote_spanned!(output.span()=> <#output as #runtime::#output_trait>::#name)
}

/// A local variable of generated code. Names of the author neither refer to it nor shadow it, also if a `macro_rules!`
/// generates the function.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The function that the server calls: it reads the parameters from the invocation, takes the steps of the call, and calls
/// the author's function.
fn body(operation: &Operation, runtime: &RuntimePath, arguments: &ArgumentCode) -> TokenStream {
    let read = &arguments.read;
    let [invocation, steps] = ["__invocation", "__steps"].map(local);
    let attr = &operation.attr;
    let steps = if attr.guards.is_empty() && attr.scopes_if.is_empty() && attr.approve.is_none() {
        let function = &operation.function.sig.ident;
        let values = policy::values(operation, runtime, arguments);
        let call = quote_spanned!(function.span()=> #function(#(#values),*));
        let into_result = output_method(operation, runtime, "into_result");
        quote! {
            let #steps = #invocation.steps();
            ::core::result::Result::Ok(#runtime::__private::body(#steps, #call, #into_result))
        }
    } else {
        policy::steps(operation, runtime, arguments)
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

/// The descriptor that registers the operation: the required parts, and a builder call for each optional one.
fn descriptor(operation: &Operation, runtime: &RuntimePath) -> TokenStream {
    let attr = &operation.attr;
    let mut calls = Vec::new();
    if let Some(title) = &attr.title {
        calls.push(quote!(.title(#title)));
    }
    if let Some(description) = operation.description() {
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
    calls.extend(annotations(operation, runtime));
    calls.extend(resource_calls(operation));
    let states = policy::states(operation, runtime);
    if !states.is_empty() {
        calls.push(quote!(.states(&[#(#states),*])));
    }
    calls.extend(policy::descriptor_calls(operation, runtime));
    calls.extend(completion::descriptor_call(operation, runtime));
    calls.extend(attr.task.as_ref().map(|_| quote!(.task())));
    if let Some(timeout) = attr.timeout {
        let (seconds, nanoseconds) = (timeout.as_secs(), timeout.subsec_nanos());
        calls.push(quote!(.timeout(::core::time::Duration::new(#seconds, #nanoseconds))));
    }
    if let Some(concurrency) = attr.concurrency {
        calls.push(quote!(.concurrency(#concurrency)));
    }
    for (method, rate) in [("rate", &attr.rate), ("total_rate", &attr.total_rate)] {
        let method = Ident::new(method, Span::call_site());
        calls.extend(rate.as_ref().map(|rate| rate.expression(runtime)).map(|rate| quote!(.#method(#rate))));
    }
    if !attr.audit.is_empty() {
        let names = &attr.audit;
        calls.push(quote!(.audit(&[#(#names),*])));
    }
    if let Some(meta) = &attr.meta {
        calls.push(quote!(.meta(|| #meta)));
    }
    let kind = operation.kind.ident();
    let uri = attr.uri.iter();
    let name = operation.name();
    let output_schema = (operation.kind == Kind::Tool).then(|| quote!(__toolgate_output_schema,));
    quote! {
        #runtime::__private::OperationDescriptor::#kind(
            #(#uri,)*
            #name,
            __TOOLGATE_SCOPES,
            __toolgate_input_schema,
            #output_schema
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
fn annotations(operation: &Operation, runtime: &RuntimePath) -> Option<TokenStream> {
    let attr = &operation.attr;
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

/// The builder calls for what only a resource has.
fn resource_calls(operation: &Operation) -> Vec<TokenStream> {
    let attr = &operation.attr;
    let mut calls = Vec::new();
    if let Some(media_type) = &attr.mime_type {
        calls.push(quote!(.mime_type(#media_type)));
    }
    if let Some(size) = attr.size {
        calls.push(quote!(.size(#size)));
    }
    if !attr.audience.is_empty() {
        let roles = &attr.audience;
        calls.push(quote!(.audience(&[#(#roles),*])));
    }
    if let Some(priority) = attr.priority {
        let priority = Literal::f64_unsuffixed(priority);
        calls.push(quote!(.priority(#priority)));
    }
    calls
}

#[cfg(test)]
mod tests;
