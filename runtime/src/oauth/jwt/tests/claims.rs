use super::*;
use crate::auth::Audience;

/// Starts an issuer and returns what each test needs.
async fn setup() -> (TestIssuer, Key, Jwt) {
    let key = Key::ec("1");
    let issuer = TestIssuer::new([key.clone()]).await;
    let auth = issuer.jwt();
    (issuer, key, auth)
}

/// Access token as Keycloak 26 issues it, after its audience mapper has added the URL of the server.
fn keycloak(issuer: &TestIssuer, audience: &Value) -> Value {
    let now = unix_now();
    json!({
        "exp": now + 300, "iat": now, "jti": "onrtac:5f2a", "iss": issuer.url(), "aud": audience,
        "sub": "f2c1d4f0-5f5b-4c62-8a2e-1d3c4b5a6978", "typ": "Bearer", "azp": "mcp-client",
        "sid": "0d4b9b4c-8a43-4a6a-a1a3-cbcfb4d0c5b1", "acr": "1", "allowed-origins": ["http://127.0.0.1:33418"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "hr"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        "scope": "profile employees:read email", "email_verified": true, "name": "Harriet Sample",
        "preferred_username": "harriet", "department": "hr",
    })
}

#[tokio::test]
async fn the_claims_of_an_access_token_become_those_of_the_caller() {
    let (issuer, key, auth) = setup().await;
    let claims = issuer.claims_with(&json!({"org_id": "org", "org_role": "HR", "preferred_username": "harriet"}));
    let claims = validate(&auth, &key.token(&claims)).await.unwrap();
    assert_eq!(claims.subject.as_deref(), Some("harriet"));
    assert_eq!(claims.client_id.as_deref(), Some("client"));
    assert_eq!(claims.username.as_deref(), Some("harriet"));
    assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (Some("org"), Some("HR")));
    assert_eq!(claims.scopes, ["employees:read", "payroll:read"]);
    assert_eq!(claims.audience, Audience::Verified);
    assert_eq!(claims.raw["jti"], "1");
}

#[tokio::test]
async fn names_of_claims_can_be_set() {
    let (issuer, key, auth) = setup().await;
    let auth =
        auth.scope_claim("scp").username_claim("email").org_claim("tid").role_claim("https://example.com/role");
    let claims = issuer.claims_with(&json!({
        "scp": ["a", "b"], "scope": "c", "email": "h@example.com", "tid": "t", "https://example.com/role": "HR"
    }));
    let claims = validate(&auth, &key.token(&claims)).await.unwrap();
    assert_eq!(claims.scopes, ["a", "b"]);
    assert_eq!(claims.username.as_deref(), Some("h@example.com"));
    assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (Some("t"), Some("HR")));
}

#[tokio::test]
async fn a_token_of_keycloak_is_accepted_with_the_setting_for_untyped_tokens() {
    let (issuer, key, auth) = setup().await;
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": "1"}).to_string();
    let token = key.sign(&header, keycloak(&issuer, &json!(["account", RESOURCE])).to_string());
    let strict = reason(&auth, &token).await;
    assert!(strict.starts_with("the type of the JWT is \"jwt\", expected \"at+jwt\""), "{strict}");

    let auth = auth.accept_untyped_tokens().role_claim("department");
    let claims = validate(&auth, &token).await.unwrap();
    assert_eq!(claims.client_id.as_deref(), Some("mcp-client"));
    assert_eq!(claims.username.as_deref(), Some("harriet"));
    assert_eq!(claims.org_role.as_deref(), Some("hr"));
    assert_eq!(claims.scopes, ["profile", "employees:read", "email"]);
    assert_eq!(claims.raw["realm_access"]["roles"][2], "hr");

    // Without an audience mapper.
    let token = key.sign(&header, keycloak(&issuer, &json!("account")).to_string());
    let expected = format!("the audience is \"account\", expected {RESOURCE}");
    assert_eq!(reason(&auth, &token).await, expected);
}

#[tokio::test]
async fn claims_of_keycloak_are_found_by_their_pointers() {
    let (issuer, key, _) = setup().await;
    let mut claims = keycloak(&issuer, &json!(RESOURCE));
    claims["resource_access"]["mcp.example.com/a~b"] = json!({"roles": ["employees:read", "payroll:read"]});
    claims["organization"] = json!({"acme": {"id": "42c3e46f", "groups": ["/staff"]}});
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": "1"}).to_string();
    let token = key.sign(header, claims.to_string());
    let auth = || issuer.jwt().accept_untyped_tokens();

    let auth_with_roles = auth()
        .scope_claim("/resource_access/mcp.example.com~1a~0b/roles")
        .role_claim("/realm_access/roles/2")
        .org_claim("/organization/acme/id");
    let claims = validate(&auth_with_roles, &token).await.unwrap();
    assert_eq!(claims.scopes, ["employees:read", "payroll:read"]);
    assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (Some("42c3e46f"), Some("hr")));
    assert_eq!(validate(&auth().scope_claim("/scope"), &token).await.unwrap().scopes.len(), 3);

    // What does not exist grants nothing.
    for pointer in
        ["/resource_access/other/roles", "/sub/roles", "/realm_access/roles/3/x", "/", "/realm_access.roles"]
    {
        assert!(validate(&auth().scope_claim(pointer), &token).await.unwrap().scopes.is_empty(), "{pointer}");
        assert_eq!(validate(&auth().role_claim(pointer), &token).await.unwrap().org_role, None, "{pointer}");
    }
    // A value of another type is not guessed.
    for auth in [auth().role_claim("/realm_access/roles"), auth().scope_claim("/realm_access")] {
        let reason = reason(&auth, &token).await;
        assert!(reason.contains("`/realm_access") && reason.contains("array"), "{reason}");
    }
}

