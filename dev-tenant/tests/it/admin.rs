//! Tests of the admin API and the admin page.

use reqwest::Method;
use serde_json::{Value, json};
use toolgate_dev_tenant::{DevTenant, McpServer, TenantConfig};

use crate::browser::{Browser, hidden_field, location, redeem, register, request};
use crate::support::{RESOURCE, http, introspect, start, token_of};

async fn call(tenant: &DevTenant, method: Method, path: &str, body: Option<Value>) -> reqwest::Response {
    let mut request = http().request(method, format!("{}/admin/api/{path}", tenant.auth_url()));
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn the_api_returns_people_roles_scopes_and_grants() {
    let tenant = start().await;
    token_of(&tenant, "HR");
    let view: Value = call(&tenant, Method::GET, "tenant", None).await.json().await.unwrap();
    assert_eq!(view["scopes"].as_array().unwrap().len(), 10);
    assert_eq!(view["roles"][1]["name"], "HR");
    let hr = view["people"].as_array().unwrap().iter().find(|person| person["role"] == "HR");
    assert_eq!(hr.unwrap()["grants"], 1);
    assert!(!view.to_string().contains(tenant.introspection_client_secret()));
}

#[tokio::test]
async fn the_api_changes_people() {
    let tenant = start().await;
    let token = token_of(&tenant, "HR");
    let id = tenant.person_of_role("HR").unwrap().id;
    let path = |action: &str| format!("people/{id}/{action}");
    let disabled: Value = call(&tenant, Method::POST, &path("disable"), None).await.json().await.unwrap();
    assert_eq!(disabled["enabled"], false);
    assert_eq!(introspect(&tenant, &token).await["active"], false);
    call(&tenant, Method::POST, &path("enable"), None).await;
    let role = Some(json!({"role": "Support"}));
    let changed: Value = call(&tenant, Method::PUT, &path("role"), role).await.json().await.unwrap();
    assert_eq!(changed["role"], "Support");
    assert_eq!(introspect(&tenant, &token).await["scope"], "employees:read:public");
    let revoked: Value = call(&tenant, Method::POST, &path("revoke"), None).await.json().await.unwrap();
    assert_eq!(revoked["revoked_grants"], 1);
    assert_eq!(introspect(&tenant, &token).await["active"], false);

    let unknown = call(&tenant, Method::POST, "people/unknown/disable", None).await;
    assert_eq!(unknown.status(), 404);
    let role = Some(json!({"role": "Chief"}));
    let unknown = call(&tenant, Method::PUT, &path("role"), role).await;
    assert_eq!(unknown.status(), 422);
    assert!(unknown.text().await.unwrap().contains("Chief"));
}

#[tokio::test]
async fn a_minted_token_stores_each_scope_once() {
    let tenant = start().await;
    let body = json!({
        "person": tenant.person_of_role("HR").unwrap().id,
        "resource": RESOURCE,
        "scopes": vec!["employees:read:public"; 1000],
    });
    let minted: Value = call(&tenant, Method::POST, "tokens", Some(body)).await.json().await.unwrap();
    let token = minted["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, token).await["scope"], "employees:read:public");
}

#[tokio::test]
async fn the_api_mints_tokens_sets_faults_and_disables_mcp() {
    let tenant = start().await;
    let id = tenant.person_of_role("HR").unwrap().id;
    let body = json!({"person": id, "resource": RESOURCE, "scopes": ["payroll:read:all"], "expires_in": 60});
    let minted: Value = call(&tenant, Method::POST, "tokens", Some(body)).await.json().await.unwrap();
    let token = minted["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, token).await["scope"], "payroll:read:all");
    let body = json!({"person": id, "resource": "https://mcp.example.com/mcp"});
    assert_eq!(call(&tenant, Method::POST, "tokens", Some(body)).await.status(), 422);

    let fault = json!({"fault": "delay", "milliseconds": 1});
    assert_eq!(call(&tenant, Method::PUT, "fault", Some(fault.clone())).await.status(), 204);
    let current: Value = call(&tenant, Method::GET, "fault", None).await.json().await.unwrap();
    assert_eq!(current, fault);
    call(&tenant, Method::DELETE, "fault", None).await;
    let current: Value = call(&tenant, Method::GET, "fault", None).await.json().await.unwrap();
    assert_eq!(current, Value::Null);

    call(&tenant, Method::PUT, "mcp", Some(json!({"enabled": false}))).await;
    let url = format!("{}/.well-known/oauth-authorization-server/oauth/2.1", tenant.auth_url());
    assert_eq!(http().get(url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_api_rejects_requests_from_pages_of_other_origins() {
    let tenant = start().await;
    let id = tenant.person_of_role("HR").unwrap().id;
    let url = format!("{}/admin/api/people/{id}/disable", tenant.auth_url());
    for (name, value) in [
        ("origin", "http://evil.example.com"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let response = http().post(&url).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}: {value}");
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
    assert!(tenant.person_of_role("HR").unwrap().id == id, "nothing was changed");
    let own = http().post(&url).header("origin", tenant.auth_url()).send().await.unwrap();
    assert_eq!(own.status(), 200);
}

#[tokio::test]
async fn the_page_changes_people_and_confirms_it() {
    let tenant = start().await;
    let token = token_of(&tenant, "HR");
    let person = tenant.person_of_role("HR").unwrap();
    let url = format!("{}/admin", tenant.auth_url());
    let mut browser = Browser::default();
    let page = browser.get(&url).await.text().await.unwrap();
    assert!(page.contains("1 grant") && page.contains("What each role can grant"));
    for (action, confirmation) in [
        ("disable", "is disabled"),
        ("enable", "is enabled"),
        ("role", "now has the role Support"),
        ("revoke", "All tokens of"),
    ] {
        let form = [
            ("form_token", hidden_field(&page, "form_token")),
            ("person", person.id.clone()),
            ("action", action.to_owned()),
            ("role", "Support".to_owned()),
        ];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let response = browser.post(&url, &form).await;
        assert_eq!(response.status(), 303);
        let next = format!("{}{}", tenant.auth_url(), location(&response));
        let page = browser.get(&next).await.text().await.unwrap();
        assert!(page.contains(confirmation), "{page}");
    }
    assert_eq!(introspect(&tenant, &token).await["active"], false);
}

#[tokio::test]
async fn a_form_of_the_page_requires_its_token_and_a_known_action() {
    let tenant = start().await;
    let id = tenant.person_of_role("HR").unwrap().id;
    let url = format!("{}/admin", tenant.auth_url());
    let mut browser = Browser::default();
    let page = browser.get(&url).await.text().await.unwrap();
    let token = hidden_field(&page, "form_token");
    let form = [("person", id.as_str()), ("action", "disable")];
    assert_eq!(browser.post(&url, &form).await.status(), 403);
    let form = [("form_token", token.as_str()), ("person", &id), ("action", "disable")];
    assert_eq!(Browser::default().post(&url, &form).await.status(), 403);
    let form = [("form_token", token.as_str()), ("person", &id), ("action", "promote")];
    assert_eq!(browser.post(&url, &form).await.status(), 400);
    assert_eq!(tenant.person_of_role("HR").unwrap().id, id);
}

/// Returns a browser that has the admin page open, and the page.
async fn open_admin(tenant: &DevTenant) -> (Browser, String) {
    let mut browser = Browser::default();
    let page = browser.get(&format!("{}/admin", tenant.auth_url())).await.text().await.unwrap();
    (browser, page)
}

/// Logs in and allows a request of a new client. Returns the access token.
async fn token_of_a_login(tenant: &DevTenant) -> String {
    let client = register(tenant).await;
    let redirect = Browser::default().allow(tenant, &request(&client, &[]), "HR").await;
    let (_, tokens) = redeem(tenant, &client, &redirect["code"]).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_grant_is_shown_and_revoked_alone() {
    let tenant = start().await;
    let (kept, revoked) = (token_of(&tenant, "HR"), token_of_a_login(&tenant).await);
    let grants: Value = call(&tenant, Method::GET, "grants", None).await.json().await.unwrap();
    assert_eq!(grants["total"], 2);
    let grants = grants["grants"].as_array().unwrap();
    let grant = grants.iter().find(|grant| grant["application"] == "Test client").unwrap();
    assert_eq!(grant["scopes"], json!(["employees:read:public", "payroll:read:all"]));
    assert_eq!(grant["resource"], RESOURCE);
    assert!(grant["issued_at"].as_u64().unwrap() > 1_600_000_000);

    let (mut browser, page) = open_admin(&tenant).await;
    let row = page.split("<tr>").find(|row| row.contains("<bdi class=\"name\">Test client</bdi>")).unwrap();
    for text in ["Harriet (sample)", "<code>payroll:read:all</code>", "just now", RESOURCE] {
        assert!(row.contains(text), "{row}");
    }
    let form = [
        ("form_token", hidden_field(&page, "form_token")),
        ("action", "revoke-grant".to_owned()),
        ("grant", hidden_field(row, "grant")),
    ];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let url = format!("{}/admin", tenant.auth_url());
    let response = browser.post(&url, &form).await;
    assert_eq!(response.status(), 303);
    let next = format!("{}{}", tenant.auth_url(), location(&response));
    assert!(browser.get(&next).await.text().await.unwrap().contains("The grant and its tokens are revoked."));
    assert_eq!(introspect(&tenant, &revoked).await["active"], false);
    assert_eq!(introspect(&tenant, &kept).await["active"], true);
    assert_eq!(browser.post(&url, &form).await.status(), 400, "it is revoked already");

    let grants: Value = call(&tenant, Method::GET, "grants", None).await.json().await.unwrap();
    let path = format!("grants/{}/revoke", grants["grants"][0]["id"].as_str().unwrap());
    assert_eq!(call(&tenant, Method::POST, &path, None).await.status(), 200);
    assert_eq!(introspect(&tenant, &kept).await["active"], false);
    assert_eq!(call(&tenant, Method::POST, &path, None).await.status(), 404);
}

#[tokio::test]
async fn the_history_shows_what_people_and_administrators_did_without_secrets() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap();
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    browser.decide(&tenant, &page, "deny").await;
    let token = token_of_a_login(&tenant).await;
    tenant.set_role(&person.id, "Support").unwrap();
    tenant.disable_person(&person.id).unwrap();
    tenant.disable_person(&person.id).unwrap();
    tenant.enable_person(&person.id).unwrap();
    tenant.revoke_all(&person.id).unwrap();
    let minted = token_of(&tenant, "Support");

    let events = call(&tenant, Method::GET, "events", None).await.text().await.unwrap();
    let (_, page) = open_admin(&tenant).await;
    for secret in [&token, &minted, &tenant.introspection_client_secret().to_owned()] {
        assert!(!events.contains(secret) && !page.contains(secret));
    }
    let events: Vec<Value> = serde_json::from_str(&events).unwrap();
    let actions: Vec<_> = events.iter().map(|event| event["action"].as_str().unwrap()).collect();
    let expected = [
        "token_created",
        "all_revoked",
        "enabled",
        "disabled",
        "role_changed",
        "allowed",
        "logged_in",
        "denied",
        "logged_in",
    ];
    assert_eq!(actions, expected, "newest first, and only what changed something");
    assert_eq!(events[4]["detail"], "from HR to Support");
    assert_eq!(events[5]["application"], "Test client");
    assert_eq!(events[5]["detail"], "employees:read:public payroll:read:all");
    assert!(events[1..].iter().all(|event| event["person"] == person.id));
    for text in ["allowed access", "<bdi class=\"name\">Test client</bdi>", "from HR to Support"] {
        assert!(page.contains(text), "{page}");
    }
}

#[tokio::test]
async fn a_created_token_is_shown_once_and_is_in_no_url() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let (mut browser, page) = open_admin(&tenant).await;
    let url = format!("{}/admin", tenant.auth_url());
    let form_token = hidden_field(&page, "form_token");
    let form = |lifetime: &'static str, resource: &'static str| {
        [
            ("form_token", form_token.clone()),
            ("action", "token".to_owned()),
            ("person", person.id.clone()),
            ("lifetime", lifetime.to_owned()),
            ("resource", resource.to_owned()),
        ]
    };
    for (lifetime, resource) in
        [("0", RESOURCE), ("9999999999", RESOURCE), ("x", RESOURCE), ("60", ""), ("60", "https://example.com/mcp")]
    {
        let form = form(lifetime, resource);
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(browser.post(&url, &form).await.status(), 400, "{lifetime} {resource}");
        let untrusted: Vec<_> = form[1..].to_vec();
        assert_eq!(browser.post(&url, &untrusted).await.status(), 403);
    }
    let form = form("900", RESOURCE);
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let response = browser.post(&url, &form).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("location"));
    let page = response.text().await.unwrap();
    let token = page.split("<code class=\"token\">").nth(1).unwrap().split('<').next().unwrap();
    let introspection = introspect(&tenant, token).await;
    assert_eq!(introspection["sub"], person.id);
    assert_eq!(introspection["aud"], RESOURCE);
    let lifetime = introspection["exp"].as_u64().unwrap() - introspection["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 900);
    let admin = browser.get(&url).await.text().await.unwrap();
    assert!(admin.contains("token created") && !admin.contains(token), "{admin}");
}

#[tokio::test]
async fn the_page_links_to_the_configured_servers_and_those_with_grants() {
    let server = McpServer::new("Payroll <b>", "http://127.0.0.1:7000/mcp").unwrap();
    let tenant = DevTenant::builder(TenantConfig::sample()).mcp_server(server).start().await.unwrap();
    token_of(&tenant, "HR");
    let (_, page) = open_admin(&tenant).await;
    assert!(
        page.contains("<bdi class=\"name\">Payroll &#60;b&#62;</bdi> <a href=\"http://127.0.0.1:7000/mcp\">"),
        "{page}"
    );
    assert!(page.contains(&format!("<a href=\"{RESOURCE}\">")), "{page}");
    assert!(page.contains("required maxlength=\"2048\"") && page.contains("value=\"http://127.0.0.1:7000/mcp\""));
    let view: Value = call(&tenant, Method::GET, "tenant", None).await.json().await.unwrap();
    assert_eq!(view["mcp_servers"], json!([{"name": "Payroll <b>", "url": "http://127.0.0.1:7000/mcp"}]));
}
