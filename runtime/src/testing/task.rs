//! A call that continues as a task.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
    vec,
};

use rmcp::model::TaskStatus;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    Answer, CallOutcome, Outcome, TestCaller,
    answer::responses,
    classify::{Mismatch, classify_task, is_reported_as_unknown},
    response::Response,
};
use crate::{audit::RecordedCall, operation::OperationKind};

/// Time limit of [`TestTask::wait`].
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Task of a call; returned by [`task_created`](CallOutcome::task_created). Each method sends a request as the caller that
/// started the task.
///
/// ```
/// # use toolgate::{auth::Claims, prelude::*, testing::{TaskStatus, TestServer}};
/// # pub static SCOPES: Scopes = Scopes::new(&["reports:create"]);
/// /// Write the report of a year.
/// #[tool(scopes = "reports:create", task, timeout = "2h")]
/// async fn annual_report(year: u16) -> String {
///     format!("the report of {year}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("reports", &SCOPES))?;
/// let sam = server.as_caller(Claims::new().subject("sam").scopes(["reports:create"]));
/// let kim = server.as_caller(Claims::new().subject("kim").scopes(["reports:create"]));
///
/// let task = sam.start_task("annual_report", json!({ "year": 2026 })).await.task_created();
/// task.unknown_to(&kim).await;
/// assert_eq!(task.wait().await.allowed().text(), "the report of 2026");
/// assert_eq!(task.status().await, TaskStatus::Completed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestTask(Arc<Shared>);

struct Shared {
    caller: TestCaller,
    id: String,
    tool: String,
    /// Description of the call.
    request: String,
    /// JSON-RPC ID of the call.
    request_id: u64,
    /// What has been recorded about the call since it became a task.
    records: Mutex<Vec<RecordedCall>>,
    /// Answers that no question has used.
    answers: AsyncMutex<vec::IntoIter<Answer>>,
}

/// Input of [`TestTask::new`].
pub(super) struct StartedTask {
    pub(super) caller: TestCaller,
    pub(super) id: String,
    pub(super) tool: String,
    pub(super) arguments: Value,
    pub(super) request_id: u64,
    pub(super) records: Vec<RecordedCall>,
    pub(super) answers: vec::IntoIter<Answer>,
}

impl TestTask {
    pub(super) fn new(started: StartedTask) -> Self {
        let StartedTask { caller, id, tool, arguments, request_id, records, answers } = started;
        let request = format!("task: {tool} {arguments}");
        let (records, answers) = (Mutex::new(records), AsyncMutex::new(answers));
        Self(Arc::new(Shared { caller, id, tool, request, request_id, records, answers }))
    }

    /// Returns the ID of the task.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns the status of the task.
    ///
    /// # Panics
    ///
    /// If the server rejects the request, for example because the access of the caller has changed.
    pub async fn status(&self) -> TaskStatus {
        self.read(&self.get().await).0
    }

    /// Returns the status message of the task, which [`Context::progress`](crate::Context::progress) sets.
    ///
    /// # Panics
    ///
    /// If the server rejects the request.
    pub async fn message(&self) -> Option<String> {
        let response = self.get().await;
        self.read(&response).1["statusMessage"].as_str().map(str::to_owned)
    }

    /// Waits until the task has ended, for at most 30 seconds, and returns the outcome of its call. The questions of the
    /// task are answered as those of a call are: see [`answering`](TestCaller::answering). If a question has no answer, the
    /// outcome is [`InputRequired`](Outcome::InputRequired).
    ///
    /// # Panics
    ///
    /// If the task does not end within the time, or if the server rejects a request.
    pub async fn wait(&self) -> CallOutcome {
        self.wait_at_most(TIME_LIMIT).await
    }

