//! Asking the user something in the middle of a call.

use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests, InputRequiredResult,
};
use thiserror::Error;

/// The tool cannot go on before the client has answered: the multi-round-trip requests of MCP 2026-07-28.
///
/// The client answers and calls the tool again, with the answers: [`Context::answer`](super::Context::answer). Clients
/// of older revisions get an error instead.
///
/// ```
/// # use toolgate::prelude::*;
/// # use toolgate::input::InputRequired;
/// # pub static SCOPES: Scopes = Scopes::new(&["ticket:write:update"]);
/// /// Delete a ticket, after asking.
/// #[tool(scopes = "ticket:write:update", destructive)]
/// async fn ticket_delete(ticket_id: String, context: &Context) -> Result<String, ToolError> {
///     let Some(answer) = context.answer("confirm") else {
///         return Err(InputRequired::ask("confirm", format!("Delete {ticket_id} for good?"))?.into());
///     };
///     if answer["action"] != "accept" {
///         return Ok("Nothing was deleted.".to_owned());
///     }
///     Ok(format!("{ticket_id} is gone."))
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Error)]
#[error("the call needs an answer of the client first")]
pub struct InputRequired(InputRequiredResult);

impl InputRequired {
    /// Asks for a yes or no; a question with a form of its own is [`InputRequired::request`].
    ///
    /// # Errors
    ///
    /// None in practice: the form is empty.
    pub fn ask(key: impl Into<String>, message: impl Into<String>) -> Result<Self, super::ToolError> {
        let schema = ElicitationSchema::builder().build().map_err(super::ToolError::masked)?;
        let params = ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: message.into(),
            requested_schema: schema,
        };
        Ok(Self::request(key, InputRequest::Elicitation(ElicitRequest::new(params))))
    }

    /// Asks for one thing: a form, a sample of a model, the client's roots.
    pub fn request(key: impl Into<String>, request: InputRequest) -> Self {
        Self(InputRequiredResult::from_input_requests(InputRequests::from([(key.into(), request)])))
    }

    /// Asks for one thing more in the same round.
    pub fn and(mut self, key: impl Into<String>, request: InputRequest) -> Self {
        self.0.input_requests.get_or_insert_default().insert(key.into(), request);
        self
    }

    /// Gives the client something to bring back with its answers. The client sees it and can change it.
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.0.request_state = Some(state.into());
        self
    }

    pub(crate) fn into_result(self) -> InputRequiredResult {
        self.0
    }
}
