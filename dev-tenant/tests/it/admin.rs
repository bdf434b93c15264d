//! Tests of the admin API and the admin page.

use reqwest::Method;
use serde_json::{Value, json};
use toolgate_dev_tenant::DevTenant;

use crate::browser::{Browser, hidden_field, location};
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
