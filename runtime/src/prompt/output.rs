//! Return types of prompts and their conversion into MCP results.

use rmcp::model::{GetPromptResult, PromptMessage, Role};

use crate::operation::{ToolError, for_each_content_type};

/// Return type of a prompt.
///
/// A prompt returns [`String`] or `&'static str` for one message of the user, an item of [content](crate::content) for
/// one with other content, a [`PromptMessage`](crate::content::PromptMessage) of the user or the assistant, a `Vec` of
/// these, a [`GetPromptResult`] for full control, or a `Result` of any of these whose error converts into a
/// [`ToolError`].
///
/// ```
/// # use toolgate::prelude::*;
/// use toolgate::content::{PromptMessage, Role};
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:reply"]);
///
/// /// Draft a reply to a ticket.
/// #[prompt(scopes = "tickets:reply")]
/// async fn support_reply(question: String) -> Vec<PromptMessage> {
///     vec![
///         PromptMessage::new_text(Role::User, format!("Reply to this question of a customer:\n\n{question}")),
///         PromptMessage::new_text(Role::Assistant, "Thank you for your question."),
///     ]
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a prompt",
    label = "not the result of a prompt",
    note = "a prompt returns `String`, content, a `toolgate::content::PromptMessage`, a `Vec` of these, or a `Result` of \
            these with an error that converts into `ToolError`"
)]
pub trait PromptOutput {
    /// Converts the value into an MCP result.
    ///
    /// # Errors
    ///
    /// The prompt's error.
    fn into_result(self) -> Result<GetPromptResult, ToolError>;
}

/// A message of a prompt, or content, which becomes a message of the user.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message of a prompt",
    label = "not a message",
    note = "a list of messages holds `String`s, content, or `toolgate::content::PromptMessage`s"
)]
pub trait IntoPromptMessage {
    /// Converts the value into a message.
    fn into_message(self) -> PromptMessage;
}

impl IntoPromptMessage for PromptMessage {
    fn into_message(self) -> PromptMessage {
        self
    }
}

impl PromptOutput for PromptMessage {
    fn into_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(GetPromptResult::new(vec![self]))
    }
}

impl PromptOutput for GetPromptResult {
    fn into_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(self)
    }
}

impl<T: IntoPromptMessage> PromptOutput for Vec<T> {
    fn into_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(GetPromptResult::new(self.into_iter().map(IntoPromptMessage::into_message).collect()))
    }
}

impl<T: PromptOutput, E: Into<ToolError>> PromptOutput for Result<T, E> {
    fn into_result(self) -> Result<GetPromptResult, ToolError> {
        self.map_err(Into::into)?.into_result()
    }
}

macro_rules! implement_for_content {
    ($($type:ty => $convert:path;)*) => {$(
        impl IntoPromptMessage for $type {
            fn into_message(self) -> PromptMessage {
                PromptMessage::new(Role::User, $convert(self))
            }
        }

        impl PromptOutput for $type {
            fn into_result(self) -> Result<GetPromptResult, ToolError> {
                Ok(GetPromptResult::new(vec![self.into_message()]))
            }
        }
    )*};
}

for_each_content_type!(implement_for_content);
