//! Whatever goes wrong while a token is checked ends in 401, 403 or 503, never in a call; and 401 is only for tokens
//! that are no good, because clients throw a token away when they see it.

use std::time::Duration;

use serde_json::json;
use toolgate::{
    PropelAuth, Server,
    auth::{BearerToken, Claims, TokenValidator, Unavailable, ValidationError, async_trait},
};
use toolgate_dev_tenant::{DevTenant, Fault, Mint};
use toolgate_tests::{Reply, Revision, TestServer, propel_auth, tenant, tenant_server, token_for};

async fn call(server: &TestServer, token: &str, revision: Revision) -> Reply {
    server.client_with(token, revision).call("surroundings", json!({})).await
}

fn assert_unavailable(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 503, "{what}: {reply:?}");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=300).contains(&seconds), "{what}: {seconds}");
    assert!(reply.challenge().is_none(), "{what}: a challenge would make a client throw its token away");
    assert_eq!(reply.json()["error"], "temporarily_unavailable", "{what}");
    for detail in ["oauth/2.1", "PROPELAUTH", "127.0.0.1", "introspect", "credential"] {
        assert!(!reply.text.contains(detail), "{what}: a caller learns nothing of our set-up: {reply:?}");
    }
}

/// A server that trusts a tenant that goes wrong in this way; answers nothing but 503, and works again afterwards.
async fn assert_fails_closed(fault: Fault, limits: impl FnOnce(PropelAuth) -> PropelAuth) {
    let tenant = tenant(|tenant| tenant).await;
    let auth = limits(propel_auth(&tenant));
    let server = TestServer::with(|server| server.auth(auth)).await;
    let tokens = [(); 3].map(|()| token_for(&tenant, "HR", &server.endpoint));
    tenant.set_fault(fault.clone());
    for (token, revision) in tokens.iter().zip(Revision::BOTH) {
        assert_unavailable(&call(&server, token, revision).await, &format!("{fault:?} {revision}"));
    }
    assert_unavailable(&call(&server, "no-such-token", Revision::Modern).await, "a token that is no good");
    assert_eq!(server.probe.runs(), 0, "no body ran");
    tenant.clear_fault();
    assert!(call(&server, &tokens[2], Revision::Modern).await.is_success(), "{fault:?} has passed");
}

#[tokio::test]
async fn a_500_of_the_authorization_server_is_503() {
    assert_fails_closed(Fault::ServerError, |auth| auth).await;
}

