//! Logging in, consenting, and getting tokens for it.

use serde_json::{Value, json};
use toolgate_dev_tenant::{DevTenant, IssuerVariant, TenantConfig};

use crate::browser::{
    Browser, CHALLENGE, REDIRECT, VERIFIER, answer, redeem, register, register_as, request, ticked, token,
};
use crate::support::{RESOURCE, http, introspect, start};

#[tokio::test]
async fn hr_logs_in_and_gets_what_hr_may_grant() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let answer = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    assert_eq!(answer["state"], "st&te");
    assert!(!answer.contains_key("iss"));
    let (status, tokens) = redeem(&tenant, &client, &answer["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "employees:read:public payroll:read:all");
    let told = introspect(&tenant, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(told["active"], true);
    assert_eq!(told["aud"], RESOURCE);
    assert_eq!(told["client_id"], client);
    assert_eq!(told["org_role"], "HR");
}

#[tokio::test]
async fn a_scope_that_the_role_lacks_is_shown_and_not_granted() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "Engineering").await;
    assert!(page.contains("not yours to allow") && page.contains("payroll:read:all"), "{page}");
    assert_eq!(ticked(&page), ["employees:read:public"]);
    // Who sends it nevertheless gets no more.
    let sent = ["employees:read:public", "payroll:read:all"].map(str::to_owned);
    let answer = answer(&browser.decide_with(&tenant, &page, "allow", &sent).await);
    let (_, tokens) = redeem(&tenant, &client, &answer["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:public");
}

#[tokio::test]
async fn an_unticked_scope_is_not_granted() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let kept = ["payroll:read:all".to_owned()];
    let granted = answer(&browser.decide_with(&tenant, &page, "allow", &kept).await);
    let (_, tokens) = redeem(&tenant, &client, &granted["code"]).await;
    assert_eq!(tokens["scope"], "payroll:read:all");
}

#[tokio::test]
async fn where_scopes_are_not_optional_they_cannot_be_unticked() {
    let tenant = DevTenant::builder(TenantConfig::sample()).optional_scopes(false).start().await.unwrap();
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    assert!(!page.contains("checkbox"));
    let granted = answer(&browser.decide_with(&tenant, &page, "allow", &[]).await);
    let (_, tokens) = redeem(&tenant, &client, &granted["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:public payroll:read:all");
}

#[tokio::test]
async fn without_scopes_the_role_decides() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let query = request(&client, &[("scope", "")]);
    let answer = Browser::default().allow(&tenant, &query, "HR").await;
    let (_, tokens) = redeem(&tenant, &client, &answer["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:private employees:read:public payroll:read:all");
}

#[tokio::test]
async fn denying_and_granting_nothing_are_access_denied() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let denied = answer(&browser.decide(&tenant, &page, "deny").await);
    assert_eq!(denied["error"], "access_denied");
    assert_eq!(denied["error_description"], "the person denied the request");
    assert_eq!(denied["state"], "st&te");
    assert!(!denied.contains_key("code"));

    let query = request(&client, &[("scope", "payroll:read:all finance:read:revenue")]);
    for decision in ["deny", "allow"] {
        let mut browser = Browser::default();
        let page = browser.log_in(&tenant, &query, "Support").await;
        assert!(page.contains("nothing to allow") && !page.contains("value=\"allow\""));
        let denied = answer(&browser.decide(&tenant, &page, decision).await);
        assert_eq!(denied["error"], "access_denied");
        assert_eq!(denied["error_description"], "the person's role can grant nothing of what was asked for");
    }
}

#[tokio::test]
async fn the_issuer_is_in_the_answer_where_switched_on() {
    for (variant, path) in [(IssuerVariant::AtPath, "/oauth/2.1"), (IssuerVariant::AtRoot, "")] {
        let tenant = DevTenant::builder(TenantConfig::sample())
            .issuer_variant(variant)
            .iss_parameter(true)
            .start()
            .await
            .unwrap();
        let client = register(&tenant).await;
        let answer = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
        assert_eq!(answer["iss"], format!("{}{path}", tenant.auth_url()));
    }
}

#[tokio::test]
async fn a_loopback_port_may_differ_and_nothing_else() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let other_port = "http://127.0.0.1:5/callback";
    let mut browser = Browser::default();
    let query = request(&client, &[("redirect_uri", other_port)]);
    let page = browser.log_in(&tenant, &query, "HR").await;
    let response = browser.decide(&tenant, &page, "allow").await;
    assert!(crate::browser::location(&response).starts_with(other_port));
    for wrong in ["http://127.0.0.1:5/other", "https://evil.example.com/callback"] {
        let url =
            format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&client, &[("redirect_uri", wrong)]));
        let response = http().get(url).send().await.unwrap();
        assert_eq!(response.status(), 400, "{wrong}: told to the person, sent nowhere");
    }
}

