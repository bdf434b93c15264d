//! The fast path returns the responses that rmcp returns. Random requests (valid, nearly valid and hostile) are sent to
//! two servers that differ only in the fast path; status, headers and body are compared.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, StatusCode},
};
use http_body_util::BodyExt;
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Value, json};
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use tower::ServiceExt;
use tracing_subscriber::{Layer, layer::SubscriberExt};

/// The scopes of the server.
pub static SCOPES: Scopes = Scopes::new(&["read", "write", "secret"]).implies("write", &["read"]);

/// Repeat a text.
#[tool(scopes = "read", read_only)]
async fn echo(text: String, times: Option<u8>) -> Result<String, ToolError> {
    match times {
        Some(0) => Err(ToolError::new("`times` must be at least 1")),
        times => Ok(text.repeat(times.unwrap_or(1).into())),
    }
}

/// A structured result that is an object.
#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

/// Add.
#[tool(scopes = "read")]
async fn add(a: i32, b: i32) -> Json<Sum> {
    Json(Sum { sum: i64::from(a) + i64::from(b) })
}

/// Return any value. In revision 2025-11-25, structured content is an object.
#[tool(scopes = "read", title = "Any value")]
async fn any_value(value: Value) -> Json<Value> {
    Json(value)
}

/// Return the ID of the caller.
#[tool(authenticated)]
async fn whoami(caller: &Caller) -> String {
    caller.user_id().unwrap_or("nobody").to_owned()
}

/// Require two scopes.
#[tool(scopes("read", "secret"))]
async fn secret() -> &'static str {
    "the secret"
}

/// Require one more scope in the body.
#[tool(scopes = "read")]
async fn deeper(deep: bool, caller: &Caller) -> Result<(), ToolError> {
    if deep {
        caller.require(scope!("secret"))?;
    }
    Ok(())
}

/// Read the context, which the fast path does not support.
#[tool(scopes = "read")]
async fn tools(context: &Context) -> String {
    context.tools().collect::<Vec<_>>().join(" ")
}

/// Have an argument that a header repeats, which the fast path does not support.
#[tool(scopes = "read")]
async fn regional(#[arg(header = "Region")] region: String) -> String {
    region
}

fn except_on_mondays(day: &str) -> Result<(), Denied> {
    if day == "Monday" { Err(Denied::new("not on Mondays")) } else { Ok(()) }
}

/// Have a guard.
#[tool(scopes = "read", guard = except_on_mondays(&day))]
async fn guarded(day: String) -> String {
    day
}

fn writers_if_urgent(caller: &Caller, urgent: bool) -> Result<(), Denied> {
    if urgent {
        caller.require(scope!("write"))?;
    }
    Ok(())
}

/// Require more scopes by the arguments and in a guard.
#[tool(
    any_scope("read", "secret"),
    scopes_if(euros > 1000, "secret"),
    guard = writers_if_urgent(caller, urgent.unwrap_or_default())
)]
async fn order(euros: u32, urgent: Option<bool>) -> String {
    format!("{euros} {urgent:?}")
}

/// Be visible to owners only.
#[tool(authenticated, org_role = "Owner")]
async fn owners() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

/// Ask for a summary.
#[prompt(scopes = "read", title = "Summary")]
async fn summary(
    /// What to summarise.
    topic: String,
    words: Option<u16>,
) -> Result<Vec<String>, ToolError> {
    if words == Some(0) {
        return Err(ToolError::new("`words` must be at least 1"));
    }
    Ok(vec![format!("Summarise {topic}."), format!("Use {words:?} words.")])
}

/// Ask for a confession.
#[prompt(scopes("read", "secret"), guard = except_on_mondays(&day))]
async fn confession(day: String) -> &'static str {
    "Confess."
}

/// Read the context, which the fast path does not support.
#[prompt(scopes = "read")]
async fn contextual(context: &Context) -> String {
    context.request_id()
}

