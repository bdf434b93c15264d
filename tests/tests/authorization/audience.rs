//! Tokens are accepted only if they were issued for this server (RFC 8707).

use serde_json::json;
use toolgate::Server;
use toolgate_dev_tenant::{Fault, Mint};
use toolgate_tests::{
    Client, HttpResponse, RawRequest, Revision, TestServer, start_tenant, tenant_server, tenant_server_with,
    token_for, tokens,
};

use crate::introspection::{call_status, start_with_stub};

async fn call(server: &TestServer, token: &str, revision: Revision) -> HttpResponse {
    server.client_with(token, revision).call("request_info", json!({})).await
}

/// Returns which audiences are accepted: this endpoint, the same with a slash, none, another server.
async fn accepted_audiences(configure: impl FnOnce(Server) -> Server) -> [bool; 4] {
    let tenant = start_tenant().await;
    let server = tenant_server_with(&tenant, configure).await;
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
            let response = call(&server, token, revision).await;
            assert!(matches!(response.status, 200 | 401), "{response:?}");
            *accepted = response.is_success();
        }
    }
    let runs = accepted.iter().filter(|accepted| **accepted).count() * 2;
    assert_eq!(server.bodies.runs(), runs);
    accepted
}

#[tokio::test]
async fn a5_a_token_for_another_resource_or_without_audience_is_rejected() {
    assert_eq!(accepted_audiences(|server| server).await, [true, true, false, false]);
}

#[tokio::test]
async fn a5_a_token_for_a_similar_resource_is_rejected() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    for resource in [
        server.url.clone(),
        format!("{}/", server.url),
        format!("{}/MCP", server.url),
        format!("{}/mcp/x", server.url),
        format!("{}/mcp?x", server.url),
        server.endpoint.replace("127.0.0.1", "127.0.0.2"),
        format!("http://localhost:{}/mcp", server.address.port() ^ 1),
        server.endpoint.replace("http://", "https://"),
    ] {
        let token = tenant.mint(&Mint::for_person(&person).resource(&resource)).unwrap();
        assert_eq!(call(&server, &token, Revision::Modern).await.status, 401, "{resource}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a5_equivalent_spellings_of_this_servers_url_are_accepted() {
    let (stub, server) = start_with_stub().await;
    let introspected = |audience: &str| json!({ "active": true, "sub": "u", "aud": audience }).to_string();
    let upper_case = server.endpoint.replace("http://", "HTTP://");
    for spelling in [upper_case.clone(), format!("{upper_case}/")] {
        assert_eq!(call_status(&stub, &server, &introspected(&spelling)).await, 200, "{spelling}");
    }
    assert_eq!(call_status(&stub, &server, &introspected(&upper_case.replace("/mcp", "/Mcp"))).await, 401);

    // A default port and a name, which a test server cannot have: its URL is that of a proxy.
    let server = TestServer::with(|server| {
        let server = server.server_url("https://mcp.example.com").auth(stub.propel_auth());
        server.http(|http| http.allowed_hosts.push("127.0.0.1".to_owned()))
    })
    .await;
    let status = async |audience: &str| {
        stub.set_response(introspected(audience));
        let client = Client::new(&format!("{}/mcp", server.url), Revision::Modern)
            .token(&audience.replace([':', '@', '?'], "-"));
        client.call("request_info", json!({})).await.status
    };
    for spelling in
        ["https://mcp.example.com:443/mcp", "https://MCP.Example.COM/mcp", "HTTPS://mcp.example.com:443/mcp/"]
    {
        assert_eq!(status(spelling).await, 200, "{spelling}");
    }
    for other in ["https://mcp.example.com:444/mcp", "https://u@mcp.example.com/mcp", "https://mcp.example.com/mcp?"]
    {
        assert_eq!(status(other).await, 401, "{other}");
    }
}

#[tokio::test]
async fn a5_each_opt_out_accepts_only_what_its_name_says() {
    let without_audience = accepted_audiences(Server::accept_tokens_without_audience).await;
    assert_eq!(without_audience, [true, true, true, false]);
    let any_resource = accepted_audiences(Server::accept_tokens_for_any_resource).await;
    assert_eq!(any_resource, [true, true, true, true]);
}

#[tokio::test]
async fn a5_a_response_without_audience_is_rejected() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let token = token_for(&tenant, "HR", &server.endpoint);
    tenant.set_fault(Fault::MissingAudience);
    assert_eq!(call(&server, &token, Revision::Modern).await.status, 401);
    assert_eq!(server.bodies.runs(), 0);
}

