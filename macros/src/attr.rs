//! The arguments of `#[tool(..)]`, and the attributes of parameters.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Meta, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    token,
};

use crate::errors::Errors;

/// Every argument, for the message about one that is not among them.
const NAMES: [&str; 16] = [
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
    "meta",
    "crate",
];

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
    pub(crate) meta: Option<Expr>,
    pub(crate) krate: Option<Path>,
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
        let name = input.call(Ident::parse_any)?;
        let values = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Values::One(input.parse()?)
        } else if input.peek(token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Values::List(Punctuated::<Expr, Token![,]>::parse_terminated(&list)?.into_iter().collect())
        } else {
            Values::None
        };
        Ok(Self { name, values })
    }
}

impl ToolAttr {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attr = Self::default();
        let arguments = match Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(arguments) => arguments,
            Err(error) => {
                errors.add(error);
                // Nothing else is known, so nothing else is complained about.
                attr.authenticated = Some(Ident::new("authenticated", Span::call_site()));
                return attr;
            }
        };
        let mut seen: Vec<Ident> = Vec::new();
        for argument in arguments {
            if seen.contains(&argument.name) {
                errors.push(&argument.name, format!("`{}` is given twice: remove one", argument.name));
                continue;
            }
            seen.push(argument.name.clone());
            attr.take(argument, errors);
        }
        attr
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
            "read_only" => self.read_only = flag(&name, values, errors),
            "destructive" => self.destructive = flag(&name, values, errors),
            "idempotent" => self.idempotent = flag(&name, values, errors),
            "open_world" => self.open_world = flag(&name, values, errors),
            "guard" => self.guards = expressions(&name, values, "guard = path::to::check", errors),
            "visible_to" => {
                self.visible_to = expressions(&name, values, "visible_to = org_role(\"Owner\")", errors);
            }
            "timeout" => self.timeout = string(&name, values, errors).and_then(|text| duration(&text, errors)),
            "meta" => match values {
                Values::One(expr) => self.meta = Some(expr),
                _ => errors.push(&name, "write `meta = json!({..})`"),
            },
            unknown => errors.push(&name, unknown_argument(unknown)),
        }
    }
}

fn unknown_argument(name: &str) -> String {
    let near = NAMES.iter().find(|known| {
        known.starts_with(name) || name.starts_with(**known) || known.replace('_', "") == name.replace('_', "")
    });
    let known = NAMES.map(|name| format!("`{name}`")).join(", ");
    match near {
        Some(near) => format!("unknown argument `{name}`: did you mean `{near}`? There are {known}"),
        None => format!("unknown argument `{name}`: there are {known}"),
    }
}

fn scope_list(keyword: Ident, values: Values, errors: &mut Errors) -> ScopeList {
    let usage = match keyword == "scopes" {
        true => "write `scopes = \"employees:read:public\"`, or `scopes(\"a\", \"b\")` for several".to_owned(),
        false => "write `any_scope(\"a\", \"b\")`".to_owned(),
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
        if scope.value().contains(char::is_whitespace) {
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

fn flag(name: &Ident, values: Values, errors: &mut Errors) -> Option<bool> {
    match values {
        Values::None => Some(true),
        Values::One(Expr::Lit(ExprLit { lit: Lit::Bool(LitBool { value, .. }), .. })) => Some(value),
        _ => {
            errors.push(name, format!("write `{name}` or `{name} = false`"));
            None
        }
    }
}

fn expressions(name: &Ident, values: Values, usage: &str, errors: &mut Errors) -> Vec<Expr> {
    match values {
        Values::One(expr) => vec![expr],
        Values::List(list) if !list.is_empty() => list,
        _ => {
            errors.push(name, format!("write `{usage}`"));
            Vec::new()
        }
    }
}

/// `250ms`, `30s`, `5m`, `1h`.
fn duration(text: &LitStr, errors: &mut Errors) -> Option<Duration> {
    let value = text.value();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let duration = number
        .parse::<u64>()
        .ok()
        .zip(milliseconds)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|&total| total > 0)
        .map(Duration::from_millis);
    if duration.is_none() {
        errors.push(text, "not a time limit: write a number and a unit, such as `250ms`, `30s`, `5m` or `1h`");
    }
    duration
}

/// The `header` of `#[arg(header = "Region")]`.
pub(crate) fn argument_header(attribute: &Attribute, errors: &mut Errors) -> Option<LitStr> {
    let usage = "write `#[arg(header = \"Region\")]`";
    let mut header = None;
    let parsed = attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("header") {
            return Err(meta.error(usage));
        }
        header = Some(meta.value()?.parse::<LitStr>()?);
        Ok(())
    });
    if let Err(error) = parsed {
        errors.add(error);
    } else if header.is_none() {
        errors.push(attribute, usage);
    }
    let header = header?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if header.value().is_empty() || !header.value().chars().all(is_token) {
        errors.push(&header, "not a header name: letters, digits and `-` (RFC 9110, section 5.6.2)");
        return None;
    }
    Some(header)
}

/// The text of the doc comments among some attributes: lines joined, the one space after `///` taken off.
pub(crate) fn doc(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|text| {
            text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
