//! What can be wrong with a URI template, in sentences for the compiler and for the start of a server.

use crate::{audit::sanitize, resource::MAX_URI_BYTES, scope::ConstMessage};

use super::syntax::slice;

/// What is wrong with a URI template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum TemplateProblem {
    TooLong,
    Scheme,
    Character,
    PercentEncoding,
    NeedlessEncoding,
    Fragment,
    UserInformation,
    IpLiteral,
    Port,
    DotSegment,
    OpenBrace,
    ClosingBrace,
    NoName,
    Name,
    Operator,
    Modifier,
    SeveralNames,
    Adjacent,
    SecondSegments,
    SegmentsInQuery,
    OptionalNotLast,
    OptionalInQuery,
    DuplicateVariable,
}

const _: () = assert!(MAX_URI_BYTES == 2048, "the sentence of `TooLong` names the limit");

impl TemplateProblem {
    /// Returns what is wrong and what to do. It continues a sentence that starts with the part of the template, or with
    /// "it" if there is no such part.
    const fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "must have at most 2048 bytes",
            Self::Scheme => "must start with a scheme in lower case (RFC 3986, section 3.1), such as `company:`",
            Self::Character => "is not allowed here: percent-encode it (RFC 3986, section 2)",
            Self::PercentEncoding => {
                "must be followed by two hexadecimal digits: write `%25` for the character itself"
            }
            Self::NeedlessEncoding => "encodes a character that is never encoded: write the character itself",
            Self::Fragment => "is a fragment, which the URI of a resource cannot have: remove it",
            Self::UserInformation => "ends user information, which the URI of a resource cannot have: remove it",
            Self::IpLiteral => "starts an IPv6 address, which is not supported: write a host name",
            Self::Port => "is in the place of the port, which must be digits: write the number",
            Self::DotSegment => {
                "is removed from a path by clients (RFC 3986, section 5.2.4): write the path without it"
            }
            Self::OpenBrace => "has no `}`: close the expression, or write `%7B` for the character `{`",
            Self::ClosingBrace => "has no `{`: open the expression, or write `%7D` for the character `}`",
            Self::NoName => {
                "has no variable where one is expected: write the name of a parameter, as in `{employee_id}`"
            }
            Self::Name => "is not the name of a variable: use letters, digits and `_`",
            Self::Operator => "has an operator that is not supported: use `{name}`, `{+name}` or `{?name}`",
            Self::Modifier => "has a modifier, and `*` and `:` are not supported: write the name alone",
            Self::SeveralNames => {
                "has several variables, which only `{?a,b}` can have: write one expression for each, as in `{a}/{b}`"
            }
            Self::Adjacent => {
                "follows another expression, so that a character could belong to either: write a character that separates \
                 them, such as `/`"
            }
            Self::SecondSegments => {
                "is a second `{+name}`, so that a segment could belong to either: use `{name}` for values of one segment"
            }
            Self::SegmentsInQuery => "is in the query, which has no segments: use `{name}` or `{?name}`",
            Self::OptionalNotLast => "must be the end of the URI: move it there",
            Self::OptionalInQuery => {
                "follows a `?`, and it adds one itself: write all parameters of the query in one `{?a,b}`"
            }
            Self::DuplicateVariable => "is the name of two variables: give each variable a name of its own",
        }
    }
}

/// Problem with a template, and the part of the template that has it. It can be created in constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    problem: TemplateProblem,
    start: usize,
    end: usize,
}

impl Syntax {
    pub(super) const fn new(problem: TemplateProblem, start: usize, end: usize) -> Self {
        Self { problem, start, end }
    }

    /// Panics with the problem, in a constant.
    #[track_caller]
    pub(super) const fn panic(self, uri: &str) -> ! {
        let message = message(uri).push(" is not valid: ");
        let message = if self.start == self.end {
            message.push("it ")
        } else {
            message.push("`").push(slice(uri, self.start, self.end)).push("` ")
        };
        message.push(self.problem.sentence()).panic()
    }
}

/// Starts a message about a URI. A long URI is omitted, because the rest of the message would be cut.
pub(super) const fn message(uri: &str) -> ConstMessage {
    const MAX_SHOWN_BYTES: usize = 200;
    if uri.len() > MAX_SHOWN_BYTES || uri.is_empty() {
        ConstMessage::new("the URI of the resource")
    } else {
        ConstMessage::new("the URI `").push(uri).push("`")
    }
}

/// A URI template that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URI template `{}` is not valid: {}{}", .template, self.subject(), .problem.sentence())]
pub(crate) struct UriTemplateError {
    template: String,
    part: String,
    problem: TemplateProblem,
}

impl UriTemplateError {
    pub(super) fn new(template: &str, syntax: Syntax) -> Self {
        let part = &template[syntax.start..syntax.end];
        Self { template: sanitize(template), part: sanitize(part), problem: syntax.problem }
    }

    fn subject(&self) -> String {
        if self.part.is_empty() { "it ".to_owned() } else { format!("`{}` ", self.part) }
    }
}