#[tokio::test]
async fn a5_two_servers_of_one_tenant_reject_each_others_tokens() {
    let tenant = start_tenant().await;
    let (one, other) = (tenant_server(&tenant).await, tenant_server(&tenant).await);
    let token = token_for(&tenant, "HR", &one.endpoint);
    assert!(call(&one, &token, Revision::Modern).await.is_success());
    assert_eq!(call(&other, &token, Revision::Modern).await.status, 401);
}

#[tokio::test]
async fn a5_a_missing_empty_or_foreign_audience_is_rejected() {
    let (stub, server) = start_with_stub().await;
    for introspected in [
        json!({ "active": true }),
        json!({ "active": true, "aud": [] }),
        json!({ "active": true, "aud": "" }),
        json!({ "active": true, "aud": "*" }),
        json!({ "active": true, "aud": ["http://other"], "resource": server.endpoint }),
    ] {
        assert_eq!(call_status(&stub, &server, &introspected.to_string()).await, 401, "{introspected}");
    }
    assert_eq!(server.bodies.runs(), 0);
}

/// The names under which clients and people know a server on loopback.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

#[tokio::test]
async fn a5_a_token_for_any_name_of_loopback_is_accepted_under_every_name() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    let person = tenant.person_of_role("HR").unwrap().id;
    for name in LOOPBACK {
        let resource = server.endpoint.replace("127.0.0.1", name);
        let token = tenant.mint(&Mint::for_person(&person).resource(&resource)).unwrap();
        for host in LOOPBACK {
            let host = format!("{host}:{}", server.address.port());
            let body = Revision::Legacy.call_message("request_info", &json!({})).to_string();
            let request = RawRequest::mcp(Revision::Legacy).header("Host", host).token(&token).body(body);
            let response = request.send(server.address).await;
            assert!(response.is_success(), "{resource}: {response:?}");
        }
    }
}

/// Returns the resource in the metadata, and the address of the metadata in the challenges for no token and for missing
/// scopes, for clients that use this `Host`.
async fn names_for(server: &TestServer, host: &str) -> [String; 3] {
    let metadata = RawRequest::new("GET", "/.well-known/oauth-protected-resource/mcp").header("Host", host);
    let metadata = metadata.send(server.address).await;
    let call = RawRequest::mcp(Revision::Legacy)
        .header("Host", host)
        .body(Revision::Legacy.call_message("people_private", &json!({})).to_string());
    let (without_token, without_scope) =
        (call.send(server.address).await, call.clone().token("nothing").send(server.address).await);
    assert_eq!((metadata.status, without_token.status, without_scope.status), (200, 401, 403), "{host}");
    let address = |response: &HttpResponse| response.expect_challenge().get("resource_metadata").to_owned();
    let resource = metadata.json()["resource"].as_str().unwrap().to_owned();
    [resource, address(&without_token), address(&without_scope)]
}

#[tokio::test]
async fn a1_on_loopback_the_metadata_names_the_resource_as_the_client_does() {
    let server = TestServer::start().await;
    let port = server.address.port();
    let expected = |host: &str| {
        let metadata = format!("http://{host}/.well-known/oauth-protected-resource/mcp");
        [format!("http://{host}/mcp"), metadata.clone(), metadata]
    };
    for name in LOOPBACK {
        let host = format!("{name}:{port}");
        assert_eq!(names_for(&server, &host).await, expected(&host));
    }
    // Another port, as behind a tunnel, and a name that is not a usual one.
    for host in [format!("localhost:{}", port ^ 1), "localhost".to_owned(), format!("127.0.0.2:{port}")] {
        assert_eq!(names_for(&server, &host).await, expected(&server.address.to_string()), "{host}");
    }
}

#[tokio::test]
async fn a1_the_host_never_changes_the_resource_of_a_server_with_a_public_url() {
    let server = TestServer::with(|server| {
        let server = server.server_url("https://mcp.example.com").auth(tokens());
        server.http(|http| http.allowed_hosts.extend(LOOPBACK.map(|name| name.trim_matches(['[', ']']).to_owned())))
    })
    .await;
    let metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp".to_owned();
    let expected = ["https://mcp.example.com/mcp".to_owned(), metadata.clone(), metadata];
    for host in ["mcp.example.com", "localhost", "127.0.0.1:8000", "localhost:443"] {
        assert_eq!(names_for(&server, host).await, expected, "{host}");
    }
}
