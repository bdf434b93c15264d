//! Arguments of `#[tool(..)]`, `#[prompt(..)]` and `#[resource(..)]`.
//!
//! To add an argument:
//!
//! 1. Add a field to [`OperationAttr`] and a row to [`ARGUMENTS`]. The parsers of values are the methods of [`ValueParser`].
//! 2. Add a field and a `const` method to `OperationDescriptor` in `runtime/src/operation/descriptor.rs`, and use the
//!    field there or in `runtime/src/registry`.
//! 3. Generate the call of that method in `expand::descriptor`.
//! 4. If it depends on other arguments or on the function, check that in `validate`.
//! 5. Document it in a table in `lib.rs`.
//! 6. Add it to `every_attribute_argument` in `expand/tests.rs`, and its errors to `runtime/tests/ui/fail`.
//!    CONTRIBUTING.md has the commands that update the snapshots.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use syn::{Expr, LitStr, Path};

use crate::{
    errors::Errors,
    kind::{Kind, attributes},
    rate::Rate,
    value::{ConditionalScopes, MetaItem, ScopeList, ValueParser},
};

const EVERY_KIND: &[Kind] = &Kind::ALL;
const TOOL: &[Kind] = &[Kind::Tool];
const RESOURCE: &[Kind] = &[Kind::Resource];

