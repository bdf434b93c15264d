//! Tasks: calls that continue after their response, polled by the caller that made them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use toolgate::{
    Server,
    auth::{BearerToken, Claims, Inactive, Resource, TokenValidator, ValidationError, async_trait},
};
use toolgate_tests::{
    CapturedLog, Client, HttpResponse, Revision, TASK_SCOPES, TestServer, WebhookDelivery, WithWebhooks, eventually,
    with_tasks,
};

/// Tokens whose claims a test can change.
#[derive(Clone)]
struct Accounts(Arc<Mutex<HashMap<String, Claims>>>);

impl Default for Accounts {
    fn default() -> Self {
        let sam = Claims::new().subject("sam").client_id("app").scopes(["reports:create"]);
        let accounts = [
            ("sam", sam.clone()),
            ("sam-refreshed", sam.clone()),
            ("sam-secret", sam.clone().scopes(["reports:create", "reports:secret"])),
            ("sam-without-scopes", Claims::new().subject("sam").client_id("app")),
            ("sam-other-client", sam.client_id("other")),
            ("harriet", Claims::new().subject("harriet").client_id("app").scopes(["reports:create"])),
            ("owner", Claims::new().subject("olga").organization("org", "Owner")),
            ("service", Claims::new().scopes(["reports:create"])),
            ("service-two", Claims::new().scopes(["reports:create"])),
        ];
        let accounts = accounts.map(|(token, claims)| (token.to_owned(), claims.audience_verified()));
        Self(Arc::new(Mutex::new(HashMap::from(accounts))))
    }
}

impl Accounts {
    fn set(&self, token: &str, claims: Claims) {
        self.0.lock().unwrap().insert(token.to_owned(), claims.audience_verified());
    }
}

#[async_trait]
impl TokenValidator for Accounts {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.0.lock().unwrap().get(token.expose()).cloned().ok_or_else(|| Inactive::new("unknown").into())
    }
}

struct Tested {
    server: TestServer,
    accounts: Accounts,
}

impl Tested {
    async fn start() -> Self {
        Self::with(|server| server).await
    }

    async fn with(configure: impl FnOnce(Server) -> Server) -> Self {
        let accounts = Accounts::default();
        let validator = WithWebhooks::new(accounts.clone());
        let server = TestServer::serve(|url| {
            configure(Server::new("reports", &TASK_SCOPES).server_url(url).skip_preflight().auth(validator))
        })
        .await;
        Self { server, accounts }
    }

    fn client(&self, token: &str) -> Client {
        self.server.client_with(token, Revision::Modern)
    }

    /// Creates a task of `long_report` and waits until its body waits.
    async fn long_report(&self, token: &str) -> String {
        let id = self.client(token).create_task("long_report", json!({ "name": "a" })).await;
        self.server.bodies.wait_for_start(1).await;
        id
    }

    /// Reports a change of a user, which revokes the user's cached tokens.
    async fn changed(&self, user: &str, delivery: &str) {
        let response = WebhookDelivery::user_disabled(&self.server.url, delivery, user).send().await;
        assert_eq!(response.status, 204);
    }
}