    /// Waits like [`wait`](Self::wait), with another time limit.
    ///
    /// # Panics
    ///
    /// If the task does not end within the time, or if the server rejects a request.
    pub async fn wait_at_most(&self, limit: Duration) -> CallOutcome {
        // The clock of tokio can be paused, and advances with each poll then.
        let start = Instant::now();
        loop {
            let response = self.get().await;
            let (status, task) = self.read(&response);
            match status {
                TaskStatus::Working => {}
                TaskStatus::InputRequired => {
                    let requests = &task["inputRequests"];
                    let Some(responses) = responses(requests, &mut *self.0.answers.lock().await) else {
                        return self.outcome(Ok(Outcome::InputRequired(requests.clone())), response);
                    };
                    self.answer(responses).await;
                }
                _ => {
                    let outcome = classify_task(&self.0.tool, &self.records(), &response);
                    return self.outcome(outcome, response);
                }
            }
            assert!(
                start.elapsed() < limit,
                "expected the task to end within {limit:?}, but it did not\n{self:?}\n  response: {response}"
            );
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Cancels the task. The status of a task that has ended stays as it is.
    ///
    /// # Panics
    ///
    /// If the server rejects the request.
    pub async fn cancel(&self) {
        self.expect_result(&self.send("tasks/cancel", json!({})).await);
    }

    /// Asserts that the task is unknown to another caller: the responses to requests for the task, for its cancellation and
    /// with answers are, byte for byte, those for a task that does not exist.
    ///
    /// # Panics
    ///
    /// If a response differs, for example because both callers act for the same user through the same client, or if
    /// `other` is a caller of another server.
    pub async fn unknown_to(&self, other: &TestCaller) {
        assert!(
            other.is_of_the_server_of(&self.0.caller),
            "expected a caller of the server that has the task, got {other:?}"
        );
        let caller = other.description();
        for (method, params) in
            [("tasks/get", json!({})), ("tasks/update", json!({ "inputResponses": {} })), ("tasks/cancel", json!({}))]
        {
            let id = &self.0.id;
            let unknown = "0".repeat(id.len());
            let response = other.send_about_task(method, id, params.clone()).await;
            let expected = other.send_about_task(method, &unknown, params).await;
            assert!(
                is_reported_as_unknown(&response) && response.is_like(id, &expected, &unknown),
                "expected the task to be unknown to {caller}, but the response to `{method}` differs from that for an \
                 unknown task\n{self:?}\n  response: {response}"
            );
        }
    }

    async fn get(&self) -> Response {
        self.send("tasks/get", json!({})).await
    }

    async fn answer(&self, responses: Map<String, Value>) {
        let params = json!({ "inputResponses": responses });
        self.expect_result(&self.send("tasks/update", params).await);
    }

    async fn send(&self, method: &'static str, params: Value) -> Response {
        self.0.caller.send_about_task(method, &self.0.id, params).await
    }

    /// Returns the status of the task, and the task.
    fn read<'a>(&self, response: &'a Response) -> (TaskStatus, &'a Value) {
        let task = self.expect_result(response);
        let status = serde_json::from_value(task["status"].clone()).unwrap_or_else(|error| {
            panic!("expected a task with a status, but {error}\n{self:?}\n  response: {response}")
        });
        (status, task)
    }

    fn expect_result<'a>(&self, response: &'a Response) -> &'a Value {
        let result = response.result();
        result.unwrap_or_else(|| {
            panic!("expected a result, but the request about the task was rejected\n{self:?}\n  response: {response}")
        })
    }

    /// Returns what has been recorded about the call since it became a task.
    fn records(&self) -> Vec<RecordedCall> {
        let mut records = self.0.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.extend(self.0.caller.take_records(self.0.request_id));
        records.clone()
    }

    fn outcome(&self, outcome: Result<Outcome, Mismatch>, response: Response) -> CallOutcome {
        CallOutcome {
            kind: OperationKind::Tool,
            request: self.0.request.clone(),
            caller: self.0.caller.description().to_owned(),
            outcome,
            response,
            known: Vec::new(),
            #[cfg(feature = "approvals")]
            approval: None,
        }
    }
}

/// Two tasks are equal if they have the same ID.
impl PartialEq for TestTask {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

/// The call, the ID of the task, and its caller, one on each line.
impl fmt::Debug for TestTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { request, id, caller, .. } = &*self.0;
        write!(f, "  {request}\n  ID: {id}\n  caller: {}", caller.description())
    }
}
