//! Calls that a person approves on a page of the server, after a login at the tenant.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use toolgate::{
    Scopes, Server,
    approvals::{ApprovalStore, ApprovalStoreError},
    auth::async_trait,
    input::{Confirm, InputRequired, form},
    prelude::*,
    replication::Replication,
};
use toolgate_dev_tenant::DevTenant;
use toolgate_tests::{
    Browser, CapturedLog, HttpResponse, Page, Revision, TestServer, ToolBodies, WEBHOOK_SECRET, WebhookDelivery,
    eventually, http_client, propel_auth, send, start_payroll_tenant, token_for,
};

/// The scopes of a server whose tools need approvals.
pub(crate) static PAYROLL_SCOPES: Scopes = Scopes::new(&["payroll:export"]);

/// Export the payroll of a month.
#[tool(
    scopes = "payroll:export",
    scopes_in = crate::approvals::PAYROLL_SCOPES,
    destructive,
    guard = not_in_the_future(year),
    approve = "Export the payroll of {year}-{month:02}"
)]
async fn payroll_export(year: u16, month: u8, note: Option<String>, bodies: &ToolBodies) -> String {
    bodies.record_run();
    format!("exported {year}-{month}{}", note.map(|_| " with a note").unwrap_or_default())
}

fn not_in_the_future(year: u16) -> Result<(), Denied> {
    if year > 2030 { Err(Denied::new("the year is in the future")) } else { Ok(()) }
}

/// Delete the payroll of a year, after a confirmation.
#[tool(authenticated, scopes_in = crate::approvals::PAYROLL_SCOPES, destructive, approve = "Delete the payroll of {year}")]
async fn payroll_delete(year: u16, context: &Context, bodies: &ToolBodies) -> Result<String, ToolError> {
    if context.input_response("confirm").is_none() {
        return Err(InputRequired::request("confirm", form::<Confirm>(format!("Delete {year}?"))?)
            .state("asked")
            .into());
    }
    assert_eq!(context.request_state(), Some("asked"));
    bodies.record_run();
    Ok(format!("deleted {year}"))
}

struct Setup {
    tenant: DevTenant,
    server: TestServer,
}

/// How a client is asked for an approval.
struct Asked {
    url: String,
    state: Value,
}

async fn start() -> Setup {
    start_with(|server| server.approvals(|approvals| approvals.wait = Duration::ZERO)).await
}

async fn start_with(configure: impl FnOnce(Server) -> Server) -> Setup {
    let tenant = start_payroll_tenant().await;
    let server = TestServer::serve(|url| {
        let server = Server::new("payroll", &PAYROLL_SCOPES).title("Payroll & Co").server_url(url).skip_preflight();
        configure(server.auth(propel_auth(&tenant).webhook_secret(WEBHOOK_SECRET).unwrap()))
    })
    .await;
    Setup { tenant, server }
}

impl Setup {
    fn token(&self, role: &str) -> String {
        token_for(&self.tenant, role, &self.server.endpoint)
    }

    /// Calls a tool as HR, as a client that can open URLs.
    async fn call(&self, tool: &str, params: Value) -> HttpResponse {
        self.call_as("HR", tool, params).await
    }

    async fn call_as(&self, role: &str, tool: &str, params: Value) -> HttpResponse {
        let mut message = Revision::Modern.call_message(tool, &json!({}));
        let capabilities = json!({ "elicitation": { "url": {}, "form": {} } });
        message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        message["params"].as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        self.server.client_with(&self.token(role), Revision::Modern).send(&message).await
    }

    async fn export(&self, month: u8) -> HttpResponse {
        self.call("payroll_export", july(month)).await
    }

    /// Calls again after the client has opened the URL, as it claims.
    async fn repeat(&self, month: u8, asked: &Asked, action: &str) -> HttpResponse {
        let mut params = july(month);
        params["inputResponses"] = json!({ "toolgate/approval": { "action": action } });
        params["requestState"] = asked.state.clone();
        self.call("payroll_export", params).await
    }

    /// Opens an approval and logs in.
    async fn open(&self, asked: &Asked, role: &str) -> (Browser, Page) {
        let mut browser = Browser::default();
        let page = browser.log_in(&asked.url, &self.tenant, role).await;
        (browser, page)
    }