fn text(task: &Value) -> &str {
    task["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

/// Asserts that responses for several tasks are those for a task that does not exist.
fn assert_unknown(responses: &[HttpResponse]) {
    for response in responses {
        assert_eq!(response.error_code(), Some(-32602), "{response:?}");
        assert_eq!((response.status, &response.text), (responses[0].status, &responses[0].text));
    }
}

#[tokio::test]
async fn k1_a_call_is_answered_with_a_task_that_can_be_polled_until_it_has_a_result() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let created = sam.call_with_tasks("long_report", json!({ "name": "a" })).await;
    let task = created.result();
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")));
    assert_eq!((&task["ttlMs"], &task["pollIntervalMs"]), (&json!(7_200_000), &json!(1000)));
    let id = task["taskId"].as_str().unwrap();
    assert!(id.len() >= 32, "{id}");
    tested.server.bodies.wait_for_start(1).await;
    let working = sam.get_task(id).await;
    assert_eq!(
        (&working.result()["status"], &working.result()["statusMessage"]),
        (&json!("working"), &json!("1 of 2"))
    );
    tested.server.bodies.release(1);
    let completed = sam.task_with(id, "completed").await;
    assert_eq!(text(&completed), "the report a");
    assert_eq!(completed["resultType"], "complete");
    // It can be fetched again, with every token of the caller.
    assert_eq!(tested.client("sam-refreshed").get_task(id).await.result(), &completed);
    assert_eq!(tested.server.bodies.runs(), 1);
}

#[tokio::test]
async fn k1_a_client_that_did_not_declare_the_extension_gets_an_ordinary_call() {
    let tested = Tested::start().await;
    let arguments = json!({ "name": "a", "secret": false });
    for revision in Revision::BOTH {
        let client = tested.server.client_with("sam", revision);
        assert_eq!(client.call("short_report", arguments.clone()).await.text_content(), "the report a");
    }
    // The extension belongs to the revision 2026-07-28.
    let legacy = tested.server.client_with("sam", Revision::Legacy);
    let message = with_tasks(Revision::Legacy.call_message("short_report", &arguments));
    assert_eq!(legacy.send(&message).await.text_content(), "the report a");
    let undeclared = tested.client("sam").send_method("tasks/get", json!({ "taskId": "1" })).await;
    assert_eq!(undeclared.error_code(), Some(-32021), "{undeclared:?}");
}

#[tokio::test]
async fn the_extension_is_declared_exactly_when_a_tool_has_tasks() {
    let discover = async |server: &TestServer, token: &str| {
        let client = server.client_with(token, Revision::Modern);
        client.send_method("server/discover", json!({})).await.result()["capabilities"]["extensions"].clone()
    };
    let tested = Tested::start().await;
    assert_eq!(discover(&tested.server, "sam").await, json!({ "io.modelcontextprotocol/tasks": {} }));
    let without = TestServer::start().await;
    assert_eq!(discover(&without, "public").await, Value::Null);
    let client = without.client_with("public", Revision::Modern);
    assert_eq!(client.get_task("1").await.error_code(), Some(-32601));
}

#[tokio::test]
async fn invalid_arguments_denials_and_missing_scopes_are_reported_at_once_and_create_no_task() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let invalid = sam.call_with_tasks("short_report", json!({ "name": 7, "secret": false })).await;
    assert!(invalid.is_tool_error() && invalid.text_content().contains("/name"), "{invalid:?}");
    let denied = sam.call_with_tasks("short_report", json!({ "name": "forbidden", "secret": false })).await;
    assert!(denied.is_tool_error() && denied.text_content().contains("this report is forbidden"), "{denied:?}");
    let conditional = sam.call_with_tasks("short_report", json!({ "name": "a", "secret": true })).await;
    assert_eq!(conditional.status, 403);
    assert_eq!(conditional.expect_challenge().scopes(), ["reports:create", "reports:secret"]);
    let missing = tested.client("sam-without-scopes").call_with_tasks("long_report", json!({ "name": "a" })).await;
    assert_eq!((missing.status, missing.expect_challenge().scopes()), (403, vec!["reports:create"]));
    let hidden = sam.call_with_tasks("owner_report", json!({})).await;
    assert_eq!(hidden.error_code(), Some(-32602));
    assert_eq!(tested.server.bodies.runs(), 0);
}

#[tokio::test]
async fn k2_an_unknown_task_and_that_of_another_caller_are_the_same_error() {
    let tested = Tested::start().await;
    let id = tested.long_report("sam").await;
    let unknown = "0".repeat(id.len());
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let mut responses = Vec::new();
        for (token, id) in [
            ("sam", unknown.as_str()),
            ("sam", "1"),
            ("sam", &id.to_uppercase()),
            ("harriet", &id),
            ("sam-other-client", &id),
            ("owner", &id),
            ("service", &id),
        ] {
            let params = json!({ "taskId": id, "inputResponses": {} });
            responses.push(tested.client(token).send_with_tasks(method, params).await);
        }
        assert_unknown(&responses);
    }
    assert_eq!(tested.client("sam").get_task(&id).await.result()["status"], "working");
    // A token without a user is a caller of its own.
    let id = tested.long_report("service").await;
    assert_unknown(&[
        tested.client("service").get_task(&unknown).await,
        tested.client("service-two").get_task(&id).await,
    ]);
    assert_eq!(tested.client("service").get_task(&id).await.result()["status"], "working");
}

