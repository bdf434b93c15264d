//! Parser of URI templates (RFC 6570), for literals in constants and for strings at run time.

use super::problem::{Syntax, TemplateProblem};
use crate::resource::{
    MAX_URI_BYTES,
    byte_set::{PCHAR, QUERY, REG_NAME, UNRESERVED},
};

/// Component of the URI in which a character or an expression is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resource) enum Place {
    /// The host, after `//`.
    Host,
    /// The port, after the host and `:`.
    Port,
    /// The path.
    Path,
    /// The query, after `?`.
    Query,
}

/// Kind of a variable: its operator, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::resource) enum VariableKind {
    /// `{name}`: characters without `/`.
    Simple(Place),
    /// `{+name}`: one segment or several.
    Segments(Place),
    /// `{?name}`: an optional parameter of the query.
    Optional,
}

/// Part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// Characters that a URI contains exactly so.
    Literal(&'t str),
    /// A variable. `{?a,b}` is two.
    Variable { name: &'t str, kind: VariableKind },
}

/// Parser that returns the parts of a template in their order. Two literals never follow each other, and neither do two
/// variables, except those of `{?..}`.
#[derive(Clone, Copy)]
pub(super) struct Parser<'t> {
    text: &'t str,
    position: usize,
    /// `None` before the scheme.
    place: Option<Place>,
    segment_start: usize,
    after_expression: bool,
    has_segments: bool,
    in_optional: bool,
}

impl<'t> Parser<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self {
            text,
            position: 0,
            place: None,
            segment_start: 0,
            after_expression: false,
            has_segments: false,
            in_optional: false,
        }
    }

    /// Returns the next part, or `None` at the end.
    pub(super) const fn next(&mut self) -> Result<Option<Part<'t>>, Syntax> {
        if self.text.len() > MAX_URI_BYTES {
            return Err(Syntax::new(TemplateProblem::TooLong, 0, 0));
        }
        if self.in_optional {
            return self.optional();
        }
        let Some(place) = self.place else { return self.scheme() };
        match self.peek() {
            None => match self.end_of_segment(place) {
                Some(error) => Err(error),
                None => Ok(None),
            },
            Some(b'{') => self.expression(place),
            Some(_) => self.literal(self.position),
        }
    }

    const fn peek(&self) -> Option<u8> {
        self.byte(self.position)
    }

    const fn byte(&self, at: usize) -> Option<u8> {
        if at < self.text.len() { Some(self.text.as_bytes()[at]) } else { None }
    }

    /// Reads the scheme and the literal that it begins.
    const fn scheme(&mut self) -> Result<Option<Part<'t>>, Syntax> {
        loop {
            match self.peek() {
                Some(b'a'..=b'z') => {}
                Some(b'0'..=b'9' | b'+' | b'-' | b'.') if self.position > 0 => {}
                Some(b':') if self.position > 0 => break,
                _ => return Err(Syntax::new(TemplateProblem::Scheme, 0, 0)),
            }
            self.position += 1;
        }
        self.position += 1;
        if matches!((self.byte(self.position), self.byte(self.position + 1)), (Some(b'/'), Some(b'/'))) {
            self.position += 2;
            self.place = Some(Place::Host);
        } else {
            self.place = Some(Place::Path);
        }
        self.segment_start = self.position;
        self.literal(0)
    }

    /// Reads a literal until the next expression or the end.
    const fn literal(&mut self, start: usize) -> Result<Option<Part<'t>>, Syntax> {
        let Some(mut place) = self.place else { unreachable!() };
        while let Some(byte) = self.peek() {
            let at = self.position;
            match (place, byte) {
                (_, b'{') => break,
                (_, b'}') => return Err(Syntax::new(TemplateProblem::ClosingBrace, at, at + 1)),
                (_, b'#') => return Err(Syntax::new(TemplateProblem::Fragment, at, self.text.len())),
                (Place::Port, b'0'..=b'9') => {}
                (Place::Host, b':') => place = Place::Port,
                (Place::Host | Place::Port | Place::Path, b'/' | b'?') => {
                    if let Some(error) = self.end_of_segment(place) {
                        return Err(error);
                    }
                    place = if byte == b'/' { Place::Path } else { Place::Query };
                    self.segment_start = at + 1;
                }
                (Place::Host | Place::Port, b'@') => {
                    return Err(Syntax::new(TemplateProblem::UserInformation, at, at + 1));
                }
                (Place::Host, b'[') => return Err(Syntax::new(TemplateProblem::IpLiteral, at, at + 1)),
                (Place::Port, _) => return Err(Syntax::new(TemplateProblem::Port, at, self.character_end(at))),
                (_, b'%') => {
                    if let Some(error) = self.percent_encoding() {
                        return Err(error);
                    }
                    self.position += 2;
                }
                (Place::Host, _) if REG_NAME.contains(byte) => {}
                (Place::Path, _) if PCHAR.contains(byte) => {}
                (Place::Query, _) if QUERY.contains(byte) => {}
                _ => return Err(Syntax::new(TemplateProblem::Character, at, self.character_end(at))),
            }
            self.position += 1;
        }
        self.place = Some(place);
        self.after_expression = false;
        Ok(Some(Part::Literal(slice(self.text, start, self.position))))
    }

    /// Returns the end of the character that starts at a position.
    const fn character_end(&self, start: usize) -> usize {
        let mut end = start + 1;
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        end
    }

    const fn percent_encoding(&self) -> Option<Syntax> {
        let at = self.position;
        let (Some(high), Some(low)) = (self.byte(at + 1), self.byte(at + 2)) else {
            return Some(Syntax::new(TemplateProblem::PercentEncoding, at, at + 1));
        };
        match decode_hex(high, low) {
            None => Some(Syntax::new(TemplateProblem::PercentEncoding, at, at + 1)),
            Some(byte) if UNRESERVED.contains(byte) => {
                Some(Syntax::new(TemplateProblem::NeedlessEncoding, at, at + 3))
            }
            Some(_) => None,
        }
    }

    /// Checks the segment of the path that ends here.
    const fn end_of_segment(&self, place: Place) -> Option<Syntax> {
        if !matches!(place, Place::Path) {
            return None;
        }
        match slice(self.text, self.segment_start, self.position).as_bytes() {
            b"." | b".." => Some(Syntax::new(TemplateProblem::DotSegment, self.segment_start, self.position)),
            _ => None,
        }
    }

    /// Reads an expression. The position is at its `{`.
    const fn expression(&mut self, place: Place) -> Result<Option<Part<'t>>, Syntax> {
        let start = self.position;
        let mut end = start + 1;
        loop {
            match self.byte(end) {
                Some(b'}') => break,
                None | Some(b'{') => return Err(Syntax::new(TemplateProblem::OpenBrace, start, end)),
                Some(_) => end += 1,
            }
        }
        let (kind, name_start) = match self.byte(start + 1) {
            Some(b'?') => {
                if let Some(error) = self.end_of_segment(place) {
                    return Err(error);
                }
                if end + 1 < self.text.len() {
                    return Err(Syntax::new(TemplateProblem::OptionalNotLast, start, end + 1));
                }
                if matches!(place, Place::Query) {
                    return Err(Syntax::new(TemplateProblem::OptionalInQuery, start, end + 1));
                }
                self.position = start + 2;
                self.in_optional = true;
                return self.optional();
            }
            Some(b'+') => (VariableKind::Segments(place), start + 2),
            Some(b'#' | b'.' | b'/' | b';' | b'&' | b'=' | b',' | b'!' | b'@' | b'|') => {
                return Err(Syntax::new(TemplateProblem::Operator, start, end + 1));
            }
            _ => (VariableKind::Simple(place), start + 1),
        };
        let problem = match (kind, place) {
            _ if self.after_expression => Some(TemplateProblem::Adjacent),
            (_, Place::Port) => Some(TemplateProblem::Port),
            (VariableKind::Segments(_), Place::Query) => Some(TemplateProblem::SegmentsInQuery),
            (VariableKind::Segments(_), _) if self.has_segments => Some(TemplateProblem::SecondSegments),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Syntax::new(problem, start, end + 1));
        }
        let name = slice(self.text, name_start, end);
        if let Some(problem) = name_problem(name, false) {
            return Err(Syntax::new(problem, start, end + 1));
        }
        self.has_segments |= matches!(kind, VariableKind::Segments(_));
        self.after_expression = true;
        self.position = end + 1;
        Ok(Some(Part::Variable { name, kind }))
    }

    /// Reads the next variable of `{?..}`. `expression` has found its `}` at the end of the template.
    const fn optional(&mut self) -> Result<Option<Part<'t>>, Syntax> {
        let start = self.position;
        if start == self.text.len() {
            return Ok(None);
        }
        let mut end = start;
        while !matches!(self.byte(end), Some(b',' | b'}')) {
            end += 1;
        }
        let name = slice(self.text, start, end);
        if let Some(problem) = name_problem(name, true) {
            let mut expression = start;
            while !matches!(self.byte(expression), Some(b'{')) {
                expression -= 1;
            }
            return Err(Syntax::new(problem, expression, self.text.len()));
        }
        // The comma before the last name, or the closing brace, is read with the name.
        self.position = end + 1;
        Ok(Some(Part::Variable { name, kind: VariableKind::Optional }))
    }
}