    async fn decide(&self, asked: &Asked, decision: &str) -> Page {
        let (mut browser, page) = self.open(asked, "HR").await;
        browser.submit(&page, &[("decision", decision)]).await
    }
}

fn july(month: u8) -> Value {
    json!({ "arguments": { "year": 2026, "month": month } })
}

/// Returns how the client is asked for an approval, if it is.
fn asked(response: &HttpResponse) -> Option<Asked> {
    let result = response.result();
    let request = &result["inputRequests"]["toolgate/approval"];
    if result["resultType"] != "input_required" || request.is_null() {
        return None;
    }
    assert_eq!(request["method"], "elicitation/create");
    assert_eq!(request["params"]["mode"], "url");
    let url = request["params"]["url"].as_str().unwrap().to_owned();
    Some(Asked { url, state: result["requestState"].clone() })
}

fn expect_asked(response: &HttpResponse) -> Asked {
    asked(response).unwrap_or_else(|| panic!("no request for an approval: {response:?}"))
}

fn heading(page: &Page) -> &str {
    page.response.text.split("<h1>").nth(1).unwrap_or_else(|| panic!("{page:?}")).split("</h1>").next().unwrap()
}

#[tokio::test]
async fn a_call_runs_once_after_its_person_approved_it() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    let (mut browser, page) = setup.open(&first, "HR").await;
    assert_eq!((page.response.status, heading(&page)), (200, "Approve this?"));
    for shown in [
        "Export the payroll of 2026-07",
        "payroll_export",
        "&#34;month&#34;: 7",
        "harriet.hr@example.com",
        "Payroll &#38; Co",
        "<bdi>test</bdi>",
    ] {
        assert!(page.response.text.contains(shown), "{shown}: {}", page.response.text);
    }
    assert_eq!(setup.server.bodies.runs(), 0);
    let page = browser.submit(&page, &[("decision", "approve")]).await;
    assert_eq!((page.response.status, heading(&page)), (200, "Approved"));

    let response = setup.repeat(7, &first, "accept").await;
    assert_eq!(response.text_content(), "exported 2026-7");
    // The approval is used, also for a client that sends its signed state again.
    let again = expect_asked(&setup.repeat(7, &first, "accept").await);
    assert_ne!(again.url, first.url);
    assert_eq!(setup.server.bodies.runs(), 1);
    let page = browser.log_in(&first.url, &setup.tenant, "HR").await;
    assert_eq!(heading(&page), "This approval was used");
}

#[tokio::test]
async fn e3_of_concurrent_calls_with_one_approval_one_runs() {
    let setup = start().await;
    let asked_for = expect_asked(&setup.export(7).await);
    setup.decide(&asked_for, "approve").await;
    let calls = futures_util::future::join_all((0..8).map(|_| setup.export(7))).await;
    assert_eq!(calls.iter().filter(|response| response.is_success() && asked(response).is_none()).count(), 1);
    assert_eq!(setup.server.bodies.runs(), 1);
}

#[tokio::test]
async fn e2_the_url_and_the_page_before_the_login_say_nothing() {
    let setup = start().await;
    let asked_for = expect_asked(&setup.export(7).await);
    let id = asked_for.url.strip_prefix(&format!("{}/approve/", setup.server.url)).unwrap();
    assert_eq!(id.len(), 43);
    let response = Browser::default().fetch(&asked_for.url).await;
    assert_eq!((response.status, response.text.as_str()), (303, ""));
    let location = response.header("location");
    assert!(location.starts_with(setup.tenant.auth_url()), "{location}");
    for parameter in ["code_challenge_method=S256", "state=", "resource=", "scope=payroll%3Aexport"] {
        assert!(location.contains(parameter), "{parameter}: {location}");
    }
    for secret in ["2026", "harriet", "payroll_export", "5a3e1f00"] {
        assert!(!location.contains(secret) && !asked_for.url.contains(secret), "{secret}");
    }
    for cookie in response.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Lax") && cookie.contains("; Path=/;"), "{cookie}");
    }
    // An approval that does not exist is not found, without a login.
    let unknown = Browser::default().fetch(&format!("{}/approve/{}", setup.server.url, "a".repeat(43))).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn e2_another_person_can_neither_see_nor_give_an_approval() {
    let setup = start().await;
    let asked_for = expect_asked(&setup.export(7).await);
    let (mut browser, page) = setup.open(&asked_for, "Support").await;
    assert_eq!((page.response.status, heading(&page)), (403, "This approval belongs to another account"));
    for secret in ["2026", "harriet", "payroll_export", "Export"] {
        assert!(!page.response.text.contains(secret), "{secret}: {}", page.response.text);
    }
    assert!(browser.cookie_names().iter().all(|name| !name.contains("approval")), "{browser:?}");
    expect_asked(&setup.repeat(7, &asked_for, "accept").await);
    assert_eq!(setup.server.bodies.runs(), 0);
    // The page offers a login with another account, at which the tenant asks for one.
    assert!(page.response.text.contains("?account=other"), "{}", page.response.text);
    let login = browser.open(&format!("{}?account=other", asked_for.url)).await;
    assert!(login.response.text.contains("name=\"person\""), "{}", login.response.text);
}

