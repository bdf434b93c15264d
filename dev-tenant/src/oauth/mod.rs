//! The rules of OAuth 2.1.

mod authorization;
mod client;
mod error;
mod params;
mod pkce;
mod redirect_uri;

pub(crate) use authorization::{AuthorizationError, AuthorizationRequest, parse_scopes};
pub(crate) use client::{Client, ClientMetadata};
pub(crate) use error::OAuthError;
pub(crate) use params::Params;
pub(crate) use pkce::{CodeChallenge, CodeVerifier};
pub(crate) use redirect_uri::form_action_source;
