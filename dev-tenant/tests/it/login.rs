//! Tests of login, consent and the token endpoint.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use toolgate_dev_tenant::{BindError, DevTenant, IssuerVariant, McpServer, ResourceError, TenantConfig};

use crate::browser::{
    Browser, CHALLENGE, REDIRECT, VERIFIER, redeem, redirect_params, register, register_as, request, selected_scopes,
    token,
};
use crate::support::{RESOURCE, http, introspect, start};

#[tokio::test]
async fn a_login_grants_the_requested_scopes_of_the_role() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    assert_eq!(redirect["state"], "st&te");
    assert!(!redirect.contains_key("iss"));
    let (status, tokens) = redeem(&tenant, &client, &redirect["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "employees:read:public payroll:read:all");
    let introspection = introspect(&tenant, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(introspection["active"], true);
    assert_eq!(introspection["aud"], RESOURCE);
    assert_eq!(introspection["client_id"], client);
    assert_eq!(introspection["org_role"], "HR");
}

#[tokio::test]
async fn an_address_in_use_is_an_error_of_its_own() {
    let tenant = start().await;
    let second = DevTenant::builder(TenantConfig::sample()).bind(tenant.address()).start().await;
    let error = second.unwrap_err();
    assert!(matches!(error, BindError::InUse(address) if address == tenant.address()), "{error}");
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn the_consent_page_names_the_configured_server_of_the_resource() {
    let server = McpServer::new("Größe & \u{202e}Co", RESOURCE).unwrap();
    let tenant = DevTenant::builder(TenantConfig::sample()).mcp_server(server).start().await.unwrap();
    let client = register(&tenant).await;
    let page = Browser::default().log_in(&tenant, &request(&client, &[]), "HR").await;
    assert!(page.contains(">Größe &#38; \u{fffd}Co</bdi>"), "{page}");
    let other = request(&client, &[("resource", "http://127.0.0.1:9/mcp")]);
    let page = Browser::default().log_in(&tenant, &other, "HR").await;
    assert!(!page.contains("Größe"), "{page}");
    assert!(matches!(McpServer::new("x", "javascript:alert(1)"), Err(ResourceError::Invalid { .. })));
}

/// Starts a server of protected resource metadata, or one that never responds. Returns its address and the requests.
async fn metadata_server(
    metadata: impl FnOnce(SocketAddr) -> Option<String>,
) -> (SocketAddr, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = metadata(address);
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            sender.send(String::from_utf8_lossy(&request[..read]).into_owned()).unwrap();
            let Some(body) = &body else {
                silent.push(socket);
                continue;
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn the_consent_page_names_a_server_on_loopback_by_its_metadata() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let named =
        |address| Some(json!({"resource": format!("http://{address}/mcp"), "resource_name": "Payroll"}).to_string());
    let other = |_| Some(json!({"resource": "http://127.0.0.1:1/mcp", "resource_name": "Payroll"}).to_string());
    let bidirectional = |address| {
        Some(json!({"resource": format!("http://{address}/mcp"), "resource_name": "\u{202e}Payroll<b>"}).to_string())
    };
    let huge = |address| {
        let name = "Payroll".repeat(20_000);
        Some(json!({"resource": format!("http://{address}/mcp"), "resource_name": name}).to_string())
    };
    let cases: [(_, &dyn Fn(SocketAddr) -> Option<String>); 6] = [
        (Some("Payroll"), &named),
        (None, &other),
        (Some("\u{fffd}Payroll&#60;b&#62;"), &bidirectional),
        (None, &huge),
        (None, &|_| Some("[]".to_owned())),
        (None, &|_| None),
    ];
    for (expected, metadata) in cases {
        let (address, mut requests) = metadata_server(metadata).await;
        let resource = format!("http://{address}/mcp");
        let query = request(&client, &[("resource", &resource)]);
        let mut browser = Browser::default();
        let login = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
        browser.get(&login).await;
        assert!(requests.try_recv().is_err(), "the metadata is not fetched before the login");
        let page = browser.log_in(&tenant, &query, "HR").await;
        let shown = expected.map_or_else(
            || format!("<dd><code>{resource}</code></dd>"),
            |name| format!("<bdi class=\"name\">{name}</bdi> <code>{resource}</code>"),
        );
        assert!(page.contains(&shown), "{page}");
        browser.get(&login).await;
        let fetched = requests.recv().await.unwrap();
        assert!(fetched.starts_with("GET /.well-known/oauth-protected-resource/mcp HTTP/1.1"), "{fetched}");
        assert!(requests.try_recv().is_err(), "a name and the lack of one are cached");
    }
}

#[tokio::test]
async fn a_scope_that_the_role_lacks_is_shown_but_not_granted() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "Engineering").await;
    assert!(page.contains("not grantable by your role") && page.contains("payroll:read:all"), "{page}");
    assert_eq!(selected_scopes(&page), ["employees:read:public"]);
    // Sending the scope in the form does not grant it.
    let sent = ["employees:read:public", "payroll:read:all"].map(str::to_owned);
    let redirect = redirect_params(&browser.decide_with(&tenant, &page, "allow", &sent).await);
    let (_, tokens) = redeem(&tenant, &client, &redirect["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:public");
}

#[tokio::test]
async fn a_deselected_scope_is_not_granted() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let selected = ["payroll:read:all".to_owned()];
    let granted = redirect_params(&browser.decide_with(&tenant, &page, "allow", &selected).await);
    let (_, tokens) = redeem(&tenant, &client, &granted["code"]).await;
    assert_eq!(tokens["scope"], "payroll:read:all");
}

#[tokio::test]
async fn scopes_that_are_not_optional_cannot_be_deselected() {
    let tenant = DevTenant::builder(TenantConfig::sample()).optional_scopes(false).start().await.unwrap();
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    assert!(!page.contains("checkbox"));
    let granted = redirect_params(&browser.decide_with(&tenant, &page, "allow", &[]).await);
    let (_, tokens) = redeem(&tenant, &client, &granted["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:public payroll:read:all");
}

#[tokio::test]
async fn a_request_without_scopes_grants_all_scopes_of_the_role() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let query = request(&client, &[("scope", "")]);
    let redirect = Browser::default().allow(&tenant, &query, "HR").await;
    let (_, tokens) = redeem(&tenant, &client, &redirect["code"]).await;
    assert_eq!(tokens["scope"], "employees:read:private employees:read:public payroll:read:all");
}

#[tokio::test]
async fn denying_or_granting_nothing_is_access_denied() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let denied = redirect_params(&browser.decide(&tenant, &page, "deny").await);
    assert_eq!(denied["error"], "access_denied");
    assert_eq!(denied["error_description"], "the person denied the request");
    assert_eq!(denied["state"], "st&te");
    assert!(!denied.contains_key("code"));

    let query = request(&client, &[("scope", "payroll:read:all finance:read:revenue")]);
    for decision in ["deny", "allow"] {
        let mut browser = Browser::default();
        let page = browser.log_in(&tenant, &query, "Support").await;
        assert!(page.contains("nothing to allow") && !page.contains("value=\"allow\""));
        let denied = redirect_params(&browser.decide(&tenant, &page, decision).await);
        assert_eq!(denied["error"], "access_denied");
        assert_eq!(denied["error_description"], "the person's role can grant none of the requested scopes");
    }
}

#[tokio::test]
async fn the_response_contains_the_issuer_if_enabled() {
    for (variant, path) in [(IssuerVariant::AtPath, "/oauth/2.1"), (IssuerVariant::AtRoot, "")] {
        let tenant = DevTenant::builder(TenantConfig::sample())
            .issuer_variant(variant)
            .iss_parameter(true)
            .start()
            .await
            .unwrap();
        let client = register(&tenant).await;
        let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
        assert_eq!(redirect["iss"], format!("{}{path}", tenant.auth_url()));
    }
}

#[tokio::test]
async fn only_the_port_of_a_loopback_redirect_uri_may_differ() {
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
        assert_eq!(response.status(), 400, "{wrong}: shown to the person without a redirect");
    }
}