#[tokio::test]
async fn a_client_that_claims_that_its_user_accepted_is_asked_again() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    for _ in 0..3 {
        let again = expect_asked(&setup.repeat(7, &first, "accept").await);
        assert_eq!(again.url, first.url, "one approval for one call");
        assert_eq!(expect_asked(&setup.export(7).await).url, first.url);
    }
    // Opening the page and logging in approves nothing.
    setup.open(&first, "HR").await;
    expect_asked(&setup.repeat(7, &first, "accept").await);
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn e3_a_forged_state_is_an_error() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    setup.decide(&first, "approve").await;
    let forged = Asked { url: String::new(), state: format!("{}A", first.state.as_str().unwrap()).into() };
    assert_eq!(setup.repeat(7, &forged, "accept").await.error_code(), Some(-32602));
    // The state of another call.
    assert_eq!(setup.repeat(8, &first, "accept").await.error_code(), Some(-32602));
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn an_approval_is_for_its_arguments_its_tool_and_its_person() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    setup.decide(&first, "approve").await;
    let others = [
        setup.export(8).await,
        setup.call("payroll_export", json!({ "arguments": { "year": 2026, "month": 7, "note": "x" } })).await,
        setup.call("payroll_delete", json!({ "arguments": { "year": 2026 } })).await,
        setup.call_as("Support", "payroll_export", july(7)).await,
    ];
    for other in others {
        assert_ne!(expect_asked(&other).url, first.url);
    }
    assert_eq!(setup.server.bodies.runs(), 0);
    assert_eq!(setup.export(7).await.text_content(), "exported 2026-7");
}

#[tokio::test]
async fn a_declined_call_does_not_run_and_the_model_learns_it() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    assert_eq!(heading(&setup.decide(&first, "decline").await), "Declined");
    let response = setup.repeat(7, &first, "accept").await;
    assert!(response.is_tool_error(), "{response:?}");
    assert!(response.text_content().starts_with("not approved: the person declined this: Export the payroll"));
    // A later call asks again.
    assert_ne!(expect_asked(&setup.export(7).await).url, first.url);
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_user_who_does_not_open_the_url_withdraws_the_approval() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    let dismissed = setup.repeat(7, &first, "cancel").await;
    assert!(dismissed.text_content().contains("was dismissed"), "{dismissed:?}");
    let declined = setup.repeat(7, &first, "decline").await;
    assert!(declined.text_content().contains("declined this"), "{declined:?}");
    assert_eq!(Browser::default().fetch(&first.url).await.status, 404);
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_decision_needs_the_form_of_this_login() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    let other = expect_asked(&setup.export(8).await);
    let (browser, page) = setup.open(&first, "HR").await;
    let (mut attacker, attackers_page) = setup.open(&other, "HR").await;
    let post = |cookie: bool, origin: &str, form: &[(&str, &str)]| {
        let mut request = http_client().post(&first.url).header("Origin", origin).form(form);
        if cookie {
            request = request.header("Cookie", browser.cookie_header());
        }
        send(request)
    };
    let own_origin = setup.server.url.clone();
    let text = &page.response.text;
    let token = text.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    // Without the token of the form, with that of another approval, without the cookie, from another site.
    let approve = ("decision", "approve");
    assert_eq!(post(true, &own_origin, &[approve]).await.status, 403);
    assert_eq!(post(true, &own_origin, &[approve, ("form_token", "AAAA")]).await.status, 403);
    assert_eq!(post(false, &own_origin, &[approve, ("form_token", token)]).await.status, 403);
    assert_eq!(post(true, "https://evil.example", &[approve, ("form_token", token)]).await.status, 403);
    assert_eq!(post(true, &own_origin, &[("decision", "maybe"), ("form_token", token)]).await.status, 403);
    // The login for one approval does not decide another.
    let moved = Page { url: first.url.parse().unwrap(), response: attackers_page.response.clone() };
    let moved = Page {
        response: HttpResponse::new(
            200,
            moved.response.headers.clone(),
            moved.response.text.replace(&other.url[setup.server.url.len()..], &first.url[setup.server.url.len()..]),
        ),
        ..moved
    };
    assert_eq!(attacker.submit(&moved, &[approve]).await.response.status, 403);
    expect_asked(&setup.repeat(7, &first, "accept").await);
    assert_eq!(post(true, &own_origin, &[approve, ("form_token", token)]).await.status, 200);
    assert_eq!(setup.export(7).await.text_content(), "exported 2026-7");
}