#[tokio::test]
async fn a_429_of_the_authorization_server_is_503() {
    assert_fails_closed(Fault::TooManyRequests { retry_after_seconds: None }, |auth| auth).await;
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_503() {
    assert_fails_closed(Fault::MalformedJson, |auth| auth).await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_503() {
    assert_fails_closed(Fault::oversized(), |auth| auth).await;
    assert_fails_closed(Fault::Oversized { bytes: 2_000 }, |auth| auth.max_answer_bytes(1_000)).await;
}

#[tokio::test]
async fn an_answer_that_is_a_redirect_is_503() {
    assert_fails_closed(Fault::Redirect, |auth| auth).await;
}

#[tokio::test]
async fn an_answer_without_active_is_503() {
    assert_fails_closed(Fault::MissingActive, |auth| auth).await;
}

#[tokio::test]
async fn our_own_credentials_refused_is_503() {
    assert_fails_closed(Fault::WrongCredentials, |auth| auth).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_or_never_is_503() {
    let hurry = |auth: PropelAuth| auth.timeout(Duration::from_millis(250));
    assert_fails_closed(Fault::Hang, hurry).await;
    assert_fails_closed(Fault::delay(Duration::from_mins(1)), hurry).await;
}

#[tokio::test]
async fn the_authorization_servers_own_retry_after_is_passed_on() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    tenant.set_fault(Fault::TooManyRequests { retry_after_seconds: Some(17) });
    let reply = call(&server, &token_for(&tenant, "HR", &server.endpoint), Revision::Modern).await;
    assert_unavailable(&reply, "429");
    assert_eq!(reply.header("retry-after"), "17");
}

#[tokio::test]
async fn an_authorization_server_that_cannot_be_reached_is_503() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.shutdown().await;
    for revision in Revision::BOTH {
        assert_unavailable(&call(&server, &token, revision).await, "unreachable");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a_wrong_client_secret_is_503() {
    let tenant = tenant(|tenant| tenant).await;
    let auth = PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), "not-the-secret").unwrap();
    let server = TestServer::with(|server| server.auth(auth)).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    for revision in Revision::BOTH {
        assert_unavailable(&call(&server, &token, revision).await, "wrong secret");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a_token_whose_exp_has_passed_is_401_whatever_active_says() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.set_fault(Fault::ExpiredButActive);
    for revision in Revision::BOTH {
        assert_eq!(call(&server, &token, revision).await.status, 401);
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn scopes_in_an_array_are_read_like_scopes_in_a_string() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    tenant.set_fault(Fault::ScopeAsArray);
    for revision in Revision::BOTH {
        let client = server.client_with(&token_for(&tenant, "Support", &server.endpoint), revision);
        assert!(client.tools().await.contains(&"people_public".to_owned()));
        assert_eq!(client.call("people_private", json!({})).await.status, 403);
    }
}

/// Whether each kind of audience is accepted: ours, ours with a slash, none, another server's.
async fn accepted(configure: impl FnOnce(Server) -> Server) -> [bool; 4] {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, configure).await;
    let token = |mint: fn(Mint, &str) -> Mint| {
        let person = tenant.person_of_role("HR").unwrap();
        tenant.mint(&mint(Mint::for_person(person.id), &server.endpoint)).unwrap()
    };
    let tokens = [
        token(|mint, endpoint| mint.resource(endpoint)),
        token(|mint, endpoint| mint.resource(format!("{endpoint}/"))),
        token(|mint, _| mint.without_audience()),
        token(|mint, _| mint.resource("http://127.0.0.1:1/mcp")),
    ];
    let mut accepted = [false; 4];
    for (token, accepted) in tokens.iter().zip(&mut accepted) {
        for revision in Revision::BOTH {
            let reply = call(&server, token, revision).await;
            assert!(matches!(reply.status, 200 | 401), "{reply:?}");
            *accepted = reply.is_success();
        }
    }
    let runs = accepted.iter().filter(|accepted| **accepted).count() * 2;
    assert_eq!(server.probe.runs(), runs);
    accepted
}

#[tokio::test]
async fn a5_a_token_for_another_resource_or_for_none_is_refused() {
    assert_eq!(accepted(|server| server).await, [true, true, false, false]);
}

#[tokio::test]
async fn a5_a_token_for_a_resource_that_is_nearly_ours_is_refused() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    for resource in [
        server.base.clone(),
        format!("{}/", server.base),
        format!("{}/MCP", server.base),
        format!("{}/mcp/x", server.base),
        format!("{}/mcp?x", server.base),
        server.endpoint.replace("127.0.0.1", "localhost"),
        server.endpoint.replace("http://", "https://"),
    ] {
        let token = tenant.mint(&Mint::for_person(&person).resource(&resource)).unwrap();
        assert_eq!(call(&server, &token, Revision::Modern).await.status, 401, "{resource}");
    }
    assert_eq!(server.probe.runs(), 0);
}

#[tokio::test]
async fn a5_the_opt_outs_give_up_what_their_names_say_and_no_more() {
    let unknown = accepted(Server::accept_tokens_without_audience).await;
    assert_eq!(unknown, [true, true, true, false]);
    let any = accepted(Server::accept_tokens_for_any_resource).await;
    assert_eq!(any, [true, true, true, true]);
}

#[tokio::test]
async fn an_answer_that_lost_its_audience_is_refused() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.set_fault(Fault::MissingAudience);
    assert_eq!(call(&server, &token, Revision::Modern).await.status, 401);
    assert_eq!(server.probe.runs(), 0);
}

/// Goes wrong itself.
struct Broken;

#[async_trait]
impl TokenValidator for Broken {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        match token.expose() {
            "unavailable" => Err(Unavailable::new("the password is swordfish").into()),
            _ => panic!("the password is swordfish"),
        }
    }
}

#[tokio::test]
async fn a_validator_that_panics_lets_nobody_in_and_the_server_goes_on() {
    let server = TestServer::with(|server| server.auth(Broken)).await;
    for revision in Revision::BOTH {
        let client = server.client_with("panics", revision);
        let message = client.call_message("surroundings", &json!({}));
        // A panic may take its connection along; it must not take the server along, nor let the call through.
        if let Ok(response) = client.request(&message).send().await {
            assert!(response.status().is_server_error(), "{}", response.status());
        }
        let reply = call(&server, "unavailable", revision).await;
        assert_unavailable(&reply, "a reason of its own");
        assert!(!reply.text.contains("swordfish"));
    }
    assert_eq!(server.probe.runs(), 0);
}

/// The tenant is asked, but for another server: nothing of it may leak from one to the other.
#[tokio::test]
async fn two_servers_of_one_tenant_do_not_accept_each_others_tokens() {
    let tenant: DevTenant = tenant(|tenant| tenant).await;
    let (one, other) = (tenant_server(&tenant, |server| server).await, tenant_server(&tenant, |server| server).await);
    let token = token_for(&tenant, "HR", &one.endpoint);
    assert!(call(&one, &token, Revision::Modern).await.is_success());
    assert_eq!(call(&other, &token, Revision::Modern).await.status, 401);
}