#[tokio::test]
async fn k2_access_is_decided_again_at_every_poll() {
    let tested = Tested::start().await;
    let id = tested.long_report("sam").await;
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let params = json!({ "taskId": id, "inputResponses": {} });
        let response = tested.client("sam-without-scopes").send_with_tasks(method, params).await;
        assert_eq!(response.status, 403, "{response:?}");
        let message = &response.json()["error"]["message"];
        assert!(message.as_str().unwrap().contains("long_report needs reports:create"), "{message}");
        let challenge = response.expect_challenge();
        assert_eq!((challenge.get("error"), challenge.scopes()), ("insufficient_scope", vec!["reports:create"]));
    }
    assert_eq!(tested.client("sam").get_task(&id).await.result()["status"], "working");
    // The scopes that the arguments required are required for the result, too.
    let secret = tested.client("sam-secret");
    let id = secret.create_task("short_report", json!({ "name": "a", "secret": true })).await;
    secret.task_with(&id, "completed").await;
    let response = tested.client("sam").get_task(&id).await;
    assert_eq!(response.status, 403, "{response:?}");
    assert_eq!(response.expect_challenge().scopes(), ["reports:create", "reports:secret"]);
}

#[tokio::test]
async fn k2_a_task_whose_tool_is_hidden_from_its_caller_is_unknown() {
    let tested = Tested::start().await;
    let owner = tested.client("owner");
    let id = owner.create_task("owner_report", json!({})).await;
    tested.server.bodies.release(1);
    owner.task_with(&id, "completed").await;
    let unknown = owner.get_task(&"0".repeat(id.len())).await;
    tested.accounts.set("owner", Claims::new().subject("olga").organization("org", "Member"));
    tested.changed("olga", "role").await;
    assert_unknown(&[unknown, owner.get_task(&id).await]);
    // The result is not lost: the role may come back.
    tested.accounts.set("owner", Claims::new().subject("olga").organization("org", "Owner"));
    tested.changed("olga", "role-again").await;
    assert_eq!(text(owner.get_task(&id).await.result()), "for owners");
}

#[tokio::test]
async fn a_revocation_ends_the_running_tasks_of_its_caller_and_keeps_finished_results() {
    let tested = Tested::start().await;
    let (sam, harriet) = (tested.client("sam"), tested.client("harriet"));
    let finished = sam.create_task("short_report", json!({ "name": "done", "secret": false })).await;
    sam.task_with(&finished, "completed").await;
    let running = tested.long_report("sam").await;
    let other = tested.long_report("harriet").await;
    tested.changed("sam", "changed").await;
    tested.server.bodies.wait_for_end(1).await;
    let ended = sam.task_with(&running, "cancelled").await;
    assert!(ended["statusMessage"].as_str().unwrap().contains("the access of the caller changed"), "{ended}");
    assert_eq!(text(sam.get_task(&finished).await.result()), "the report done");
    assert_eq!(harriet.get_task(&other).await.result()["status"], "working");
    // Without access, nothing is found.
    tested.accounts.0.lock().unwrap().remove("sam");
    tested.changed("sam", "disabled").await;
    assert_eq!(sam.get_task(&finished).await.status, 401);
}

#[tokio::test]
async fn a_cancelled_task_ends_its_body_and_stays_cancelled() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let id = tested.long_report("sam").await;
    let acknowledged = sam.cancel_task(&id).await;
    assert_eq!(acknowledged.result()["resultType"], "complete");
    tested.server.bodies.wait_for_end(1).await;
    let task = sam.task_with(&id, "cancelled").await;
    assert!(task["result"].is_null() && task["error"].is_null(), "{task}");
    assert!(sam.cancel_task(&id).await.is_success());
    // A task that has ended cannot be cancelled.
    let id = sam.create_task("short_report", json!({ "name": "a", "secret": false })).await;
    sam.task_with(&id, "completed").await;
    assert!(sam.cancel_task(&id).await.is_success());
    assert_eq!(sam.get_task(&id).await.result()["status"], "completed");
}