/// The handbook.
#[resource(uri = "test://handbook", scopes = "read", mime_type = "text/markdown", size = 12, priority = 0.5)]
async fn handbook() -> &'static str {
    "# Handbook\n"
}

/// The logo.
#[resource(uri = "test://logo", authenticated, mime_type = "image/png", audience("user"))]
async fn logo() -> Vec<u8> {
    vec![0x89, 0x50, 0xFF, 0x00]
}

/// A record.
#[resource(uri = "test://records/{number}{?part}", scopes = "read", scopes_if(number > 1000, "secret"))]
async fn record(number: u32, part: Option<String>) -> Result<Json<Value>, ToolError> {
    match number {
        0 => Err(ToolError::not_found()),
        1 => Err(ToolError::masked("a secret")),
        number => Ok(Json(json!({ "number": number, "part": part }))),
    }
}

/// Be visible to owners only.
#[resource(uri = "test://owners", authenticated, org_role = "Owner")]
async fn owned() -> Json<Value> {
    Json(json!([1]))
}

const PROMPTS: [&str; 5] = ["summary", "confession", "contextual", "unknown", ""];

const URIS: [&str; 14] = [
    "test://handbook",
    "test://logo",
    "test://owners",
    "test://records/0",
    "test://records/1",
    "test://records/7",
    "test://records/7?part=a%20b",
    "test://records/2000",
    "test://records/seven",
    "test://records/{number}{?part}",
    "test://records/%37",
    "test://handbook/../logo",
    "Test://handbook",
    "",
];

const TOOLS: [&str; 14] = [
    "echo",
    "add",
    "any_value",
    "whoami",
    "secret",
    "deeper",
    "tools",
    "regional",
    "guarded",
    "order",
    "owners",
    "unknown",
    "Echo",
    "",
];

/// Which tools a list shows, and how a call of another tool is rejected.
#[derive(Clone, Copy)]
enum Mode {
    Strict,
    Conceal,
    ListAcquirable,
}

fn router(fast_path: bool, mode: Mode) -> Router {
    let tokens = StaticTokens::new()
        .token("reader", Claims::new().subject("reader").scopes(["read"]))
        .token("writer", Claims::new().subject("writer").scopes(["write", "secret"]).organization("o", "Owner"))
        .token("nobody", Claims::new());
    let mut server = Server::new("differential", &SCOPES)
        .server_url(support::URL)
        .auth(tokens)
        .deny(|tool| tool.name == "never")
        .fast_path(fast_path);
    match mode {
        Mode::Strict => {}
        Mode::Conceal => server = server.conceal_forbidden(),
        Mode::ListAcquirable => server = server.operations(|operations| operations.list_acquirable = true),
    }
    server.build().unwrap().into_router()
}

/// Methods of generated requests; calls more often than lists.
const METHODS: [&str; 11] = [
    "tools/call",
    "tools/call",
    "tools/call",
    "tools/list",
    "prompts/get",
    "prompts/get",
    "prompts/list",
    "resources/read",
    "resources/read",
    "resources/list",
    "resources/templates/list",
];

/// A generated request.
#[derive(Clone, Debug)]
struct TestRequest {
    token: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

async fn send(router: &Router, test: &TestRequest) -> (StatusCode, HeaderMap, String) {
    let mut request = support::post(test.token);
    for (name, value) in &test.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from(test.body.clone())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (mut parts, body) = response.into_parts();
    // One path sets the length itself. For the other, hyper sets it.
    parts.headers.remove("content-length");
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    // The reference of a masked error is random.
    let body = match body.split_once("(reference ") {
        Some((before, after)) => format!("{before}(reference {}", &after[12..]),
        None => body,
    };
    (parts.status, parts.headers, body)
}

fn meta(version: &str) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": { "name": "differential", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é\u{1F600}]{0,8}".prop_map(Value::from),
        Just(json!("Monday")),
        Just(json!({ "a": [1, { "b": null }] })),
        Just(json!([])),
    ]
}

