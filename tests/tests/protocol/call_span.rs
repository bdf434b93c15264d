//! The span of a call: what a body logs has the request, the person, the tool and the trace.

use serde_json::json;
use toolgate::{
    auth::{Claims, StaticTokens},
    prelude::*,
};
use toolgate_tests::{CapturedLog, Revision, TestServer};

static SPAN_SCOPES: Scopes = Scopes::new(&["spans:read"]);

/// Log a text.
#[tool(scopes = "spans:read", scopes_in = SPAN_SCOPES)]
async fn logs(text: String) -> Result<String, ToolError> {
    tracing::info!(text, "in the body");
    tokio::task::yield_now().await;
    tracing::info!(text, "in the body");
    if text == "fail" { Err(std::io::Error::other("failed"))? } else { Ok(text) }
}

/// Log a text, and take the context, which the fast path does not support.
#[tool(scopes = "spans:read", scopes_in = SPAN_SCOPES)]
async fn logs_with_context(text: String, context: &Context) -> String {
    tracing::info!(text, "in the body");
    tokio::task::yield_now().await;
    tracing::info!(text, "in the body");
    let client = context.client_info().map(|client| format!("{} {}", client.name, client.version));
    client.unwrap_or_else(|| "no client".to_owned())
}

async fn start() -> TestServer {
    let tokens = StaticTokens::new().token("token", Claims::new().subject("sa\nnna").scopes(["spans:read"]));
    TestServer::serve(|url| Server::new("spans", &SPAN_SCOPES).server_url(url).auth(tokens).skip_preflight()).await
}

/// Returns the lines of the log with this text.
fn lines_with(text: &str) -> Vec<String> {
    CapturedLog::start().of_this_process().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_body_logs_has_the_call_on_both_paths() {
    CapturedLog::start();
    let server = start().await;
    for revision in Revision::BOTH {
        for tool in ["logs", "logs_with_context"] {
            let text = format!("{tool} in {revision}");
            let mut message = revision.call_message(tool, &json!({ "text": text }));
            message["params"]["_meta"]["traceparent"] =
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
            let response = server.client_with("token", revision).send(&message).await;
            assert!(response.is_success(), "{response:?}");
            let lines: Vec<_> = lines_with(&text).into_iter().filter(|line| line.contains("in the body")).collect();
            assert_eq!(lines.len(), 2, "{lines:#?}");
            for line in lines {
                for field in [
                    "call{".to_owned(),
                    format!("tool=\"{tool}\""),
                    "request_id=\"1\"".to_owned(),
                    "trace_id=\"0af7651916cd43dd8448eb211c80319c\"".to_owned(),
                ] {
                    assert!(line.contains(&field), "{field}: {line}");
                }
                assert!(line.contains("user=\"sa") && !line.contains("sa\nnna"), "the user is sanitized: {line}");
            }
        }
    }
}

#[tokio::test]
async fn a_masked_error_is_logged_in_the_span_of_its_call() {
    CapturedLog::start();
    let server = start().await;
    let response = server.client_with("token", Revision::Modern).call("logs", json!({ "text": "fail" })).await;
    let text = response.text_content();
    let reference = text.trim_start_matches("internal error (reference ").trim_end_matches(')');
    let lines = lines_with(reference);
    assert!(lines.iter().any(|line| line.contains("call{") && line.contains("call failed")), "{lines:#?}");
}

#[tokio::test]
async fn the_client_info_is_that_of_the_client_or_absent() {
    let server = start().await;
    for (revision, expected) in [(Revision::Legacy, "no client"), (Revision::Modern, "test 1")] {
        let client = server.client_with("token", revision);
        let response = client.call("logs_with_context", json!({ "text": "client" })).await;
        assert_eq!(response.text_content(), expected, "{response:?}");
    }
}
