//! Tests of introspection and of minted tokens.

use std::time::Duration;

use crate::support::{RESOURCE, http, introspect, start, token_of};
use serde_json::json;
use toolgate_dev_tenant::{DevTenant, Mint, MintError, ResourceError, TenantConfig};

#[tokio::test]
async fn a_minted_token_is_active_with_every_field_of_propelauth() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let response = introspect(&tenant, &token_of(&tenant, "HR")).await;
    assert_eq!(response["active"], true);
    assert_eq!(response["scope"], "employees:read:private employees:read:public payroll:read:all");
    assert_eq!(response["client_id"], "dev-tenant-mint");
    assert_eq!(response["username"], person.email);
    assert_eq!(response["sub"], person.id);
    assert_eq!(response["aud"], RESOURCE);
    assert_eq!(response["org_id"], tenant.config().organization().id);
    assert_eq!(response["org_role"], "HR");
    let lifetime = response["exp"].as_u64().unwrap() - response["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);
    assert_eq!(tenant.introspection_count(), 1);
}

#[tokio::test]
async fn a_token_has_256_random_bits() {
    let tenant = start().await;
    let (one, other) = (token_of(&tenant, "HR"), token_of(&tenant, "HR"));
    assert_ne!(one, other);
    assert_eq!(one.len(), 43, "256 bits in base64url");
}

#[tokio::test]
async fn the_response_for_an_unknown_token_has_only_active() {
    let tenant = start().await;
    assert_eq!(introspect(&tenant, "no-such-token").await, json!({"active": false}));
}

#[tokio::test]
async fn an_expired_token_is_inactive() {
    let tenant = start().await;
    let mint =
        Mint::for_person(tenant.person_of_role("HR").unwrap().id).resource(RESOURCE).expires_in(Duration::ZERO);
    let token = tenant.mint(&mint).unwrap();
    assert_eq!(introspect(&tenant, &token).await, json!({"active": false}));
}

#[tokio::test]
async fn a_disabled_persons_tokens_are_inactive_until_they_are_enabled() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let token = token_of(&tenant, "HR");
    tenant.disable_person(&person.id).unwrap();
    assert_eq!(introspect(&tenant, &token).await, json!({"active": false}));
    assert_ne!(tenant.person_of_role("HR").unwrap().id, person.id);
    tenant.enable_person(&person.id).unwrap();
    assert_eq!(introspect(&tenant, &token).await["active"], true);
}

#[tokio::test]
async fn revoking_a_person_leaves_the_tokens_of_others_active() {
    let tenant = start().await;
    let (hr, support) = (token_of(&tenant, "HR"), token_of(&tenant, "Support"));
    let person = tenant.person_of_role("HR").unwrap();
    assert_eq!(tenant.revoke_all(&person.id).unwrap(), 1);
    assert_eq!(introspect(&tenant, &hr).await, json!({"active": false}));
    assert_eq!(introspect(&tenant, &support).await["active"], true);
}

#[tokio::test]
async fn a_role_change_removes_scopes_of_tokens_and_adds_none() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let token = token_of(&tenant, "HR");
    tenant.set_role(&person.id, "Engineering").unwrap();
    let response = introspect(&tenant, &token).await;
    assert_eq!(response["scope"], "employees:read:public");
    assert_eq!(response["org_role"], "Engineering");
}

#[tokio::test]
async fn rejects_wrong_or_missing_credentials_with_401() {
    let tenant = start().await;
    let url = format!("{}/oauth/2.1/introspect", tenant.auth_url());
    let form = [("token", "x")];
    let none = http().post(&url).form(&form).send().await.unwrap();
    let wrong_secret = http()
        .post(&url)
        .basic_auth(tenant.introspection_client_id(), Some("wrong"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let wrong_id = http()
        .post(&url)
        .basic_auth("wrong", Some(tenant.introspection_client_secret()))
        .form(&form)
        .send()
        .await
        .unwrap();
    for response in [none, wrong_secret, wrong_id] {
        assert_eq!(response.status(), 401);
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    assert_eq!(tenant.introspection_count(), 3, "rejected requests are counted, too");
}

#[tokio::test]
async fn rejects_a_body_without_a_token_with_400() {
    let tenant = start().await;
    let response = http()
        .post(format!("{}/oauth/2.1/introspect", tenant.auth_url()))
        .basic_auth(tenant.introspection_client_id(), Some(tenant.introspection_client_secret()))
        .form(&[("tokn", "x")])
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn every_start_generates_new_credentials() {
    let (one, other) = (start().await, start().await);
    assert_ne!(one.introspection_client_secret(), other.introspection_client_secret());
}

#[tokio::test]
async fn a_minted_token_has_the_configured_scopes_audience_and_client() {
    let tenant = start().await;
    let mint = Mint::for_person(tenant.person_of_role("HR").unwrap().id)
        .without_audience()
        .scopes(["employees:read:public"])
        .client_id("inspector");
    let response = introspect(&tenant, &tenant.mint(&mint).unwrap()).await;
    assert_eq!(response["scope"], "employees:read:public");
    assert_eq!(response["client_id"], "inspector");
    assert!(response.get("aud").is_none());
}

#[tokio::test]
async fn rejects_a_mint_for_each_reason() {
    let tenant = start().await;
    let id = tenant.person_of_role("HR").unwrap().id;
    assert!(matches!(tenant.mint(&Mint::for_person(&id)), Err(MintError::NoResource)));
    assert!(matches!(tenant.mint(&Mint::for_person("unknown").resource(RESOURCE)), Err(MintError::UnknownPerson(_))));
    let too_much = Mint::for_person(&id).resource(RESOURCE).scopes(["finance:read:revenue"]);
    assert!(matches!(tenant.mint(&too_much), Err(MintError::NotGrantable { .. })));
    let remote = Mint::for_person(&id).resource("https://mcp.example.com/mcp");
    assert!(matches!(tenant.mint(&remote), Err(MintError::Resource(ResourceError::NotLoopback { .. }))));
    tenant.disable_person(&id).unwrap();
    assert!(matches!(tenant.mint(&Mint::for_person(&id).resource(RESOURCE)), Err(MintError::Disabled(_))));
}

#[tokio::test]
async fn remote_resources_require_the_dangerous_setting() {
    let tenant =
        DevTenant::builder(TenantConfig::sample()).dangerously_allow_remote_resources().start().await.unwrap();
    let mint = Mint::for_person(tenant.person_of_role("HR").unwrap().id).resource("https://mcp.example.com/mcp");
    let response = introspect(&tenant, &tenant.mint(&mint).unwrap()).await;
    assert_eq!(response["aud"], "https://mcp.example.com/mcp");
}
