//! The arguments of `#[tool(..)]`, and the attributes of parameters.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Meta, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseBuffer, ParseStream, Parser},
    punctuated::Punctuated,
    token,
};

use crate::errors::Errors;

/// The arguments that say who may call a tool.
const ACCESS: [&str; 3] = ["scopes", "any_scope", "authenticated"];

/// The arguments that there are, for the message about one that is not among them. `crate` is for macros.
const NAMES: [&str; 17] = [
    "scopes",
    "any_scope",
    "authenticated",
    "scopes_in",
    "name",
    "title",
    "description",
    "read_only",
    "destructive",
    "idempotent",
    "open_world",
    "guard",
    "visible_to",
    "timeout",
    "concurrency",
    "audit",
    "meta",
];

/// Longest time limit of a tool. It rejects `5M`, which humantime reads as five months.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// What `#[tool(..)]` says. An argument that was given is `Some`, with what it takes to point at it.
#[derive(Default)]
pub(crate) struct ToolAttr {
    pub(crate) scopes: Option<ScopeList>,
    pub(crate) any_scope: Option<ScopeList>,
    pub(crate) authenticated: Option<Ident>,
    pub(crate) scopes_in: Option<Path>,
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
    pub(crate) guards: Vec<Expr>,
    pub(crate) visible_to: Vec<Expr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    /// The arguments that the audit may have.
    pub(crate) audit: Vec<LitStr>,
    pub(crate) meta: Option<Expr>,
    pub(crate) krate: Option<Path>,
    /// Something could not be read that may have been meant to say who may call the tool.
    pub(crate) access_is_unclear: bool,
}

/// `scopes(..)` or `any_scope(..)`.
pub(crate) struct ScopeList {
    pub(crate) keyword: Ident,
    pub(crate) scopes: Vec<LitStr>,
}

/// One argument: a name, and `= value`, `(values)` or nothing.
struct Argument {
    name: Ident,
    values: Values,
}

enum Values {
    None,
    One(Expr),
    List(Vec<Expr>),
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `parse_any`, because `crate` is a keyword.
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "an argument of `#[tool]` starts with its name: write `scopes = \"..\"`")
        })?;
        let values = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(syn::Error::new_spanned(&name, format!("`{name} =` lacks its value")));
            }
            Values::One(ungroup(input.parse()?))
        } else if input.peek(token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Values::List(Punctuated::<Expr, Token![,]>::parse_terminated(&list)?.into_iter().map(ungroup).collect())
        } else {
            Values::None
        };
        Ok(Self { name, values })
    }
}

impl ToolAttr {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attr = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let argument: Argument = input.parse()?;
                if !input.is_empty() {
                    input.parse::<Token![,]>().map_err(|error| {
                        let message = "arguments are written `name`, `name = value` or `name(values)`, with commas \
                                       between them";
                        syn::Error::new(error.span(), message)
                    })?;
                }
                if seen.contains(&argument.name) {
                    errors.push(&argument.name, format!("`{}` is given twice: remove one", argument.name));
                } else {
                    seen.push(argument.name.clone());
                    attr.take(argument, errors);
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.add(error);
            attr.access_is_unclear = true;
        }
        attr
    }

    /// Where it is said who may call the tool.
    pub(crate) fn access_span(&self) -> Span {
        let list = self.scopes.as_ref().or(self.any_scope.as_ref()).map(|list| &list.keyword);
        list.or(self.authenticated.as_ref()).map_or_else(Span::call_site, Ident::span)
    }

    /// Every scope that is named.
    pub(crate) fn all_scopes(&self) -> impl Iterator<Item = &LitStr> {
        self.scopes.iter().chain(&self.any_scope).flat_map(|list| &list.scopes)
    }

    fn take(&mut self, Argument { name, values }: Argument, errors: &mut Errors) {
        match name.to_string().as_str() {
            "scopes" => self.scopes = Some(scope_list(name, values, errors)),
            "any_scope" => self.any_scope = Some(scope_list(name, values, errors)),
            "authenticated" => {
                if !matches!(values, Values::None) {
                    errors.push(&name, "`authenticated` stands alone: it means any caller with a valid token");
                }
                self.authenticated = Some(name);
            }
            "scopes_in" => self.scopes_in = path(&name, values, "scopes_in = path::TO_LIST", errors),
            "crate" => self.krate = path(&name, values, "crate = path::to::toolgate", errors),
            "name" => self.name = string(&name, values, errors),
            "title" => self.title = string(&name, values, errors),
            "description" => self.description = string(&name, values, errors),
            "read_only" => self.read_only = flag(&name, &values, errors),
            "destructive" => self.destructive = flag(&name, &values, errors),
            "idempotent" => self.idempotent = flag(&name, &values, errors),
            "open_world" => self.open_world = flag(&name, &values, errors),
            "guard" => self.guards = expressions(&name, values, "guard = path::to::check", errors),
            "visible_to" => {
                self.visible_to = expressions(&name, values, "visible_to = require_org_role(\"Owner\")", errors);
            }
            "timeout" => self.timeout = duration(&name, values, errors),
            "concurrency" => self.concurrency = concurrency(&name, values, errors),
            "audit" => self.audit = strings(&name, values, "audit(\"ticket_id\")", errors),
            "meta" => match values {
                Values::One(expr) => self.meta = Some(expr),
                _ => errors.push(&name, "write `meta = json!({..})`"),
            },
            unknown => {
                let meant = meant(unknown);
                self.access_is_unclear |= meant.is_some_and(|name| ACCESS.contains(&name));
                errors.push(&name, unknown_argument(unknown, meant));
            }
        }
    }
}

