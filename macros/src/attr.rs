//! Arguments of `#[tool(..)]`.
//!
//! To add an argument:
//!
//! 1. Add a field to [`ToolAttr`] and a row to [`ARGUMENTS`]. The parsers of values are the methods of [`ValueParser`].
//! 2. Add a field and a `const` method to `OperationDescriptor` in `runtime/src/tool/descriptor.rs`, and use the field there or in
//!    `runtime/src/registry`.
//! 3. Generate the call of that method in `expand::descriptor`.
//! 4. If it depends on other arguments or on the function, check that in `validate`.
//! 5. Document it in the table in `lib.rs`.
//! 6. Add it to `every_attribute_argument` in `expand/tests.rs`, and its errors to `runtime/tests/ui/fail`.
//!    CONTRIBUTING.md has the commands that update the snapshots.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, LitStr, Path};

use crate::{
    errors::Errors,
    value::{ConditionalScopes, MetaItem, ScopeList, ValueParser},
};

/// Every argument and its parser.
#[rustfmt::skip]
const ARGUMENTS: &[Argument] = &[
    Argument { name: "scopes", takes: "string literals, which are checked at compile time",
        example: r#"scopes = "a"` or `scopes("a", "b")"#, parse: |attr, value| attr.scopes = Some(value.scopes()) },
    Argument { name: "any_scope", takes: "string literals, which are checked at compile time",
        example: r#"any_scope("a", "b")"#, parse: |attr, value| attr.any_scope = Some(value.scopes()) },
    Argument { name: "scopes_if", takes: "a condition on the tool's arguments and the scopes that it requires",
        example: r#"scopes_if(amount > 1000, "refunds:approve")"#, parse: |attr, value| attr.scopes_if.extend(value.conditional_scopes()) },
    Argument { name: "authenticated", takes: "no value",
        example: "authenticated", parse: |attr, value| attr.authenticated = Some(value.keyword()) },
    Argument { name: "scopes_in", takes: "the path of a list of scopes",
        example: "scopes_in = policy::SCOPES", parse: |attr, value| attr.scopes_in = value.path() },
    Argument { name: "name", takes: "a string literal",
        example: r#"name = "employees.get""#, parse: |attr, value| attr.name = value.string() },
    Argument { name: "title", takes: "a string literal",
        example: r#"title = "Get an employee""#, parse: |attr, value| attr.title = value.string() },
    Argument { name: "description", takes: "a string literal",
        example: r#"description = "Return an employee's profile.""#, parse: |attr, value| attr.description = value.string() },
    Argument { name: "read_only", takes: "`true`, `false` or no value",
        example: "read_only = false", parse: |attr, value| attr.read_only = value.flag() },
    Argument { name: "destructive", takes: "`true`, `false` or no value",
        example: "destructive = false", parse: |attr, value| attr.destructive = value.flag() },
    Argument { name: "idempotent", takes: "`true`, `false` or no value",
        example: "idempotent = false", parse: |attr, value| attr.idempotent = value.flag() },
    Argument { name: "open_world", takes: "`true`, `false` or no value",
        example: "open_world = false", parse: |attr, value| attr.open_world = value.flag() },
    Argument { name: "guard", takes: "calls of a `fn` or an `async fn` with the tool's parameters",
        example: "guard = own_ticket(caller, &ticket_id)", parse: |attr, value| attr.guards = value.calls() },
    Argument { name: "visible_to", takes: "calls of a function with `caller` or with state that the tool takes",
        example: "visible_to = is_on_duty(caller)", parse: |attr, value| attr.visible_to = value.calls() },
    Argument { name: "org_role", takes: "one or more roles as string literals",
        example: r#"org_role = "Owner""#, parse: |attr, value| attr.org_roles = value.strings() },
    Argument { name: "org", takes: "one or more IDs of organizations as string literals",
        example: r#"org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11""#, parse: |attr, value| attr.orgs = value.strings() },
    Argument { name: "timeout", takes: "a string with a number and a unit",
        example: r#"timeout = "30s"` or `timeout = "1h 30m""#, parse: |attr, value| attr.timeout = value.timeout() },
    Argument { name: "concurrency", takes: "a positive 32-bit integer",
        example: "concurrency = 4", parse: |attr, value| attr.concurrency = value.positive_integer() },
    Argument { name: "audit", takes: "names of the tool's arguments as string literals",
        example: r#"audit("ticket_id")"#, parse: |attr, value| attr.audit = value.strings() },
    Argument { name: "meta", takes: "a `serde_json::Value`",
        example: r#"meta = json!({ "team": "payroll" })"#, parse: |attr, value| attr.meta = value.expression() },
    Argument { name: "crate", takes: "a path",
        example: "crate = my_crate::toolgate", parse: |attr, value| attr.runtime = value.path() },
];

struct Argument {
    name: &'static str,
    /// What the argument takes, for error messages.
    takes: &'static str,
    /// A valid use, for error messages, which put backticks around it.
    example: &'static str,
    parse: fn(&mut ToolAttr, ValueParser<'_>),
}

/// The argument that can be given several times.
const REPEATABLE: &str = "scopes_if";

/// Names that other frameworks have for arguments, with the name here.
const FOREIGN_NAMES: [(&str, &str); 8] = [
    ("organization", "org"),
    ("permission", "scopes"),
    ("permissions", "scopes"),
    ("public", "authenticated"),
    ("require_scopes", "scopes"),
    ("required_scopes", "scopes"),
    ("role", "org_role"),
    ("roles", "org_role"),
];

/// Arguments that declare who may call a tool.
const ACCESS_RULES: [&str; 3] = ["scopes", "any_scope", "authenticated"];

/// Parsed arguments. A field holds syntax nodes where later errors point at them.
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
    pub(crate) scopes_if: Vec<ConditionalScopes>,
    pub(crate) guards: Vec<Expr>,
    pub(crate) visible_to: Vec<Expr>,
    pub(crate) org_roles: Vec<LitStr>,
    pub(crate) orgs: Vec<LitStr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) audit: Vec<LitStr>,
    pub(crate) meta: Option<Expr>,
    pub(crate) runtime: Option<Path>,
    /// Whether something that does not parse may be the access rule. A missing rule is not reported then.
    pub(crate) access_rule_may_be_misspelled: bool,
}

impl ToolAttr {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attr = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let (items, syntax_error) = MetaItem::parse_all(tokens);
        for item in items {
            let name = item.name.clone();
            if seen.contains(&name) && name != REPEATABLE {
                errors.push(&name, format!("duplicate argument `{name}`: remove one"));
            } else if let Some(argument) = ARGUMENTS.iter().find(|argument| name == argument.name) {
                let value = ValueParser { item, takes: argument.takes, example: argument.example, errors };
                (argument.parse)(&mut attr, value);
            } else {
                attr.reject_unknown(&name, errors);
            }
            seen.push(name);
        }
        if let Some(error) = syntax_error {
            errors.add(error);
            attr.access_rule_may_be_misspelled = true;
        }
        attr
    }

    fn reject_unknown(&mut self, name: &Ident, errors: &mut Errors) {
        if let Some(similar) = most_similar(&name.to_string()) {
            self.access_rule_may_be_misspelled |= ACCESS_RULES.contains(&similar);
            errors.push(name, format!("unknown argument `{name}`: did you mean `{similar}`?"));
        } else {
            let names: Vec<_> = ARGUMENTS.iter().map(|argument| format!("`{}`", argument.name)).collect();
            errors.push(name, format!("unknown argument `{name}`: expected one of {}", names.join(", ")));
        }
    }

    /// Span of the access rule.
    pub(crate) fn access_span(&self) -> Span {
        let list = self.scopes.as_ref().or(self.any_scope.as_ref()).map(|list| &list.keyword);
        list.or(self.authenticated.as_ref()).map_or_else(Span::call_site, Ident::span)
    }

    /// The scopes of `scopes`, `any_scope` and `scopes_if`.
    pub(crate) fn all_scopes(&self) -> impl Iterator<Item = &LitStr> {
        let unconditional = self.scopes.iter().chain(&self.any_scope).flat_map(|list| &list.scopes);
        unconditional.chain(self.scopes_if.iter().flat_map(|conditional| &conditional.scopes))
    }
}

/// The argument whose name is most similar to `name`, if one is similar enough to be what the author meant.
fn most_similar(name: &str) -> Option<&'static str> {
    if let Some((_, known)) = FOREIGN_NAMES.iter().find(|(foreign, _)| *foreign == name) {
        return Some(known);
    }
    ARGUMENTS
        .iter()
        .map(|argument| (strsim::jaro_winkler(name, argument.name), argument.name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, similar)| similar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_is_documented() {
        let documentation = include_str!("lib.rs");
        for Argument { name, .. } in ARGUMENTS {
            let has_row = ["`", " =", "("].iter().any(|end| documentation.contains(&format!("/// | `{name}{end}")));
            assert!(has_row, "the table in lib.rs has no row for `{name}`");
        }
    }

    #[test]
    fn similar_names_are_suggested() {
        for (name, expected) in [
            ("scope", "scopes"),
            ("readonly", "read_only"),
            ("tiemout", "timeout"),
            ("auth", "authenticated"),
            ("any", "any_scope"),
            ("desc", "description"),
            ("guards", "guard"),
            ("visible", "visible_to"),
            ("max_concurrency", "concurrency"),
            ("roles", "org_role"),
            ("permission", "scopes"),
            ("public", "authenticated"),
        ] {
            assert_eq!(most_similar(name), Some(expected), "{name}");
        }
        for name in ["colour", "id", "rate_limit", "cost"] {
            assert_eq!(most_similar(name), None, "{name}");
        }
    }
}