/// Every argument, the kinds of operations that can have it, and its parser.
#[rustfmt::skip]
const ARGUMENTS: &[Argument] = &[
    Argument { name: "scopes", kinds: EVERY_KIND, takes: "string literals, which are checked at compile time",
        example: r#"scopes = "a"` or `scopes("a", "b")"#, parse: |attr, value| attr.scopes = Some(value.scopes()) },
    Argument { name: "any_scope", kinds: EVERY_KIND, takes: "string literals, which are checked at compile time",
        example: r#"any_scope("a", "b")"#, parse: |attr, value| attr.any_scope = Some(value.scopes()) },
    Argument { name: "scopes_if", kinds: EVERY_KIND, takes: "a condition on the {kind}'s arguments and the scopes that it requires",
        example: r#"scopes_if(amount > 1000, "refunds:approve")"#, parse: |attr, value| attr.scopes_if.extend(value.conditional_scopes()) },
    Argument { name: "authenticated", kinds: EVERY_KIND, takes: "no value",
        example: "authenticated", parse: |attr, value| attr.authenticated = Some(value.keyword()) },
    Argument { name: "scopes_in", kinds: EVERY_KIND, takes: "the path of a list of scopes",
        example: "scopes_in = policy::SCOPES", parse: |attr, value| attr.scopes_in = value.path() },
    Argument { name: "name", kinds: EVERY_KIND, takes: "a string literal",
        example: r#"name = "employees.get""#, parse: |attr, value| attr.name = value.string() },
    Argument { name: "title", kinds: EVERY_KIND, takes: "a string literal",
        example: r#"title = "Get an employee""#, parse: |attr, value| attr.title = value.string() },
    Argument { name: "description", kinds: EVERY_KIND, takes: "a string literal",
        example: r#"description = "Return an employee's profile.""#, parse: |attr, value| attr.description = value.string() },
    Argument { name: "read_only", kinds: TOOL, takes: "`true`, `false` or no value",
        example: "read_only = false", parse: |attr, value| attr.read_only = value.flag() },
    Argument { name: "destructive", kinds: TOOL, takes: "`true`, `false` or no value",
        example: "destructive = false", parse: |attr, value| attr.destructive = value.flag() },
    Argument { name: "idempotent", kinds: TOOL, takes: "`true`, `false` or no value",
        example: "idempotent = false", parse: |attr, value| attr.idempotent = value.flag() },
    Argument { name: "open_world", kinds: TOOL, takes: "`true`, `false` or no value",
        example: "open_world = false", parse: |attr, value| attr.open_world = value.flag() },
    Argument { name: "task", kinds: TOOL, takes: "no value",
        example: "task", parse: |attr, value| attr.task = Some(value.keyword()) },
    Argument { name: "approve", kinds: TOOL, takes: "a string literal, which can contain arguments in braces",
        example: r#"approve = "Export the payroll of {year}""#, parse: |attr, value| attr.approve = value.string() },
    Argument { name: "uri", kinds: RESOURCE, takes: "a URI or a URI template as a string literal",
        example: r#"uri = "company://employees/{employee_id}""#, parse: |attr, value| attr.uri = value.string() },
    Argument { name: "mime_type", kinds: RESOURCE, takes: "a media type as a string literal",
        example: r#"mime_type = "text/markdown""#, parse: |attr, value| attr.mime_type = value.media_type() },
    Argument { name: "size", kinds: RESOURCE, takes: "the size of the content in bytes",
        example: "size = 2048", parse: |attr, value| attr.size = value.unsigned_integer() },
    Argument { name: "audience", kinds: RESOURCE, takes: "`\"user\"`, `\"assistant\"` or both",
        example: r#"audience("user", "assistant")"#, parse: |attr, value| attr.audience = value.audience() },
    Argument { name: "priority", kinds: RESOURCE, takes: "a number from 0 to 1",
        example: "priority = 0.8", parse: |attr, value| attr.priority = value.fraction() },
    Argument { name: "guard", kinds: EVERY_KIND, takes: "calls of a `fn` or an `async fn` with the {kind}'s parameters",
        example: "guard = own_ticket(caller, &ticket_id)", parse: |attr, value| attr.guards = value.calls() },
    Argument { name: "visible_to", kinds: EVERY_KIND, takes: "calls of a function with `caller` or with state that the {kind} takes",
        example: "visible_to = is_on_duty(caller)", parse: |attr, value| attr.visible_to = value.calls() },
    Argument { name: "org_role", kinds: EVERY_KIND, takes: "one or more roles as string literals",
        example: r#"org_role = "Owner""#, parse: |attr, value| attr.org_roles = value.strings() },
    Argument { name: "org", kinds: EVERY_KIND, takes: "one or more IDs of organizations as string literals",
        example: r#"org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11""#, parse: |attr, value| attr.orgs = value.strings() },
    Argument { name: "timeout", kinds: EVERY_KIND, takes: "a string with a number and a unit",
        example: r#"timeout = "30s"` or `timeout = "1h 30m""#, parse: |attr, value| attr.timeout = value.timeout() },
    Argument { name: "concurrency", kinds: EVERY_KIND, takes: "a positive 32-bit integer",
        example: "concurrency = 4", parse: |attr, value| attr.concurrency = value.positive_integer() },
    Argument { name: "rate", kinds: EVERY_KIND, takes: "a quantity from 1 to 1000000 and `second`, `minute`, `hour` or `day` as a string literal",
        example: r#"rate = "30/minute""#, parse: |attr, value| attr.rate = value.rate() },
    Argument { name: "total_rate", kinds: EVERY_KIND, takes: "a quantity from 1 to 1000000 and `second`, `minute`, `hour` or `day` as a string literal",
        example: r#"total_rate = "300/minute""#, parse: |attr, value| attr.total_rate = value.rate() },
    Argument { name: "audit", kinds: EVERY_KIND, takes: "names of the {kind}'s arguments as string literals",
        example: r#"audit("ticket_id")"#, parse: |attr, value| attr.audit = value.strings() },
    Argument { name: "meta", kinds: EVERY_KIND, takes: "a `serde_json::Value`",
        example: r#"meta = json!({ "team": "payroll" })"#, parse: |attr, value| attr.meta = value.expression() },
    Argument { name: "crate", kinds: EVERY_KIND, takes: "a path",
        example: "crate = my_crate::toolgate", parse: |attr, value| attr.runtime = value.path() },
];

struct Argument {
    name: &'static str,
    kinds: &'static [Kind],
    /// What the argument takes, for error messages. `{kind}` is replaced by the kind of the operation.
    takes: &'static str,
    /// A valid use, for error messages, which put backticks around it.
    example: &'static str,
    parse: fn(&mut OperationAttr, ValueParser<'_>),
}

/// The argument that can be given several times.
const REPEATABLE: &str = "scopes_if";

/// Names that other frameworks have for arguments, with the name here.
const FOREIGN_NAMES: [(&str, &str); 17] = [
    ("confirm", "approve"),
    ("content_type", "mime_type"),
    ("media_type", "mime_type"),
    ("mimeType", "mime_type"),
    ("organization", "org"),
    ("permission", "scopes"),
    ("permissions", "scopes"),
    ("public", "authenticated"),
    ("quota", "rate"),
    ("rate_limit", "rate"),
    ("require_scopes", "scopes"),
    ("required_scopes", "scopes"),
    ("role", "org_role"),
    ("roles", "org_role"),
    ("template", "uri"),
    ("throttle", "rate"),
    ("url", "uri"),
];

/// Arguments that declare who is authorized.
pub(crate) const ACCESS_RULES: [&str; 3] = ["scopes", "any_scope", "authenticated"];

/// Parsed arguments. A field holds syntax nodes where later errors point at them.
#[derive(Default)]
pub(crate) struct OperationAttr {
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
    pub(crate) task: Option<Ident>,
    pub(crate) approve: Option<LitStr>,
    pub(crate) uri: Option<LitStr>,
    pub(crate) mime_type: Option<LitStr>,
    pub(crate) size: Option<u64>,
    pub(crate) audience: Vec<LitStr>,
    pub(crate) priority: Option<f64>,
    pub(crate) scopes_if: Vec<ConditionalScopes>,
    pub(crate) guards: Vec<Expr>,
    pub(crate) visible_to: Vec<Expr>,
    pub(crate) org_roles: Vec<LitStr>,
    pub(crate) orgs: Vec<LitStr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) rate: Option<Rate>,
    pub(crate) total_rate: Option<Rate>,
    pub(crate) audit: Vec<LitStr>,
    pub(crate) meta: Option<Expr>,
    pub(crate) runtime: Option<Path>,
    /// The arguments that are written, including those that are misspelled or invalid.
    written: Vec<&'static str>,
    has_syntax_error: bool,
}

impl OperationAttr {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attr = Self::default();
        let mut seen: Vec<Ident> = Vec::new();
        let (items, syntax_error) = MetaItem::parse_all(tokens);
        for item in items {
            let name = item.name.clone();
            if seen.contains(&name) && name != REPEATABLE {
                errors.push(&name, format!("duplicate argument `{name}`: remove one"));
            } else if let Some(argument) = ARGUMENTS.iter().find(|argument| name == argument.name) {
                attr.written.push(argument.name);
                if argument.kinds.contains(&kind) {
                    let value = ValueParser { item, kind, takes: argument.takes, example: argument.example, errors };
                    (argument.parse)(&mut attr, value);
                } else {
                    let kinds = attributes(argument.kinds);
                    errors
                        .push(&name, format!("`{name}` is an argument of {kinds}, and this is a {kind}: remove it"));
                }
            } else {
                attr.reject_unknown(kind, &name, errors);
            }
            seen.push(name);
        }
        if let Some(error) = syntax_error {
            errors.add(error);
            attr.has_syntax_error = true;
        }
        attr
    }

    fn reject_unknown(&mut self, kind: Kind, name: &Ident, errors: &mut Errors) {
        if let Some(similar) = most_similar(kind, &name.to_string()) {
            self.written.push(similar);
            errors.push(name, format!("unknown argument `{name}`: did you mean `{similar}`?"));
        } else {
            let names: Vec<_> = arguments_of(kind).map(|argument| format!("`{}`", argument.name)).collect();
            errors.push(name, format!("unknown argument `{name}`: expected one of {}", names.join(", ")));
        }
    }

    /// Returns whether one of these arguments is written, or may be in what does not parse. That it is missing is not
    /// reported then.
    pub(crate) fn may_have(&self, names: &[&str]) -> bool {
        self.has_syntax_error || self.written.iter().any(|name| names.contains(name))
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

fn arguments_of(kind: Kind) -> impl Iterator<Item = &'static Argument> {
    ARGUMENTS.iter().filter(move |argument| argument.kinds.contains(&kind))
}

/// The argument whose name is most similar to `name`, if one is similar enough to be what the author meant.
fn most_similar(kind: Kind, name: &str) -> Option<&'static str> {
    let known = FOREIGN_NAMES.iter().find(|(foreign, _)| *foreign == name);
    if let Some(argument) = known.and_then(|(_, known)| arguments_of(kind).find(|argument| argument.name == *known)) {
        return Some(argument.name);
    }
    arguments_of(kind)
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
            assert!(has_row, "the tables in lib.rs have no row for `{name}`");
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
            ("rate_limit", "rate"),
            ("rates", "rate"),
            ("totalrate", "total_rate"),
        ] {
            assert_eq!(most_similar(Kind::Tool, name), Some(expected), "{name}");
        }
        for name in ["colour", "id", "cost"] {
            assert_eq!(most_similar(Kind::Tool, name), None, "{name}");
        }
        assert_eq!(most_similar(Kind::Resource, "mime"), Some("mime_type"));
        assert_eq!(most_similar(Kind::Resource, "url"), Some("uri"));
        assert_eq!(most_similar(Kind::Tool, "url"), None);
        assert_eq!(most_similar(Kind::Prompt, "readonly"), None);
    }
}
