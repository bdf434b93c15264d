//! `Server::serve`: listens before the server is built, if its validator or its URL depends on the port.

use std::io::{self, Write as _};

use tokio::net::TcpListener;

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
        if let Some(provider) = self.provider.take() {
            return self.serve_with(provider).await;
        }
        let values = self.resolve_settings()?;
        if self.config.http.bind_address().port() != 0 {
            return self.build_with(values)?.serve().await;
        }
        let listener = self.listen()?;
        self.build_with(values)?.serve_until_signal(listener).await
    }

    /// Listens on the address of the settings. The port is the one that was chosen from now on, which the URL of the server
    /// names.
    fn listen(&mut self) -> Result<TcpListener, Error> {
        let address = self.config.http.bind_address();
        let error = |source| Error::Listen { address, source };
        let listener = accept::listen(address).map_err(error)?;
        self.config.http.bind = Some(listener.local_addr().map_err(error)?);
        Ok(listener)
    }

    /// Listens, so that the provider learns the address, and serves with the validator of the provider.
    async fn serve_with(mut self, provider: Box<dyn AuthProvider>) -> Result<(), Error> {
        let values = self.resolve_settings()?;
        let mut problems = std::mem::take(&mut self.problems);
        let bind = self.config.http.bind_address();
        provider.check(bind).map_err(Error::Validator)?;
        let listener = self.listen()?;
        let address = self.config.http.bind_address();
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
            has_tls: self.config.http.has_tls(),
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
