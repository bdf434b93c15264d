//! Source text of expressions, for policy tables, and the names that an expression mentions.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::LitStr;

/// Returns an expression as text that does not depend on how it is formatted in the source.
///
/// `stringify!` writes `own_ticket (caller , & ticket_id)` for tokens that pass through a macro.
pub(crate) fn source_text(tokens: impl ToTokens) -> String {
    let mut text = String::new();
    write(tokens.to_token_stream(), &mut text);
    text
}

/// Operators of several characters.
const OPERATORS: [&str; 22] = [
    "::", "..", "...", "..=", "==", "!=", "<=", ">=", "&&", "||", "->", "=>", "<<", ">>", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=",
];

/// Operators without spaces around them.
const TIGHT: [&str; 5] = ["::", ".", "..", "..=", "?"];

/// Keywords that an operand follows.
const KEYWORDS: [&str; 9] = ["mut", "as", "in", "if", "match", "move", "ref", "let", "else"];

fn write(tokens: TokenStream, text: &mut String) {
    // Whether an operand is next, before which `&`, `*`, `-`, `!` and `|` are prefixes.
    let mut expects_operand = true;
    let mut in_closure_parameters = false;
    let mut open_generics = 0_u32;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace if text.is_empty() || text.ends_with([' ', '(']) => ("{ ", " }"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
                expects_operand = false;
            }
            TokenTree::Punct(punct) => {
                let mut operator = String::from(punct.as_char());
                let mut spacing = punct.spacing();
                while spacing == Spacing::Joint
                    && let Some(TokenTree::Punct(next)) = tokens.peek()
                    && OPERATORS.contains(&format!("{operator}{}", next.as_char()).as_str())
                    && (open_generics == 0 || operator != ">")
                {
                    operator.push(next.as_char());
                    spacing = next.spacing();
                    tokens.next();
                }
                match operator.as_str() {
                    "," | ";" | ":" => text.extend([&operator, " "]),
                    "'" | "#" => text.push_str(&operator),
                    "<" if text.ends_with("::") => {
                        open_generics += 1;
                        text.push('<');
                    }
                    ">" if open_generics > 0 => {
                        open_generics -= 1;
                        text.push('>');
                    }
                    "|" if in_closure_parameters => {
                        in_closure_parameters = false;
                        text.push_str("| ");
                    }
                    "|" if expects_operand => {
                        in_closure_parameters = true;
                        text.push('|');
                    }
                    "||" if expects_operand => text.push_str("|| "),
                    "&" | "&&" | "*" | "-" if expects_operand => text.push_str(&operator),
                    // `!` is a prefix, or follows the name of a macro.
                    "!" => text.push('!'),
                    tight if TIGHT.contains(&tight) => text.push_str(tight),
                    _ => text.extend([" ", &operator, " "]),
                }
                expects_operand = operator != "?" && operator != ">";
            }
            word => {
                let word = word.to_string();
                let is_keyword = KEYWORDS.contains(&word.as_str());
                if !text.is_empty() && (!expects_operand || word == "as" || word == "else") && !text.ends_with(' ') {
                    text.push(' ');
                }
                text.push_str(&word);
                if is_keyword {
                    text.push(' ');
                }
                expects_operand = is_keyword;
            }
        }
    }
    text.truncate(text.trim_end().len());
}

/// Returns the first mention of a name as a variable: not as a field, a method, or a part of a path.
pub(crate) fn mention(tokens: &TokenStream, name: &Ident) -> Option<Ident> {
    // The text of the punctuation before the current token.
    let mut before = String::new();
    let mut tokens = tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Punct(punct) => {
                before.push(punct.as_char());
                continue;
            }
            TokenTree::Group(group) => {
                if let Some(found) = mention(&group.stream(), name) {
                    return Some(found);
                }
            }
            TokenTree::Ident(ident) if ident == name => {
                let is_member = before == "." || before.ends_with("::");
                // A path, or the name of a field.
                let is_prefix = matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
                if !is_member && !is_prefix {
                    return Some(ident.clone());
                }
            }
            _ => {}
        }
        before.clear();
    }
    None
}

/// Returns the names of the values that a format string contains, such as `year` in `"of {year:04}"`.
pub(crate) fn captured_names(format: &LitStr) -> Vec<String> {
    let text = format.value().replace("{{", "");
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split(['}', ':']).next())
        .map(|name| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    #[test]
    fn the_text_is_formatted_like_rust() {
        for (tokens, expected) in [
            (quote!(own_ticket(caller, &ticket_id, tickets)), "own_ticket(caller, &ticket_id, tickets)"),
            (
                quote!(matches!(status, Status::Closed | Status::Open)),
                "matches!(status, Status::Closed | Status::Open)",
            ),
            (quote!(amount > 1000 && !urgent), "amount > 1000 && !urgent"),
            (quote!(a == -1), "a == -1"),
            (quote!(a - 1 >= *b), "a - 1 >= *b"),
            (quote!(rota.on_duty(caller, "night shift")), "rota.on_duty(caller, \"night shift\")"),
            (quote!(ids.iter().any(|id| id.starts_with('x'))), "ids.iter().any(|id| id.starts_with('x'))"),
            (quote!(limit.is_none_or(|n| n as u64 > 10)), "limit.is_none_or(|n| n as u64 > 10)"),
            (quote!(if let Some(x) = a { x } else { b }), "if let Some(x) = a { x } else { b }"),
            (quote!(list[0..3].len() % 2 == 0), "list[0..3].len() % 2 == 0"),
            (quote!(policy::Kind::<u8>::of(&mut x)?), "policy::Kind::<u8>::of(&mut x)?"),
        ] {
            assert_eq!(source_text(tokens), expected);
        }
    }

    #[test]
    fn the_names_in_a_format_string_are_captured() {
        for (format, expected) in [
            ("Export the payroll of {year}-{month:02}", vec!["year", "month"]),
            ("{{year}} {{{month:?}}}", vec!["month"]),
            ("no argument", vec![]),
        ] {
            assert_eq!(captured_names(&syn::parse_quote!(#format)), expected, "{format}");
        }
    }

    #[test]
    fn a_name_is_mentioned_only_as_a_variable() {
        let name: Ident = quote::format_ident!("caller");
        for (tokens, expected) in [
            (quote!(f(a, caller)), true),
            (quote!(matches!(caller.org_id(), Some(_))), true),
            (quote!(&caller), true),
            (quote!(self.caller), false),
            (quote!(caller::check(a)), false),
            (quote!(policy::caller(a)), false),
            (quote!(Query { caller: a }), false),
            (quote!(Query { user: caller }), true),
            (quote!(0..caller), true),
            (quote!(f(call)), false),
        ] {
            assert_eq!(mention(&tokens, &name).is_some(), expected, "{tokens}");
        }
    }
}
