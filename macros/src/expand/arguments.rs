//! Generated code that turns the JSON arguments of a call into parameters.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::local;
use crate::{ast::Operation, parameter::Argument, runtime_path::RuntimePath};

/// Pieces of generated code that read the arguments.
pub(super) struct ArgumentCode {
    /// Items that the other pieces use.
    pub(super) items: TokenStream,
    /// The function that returns the input schema.
    pub(super) input_schema: TokenStream,
    /// Statements at the start of the body.
    pub(super) read: TokenStream,
    /// The expression that is passed to the function, for each argument in order.
    pub(super) values: Vec<TokenStream>,
}

impl ArgumentCode {
    /// Arguments are read one by one, unless one of them has a `serde` or `schemars` attribute: only a derive can
    /// interpret these.
    pub(super) fn new(operation: &Operation, runtime: &RuntimePath) -> Self {
        if operation.arguments().all(|argument| argument.derive_attributes.is_empty()) {
            Self::one_by_one(operation, runtime)
        } else {
            Self::derived(operation, runtime)
        }
    }

    fn one_by_one(operation: &Operation, runtime: &RuntimePath) -> Self {
        let schemas = operation.arguments().map(|argument| {
            let name = &argument.name;
            let description = argument.description.as_deref().unwrap_or_default();
            let header = argument.attr.header.as_ref().map(|header| quote!(.header(#name, #header)));
            let describe = parameter_method(argument, runtime, "describe");
            quote!(let __schemas = #describe(__schemas, #name, #description) #header;)
        });
        let input_schema = input_schema_fn(
            runtime,
            &quote! {
                let __schemas = #runtime::__private::ParameterSchemas::new(__generator);
                #(#schemas)*
                __schemas.finish()
            },
        );
        let invocation = local("__invocation");
        let values = operation.arguments().map(|argument| {
            let name = &argument.name;
            let take = parameter_method(argument, runtime, "take");
            quote!(#take(&mut #invocation, #name)?)
        });
        Self { items: TokenStream::new(), input_schema, read: TokenStream::new(), values: values.collect() }
    }

    /// A struct with one field for each argument, and derives of `Deserialize` and `JsonSchema`.
    fn derived(operation: &Operation, runtime: &RuntimePath) -> Self {
        let private = quote!(#runtime::__private);
        let serde_path = format!("{private}::serde").replace(' ', "");
        let schemars_path = format!("{private}::schemars").replace(' ', "");
        let fields = operation.arguments().map(|argument| {
            let Argument { ident, ty, derive_attributes, .. } = argument;
            // The description is the same as in `one_by_one`: lines of a paragraph are joined.
            let doc = argument.description.as_ref().map(|text| format!(" {text}")).map(|text| quote!(#[doc = #text]));
            let header =
                argument.attr.header.as_ref().map(|header| quote!(#[schemars(extend("x-mcp-header" = #header))]));
            quote!(#doc #(#derive_attributes)* #header #ident: #ty)
        });
        // serde does not support `deny_unknown_fields` together with `flatten`.
        let is_flattened = operation.arguments().any(|argument| argument.is_flattened);
        let deny_unknown_fields = (!is_flattened).then(|| quote!(#[serde(deny_unknown_fields)]));
        // The derives report a missing trait in terms of the generated struct. These checks report it at the type of
        // the parameter.
        let bounds = operation.arguments().map(|argument| parameter_method(argument, runtime, "take"));
        let items = quote! {
            const _: () = { #(let _ = #bounds;)* };
            #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
            #[serde(crate = #serde_path)]
            #[schemars(crate = #schemars_path)]
            #deny_unknown_fields
            struct __ToolgateArguments { #(#fields),* }
        };
        let arguments: Vec<_> = operation.arguments().collect();
        let schema = if let [Argument { is_flattened: true, ty, .. }] = arguments.as_slice() {
            quote!(#private::flattened_input_schema::<__ToolgateArguments, #ty>(__generator))
        } else {
            quote!(#private::input_schema::<__ToolgateArguments>(__generator))
        };
        let [invocation, read] = ["__invocation", "__arguments"].map(local);
        let values = arguments.iter().map(|argument| {
            let ident = &argument.ident;
            quote!(#read.#ident)
        });
        Self {
            items,
            input_schema: input_schema_fn(runtime, &schema),
            read: quote!(let #read: __ToolgateArguments = #invocation.arguments()?;),
            values: values.collect(),
        }
    }
}

fn input_schema_fn(runtime: &RuntimePath, body: &TokenStream) -> TokenStream {
    let schemars = quote!(#runtime::__private::schemars);
    quote! {
        fn __toolgate_input_schema(
            __generator: &mut #schemars::SchemaGenerator,
        ) -> #runtime::__private::InputSchema {
            #body
        }
    }
}

/// A method of the argument type's `Parameter`, with the span of the type.
fn parameter_method(argument: &Argument, runtime: &RuntimePath, method: &str) -> TokenStream {
    let ty = &argument.ty;
    let method = Ident::new(method, ty.span());
    let runtime = runtime.with_span(ty.span());
    quote_spanned!(ty.span()=> <#ty as #runtime::__private::Parameter>::#method)
}
