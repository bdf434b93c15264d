//! The tokens of a tool: the function as it was written, and beside it a constant that registers it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident, ItemFn, ext::IdentExt, spanned::Spanned};

use crate::{
    ast::{Parameter, Tool},
    attr::ScopeList,
    doc,
    errors::Errors,
    fallback, krate, scope, validate,
};

pub(crate) fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let message = syn::Error::new(error.span(), format!("`#[tool]` stands on an `async fn`: {error}"));
            let message = message.to_compile_error();
            return message.into_iter().chain(item).collect();
        }
    };
    let mut errors = Errors::default();
    let tool = Tool::parse(arguments, function, &mut errors);
    validate::tool(&tool, &mut errors);
    if errors.is_empty() {
        return expand(&tool);
    }
    let errors = errors.into_tokens();
    let function = fallback::function(tool.function);
    quote!(#errors #function)
}

fn expand(tool: &Tool) -> TokenStream {
    let krate = match &tool.attr.krate {
        Some(path) => path.to_token_stream(),
        None => krate::path(),
    };
    let function = &tool.function;
    let named = tool.attr.scopes_in.as_ref();
    let access = tool.attr.access_span();
    let list = scope::list(&krate, named, access);
    let checks = scope::checks(&krate, &quote!(__TOOLGATE_LIST), named, access, tool.attr.all_scopes());
    // A tool that is configured away is not registered either.
    let cfgs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let arguments = Arguments::new(tool, &krate);
    let (items, input) = (&arguments.items, &arguments.input);
    let output = output(tool, &krate);
    let body = body(tool, &krate, &arguments);
    let descriptor = descriptor(tool, &krate);

    quote! {
        // Being async, owning its arguments and having many of them is what the attribute asks for.
        #[allow(clippy::unused_async, clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #function

        #(#cfgs)*
        const _: () = {
            static __TOOLGATE_LIST: &#krate::Scopes = #list;
            #checks
            #items
            #input
            #output
            #body
            #krate::__private::inventory::submit! { #descriptor }
        };
    }
}

/// How a call's arguments become the parameters.
struct Arguments {
    /// A type that they are read into, if they need one.
    items: TokenStream,
    /// The function that makes the schema.
    input: TokenStream,
    /// What the body does first.
    read: TokenStream,
    /// For each argument, in order, the expression that is passed to the function.
    values: Vec<TokenStream>,
}

impl Arguments {
    fn new(tool: &Tool, krate: &TokenStream) -> Self {
        // What serde and schemars say about a field, only their derives understand.
        let is_derives_business =
            |attribute: &syn::Attribute| attribute.path().is_ident("serde") || attribute.path().is_ident("schemars");
        if tool.arguments().flat_map(|argument| &argument.attributes).any(is_derives_business) {
            Self::derived(tool, krate)
        } else {
            Self::one_by_one(tool, krate)
        }
    }