fn arguments() -> impl Strategy<Value = Option<Value>> {
    let keys = select(vec![
        "text", "times", "a", "b", "value", "deep", "region", "day", "euros", "urgent", "extra", "topic", "words",
    ]);
    let valid = select(vec![
        json!({ "text": "hey" }),
        json!({ "text": "h\u{e9}\"\\\n", "times": 2 }),
        json!({ "text": "x", "times": 0 }),
        json!({ "a": 1, "b": -2 }),
        json!({ "value": [1, 2] }),
        json!({ "value": { "a": null } }),
        json!({ "deep": true }),
        json!({ "deep": false }),
        json!({ "region": "eu" }),
        json!({ "day": "Monday" }),
        json!({ "day": "Friday" }),
        json!({ "euros": 7 }),
        json!({ "euros": 7, "urgent": true }),
        json!({ "euros": 2000 }),
        json!({ "euros": 2000, "urgent": true }),
        json!({ "topic": "taxes" }),
        json!({ "topic": "taxes", "words": "7" }),
        json!({ "topic": "taxes", "words": "0" }),
        json!({ "topic": "taxes", "words": "many" }),
        json!({}),
    ]);
    let random = prop::collection::btree_map(keys, value(), 0..4).prop_map(|map| json!(map));
    prop_oneof![Just(None), valid.prop_map(Some), random.prop_map(Some), value().prop_map(Some)]
}

fn id() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        8 => (0..1000_u32).prop_map(|id| Some(id.into())),
        2 => "[ -~é]{0,6}".prop_map(|id| Some(id.into())),
        1 => value().prop_map(Some),
        1 => Just(None),
    ]
}

