//! Traces of real processes, exported to a receiver of OTLP. Requires the feature `drills`: one test starts `redis-server`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "replication/redis_server.rs"]
#[expect(dead_code, reason = "the tests of replication use all of it")]
mod redis_server;

use std::process::Command;

use serde_json::{Value, json};
use toolgate_tests::{
    Client, IntrospectionStub, Program, ReceivedSpan, Revision, TraceReceiver, WEBHOOK_SECRET, WebhookDelivery,
    eventually, free_address, http_client, send,
};

use redis_server::RedisServer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_minimal");
const TASK_SERVER: &str = env!("CARGO_BIN_EXE_task_server");
/// Contexts of two clients, with the flag that asks for the trace.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const OTHER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER_PARENT: &str = "00f067aa0ba902b7";

fn traceparent(trace: &str, parent: &str, flags: &str) -> String {
    format!("00-{trace}-{parent}-{flags}")
}

/// A server, its authorization server, and the receiver of its traces.
struct Fixture {
    program: Program,
    stub: IntrospectionStub,
    receiver: TraceReceiver,
}

impl Fixture {
    async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_program(PROGRAM, variables).await
    }

    async fn start_program(program: &str, variables: &[(&str, &str)]) -> Self {
        let (stub, receiver) = (IntrospectionStub::start().await, TraceReceiver::start().await);
        stub.set_response(json!({ "active": false }).to_string());
        let own = [
            ("PROPELAUTH_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("PROPELAUTH_AUTH_URL", stub.auth_url()),
            ("PROPELAUTH_INTROSPECTION_CLIENT_ID", "client-id"),
            ("PROPELAUTH_INTROSPECTION_CLIENT_SECRET", "client-secret"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url()),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_SERVICE_NAME", "traced-server"),
        ];
        let program = Program::start(program, &[&own, variables].concat(), |_| {}).await;
        stub.set_response(
            json!({
                "active": true, "sub": "user-of-the-trace", "scope": "employees:read:public",
                "aud": program.endpoint(), "email": "secret@example.com",
            })
            .to_string(),
        );
        Self { program, stub, receiver }
    }

    fn client(&self, token: &str, revision: Revision) -> Client {
        Client::new(&self.program.endpoint(), revision).token(token)
    }

    /// Waits for spans with this name. Returns them.
    async fn spans(&self, name: &str, count: usize) -> Vec<ReceivedSpan> {
        let named = || self.receiver.spans().into_iter().filter(|span| span.name == name).collect::<Vec<_>>();
        eventually(&format!("{count} spans `{name}`"), async || named().len() >= count).await;
        named()
    }

    /// Returns the headers of the introspection request for a token.
    fn introspection_headers(&self, token: &str) -> Vec<String> {
        let requests = self.stub.requests().into_iter().filter(|(_, body)| body.contains(token));
        requests
            .map(|(headers, _)| headers.get("traceparent").map_or("", |value| value.to_str().unwrap()).to_owned())
            .collect()
    }
}

fn call(revision: Revision, employee: &str, traceparent: Option<&str>) -> Value {
    let mut message = revision.call_message("department", &json!({ "employee_id": employee }));
    if let Some(traceparent) = traceparent {
        message["params"]["_meta"]["traceparent"] = traceparent.into();
    }
    message
}

