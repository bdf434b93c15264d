//! `POST /oauth/2.1/introspect` answers as PropelAuth's.

use std::time::Duration;

use crate::support::{RESOURCE, http, introspect, start, token_of};
use serde_json::json;
use toolgate_dev_tenant::{DevTenant, Mint, MintError, ResourceError, TenantConfig};

#[tokio::test]
async fn a_minted_token_is_active_with_every_published_field() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let answer = introspect(&tenant, &token_of(&tenant, "HR")).await;
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "employees:read:private employees:read:public payroll:read:all");
    assert_eq!(answer["client_id"], "dev-tenant-mint");
    assert_eq!(answer["username"], person.email);
    assert_eq!(answer["sub"], person.id);
    assert_eq!(answer["aud"], RESOURCE);
    assert_eq!(answer["org_id"], tenant.config().organization().id);
    assert_eq!(answer["org_role"], "HR");
    let lifetime = answer["exp"].as_u64().unwrap() - answer["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);
    assert_eq!(tenant.introspection_count(), 1);
}

#[tokio::test]
async fn a_token_is_long_and_random() {
    let tenant = start().await;
    let (one, other) = (token_of(&tenant, "HR"), token_of(&tenant, "HR"));
    assert_ne!(one, other);
    assert_eq!(one.len(), 43, "256 bits in base64url");
}

#[tokio::test]
async fn an_unknown_token_is_inactive_and_nothing_else() {
    let tenant = start().await;
    assert_eq!(introspect(&tenant, "no-such-token").await, json!({"active": false}));
}

#[tokio::test]
async fn an_expired_token_is_inactive() {
    let tenant = start().await;
    let order =
        Mint::for_person(tenant.person_of_role("HR").unwrap().id).resource(RESOURCE).expires_in(Duration::ZERO);
    let token = tenant.mint(&order).unwrap();
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
async fn revoking_takes_one_persons_tokens_and_nobody_elses() {
    let tenant = start().await;
    let (hr, support) = (token_of(&tenant, "HR"), token_of(&tenant, "Support"));
    let person = tenant.person_of_role("HR").unwrap();
    assert_eq!(tenant.revoke_all(&person.id).unwrap(), 1);
    assert_eq!(introspect(&tenant, &hr).await, json!({"active": false}));
    assert_eq!(introspect(&tenant, &support).await["active"], true);
}

#[tokio::test]
async fn a_changed_role_takes_away_what_it_cannot_grant_and_adds_nothing() {
    let tenant = start().await;
    let person = tenant.person_of_role("HR").unwrap();
    let token = token_of(&tenant, "HR");
    tenant.set_role(&person.id, "Engineering").unwrap();
    let answer = introspect(&tenant, &token).await;
    assert_eq!(answer["scope"], "employees:read:public");
    assert_eq!(answer["org_role"], "Engineering");
}

#[tokio::test]
async fn wrong_or_missing_credentials_are_401() {
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
    assert_eq!(tenant.introspection_count(), 3, "refused ones count too");
}

#[tokio::test]
async fn a_body_without_a_token_is_400() {
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
async fn credentials_differ_from_start_to_start() {
    let (one, other) = (start().await, start().await);
    assert_ne!(one.introspection_client_secret(), other.introspection_client_secret());
}

#[tokio::test]
async fn a_mint_takes_scopes_audience_and_client() {
    let tenant = start().await;
    let order = Mint::for_person(tenant.person_of_role("HR").unwrap().id)
        .without_audience()
        .scopes(["employees:read:public"])
        .client_id("inspector");
    let answer = introspect(&tenant, &tenant.mint(&order).unwrap()).await;
    assert_eq!(answer["scope"], "employees:read:public");
    assert_eq!(answer["client_id"], "inspector");
    assert!(answer.get("aud").is_none());
}

#[tokio::test]
async fn a_mint_is_refused_with_what_to_do_instead() {
    let tenant = start().await;
    let id = tenant.person_of_role("HR").unwrap().id;
    assert!(matches!(tenant.mint(&Mint::for_person(&id)), Err(MintError::NoResource)));
    assert!(matches!(tenant.mint(&Mint::for_person("nobody").resource(RESOURCE)), Err(MintError::UnknownPerson(_))));
    let too_much = Mint::for_person(&id).resource(RESOURCE).scopes(["finance:read:revenue"]);
    assert!(matches!(tenant.mint(&too_much), Err(MintError::NotGrantable { .. })));
    let remote = Mint::for_person(&id).resource("https://mcp.example.com/mcp");
    assert!(matches!(tenant.mint(&remote), Err(MintError::Resource(ResourceError::BeyondLoopback { .. }))));
    tenant.disable_person(&id).unwrap();
    assert!(matches!(tenant.mint(&Mint::for_person(&id).resource(RESOURCE)), Err(MintError::Disabled(_))));
}

#[tokio::test]
async fn remote_resources_take_the_method_that_says_so() {
    let tenant =
        DevTenant::builder(TenantConfig::sample()).dangerously_allow_remote_resources().start().await.unwrap();
    let order = Mint::for_person(tenant.person_of_role("HR").unwrap().id).resource("https://mcp.example.com/mcp");
    let answer = introspect(&tenant, &tenant.mint(&order).unwrap()).await;
    assert_eq!(answer["aud"], "https://mcp.example.com/mcp");
}