#[tokio::test]
async fn a_role_or_an_organization_may_be_an_array_of_one() {
    let (issuer, key, auth) = setup().await;
    let auth = auth.org_claim("organization");
    for (value, expected) in [(json!(["acme"]), Some("acme")), (json!([]), None), (json!("acme"), Some("acme"))] {
        let token = key.token(&issuer.claims_with(&json!({"organization": value, "org_role": value})));
        let claims = validate(&auth, &token).await.unwrap();
        assert_eq!((claims.org_id.as_deref(), claims.org_role.as_deref()), (expected, expected));
    }
    for value in [json!(["acme", "other"]), json!([1]), json!([["acme"]]), json!({}), json!(1)] {
        let token = key.token(&issuer.claims_with(&json!({"organization": value})));
        let expected = "`organization` is not a string or an array of one string";
        assert!(reason(&auth, &token).await.contains(expected), "{value}");
    }
}

#[tokio::test]
async fn a18_other_tokens_of_the_issuer_are_rejected() {
    let (issuer, key, auth) = setup().await;
    let untyped = issuer.jwt().accept_untyped_tokens();
    for r#type in ["JWT", "logout+jwt", "dpop+jwt", "secevent+jwt", "at+jwt2", ""] {
        let header = json!({"alg": "ES256", "typ": r#type, "kid": "1"}).to_string();
        let token = key.sign(header, issuer.claims().to_string());
        assert!(reason(&auth, &token).await.starts_with("the type of the JWT is"), "{type}");
        assert_eq!(validate(&untyped, &token).await.is_ok(), r#type == "JWT", "{type}");
    }
    for changes in [
        json!({"nonce": "n"}),
        json!({"at_hash": "h"}),
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        json!({"typ": "ID", "aud": RESOURCE}),
        json!({"typ": "Refresh"}),
        json!({"token_use": "id"}),
        json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
    ] {
        let claims = issuer.claims_with(&changes).to_string();
        let token = key.sign(json!({"alg": "ES256", "typ": "JWT", "kid": "1"}).to_string(), claims);
        reason(&untyped, &token).await;
    }
    for r#type in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        let header = json!({"alg": "ES256", "typ": r#type, "kid": "1"}).to_string();
        assert!(validate(&auth, &key.sign(header, issuer.claims().to_string())).await.is_ok(), "{type}");
    }
}

#[tokio::test]
async fn a18_the_audience_must_name_this_server() {
    let (issuer, key, auth) = setup().await;
    for (audience, is_valid) in [
        (json!("https://mcp.example.com/mcp"), true),
        (json!("https://MCP.example.com:443/mcp/"), true),
        (json!(["account", "https://mcp.example.com/mcp"]), true),
        (json!("https://mcp.example.com"), false),
        (json!("https://other.example.com/mcp"), false),
        (json!("mcp-server"), false),
        (json!([]), false),
        (json!([1]), false),
        (json!({}), false),
        (json!(null), false),
    ] {
        // `resource` is not an audience.
        let claims = issuer.claims_with(&json!({"aud": audience, "resource": RESOURCE}));
        let result = validate(&auth, &key.token(&claims)).await;
        assert_eq!(result.is_ok(), is_valid, "{audience}: {result:?}");
    }
    let auth = auth.audience("mcp-server");
    let named = |audience: &str| key.token(&issuer.claims_with(&json!({"aud": audience})));
    assert!(validate(&auth, &named("mcp-server")).await.is_ok());
    let expected = format!("the audience is \"MCP-server\", expected {RESOURCE} or mcp-server");
    assert_eq!(reason(&auth, &named("MCP-server")).await, expected);
}

#[tokio::test]
async fn a18_the_issuer_must_be_the_configured_one() {
    let (issuer, key, auth) = setup().await;
    for other in [json!(format!("{}/", issuer.url())), json!("https://evil.example.com"), json!(1), json!(null)] {
        let reason = reason(&auth, &key.token(&issuer.claims_with(&json!({"iss": other})))).await;
        assert!(reason.contains("iss"), "{other}: {reason}");
    }
    let long = "https://evil.example.com/\u{202e}".to_owned() + &"x".repeat(1000);
    let reason = reason(&auth, &key.token(&issuer.claims_with(&json!({"iss": long})))).await;
    assert!(reason.len() < 200 && !reason.contains('\u{202e}'), "{reason}");
}

#[tokio::test]
async fn a18_times_are_compared_with_a_clock_skew() {
    let (issuer, key, auth) = setup().await;
    let now = unix_now();
    for (changes, expected) in [
        (json!({"exp": now - 10}), None),
        (json!({"exp": now - 100}), Some("the token expired 1")),
        (json!({"exp": null}), Some("the JWT has no `exp`")),
        (json!({"exp": "soon"}), Some("`exp` is not a number of seconds since 1970")),
        (json!({"exp": -1}), Some("the token expired ")),
        (json!({"exp": now * 1000}), Some("`exp` is after the year 9999")),
        (json!({"exp": u64::MAX}), Some("`exp` is after the year 9999")),
        (json!({"exp": 1e300}), Some("`exp` is after the year 9999")),
        (json!({"exp": [now + 60]}), Some("`exp` is not a number of seconds since 1970")),
        (json!({"nbf": now + 10}), None),
        (json!({"nbf": now + 100}), Some("`nbf` is ")),
        (json!({"nbf": true}), Some("`nbf` is not a number")),
        (json!({"iat": now + 10}), None),
        (json!({"iat": now + 100}), Some("`iat` is ")),
        (json!({"iat": now * 1000}), Some("`iat` is after the year 9999")),
        (json!({"iat": null, "nbf": null}), None),
    ] {
        let token = key.token(&issuer.claims_with(&changes));
        match expected {
            None => assert!(validate(&auth, &token).await.is_ok(), "{changes}"),
            Some(expected) => {
                let reason = reason(&auth, &token).await;
                assert!(reason.contains(expected), "{changes}: {reason}");
            }
        }
    }
    let token = key.token(&issuer.claims_with(&json!({"exp": now - 10})));
    let claims = validate(&auth, &token).await.unwrap();
    assert!(claims.expires_at > Some(SystemTime::now()), "the server does not reject it for its expiry");
    let strict = issuer.jwt().clock_skew(Duration::ZERO);
    assert!(reason(&strict, &token).await.starts_with("the token expired 1"));
}

#[tokio::test]
async fn a_token_is_self_contained_since_its_issue_less_the_clock_skew() {
    let (issuer, key, auth) = setup().await;
    let now = unix_now();
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for (issued_at, since) in [(json!(now - 40), at(now - 70)), (json!(1), at(0)), (json!(null), at(0))] {
        // Without `iat`, the lifetime counts from now.
        let expires_at = issued_at.as_u64().unwrap_or(now) + 86_400;
        let token = key.token(&issuer.claims_with(&json!({"iat": issued_at, "exp": expires_at.max(now + 60)})));
        let auth = issuer.jwt().max_lifetime(Duration::MAX);
        assert_eq!(validate(&auth, &token).await.unwrap().self_contained_since, Some(since), "{issued_at}");
    }
    assert_eq!(auth.self_contained_lifetime(), Some(Duration::from_hours(24) + Duration::from_mins(1)));
}

#[tokio::test]
async fn a_token_that_is_valid_for_longer_than_revocations_are_remembered_is_rejected() {
    let (issuer, key, auth) = setup().await;
    let now = unix_now();
    for (issued_at, lifetime, is_valid) in [
        (json!(now), 86_400, true),
        (json!(now - 3600), 86_401, false),
        (json!(null), 86_000, true),
        (json!(null), 90_000, false),
    ] {
        let expires_at = issued_at.as_u64().unwrap_or(now) + lifetime;
        let token = key.token(&issuer.claims_with(&json!({"iat": issued_at, "exp": expires_at})));
        if is_valid {
            assert!(validate(&auth, &token).await.is_ok(), "{lifetime}");
        } else {
            let reason = reason(&auth, &token).await;
            assert!(reason.contains("expected at most 86400 s") && reason.contains("max_lifetime"), "{reason}");
        }
    }
    let longer = issuer.jwt().max_lifetime(Duration::from_hours(48));
    let token = key.token(&issuer.claims_with(&json!({"exp": now + 90_000})));
    assert!(validate(&longer, &token).await.is_ok());
}

#[tokio::test]
async fn an_ambiguous_payload_is_rejected() {
    let (issuer, key, auth) = setup().await;
    let valid = issuer.claims().to_string();
    for (payload, expected) in [
        (valid.replacen('{', r#"{"aud":"https://other.example.com","#, 1), "duplicate key"),
        (valid.replacen('{', r#"{"sub":"admin","#, 1), "duplicate key"),
        (valid.replacen('{', r#"{"\u0073cope":"admin","#, 1), "duplicate key"),
        (valid.replacen('{', r#"{"realm_access":{"roles":["hr"],"roles":["admin"]},"#, 1), "duplicate key"),
        (valid.replacen('{', r#"{"x":[{"a":1,"\u0061":2}],"#, 1), "duplicate key"),
        (format!("{valid}{valid}"), "not JSON"),
        (format!("[{valid}]"), "not a JSON object"),
        (valid.replacen("\"harriet\"", "1", 1), "`sub` is not a string"),
        (valid.replacen('{', &format!(r#"{{"x":[{}0],"#, "0,".repeat(5000)), 1), "more than 4096 values"),
    ] {
        let reason = reason(&auth, &key.sign(key.header().to_string(), payload)).await;
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}
