//! What an invalid operation expands to beside its errors: the function, so that calls of it elsewhere add no errors.
//!
//! The function adds no errors and no warnings of its own either: what the compiler would report once more about its
//! signature is replaced, and its lints are silenced.

use proc_macro2::{Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Block, Expr, ExprAsync, ExprAwait, ExprClosure, ExprPath, FnArg, Item, ItemFn, Lifetime, Signature, Token, Type,
    parse_quote, visit::Visit,
};

use crate::{
    ast::Operation,
    validate::{borrows_from_nothing, kind_of},
    value::{MetaItem, Value},
};

/// Arguments whose values are paths that generated code uses. An import for one of them must not become an unused import.
const ARGUMENTS_WITH_PATHS: [&str; 3] = ["guard", "visible_to", "scopes_in"];

/// Returns the function of an invalid operation, for an expansion that reports errors.
pub(crate) fn function(operation: &Operation, arguments: TokenStream) -> TokenStream {
    let mut function = operation.function.clone();
    function.attrs.retain(|attribute| kind_of(attribute).is_none());
    repair_signature(&mut function.sig);
    if has_await(&function.block) {
        function.sig.asyncness.get_or_insert_with(|| Token![async](function.sig.fn_token.span));
    }
    if borrows_from_nothing(operation) {
        let output = with_static_references(function.sig.output.to_token_stream());
        function.sig.output = parse_quote!(#output);
        function.block = parse_quote!({ ::core::unimplemented!() });
    }
    use_paths(&mut function, operation, arguments);
    quote! {
        #[allow(unused, deprecated, clippy::all, clippy::pedantic, clippy::nursery)]
        #function
    }
}

fn repair_signature(signature: &mut Signature) {
    signature.constness = None;
    signature.variadic = None;
    let declared: Vec<_> = signature.generics.lifetimes().map(|parameter| parameter.lifetime.clone()).collect();
    for input in &mut signature.inputs {
        if let FnArg::Typed(input) = input
            && let Type::Reference(reference) = &mut *input.ty
        {
            let is_known = |lifetime: &Lifetime| lifetime.ident == "static" || declared.contains(lifetime);
            reference.lifetime = reference.lifetime.take().filter(is_known);
        }
    }
}

/// Returns whether a function with this body has to be `async`.
fn has_await(body: &Block) -> bool {
    let mut finder = FindAwait(false);
    finder.visit_block(body);
    finder.0
}

struct FindAwait(bool);

impl<'ast> Visit<'ast> for FindAwait {
    fn visit_expr_await(&mut self, _: &'ast ExprAwait) {
        self.0 = true;
    }

    fn visit_expr_async(&mut self, _: &'ast ExprAsync) {}

    fn visit_expr_closure(&mut self, _: &'ast ExprClosure) {}

    fn visit_item(&mut self, _: &'ast Item) {}
}

/// Adds the lifetime `'static` to references without a lifetime.
fn with_static_references(tokens: TokenStream) -> TokenStream {
    let mut output = TokenStream::new();
    let mut after_reference = false;
    for token in tokens {
        let is_lifetime = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
        if after_reference && !is_lifetime {
            let quote = TokenTree::Punct(Punct::new('\'', Spacing::Joint));
            output.extend([quote, TokenTree::Ident(Ident::new("static", Span::call_site()))]);
        }
        after_reference = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '&');
        output.extend([match token {
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), with_static_references(group.stream())))
            }
            token => token,
        }]);
    }
    output
}

/// Adds a statement that uses the paths in `arguments` and in completions.
fn use_paths(function: &mut ItemFn, operation: &Operation, arguments: TokenStream) {
    let (items, _) = MetaItem::parse_all(arguments);
    let values =
        items.into_iter().filter(|item| ARGUMENTS_WITH_PATHS.iter().any(|name| item.name == name)).flat_map(|item| {
            match item.value {
                Value::None => Vec::new(),
                Value::One(value) => vec![value],
                Value::List(values) => values,
            }
        });
    let completions = operation.arguments().filter_map(|argument| argument.attr.complete.clone());
    let paths: Vec<ExprPath> = values
        .chain(completions)
        .filter_map(|value| match value {
            Expr::Path(path) => Some(path),
            Expr::Call(call) => match *call.func {
                Expr::Path(path) => Some(path),
                _ => None,
            },
            _ => None,
        })
        .collect();
    if !paths.is_empty() {
        function.block.stmts.insert(0, parse_quote!(let _ = (#(&#paths,)*);));
    }
}
