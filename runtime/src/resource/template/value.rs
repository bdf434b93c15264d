//! Values of variables: how a URI spells them, and which ones are accepted.

use percent_encoding::percent_decode_str;

use super::syntax::{Place, VariableKind, decode_hex};
use crate::{
    audit::is_plain,
    resource::byte_set::{ByteSet, PCHAR, QUERY, REG_NAME, UNRESERVED},
};

/// Characters of the query that a value contains only percent-encoded, because they separate parameters, or, as `+`,
/// mean a space to some.
const QUERY_SEPARATORS: &[u8] = b"&=;+?";

impl VariableKind {
    /// Returns the characters that a value can contain without encoding, in its first segment.
    const fn literal_bytes(self) -> ByteSet {
        match self {
            Self::Simple(Place::Host | Place::Port) | Self::Segments(Place::Host | Place::Port) => REG_NAME,
            Self::Simple(Place::Path) | Self::Segments(Place::Path | Place::Query) => PCHAR,
            Self::Simple(Place::Query) => QUERY.without(QUERY_SEPARATORS).without(b"/"),
            Self::Optional => QUERY.without(QUERY_SEPARATORS),
        }
    }

    /// Returns all bytes that a URI can contain in the place of a value.
    pub(super) const fn all_bytes(self) -> ByteSet {
        match self {
            Self::Simple(_) => self.literal_bytes().with(b"%"),
            Self::Segments(_) => PCHAR.with(b"/%"),
            Self::Optional => QUERY.with(b"%"),
        }
    }
}

/// Decodes a value once. `None` if the URI spells it in another way than the variable allows, or if the value is not
/// allowed.
///
/// Reserved characters of RFC 3986 can be written as they are, if the place of the variable allows them, or
/// percent-encoded, because clients differ in this. Unreserved characters are never percent-encoded.
pub(super) fn decode(text: &str, kind: VariableKind) -> Option<String> {
    let mut literal_bytes = kind.literal_bytes();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let decoded = decode_hex(bytes.next()?, bytes.next()?)?;
                let is_slash = decoded == b'/' && !matches!(kind, VariableKind::Optional);
                if UNRESERVED.contains(decoded) || is_slash {
                    return None;
                }
            }
            b'/' if matches!(kind, VariableKind::Segments(_)) => literal_bytes = PCHAR,
            byte if literal_bytes.contains(byte) => {}
            _ => return None,
        }
    }
    let value = percent_decode_str(text).decode_utf8().ok()?;
    is_allowed(&value, kind).then(|| value.into_owned())
}

/// Returns whether a variable can have a value.
pub(super) fn is_allowed(value: &str, kind: VariableKind) -> bool {
    let is_safe = value.chars().all(|c| is_plain(c) && c != '\\') && !has_percent_encoding(value);
    is_safe
        && match kind {
            VariableKind::Simple(_) => !value.contains('/') && is_segment(value),
            VariableKind::Segments(_) => value.split('/').all(|segment| is_segment(segment) && !has_drive(segment)),
            VariableKind::Optional => value.split('/').all(|segment| segment.is_empty() || is_segment(segment)),
        }
}

fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

/// Returns whether decoding the value again would change it.
fn has_percent_encoding(value: &str) -> bool {
    value.as_bytes().windows(3).any(|bytes| bytes[0] == b'%' && decode_hex(bytes[1], bytes[2]).is_some())
}

/// Returns whether a segment starts with a drive of Windows, with which `Path::join` discards the path before it.
fn has_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}