#[tokio::test]
async fn k3_a_result_with_is_error_is_completed_and_a_json_rpc_error_is_failed() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let id = sam.create_task("short_report", json!({ "name": "fail", "secret": false })).await;
    let task = sam.task_with(&id, "completed").await;
    assert_eq!(task["result"]["isError"], true);
    let id = sam.create_task("short_report", json!({ "name": "panic", "secret": false })).await;
    let task = sam.task_with(&id, "completed").await;
    assert!(text(&task).starts_with("internal error (reference "), "{task}");
    let id = sam.create_task("late_scope", json!({})).await;
    let task = sam.task_with(&id, "failed").await;
    assert_eq!(task["error"]["code"], -32010);
    assert_eq!(task["error"]["data"]["missing"], json!(["reports:secret"]));
}

#[tokio::test]
async fn k3_input_is_required_and_provided_with_keys_that_are_unique() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let id = sam.create_task("asking_report", json!({})).await;
    let task = sam.task_with(&id, "input_required").await;
    assert_eq!(task["inputRequests"]["confirm"]["params"]["message"], "First?");
    // Responses to other keys and of another kind are acknowledged and ignored.
    for ignored in [json!({ "confirm-2": { "action": "accept" } }), json!({ "confirm": { "roots": [] } })] {
        assert!(sam.update_task(&id, ignored).await.is_success());
        assert_eq!(sam.get_task(&id).await.result()["status"], "input_required");
    }
    assert!(sam.update_task(&id, json!({ "confirm": { "action": "accept" } })).await.is_success());
    eventually("the tool asks again", async || {
        sam.get_task(&id).await.result()["inputRequests"]["confirm-2"]["params"]["message"] == "Second?"
    })
    .await;
    // A key that was used is not asked for again.
    sam.update_task(&id, json!({ "confirm": { "action": "accept" } })).await;
    sam.update_task(&id, json!({ "confirm-2": { "action": "decline" } })).await;
    assert_eq!(text(&sam.task_with(&id, "completed").await), r#""accept" "decline""#);
    assert_eq!(tested.server.bodies.runs(), 3);
}

#[tokio::test]
async fn k3_a_task_asks_while_its_body_runs_and_runs_it_once() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let id = sam.create_task("confirmed_report", json!({})).await;
    for question in ["First?", "Second?"] {
        let mut key = String::new();
        eventually("the tool asks", async || {
            let response = sam.get_task(&id).await;
            let requests = response.result()["inputRequests"].as_object().cloned().unwrap_or_default();
            let asked = requests.iter().find(|(_, request)| request["params"]["message"] == question);
            key = asked.map(|(key, _)| key.clone()).unwrap_or_default();
            !key.is_empty()
        })
        .await;
        let accepted = json!({ key: { "action": "accept", "content": { "confirm": true } } });
        assert!(sam.update_task(&id, accepted).await.is_success());
    }
    assert_eq!(text(&sam.task_with(&id, "completed").await), "true true");
    assert_eq!(tested.server.bodies.runs(), 1);
}

#[tokio::test]
async fn a_guard_asks_before_there_is_a_task() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let mut params = json!({ "name": "guarded_report", "arguments": {} });
    for question in ["Really?", "Really, really?"] {
        let response = sam.send_with_tasks("tools/call", params.clone()).await;
        let result = response.result();
        assert_eq!(result["resultType"], "input_required", "{response:?}");
        let requests = result["inputRequests"].as_object().unwrap();
        assert_eq!(requests.values().next().unwrap()["params"]["message"], question);
        let key = requests.keys().next().unwrap().clone();
        params["requestState"] = result["requestState"].clone();
        params["inputResponses"] = json!({ key: { "action": "accept", "content": {} } });
    }
    let created = sam.send_with_tasks("tools/call", params).await;
    let id = created.result()["taskId"].as_str().unwrap();
    assert_eq!(text(&sam.task_with(id, "completed").await), "confirmed");
    assert_eq!(tested.server.bodies.runs(), 1);
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_gets_a_failed_task() {
    let tested = Tested::start().await;
    let sam = tested.client("sam");
    let mut message = with_tasks(Revision::Modern.call_message("asking_report", &json!({})));
    let capabilities = &mut message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    capabilities.as_object_mut().unwrap().remove("elicitation");
    let id = sam.send(&message).await.result()["taskId"].as_str().unwrap().to_owned();
    assert_eq!(sam.task_with(&id, "failed").await["error"]["code"], -32021);
}

