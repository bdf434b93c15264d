//! Callers of a test server.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Answer, CallOutcome,
    answer::answer,
    classify::{UnknownToolResponse, classify, is_reported_as_unknown},
    connection::{CallResponse, Connection},
    issued_tokens::IssuedTokens,
};
use crate::{
    auth::{Caller, Claims},
    policy::Explanation,
    scope::ScopeIndex,
};

/// Caller of a [`TestServer`](super::TestServer), with a token of its own.
///
/// ```
/// # use toolgate::{prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:write"]);
/// # /// Read a ticket.
/// # #[tool(scopes = "tickets:read", read_only)]
/// # async fn ticket(ticket_id: u32) -> String {
/// #     format!("ticket {ticket_id} is open")
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("tickets", &SCOPES))?;
/// let reader = server.with_scopes(["tickets:read"]);
/// assert_eq!(reader.tools().await, ["ticket"]);
/// reader.call("ticket", json!({ "ticket_id": 7 })).await.allowed();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestCaller {
    connection: Arc<Connection>,
    token: String,
    caller: Arc<Caller>,
    description: String,
    answers: Vec<Answer>,
}

impl TestCaller {
    pub(super) fn new(
        connection: Arc<Connection>,
        tokens: &IssuedTokens,
        scopes: Arc<ScopeIndex>,
        claims: Claims,
    ) -> Self {
        let description = describe(&claims);
        let caller = Arc::new(super::values::caller_of(&claims, scopes));
        Self { connection, token: tokens.issue(claims), caller, description, answers: Vec::new() }
    }

    /// Returns the caller with a user who answers the questions of each call ([`Context::ask`](crate::Context::ask)) in
    /// this order. Questions that a call asks at the same time are answered in the order of their messages. A call that
    /// asks more ends as [`Outcome::InputRequired`](super::Outcome::InputRequired).
    ///
    /// ```
    /// # use toolgate::{prelude::*, testing::TestServer};
    /// use toolgate::{input::Confirm, testing::Answer};
    /// # pub static SCOPES: Scopes = Scopes::new(&["tickets:write"]);
    ///
    /// # #[doc(hidden)]
    /// /// Delete a ticket after the user has confirmed it.
    /// #[tool(scopes = "tickets:write", destructive)]
    /// async fn ticket_delete(ticket_id: u32, context: &Context) -> Result<String, ToolError> {
    ///     context.ask::<Confirm>(format!("Delete ticket {ticket_id}?")).await?;
    ///     Ok("deleted".to_owned())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = TestServer::new(Server::new("tickets", &SCOPES))?;
    /// let support = server.with_scopes(["tickets:write"]);
    /// let call = async |answer| support.answering([answer]).call("ticket_delete", json!({ "ticket_id": 7 })).await;
    /// assert_eq!(call(Answer::Accept(json!({}))).await.allowed().text(), "deleted");
    /// assert!(call(Answer::Decline).await.failed().starts_with("the user declined"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn answering(&self, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: answers.into_iter().collect(), ..self.clone() }
    }

    /// Returns the names of the tools that the caller sees, in the order of the list.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn tools(&self) -> Vec<String> {
        let tools = self.list().await;
        tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect()
    }

    /// Returns the tools that the caller sees, as `tools/list` describes them: name, description, schemas and
    /// annotations.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn list(&self) -> Vec<Value> {
        let response = self.connection.list(&self.token).await;
        match response.tools() {
            Some(tools) => tools.clone(),
            None => {
                panic!("expected a list of tools\n  caller: {}\n  response: {response}", self.description);
            }
        }
    }

    /// Explains whether the caller may call a tool, rule by rule, as
    /// [`BuiltServer::explain`](crate::BuiltServer::explain) does. `arguments` is a JSON object, or null for no arguments.
    ///
    /// # Panics
    ///
    /// If `arguments` is any other JSON value.
    pub async fn explain(&self, tool: &str, arguments: Value) -> Explanation {
        let arguments = match arguments {
            Value::Null => None,
            Value::Object(arguments) => Some(arguments),
            other => panic!("expected a JSON object or null, got {other}"),
        };
        self.connection.explain(tool, &self.caller, arguments).await
    }

    /// Calls a tool. `arguments` is a JSON object.
    ///
    /// If the response is that for a tool that does not exist, this also calls such a tool, to compare the responses.
    pub async fn call(&self, tool: &str, arguments: Value) -> CallOutcome {
        let mut answers = self.answers.iter();
        let mut input = Map::new();
        let CallResponse { response, records } = loop {
            let call = self.connection.call(&self.token, tool, &arguments, input).await;
            let next = call.response.result().and_then(|result| answer(result, &mut answers));
            let Some(next) = next else { break call };
            input = next;
        };
        let unknown = if is_reported_as_unknown(&response) {
            let unknown = format!("no-tool-{}", uuid::Uuid::new_v4().simple());
            let response = self.connection.call(&self.token, &unknown, &arguments, Map::new()).await.response;
            Some(UnknownToolResponse { tool: unknown, response })
        } else {
            None
        };
        CallOutcome {
            tool: tool.to_owned(),
            caller: self.description.clone(),
            outcome: classify(tool, &records, &response, unknown.as_ref()),
            response,
            arguments,
            tools: self.connection.tool_names(),
        }
    }
}

/// Shows who the caller is, without the token.
impl fmt::Debug for TestCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestCaller").field(&self.description).finish()
    }
}

/// Describes a caller in one line.
fn describe(claims: &Claims) -> String {
    let scopes = if claims.scopes.is_empty() { "none".to_owned() } else { claims.scopes.join(", ") };
    let user = claims.subject.as_deref().map(|subject| format!("user {subject}, ")).unwrap_or_default();
    let role = claims.org_role.as_deref().map(|role| format!("role {role}, ")).unwrap_or_default();
    format!("{user}{role}scopes: {scopes}")
}