    fn one_by_one(tool: &Tool, krate: &TokenStream) -> Self {
        let adds = tool.arguments().map(|argument| {
            let (ty, name) = (&argument.ty, argument.name.unraw().to_string());
            let description = doc::text(&argument.attributes).unwrap_or_default();
            let header = argument.header.as_ref().map(|header| quote!(.header(#name, #header)));
            let krate = scope::respan(krate, ty.span());
            let describe = quote_spanned!(ty.span()=> <#ty as #krate::__private::Parameter>::describe);
            quote!(let __schemas = #describe(__schemas, #name, #description) #header;)
        });
        let input = quote! {
            fn __toolgate_input(
                __generator: &mut #krate::__private::schemars::SchemaGenerator,
            ) -> #krate::__private::schemars::Schema {
                let __schemas = #krate::__private::ParameterSchemas::new(__generator);
                #(#adds)*
                __schemas.finish()
            }
        };
        let values = tool
            .arguments()
            .map(|argument| {
                let (ty, name) = (&argument.ty, argument.name.unraw().to_string());
                let krate = scope::respan(krate, ty.span());
                let take = quote_spanned!(ty.span()=> <#ty as #krate::__private::Parameter>::take);
                quote!(#take(&mut __invocation, #name)?)
            })
            .collect();
        Self { items: TokenStream::new(), input, read: TokenStream::new(), values }
    }

    fn derived(tool: &Tool, krate: &TokenStream) -> Self {
        let private = quote!(#krate::__private);
        let ty = quote!(__ToolgateArguments);
        let serde_path = format!("{private}::serde").replace(' ', "");
        let schemars_path = format!("{private}::schemars").replace(' ', "");
        let fields = tool.arguments().map(|argument| {
            let (name, ty) = (&argument.name, &argument.ty);
            // One comment as this crate reads it, so that it means the same whichever way the schema is made.
            let comment =
                doc::text(&argument.attributes).map(|text| format!(" {text}")).map(|text| quote!(#[doc = #text]));
            let attributes = argument.attributes.iter().filter(|attribute| !attribute.path().is_ident("doc"));
            let header = argument.header.as_ref().map(|header| quote!(#[schemars(extend("x-mcp-header" = #header))]));
            quote!(#comment #(#attributes)* #header #name: #ty)
        });
        // Serde cannot refuse unknown fields where one parameter takes all of them.
        let flattens = tool.arguments().flat_map(|argument| &argument.attributes).any(is_flatten);
        let deny = (!flattens).then(|| quote!(#[serde(deny_unknown_fields)]));
        // The same bounds once more, in terms of the author's types: derives complain about code that nobody wrote.
        let checks = tool.arguments().map(|argument| {
            let ty = &argument.ty;
            let krate = scope::respan(krate, ty.span());
            quote_spanned!(ty.span()=> let _ = <#ty as #krate::__private::Parameter>::take;)
        });
        let items = quote! {
            const _: () = { #(#checks)* };
            #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
            #[serde(crate = #serde_path)]
            #[schemars(crate = #schemars_path)]
            #deny
            struct #ty { #(#fields),* }
        };
        let arguments: Vec<_> = tool.arguments().collect();
        let schema = match arguments.as_slice() {
            [only] if only.attributes.iter().any(is_flatten) => {
                let flattened = &only.ty;
                quote!(#private::flattened_input_schema::<#ty, #flattened>(__generator))
            }
            _ => quote!(#private::input_schema::<#ty>(__generator)),
        };
        let input = quote! {
            fn __toolgate_input(__generator: &mut #private::schemars::SchemaGenerator) -> #private::schemars::Schema {
                #schema
            }
        };
        let read = quote!(let __arguments: #ty = __invocation.arguments()?;);
        let values = tool
            .arguments()
            .map(|argument| {
                let name = &argument.name;
                quote!(__arguments.#name)
            })
            .collect();
        Self { items, input, read, values }
    }
}

fn is_flatten(attribute: &syn::Attribute) -> bool {
    let mut found = false;
    if attribute.path().is_ident("serde") {
        // What does not parse is serde's to complain about.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("flatten");
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<Expr>()?;
            }
            Ok(())
        });
    }
    found
}

fn output(tool: &Tool, krate: &TokenStream) -> TokenStream {
    let schema = output_method(tool, krate, "schema");
    quote! {
        fn __toolgate_output(
            __generator: &mut #krate::__private::schemars::SchemaGenerator,
        ) -> ::core::option::Option<#krate::__private::schemars::Schema> {
            #schema(__generator)
        }
    }
}

/// A method of the result's type. All are named in the same way at the same place, so that the compiler says once that
/// a type is none that a tool can return.
fn output_method(tool: &Tool, krate: &TokenStream, name: &str) -> TokenStream {
    let output = &tool.output;
    let krate = scope::respan(krate, output.span());
    let name = Ident::new(name, output.span());
    quote_spanned!(output.span()=> <#output as #krate::ToolOutput>::#name)
}

fn body(tool: &Tool, krate: &TokenStream, arguments: &Arguments) -> TokenStream {
    let function = &tool.function.sig.ident;
    let mut from_json = arguments.values.iter();
    let values = tool.parameters.iter().map(|parameter| match parameter {
        Parameter::Argument(_) => from_json.next().cloned().unwrap_or_default(),
        Parameter::Given(reference) => {
            let ty = &reference.elem;
            // A local name keeps the span of here: where a macro of the author's wrote the type, it is out of scope.
            let invocation = quote!(__invocation);
            quote_spanned!(ty.span()=> #invocation.state::<#ty>()?)
        }
    });
    let values: Vec<_> = values.collect();
    let mutability = (!arguments.values.is_empty()).then(|| quote!(mut));
    let read = &arguments.read;
    let call = quote_spanned!(function.span()=> #function(#(#values),*));
    let into_result = output_method(tool, krate, "into_result");
    quote! {
        #[allow(deprecated)]
        fn __toolgate_body(
            #mutability __invocation: #krate::__private::Invocation<'_>,
        ) -> #krate::__private::BodyFuture<'_> {
            #krate::__private::start(move || {
                #read
                ::core::result::Result::Ok(#krate::__private::body(#call, #into_result))
            })
        }
    }
}

fn descriptor(tool: &Tool, krate: &TokenStream) -> TokenStream {
    let private = quote!(#krate::__private);
    let attr = &tool.attr;
    let name = tool.wire_name();
    let mut parts = Vec::new();
    if let Some(title) = &attr.title {
        parts.push(quote!(.title(#title)));
    }
    if let Some(description) = tool.description() {
        parts.push(quote!(.description(#description)));
    }
    if let Some(list) = &attr.scopes {
        let scopes = scopes(krate, list);
        parts.push(quote!(.scopes(&[#(#scopes),*])));
    }
    if let Some(list) = &attr.any_scope {
        let scopes = scopes(krate, list);
        parts.push(quote!(.any_scope(&[#(#scopes),*])));
    }
    if let Some(annotations) = annotations(tool, krate) {
        parts.push(annotations);
    }
    let states: Vec<_> = tool.given().map(|reference| &reference.elem).collect();
    if !states.is_empty() {
        parts.push(quote!(.states(&[#(#private::StateType::of::<#states>()),*])));
    }
    if !attr.guards.is_empty() {
        let guards = attr.guards.iter().map(|guard| quote_spanned!(guard.span()=> &#guard));
        parts.push(quote!(.guards(&[#(#guards),*])));
    }
    if !attr.visible_to.is_empty() {
        let rules = attr.visible_to.iter().map(|rule| quote_spanned!(rule.span()=> &#rule));
        parts.push(quote!(.visible_to(&[#(#rules),*])));
    }
    if let Some(timeout) = attr.timeout {
        let (seconds, nanoseconds) = (timeout.as_secs(), timeout.subsec_nanos());
        parts.push(quote!(.timeout(::core::time::Duration::new(#seconds, #nanoseconds))));
    }
    if let Some(calls) = attr.concurrency {
        parts.push(quote!(.concurrency(#calls)));
    }
    if !attr.audit.is_empty() {
        let names = &attr.audit;
        parts.push(quote!(.audit(&[#(#names),*])));
    }
    if let Some(meta) = &attr.meta {
        parts.push(quote!(.meta(|| #meta)));
    }
    quote! {
        #private::ToolDescriptor::new(
            #name,
            __TOOLGATE_LIST,
            __toolgate_input,
            __toolgate_output,
            __toolgate_body,
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        )
        #(#parts)*
    }
}

fn scopes<'a>(krate: &'a TokenStream, list: &'a ScopeList) -> impl Iterator<Item = TokenStream> + 'a {
    list.scopes.iter().map(|name| scope::value(krate, name))
}

fn annotations(tool: &Tool, krate: &TokenStream) -> Option<TokenStream> {
    let attr = &tool.attr;
    let hints = [attr.read_only, attr.destructive, attr.idempotent, attr.open_world];
    hints.iter().any(Option::is_some).then(|| {
        let [read_only, destructive, idempotent, open_world] = hints.map(|hint| {
            hint.map_or_else(
                || quote!(::core::option::Option::None),
                |hint| quote!(::core::option::Option::Some(#hint)),
            )
        });
        quote! {
            .annotations(#krate::Annotations {
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
