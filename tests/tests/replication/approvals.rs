//! Approvals that replicas share in Redis: a login begun on one replica ends on another, and one call of all replicas
//! uses an approval.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate::{Scopes, Server, prelude::*, replication::Replication};
use toolgate_dev_tenant::DevTenant;
use toolgate_tests::{
    Browser, Client, HttpResponse, Revision, TestServer, ToolBodies, eventually, propel_auth, start_payroll_tenant,
    token_for,
};

use crate::{Proxy, RedisServer};

/// The scopes of a server whose tool needs approvals.
pub(crate) static PAYROLL_SCOPES: Scopes = Scopes::new(&["payroll:export"]);

/// Export the payroll of a month.
#[tool(
    scopes = "payroll:export",
    scopes_in = crate::approvals::PAYROLL_SCOPES,
    destructive,
    approve = "Export the payroll of {year}-{month:02}"
)]
async fn payroll_export(year: u16, month: u8, bodies: &ToolBodies) -> String {
    bodies.record_run();
    format!("exported {year}-{month}")
}

/// Two replicas of one server, whose public URL is that of the first one.
struct Replicas {
    tenant: DevTenant,
    servers: Vec<TestServer>,
    proxies: Vec<Proxy>,
}

impl Replicas {
    async fn start(redis: &RedisServer) -> Self {
        let tenant = start_payroll_tenant().await;
        let (mut servers, mut proxies) = (Vec::new(), Vec::new());
        let listeners = [TestServer::listener().await, TestServer::listener().await];
        let url = TestServer::url_of(&listeners[0]);
        for listener in listeners {
            let proxy = Proxy::to(redis).await;
            let server = Server::new("payroll", &PAYROLL_SCOPES)
                .server_url(&url)
                .skip_preflight()
                .http(|http| http.allowed_hosts.push("127.0.0.1".to_owned()))
                .approvals(|approvals| approvals.wait = Duration::ZERO)
                .request_state_key([7; 32])
                .replication(Replication::redis(proxy.url.clone()))
                .auth(propel_auth(&tenant));
            servers.push(TestServer::serve_on(listener, server).await);
            proxies.push(proxy);
        }
        Self { tenant, servers, proxies }
    }

    async fn export(&self, replica: usize) -> HttpResponse {
        self.repeat(replica, &Value::Null).await
    }

    async fn repeat(&self, replica: usize, state: &Value) -> HttpResponse {
        let arguments = json!({ "year": 2026, "month": 7 });
        let mut message = Revision::Modern.call_message("payroll_export", &arguments);
        let capabilities = json!({ "elicitation": { "url": {} } });
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        if state.is_string() {
            message["params"]["inputResponses"] = json!({ "toolgate/approval": { "action": "accept" } });
            message["params"]["requestState"] = state.clone();
        }
        let token = token_for(&self.tenant, "HR", &self.servers[0].endpoint);
        let endpoint = format!("{}/mcp", self.servers[replica].url);
        Client::new(&endpoint, Revision::Modern).token(&token).send(&message).await
    }
}

fn url(response: &HttpResponse) -> String {
    let request = &response.result()["inputRequests"]["toolgate/approval"];
    request["params"]["url"].as_str().unwrap_or_else(|| panic!("no request for an approval: {response:?}")).to_owned()
}

async fn stored(redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let mut connection = redis.connect().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("toolgate:approval:*").query_async(&mut connection).await.unwrap();
    let mut values = Vec::new();
    for key in keys {
        let value = redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
        values.push((key, value));
    }
    values
}

#[tokio::test]
async fn e3_an_approval_is_used_once_on_all_replicas() {
    let redis = RedisServer::start().await;
    let replicas = Replicas::start(&redis).await;
    let asked = replicas.export(1).await;
    let (first, state) = (url(&asked), asked.result()["requestState"].clone());
    assert_eq!(url(&replicas.export(0).await), first, "the replicas know each other's approvals");

    // The login begins on the second replica, and the tenant sends the browser back to the first one.
    let mut browser = Browser::default();
    let of_second = first.replace(&replicas.servers[0].url, &replicas.servers[1].url);
    let page = browser.log_in(&of_second, &replicas.tenant, "HR").await;
    assert!(page.url.as_str().starts_with(&replicas.servers[0].url), "{page:?}");
    let page = browser.submit(&page, &[("decision", "approve")]).await;
    assert!(page.response.text.contains("<h1>Approved</h1>"), "{page:?}");

    let calls = (0..8).map(|i| replicas.repeat(i % 2, &state));
    let responses = futures_util::future::join_all(calls).await;
    let ran =
        responses.iter().filter(|response| response.json()["result"]["content"][0]["text"] == "exported 2026-7");
    assert_eq!(ran.count(), 1, "{responses:?}");
    let runs: usize = replicas.servers.iter().map(|server| server.bodies.runs()).sum();
    assert_eq!(runs, 1);
}

#[tokio::test]
async fn who_can_write_to_redis_cannot_approve_a_call() {
    let redis = RedisServer::start().await;
    let replicas = Replicas::start(&redis).await;
    url(&replicas.export(0).await);
    for (key, value) in stored(&redis).await {
        let text = String::from_utf8(value).unwrap();
        let forged = text.replace("pending", "given");
        // The content is encoded; a change of any part of it makes the signature invalid.
        let forged = if forged == text { format!("{text}A") } else { forged };
        let mut command = redis::cmd("SET");
        command.arg(&key).arg(forged).arg("PX").arg(60_000);
        let _: () = command.query_async(&mut redis.connect().await).await.unwrap();
    }
    let response = replicas.export(1).await;
    assert!(response.is_tool_error() && response.text_content().starts_with("internal error"), "{response:?}");
    assert_eq!(replicas.servers[1].bodies.runs(), 0);
}

#[tokio::test]
async fn without_redis_no_call_runs_and_nothing_is_approved() {
    let mut redis = RedisServer::start().await;
    let replicas = Replicas::start(&redis).await;
    let first = url(&replicas.export(0).await);
    redis.kill();
    let response = replicas.export(0).await;
    assert!(response.is_tool_error() && response.text_content().starts_with("internal error"), "{response:?}");
    assert_eq!(Browser::default().fetch(&first).await.status, 503);
    redis.restart().await;
    eventually("the approval is there again", async || Browser::default().fetch(&first).await.status == 303).await;
    assert_eq!(url(&replicas.export(0).await), first);
    assert_eq!(replicas.servers[0].bodies.runs(), 0);
    drop(replicas.proxies);
}