#[tokio::test]
async fn the_number_of_tasks_is_bounded_for_each_caller_and_for_the_server() {
    let tested =
        Tested::with(|server| server.tasks(|tasks| (tasks.max_tasks, tasks.max_tasks_per_caller) = (2, 1))).await;
    let first = tested.long_report("sam").await;
    for token in ["sam", "sam-other-client"] {
        let rejected = tested.client(token).call_with_tasks("long_report", json!({ "name": "b" })).await;
        assert!(rejected.is_tool_error() && rejected.text_content().contains("1 of your tasks"), "{rejected:?}");
    }
    tested.long_report("harriet").await;
    let rejected = tested.client("service").call_with_tasks("long_report", json!({ "name": "b" })).await;
    assert!(rejected.is_tool_error() && rejected.text_content().contains("as many tasks as it can"), "{rejected:?}");
    assert_eq!(tested.server.bodies.runs(), 2);
    tested.client("sam").cancel_task(&first).await;
    tested.client("sam").task_with(&first, "cancelled").await;
    eventually("the place is free", async || {
        let response = tested.client("sam").call_with_tasks("long_report", json!({ "name": "c" })).await;
        response.result()["resultType"] == "task"
    })
    .await;
}

#[tokio::test]
async fn a_result_for_which_there_is_no_space_is_replaced_by_an_error_and_expires() {
    let tested = Tested::with(|server| {
        server.tasks(|tasks| (tasks.max_stored_bytes, tasks.ttl) = (64 * 1024, Duration::from_millis(300)))
    })
    .await;
    let sam = tested.client("sam");
    let id = sam.create_task("large_report", json!({ "bytes": 20_000 })).await;
    let task = sam.task_with(&id, "completed").await;
    assert!(task["result"]["isError"] == true && text(&task).contains("could not be stored"), "{task}");
    eventually("the task has expired", async || sam.get_task(&id).await.error_code() == Some(-32602)).await;
    assert_unknown(&[sam.get_task(&"0".repeat(id.len())).await, sam.get_task(&id).await]);
}

#[tokio::test]
async fn a_task_ends_at_its_time_limit() {
    let tested = Tested::with(|server| server.tasks(|tasks| tasks.timeout = Duration::from_millis(50))).await;
    let sam = tested.client("sam");
    let id = sam.create_task("long_report", json!({ "name": "a" })).await;
    let task = sam.task_with(&id, "completed").await;
    assert!(task["result"]["isError"] == true && text(&task).contains("time limit"), "{task}");
    let id = sam.create_task("asking_report", json!({})).await;
    let task = sam.task_with(&id, "completed").await;
    assert!(task["result"]["isError"] == true && text(&task).contains("waited for input"), "{task}");
}

#[tokio::test]
async fn a_shutdown_waits_for_tasks_and_ends_those_that_take_too_long() {
    let tested = Tested::start().await;
    tested.long_report("sam").await;
    let bodies = tested.server.bodies.clone();
    let stopped = tested.server.begin_shutdown();
    bodies.release(1);
    stopped.await.unwrap().unwrap();
    bodies.wait_for_end(1).await;

    let tested = Tested::with(|server| server.http(|http| http.shutdown_timeout = Duration::ZERO)).await;
    tested.long_report("sam").await;
    let bodies = tested.server.bodies.clone();
    tested.server.shut_down().await;
    bodies.wait_for_end(1).await;
}

