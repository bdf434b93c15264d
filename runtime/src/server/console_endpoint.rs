//! The listener of the console.

use std::{future, sync::Arc};

use tokio::net::TcpListener;
use url::Url;

use super::{operator_endpoint::OperatorEndpoint, serve::Components};
use crate::{
    console::{self, Console},
    error::Error,
    gate::AllowedOrigins,
};

/// Serves the console until the returned value is dropped.
pub(super) async fn serve(components: &Components) -> Result<Option<OperatorEndpoint>, Error> {
    let Some(address) = components.http.console_address else { return Ok(None) };
    let Some(decisions) = components.gate.dispatcher.audit().recent() else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|source| Error::ListenForConsole { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::ListenForConsole { address, source })?;
    let url = Url::parse(&format!("http://{address}")).expect("an address is a valid authority");
    let allowed = AllowedOrigins::new(&url, &components.http.console_hosts, &[]);
    let console = Console::new(
        components.title.clone(),
        components.resource.clone(),
        components.policy.clone(),
        Arc::clone(decisions),
        Arc::clone(&components.gate),
        Arc::clone(components.probe.readiness()),
    );
    let router = console::router(console, allowed.clone());
    let endpoint = OperatorEndpoint::start(listener, router, Some(allowed), future::pending());
    tracing::info!(url = %url, "serving the console");
    Ok(Some(endpoint))
}