fn unknown_argument(name: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("there is no argument `{name}`: did you mean `{meant}`?"),
        None => {
            format!("there is no argument `{name}`: there are {}", NAMES.map(|name| format!("`{name}`")).join(", "))
        }
    }
}

/// The argument whose name is most similar to `name`, if one is similar enough to be what the author meant.
fn meant(name: &str) -> Option<&'static str> {
    NAMES
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, similar)| similar)
}

/// What a macro of the author's passes on comes in invisible brackets.
pub(crate) fn ungroup(mut expr: Expr) -> Expr {
    while let Expr::Group(group) = expr {
        expr = *group.expr;
    }
    expr
}

fn scope_list(keyword: Ident, values: Values, errors: &mut Errors) -> ScopeList {
    let usage = if keyword == "scopes" {
        "write `scopes = \"employees:read:public\"`, or `scopes(\"a\", \"b\")` for several"
    } else {
        "write `any_scope(\"a\", \"b\")`"
    };
    let expressions = match values {
        Values::None => {
            errors.push(&keyword, format!("`{keyword}` needs scopes: {usage}"));
            Vec::new()
        }
        Values::One(expr) => vec![expr],
        Values::List(list) => {
            if list.is_empty() {
                errors.push(
                    &keyword,
                    format!("`{keyword}()` names no scope: {usage}; a tool for everybody with a valid token says `authenticated`"),
                );
            }
            list
        }
    };
    let mut scopes: Vec<LitStr> = Vec::new();
    for expr in expressions {
        let Expr::Lit(ExprLit { lit: Lit::Str(scope), .. }) = &expr else {
            errors.push(&expr, format!("scopes are string literals, so that the compiler can check them: {usage}"));
            continue;
        };
        if scope.value().is_empty() {
            errors.push(scope, format!("this scope is empty: {usage}"));
        } else if scope.value().contains(char::is_whitespace) {
            errors.push(scope, "one literal holds one scope: write `scopes(\"a\", \"b\")`");
        } else if scopes.iter().any(|other| other.value() == scope.value()) {
            errors.push(scope, format!("the scope `{}` is named twice: remove one", scope.value()));
        } else {
            scopes.push(scope.clone());
        }
    }
    ScopeList { keyword, scopes }
}

fn path(name: &Ident, values: Values, usage: &str, errors: &mut Errors) -> Option<Path> {
    if let Values::One(Expr::Path(path)) = values {
        return Some(path.path);
    }
    errors.push(name, format!("write `{usage}`"));
    None
}

fn string(name: &Ident, values: Values, errors: &mut Errors) -> Option<LitStr> {
    if let Values::One(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) = values {
        return Some(text);
    }
    errors.push(name, format!("write `{name} = \"..\"`"));
    None
}

