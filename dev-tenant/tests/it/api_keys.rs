//! Tests of API keys: their validation, the admin API and page, and their declaration in `tenant.toml`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use toolgate_dev_tenant::{ApiKeyError, DevTenant, Fault, NewApiKey, TenantConfig, TenantData, TenantError};

use crate::browser::{Browser, hidden_field, location};
use crate::support::{RESOURCE, http, start};

async fn validate_with(tenant: &DevTenant, backend_key: &str, key: &str) -> reqwest::Response {
    http()
        .post(format!("{}/api/backend/v1/end_user_api_keys/validate", tenant.auth_url()))
        .bearer_auth(backend_key)
        .json(&json!({"api_key_token": key}))
        .send()
        .await
        .unwrap()
}

/// Returns the response about a valid key, or `None` if it is invalid.
async fn validate(tenant: &DevTenant, key: &str) -> Option<Value> {
    let response = validate_with(tenant, tenant.backend_api_key(), key).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["api_key_token"].is_string(), status == 400, "{body}");
    (status == 200).then_some(body)
}

async fn call(tenant: &DevTenant, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = http().request(method, format!("{}/admin/api/{path}", tenant.auth_url()));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn each_kind_of_key_has_its_owner_and_its_metadata() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let scopes = ["employees:read:public", "employees:read:public"];
    let new = NewApiKey::for_person(&person.id).scopes(scopes).resource(RESOURCE);
    let personal = validate(&tenant, &tenant.create_api_key(&new).unwrap().key).await.unwrap();
    assert_eq!(personal["metadata"], json!({"scopes": ["employees:read:public"], "resource": RESOURCE}));
    assert_eq!(personal["user"]["user_id"], person.id);
    assert_eq!(personal["user"]["email"], person.email);
    assert_eq!((&personal["org"], &personal["user_in_org"]), (&Value::Null, &Value::Null));

    let organization = tenant.create_api_key(&NewApiKey::for_organization()).unwrap();
    let organization = validate(&tenant, &organization.key).await.unwrap();
    assert_eq!(organization["org"]["org_id"], tenant.config().organization().id);
    assert_eq!((&organization["user"], &organization["metadata"]), (&Value::Null, &json!({"scopes": []})));

    let generic = tenant.create_api_key(&NewApiKey::generic()).unwrap();
    let with_prefix = validate(&tenant, &format!("Bearer {}", generic.key)).await.unwrap();
    assert_eq!((&with_prefix["user"], &with_prefix["org"]), (&Value::Null, &Value::Null));
    assert!(generic.key.len() == 64 && generic.key.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(!format!("{generic:?}").contains(&generic.key));
}

#[tokio::test]
async fn a_key_ends_with_its_deletion_its_lifetime_and_its_person() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let personal = tenant.create_api_key(&NewApiKey::for_person(&person.id)).unwrap();
    assert!(validate(&tenant, &personal.key).await.is_some());
    tenant.disable_person(&person.id).unwrap();
    assert!(validate(&tenant, &personal.key).await.is_none());
    tenant.enable_person(&person.id).unwrap();
    assert!(validate(&tenant, &personal.key).await.is_some());
    tenant.delete_api_key(&personal.id).unwrap();
    assert!(validate(&tenant, &personal.key).await.is_none());
    assert!(matches!(tenant.delete_api_key(&personal.id), Err(TenantError::UnknownApiKey(_))));
    let expired = tenant.create_api_key(&NewApiKey::generic().expires_in(Duration::ZERO)).unwrap();
    assert!(validate(&tenant, &expired.key).await.is_none());
    assert!(validate(&tenant, "00").await.is_none());
}

#[tokio::test]
async fn only_the_backend_key_can_validate_keys() {
    let tenant = start().await;
    let key = tenant.create_api_key(&NewApiKey::generic()).unwrap().key;
    for wrong in ["", "x", &key, tenant.introspection_client_secret()] {
        assert_eq!(validate_with(&tenant, wrong, &key).await.status(), 401);
    }
    assert_eq!(tenant.api_key_validation_count(), 4);
}

#[tokio::test]
async fn a_key_with_an_unknown_scope_person_or_remote_resource_is_not_created() {
    let tenant = start().await;
    let error = |new: NewApiKey| tenant.create_api_key(&new).unwrap_err();
    assert!(matches!(error(NewApiKey::generic().scopes(["payroll:reed"])), ApiKeyError::UnknownScope(_)));
    assert!(matches!(error(NewApiKey::for_person("unknown")), ApiKeyError::UnknownPerson(_)));
    let remote = NewApiKey::generic().resource("https://mcp.example.com/mcp");
    assert!(matches!(error(remote), ApiKeyError::Resource(_)));
}