#[tokio::test]
async fn a_call_is_a_trace_with_the_context_of_the_client_and_of_the_authorization_server() {
    let fixture = Fixture::start(&[]).await;
    let client = fixture.client("token-of-a-call", Revision::Modern);
    let request = client.request(&call(Revision::Modern, "emp_0042", Some(&traceparent(TRACE, PARENT, "01"))));
    let request = request.header("traceparent", traceparent(OTHER_TRACE, OTHER_PARENT, "01"));
    let response = send(request.header("tracestate", "vendor=1")).await;
    assert!(response.is_success(), "{response:?}");

    // The HTTP request has the context of its headers.
    let [http] = &fixture.spans("POST /mcp", 1).await[..] else { panic!("one request") };
    assert_eq!((&*http.kind, &*http.service), ("Server", "traced-server"));
    assert_eq!((&*http.trace_id, &*http.parent_id), (OTHER_TRACE, OTHER_PARENT));
    assert_eq!((http.get("http.route"), http.get("http.response.status_code")), ("/mcp", "200"));

    // The message has that of its `_meta`, and a link to the HTTP request.
    let [message] = &fixture.spans("tools/call department", 1).await[..] else { panic!("one message") };
    assert_eq!((&*message.kind, message.is_error), ("Server", false));
    assert_eq!((&*message.trace_id, &*message.parent_id), (TRACE, PARENT));
    assert_eq!(message.links, [(http.trace_id.clone(), http.span_id.clone())]);
    for (attribute, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("jsonrpc.request.id", "1"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "department"),
        ("network.transport", "tcp"),
        ("toolgate.outcome", "completed"),
        ("error.type", ""),
        ("user.id", ""),
    ] {
        assert_eq!(message.get(attribute), value, "{attribute}: {message:#?}");
    }

    // The token is validated in the HTTP request, and the authorization server gets the context.
    let [validation] = &fixture.spans("validate token", 1).await[..] else { panic!("one validation") };
    assert_eq!((&validation.trace_id, &validation.parent_id), (&http.trace_id, &http.span_id));
    let [introspection] = &fixture.spans("POST", 1).await[..] else { panic!("one introspection") };
    assert_eq!((&*introspection.kind, &introspection.parent_id), ("Client", &validation.span_id));
    assert_eq!(introspection.get("http.response.status_code"), "200");
    assert!(introspection.get("url.full").ends_with("/oauth/2.1/introspect"));
    let expected = traceparent(OTHER_TRACE, &introspection.span_id, "01");
    assert_eq!(fixture.introspection_headers("token-of-a-call"), [expected]);

    // The next call has a cached token and no context: its message is in the span of its HTTP request, in a new trace, whose
    // ID is in the audit log.
    assert!(client.send(&call(Revision::Modern, "emp_0042", None)).await.is_success());
    let messages = fixture.spans("tools/call department", 2).await;
    let requests = fixture.spans("POST /mcp", 2).await;
    assert_eq!((&messages[1].trace_id, &messages[1].parent_id), (&requests[1].trace_id, &requests[1].span_id));
    assert_eq!((&*requests[1].parent_id, messages[1].links.len()), ("", 0));
    assert_eq!(fixture.spans("validate token", 1).await.len(), 1);
    let log = fixture.program.log();
    for trace in [TRACE, &messages[1].trace_id] {
        let field = format!("trace_id=\"{trace}\"");
        assert!(log.lines().any(|line| line.contains("toolgate::audit") && line.contains(&field)), "{field}: {log}");
    }
    assert!(!log.contains("otel.name"), "the log has no spans of traces: {log}");
}

#[tokio::test]
async fn errors_and_rejections_are_in_the_spans_and_nothing_secret_is() {
    let fixture = Fixture::start(&[]).await;
    let client = fixture.client("a-secret-token", Revision::Legacy);
    assert!(client.send(&call(Revision::Legacy, "emp_7777", None)).await.is_tool_error());
    let [failed] = &fixture.spans("tools/call department", 1).await[..] else { panic!("one call") };
    assert_eq!((failed.get("error.type"), failed.get("toolgate.outcome")), ("tool_error", "failed"));
    assert!(failed.is_error);

    let forbidden = client.call("transfer", json!({ "employee_id": "emp_7777", "department": "x" })).await;
    assert_eq!(forbidden.status, 403);
    let [forbidden] = &fixture.spans("tools/call transfer", 1).await[..] else { panic!("one call") };
    assert_eq!((forbidden.get("rpc.response.status_code"), forbidden.is_error), ("-32010", true));
    assert_eq!(forbidden.get("error.type"), "insufficient_scope");

    // A name that a client invents names no span, and is not an error of the server.
    assert_eq!(client.call("invented_name", json!({})).await.error_code(), Some(-32602));
    let [unknown] = &fixture.spans("tools/call", 1).await[..] else { panic!("one call") };
    assert_eq!((unknown.get("rpc.response.status_code"), unknown.is_error), ("-32602", false));
    client.send(&Revision::Legacy.message("invented/method", json!({}))).await;
    fixture.spans("_OTHER", 1).await;

    fixture.stub.set_response("not JSON");
    assert_eq!(fixture.client("another-token", Revision::Legacy).list().await.status, 503);
    let requests = fixture.spans("POST /mcp", 5).await;
    assert!(
        requests.iter().all(|span| span.is_error == (span.get("http.response.status_code") == "503")),
        "{requests:#?}"
    );
    let unavailable = requests.iter().find(|span| span.get("http.response.status_code") == "503").unwrap();
    assert_eq!((unavailable.get("error.type"), unavailable.is_error), ("503", true));

    let spans = format!("{:?}", fixture.receiver.spans());
    assert!(fixture.receiver.spans().iter().all(|span| span.events == 0), "{spans}");
    for secret in [
        "a-secret-token",
        "another-token",
        "client-secret",
        "secret@example.com",
        "user-of-the-trace",
        "emp_7777",
        "invented",
    ] {
        assert!(!spans.contains(secret), "{secret} is in the spans: {spans}");
    }
}

