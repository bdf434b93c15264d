//! `Server::serve`: for a server with a provider of its validator, listens before it is built.

use std::io::{self, Write as _};

use super::{Server, accept};
use crate::{
    auth::{AuthProvider, ServerDescription},
    error::{BuildError, Error},
};

impl Server {
    /// [Builds](Self::build) the server and serves until Ctrl-C or SIGTERM, then waits for requests in flight.
    ///
    /// # Errors
    ///
    /// The server cannot be built, it cannot listen on its address, or its validator cannot be
    /// [provided](Self::auth_from).
    pub async fn serve(mut self) -> Result<(), Error> {
        match self.provider.take() {
            Some(provider) => self.serve_with(provider).await,
            None => self.build()?.serve().await,
        }
    }

    /// Listens, so that the provider learns the address, and serves with the validator of the provider.
    async fn serve_with(mut self, provider: Box<dyn AuthProvider>) -> Result<(), Error> {
        let values = self.resolve_settings()?;
        let mut problems = std::mem::take(&mut self.problems);
        let bind = self.config.http.bind_address();
        provider.check(bind).map_err(Error::Validator)?;
        let listen = |source| Error::Listen { address: bind, source };
        let listener = accept::listen(bind).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        self.config.http.bind = Some(address);
        let parts = self.check(&mut problems);
        let Some(parts) = parts.filter(|_| problems.is_empty()) else {
            return Err(BuildError::new(problems).into());
        };
        let description = ServerDescription {
            name: self.name.clone(),
            title: self.title.clone(),
            scopes: parts.index.names().to_vec(),
            bind,
            address,
            endpoint: parts.server_url.resource(&self.config.http.endpoint_path),
        };
        let auth = provider.provide(&description).await.map_err(Error::Validator)?;
        let server = self.connect(parts, auth.validators, values, problems)?;
        if let Some(text) = auth.startup_text {
            print(&text);
        }
        let result = server.serve_until_signal(listener).await;
        if let Some(shutdown) = auth.shutdown {
            shutdown.await;
        }
        result
    }
}

/// Writes to standard output. Errors are ignored: it may be closed.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
