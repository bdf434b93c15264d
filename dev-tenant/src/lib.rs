//! A PropelAuth tenant on a laptop.
//!
//! Whoever has no PropelAuth project yet, and every test that must not need one, starts a [`DevTenant`]: an
//! authorization server on loopback that answers as PropelAuth does, for people, roles and scopes read from a
//! `tenant.toml`. Anybody can log in as anybody, so it binds to loopback only and issues tokens for loopback
//! resources only.
//!
//! The binary `toolgate-dev-tenant` is the same tenant as a program of its own; see its `--help`.
//!
//! | address | what |
//! |---|---|
//! | `/.well-known/oauth-authorization-server/oauth/2.1` | metadata (RFC 8414), with either [issuer](IssuerVariant) |
//! | `/oauth/2.1/authorize` | log-in and consent: code with PKCE, `resource` required |
//! | `/oauth/2.1/token` | codes, and refresh tokens that rotate |
//! | `/oauth/2.1/register` | dynamic client registration (RFC 7591) |
//! | `/oauth/2.1/revoke` | revocation (RFC 7009) |
//! | `/oauth/2.1/introspect` | introspection (RFC 7662), with [faults](Fault) on request |
//! | `/admin` | people, roles and the scope matrix |
//! | `/admin/api/tenant` | the same as JSON |
//! | `/admin/api/people/{id}/disable`, `enable`, `revoke` | `POST`; changes somebody |
//! | `/admin/api/people/{id}/role` | `PUT {"role": ".."}` |
//! | `/admin/api/tokens` | `POST {"person": "..", "resource": ".."}`; mints a token |
//! | `/admin/api/fault` | `GET`, `PUT` and `DELETE` of a [`Fault`], such as `{"fault": "server_error"}` |
//! | `/admin/api/mcp` | `PUT {"enabled": false}`; the metadata becomes 404 |
//! | `/admin/api/webhooks` | `POST` of any event, to be signed and sent |
#![forbid(unsafe_code)]

mod browser;
mod builder;
mod client_document;
mod clock;
mod config;
mod data;
mod fault;
mod handle;
mod http;
mod mint;
mod oauth;
mod resource;
mod secret;
mod settings;
mod state;
mod tenant;
mod webhook;

pub use builder::{BindError, DevTenantBuilder};
pub use config::{ConfigError, Organization, Person, Role, ScopeInfo, TenantConfig};
pub use data::{DataError, TenantData};
pub use fault::Fault;
pub use handle::DevTenant;
pub use mint::{Mint, MintError};
pub use resource::ResourceError;
pub use settings::IssuerVariant;
pub use tenant::TenantError;
pub use webhook::{WebhookEndpoint, WebhookError};