#[tokio::test]
async fn the_caller_is_in_the_spans_if_the_setting_allows_it() {
    let fixture = Fixture::start(&[("TOOLGATE_TRACES_CALLER", "true")]).await;
    assert!(
        fixture
            .client("the-token", Revision::Legacy)
            .send(&call(Revision::Legacy, "emp_0042", None))
            .await
            .is_success()
    );
    assert_eq!(fixture.spans("tools/call department", 1).await[0].get("user.id"), "user-of-the-trace");
}

#[tokio::test]
async fn a_client_decides_whether_its_requests_are_traced_within_the_bound() {
    let fixture =
        Fixture::start(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off"), ("TOOLGATE_TRACES_MAX_PER_SECOND", "3")])
            .await;
    let client = fixture.client("the-token", Revision::Legacy);
    let send_with = async |flags: &str| {
        let request = client.request(&call(Revision::Legacy, "emp_0042", None));
        assert!(send(request.header("traceparent", traceparent(TRACE, PARENT, flags))).await.is_success());
    };
    send_with("00").await;
    assert!(client.send(&call(Revision::Legacy, "emp_0042", None)).await.is_success());
    // A context that is not sampled is passed on, so that the other side does not begin a trace either.
    assert!(fixture.introspection_headers("the-token").iter().all(|header| header.ends_with("-00")));
    for _ in 0..200 {
        send_with("01").await;
    }
    let spans = fixture.spans("POST /mcp", 3).await;
    // Far less than 200, unless the requests took a minute.
    assert!(spans.len() < 100, "{} requests were traced", spans.len());
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
}

#[tokio::test]
async fn the_last_spans_are_exported_at_shutdown() {
    let mut fixture = Fixture::start(&[("OTEL_BSP_SCHEDULE_DELAY", "3600000")]).await;
    assert!(
        fixture
            .client("the-token", Revision::Legacy)
            .send(&call(Revision::Legacy, "emp_0042", None))
            .await
            .is_success()
    );
    assert!(fixture.receiver.spans().is_empty());
    assert!(fixture.program.stop().await.success());
    assert_eq!(fixture.spans("tools/call department", 1).await.len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_down_costs_spans_one_line_and_no_request() {
    let nobody = format!("http://the-user:the-password@{}/v1/traces?key=the-key", free_address());
    let metrics = free_address().to_string();
    let mut fixture = Fixture::start(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &nobody),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=the-header"),
        ("RUST_LOG", "debug"),
        ("METRICS_ADDR", &metrics),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
    ])
    .await;
    let client = fixture.client("the-token", Revision::Legacy);
    let metrics = format!("http://{metrics}/metrics");
    let lost = async |reason: &str| {
        let text = send(http_client().get(&metrics)).await.text;
        let sample = format!("toolgate_spans_lost_total{{reason=\"{reason}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&sample)?.parse::<u64>().ok()).unwrap_or_default()
    };
    eventually("spans are lost", async || {
        assert!(client.send(&call(Revision::Legacy, "emp_0042", None)).await.is_success());
        lost("export_failed").await > 0 && lost("queue_full").await > 0
    })
    .await;
    assert!(fixture.program.stop().await.success());
    let log = fixture.program.log();
    assert_eq!(log.matches("cannot export traces").count(), 1);
    for secret in ["the-user", "the-password", "the-key", "the-header"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[test]
fn an_invalid_receiver_is_named_by_its_variable_and_not_by_its_value() {
    for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let program = Command::new(PROGRAM)
            .env_clear()
            .env(variable, "http://the-user:the-password@a b/?key=the-key")
            .output()
            .unwrap();
        let log = String::from_utf8(program.stderr).unwrap();
        assert!(!program.status.success() && log.contains(&format!("the value of {variable} is invalid")), "{log}");
        assert!(!log.contains("the-"), "{log}");
    }
}

#[tokio::test]
async fn a_task_is_a_span_of_the_trace_of_its_request() {
    let fixture = Fixture::start_program(TASK_SERVER, &[]).await;
    let client = fixture.client("the-token", Revision::Modern);
    client.create_task("count", json!({})).await;
    let [message] = &fixture.spans("tools/call count", 1).await[..] else { panic!("one message") };
    let [task] = &fixture.spans("execute_tool count", 1).await[..] else { panic!("one task") };
    let [body] = &fixture.spans("counting", 1).await[..] else { panic!("one body") };
    assert_eq!((&message.trace_id, message.get("toolgate.outcome")), (&task.trace_id, "task_created"));
    assert_eq!((&*task.kind, &task.parent_id, &body.parent_id), ("Internal", &message.span_id, &task.span_id));
    assert_eq!((task.get("toolgate.outcome"), task.get("error.type"), task.is_error), ("failed", "tool_error", true));
    assert!(!message.is_error, "the call has become a task: {message:?}");
}

#[tokio::test]
async fn a_revocation_is_one_trace_at_all_replicas() {
    let redis = RedisServer::start().await;
    let url = format!("redis+unix://{}", redis.socket().display());
    let variables = |name| [("TOOLGATE_REPLICATION_URL", &*url), ("OTEL_SERVICE_NAME", name)];
    let (one, other) = (Fixture::start(&variables("one")).await, Fixture::start(&variables("other")).await);
    for fixture in [&one, &other] {
        fixture.program.wait_for_log("receiving the revocations of the other replicas").await;
    }
    let endpoint = one.program.endpoint();
    let delivery = WebhookDelivery::user_disabled(endpoint.strip_suffix("/mcp").unwrap(), "event", "user");
    let response = send(delivery.request().header("traceparent", traceparent(TRACE, PARENT, "01"))).await;
    assert_eq!(response.status, 204, "{response:?}");

    let [webhook] = &one.spans("POST /webhooks/propelauth", 1).await[..] else { panic!("one delivery") };
    assert_eq!((&*webhook.trace_id, &*webhook.parent_id), (TRACE, PARENT));
    let [published] = &one.spans("XADD", 1).await[..] else { panic!("one entry") };
    assert_eq!((&*published.trace_id, &published.parent_id), (TRACE, &webhook.span_id));
    let [applied] = &other.spans("apply revocations", 1).await[..] else { panic!("one entry") };
    assert_eq!((&*applied.trace_id, &applied.parent_id), (TRACE, &webhook.span_id));
    assert_eq!((&*applied.kind, &*applied.service), ("Consumer", "other"));
    let spans = one.receiver.spans();
    assert!(spans.iter().all(|span| span.name != "apply revocations"), "an own entry is applied once: {spans:?}");
}

#[tokio::test]
async fn nothing_is_traced_unless_a_receiver_is_named() {
    let fixture = Fixture::start(&[("OTEL_SDK_DISABLED", "true")]).await;
    let request = fixture.client("the-token", Revision::Legacy).request(&call(Revision::Legacy, "emp_0042", None));
    assert!(send(request.header("traceparent", traceparent(TRACE, PARENT, "01"))).await.is_success());
    assert_eq!(fixture.introspection_headers("the-token"), [""]);
    assert!(fixture.receiver.spans().is_empty());
}
