//! Helpers for the tests.

use serde_json::Value;
use toolgate_dev_tenant::{DevTenant, Mint, TenantConfig};

pub(crate) const RESOURCE: &str = "http://127.0.0.1:8000/mcp";

/// Starts a tenant of the sample company on a free port.
pub(crate) async fn start() -> DevTenant {
    DevTenant::builder(TenantConfig::sample()).start().await.unwrap()
}

/// Mints a token for the first person of a role, with all scopes of the role.
pub(crate) fn token_of(tenant: &DevTenant, role: &str) -> String {
    let person = tenant.person_of_role(role).unwrap();
    let mint = Mint::for_person(person.id).resource(RESOURCE);
    tenant.mint(&mint).unwrap()
}

/// Returns an HTTP client that follows no redirects and uses no proxy.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Sends an introspection request with valid credentials.
pub(crate) async fn introspect_response(tenant: &DevTenant, token: &str) -> reqwest::Response {
    http()
        .post(format!("{}/oauth/2.1/introspect", tenant.auth_url()))
        .basic_auth(tenant.introspection_client_id(), Some(tenant.introspection_client_secret()))
        .form(&[("token", token), ("token_type_hint", "access_token")])
        .send()
        .await
        .unwrap()
}

/// Returns the introspection response for a token.
pub(crate) async fn introspect(tenant: &DevTenant, token: &str) -> Value {
    let response = introspect_response(tenant, token).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}
