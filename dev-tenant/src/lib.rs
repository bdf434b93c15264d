//! An OAuth 2.1 authorization server on loopback that behaves like PropelAuth, for development and tests.
//!
//! A [`DevTenant`] replaces a PropelAuth project for an MCP server under development and for tests. It reads people, roles
//! and scopes from a `tenant.toml`. Login asks for no password, so the tenant binds to loopback only and issues tokens for
//! loopback resources only.
//!
//! ```
//! use toolgate_dev_tenant::{DevTenant, Mint, TenantConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tenant = DevTenant::builder(TenantConfig::sample()).start().await?;
//! let person = tenant.person_of_role("Support").ok_or("no person has the role Support")?;
//! let token = tenant.mint(&Mint::for_person(&person.id).resource("http://127.0.0.1:8000/mcp"))?;
//! tenant.disable_person(&person.id)?; // The token is inactive now.
//! # assert!(!token.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! The program `toolgate-dev-tenant` runs the same tenant from the command line; see its `--help`. The crate has no
//! features.
//!
//! | Path | Endpoint |
//! |---|---|
//! | `/.well-known/oauth-authorization-server/oauth/2.1` | metadata (RFC 8414), with a choice of [issuer](IssuerVariant) |
//! | `/oauth/2.1/authorize` | login and consent; requires PKCE and `resource` |
//! | `/oauth/2.1/token` | authorization codes and rotating refresh tokens |
//! | `/oauth/2.1/register` | dynamic client registration (RFC 7591) |
//! | `/oauth/2.1/revoke` | token revocation (RFC 7009) |
//! | `/oauth/2.1/introspect` | token introspection (RFC 7662), with optional [faults](Fault) |
//! | `/api/backend/v1/end_user_api_keys/validate` | validation of [API keys](NewApiKey), with optional [faults](Fault) |
//! | `/api/backend/v1/user/{id}` | record of a person, and below it `/oauth_token` and `/{provider}/fresh_token`: tokens of the identity providers that `tenant.toml` names for the person |
//! | `/admin` | admin page: people, roles and the scopes of each role, grants, API keys, recent events, and tokens for people |
//! | `/admin/api/tenant` | `GET`: everything on the admin page as JSON |
//! | `/admin/api/people/{id}/disable`, `enable`, `revoke` | `POST`: changes a person |
//! | `/admin/api/people/{id}/role` | `PUT {"role": ".."}`: changes the role of a person |
//! | `/admin/api/grants` | `GET`: the newest grants, with application, scopes and time |
//! | `/admin/api/grants/{id}/revoke` | `POST`: revokes one grant with its tokens |
//! | `/admin/api/events` | `GET`: recent logins, consents, denials and changes, newest first |
//! | `/admin/api/tokens` | `POST {"person": "..", "resource": ".."}`: mints a token |
//! | `/admin/api/keys` | `GET`: the API keys; `POST {"name": "CI", "scopes": [".."]}`: creates one of the organization, or with `"person": ".."` or `"generic": true` another one |
//! | `/admin/api/keys/{id}` | `DELETE`: deletes an API key |
//! | `/admin/api/fault/keys` | `GET`, `PUT` or `DELETE` of a [`Fault`] of the validation of API keys |
//! | `/admin/api/fault` | `GET`, `PUT` or `DELETE` of a [`Fault`], such as `{"fault": "server_error"}` |
//! | `/admin/api/mcp` | `PUT {"enabled": false}`: disables MCP, so that the metadata is 404 |
//! | `/admin/api/webhooks` | `POST` of any event: signs and sends it |
#![forbid(unsafe_code)]
// An enum or struct that users can match or construct exhaustively could not grow without a breaking release.
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod api_key;
mod browser;
mod builder;
mod client_document;
mod clock;
mod config;
mod data;
mod fault;
mod fetch;
mod handle;
mod http;
mod mcp_server;
mod mint;
mod oauth;
mod resource;
mod resource_name;
mod secret;
mod settings;
mod state;
mod tenant;
mod text;
mod webhook;

pub use api_key::{ApiKeyError, CreatedApiKey, KeyOwner, NewApiKey};
pub use builder::{BindError, DevTenantBuilder};
pub use config::{ConfigError, DeclaredApiKey, Organization, Person, Role, ScopeInfo, TenantConfig};
pub use data::{DataError, TenantData};
pub use fault::Fault;
pub use handle::DevTenant;
pub use mcp_server::McpServer;
pub use mint::{Mint, MintError};
pub use resource::ResourceError;
pub use settings::IssuerVariant;
pub use tenant::TenantError;
pub use webhook::{WebhookEndpoint, WebhookError};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