#[tokio::test]
async fn an_unknown_client_is_told_to_the_person_only() {
    let tenant = start().await;
    let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request("nobody", &[]));
    let response = http().get(url).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("not registered here"));
}

#[tokio::test]
async fn errors_of_a_request_go_to_the_client() {
    let tenant = start().await;
    let client = register(&tenant).await;
    for (changes, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("request", "x.y.z")], "invalid_request"),
        (&[("resource", "")], "invalid_target"),
        (&[("resource", "mcp")], "invalid_target"),
        (&[("resource", "http://127.0.0.1:8000/mcp#x")], "invalid_target"),
        (&[("resource", "https://mcp.example.com/mcp")], "invalid_target"),
        (&[("scope", "a\"b")], "invalid_scope"),
    ] {
        let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&client, changes));
        let answer = answer(&http().get(url).send().await.unwrap());
        assert_eq!(answer["error"], error, "{changes:?}");
        assert_eq!(answer["state"], "st&te");
        assert!(!answer["error_description"].is_empty());
    }
    for doubled in ["scope=x", "state=x", "resource=http://localhost/"] {
        let query = format!("{}&{doubled}", request(&client, &[]));
        let url = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
        let answer = answer(&http().get(url).send().await.unwrap());
        assert!(answer["error"].starts_with("invalid_"), "{doubled}");
    }
}

