//! How a client discovers the authorization server: RFC 9728 and RFC 8414 metadata.

use serde_json::{Value, json};
use toolgate::{
    Server,
    auth::{Claims, StaticTokens},
    propelauth::Advertise,
    scope,
};
use toolgate_dev_tenant::{DevTenant, IssuerVariant};
use toolgate_tests::{
    HttpResponse, OFFLINE_SCOPES, Revision, SCOPES, TestServer, http_client, propel_auth, send, start_tenant,
    start_tenant_with, tenant_server, tenant_server_with,
};

async fn get(url: String) -> HttpResponse {
    send(http_client().get(url)).await
}

async fn protected_resource(server: &TestServer) -> Value {
    let response = get(format!("{}/.well-known/oauth-protected-resource/mcp", server.url)).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert!(response.header("content-type").starts_with("application/json"));
    response.json().clone()
}

async fn authorization_server(server: &TestServer) -> HttpResponse {
    get(format!("{}/.well-known/oauth-authorization-server", server.url)).await
}

#[tokio::test]
async fn a1_metadata_is_served_at_the_endpoint_path_and_at_the_root_and_names_the_authorization_server() {
    let tenant = start_tenant().await;
    let server = tenant_server_with(&tenant, |server| server.title("Test server")).await;
    let at_path = protected_resource(&server).await;
    let at_root = get(format!("{}/.well-known/oauth-protected-resource", server.url)).await;
    assert_eq!(at_root.json(), &at_path);
    assert_eq!(
        at_path,
        json!({
            "resource": format!("{}/mcp", server.url),
            "authorization_servers": [format!("{}/oauth/2.1", tenant.auth_url())],
            "scopes_supported": SCOPES.names(),
            "bearer_methods_supported": ["header"],
            "resource_name": "Test server",
        })
    );
}

#[tokio::test]
async fn a1_a_server_below_a_path_serves_metadata_at_the_address_of_rfc_9728() {
    let tenant = start_tenant().await;
    let server = |url| {
        let server = Server::new("below", &SCOPES).server_url(format!("{url}/tools/")).auth(propel_auth(&tenant));
        server.http(|http| http.endpoint_path = "/agents/mcp".to_owned())
    };
    let server = TestServer::serve(server).await;
    assert_eq!(server.endpoint, format!("{}/tools/agents/mcp", server.url));
    let metadata = format!("{}/.well-known/oauth-protected-resource/tools/agents/mcp", server.url);
    let response = server.client(Revision::Modern).list().await;
    assert_eq!(response.expect_challenge().get("resource_metadata"), metadata);
    assert_eq!(get(metadata).await.json()["resource"], server.endpoint);
}

#[tokio::test]
async fn a1_a_slash_at_the_end_of_a_metadata_address_is_ignored() {
    let tenant = start_tenant().await;
    let server = |url| Server::new("below", &SCOPES).server_url(format!("{url}/tools")).auth(propel_auth(&tenant));
    let server = TestServer::serve(server).await;
    for document in [
        "oauth-protected-resource",
        "oauth-protected-resource/mcp",
        "oauth-protected-resource/tools/mcp",
        "oauth-authorization-server",
        "oauth-authorization-server/tools",
    ] {
        let address = format!("{}/.well-known/{document}", server.url);
        let (plain, with_slash) = (get(address.clone()).await, get(format!("{address}/")).await);
        assert_eq!((plain.status, with_slash.status), (200, 200), "{document}: {with_slash:?}");
        assert_eq!(plain.text, with_slash.text);
    }
}

