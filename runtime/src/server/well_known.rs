//! Metadata documents for client discovery (RFC 9728 and RFC 8414).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};

use super::{discovery::Discovery, server_url::ServerUrl};
use crate::gate::HostNames;

const PROTECTED_RESOURCE: &str = "oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";

/// Content of the protected resource metadata.
pub(crate) struct ResourceMetadata {
    pub(crate) name: String,
    /// The resource, for each of the names of the server.
    pub(crate) resources: Vec<String>,
    pub(crate) names: HostNames,
    pub(crate) scopes: Vec<&'static str>,
}

/// The documents of one server.
pub(crate) struct Documents {
    resource: ResourceMetadata,
    /// The latest protected resource metadata, which is the same while the issuer is.
    protected_resource: ArcSwapOption<ProtectedResource>,
    discovery: Arc<Discovery>,
}

struct ProtectedResource {
    issuer: Option<String>,
    /// One document for each of the names of the server.
    documents: Vec<Bytes>,
}

/// Returns the URL of the protected resource metadata of the endpoint.
pub(crate) fn protected_resource_url(server_url: &ServerUrl, endpoint: &str) -> String {
    server_url.well_known(PROTECTED_RESOURCE, endpoint)
}

/// Paths of the documents.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    protected_resource: Vec<String>,
    authorization_server: Vec<String>,
}

impl Paths {
    /// Returns the paths that name a server with this public path and endpoint (RFC 9728, section 3.1; RFC 8414, section
    /// 3.1). The metadata of the authorization server has one only if the public path is not the root.
    pub(crate) fn of(base_path: &str, endpoint: &str) -> Self {
        let authorization_server = (!base_path.is_empty()).then(|| path(AUTHORIZATION_SERVER, base_path));
        Self {
            protected_resource: vec![path(PROTECTED_RESOURCE, &format!("{base_path}{endpoint}"))],
            authorization_server: authorization_server.into_iter().collect(),
        }
    }

    /// Returns the paths at the root of a host, and that of the endpoint without a public path.
    pub(crate) fn at_root(endpoint: &str) -> Self {
        Self {
            protected_resource: vec![path(PROTECTED_RESOURCE, ""), path(PROTECTED_RESOURCE, endpoint)],
            authorization_server: vec![path(AUTHORIZATION_SERVER, "")],
        }
    }

    /// Returns these paths without `others`.
    pub(crate) fn without(mut self, others: &Self) -> Self {
        self.protected_resource.retain(|path| !others.protected_resource.contains(path));
        self.authorization_server.retain(|path| !others.authorization_server.contains(path));
        self
    }
}

fn path(document: &str, of: &str) -> String {
    format!("/.well-known/{document}{of}")
}

impl Documents {
    pub(crate) fn new(resource: ResourceMetadata, discovery: Arc<Discovery>) -> Self {
        Self { resource, protected_resource: ArcSwapOption::empty(), discovery }
    }
}

/// Creates routes of the documents. They are public, for every origin.
pub(crate) fn router(documents: &Arc<Documents>, paths: &Paths) -> Router {
    // Clients insert the path of a URL as they know it, with or without a slash at its end.
    let protected_resource = get(protected_resource).with_state(Arc::clone(documents));
    let authorization_server = get(authorization_server).with_state(Arc::clone(documents));
    let mut router = Router::new();
    for path in &paths.protected_resource {
        router =
            router.route(&format!("{path}/"), protected_resource.clone()).route(path, protected_resource.clone());
    }
    for path in &paths.authorization_server {
        router =
            router.route(&format!("{path}/"), authorization_server.clone()).route(path, authorization_server.clone());
    }
    let cors = CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).allow_headers(Any);
    router.layer(cors)
}

impl ResourceMetadata {
    /// Creates one document for each of the names of the server.
    fn documents(&self, issuer: Option<&str>) -> Vec<Bytes> {
        self.resources.iter().map(|resource| self.document(resource, issuer)).collect()
    }

    fn document(&self, resource: &str, issuer: Option<&str>) -> Bytes {
        let mut document = json!({
            "resource": resource,
            "bearer_methods_supported": ["header"],
            "resource_name": self.name,
            "scopes_supported": self.scopes,
        });
        if let Some(issuer) = issuer {
            document["authorization_servers"] = json!([issuer]);
        }
        document.to_string().into()
    }
}

/// Responds with the document of the name that the client uses: it compares the `resource` with its own URL (RFC 9728,
/// section 3.3).
async fn protected_resource(State(documents): State<Arc<Documents>>, uri: Uri, headers: HeaderMap) -> Response {
    let name = documents.resource.names.position(&uri, &headers);
    let issuer = documents.discovery.issuer().await;
    if let Some(current) = &*documents.protected_resource.load()
        && current.issuer == issuer
    {
        return cacheable(&current.documents[name]);
    }
    let created = documents.resource.documents(issuer.as_deref());
    let response = cacheable(&created[name]);
    documents.protected_resource.store(Some(Arc::new(ProtectedResource { issuer, documents: created })));
    response
}

async fn authorization_server(State(documents): State<Arc<Documents>>) -> Response {
    let Ok(fetched) = documents.discovery.get().await else {
        let text = "the authorization server does not respond at the moment; try again later";
        let error = error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text);
        return ([(header::RETRY_AFTER, "5")], error).into_response();
    };
    match &fetched.document {
        Some(document) => cacheable(document),
        None => error(StatusCode::NOT_FOUND, "not_found", "this server does not serve authorization server metadata"),
    }
}

/// Responds with JSON, which all responses share.
fn cacheable(document: &Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=60")];
    (headers, Body::from(document.clone())).into_response()
}

fn error(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({ "error": code, "error_description": description });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::auth::{
        AuthorizationServer, BearerToken, Claims, Inactive, IntoValidators as _, Resource, TokenValidator,
        Unavailable, ValidationError,
    };

    struct WithMetadata;

    #[async_trait]
    impl TokenValidator for WithMetadata {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Inactive::new("unknown").into())
        }

        async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
            let document = json!({ "issuer": "https://issuer.example" }).as_object().cloned();
            Ok(AuthorizationServer { document, ..AuthorizationServer::new("https://issuer.example") })
        }
    }

    #[tokio::test]
    async fn every_response_shares_one_copy_of_the_document() {
        let discovery = Arc::new(Discovery::new(Arc::new(WithMetadata.into_validators()), String::new(), None));
        let resource = ResourceMetadata {
            name: "MCP".to_owned(),
            resources: vec!["https://mcp.example.com/mcp".to_owned()],
            names: HostNames::default(),
            scopes: vec!["employees:read"],
        };
        let router = router(&Arc::new(Documents::new(resource, discovery)), &Paths::at_root("/mcp"));
        for document in [PROTECTED_RESOURCE, AUTHORIZATION_SERVER] {
            let get = async || {
                let request = http::Request::get(format!("/.well-known/{document}")).body(Body::empty()).unwrap();
                let response = router.clone().oneshot(request).await.unwrap();
                assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
                response.into_body().collect().await.unwrap().to_bytes()
            };
            let (one, other) = (get().await, get().await);
            assert!(str::from_utf8(&one).unwrap().contains("https://issuer.example"));
            assert_eq!(one.as_ptr(), other.as_ptr(), "{document}");
        }
    }
}
