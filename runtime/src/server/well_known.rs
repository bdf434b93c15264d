//! Metadata documents for client discovery (RFC 9728 and RFC 8414).

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use tower_http::cors::{Any, CorsLayer};

use super::{discovery::Discovery, server_url::ServerUrl};

const PROTECTED_RESOURCE: &str = "oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";

/// Content of the protected resource metadata.
pub(crate) struct ResourceMetadata {
    pub(crate) name: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) discovery: Arc<Discovery>,
}

/// Returns the URL of the protected resource metadata of the endpoint.
pub(crate) fn protected_resource_url(server_url: &ServerUrl, endpoint: &str) -> String {
    server_url.well_known(PROTECTED_RESOURCE, endpoint)
}

/// Creates the well-known routes. They are public, for every origin.
pub(crate) fn router(metadata: ResourceMetadata, server_url: &ServerUrl, endpoint: &str) -> Router {
    let mut resource_paths = vec![
        format!("/.well-known/{PROTECTED_RESOURCE}"),
        format!("/.well-known/{PROTECTED_RESOURCE}{endpoint}"),
        server_url.well_known_path(PROTECTED_RESOURCE, endpoint),
    ];
    let mut server_paths =
        vec![format!("/.well-known/{AUTHORIZATION_SERVER}"), server_url.well_known_path(AUTHORIZATION_SERVER, "")];
    resource_paths.dedup();
    server_paths.dedup();

    let mut router = Router::new();
    for path in resource_paths {
        router = router.route(&path, get(protected_resource));
    }
    for path in server_paths {
        router = router.route(&path, get(authorization_server));
    }
    let cors = CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).allow_headers(Any);
    router.with_state(Arc::new(metadata)).layer(cors)
}

async fn protected_resource(State(metadata): State<Arc<ResourceMetadata>>) -> Response {
    let mut document = json!({
        "resource": metadata.resource,
        "bearer_methods_supported": ["header"],
        "resource_name": metadata.name,
        "scopes_supported": metadata.scopes,
    });
    if let Some(issuer) = metadata.discovery.issuer().await {
        document["authorization_servers"] = json!([issuer]);
    }
    cacheable(document)
}

async fn authorization_server(State(metadata): State<Arc<ResourceMetadata>>) -> Response {
    let Ok(server) = metadata.discovery.get().await else {
        let text = "the authorization server does not respond at the moment; try again later";
        let error = error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", text);
        return ([(header::RETRY_AFTER, "5")], error).into_response();
    };
    match &server.document {
        Some(document) => cacheable(Value::Object(document.clone())),
        None => error(StatusCode::NOT_FOUND, "not_found", "this server does not serve authorization server metadata"),
    }
}

fn cacheable(document: Value) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=60")], Json(document)).into_response()
}

fn error(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({ "error": code, "error_description": description });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
