//! Checks of the parameters of a request, before rmcp receives it.

use serde_json::value::RawValue;
use thiserror::Error;

use super::{Message, ParamsKind};
use crate::{
    audit::{MAX_TEXT, is_loggable},
    mcp::InvalidShape,
};

/// Parameters that are not valid for their method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidParams {
    #[error("`params` must be an object")]
    NotAnObject,
    #[error("`params._meta` must be an object")]
    Meta,
    #[error("`params.cursor` must be a string")]
    Cursor,
    #[error("`params.name` of tools/call must be a string")]
    Name,
    #[error("`params.arguments` of tools/call must be an object")]
    Arguments,
    #[error(
        "`params.arguments` of tools/call cannot be read: numbers must fit 64-bit floats, escapes must be characters, and \
         nesting must not exceed 127 levels"
    )]
    UnreadableArguments,
    #[error("`params.{0}` {UNLOGGABLE}")]
    Unloggable(&'static str),
    /// Parameters that rmcp found invalid.
    #[error(transparent)]
    Shape(#[from] InvalidShape),
}

/// What is wrong with a text that must not reach a log.
pub(super) const UNLOGGABLE: &str = "is longer than 256 bytes, or has control or invisible characters";

/// Members of `params` that rmcp logs as they are.
pub(super) const LOGGED_MEMBERS: [&str; 5] = ["cursor", "level", "protocolVersion", "requestId", "taskId"];

impl Message<'_> {
    /// Checks that parameters which rmcp logs can be logged, and the types that all methods share and that `tools/call`
    /// has. rmcp takes a request whose parameters have other types for one with an unknown method.
    pub(crate) fn check_params(&self) -> Result<(), InvalidParams> {
        let params = &self.params;
        if let Some(member) = params.unloggable {
            return Err(InvalidParams::Unloggable(member));
        }
        if params.name.is_some_and(|name| !is_loggable_json(name)) {
            return Err(InvalidParams::Unloggable("name"));
        }
        if self.id.is_none() {
            return Ok(());
        }
        if params.kind == ParamsKind::Other {
            return Err(InvalidParams::NotAnObject);
        }
        if !is_object_or_null(params.meta) {
            return Err(InvalidParams::Meta);
        }
        // rmcp ignores all parameters of a list if one of them has another type.
        if params.cursor.map(RawValue::get).is_some_and(|cursor| !cursor.starts_with('"') && cursor != "null") {
            return Err(InvalidParams::Cursor);
        }
        if self.method.as_deref() != Some("tools/call") {
            return Ok(());
        }
        if !params.name.is_some_and(|name| name.get().starts_with('"')) {
            return Err(InvalidParams::Name);
        }
        if is_object_or_null(params.arguments) { Ok(()) } else { Err(InvalidParams::Arguments) }
    }
}

/// Returns whether a member is an object, `null` or absent.
fn is_object_or_null(member: Option<&RawValue>) -> bool {
    member.map(RawValue::get).is_none_or(|json| json.starts_with('{') || json == "null")
}

/// Returns whether a string or a number can be logged: at most 256 bytes, without control or invisible characters. Other
/// values are not logged.
pub(super) fn is_loggable_json(value: &RawValue) -> bool {
    let json = value.get();
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        // An escaped character takes at most twelve bytes of JSON for three of text, or six for one.
        Some(_) if json.len() > 6 * MAX_TEXT + 2 => false,
        Some(text) if text.contains('\\') => serde_json::from_str(json).is_ok_and(|text: String| is_loggable(&text)),
        Some(text) => is_loggable(text),
        None => json.len() <= MAX_TEXT || json.starts_with(['{', '[']),
    }
}
