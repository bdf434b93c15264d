//! `#[arg(..)]` on a parameter.

use syn::{Attribute, Expr, LitStr, Meta, meta::ParseNestedMeta, parse::ParseBuffer};

use crate::{
    errors::Errors,
    kind::{Kind, attributes},
    value::ungroup,
};

/// Arguments of `#[arg(..)]`.
#[derive(Default)]
pub(crate) struct ArgAttr {
    /// Header of `#[arg(header = "..")]`, without the prefix `Mcp-Param-`.
    pub(crate) header: Option<LitStr>,
    /// Call of `#[arg(complete = ..)]`, or the path of its function.
    pub(crate) complete: Option<Expr>,
}

/// The keys of `#[arg(..)]`, and the kinds of operations that each is for.
const KEYS: [(&str, &[Kind]); 2] = [("header", &[Kind::Tool]), ("complete", &[Kind::Prompt, Kind::Resource])];

impl ArgAttr {
    /// Parses one `#[arg(..)]` of a parameter.
    pub(crate) fn add(&mut self, kind: Kind, attribute: &Attribute, errors: &mut Errors) {
        let earlier = std::mem::take(self);
        let parsed = match &attribute.meta {
            Meta::List(list) => list.parse_nested_meta(|meta| self.read(kind, &meta, errors)),
            _ => Ok(()),
        };
        match parsed {
            Err(error) => errors.add(error),
            Ok(()) if self.header.is_none() && self.complete.is_none() => errors.push(attribute, usage(kind)),
            Ok(()) => {}
        }
        if earlier.header.is_some() && self.header.is_some() {
            errors.push(attribute, "duplicate header: remove one");
        }
        if earlier.complete.is_some() && self.complete.is_some() {
            errors.push(attribute, "duplicate `complete`: remove one");
        }
        self.header = self.header.take().or(earlier.header);
        self.complete = self.complete.take().or(earlier.complete);
    }

    fn read(&mut self, kind: Kind, meta: &ParseNestedMeta<'_>, errors: &mut Errors) -> syn::Result<()> {
        let Some((key, kinds)) = KEYS.into_iter().find(|(key, _)| meta.path.is_ident(key)) else {
            return Err(meta.error(usage(kind)));
        };
        if !kinds.contains(&kind) {
            let message =
                format!("`{key}` is for arguments of {}, and this is a {kind}: remove it", attributes(kinds));
            return Err(meta.error(message));
        }
        let usage = |error: syn::Error| syn::Error::new(error.span(), usage(kind));
        if key == "header" {
            let header = meta.value().and_then(ParseBuffer::parse).map_err(usage)?;
            if self.header.is_some() {
                errors.push(&header, "duplicate header: remove one");
            }
            check_header(&header, errors);
            self.header = Some(header);
        } else {
            let call = ungroup(meta.value().and_then(ParseBuffer::parse).map_err(usage)?);
            if self.complete.is_some() {
                errors.push(&call, "duplicate `complete`: remove one");
            }
            check_completion(kind, &call, errors);
            self.complete = Some(call);
        }
        Ok(())
    }
}

const fn usage(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "expected a header name, such as `#[arg(header = \"Region\")]`",
        Kind::Prompt | Kind::Resource => {
            "expected a function that completes the argument, such as `#[arg(complete = departments)]` or \
             `#[arg(complete = departments(value, caller, directory))]`"
        }
    }
}

fn check_header(header: &LitStr, errors: &mut Errors) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if header.value().is_empty() || !header.value().chars().all(is_token) {
        errors.push(header, "invalid header name: expected letters, digits and `-` (RFC 9110, section 5.6.2)");
    }
}

fn check_completion(kind: Kind, call: &Expr, errors: &mut Errors) {
    match call {
        Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) => {}
        Expr::Await(awaited) => {
            errors.push(awaited.await_token, "`complete` takes the call without `.await`: remove it");
        }
        other => errors.push(other, usage(kind)),
    }
}