fn strings(name: &Ident, values: Values, usage: &str, errors: &mut Errors) -> Vec<LitStr> {
    let list = match values {
        Values::One(expr) => vec![expr],
        Values::List(list) => list,
        Values::None => Vec::new(),
    };
    if list.is_empty() {
        errors.push(name, format!("write `{usage}`"));
    }
    let mut strings = Vec::new();
    for expr in list {
        match expr {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => strings.push(text),
            other => errors.push(&other, format!("write `{usage}`")),
        }
    }
    strings
}

fn flag(name: &Ident, values: &Values, errors: &mut Errors) -> Option<bool> {
    match values {
        Values::None => Some(true),
        Values::One(Expr::Lit(ExprLit { lit: Lit::Bool(LitBool { value, .. }), .. })) => Some(*value),
        _ => {
            errors.push(name, format!("write `{name}` or `{name} = false`"));
            None
        }
    }
}

fn expressions(name: &Ident, values: Values, usage: &str, errors: &mut Errors) -> Vec<Expr> {
    let list = match values {
        Values::One(expr) => vec![expr],
        Values::List(list) => list,
        Values::None => Vec::new(),
    };
    if list.is_empty() {
        errors.push(name, format!("write `{usage}`"));
    }
    for literal in list.iter().filter(|expr| matches!(expr, Expr::Lit(_))) {
        errors.push(literal, format!("write `{usage}`"));
    }
    list
}

/// A duration in the notation of [`humantime::parse_duration`].
fn duration(name: &Ident, values: Values, errors: &mut Errors) -> Option<Duration> {
    let usage = "write a number and a unit, such as `timeout = \"30s\"` or `timeout = \"1h 30m\"`";
    let Values::One(expr) = values else {
        errors.push(name, usage);
        return None;
    };
    let parsed = match &expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => humantime::parse_duration(&text.value()).ok(),
        _ => None,
    };
    match parsed {
        Some(timeout) if !timeout.is_zero() && timeout <= MAX_TIMEOUT => return Some(timeout),
        Some(timeout) => {
            let timeout = humantime::format_duration(timeout);
            errors.push(&expr, format!("`{name}` must be longer than zero and at most 24h, got {timeout}"));
        }
        None => errors.push(&expr, usage),
    }
    None
}

/// How many calls run at once: 1 or more.
fn concurrency(name: &Ident, values: Values, errors: &mut Errors) -> Option<u32> {
    let usage = "write how many calls run at once, such as `concurrency = 4`";
    let Values::One(expr) = values else {
        errors.push(name, usage);
        return None;
    };
    let calls = match &expr {
        Expr::Lit(ExprLit { lit: Lit::Int(calls), .. }) => calls.base10_parse().ok().filter(|&calls: &u32| calls > 0),
        _ => None,
    };
    if calls.is_none() {
        errors.push(&expr, format!("not a number from 1: {usage}"));
    }
    calls
}

/// The `header` of `#[arg(header = "Region")]`.
pub(crate) fn argument_header(attribute: &Attribute, errors: &mut Errors) -> Option<LitStr> {
    let usage = "write `#[arg(header = \"Region\")]`";
    let mut headers = Vec::new();
    let parsed = match &attribute.meta {
        Meta::List(list) => list.parse_nested_meta(|meta| {
            let value = if meta.path.is_ident("header") {
                meta.value().and_then(ParseBuffer::parse::<LitStr>)
            } else {
                Err(meta.error(usage))
            };
            headers.push(value.map_err(|error| syn::Error::new(error.span(), usage))?);
            Ok(())
        }),
        _ => Ok(()),
    };
    if let Err(error) = parsed {
        errors.add(error);
        return None;
    }
    let Some(header) = headers.pop() else {
        errors.push(attribute, usage);
        return None;
    };
    if !headers.is_empty() {
        errors.push(&header, "an argument has one header: remove one");
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if header.value().is_empty() || !header.value().chars().all(is_token) {
        errors.push(&header, "not a header name: write letters, digits and `-` (RFC 9110, section 5.6.2)");
        return None;
    }
    Some(header)
}
