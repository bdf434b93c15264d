//! Asking the client for input during a call.

use rmcp::model::{ClientCapabilities, ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult};
use thiserror::Error;

/// Request for input from the client: the multi round-trip requests of MCP 2026-07-28.
///
/// To ask the user, use [`Context::ask`](super::Context::ask). This type is for input of other kinds, for several inputs in
/// one round, and for a body that chooses the keys and the state itself.
///
/// The client obtains the input and repeats the call with it; see
/// [`Context::input_response`](super::Context::input_response). The result carries a signed state that names the
/// requested inputs, so a client cannot respond before it was asked. A client that did not declare the capability
/// ([`Context::client_capabilities`](super::Context::client_capabilities)), or that uses an earlier revision, receives an
/// error instead. In a [session](crate::Server::sessions), a client of an earlier revision is asked during the call, and
/// the body runs again with its responses.
///
/// ```
/// # use toolgate::prelude::*;
/// use toolgate::input::{self, Confirm, InputRequired};
/// # pub static SCOPES: Scopes = Scopes::new(&["ticket:write:update"]);
///
/// /// Summarize a ticket with the client's model, if the user agrees.
/// #[tool(scopes = "ticket:write:update")]
/// async fn ticket_summarize(ticket: String, context: &Context) -> Result<String, ToolError> {
///     let responses = ["agree", "summary"].map(|key| context.input_response(key));
///     let [Some(agreement), Some(summary)] = responses else {
///         let sample = serde_json::from_value(json!({ "method": "sampling/createMessage", "params": {
///             "messages": [{ "role": "user", "content": { "type": "text", "text": ticket } }], "maxTokens": 100,
///         } }))?;
///         let agreement = input::form::<Confirm>("Store a summary of the ticket?")?;
///         return Err(InputRequired::request("agree", agreement).and("summary", sample).into());
///     };
///     if agreement["action"] != "accept" {
///         return Ok("Nothing was stored.".to_owned());
///     }
///     Ok(format!("stored: {}", summary["content"]["text"]))
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Error)]
#[error("the call needs input from the client")]
pub struct InputRequired(InputRequiredResult);

impl InputRequired {
    /// Requests one input: a form ([`form`](crate::input::form)), a visit of a URL, a sample of the client's model, or the client's roots.
    pub fn request(key: impl Into<String>, request: InputRequest) -> Self {
        Self(InputRequiredResult::from_input_requests(InputRequests::from([(key.into(), request)])))
    }

    /// Requests another input in the same round.
    pub fn and(mut self, key: impl Into<String>, request: InputRequest) -> Self {
        self.0.input_requests.get_or_insert_default().insert(key.into(), request);
        self
    }

    /// Adds state that the client sends back with the input; see [`Context::request_state`]. The client can read the state
    /// and send it more than once, with the responses: a body whose effect must happen once for each response has to
    /// record that it did, for example under a random ID in the state. The client cannot change the state, use it for
    /// another call or as another caller, or use it after one hour. A token without a user is a caller of its own.
    ///
    /// Several replicas need a common key, also for input without state:
    /// [`Server::request_state_key`](crate::Server::request_state_key).
    ///
    /// [`Context::request_state`]: super::Context::request_state
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.0.request_state = Some(state.into());
        self
    }

    /// Creates a request from the result of another server.
    pub(crate) fn from_result(result: InputRequiredResult) -> Self {
        Self(result)
    }

    pub(crate) fn into_result(self) -> InputRequiredResult {
        self.0
    }
}

/// Returns the capabilities that the requests for input need and that the client did not declare. Such input must not be
/// requested (MCP 2026-07-28, Multi Round-Trip Requests).
pub(crate) fn undeclared_capabilities<'a>(
    requests: impl IntoIterator<Item = &'a InputRequest>,
    client: &ClientCapabilities,
) -> Option<ClientCapabilities> {
    // An empty `elicitation` declares forms.
    let (forms, urls) = client
        .elicitation
        .as_ref()
        .map_or((false, false), |can| (can.form.is_some() || can.url.is_none(), can.url.is_some()));
    let mut missing = ClientCapabilities::default();
    for request in requests {
        match request {
            InputRequest::Elicitation(request) => match request.params {
                ElicitRequestParams::UrlElicitationParams { .. } if !urls => {
                    missing.elicitation.get_or_insert_default().url.get_or_insert_default();
                }
                ElicitRequestParams::FormElicitationParams { .. } if !forms => {
                    missing.elicitation.get_or_insert_default().form.get_or_insert_default();
                }
                _ => {}
            },
            InputRequest::CreateMessage(_) if client.sampling.is_none() => {
                missing.sampling.get_or_insert_default();
            }
            InputRequest::ListRoots(_) if client.roots.is_none() => {
                missing.roots.get_or_insert_default();
            }
            _ => {}
        }
    }
    (missing != ClientCapabilities::default()).then_some(missing)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::operation::{Confirm, form};

    /// Returns the undeclared capabilities for one request to the user and one to the model.
    fn missing(declared: Value) -> Option<Value> {
        let sample = json!({ "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } });
        let input = InputRequired::request("user", form::<Confirm>("Sure?").unwrap());
        let input = input.and("model", serde_json::from_value(sample).unwrap()).into_result();
        let requests = input.input_requests.iter().flat_map(InputRequests::values);
        undeclared_capabilities(requests, &serde_json::from_value(declared).unwrap()).map(|missing| json!(missing))
    }

    #[test]
    fn undeclared_capabilities_are_found() {
        assert_eq!(missing(json!({ "elicitation": {}, "sampling": {} })), None);
        assert_eq!(missing(json!({ "elicitation": {} })), Some(json!({ "sampling": {} })));
        assert_eq!(missing(json!({})), Some(json!({ "elicitation": { "form": {} }, "sampling": {} })));
        assert_eq!(
            missing(json!({ "elicitation": { "url": {} }, "sampling": {} })),
            Some(json!({ "elicitation": { "form": {} } }))
        );
    }
}
