//! Authorization server metadata (RFC 8414), with the fields of PropelAuth.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::settings::IssuerVariant;
use crate::tenant::Tenant;

#[derive(Serialize)]
struct Metadata<'a> {
    authorization_endpoint: String,
    #[serde(skip_serializing_if = "is_false")]
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip_serializing_if = "is_false")]
    client_id_metadata_document_supported: bool,
    code_challenge_methods_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    introspection_endpoint: String,
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    response_types_supported: [&'static str; 1],
    revocation_endpoint: String,
    scopes_supported: Vec<&'a str>,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 3],
}

/// Omits fields that PropelAuth's metadata does not have unless their setting is enabled.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// `GET /.well-known/oauth-authorization-server/oauth/2.1`
pub(super) async fn document(State(tenant): State<Arc<Tenant>>) -> Response {
    if !tenant.mcp_enabled.load(Ordering::Relaxed) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let endpoint = |name: &str| format!("{}/oauth/2.1/{name}", tenant.auth_url);
    let scopes = tenant.config.scopes().iter();
    let settings = &tenant.settings;
    Json(Metadata {
        authorization_endpoint: endpoint("authorize"),
        authorization_response_iss_parameter_supported: settings.iss_parameter,
        client_id_metadata_document_supported: settings.client_id_metadata_documents,
        code_challenge_methods_supported: ["S256"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        introspection_endpoint: endpoint("introspect"),
        issuer: tenant.issuer(),
        registration_endpoint: settings.registration.then(|| endpoint("register")),
        response_types_supported: ["code"],
        revocation_endpoint: endpoint("revoke"),
        scopes_supported: scopes.map(|scope| scope.name.as_str()).collect(),
        token_endpoint: endpoint("token"),
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
    })
    .into_response()
}

impl Tenant {
    /// Returns the `issuer` of the metadata.
    pub(crate) fn issuer(&self) -> String {
        match self.settings.issuer_variant {
            IssuerVariant::AtPath => format!("{}/oauth/2.1", self.auth_url),
            IssuerVariant::AtRoot => self.auth_url.clone(),
        }
    }
}
