//! Callers of a test server.

use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Answer, CallOutcome, PromptResult, ResourceResult,
    answer::answer,
    classify::{ReadResult, UnknownResponse, classify, is_reported_as_unknown},
    connection::{CallResponse, Connection},
    issued_tokens::IssuedTokens,
};
use crate::{
    auth::{Caller, Claims},
    policy::Explanation,
    registry::ListKind,
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
        texts(&self.list_of(ListKind::Tools).await, "name")
    }

    /// Returns the names of the prompts that the caller sees, in the order of the list.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn prompts(&self) -> Vec<String> {
        texts(&self.list_of(ListKind::Prompts).await, "name")
    }

    /// Returns the URIs of the resources that the caller sees, in the order of the list. It has no resources that only a
    /// [template](Self::resource_templates) matches.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn resources(&self) -> Vec<String> {
        texts(&self.list_of(ListKind::Resources).await, "uri")
    }

    /// Returns the URI templates of the resources that the caller sees, in the order of the list.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn resource_templates(&self) -> Vec<String> {
        texts(&self.list_of(ListKind::ResourceTemplates).await, "uriTemplate")
    }

    /// Returns the tools that the caller sees, as `tools/list` describes them: name, description, schemas and
    /// annotations.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn list(&self) -> Vec<Value> {
        self.list_of(ListKind::Tools).await
    }

    /// Returns the prompts that the caller sees, as `prompts/list` describes them: name, description and arguments.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn list_prompts(&self) -> Vec<Value> {
        self.list_of(ListKind::Prompts).await
    }

    /// Returns the resources that the caller sees, as `resources/list` and `resources/templates/list` describe them: first
    /// those with a `uri`, then those with a `uriTemplate`.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the token has expired.
    pub async fn list_resources(&self) -> Vec<Value> {
        let mut resources = self.list_of(ListKind::Resources).await;
        resources.extend(self.list_of(ListKind::ResourceTemplates).await);
        resources
    }

    async fn list_of(&self, list: ListKind) -> Vec<Value> {
        match self.connection.list(&self.token, list).await {
            Ok(entries) => entries,
            Err(response) => {
                let name = list.name().replace('_', " ");
                panic!("expected a list of {name}\n  caller: {}\n  response: {response}", self.description);
            }
        }
    }

    /// Explains whether the caller may use an operation, rule by rule, as
    /// [`BuiltServer::explain`](crate::BuiltServer::explain) does. `operation` is the name of a tool, `prompt` and the name of
    /// a prompt, or the URI of a resource. `arguments` is a JSON object, or null for no arguments.
    ///
    /// # Panics
    ///
    /// If `arguments` is any other JSON value.
    pub async fn explain(&self, operation: &str, arguments: Value) -> Explanation {
        let arguments = match arguments {
            Value::Null => None,
            Value::Object(arguments) => Some(arguments),
            other => panic!("expected a JSON object or null, got {other}"),
        };
        self.connection.explain(operation, &self.caller, arguments).await
    }

    /// Calls a tool. `arguments` is a JSON object.
    ///
    /// If the response is that for a tool that does not exist, this also calls such a tool, to compare the responses.
    pub async fn call(&self, tool: &str, arguments: Value) -> CallOutcome {
        self.outcome(tool, arguments, "no-tool").await
    }

    /// Gets a prompt. `arguments` is a JSON object of texts.
    ///
    /// If the response can be that for a prompt that does not exist, this also requests such a prompt, to compare the
    /// responses.
    pub async fn prompt(&self, name: &str, arguments: Value) -> CallOutcome<PromptResult> {
        self.outcome(name, arguments, "no-prompt").await
    }

    /// Reads a resource by its URI.
    ///
    /// If the response is that for a resource that does not exist, this also reads such a resource, to compare the responses.
    pub async fn resource(&self, uri: &str) -> CallOutcome<ResourceResult> {
        self.outcome(uri, Value::Null, "no-resource:").await
    }

    /// Sends a call and determines its outcome. `unknown` starts the name of an operation that does not exist.
    async fn outcome<R: ReadResult>(&self, name: &str, arguments: Value, unknown: &str) -> CallOutcome<R> {
        let kind = R::KIND;
        let mut answers = self.answers.iter();
        let mut input = Map::new();
        let CallResponse { response, records } = loop {
            let call = self.connection.call(&self.token, kind, name, &arguments, input).await;
            let next = call.response.result().and_then(|result| answer(result, &mut answers));
            let Some(next) = next else { break call };
            input = next;
        };
        let unknown = if is_reported_as_unknown(&response) {
            let unknown = format!("{unknown}-{}", uuid::Uuid::new_v4().simple());
            let response = self.connection.call(&self.token, kind, &unknown, &arguments, Map::new()).await.response;
            Some(UnknownResponse { name: unknown, response })
        } else {
            None
        };
        CallOutcome {
            kind,
            name: name.to_owned(),
            caller: self.description.clone(),
            outcome: classify(name, &records, &response, unknown.as_ref()),
            response,
            arguments,
            known: self.connection.names(kind),
        }
    }
}

/// Returns the texts of this member of the entries of a list.
fn texts(entries: &[Value], member: &str) -> Vec<String> {
    entries.iter().filter_map(|entry| entry[member].as_str()).map(str::to_owned).collect()
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
