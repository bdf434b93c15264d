//! Syntax of an argument of an attribute, and the parsers of its value.

use std::{num::NonZeroU32, time::Duration};

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    Expr, ExprLit, Lit, LitStr, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    token,
};

use crate::{errors::Errors, kind::Kind, rate::Rate, source_text::source_text};

/// Value of `scopes(..)` or `any_scope(..)`.
pub(crate) struct ScopeList {
    pub(crate) keyword: Ident,
    pub(crate) scopes: Vec<LitStr>,
}

/// Value of `scopes_if(condition, ..)`.
pub(crate) struct ConditionalScopes {
    pub(crate) condition: Expr,
    pub(crate) scopes: Vec<LitStr>,
}

/// Longest time limit of a call. It rejects `5M`, which humantime reads as five months.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// One argument: `name`, `name = value` or `name(values)`.
pub(crate) struct MetaItem {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

/// What follows the name of an argument.
pub(crate) enum Value {
    None,
    One(Expr),
    List(Vec<Expr>),
}

impl MetaItem {
    /// Parses arguments up to the first syntax error, and returns that error with the arguments before it.
    pub(crate) fn parse_all(tokens: TokenStream) -> (Vec<Self>, Option<syn::Error>) {
        let mut items = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let item = input.parse()?;
                if !input.is_empty() {
                    input.parse::<Token![,]>().map_err(|error| {
                        let message = "expected `name`, `name = value` or `name(values)`, separated by commas";
                        syn::Error::new(error.span(), message)
                    })?;
                }
                items.push(item);
            }
            Ok(())
        };
        let error = parser.parse2(tokens).err();
        (items, error)
    }
}

impl Parse for MetaItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `parse_any`, because `crate` is a keyword.
        let name = input.call(Ident::parse_any).map_err(|error| {
            let message = "expected the name of an argument, such as `scopes = \"employees:read:public\"`";
            syn::Error::new(error.span(), message)
        })?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(syn::Error::new_spanned(&name, format!("expected a value after `{name} =`")));
            }
            Value::One(ungroup(input.parse()?))
        } else if input.peek(token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Value::List(Punctuated::<Expr, Token![,]>::parse_terminated(&list)?.into_iter().map(ungroup).collect())
        } else {
            Value::None
        };
        Ok(Self { name, value })
    }
}

/// Removes the invisible groups in which `macro_rules!` wraps the fragments that it passes on.
pub(crate) fn ungroup(mut expr: Expr) -> Expr {
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    expr
}

fn string_literal(expr: &Expr) -> Option<LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    }
}

/// Parser of an argument's value: one method for each kind of value.
///
/// Each method reports what is wrong and returns the neutral value, so that parsing continues.
pub(crate) struct ValueParser<'a> {
    pub(crate) item: MetaItem,
    pub(crate) kind: Kind,
    /// What the argument takes, for error messages: "a positive integer". `{kind}` is replaced by the kind.
    pub(crate) takes: &'static str,
    /// A valid use of the argument, for error messages.
    pub(crate) example: &'static str,
    pub(crate) errors: &'a mut Errors,
}