prop_compose! {
    /// Generates requests as clients send them; each part may be something else.
    fn request()(
        token in select(vec!["reader", "writer", "nobody"]),
        id in id(),
        method in prop_oneof![8 => select(METHODS.to_vec()), 1 => select(vec!["ping", "initialize", "tools/Call", "server/discover", ""])],
        tool in prop_oneof![10 => select(TOOLS.to_vec()).prop_map(Value::from), 1 => value()],
        prompt in prop_oneof![10 => select(PROMPTS.to_vec()).prop_map(Value::from), 1 => value()],
        uri in prop_oneof![10 => select(URIS.to_vec()).prop_map(Value::from), 1 => value()],
        arguments in arguments(),
        version in prop_oneof![
            4 => Just(Some("2026-07-28")), 3 => Just(Some("2025-11-25")), 1 => Just(Some("2025-06-18")),
            1 => Just(None), 1 => Just(Some("1999-01-01")), 1 => Just(Some("2026-07-29")),
        ],
        meta_version in prop_oneof![8 => Just(None), 1 => Just(Some("2025-11-25")), 1 => Just(Some("2026-07-28"))],
        meta_kind in 0..12_u8,
        accept in prop_oneof![8 => Just("application/json, text/event-stream"), 4 => select(vec![
            "application/json,text/event-stream", "*/*", "application/json", "", "application/*;q=0.5", "text/event-stream",
            "text/html", "text/html, */*;q=0.1", "application/json;q=0, */*",
        ])],
        coding in prop_oneof![30 => Just(None), 1 => Just(Some("identity")), 1 => Just(Some("gzip"))],
        headers_agree in prop::bool::weighted(0.85),
        extra in 0..20_u8,
        jsonrpc in prop_oneof![15 => Just(json!("2.0")), 1 => value()],
        mangle in 0..40_u8,
    ) -> TestRequest {
        let mut params = serde_json::Map::new();
        let is_call = ["tools/call", "prompts/get", "resources/read"].contains(&method);
        let (member, name) = match method {
            "prompts/get" => ("name", prompt),
            "resources/read" => ("uri", uri),
            _ => ("name", tool),
        };
        if is_call || extra == 1 {
            params.insert(member.to_owned(), name.clone());
        }
        if extra == 17 {
            params.insert("uri".to_owned(), json!("test://handbook"));
        }
        if let Some(arguments) = arguments && (is_call && method != "resources/read" || extra == 2) {
            params.insert("arguments".to_owned(), arguments);
        }
        let modern = version == Some("2026-07-28");
        match meta_kind {
            0 => drop(params.insert("_meta".to_owned(), json!({ "progressToken": 7 }))),
            1 => drop(params.insert("_meta".to_owned(), json!({ "progressToken": {} }))),
            2 => drop(params.insert("_meta".to_owned(), json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" }))),
            3 => drop(params.insert("_meta".to_owned(), json!(7))),
            4 => {}
            _ if modern || meta_version.is_some() => {
                let mut meta = meta(meta_version.unwrap_or("2026-07-28"));
                match meta_kind {
                    5 => meta["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                    6 => meta["io.modelcontextprotocol/clientCapabilities"] = json!([]),
                    7 => meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "x" }),
                    8 => meta["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {}, "roots": { "listChanged": true } }),
                    _ => {}
                }
                params.insert("_meta".to_owned(), meta);
            }
            _ => {}
        }
        match extra {
            3 => drop(params.insert("cursor".to_owned(), json!("x"))),
            4 => drop(params.insert("task".to_owned(), json!({}))),
            5 => drop(params.insert("inputResponses".to_owned(), json!({ "a": {} }))),
            6 => drop(params.insert("requestState".to_owned(), json!("x"))),
            _ => {}
        }
        let mut message = json!({ "jsonrpc": jsonrpc, "method": method });
        if let Some(id) = id {
            message["id"] = id;
        }
        match extra {
            7 => message["params"] = json!([name.clone()]),
            8 => message["params"] = json!(null),
            9 => {}
            10 => { message["params"] = params.into(); message["result"] = json!({}); }
            11 => { message["params"] = params.into(); message["_extra"] = json!(1); }
            _ => message["params"] = params.into(),
        }
        let mut headers = Vec::new();
        if !accept.is_empty() {
            headers.push(("accept", accept.to_owned()));
        }
        if let Some(coding) = coding {
            headers.push(("content-encoding", coding.to_owned()));
        }
        if let Some(version) = version {
            headers.push(("mcp-protocol-version", version.to_owned()));
        }
        if modern {
            headers.push(("mcp-method", if headers_agree { method.to_owned() } else { "tools/list".to_owned() }));
            let header_name = if headers_agree { name.as_str().unwrap_or("echo") } else { "add" };
            if is_call && !header_name.is_empty() && header_name.bytes().all(|byte| byte.is_ascii_graphic()) {
                headers.push(("mcp-name", header_name.to_owned()));
            }
        }
        match extra {
            12 => headers.push(("mcp-param-region", "eu".to_owned())),
            13 => headers.push(("mcp-session-id", "s".to_owned())),
            14 => headers.push(("mcp-method", "tools/call".to_owned())),
            15 => headers.push(("mcp-protocol-version", "2025-11-25".to_owned())),
            16 => headers.push(("accept", "text/event-stream".to_owned())),
            _ => {}
        }
        let mut body = message.to_string();
        match mangle {
            0 => drop(body.pop()),
            1 => body = body.replacen("\"params\"", "\"params\":{},\"params\"", 1),
            2 => body = format!("[{body}]"),
            3 => body = body.replace("name", "n\\u0061me"),
            4 => body = format!(" \n{body}\t "),
            5 => body = body.replacen("echo", "e\\u0063ho", 1),
            6 => body.push('x'),
            7 => body = body.replace("\"text\"", "\"text\":\"other\",\"text\""),
            _ => {}
        }
        TestRequest { token, headers, body }
    }
}

#[test]
fn the_fast_path_returns_the_responses_of_rmcp() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for mode in [Mode::Strict, Mode::Conceal, Mode::ListAcquirable] {
        let (fast_path, through_rmcp) = {
            let _guard = runtime.enter();
            (router(true, mode), router(false, mode))
        };
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() });
        runner
            .run(&request(), |test| {
                let (fast_path, through_rmcp) =
                    runtime.block_on(async { (send(&fast_path, &test).await, send(&through_rmcp, &test).await) });
                prop_assert_eq!(fast_path, through_rmcp);
                Ok(())
            })
            .unwrap();
    }
}

