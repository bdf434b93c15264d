//! How a client finds the authorization server.

use serde_json::{Value, json};
use toolgate::{
    Server,
    auth::{Claims, StaticTokens},
    propelauth::Advertise,
    scope,
};
use toolgate_dev_tenant::{DevTenant, IssuerVariant};
use toolgate_tests::{OFFLINE_SCOPES, Reply, Revision, SCOPES, TestServer, http, propel_auth, tenant, tenant_server};

async fn get(url: String) -> Reply {
    Reply::to(http().get(url)).await
}

async fn protected_resource(server: &TestServer) -> Value {
    let reply = get(format!("{}/.well-known/oauth-protected-resource/mcp", server.base)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.header("content-type").starts_with("application/json"));
    reply.json().clone()
}

async fn authorization_server(server: &TestServer) -> Reply {
    get(format!("{}/.well-known/oauth-authorization-server", server.base)).await
}

#[tokio::test]
async fn a1_the_metadata_is_at_the_endpoints_path_and_at_the_root_and_names_the_authorization_server() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server.title("Test server")).await;
    let at_path = protected_resource(&server).await;
    let at_root = get(format!("{}/.well-known/oauth-protected-resource", server.base)).await;
    assert_eq!(at_root.json(), &at_path);
    assert_eq!(
        at_path,
        json!({
            "resource": format!("{}/mcp", server.base),
            "authorization_servers": [format!("{}/oauth/2.1", tenant.auth_url())],
            "scopes_supported": SCOPES.names(),
            "bearer_methods_supported": ["header"],
            "resource_name": "Test server",
        })
    );
}

#[tokio::test]
async fn a1_a_server_below_a_path_has_its_metadata_where_the_specification_puts_it() {
    let tenant = tenant(|tenant| tenant).await;
    let listener = TestServer::listener().await;
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new("below", &SCOPES)
        .server_url(format!("{base}/tools/"))
        .path("/agents/mcp")
        .auth(propel_auth(&tenant));
    let server = TestServer::run(listener, server).await;
    assert_eq!(server.endpoint, format!("{base}/tools/agents/mcp"));
    let metadata = format!("{base}/.well-known/oauth-protected-resource/tools/agents/mcp");
    let reply = server.client(Revision::Modern).list().await;
    assert_eq!(reply.must_challenge().get("resource_metadata"), metadata);
    assert_eq!(get(metadata).await.json()["resource"], server.endpoint);
}

