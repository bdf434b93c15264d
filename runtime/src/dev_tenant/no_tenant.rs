//! Builds without debug assertions have no tenant.

use std::net::SocketAddr;

use super::{ConfiguredPropelAuth, OrPropelAuth, StartError};
use crate::{
    auth::{ProvidedAuth, ServerDescription},
    propelauth::{ConfigError, Variable},
};

pub(super) fn check(_: SocketAddr) -> Result<(), StartError> {
    Err(no_tenant())
}

#[expect(clippy::unused_async, reason = "the tenant of a debug build starts asynchronously")]
pub(super) async fn start(_: OrPropelAuth, _: &ServerDescription) -> Result<ProvidedAuth, StartError> {
    Err(no_tenant())
}

fn no_tenant() -> StartError {
    StartError::NoTenant(ConfigError::Missing(Variable::REQUIRED.to_vec()))
}

pub(super) fn instead_of_tenant(configured: ConfiguredPropelAuth, _: &ServerDescription) -> ProvidedAuth {
    ProvidedAuth::new(configured.into_validators())
}