#[tokio::test]
async fn a1_metadata_is_readable_from_every_origin() {
    let tenant = start_tenant().await;
    let server = tenant_server(&tenant).await;
    for document in ["oauth-protected-resource/mcp", "oauth-protected-resource", "oauth-authorization-server"] {
        let url = format!("{}/.well-known/{document}", server.url);
        let response = send(http_client().get(url).header("Origin", "https://app.example.com")).await;
        assert_eq!(response.status, 200, "{document}: {response:?}");
        assert_eq!(response.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn a4_offline_access_is_neither_advertised_nor_requested() {
    let tokens = StaticTokens::new().token("token", Claims::new());
    let offline = scope!("offline_access", in toolgate_tests::OFFLINE_SCOPES);
    let read = scope!("files:read", in toolgate_tests::OFFLINE_SCOPES);
    let server =
        |url| Server::new("offline", &OFFLINE_SCOPES).server_url(url).auth(tokens).initial_scopes([offline, read]);
    let server = TestServer::serve(server).await;
    let metadata = protected_resource(&server).await;
    assert_eq!(metadata["scopes_supported"], json!(["files:read"]));
    for revision in Revision::BOTH {
        let challenge = server.client(revision).list().await.expect_challenge();
        assert_eq!(challenge.scopes(), ["files:read"]);
    }
}

#[tokio::test]
async fn a3_initial_scopes_are_the_only_ones_that_are_advertised() {
    let tenant = start_tenant().await;
    let configure = |server: Server| {
        let initial = [scope!("people:read:public", in SCOPES), scope!("files:read", in SCOPES)];
        server.auth(propel_auth(&tenant).advertise(Advertise::ThisServer)).initial_scopes(initial)
    };
    let server = TestServer::with(configure).await;
    let expected = ["people:read:public", "files:read"];
    assert_eq!(protected_resource(&server).await["scopes_supported"], json!(expected));
    assert_eq!(authorization_server(&server).await.json()["scopes_supported"], json!(expected));
    for revision in Revision::BOTH {
        let challenge = server.client(revision).list().await.expect_challenge();
        assert_eq!(challenge.scopes(), expected);
    }

    let all = TestServer::with(|server| server.auth(propel_auth(&tenant).advertise(Advertise::ThisServer))).await;
    assert_eq!(protected_resource(&all).await["scopes_supported"], json!(SCOPES.names()));
    let supported = authorization_server(&all).await.json()["scopes_supported"].clone();
    assert!(supported.as_array().is_some_and(|scopes| scopes.len() > expected.len()), "{supported}");
}

/// Returns the address of the metadata of an issuer (RFC 8414, section 3.1).
fn metadata_address(issuer: &str) -> String {
    let (scheme, rest) = issuer.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    format!("{scheme}://{host}/.well-known/oauth-authorization-server{path}")
}

/// Discovers the authorization server as a strict client does, which compares the issuer byte by byte.
async fn discover_strictly(server: &TestServer) -> (String, Value) {
    let resource = protected_resource(server).await;
    let issuer = resource["authorization_servers"][0].as_str().unwrap().to_owned();
    let document = get(metadata_address(&issuer)).await;
    assert_eq!(document.status, 200, "{document:?}");
    assert_eq!(document.json()["issuer"], issuer, "RFC 8414, section 3.3");
    (issuer, document.json().clone())
}

fn assert_endpoints_at_tenant(document: &Value, tenant: &DevTenant) {
    for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
        let address = document[endpoint].as_str().unwrap();
        assert!(address.starts_with(tenant.auth_url()), "{endpoint}: {address}");
    }
}

#[tokio::test]
async fn a17_consistent_metadata_is_advertised_unchanged() {
    let tenant = start_tenant_with(|tenant| tenant.issuer_variant(IssuerVariant::AtPath)).await;
    let server = tenant_server(&tenant).await;
    let (issuer, document) = discover_strictly(&server).await;
    assert_eq!(issuer, format!("{}/oauth/2.1", tenant.auth_url()));
    assert_endpoints_at_tenant(&document, &tenant);
    let forwarded = authorization_server(&server).await;
    assert_eq!(forwarded.json(), &document, "earlier clients read the same document at this server");
}

#[tokio::test]
async fn a17_inconsistent_metadata_is_served_with_this_server_as_issuer() {
    let tenant = start_tenant_with(|tenant| tenant.issuer_variant(IssuerVariant::AtRoot)).await;
    let server = tenant_server(&tenant).await;
    let (issuer, document) = discover_strictly(&server).await;
    assert_eq!(issuer, server.url);
    assert_endpoints_at_tenant(&document, &tenant);
}

#[tokio::test]
async fn a17_a_configured_issuer_is_advertised_consistently() {
    for (advertise, variant) in
        [(Advertise::ThisServer, IssuerVariant::AtPath), (Advertise::PropelAuth, IssuerVariant::AtRoot)]
    {
        let tenant = start_tenant_with(|tenant| tenant.issuer_variant(variant)).await;
        let server = TestServer::with(|server| server.auth(propel_auth(&tenant).advertise(advertise))).await;
        let metadata = protected_resource(&server).await;
        let document = authorization_server(&server).await;
        assert_eq!(metadata["authorization_servers"], json!([document.json()["issuer"]]), "{advertise:?}");
        let at_this_server = document.json()["issuer"] == server.url;
        assert_eq!(at_this_server, advertise == Advertise::ThisServer, "{advertise:?}");
    }
}

#[tokio::test]
async fn discovery_survives_an_outage_of_the_authorization_server() {
    let tenant = start_tenant_with(|tenant| tenant.issuer_variant(IssuerVariant::AtRoot)).await;
    let server = tenant_server(&tenant).await;
    let before = (protected_resource(&server).await, authorization_server(&server).await.text);
    tenant.shutdown().await;
    let after = (protected_resource(&server).await, authorization_server(&server).await.text);
    assert_eq!(before, after);
}

#[tokio::test]
async fn without_the_authorization_server_only_its_own_metadata_gets_503() {
    let tenant = start_tenant_with(|tenant| tenant.mcp_enabled(false)).await;
    let server = tenant_server(&tenant).await;
    let metadata = protected_resource(&server).await;
    assert_eq!(
        metadata["authorization_servers"],
        json!([format!("{}/oauth/2.1", tenant.auth_url())]),
        "the metadata must name at least one (A1)"
    );
    let response = authorization_server(&server).await;
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").parse::<u64>().is_ok(), "{response:?}");
}

#[tokio::test]
async fn a_validator_without_metadata_serves_none() {
    let server = TestServer::start().await;
    assert_eq!(authorization_server(&server).await.status, 404);
    assert_eq!(protected_resource(&server).await["resource"], server.endpoint);
}