/// Checks the name of a variable (RFC 6570, section 2.3). Percent-encoded names are not supported.
const fn name_problem(name: &str, is_list: bool) -> Option<TemplateProblem> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        return Some(TemplateProblem::NoName);
    }
    let mut after_dot = true;
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => after_dot = false,
            b'.' if !after_dot => after_dot = true,
            b',' if !is_list => return Some(TemplateProblem::SeveralNames),
            b'*' | b':' => return Some(TemplateProblem::Modifier),
            _ => return Some(TemplateProblem::Name),
        }
        i += 1;
    }
    if after_dot { Some(TemplateProblem::Name) } else { None }
}

/// Checks a template.
pub(super) const fn validate(text: &str) -> Result<(), Syntax> {
    let mut parser = Parser::new(text);
    loop {
        match parser.next() {
            Err(error) => return Err(error),
            Ok(None) => return Ok(()),
            Ok(Some(Part::Literal(_))) => {}
            Ok(Some(Part::Variable { name, .. })) => {
                if count(text, name) > 1 {
                    let end = parser.position - 1;
                    return Err(Syntax::new(TemplateProblem::DuplicateVariable, end - name.len(), end));
                }
            }
        }
    }
}

/// Counts the variables with a name, until the first error.
pub(super) const fn count(text: &str, name: &str) -> usize {
    let mut parser = Parser::new(text);
    let mut count = 0;
    while let Ok(Some(part)) = parser.next() {
        if let Part::Variable { name: other, .. } = part
            && crate::scope::equal(name, other)
        {
            count += 1;
        }
    }
    count
}

pub(super) const fn slice(text: &str, start: usize, end: usize) -> &str {
    text.split_at(end).0.split_at(start).1
}

/// Decodes the two digits of a percent-encoding.
pub(super) const fn decode_hex(high: u8, low: u8) -> Option<u8> {
    match (hex_digit(high), hex_digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