thread_local! {
    static RMCP_EVENTS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the `tracing` events of rmcp on each thread.
struct CountRmcpEvents;

impl<S: tracing::Subscriber> Layer<S> for CountRmcpEvents {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if event.metadata().target().starts_with("rmcp") {
            RMCP_EVENTS.set(RMCP_EVENTS.get() + 1);
        }
    }
}

/// Ensures that the comparison is not one of rmcp with itself.
#[tokio::test]
async fn canonical_requests_do_not_reach_rmcp() {
    // A subscriber of this thread only could miss events, because `tracing` caches the interest of other threads.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(CountRmcpEvents)).unwrap();
    let (fast_path, through_rmcp) = (router(true, Mode::Strict), router(false, Mode::Strict));
    for (version, meta) in [("2025-11-25", None), ("2026-07-28", Some(meta("2026-07-28")))] {
        for (method, mut params, name) in [
            ("tools/list", json!({}), None),
            ("tools/call", json!({ "name": "echo", "arguments": { "text": "hey" } }), Some("echo")),
            ("prompts/list", json!({}), None),
            ("prompts/get", json!({ "name": "summary", "arguments": { "topic": "taxes" } }), Some("summary")),
            ("resources/list", json!({}), None),
            ("resources/templates/list", json!({}), None),
            ("resources/read", json!({ "uri": "test://handbook" }), Some("test://handbook")),
            ("resources/read", json!({ "uri": "test://records/7" }), Some("test://records/7")),
        ] {
            if let Some(meta) = &meta {
                params["_meta"] = meta.clone();
            }
            let mut headers = vec![
                ("accept", "application/json, text/event-stream".to_owned()),
                ("mcp-protocol-version", version.to_owned()),
                ("mcp-method", method.to_owned()),
            ];
            if let Some(name) = name {
                headers.push(("mcp-name", name.to_owned()));
            }
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
            let test = TestRequest { token: "reader", headers, body };

            RMCP_EVENTS.set(0);
            let (status, _, response) = send(&fast_path, &test).await;
            assert_eq!(status, StatusCode::OK, "{response}");
            assert_eq!(RMCP_EVENTS.get(), 0, "{version} {method}");
            assert_eq!(send(&through_rmcp, &test).await.2, response);
            assert!(RMCP_EVENTS.get() > 0, "rmcp logs the requests that reach it");
        }
    }
}

#[tokio::test]
async fn a_call_is_decided_once_for_each_parse() {
    for (fast_path, decisions) in [(true, 1), (false, 2)] {
        let evaluated = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&evaluated);
        let tokens = StaticTokens::new().token("reader", Claims::new().subject("reader").scopes(["read"]));
        let server = Server::new("differential", &SCOPES)
            .server_url(support::URL)
            .auth(tokens)
            .deny(move |tool| {
                counter.fetch_add(usize::from(tool.name == "add"), Ordering::SeqCst);
                false
            })
            .fast_path(fast_path);
        let router = server.build().unwrap().into_router();
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "add", "arguments": { "a": 1, "b": 2 } },
        });
        let headers = vec![("accept", "application/json, text/event-stream".to_owned())];
        let request = TestRequest { token: "reader", headers, body: body.to_string() };
        let (status, _, response) = send(&router, &request).await;
        assert!(status == StatusCode::OK && response.contains("\"sum\":3"), "{status} {response}");
        // rmcp also looks the tool up to check its mirrored headers, if the revision has them; this one does not.
        assert_eq!(evaluated.load(Ordering::SeqCst), decisions, "fast path: {fast_path}");
    }
}