#[tokio::test]
async fn a_code_needs_its_verifier_client_redirect_and_resource() {
    let tenant = start().await;
    let (client, other) = (register(&tenant).await, register(&tenant).await);
    let answer = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", &client),
        ("code", &answer["code"]),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    for (name, value, error) in [
        ("code_verifier", CHALLENGE, "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("client_id", other.as_str(), "invalid_grant"),
        ("client_id", "nobody", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:1/callback", "invalid_grant"),
        ("resource", "http://127.0.0.1:9000/mcp", "invalid_target"),
        ("code", "wrong", "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
    ] {
        let form = good.map(|(known, was)| (known, if known == name { value } else { was }));
        let (status, body) = token(&tenant, &form).await;
        assert_eq!(body["error"], error, "{name}={value}");
        assert_eq!(status, if error == "invalid_client" { 401 } else { 400 });
    }
    let without_redirect = good.map(|(name, was)| (name, if name == "redirect_uri" { "" } else { was }));
    assert_eq!(token(&tenant, &without_redirect).await.0, 200, "as OAuth 2.1 has it");
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_came_of_it() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let answer = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let (_, tokens) = redeem(&tenant, &client, &answer["code"]).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, access).await["active"], true);
    let (status, again) = redeem(&tenant, &client, &answer["code"]).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    assert_eq!(introspect(&tenant, access).await, json!({"active": false}));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let (status, _) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_expired_code_is_worth_nothing() {
    let tenant =
        DevTenant::builder(TenantConfig::sample()).code_lifetime(std::time::Duration::ZERO).start().await.unwrap();
    let client = register(&tenant).await;
    let answer = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let (status, body) = redeem(&tenant, &client, &answer["code"]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

async fn refreshed(tenant: &DevTenant, client: &str, refresh: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh)];
    form.extend(more);
    token(tenant, &form).await
}

async fn tokens_of_hr(tenant: &DevTenant, client: &str) -> Value {
    let answer = Browser::default().allow(tenant, &request(client, &[]), "HR").await;
    redeem(tenant, client, &answer["code"]).await.1
}

#[tokio::test]
async fn a_refresh_token_rotates_and_its_reuse_revokes_the_family() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let first = tokens_of_hr(&tenant, &client).await;
    let first_refresh = first["refresh_token"].as_str().unwrap();
    let (status, second) = refreshed(&tenant, &client, first_refresh, &[("resource", RESOURCE)]).await;
    assert_eq!(status, 200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let second_access = second["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, second_access).await["active"], true);

    let (status, body) = refreshed(&tenant, &client, first_refresh, &[]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    assert_eq!(introspect(&tenant, second_access).await, json!({"active": false}));
    let second_refresh = second["refresh_token"].as_str().unwrap();
    assert_eq!(refreshed(&tenant, &client, second_refresh, &[]).await.0, 400);
}

#[tokio::test]
async fn a_refresh_can_ask_for_less_but_not_for_more() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let tokens = tokens_of_hr(&tenant, &client).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let more = [("scope", "employees:read:private")];
    assert_eq!(refreshed(&tenant, &client, refresh, &more).await.1["error"], "invalid_scope");
    let other = [("resource", "http://127.0.0.1:9000/mcp")];
    assert_eq!(refreshed(&tenant, &client, refresh, &other).await.1["error"], "invalid_target");
    let less = [("scope", "payroll:read:all")];
    let (status, tokens) = refreshed(&tenant, &client, refresh, &less).await;
    assert_eq!(status, 200, "a refused refresh uses nothing up: {tokens}");
    assert_eq!(tokens["scope"], "payroll:read:all");
}

#[tokio::test]
async fn a_refresh_follows_the_person() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    let tokens = tokens_of_hr(&tenant, &client).await;
    tenant.set_role(&person, "Support").unwrap();
    let (_, tokens) = refreshed(&tenant, &client, tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(tokens["scope"], "employees:read:public");
    tenant.disable_person(&person).unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let (_, refused) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(refused["error"], "invalid_grant");
    tenant.enable_person(&person).unwrap();
    tenant.revoke_all(&person).unwrap();
    let (_, refused) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(refused["error"], "invalid_grant");
}

#[tokio::test]
async fn an_expired_refresh_token_is_worth_nothing() {
    let tenant = DevTenant::builder(TenantConfig::sample())
        .refresh_token_lifetime(std::time::Duration::ZERO)
        .start()
        .await
        .unwrap();
    let client = register(&tenant).await;
    let tokens = tokens_of_hr(&tenant, &client).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(refreshed(&tenant, &client, refresh, &[]).await.0, 400);
}

#[tokio::test]
async fn a_confidential_client_proves_itself_in_either_way_but_in_one() {
    let tenant = start().await;
    let registration: Value = register_as(&tenant, &json!({"redirect_uris": [REDIRECT]})).await.json().await.unwrap();
    assert_eq!(registration["token_endpoint_auth_method"], "client_secret_basic");
    let id = registration["client_id"].as_str().unwrap();
    let secret = registration["client_secret"].as_str().unwrap();
    let url = format!("{}/oauth/2.1/token", tenant.auth_url());
    let mut browser = Browser::default();
    for way in ["none", "wrong", "both", "post", "basic"] {
        let answer = browser.clone().allow(&tenant, &request(id, &[]), "HR").await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("code", &answer["code"]),
            ("code_verifier", VERIFIER),
        ];
        let mut call = http().post(&url);
        match way {
            "wrong" => form.push(("client_secret", "wrong")),
            "post" => form.push(("client_secret", secret)),
            "basic" => call = call.basic_auth(id, Some(secret)),
            "both" => {
                form.push(("client_secret", secret));
                call = call.basic_auth(id, Some(secret));
            }
            _ => {}
        }
        let response = call.form(&form).send().await.unwrap();
        let status = response.status().as_u16();
        let tokens: Value = response.json().await.unwrap();
        match way {
            "post" | "basic" => {
                assert_eq!(status, 200, "{tokens}");
                let refresh = tokens.get("refresh_token");
                assert!(refresh.is_none(), "it did not register for refresh tokens");
            }
            "both" => assert_eq!(status, 400),
            _ => assert_eq!((status, &tokens["error"]), (401, &json!("invalid_client"))),
        }
        browser = Browser::default();
    }
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens_only() {
    let tenant = start().await;
    let (client, other) = (register(&tenant).await, register(&tenant).await);
    let url = format!("{}/oauth/2.1/revoke", tenant.auth_url());
    let revoke = async |client: &str, token: &Value| {
        let form = [("client_id", client), ("token", token.as_str().unwrap())];
        http().post(&url).form(&form).send().await.unwrap().status()
    };
    let tokens = tokens_of_hr(&tenant, &client).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(revoke(&other, &tokens["access_token"]).await, 200);
    assert_eq!(introspect(&tenant, access).await["active"], true);
    assert_eq!(revoke(&client, &tokens["access_token"]).await, 200);
    assert_eq!(introspect(&tenant, access).await["active"], false);
    let (_, tokens) = refreshed(&tenant, &client, tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(revoke(&client, &tokens["refresh_token"]).await, 200);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, access).await["active"], false);
    assert_eq!(revoke("nobody", &tokens["access_token"]).await, 401);
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_only() {
    let tenant = start().await;
    let url = format!("{}/oauth/2.1/token", tenant.auth_url());
    let response = http().post(url).json(&json!({"grant_type": "x"})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], "invalid_request");
}
