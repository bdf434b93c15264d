//! The token endpoint (OAuth 2.1 section 3.2) and the revocation endpoint (RFC 7009).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::oauth::{Client, CodeVerifier, OAuthError, Params, parse_scopes};
use crate::state::{GrantId, Redemption, State as TenantState};
use crate::tenant::Tenant;

use super::client_auth::{authenticate, form_params};

#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
}

/// `POST /oauth/2.1/token`
pub(super) async fn token(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, OAuthError> {
    let params = form_params(&headers, &body)?;
    let client = authenticate(&tenant, &headers, &params)?;
    let tokens = match params.require("grant_type")? {
        "authorization_code" => redeem_code(&tenant, &client, &params),
        "refresh_token" => refresh(&tenant, &client, &params),
        _ => Err(OAuthError::UnsupportedGrantType),
    }?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(tokens)))
}

/// `POST /oauth/2.1/revoke`
pub(super) async fn revoke(
    State(tenant): State<Arc<Tenant>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(), OAuthError> {
    let params = form_params(&headers, &body)?;
    let client = authenticate(&tenant, &headers, &params)?;
    let token = params.require("token")?;
    tenant.state().revoke_token(&client, token);
    Ok(())
}

fn redeem_code(tenant: &Tenant, client: &Client, params: &Params) -> Result<TokenResponse, OAuthError> {
    let verifier = CodeVerifier::parse(params.require("code_verifier")?)?;
    let redemption = Redemption {
        code: params.require("code")?,
        verifier: &verifier,
        redirect_uri: params.get("redirect_uri")?,
        resource: params.get("resource")?,
    };
    let mut state = tenant.state();
    let grant = state.redeem_code(client, &redemption)?;
    let scopes = grantable_scopes(tenant, &state, &grant)?;
    Ok(issue_tokens(tenant, &mut state, client, &grant, scopes))
}

fn refresh(tenant: &Tenant, client: &Client, params: &Params) -> Result<TokenResponse, OAuthError> {
    let token = params.require("refresh_token")?;
    let resource = params.get("resource")?;
    let requested = params.get("scope")?.map(parse_scopes).transpose()?;
    let mut state = tenant.state();
    let grant = state.check_refresh_token(client, token, resource)?;
    let mut scopes = grantable_scopes(tenant, &state, &grant)?;
    if let Some(requested) = requested {
        let granted = state.grant(&grant).map_or(&[][..], |grant| &grant.scopes);
        if let Some(scope) = requested.iter().find(|scope| !granted.contains(scope)) {
            return Err(OAuthError::InvalidScope(format!(
                "`{scope}` was not granted; request it at the authorization endpoint"
            )));
        }
        scopes.retain(|scope| requested.contains(scope));
    }
    state.spend_refresh_token(token);
    Ok(issue_tokens(tenant, &mut state, client, &grant, scopes))
}

/// Returns the granted scopes that the person's current role can grant.
fn grantable_scopes(tenant: &Tenant, state: &TenantState, grant: &GrantId) -> Result<Vec<String>, OAuthError> {
    let unavailable = OAuthError::InvalidGrant("the person is disabled or was removed");
    let Some(grant) = state.grant(grant) else {
        return Err(unavailable);
    };
    let person = state.person(&tenant.config, &grant.person).filter(|person| person.enabled);
    let role = person.and_then(|person| tenant.config.role(&person.role));
    let Some(role) = role else {
        return Err(unavailable);
    };
    let scopes = grant.scopes.iter().filter(|scope| role.grants(scope));
    Ok(scopes.cloned().collect())
}

fn issue_tokens(
    tenant: &Tenant,
    state: &mut TenantState,
    client: &Client,
    grant: &GrantId,
    scopes: Vec<String>,
) -> TokenResponse {
    let settings = &tenant.settings;
    let scope = scopes.join(" ");
    TokenResponse {
        access_token: state.issue_access_token(grant, scopes, settings.access_token_lifetime),
        token_type: "Bearer",
        expires_in: settings.access_token_lifetime,
        refresh_token: client.refreshes.then(|| state.issue_refresh_token(grant, settings.refresh_token_lifetime)),
        scope,
    }
}