#[tokio::test]
async fn a_login_is_completed_only_by_the_browser_that_began_it() {
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    let callback = format!("{}/approve/callback", setup.server.url);
    let mut browser = Browser::default();
    let location = browser.fetch(&first.url).await.header("location").to_owned();
    let (_, state) = location.split_once("&state=").or_else(|| location.split_once("?state=")).unwrap();
    let state = state.split('&').next().unwrap();
    // Without a cookie, with another state, with two states, with a code that the tenant did not issue.
    for (mut browser, query) in [
        (Browser::default(), format!("code=x&state={state}")),
        (browser.clone(), "code=x&state=forged".to_owned()),
        (browser.clone(), "code=x".to_owned()),
        (browser.clone(), format!("code=x&state={state}&state={state}")),
        (browser.clone(), format!("code=x&state={state}")),
    ] {
        let page = browser.open(&format!("{callback}?{query}")).await;
        assert_eq!((page.response.status, heading(&page)), (400, "This login cannot be completed"), "{query}");
    }
    // A cookie that the server did not sign.
    let mut forged = Browser::default();
    for name in browser.cookie_names() {
        forged.set_cookie(name, "rs1.e30.AAAA");
    }
    assert_eq!(forged.open(&format!("{callback}?code=x&state={state}")).await.response.status, 400);
    // The person cancels the login.
    let page = browser.open(&format!("{callback}?error=access_denied&state={state}")).await;
    assert_eq!(heading(&page), "You are not logged in");
}

