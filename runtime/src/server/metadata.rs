//! The documents by which clients find their way: RFC 9728 and RFC 8414.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, Method, Response, StatusCode, header},
    routing::get,
};
use serde_json::{Value, json};
use tower_http::cors::{Any, CorsLayer};

use super::{address::ServerUrl, discovery::Discovery};

const PROTECTED_RESOURCE: &str = "oauth-protected-resource";
const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";

/// What the metadata says of one server.
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) resource: String,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) discovery: Arc<Discovery>,
}

/// Where the protected resource metadata of the endpoint is.
pub(crate) fn protected_resource_url(server_url: &ServerUrl, endpoint: &str) -> String {
    server_url.well_known(PROTECTED_RESOURCE, endpoint)
}

/// The well-known routes. Everybody may read them, from everywhere.
pub(crate) fn router(metadata: Metadata, server_url: &ServerUrl, endpoint: &str) -> Router {
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

async fn protected_resource(State(metadata): State<Arc<Metadata>>) -> Response<Body> {
    let issuer = metadata.discovery.issuer().await;
    let mut document = json!({
        "resource": metadata.resource,
        "bearer_methods_supported": ["header"],
        "resource_name": metadata.name,
        "scopes_supported": metadata.scopes,
    });
    if let Some(issuer) = issuer {
        document["authorization_servers"] = json!([issuer]);
    }
    document_response(StatusCode::OK, &document)
}

async fn authorization_server(State(metadata): State<Arc<Metadata>>) -> Response<Body> {
    let Ok(server) = metadata.discovery.get().await else {
        let mut response = document_response(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({
                "error": "temporarily_unavailable",
                "error_description": "the authorization server cannot be reached just now; try again later",
            }),
        );
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    match &server.document {
        Some(document) => document_response(StatusCode::OK, &Value::Object(document.clone())),
        None => document_response(
            StatusCode::NOT_FOUND,
            &json!({
                "error": "not_found",
                "error_description": "this server passes on no authorization server metadata",
            }),
        ),
    }
}

fn document_response(status: StatusCode, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let caching = if status == StatusCode::OK { "public, max-age=60" } else { "no-store" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}
