//! The call that an approval is for, and how its page shows it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::approval::{Person, RequestedCall};
use crate::{
    audit::is_plain,
    operation::{ApprovalCall, Context, ToolError},
};

/// Maximum size of the arguments on the page, in bytes.
const MAX_ARGUMENT_BYTES: usize = 8 * 1024;
/// Maximum length of the message, in characters.
const MAX_MESSAGE_CHARS: usize = 1000;
/// Maximum length of the name of a client, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The call that an approval is for.
pub(super) struct RequestedCallOf<'a> {
    pub(super) id: String,
    pub(super) person: Person,
    pub(super) message: String,
    arguments: String,
    call: &'a ApprovalCall<'a>,
}

impl<'a> RequestedCallOf<'a> {
    /// Reads a call.
    ///
    /// # Errors
    ///
    /// The call acts for no person, or its arguments are too large for a page.
    pub(super) fn new(call: &'a ApprovalCall<'a>, message: &str) -> Result<Self, ToolError> {
        let Some(person) = Person::of(call.caller) else {
            return Err(ToolError::not_approved(
                "not approved: a person has to approve this call, and the token acts for none. Nothing was done",
            ));
        };
        let arguments = plain(&serde_json::to_string_pretty(call.arguments).map_err(ToolError::masked)?);
        if arguments.len() > MAX_ARGUMENT_BYTES {
            return Err(ToolError::not_approved(format!(
                "not approved: the arguments are longer than {MAX_ARGUMENT_BYTES} bytes, so that a person cannot review \
                 them. Nothing was done. Call with shorter arguments"
            )));
        }
        let id = URL_SAFE_NO_PAD.encode(call.binding.as_bytes());
        Ok(Self { id, person, message: shortened(message, MAX_MESSAGE_CHARS), arguments, call })
    }

    /// Returns what the approval stores of the call.
    pub(super) fn describe(&self) -> RequestedCall {
        let caller = self.call.caller;
        let tool = self.call.tool;
        let client_name = self.call.context.and_then(Context::client_info);
        // A login needs no scope, but without one, many authorization servers grant all.
        let of_tool = tool.all.iter().chain(tool.any).map(|scope| scope.name()).find(|scope| caller.has_name(scope));
        RequestedCall {
            call: self.id.clone(),
            person: self.person.clone(),
            tool: tool.name().to_owned(),
            message: self.message.clone(),
            arguments: self.arguments.clone(),
            client_id: caller.client_id().map(|id| shortened(id, MAX_NAME_CHARS)),
            client_name: client_name.map(|client| shortened(&client.name, MAX_NAME_CHARS)),
            scope: of_tool.or_else(|| caller.scopes().next()).map(str::to_owned),
        }
    }
}

/// Replaces control and invisible characters, which could change how the page reads, with their escapes.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) || c == '\n' {
            escaped.push(c);
        } else {
            escaped.extend(c.escape_unicode());
        }
    }
    escaped
}

/// Returns a text on one line without invisible characters, of at most `max` characters.
fn shortened(text: &str, max: usize) -> String {
    let text = plain(&text.replace('\n', " "));
    if text.chars().count() <= max { text } else { text.chars().take(max - 1).chain(['…']).collect() }
}