#[tokio::test]
async fn an_expired_approval_cannot_be_given_or_used() {
    let setup = start_with(|server| {
        server.approvals(|approvals| {
            approvals.wait = Duration::ZERO;
            approvals.lifetime = Duration::from_secs(3);
        })
    })
    .await;
    let (first, second) = (expect_asked(&setup.export(7).await), expect_asked(&setup.export(8).await));
    let (mut browser, page) = setup.open(&first, "HR").await;
    assert_eq!(heading(&page), "Approve this?");
    assert_eq!(heading(&setup.decide(&second, "approve").await), "Approved");
    for asked_for in [&first, &second] {
        eventually("it expires", async || Browser::default().fetch(&asked_for.url).await.status == 404).await;
    }
    assert_eq!(heading(&browser.submit(&page, &[("decision", "approve")]).await), "This approval does not exist");
    assert_ne!(expect_asked(&setup.export(7).await).url, first.url);
    assert_ne!(expect_asked(&setup.export(8).await).url, second.url);
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_repeated_call_waits_for_the_person() {
    let setup = start_with(|server| server).await;
    let first = expect_asked(&setup.export(7).await);
    let (response, page) = tokio::join!(setup.repeat(7, &first, "accept"), setup.decide(&first, "approve"));
    assert_eq!(heading(&page), "Approved");
    assert_eq!(response.text_content(), "exported 2026-7");
}

#[tokio::test]
async fn a_call_that_waits_ends_with_the_access_to_its_tool() {
    let disabled = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&disabled);
    let setup = start_with(|server| server.deny(move |_| switch.load(Ordering::SeqCst))).await;
    let first = expect_asked(&setup.export(7).await);
    let disable_and_approve = async {
        let (mut browser, page) = setup.open(&first, "HR").await;
        disabled.store(true, Ordering::SeqCst);
        browser.submit(&page, &[("decision", "approve")]).await
    };
    let (response, _) = tokio::join!(setup.repeat(7, &first, "accept"), disable_and_approve);
    assert!(response.text_content().contains("the access to the tool ended"), "{response:?}");
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_call_that_waits_ends_when_the_access_of_its_caller_is_revoked() {
    let setup = start_with(|server| server).await;
    let first = expect_asked(&setup.export(7).await);
    let revoke_and_approve = async {
        let (mut browser, page) = setup.open(&first, "HR").await;
        let revoked =
            WebhookDelivery::user_disabled(&setup.server.url, "msg_1", "5a3e1f00-0000-4000-8000-000000000201")
                .send()
                .await;
        assert_eq!(revoked.status, 204);
        browser.submit(&page, &[("decision", "approve")]).await
    };
    let (response, _) = tokio::join!(setup.repeat(7, &first, "accept"), revoke_and_approve);
    assert!(response.text_content().contains("the access to the tool ended"), "{response:?}");
    assert_eq!(setup.server.bodies.runs(), 0);
}

#[tokio::test]
async fn a_client_that_cannot_open_urls_gets_the_url_as_a_result() {
    let setup = start().await;
    let token = setup.token("HR");
    let mut urls = Vec::new();
    for revision in Revision::BOTH {
        let arguments = json!({ "year": 2026, "month": 7 });
        let response = setup.server.client_with(&token, revision).call("payroll_export", arguments).await;
        assert!(response.is_tool_error(), "{response:?}");
        let text = response.text_content();
        assert!(text.starts_with("approval required: a person has to approve this: Export the payroll"), "{text}");
        urls.push(text.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned());
    }
    assert_eq!(urls[0], urls[1]);
    let asked_for = Asked { url: urls.remove(0), state: Value::Null };
    setup.decide(&asked_for, "approve").await;
    let client = setup.server.client_with(&token, Revision::Legacy);
    let response = client.call("payroll_export", json!({ "year": 2026, "month": 7 })).await;
    assert_eq!(response.text_content(), "exported 2026-7");
}

#[tokio::test]
async fn a_client_of_2025_11_25_that_can_open_urls_gets_the_error_of_that_revision() {
    let setup = start().await;
    let mut message = Revision::Legacy.call_message("payroll_export", &json!({ "year": 2026, "month": 7 }));
    let capabilities = json!({ "elicitation": { "url": {} } });
    message["params"]["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
    let response = setup.server.client_with(&setup.token("HR"), Revision::Legacy).send(&message).await;
    assert_eq!(response.error_code(), Some(-32042), "{response:?}");
    let elicitation = &response.json()["error"]["data"]["elicitations"][0];
    assert_eq!(elicitation["mode"], "url");
    let (url, id) = (elicitation["url"].as_str().unwrap(), elicitation["elicitationId"].as_str().unwrap());
    assert!(url.ends_with(id) && url.starts_with(&setup.server.url), "{elicitation}");
}

#[tokio::test]
async fn an_approval_that_a_body_did_not_use_is_valid_for_its_next_round() {
    let setup = start().await;
    let arguments = json!({ "arguments": { "year": 2020 } });
    let asked_for = expect_asked(&setup.call("payroll_delete", arguments.clone()).await);
    setup.decide(&asked_for, "approve").await;
    let mut params = arguments.clone();
    params["inputResponses"] = json!({ "toolgate/approval": { "action": "accept" } });
    params["requestState"] = asked_for.state;
    let response = setup.call("payroll_delete", params).await;
    assert!(response.result()["inputRequests"]["confirm"].is_object(), "{response:?}");
    let mut params = arguments.clone();
    params["inputResponses"] = json!({ "confirm": { "action": "accept", "content": {} } });
    params["requestState"] = response.result()["requestState"].clone();
    assert_eq!(setup.call("payroll_delete", params.clone()).await.text_content(), "deleted 2020");
    expect_asked(&setup.call("payroll_delete", params).await);
    assert_eq!(setup.server.bodies.runs(), 1);
}

#[tokio::test]
async fn nothing_is_asked_for_a_call_that_a_guard_denies() {
    let setup = start().await;
    let response = setup.call("payroll_export", json!({ "arguments": { "year": 2031, "month": 7 } })).await;
    assert_eq!(response.text_content(), "not allowed: the year is in the future");
}

#[tokio::test]
async fn a_person_has_a_bounded_number_of_approvals() {
    let setup = start().await;
    let mut asked_for = Vec::new();
    for month in 1..=8 {
        asked_for.push(expect_asked(&setup.export(month).await));
    }
    let response = setup.export(9).await;
    assert!(response.text_content().contains("8 other calls wait for an approval"), "{response:?}");
    // Another person is not affected.
    expect_asked(&setup.call_as("Support", "payroll_export", july(9)).await);
    setup.decide(&asked_for[0], "decline").await;
    assert!(setup.export(1).await.is_tool_error());
    expect_asked(&setup.export(9).await);
}

#[tokio::test]
async fn text_of_a_client_cannot_change_the_page() {
    let setup = start().await;
    let note = "</code><script>alert(1)</script> \u{202e}0001\u{200b}";
    let arguments = json!({ "arguments": { "year": 2026, "month": 7, "note": note } });
    let asked_for = expect_asked(&setup.call("payroll_export", arguments).await);
    let (_, page) = setup.open(&asked_for, "HR").await;
    let text = &page.response.text;
    assert!(text.contains("&#60;script&#62;") && text.contains("\\u{202e}0001\\u{200b}"), "{text}");
    assert!(!text.contains("<script") && !text.contains('\u{202e}') && !text.contains('\u{200b}'), "{text}");
    let policy = page.response.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.response.header("cache-control"), "no-store");
    let long = json!({ "arguments": { "year": 2026, "month": 7, "note": "x".repeat(9000) } });
    let response = setup.call("payroll_export", long).await;
    assert!(response.text_content().contains("arguments are longer than 8192 bytes"), "{response:?}");
}

#[tokio::test]
async fn every_event_of_an_approval_is_recorded_without_its_url() {
    let log = CapturedLog::start();
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    setup.open(&first, "Support").await;
    setup.decide(&first, "approve").await;
    setup.export(7).await;
    let second = expect_asked(&setup.export(8).await);
    setup.decide(&second, "decline").await;
    setup.export(8).await;
    let log = log.of_this_thread();
    let records: Vec<_> = log.lines().filter(|line| line.contains("toolgate::audit")).collect();
    let reference_of = |record: &str| record.split("approval=\"").nth(1).map(|rest| rest[..12].to_owned());
    let outcomes = |reference: &str| -> Vec<_> {
        let of_it = records.iter().filter(|record| reference_of(record).as_deref() == Some(reference));
        of_it.map(|record| record.split("outcome=\"").nth(1).unwrap().split('"').next().unwrap()).collect()
    };
    let mut references: Vec<_> = records.iter().filter_map(|record| reference_of(record)).collect();
    references.dedup();
    assert_eq!(references.len(), 2, "{records:?}");
    assert_eq!(
        outcomes(&references[0]),
        ["approval_required", "approval_rejected", "approval_given", "completed"],
        "{records:?}"
    );
    assert_eq!(outcomes(&references[1]), ["approval_required", "approval_declined", "not_approved"], "{records:?}");
    let audit = records.join("\n");
    for asked_for in [first, second] {
        let id = asked_for.url.rsplit('/').next().unwrap();
        assert!(!audit.contains(id), "{audit}");
    }
    assert!(audit.contains("5a3e1f00-0000-4000-8000-000000000401"), "who was refused: {audit}");
}

#[tokio::test]
async fn the_token_of_a_login_is_revoked_and_nothing_secret_is_logged() {
    let log = CapturedLog::start();
    let setup = start().await;
    let first = expect_asked(&setup.export(7).await);
    setup.decide(&first, "approve").await;
    eventually("it is revoked", async || log.of_this_thread().contains("revoked the token of a login")).await;
    let log = log.of_this_thread();
    for secret in ["code_verifier", "code=", "access_token", "form_token", "toolgate-login-"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[test]
fn settings_that_approvals_cannot_work_with_are_problems() {
    let problems = |configure: fn(Server) -> Server| -> Vec<String> {
        let server = Server::new("payroll", &PAYROLL_SCOPES).auth(toolgate::auth::StaticTokens::new());
        let error = configure(server.state(ToolBodies::default())).build().unwrap_err();
        error.problems().iter().map(ToString::to_string).collect()
    };
    let without_key = problems(|server| server.replication(Replication::redis("redis://127.0.0.1:1")));
    assert!(
        without_key[0].contains("set `operations.request_state_key` to the same key on all replicas"),
        "{without_key:?}"
    );
    let without_id =
        problems(|server| server.approvals(|approvals| approvals.client_secret = Some("hunter2".into())));
    assert!(without_id[0].contains("`approvals.client_id` is not") && !without_id[0].contains("hunter2"));
    let zero = problems(|server| server.approvals(|approvals| approvals.lifetime = Duration::ZERO));
    assert_eq!(zero, ["`approvals.lifetime` must be longer than zero"]);
    let conflict = problems(|server| server.http(|http| http.endpoint_path = "/approve/callback".to_owned()));
    assert!(conflict[0].contains("another route of this server uses"), "{conflict:?}");
}

#[tokio::test]
async fn a_service_without_a_user_cannot_have_an_approval() {
    let tokens = toolgate::auth::StaticTokens::new()
        .token("service", toolgate::auth::Claims::new().scopes(["payroll:export"]))
        .token("sam", toolgate::auth::Claims::new().subject("sam").scopes(["payroll:export"]));
    let server = TestServer::serve(|url| {
        Server::new("payroll", &PAYROLL_SCOPES).server_url(url).skip_preflight().auth(tokens)
    })
    .await;
    let call = async |token| {
        let client = server.client_with(token, Revision::Legacy);
        client.call("payroll_export", json!({ "year": 2026, "month": 7 })).await
    };
    let response = call("service").await;
    assert!(response.is_tool_error() && response.text_content().contains("the token acts for none"), "{response:?}");
    // Without a description of its authorization server, the validator offers no login.
    let response = call("sam").await;
    let url = response.text_content().split_whitespace().find(|word| word.starts_with("http")).unwrap();
    assert_eq!(Browser::default().fetch(url).await.status, 503);
    assert_eq!(server.bodies.runs(), 0);
}

/// A store whose responses the test releases.
struct SlowStore {
    started: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

#[async_trait]
impl ApprovalStore for SlowStore {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, ApprovalStoreError> {
        self.started.add_permits(1);
        self.release.acquire().await.expect("the semaphore is not closed").forget();
        Ok(None)
    }

    async fn replace(&self, _: &str, _: Option<&[u8]>, _: &[u8], _: Duration) -> Result<bool, ApprovalStoreError> {
        Err(ApprovalStoreError::new("the test stores nothing"))
    }
}

#[tokio::test]
async fn one_client_cannot_occupy_the_pages_of_all_others() {
    const REQUESTS: usize = 100;
    const SHARE: usize = 32;
    let (started, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let store = SlowStore { started: Arc::clone(&started), release: Arc::clone(&release) };
    let setup = start_with(|server| {
        server
            .request_state_key([7; 32])
            .approval_store(store)
            .http(|http| http.trusted_proxies = vec!["127.0.0.0/8".to_owned()])
    })
    .await;
    let url = format!("{}/approve/{}", setup.server.url, "a".repeat(43));
    let open = |address: &'static str| send(http_client().get(&url).header("X-Forwarded-For", address));
    let mut requests: JoinSet<HttpResponse> = (0..REQUESTS).map(|_| open("203.0.113.1")).collect();
    for _ in 0..SHARE {
        started.acquire().await.unwrap().forget();
    }
    for _ in SHARE..REQUESTS {
        let rejected = requests.join_next().await.unwrap().unwrap();
        assert_eq!((rejected.status, rejected.header("retry-after")), (429, "1"));
        assert!(rejected.text.contains("Too many approvals"), "{rejected:?}");
    }
    release.add_permits(1 + SHARE);
    assert_eq!(open("203.0.113.2").await.status, 404, "another address");
    while let Some(response) = requests.join_next().await {
        assert_eq!(response.unwrap().status, 404);
    }
    assert_eq!(setup.server.client(Revision::Modern).list().await.status, 401, "the endpoint responds");
}
