//! Preflight check of what clients need from an authorization server.

use serde_json::Value;

use super::{discovery::Discovery, metadata::Metadata};
use crate::auth::{Diagnostic, Unavailable};

/// Fetches the metadata and checks that clients can use the authorization server.
pub(super) async fn check_metadata(discovery: &Discovery) -> (Result<Metadata, Unavailable>, Vec<Diagnostic>) {
    match discovery.fetch().await {
        Ok(metadata) => {
            let diagnostics = client_diagnostics(&metadata);
            (Ok(metadata), diagnostics)
        }
        Err(error) => {
            let diagnostic = Diagnostic::fatal("metadata_unavailable", error.to_string());
            (Err(error), vec![diagnostic])
        }
    }
}

/// Compares the metadata with what MCP clients require.
fn client_diagnostics(metadata: &Metadata) -> Vec<Diagnostic> {
    let mut diagnostics = vec![registration(metadata)];
    let methods = metadata.document.get("code_challenge_methods_supported").and_then(Value::as_array);
    if !methods.is_some_and(|methods| methods.iter().any(|method| method == "S256")) {
        diagnostics.push(Diagnostic::warning(
            "pkce_not_advertised",
            "the authorization server's metadata does not list S256 in `code_challenge_methods_supported`: MCP clients \
             refuse to log in without it. Enable PKCE there",
        ));
    }
    diagnostics
}

/// Says how clients without prior configuration identify themselves.
fn registration(metadata: &Metadata) -> Diagnostic {
    let text = if metadata.document.get("client_id_metadata_document_supported") == Some(&Value::Bool(true)) {
        "clients identify themselves with client ID metadata documents"
    } else if metadata.document.contains_key("registration_endpoint") {
        "clients register dynamically (RFC 7591)"
    } else {
        "the authorization server offers neither client ID metadata documents nor dynamic registration: register each \
         client there, and configure its client ID"
    };
    Diagnostic::note("client_registration", text)
}