#[tokio::test]
async fn a1_everybody_may_read_the_metadata_from_everywhere() {
    let tenant = tenant(|tenant| tenant).await;
    let server = tenant_server(&tenant, |server| server).await;
    for document in ["oauth-protected-resource/mcp", "oauth-protected-resource", "oauth-authorization-server"] {
        let url = format!("{}/.well-known/{document}", server.base);
        let reply = Reply::to(http().get(url).header("Origin", "https://app.example.com")).await;
        assert_eq!(reply.status, 200, "{document}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn a4_offline_access_is_neither_advertised_nor_asked_for() {
    let tokens = StaticTokens::new().token("token", Claims::new());
    let listener = TestServer::listener().await;
    let base = format!("http://{}", listener.local_addr().unwrap());
    let offline = scope!("offline_access", in toolgate_tests::OFFLINE_SCOPES);
    let read = scope!("files:read", in toolgate_tests::OFFLINE_SCOPES);
    let server =
        Server::new("offline", &OFFLINE_SCOPES).server_url(&base).auth(tokens).initial_scopes([offline, read]);
    let server = TestServer::run(listener, server).await;
    let metadata = protected_resource(&server).await;
    assert_eq!(metadata["scopes_supported"], json!(["files:read"]));
    for revision in Revision::BOTH {
        let challenge = server.client(revision).list().await.must_challenge();
        assert_eq!(challenge.scopes(), ["files:read"]);
    }
}

/// RFC 8414, section 3.1: where the metadata of an issuer is.
fn metadata_address(issuer: &str) -> String {
    let (scheme, rest) = issuer.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    format!("{scheme}://{host}/.well-known/oauth-authorization-server{path}")
}

/// What a strict client does: goes where the metadata leads, and compares the issuer letter by letter.
async fn discover_strictly(server: &TestServer) -> (String, Value) {
    let resource = protected_resource(server).await;
    let issuer = resource["authorization_servers"][0].as_str().unwrap().to_owned();
    let document = get(metadata_address(&issuer)).await;
    assert_eq!(document.status, 200, "{document:?}");
    assert_eq!(document.json()["issuer"], issuer, "RFC 8414, section 3.3");
    (issuer, document.json().clone())
}

fn assert_leads_to_tenant(document: &Value, tenant: &DevTenant) {
    for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
        let address = document[endpoint].as_str().unwrap();
        assert!(address.starts_with(tenant.auth_url()), "{endpoint}: {address}");
    }
}

#[tokio::test]
async fn a17_consistent_metadata_is_advertised_where_it_is() {
    let tenant = tenant(|tenant| tenant.issuer_variant(IssuerVariant::AtPath)).await;
    let server = tenant_server(&tenant, |server| server).await;
    let (issuer, document) = discover_strictly(&server).await;
    assert_eq!(issuer, format!("{}/oauth/2.1", tenant.auth_url()));
    assert_leads_to_tenant(&document, &tenant);
    let forwarded = authorization_server(&server).await;
    assert_eq!(forwarded.json(), &document, "older clients find the same document here");
}

#[tokio::test]
async fn a17_inconsistent_metadata_is_served_by_us_under_our_own_name() {
    let tenant = tenant(|tenant| tenant.issuer_variant(IssuerVariant::AtRoot)).await;
    let server = tenant_server(&tenant, |server| server).await;
    let (issuer, document) = discover_strictly(&server).await;
    assert_eq!(issuer, server.base);
    assert_leads_to_tenant(&document, &tenant);
}

#[tokio::test]
async fn a17_what_is_advertised_can_be_forced_and_stays_consistent_here() {
    for (advertise, variant) in
        [(Advertise::ThisServer, IssuerVariant::AtPath), (Advertise::PropelAuth, IssuerVariant::AtRoot)]
    {
        let tenant = tenant(|tenant| tenant.issuer_variant(variant)).await;
        let server = TestServer::with(|server| server.auth(propel_auth(&tenant).advertise(advertise))).await;
        let metadata = protected_resource(&server).await;
        let document = authorization_server(&server).await;
        assert_eq!(metadata["authorization_servers"], json!([document.json()["issuer"]]), "{advertise:?}");
        let ours = document.json()["issuer"] == server.base;
        assert_eq!(ours, advertise == Advertise::ThisServer, "{advertise:?}");
    }
}

#[tokio::test]
async fn discovery_does_not_hang_on_the_authorization_server_once_it_was_reached() {
    let tenant = tenant(|tenant| tenant.issuer_variant(IssuerVariant::AtRoot)).await;
    let server = tenant_server(&tenant, |server| server).await;
    let before = (protected_resource(&server).await, authorization_server(&server).await.text);
    tenant.shutdown().await;
    let after = (protected_resource(&server).await, authorization_server(&server).await.text);
    assert_eq!(before, after);
}

#[tokio::test]
async fn without_the_authorization_server_the_resource_is_described_and_the_rest_is_503() {
    let tenant = tenant(|tenant| tenant.mcp_enabled(false)).await;
    let server = tenant_server(&tenant, |server| server).await;
    let metadata = protected_resource(&server).await;
    assert_eq!(
        metadata["authorization_servers"],
        json!([format!("{}/oauth/2.1", tenant.auth_url())]),
        "A1: at least one"
    );
    let reply = authorization_server(&server).await;
    assert_eq!(reply.status, 503);
    assert!(reply.header("retry-after").parse::<u64>().is_ok(), "{reply:?}");
}

#[tokio::test]
async fn a_validator_without_metadata_passes_none_on() {
    let server = TestServer::start().await;
    assert_eq!(authorization_server(&server).await.status, 404);
    assert_eq!(protected_resource(&server).await["resource"], server.endpoint);
}
