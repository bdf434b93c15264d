//! Tools with tasks, and requests about tasks.

use serde_json::{Value, json};
use toolgate::{
    Scopes,
    input::{Confirm, InputRequired, form},
    prelude::*,
};

use crate::{Client, HttpResponse, Revision, ToolBodies, eventually};

/// The scopes of the tools with tasks.
pub static TASK_SCOPES: Scopes = Scopes::new(&["reports:create", "reports:secret"]);

/// Create a report, which takes long.
#[tool(scopes = "reports:create", scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn long_report(name: String, context: &Context, bodies: &ToolBodies) -> String {
    bodies.record_run();
    context.progress(1.0, Some(2.0), None).await;
    bodies.wait_for_release().await;
    format!("the report {name}")
}

/// Create a report without a context, which is secret for some names.
#[tool(
    scopes = "reports:create",
    scopes_in = crate::tasks::TASK_SCOPES,
    scopes_if(secret, "reports:secret"),
    guard = not_forbidden(&name),
    task
)]
async fn short_report(name: String, secret: bool, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    match name.as_str() {
        "fail" => Err(ToolError::new(format!("there is no report, secret or not: {secret}"))),
        "panic" => panic!("the password is swordfish"),
        _ => Ok(format!("the report {name}")),
    }
}

fn not_forbidden(name: &str) -> Result<(), Denied> {
    if name == "forbidden" { Err(Denied::new("this report is forbidden")) } else { Ok(()) }
}

/// Wait in the guard.
#[tool(authenticated, scopes_in = crate::tasks::TASK_SCOPES, guard = wait(bodies), task)]
async fn slow_guard_report(bodies: &ToolBodies) {
    bodies.record_run();
}

async fn wait(bodies: &ToolBodies) -> Result<(), Denied> {
    bodies.wait_for_release().await;
    Ok(())
}

/// Require a scope while the task runs.
#[tool(scopes = "reports:create", scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn late_scope(caller: &Caller) -> Result<&'static str, ToolError> {
    caller.require(toolgate::scope!("reports:secret", in crate::tasks::TASK_SCOPES))?;
    Ok("secret")
}

/// Return as many bytes as asked for.
#[tool(authenticated, scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn large_report(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Create a report for owners only.
#[tool(authenticated, org_role = "Owner", scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn owner_report(bodies: &ToolBodies) -> &'static str {
    bodies.wait_for_release().await;
    "for owners"
}

/// Ask twice, then return the responses.
#[tool(authenticated, scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn asking_report(context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    let response = context.input_response("confirm").map(|response| response["action"].clone());
    match (context.request_state(), response) {
        (None, _) => Err(InputRequired::request("confirm", form::<Confirm>("First?")?).state("1").into()),
        (Some("1"), Some(first)) => {
            Err(InputRequired::request("confirm", form::<Confirm>("Second?")?).state(first.to_string()).into())
        }
        (first, second) => Ok(format!("{} {}", first.unwrap_or_default(), second.unwrap_or_default())),
    }
}

/// Ask with `context.ask` after the body has begun.
#[tool(authenticated, scopes_in = crate::tasks::TASK_SCOPES, task)]
async fn confirmed_report(context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    bodies.record_run();
    let first = context.ask::<Confirm>("First?").await;
    let second = context.ask::<Confirm>("Second?").await;
    Ok(format!("{} {}", first.is_ok(), second.is_ok()))
}

/// Ask in the guard, before there is a task.
#[tool(authenticated, scopes_in = crate::tasks::TASK_SCOPES, guard = confirmed(context), task)]
async fn guarded_report(bodies: &ToolBodies) -> &'static str {
    bodies.record_run();
    "confirmed"
}

async fn confirmed(context: &Context) -> Result<(), Denied> {
    let answers = [context.ask::<Confirm>("Really?").await, context.ask::<Confirm>("Really, really?").await];
    if answers.iter().all(Result::is_ok) { Ok(()) } else { Err(Denied::new("not confirmed")) }
}

/// Adds the declaration of the extension and of elicitation to a request.
pub fn with_tasks(mut message: Value) -> Value {
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "elicitation": {}, "extensions": { "io.modelcontextprotocol/tasks": {} } });
    message
}

impl Client {
    /// Sends a request of any method, and declares the extension for tasks.
    pub async fn send_with_tasks(&self, method: &str, params: Value) -> HttpResponse {
        self.send(&with_tasks(Revision::Modern.message(method, params))).await
    }

    /// Calls a tool, and declares the extension for tasks.
    pub async fn call_with_tasks(&self, tool: &str, arguments: Value) -> HttpResponse {
        self.send_with_tasks("tools/call", json!({ "name": tool, "arguments": arguments })).await
    }

    /// Calls a tool and returns the ID of the task.
    ///
    /// # Panics
    ///
    /// If the call does not become a task.
    pub async fn create_task(&self, tool: &str, arguments: Value) -> String {
        let response = self.call_with_tasks(tool, arguments).await;
        assert_eq!(response.result()["resultType"], "task", "{response:?}");
        response.result()["taskId"].as_str().expect("a task has an ID").to_owned()
    }

    /// Sends `tasks/get`.
    pub async fn get_task(&self, id: &str) -> HttpResponse {
        self.send_with_tasks("tasks/get", json!({ "taskId": id })).await
    }

    /// Sends `tasks/cancel`.
    pub async fn cancel_task(&self, id: &str) -> HttpResponse {
        self.send_with_tasks("tasks/cancel", json!({ "taskId": id })).await
    }

    /// Sends `tasks/update`.
    pub async fn update_task(&self, id: &str, responses: Value) -> HttpResponse {
        self.send_with_tasks("tasks/update", json!({ "taskId": id, "inputResponses": responses })).await
    }

    /// Polls a task until it has a status, and returns the task.
    ///
    /// # Panics
    ///
    /// If it does not have that status in time.
    pub async fn task_with(&self, id: &str, status: &str) -> Value {
        let mut task = Value::Null;
        eventually(&format!("the task is {status}"), async || {
            task = self.get_task(id).await.result().clone();
            task["status"] == status
        })
        .await;
        task
    }
}
