//! The tokens of a tool: the function as it was written, and beside it a constant that registers it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, Ident, ItemFn, ext::IdentExt, spanned::Spanned};

use crate::{
    ast::{Parameter, Tool},
    attr::ScopeList,
    errors::Errors,
    fallback, krate, scope, validate,
};

pub(crate) fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let message = syn::Error::new(error.span(), format!("`#[tool]` stands on an `async fn`: {error}"));
            let message = message.to_compile_error();
            return quote!(#message #item);
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
    let list = scope::list(&krate, tool.attr.scopes_in.as_ref());
    let arguments = Arguments::new(tool, &krate);
    let (argument_type, argument_items) = (&arguments.ty, &arguments.items);
    let descriptor = descriptor(tool, &krate, argument_type);
    let checks = checks(tool, &krate);
    let body = body(tool, &krate, argument_type);
    let private = quote!(#krate::__private);

    quote! {
        // Being async, owning its arguments and having many of them is what the attribute asks for.
        #[allow(clippy::unused_async, clippy::needless_pass_by_value, clippy::too_many_arguments)]
        #function

        const _: () = {
            static __TOOLGATE_LIST: &#krate::Scopes = #list;
            #argument_items
            #checks
            #body
            #private::inventory::submit! { #descriptor }
        };
    }
}

/// The type that a call's arguments are read into.
struct Arguments {
    ty: TokenStream,
    items: TokenStream,
}

impl Arguments {
    fn new(tool: &Tool, krate: &TokenStream) -> Self {
        if tool.arguments().next().is_none() {
            return Self { ty: quote!(#krate::__private::NoArguments), items: TokenStream::new() };
        }
        let private = quote!(#krate::__private);
        let name = format_ident!("__{}_arguments", tool.function.sig.ident.unraw());
        let serde_path = format!("{private}::serde").replace(' ', "");
        let schemars_path = format!("{private}::schemars").replace(' ', "");
        let fields = tool.arguments().map(|argument| {
            let (name, ty, attributes) = (&argument.name, &argument.ty, &argument.attributes);
            let header = argument.header.as_ref().map(|header| quote!(#[schemars(extend("x-mcp-header" = #header))]));
            quote!(#(#attributes)* #header #name: #ty)
        });
        // Serde cannot refuse unknown fields where one parameter takes all of them.
        let flattens = tool.arguments().flat_map(|argument| &argument.attributes).any(is_flatten);
        let deny = (!flattens).then(|| quote!(#[serde(deny_unknown_fields)]));
        let items = quote! {
            #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
            #[serde(crate = #serde_path)]
            #[schemars(crate = #schemars_path)]
            #[allow(non_camel_case_types)]
            #deny
            struct #name { #(#fields),* }
        };
        Self { ty: name.into_token_stream(), items }
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

/// Bounds that are asked for in terms of the author's types, so that an error names them and not the generated code.
fn checks(tool: &Tool, krate: &TokenStream) -> TokenStream {
    let checks = tool.arguments().map(|argument| {
        let ty = &argument.ty;
        let krate = scope::respan(krate, ty.span());
        quote_spanned!(ty.span()=> let _ = #krate::__private::argument::<#ty>;)
    });
    let states = tool.given().map(|reference| {
        let ty = &reference.elem;
        let krate = scope::respan(krate, ty.span());
        quote_spanned!(ty.span()=> let _ = #krate::__private::state::<#ty>;)
    });
    quote!(const _: () = { #(#checks)* #(#states)* };)
}

fn body(tool: &Tool, krate: &TokenStream, argument_type: &TokenStream) -> TokenStream {
    let function = &tool.function.sig.ident;
    let mut values = Vec::new();
    for parameter in &tool.parameters {
        values.push(match parameter {
            Parameter::Argument(argument) => {
                let name = &argument.name;
                quote!(__arguments.#name)
            }
            Parameter::Given(reference) => {
                let ty = &reference.elem;
                quote_spanned!(ty.span()=> __invocation.state::<#ty>()?)
            }
        });
    }
    // A tool without arguments still refuses those it is given, by its schema.
    let read = tool.arguments().next().map(|_| quote!(let __arguments: #argument_type = __invocation.arguments()?;));
    let mutability = read.as_ref().map(|_| quote!(mut));
    let output = &tool.output;
    let output_krate = scope::respan(krate, output.span());
    let schema = quote_spanned!(output.span()=> <#output as #output_krate::ToolOutput>::schema(__generator));
    quote! {
        fn __toolgate_output(
            __generator: &mut #krate::__private::schemars::SchemaGenerator,
        ) -> ::core::option::Option<#krate::__private::schemars::Schema> {
            #schema
        }

        fn __toolgate_body(#mutability __invocation: #krate::__private::Invocation<'_>) -> #krate::__private::BodyFuture<'_> {
            ::std::boxed::Box::pin(async move {
                #read
                #krate::ToolOutput::into_result(#function(#(#values),*).await)
            })
        }
    }
}

fn descriptor(tool: &Tool, krate: &TokenStream, argument_type: &TokenStream) -> TokenStream {
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
        let milliseconds = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        parts.push(quote!(.timeout(::core::time::Duration::from_millis(#milliseconds))));
    }
    if let Some(meta) = &attr.meta {
        parts.push(quote!(.meta(|| #meta)));
    }
    quote! {
        #private::ToolDescriptor::new(
            #name,
            __TOOLGATE_LIST,
            #private::input_schema::<#argument_type>,
            __toolgate_output,
            __toolgate_body,
            ::core::concat!(::core::file!(), ":", ::core::line!()),
        )
        #(#parts)*
    }
}

fn scopes<'a>(krate: &'a TokenStream, list: &'a ScopeList) -> impl Iterator<Item = TokenStream> + 'a {
    let checked_against = Ident::new("__TOOLGATE_LIST", Span::call_site()).into_token_stream();
    list.scopes.iter().map(move |name| scope::checked(krate, &checked_against, name))
}

fn annotations(tool: &Tool, krate: &TokenStream) -> Option<TokenStream> {
    let attr = &tool.attr;
    let hints = [attr.read_only, attr.destructive, attr.idempotent, attr.open_world];
    hints.iter().any(Option::is_some).then(|| {
        let [read_only, destructive, idempotent, open_world] = hints.map(|hint| match hint {
            Some(hint) => quote!(::core::option::Option::Some(#hint)),
            None => quote!(::core::option::Option::None),
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
