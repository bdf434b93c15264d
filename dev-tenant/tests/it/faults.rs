//! Tests of the faults of the introspection endpoint.

use std::time::{Duration, Instant};

use crate::support::{introspect, introspect_response, start, token_of};
use serde_json::{Value, json};
use toolgate_dev_tenant::Fault;

#[tokio::test]
async fn status_faults_return_their_status_until_cleared() {
    let tenant = start().await;
    let token = token_of(&tenant, "HR");
    tenant.set_fault(Fault::ServerError);
    assert_eq!(introspect_response(&tenant, &token).await.status(), 500);
    tenant.set_fault(Fault::TooManyRequests { retry_after_seconds: Some(7) });
    let limited = introspect_response(&tenant, &token).await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "7");
    tenant.set_fault(Fault::WrongCredentials);
    assert_eq!(introspect_response(&tenant, &token).await.status(), 401);
    tenant.clear_fault();
    assert_eq!(introspect(&tenant, &token).await["active"], true);
}

#[tokio::test]
async fn the_redirect_fault_returns_a_location() {
    let tenant = start().await;
    tenant.set_fault(Fault::Redirect);
    let response = introspect_response(&tenant, "x").await;
    assert_eq!(response.status(), 307);
    assert!(response.headers().contains_key("location"));
}

#[tokio::test]
async fn the_malformed_json_fault_returns_invalid_json() {
    let tenant = start().await;
    tenant.set_fault(Fault::MalformedJson);
    let text = introspect_response(&tenant, &token_of(&tenant, "HR")).await.text().await.unwrap();
    assert!(text.starts_with('{'));
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn the_oversized_fault_adds_the_padding() {
    let tenant = start().await;
    tenant.set_fault(Fault::oversized());
    let body = introspect_response(&tenant, &token_of(&tenant, "HR")).await.bytes().await.unwrap();
    assert!(body.len() > 2 << 20);
}

#[tokio::test]
async fn member_faults_change_one_member() {
    let tenant = start().await;
    let token = token_of(&tenant, "HR");
    tenant.set_fault(Fault::MissingAudience);
    let response = introspect(&tenant, &token).await;
    assert!(response.get("aud").is_none());
    assert_eq!(response["active"], true);

    tenant.set_fault(Fault::ScopeAsArray);
    assert_eq!(
        introspect(&tenant, &token).await["scope"],
        json!(["employees:read:private", "employees:read:public", "payroll:read:all"])
    );

    tenant.set_fault(Fault::ExpiredButActive);
    let response = introspect(&tenant, &token).await;
    assert_eq!(response["active"], true);
    assert!(response["exp"].as_u64() < response["iat"].as_u64());

    tenant.set_fault(Fault::MissingActive);
    assert!(introspect(&tenant, &token).await.get("active").is_none());
}

#[tokio::test]
async fn a_delayed_response_is_correct() {
    let tenant = start().await;
    tenant.set_fault(Fault::delay(Duration::from_millis(60)));
    let before = Instant::now();
    let response = introspect(&tenant, &token_of(&tenant, "HR")).await;
    assert_eq!(response["active"], true);
    assert!(before.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_tenant_stops() {
    let tenant = start().await;
    tenant.set_fault(Fault::Hang);
    let url = format!("{}/oauth/2.1/introspect", tenant.auth_url());
    let request = crate::support::http().post(url).form(&[("token", "x")]).send();
    let hanging = tokio::spawn(request);
    while tenant.introspection_count() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());
    tenant.shutdown().await;
    let ended = tokio::time::timeout(Duration::from_secs(10), hanging).await;
    assert!(ended.is_ok(), "the request was aborted");
}
