//! A PropelAuth tenant on a laptop.
//!
//! Whoever has no PropelAuth project yet, and every test that must not need one, starts a [`DevTenant`]: an
//! authorization server on loopback that answers as PropelAuth does, for people, roles and scopes read from a
//! `tenant.toml`. Anybody can log in as anybody, so it binds to loopback only and issues tokens for loopback
//! resources only.
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