#[tokio::test]
async fn an_unknown_client_is_shown_to_the_person_without_a_redirect() {
    let tenant = start().await;
    let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request("unknown", &[]));
    let response = http().get(url).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("not registered here"));
}

#[tokio::test]
async fn other_errors_are_sent_to_the_client() {
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
        let redirect = redirect_params(&http().get(url).send().await.unwrap());
        assert_eq!(redirect["error"], error, "{changes:?}");
        assert_eq!(redirect["state"], "st&te");
        assert!(!redirect["error_description"].is_empty());
    }
    for duplicate in ["scope=x", "state=x", "resource=http://localhost/"] {
        let query = format!("{}&{duplicate}", request(&client, &[]));
        let url = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
        let redirect = redirect_params(&http().get(url).send().await.unwrap());
        assert!(redirect["error"].starts_with("invalid_"), "{duplicate}");
    }
}

#[tokio::test]
async fn a_code_requires_its_verifier_client_redirect_uri_and_resource() {
    let tenant = start().await;
    let (client, other) = (register(&tenant).await, register(&tenant).await);
    let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let valid = [
        ("grant_type", "authorization_code"),
        ("client_id", &client),
        ("code", &redirect["code"]),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    for (name, value, error) in [
        ("code_verifier", CHALLENGE, "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("client_id", other.as_str(), "invalid_grant"),
        ("client_id", "unknown", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:1/callback", "invalid_grant"),
        ("resource", "http://127.0.0.1:9000/mcp", "invalid_target"),
        ("code", "wrong", "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
    ] {
        let form = valid.map(|(field, valid)| (field, if field == name { value } else { valid }));
        let (status, body) = token(&tenant, &form).await;
        assert_eq!(body["error"], error, "{name}={value}");
        assert_eq!(status, if error == "invalid_client" { 401 } else { 400 });
    }
    let without_redirect = valid.map(|(field, valid)| (field, if field == "redirect_uri" { "" } else { valid }));
    assert_eq!(token(&tenant, &without_redirect).await.0, 200, "OAuth 2.1 clients omit it");
}

#[tokio::test]
async fn a_replayed_code_revokes_the_tokens_of_its_grant() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let (_, tokens) = redeem(&tenant, &client, &redirect["code"]).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(introspect(&tenant, access).await["active"], true);
    let (status, again) = redeem(&tenant, &client, &redirect["code"]).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    assert_eq!(introspect(&tenant, access).await, json!({"active": false}));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let (status, _) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn rejects_an_expired_code() {
    let tenant =
        DevTenant::builder(TenantConfig::sample()).code_lifetime(std::time::Duration::ZERO).start().await.unwrap();
    let client = register(&tenant).await;
    let redirect = Browser::default().allow(&tenant, &request(&client, &[]), "HR").await;
    let (status, body) = redeem(&tenant, &client, &redirect["code"]).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
}

async fn refreshed(tenant: &DevTenant, client: &str, refresh: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut form = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh)];
    form.extend(more);
    token(tenant, &form).await
}

async fn tokens_of_hr(tenant: &DevTenant, client: &str) -> Value {
    let redirect = Browser::default().allow(tenant, &request(client, &[]), "HR").await;
    redeem(tenant, client, &redirect["code"]).await.1
}

#[tokio::test]
async fn a_refresh_token_rotates_and_a_replay_revokes_its_grant() {
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
async fn a_refresh_can_request_fewer_scopes_but_not_more() {
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
    assert_eq!(status, 200, "a rejected refresh does not spend the token: {tokens}");
    assert_eq!(tokens["scope"], "payroll:read:all");
}

#[tokio::test]
async fn a_refresh_applies_changes_to_the_person() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    let tokens = tokens_of_hr(&tenant, &client).await;
    tenant.set_role(&person, "Support").unwrap();
    let (_, tokens) = refreshed(&tenant, &client, tokens["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(tokens["scope"], "employees:read:public");
    tenant.disable_person(&person).unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let (_, rejection) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(rejection["error"], "invalid_grant");
    tenant.enable_person(&person).unwrap();
    tenant.revoke_all(&person).unwrap();
    let (_, rejection) = refreshed(&tenant, &client, refresh, &[]).await;
    assert_eq!(rejection["error"], "invalid_grant");
}

#[tokio::test]
async fn rejects_an_expired_refresh_token() {
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
async fn a_confidential_client_authenticates_with_the_header_or_the_form() {
    let tenant = start().await;
    let registration: Value = register_as(&tenant, &json!({"redirect_uris": [REDIRECT]})).await.json().await.unwrap();
    assert_eq!(registration["token_endpoint_auth_method"], "client_secret_basic");
    let id = registration["client_id"].as_str().unwrap();
    let secret = registration["client_secret"].as_str().unwrap();
    let url = format!("{}/oauth/2.1/token", tenant.auth_url());
    let mut browser = Browser::default();
    for method in ["none", "wrong", "both", "post", "basic"] {
        let redirect = browser.clone().allow(&tenant, &request(id, &[]), "HR").await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", id),
            ("code", &redirect["code"]),
            ("code_verifier", VERIFIER),
        ];
        let mut call = http().post(&url);
        match method {
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
        match method {
            "post" | "basic" => {
                assert_eq!(status, 200, "{tokens}");
                let refresh = tokens.get("refresh_token");
                assert!(refresh.is_none(), "the client did not register for refresh tokens");
            }
            "both" => assert_eq!(status, 400),
            _ => assert_eq!((status, &tokens["error"]), (401, &json!("invalid_client"))),
        }
        browser = Browser::default();
    }
}

#[tokio::test]
async fn a_client_can_revoke_only_its_own_tokens() {
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
    assert_eq!(revoke("unknown", &tokens["access_token"]).await, 401);
}

#[tokio::test]
async fn the_token_endpoint_accepts_only_forms() {
    let tenant = start().await;
    let url = format!("{}/oauth/2.1/token", tenant.auth_url());
    let response = http().post(url).json(&json!({"grant_type": "x"})).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], "invalid_request");
}
