//! Checks of the parameters of a request, before rmcp receives it.

use std::borrow::Cow;

use serde_json::value::RawValue;
use thiserror::Error;

use super::{Message, ParamsKind};
use crate::{
    audit::{MAX_TEXT, is_loggable, is_plain_text},
    mcp::InvalidShape,
    operation::OperationKind,
    resource::MAX_URI_BYTES,
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
    #[error("`params.name` of {0} must be a string")]
    Name(&'static str),
    #[error("`params.uri` of resources/read must be a string")]
    Uri,
    #[error("`params.arguments` of {0} must be an object")]
    Arguments(&'static str),
    #[error(
        "`params.arguments` cannot be read: numbers must fit 64-bit floats, escapes must be characters, and \
         nesting must not exceed 127 levels"
    )]
    UnreadableArguments,
    #[error(
        "`params.notifications` of subscriptions/listen must be an object: `toolsListChanged`, `promptsListChanged` and \
         `resourcesListChanged` are booleans, `resourceSubscriptions` is a list of strings"
    )]
    Notifications,
    #[error(
        "`params.notifications.resourceSubscriptions` has more than {maximum} URIs: subscribe to the others in a further \
         request"
    )]
    TooManyResources { maximum: usize },
    #[error("`params.{0}` {UNLOGGABLE}")]
    Unloggable(&'static str),
    #[error("`params.uri` is longer than {MAX_URI_BYTES} bytes, or has control or invisible characters")]
    UnloggableUri,
    /// Parameters that rmcp found invalid.
    #[error(transparent)]
    Shape(#[from] InvalidShape),
}

/// What is wrong with a text that must not reach a log.
pub(super) const UNLOGGABLE: &str = "is longer than 256 bytes, or has control or invisible characters";

/// Members of `params` that rmcp logs as they are.
pub(super) const LOGGED_MEMBERS: [&str; 5] = ["cursor", "level", "protocolVersion", "requestId", "taskId"];

impl Message<'_> {
    /// Checks that parameters which rmcp logs can be logged, and the types that all methods share and that calls have. rmcp takes a request whose parameters have other types for one with an unknown method.
    pub(crate) fn check_params(&self) -> Result<(), InvalidParams> {
        let params = &self.params;
        if let Some(member) = params.unloggable {
            return Err(InvalidParams::Unloggable(member));
        }
        if params.name.is_some_and(|name| !is_loggable_json(name)) {
            return Err(InvalidParams::Unloggable("name"));
        }
        if params.uri.is_some_and(|uri| !is_plain_uri(uri)) {
            return Err(InvalidParams::UnloggableUri);
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
        let is_text = |member: Option<&RawValue>| member.is_some_and(|json| json.get().starts_with('"'));
        let method = match self.target_kind() {
            None => return Ok(()),
            Some(OperationKind::Resource) => {
                return if is_text(params.uri) { Ok(()) } else { Err(InvalidParams::Uri) };
            }
            Some(OperationKind::Tool) => "tools/call",
            Some(OperationKind::Prompt) => "prompts/get",
        };
        if !is_text(params.name) {
            return Err(InvalidParams::Name(method));
        }
        if is_object_or_null(params.arguments) { Ok(()) } else { Err(InvalidParams::Arguments(method)) }
    }
}

/// Returns whether a URI has at most [`MAX_URI_BYTES`] and no control or invisible characters. Values that are not texts
/// are rejected by their type.
fn is_plain_uri(uri: &RawValue) -> bool {
    let json = uri.get();
    if !json.starts_with('"') {
        return is_loggable_json(uri);
    }
    // An escaped character takes at most six bytes of JSON for one of text.
    json.len() <= 6 * MAX_URI_BYTES + 2
        && serde_json::from_str(json)
            .is_ok_and(|text: Cow<'_, str>| text.len() <= MAX_URI_BYTES && is_plain_text(&text))
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