#[tokio::test]
async fn the_admin_api_lists_creates_and_deletes_keys() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let body = json!({
        "name": "CI", "person": person.id, "scopes": ["payroll:read:all"], "resource": RESOURCE, "expires_in": 60,
    });
    let (status, created) = call(&tenant, Method::POST, "keys", Some(body)).await;
    assert_eq!(status, 200);
    let key = created["key"].as_str().unwrap();
    assert_eq!(validate(&tenant, key).await.unwrap()["metadata"]["scopes"], json!(["payroll:read:all"]));
    let (_, keys) = call(&tenant, Method::GET, "keys", None).await;
    let listed = keys.as_array().unwrap().iter().find(|listed| listed["name"] == "CI").unwrap();
    assert_eq!(listed["owner"], json!({"person": person.id}));
    assert!(listed["expires_at"].as_u64() > listed["created_at"].as_u64());
    assert!(!keys.to_string().contains(key));

    for (body, expected) in [
        (json!({"person": "unknown"}), 404),
        (json!({"person": person.id, "generic": true}), 422),
        (json!({"scopes": ["unknown"]}), 422),
        (json!({"color": "red"}), 422),
    ] {
        assert_eq!(call(&tenant, Method::POST, "keys", Some(body)).await.0, expected);
    }
    let path = format!("keys/{}", created["id"].as_str().unwrap());
    assert_eq!(call(&tenant, Method::DELETE, &path, None).await.0, 200);
    assert!(validate(&tenant, key).await.is_none());
    assert_eq!(call(&tenant, Method::DELETE, &path, None).await.0, 404);
}

#[tokio::test]
async fn the_admin_page_creates_a_key_shows_it_once_and_deletes_it() {
    let tenant = start().await;
    let mut browser = Browser::default();
    let url = format!("{}/admin", tenant.auth_url());
    let page = browser.get(&url).await.text().await.unwrap();
    let form_token = hidden_field(&page, "form_token");
    let form = [
        ("form_token", form_token.as_str()),
        ("action", "key"),
        ("name", "<b>CI"),
        ("owner", "organization"),
        ("lifetime", "0"),
        ("scopes", "analytics:read:all  ticket:read:all"),
        ("resource", ""),
    ];
    assert_eq!(browser.post(&url, &form[1..]).await.status(), 403, "the form token is required");
    let response = browser.post(&url, &form).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let page = response.text().await.unwrap();
    let key = page.split("<code class=\"token\">").nth(1).unwrap().split('<').next().unwrap();
    let response = validate(&tenant, key).await.unwrap();
    assert_eq!(response["metadata"], json!({"scopes": ["analytics:read:all", "ticket:read:all"]}));
    assert!(page.contains("&#60;b&#62;CI") && !page.contains("<b>CI"), "{page}");

    let admin = browser.get(&url).await.text().await.unwrap();
    assert!(admin.contains("API key created") && !admin.contains(key), "{admin}");
    let row = admin.split("<tr>").find(|row| row.contains("&#60;b&#62;CI")).unwrap();
    let id = hidden_field(row, "key");
    let form = [("form_token", form_token.as_str()), ("action", "delete-key"), ("key", &id)];
    let response = browser.post(&url, &form).await;
    assert_eq!(response.status(), 303);
    let next = format!("{}{}", tenant.auth_url(), location(&response));
    assert!(browser.get(&next).await.text().await.unwrap().contains("The API key is deleted."));
    assert!(validate(&tenant, key).await.is_none());
}

#[tokio::test]
async fn faults_of_keys_and_of_introspection_are_independent() {
    let tenant = start().await;
    let key = tenant.create_api_key(&NewApiKey::generic()).unwrap().key;
    tenant.set_fault(Fault::ServerError);
    assert!(validate(&tenant, &key).await.is_some());
    let status = async || validate_with(&tenant, tenant.backend_api_key(), &key).await.status().as_u16();
    for (fault, expected) in [
        (json!({"fault": "server_error"}), 500),
        (json!({"fault": "too_many_requests", "retry_after_seconds": 7}), 429),
        (json!({"fault": "wrong_credentials"}), 401),
        (json!({"fault": "redirect"}), 307),
        (json!({"fault": "malformed_json"}), 200),
    ] {
        assert_eq!(call(&tenant, Method::PUT, "fault/keys", Some(fault.clone())).await.0, 204);
        assert_eq!(call(&tenant, Method::GET, "fault/keys", None).await.1["fault"], fault["fault"]);
        assert_eq!(status().await, expected, "{fault}");
    }
    call(&tenant, Method::DELETE, "fault/keys", None).await;
    assert!(validate(&tenant, &key).await.is_some());
}

#[tokio::test]
async fn a_declared_key_survives_a_restart_and_its_deletion_does_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.jsonl");
    let start = async || {
        let data = TenantData::open(&file).unwrap();
        DevTenant::builder(TenantConfig::sample()).data(data).start().await.unwrap()
    };
    let tenant = start().await;
    let key = tenant.declared_api_key("nightly-report").unwrap();
    let (backend_key, response) = (tenant.backend_api_key().to_owned(), validate(&tenant, &key).await.unwrap());
    assert_eq!(response["metadata"], json!({"scopes": ["analytics:read:all", "ticket:read:all"]}));
    assert!(tenant.declared_api_key("other").is_none());
    tenant.shutdown().await;

    let tenant = start().await;
    assert_eq!(tenant.declared_api_key("nightly-report").unwrap(), key);
    assert_eq!(tenant.backend_api_key(), backend_key);
    assert!(validate(&tenant, &key).await.is_some());
    let (_, keys) = call(&tenant, Method::GET, "keys", None).await;
    tenant.delete_api_key(keys[0]["id"].as_str().unwrap()).unwrap();
    assert!(validate(&tenant, &key).await.is_none() && tenant.declared_api_key("nightly-report").is_none());
    tenant.shutdown().await;

    let tenant = start().await;
    assert!(validate(&tenant, &key).await.is_none(), "it stays deleted");
    let stored = std::fs::read_to_string(&file).unwrap();
    assert!(!stored.contains(&key));
}