#[tokio::test]
async fn the_creation_and_the_end_of_a_task_are_recorded_without_its_id() {
    let log = CapturedLog::start();
    let tested = Tested::start().await;
    let id = tested.long_report("sam").await;
    tested.server.bodies.release(1);
    tested.client("sam").task_with(&id, "completed").await;
    tested.client("harriet").get_task(&id).await;
    tested.client("sam-without-scopes").get_task(&id).await;
    let text = log.of_this_thread();
    let records: Vec<_> = text.lines().filter(|line| line.contains("toolgate::audit")).collect();
    let of = |outcome: &str| {
        let expected = format!("outcome=\"{outcome}\"");
        let found: Vec<_> = records.iter().copied().filter(|record| record.contains(&expected)).collect();
        assert_eq!(found.len(), 1, "{outcome}: {records:#?}");
        found[0]
    };
    let task =
        |record: &str| record.split("task=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let (created, ended) = (of("task_created"), of("completed"));
    assert_eq!(task(created).map(|name| name.len()), Some(12), "{created}");
    assert_eq!(task(created), task(ended));
    assert!(ended.contains("required=\"reports:create\"") && ended.contains("user=\"sam\""), "{ended}");
    assert!(of("unknown_task").contains("user=\"harriet\""));
    assert!(of("insufficient_scope").contains("tool=\"long_report\""));
    assert!(!records.iter().any(|record| record.contains(&id)), "{records:#?}");
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_body_leaves_no_task() {
    let tested = Tested::start().await;
    let message = with_tasks(Revision::Modern.call_message("slow_guard_report", &json!({})));
    let request = tested.client("sam").request(&message);
    let call = tokio::spawn(request.send());
    tested.server.bodies.wait_for_start(1).await;
    call.abort();
    tested.server.bodies.wait_for_end(1).await;
    tested.server.bodies.release(1);
    assert_eq!(tested.server.bodies.runs(), 0);
}

/// What one of two callers does with one of the tasks.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Get(usize),
    Cancel(usize),
    Update(usize),
    /// One of the waiting bodies ends.
    Release,
}

fn steps() -> impl Strategy<Value = Vec<(bool, Step)>> {
    let step = prop_oneof![
        2 => Just(Step::Create),
        4 => any::<usize>().prop_map(Step::Get),
        1 => any::<usize>().prop_map(Step::Cancel),
        1 => any::<usize>().prop_map(Step::Update),
        1 => Just(Step::Release),
    ];
    prop::collection::vec((any::<bool>(), step), 1..24)
}

/// Takes the steps, and checks that each caller finds its own tasks and nothing else.
async fn check_steps(steps: Vec<(bool, Step)>) {
    let tested = Tested::with(|server| server.tasks(|tasks| tasks.max_tasks_per_caller = 100)).await;
    let clients = [tested.client("sam"), tested.client("harriet")];
    let unknown = clients[0].get_task(&"0".repeat(64)).await;
    let mut tasks: Vec<(bool, String)> = Vec::new();
    for (caller, step) in steps {
        let client = &clients[usize::from(caller)];
        let (response, owner, id) = match step {
            Step::Create => {
                tasks.push((caller, client.create_task("long_report", json!({ "name": "a" })).await));
                continue;
            }
            Step::Release => {
                tested.server.bodies.release(1);
                continue;
            }
            Step::Get(_) | Step::Cancel(_) | Step::Update(_) if tasks.is_empty() => continue,
            Step::Get(task) => {
                let (owner, id) = &tasks[task % tasks.len()];
                (client.get_task(id).await, *owner, id)
            }
            Step::Cancel(task) => {
                let (owner, id) = &tasks[task % tasks.len()];
                (client.cancel_task(id).await, *owner, id)
            }
            Step::Update(task) => {
                let (owner, id) = &tasks[task % tasks.len()];
                (client.update_task(id, json!({ "confirm": { "action": "accept" } })).await, *owner, id)
            }
        };
        if owner == caller {
            assert!(response.is_success(), "{response:?}");
            let shown = &response.result()["taskId"];
            assert!(shown.is_null() || shown == id, "{response:?}");
        } else {
            assert_unknown(&[unknown.clone(), response]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn k2_no_interleaving_shows_a_task_to_another_caller(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_steps(steps));
    }
}
