//! Callers of a test server.

use std::{fmt, sync::Arc, vec};

use serde_json::{Map, Value};

use super::{
    Answer, CallOutcome, CompletionResult, Outcome, PromptResult, ResourceResult, TestTask,
    answer::answer,
    classify::{Mismatch, ReadResult, UnknownResponse, classify, classify_completion, is_reported_as_unknown},
    connection::{CallResponse, Completed, Connection, TaskSupport},
    issued_tokens::{IssuedTokens, TestUsers},
    response::Response,
    task::StartedTask,
};
#[cfg(feature = "approvals")]
use super::{PendingApproval, classify::RequestedApproval};
use crate::{
    audit::{CallOutcome as Recorded, RecordedCall},
    auth::{Caller, Claims, IdentityProvider, Profile, ProviderToken},
    operation::OperationKind,
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
    users: Arc<TestUsers>,
    description: String,
    answers: Vec<Answer>,
    /// Arguments that each completion has as its context, or null.
    filled_in: Value,
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
        Self {
            connection,
            token: tokens.issue(claims),
            caller,
            users: Arc::clone(&tokens.users),
            description,
            answers: Vec::new(),
            filled_in: Value::Null,
        }
    }

    /// Sets the record that [`Caller::profile`](crate::Caller::profile) returns for the user of the caller. Without one, it
    /// returns [`DirectoryError::NotFound`](crate::auth::DirectoryError::NotFound). Call it before the first call that reads
    /// the record, which is cached.
    ///
    /// ```
    /// # use toolgate::{prelude::*, testing::TestServer};
    /// use toolgate::auth::Profile;
    /// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
    ///
    /// # #[doc(hidden)]
    /// /// Return the e-mail address of the caller.
    /// #[tool(scopes = "tickets:read", read_only)]
    /// async fn my_address(caller: &Caller) -> Result<String, ToolError> {
    ///     Ok(caller.profile().await?.email.clone().unwrap_or_default())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = TestServer::new(Server::new("tickets", &SCOPES))?;
    /// let reader = server.with_scopes(["tickets:read"]).with_profile(Profile::new("user").email("sam@example.com"));
    /// assert_eq!(reader.call("my_address", json!({})).await.allowed().text(), "sam@example.com");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the caller has no user.
    #[must_use]
    #[track_caller]
    pub fn with_profile(self, profile: Profile) -> Self {
        self.users.set_profile(self.user(), profile);
        self
    }

    /// Sets the token that [`Caller::provider_token`](crate::Caller::provider_token) returns for the user of the caller.
    ///
    /// # Panics
    ///
    /// If the caller has no user.
    #[must_use]
    #[track_caller]
    pub fn with_provider_token<P: IdentityProvider>(self, token: ProviderToken) -> Self {
        self.users.set_provider_token(self.user(), P::NAME, token);
        self
    }

    #[track_caller]
    fn user(&self) -> &str {
        self.caller.user_id().expect("a profile requires a caller with a user: set `Claims::subject`")
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

    /// Returns the caller with a user that has filled in these arguments, a JSON object of texts, before those that are
    /// completed: see [`complete_prompt`](Self::complete_prompt).
    ///
    /// ```
    /// # use toolgate::{CompletionArguments, prelude::*, testing::TestServer};
    /// # pub static SCOPES: Scopes = Scopes::new(&["reviews:write"]);
    /// /// Review the quarter of a team.
    /// #[prompt(scopes = "reviews:write")]
    /// async fn quarterly_review(
    ///     department: String,
    ///     #[arg(complete = team_names(arguments))]
    ///     team: String,
    /// ) -> String {
    ///     format!("Write a review of the quarter of {team} in {department}.")
    /// }
    ///
    /// async fn team_names(arguments: &CompletionArguments) -> Result<Vec<String>, ToolError> {
    ///     Ok(match arguments.get("department") {
    ///         Some("Engineering") => vec!["Platform".to_owned()],
    ///         _ => vec!["Platform".to_owned(), "Sales".to_owned()],
    ///     })
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = TestServer::new(Server::new("company", &SCOPES))?;
    /// let writer = server.with_scopes(["reviews:write"]).filled_in(json!({ "department": "Engineering" }));
    /// let teams = writer.complete_prompt("quarterly_review", "team", "").await.allowed();
    /// assert_eq!(teams.values(), ["Platform"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn filled_in(&self, arguments: Value) -> Self {
        Self { filled_in: arguments, ..self.clone() }
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
        self.call_operation(tool, arguments).await
    }

    /// Gets a prompt. `arguments` is a JSON object of texts.
    ///
    /// If the response can be that for a prompt that does not exist, this also requests such a prompt, to compare the
    /// responses.
    pub async fn prompt(&self, name: &str, arguments: Value) -> CallOutcome<PromptResult> {
        self.call_operation(name, arguments).await
    }

    /// Reads a resource by its URI.
    ///
    /// If the response is that for a resource that does not exist, this also reads such a resource, to compare the responses.
    pub async fn resource(&self, uri: &str) -> CallOutcome<ResourceResult> {
        self.call_operation(uri, Value::Null).await
    }

    /// Calls a tool as a client that supports tasks. The outcome is a [task](CallOutcome::task_created) if the tool has
    /// `task` and its body has started; otherwise that of an ordinary call, for example if the token lacks scopes.
    ///
    /// [`call`](Self::call) waits for the result of such a tool, as a client without tasks does.
    pub async fn start_task(&self, tool: &str, arguments: Value) -> CallOutcome {
        let Sent { call, answers } = self.send(OperationKind::Tool, tool, &arguments, TaskSupport::Declared).await;
        let task = call.response.result().filter(|result| result["resultType"] == "task");
        let id = task.and_then(|task| task["taskId"].as_str()).map(str::to_owned);
        // The body may have ended already, which has a record of its own.
        let created = call.records.iter().position(|record| record.outcome == Recorded::TaskCreated);
        let (Some(id), Some(created)) = (id, created) else { return self.outcome(tool, &arguments, call).await };
        let CallResponse { response, mut records } = call;
        records.remove(created);
        let task = TestTask::new(StartedTask {
            caller: self.clone(),
            id,
            tool: tool.to_owned(),
            arguments: arguments.clone(),
            request_id: response.id(),
            records,
            answers,
        });
        let request = describe_call(OperationKind::Tool, tool, &arguments);
        self.outcome_of(OperationKind::Tool, request, Ok(Outcome::TaskCreated(task)), response)
    }

    /// Completes an argument of a prompt, of which the user has typed `value`. The outcome is
    /// [`allowed`](CallOutcome::allowed) with the values. It is [`missing_scopes`](CallOutcome::missing_scopes) or
    /// [`hidden`](CallOutcome::hidden) as for a request for the prompt, and
    /// [`invalid_arguments`](CallOutcome::invalid_arguments) if the prompt has no such argument.
    ///
    /// If the response can be that for a prompt that does not exist, this also completes an argument of such a prompt, to
    /// compare the responses.
    pub async fn complete_prompt(&self, prompt: &str, argument: &str, value: &str) -> CallOutcome<CompletionResult> {
        self.complete(prompt, OperationKind::Prompt, argument, value).await
    }

    /// Completes a variable of the URI template of a resource, such as `company://employees/{employee_id}`, like
    /// [`complete_prompt`](Self::complete_prompt).
    pub async fn complete_resource(
        &self,
        template: &str,
        variable: &str,
        value: &str,
    ) -> CallOutcome<CompletionResult> {
        self.complete(template, OperationKind::Resource, variable, value).await
    }

    async fn complete(
        &self,
        name: &str,
        kind: OperationKind,
        argument: &str,
        value: &str,
    ) -> CallOutcome<CompletionResult> {
        let completed = Completed { kind, argument, value, filled_in: &self.filled_in };
        let CallResponse { response, records } = self.connection.complete(&self.token, name, completed).await;
        let unknown = if is_reported_as_unknown(&response) {
            let name = unknown_name(kind);
            let response = self.connection.complete(&self.token, &name, completed).await.response;
            Some(UnknownResponse { name, response })
        } else {
            None
        };
        let outcome = classify_completion(name, &records, &response, unknown.as_ref());
        let request = format!("completion: {kind} {name}, {argument} = {value:?}");
        self.outcome_of(kind, request, outcome, response)
    }

    /// Sends a call and determines its outcome.
    async fn call_operation<R: ReadResult>(&self, name: &str, arguments: Value) -> CallOutcome<R> {
        let sent = self.send(R::KIND, name, &arguments, TaskSupport::Undeclared).await;
        self.outcome(name, &arguments, sent.call).await
    }

    /// Sends a call, and again with the answers of the user.
    async fn send(&self, kind: OperationKind, name: &str, arguments: &Value, tasks: TaskSupport) -> Sent {
        let mut answers = self.answers.clone().into_iter();
        let mut input = Map::new();
        loop {
            let call = self.connection.call(&self.token, kind, name, arguments, input, tasks).await;
            let next = call.response.result().and_then(|result| answer(result, &mut answers));
            let Some(next) = next else { return Sent { call, answers } };
            input = next;
        }
    }

    /// Determines the outcome of a call.
    async fn outcome<R: ReadResult>(&self, name: &str, arguments: &Value, call: CallResponse) -> CallOutcome<R> {
        let CallResponse { response, records } = call;
        let unknown = if is_reported_as_unknown(&response) {
            let name = unknown_name(R::KIND);
            let unknown =
                self.connection.call(&self.token, R::KIND, &name, arguments, Map::new(), TaskSupport::Undeclared);
            Some(UnknownResponse { response: unknown.await.response, name })
        } else {
            None
        };
        let outcome = classify(name, &records, &response, unknown.as_ref());
        let outcome = self.outcome_of(R::KIND, describe_call(R::KIND, name, arguments), outcome, response);
        #[cfg(feature = "approvals")]
        let outcome = CallOutcome { approval: self.approval(name, &outcome.response), ..outcome };
        outcome
    }

    fn outcome_of<R>(
        &self,
        kind: OperationKind,
        request: String,
        outcome: Result<Outcome<R>, Mismatch>,
        response: Response,
    ) -> CallOutcome<R> {
        CallOutcome {
            kind,
            request,
            caller: self.description.clone(),
            outcome,
            response,
            known: self.connection.names(kind),
            #[cfg(feature = "approvals")]
            approval: None,
        }
    }

    /// Returns the approval that a response requests.
    #[cfg(feature = "approvals")]
    fn approval(&self, tool: &str, response: &Response) -> Option<PendingApproval> {
        let requested = RequestedApproval::read(response.result()?)?;
        let (connection, caller) = (Arc::clone(&self.connection), Arc::clone(&self.caller));
        Some(PendingApproval::new(connection, caller, tool.to_owned(), requested))
    }

    /// Sends a request about a task.
    pub(super) async fn send_about_task(&self, method: &'static str, id: &str, params: Value) -> Response {
        self.connection.task(&self.token, method, id, params).await
    }

    /// Takes what was recorded about a request since the last time.
    pub(super) fn take_records(&self, request: u64) -> Vec<RecordedCall> {
        self.connection.take_records(request)
    }

    /// Returns whether both are callers of the same server.
    pub(super) fn is_of_the_server_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }

    /// Returns who the caller is, in one line.
    pub(super) fn description(&self) -> &str {
        &self.description
    }
}

/// A call that was sent, with the answers that it did not use.
struct Sent {
    call: CallResponse,
    answers: vec::IntoIter<Answer>,
}

/// Describes a call in one line.
fn describe_call(kind: OperationKind, name: &str, arguments: &Value) -> String {
    match kind {
        OperationKind::Tool => format!("call: {name} {arguments}"),
        OperationKind::Prompt => format!("prompt: {name} {arguments}"),
        OperationKind::Resource => format!("resource: {name}"),
    }
}

/// Returns the name of an operation that does not exist.
fn unknown_name(kind: OperationKind) -> String {
    let start = match kind {
        OperationKind::Tool => "no-tool",
        OperationKind::Prompt => "no-prompt",
        OperationKind::Resource => "no-resource:",
    };
    format!("{start}-{}", uuid::Uuid::new_v4().simple())
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