impl ValueParser<'_> {
    fn expected(&self) -> String {
        let takes = self.takes.replace("{kind}", self.kind.name());
        format!("`{}` takes {takes}, such as `{}`", self.item.name, self.example)
    }

    /// Reports a value of the wrong kind.
    fn reject(&mut self, tokens: impl ToTokens) {
        self.errors.push(tokens, self.expected());
    }

    /// Returns the single value, or reports an error.
    fn one(&mut self) -> Option<Expr> {
        if let Value::One(expr) = &self.item.value {
            return Some(expr.clone());
        }
        self.reject(self.item.name.clone());
        None
    }

    /// Returns the single value, converted. Reports a value that `convert` does not accept.
    fn one_as<T>(mut self, convert: impl FnOnce(&Expr) -> Option<T>) -> Option<T> {
        let expr = self.one()?;
        let value = convert(&expr);
        if value.is_none() {
            self.reject(expr);
        }
        value
    }

    /// Returns all values, in any of the three forms.
    fn values(&self) -> Vec<Expr> {
        match &self.item.value {
            Value::None => Vec::new(),
            Value::One(expr) => vec![expr.clone()],
            Value::List(list) => list.clone(),
        }
    }

    /// Returns one or more values. Reports an empty list.
    fn one_or_more(&mut self) -> Vec<Expr> {
        let values = self.values();
        if values.is_empty() {
            self.reject(self.item.name.clone());
        }
        values
    }

    /// Parses `name` without a value. Returns it for the span of later errors.
    pub(crate) fn keyword(self) -> Ident {
        let name = self.item.name;
        if !matches!(self.item.value, Value::None) {
            self.errors.push(&name, format!("`{name}` takes no value: write `{}`", self.example));
        }
        name
    }

    /// Parses `name`, `name = true` or `name = false`.
    pub(crate) fn flag(self) -> Option<bool> {
        if let Value::None = self.item.value {
            return Some(true);
        }
        self.one_as(|expr| match expr {
            Expr::Lit(ExprLit { lit: Lit::Bool(boolean), .. }) => Some(boolean.value),
            _ => None,
        })
    }

    /// Parses `name = ".."`.
    pub(crate) fn string(self) -> Option<LitStr> {
        self.one_as(string_literal)
    }

    /// Parses `name = ".."` or `name("..", "..")`.
    pub(crate) fn strings(mut self) -> Vec<LitStr> {
        let mut strings = Vec::new();
        for expr in self.one_or_more() {
            match string_literal(&expr) {
                Some(text) => strings.push(text),
                None => self.reject(expr),
            }
        }
        strings
    }

    /// `name = path::to::item`.
    pub(crate) fn path(self) -> Option<Path> {
        self.one_as(|expr| match expr {
            Expr::Path(path) => Some(path.path.clone()),
            _ => None,
        })
    }

    /// `name = expression`, of any kind.
    pub(crate) fn expression(mut self) -> Option<Expr> {
        self.one()
    }

    /// `name = call(..)` or `name(call(..), call(..))`, where each is a call of a function or a method.
    pub(crate) fn calls(mut self) -> Vec<Expr> {
        let mut calls = Vec::new();
        for expr in self.one_or_more() {
            match &expr {
                Expr::Call(_) | Expr::MethodCall(_) => calls.push(expr),
                Expr::Await(awaited) => {
                    let message = format!("`{}` takes the call without `.await`: remove it", self.item.name);
                    self.errors.push(awaited.await_token, message);
                }
                Expr::Path(path) => {
                    let message = format!("{}: call it, as in `{}(caller)`", self.expected(), source_text(path));
                    self.errors.push(path, message);
                }
                _ => self.reject(expr),
            }
        }
        calls
    }

    /// `name = 4`.
    pub(crate) fn positive_integer(self) -> Option<u32> {
        self.one_as(|expr| match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) => integer.base10_parse().ok().map(NonZeroU32::get),
            _ => None,
        })
    }

    /// `name = 2048`.
    pub(crate) fn unsigned_integer(self) -> Option<u64> {
        self.one_as(|expr| match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) => integer.base10_parse().ok(),
            _ => None,
        })
    }

    /// `name = 0.8`, a number from 0 to 1.
    pub(crate) fn fraction(self) -> Option<f64> {
        let number = |expr: &Expr| match expr {
            Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
            Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) => integer.base10_parse().ok(),
            _ => None,
        };
        self.one_as(|expr| number(expr).filter(|number| (0.0..=1.0).contains(number)))
    }

    /// `name = "text/markdown"`: a type and a subtype, with or without parameters (RFC 9110, section 8.3.1).
    pub(crate) fn media_type(self) -> Option<LitStr> {
        let is_token = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
        };
        self.one_as(|expr| {
            string_literal(expr).filter(|literal| {
                let text = literal.value();
                let (essence, parameters) = text.split_once(';').unwrap_or((&text, ""));
                let is_valid = essence.trim_end().split_once('/').is_some_and(|(a, b)| is_token(a) && is_token(b));
                is_valid && parameters.chars().all(|c| c == ' ' || c.is_ascii_graphic())
            })
        })
    }

    /// `name("user", "assistant")`, each at most once.
    pub(crate) fn audience(mut self) -> Vec<LitStr> {
        let mut roles: Vec<LitStr> = Vec::new();
        for expr in self.one_or_more() {
            match string_literal(&expr).filter(|role| ["user", "assistant"].contains(&role.value().as_str())) {
                None => self.reject(expr),
                Some(role) if roles.iter().any(|earlier| earlier.value() == role.value()) => {
                    self.errors.push(&role, format!("duplicate role `{}`: remove one", role.value()));
                }
                Some(role) => roles.push(role),
            }
        }
        roles
    }

    /// `name = "30s"`, in the notation of [`humantime::parse_duration`].
    pub(crate) fn timeout(mut self) -> Option<Duration> {
        let expr = self.one()?;
        let Some(text) = string_literal(&expr) else {
            self.reject(expr);
            return None;
        };
        let got = match humantime::parse_duration(&text.value()) {
            Ok(timeout) if !timeout.is_zero() && timeout <= MAX_TIMEOUT => return Some(timeout),
            Ok(timeout) => humantime::format_duration(timeout).to_string(),
            Err(humantime::DurationError::NumberOverflow) => text.value(),
            Err(_) => {
                self.reject(expr);
                return None;
            }
        };
        let message = format!("`{}` must be longer than zero and at most 24h, got {got}", self.item.name);
        self.errors.push(text, message);
        None
    }

    /// `name = "30/minute"`.
    pub(crate) fn rate(self) -> Option<Rate> {
        self.one_as(|expr| Rate::parse(&string_literal(expr)?.value()))
    }

    /// `name = ".."` or `name("..", "..")`, where each string is a scope.
    pub(crate) fn scopes(mut self) -> ScopeList {
        let values = self.values();
        if values.is_empty() {
            let message =
                format!("{}; to allow every caller with a valid token, write `authenticated`", self.expected());
            self.errors.push(&self.item.name, message);
        }
        let scopes = self.scope_literals(values);
        ScopeList { keyword: self.item.name, scopes }
    }

    /// `name(condition, "..", "..")`, where each string is a scope.
    pub(crate) fn conditional_scopes(mut self) -> Option<ConditionalScopes> {
        let mut values = self.values().into_iter();
        let condition = values.next().filter(|condition| string_literal(condition).is_none());
        let (Some(condition), false) = (condition, values.as_slice().is_empty()) else {
            self.reject(self.item.name.clone());
            return None;
        };
        Some(ConditionalScopes { condition, scopes: self.scope_literals(values) })
    }

    fn scope_literals(&mut self, values: impl IntoIterator<Item = Expr>) -> Vec<LitStr> {
        let mut scopes: Vec<LitStr> = Vec::new();
        for expr in values {
            let Some(scope) = string_literal(&expr) else {
                self.reject(expr);
                continue;
            };
            let name = scope.value();
            let words: Vec<_> = name.split_whitespace().map(|word| format!("{word:?}")).collect();
            if words.is_empty() {
                self.errors.push(scope, "expected the name of a scope, such as `\"employees:read:public\"`");
            } else if name.contains(char::is_whitespace) {
                let list = words.join(", ");
                self.errors.push(
                    scope,
                    format!("each scope is a string literal of its own: write `{}({list})`", self.item.name),
                );
            } else if scopes.iter().any(|other| other.value() == name) {
                self.errors.push(scope, format!("duplicate scope `{name}`: remove one"));
            } else {
                scopes.push(scope);
            }
        }
        scopes
    }
}
