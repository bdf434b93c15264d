//! The part of an OAuth client that rmcp leaves to the application: the first login and the step-up.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rmcp::{
    model::ProtocolVersion,
    service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService, ServiceError},
    transport::{
        AuthClient, AuthorizationManager, StreamableHttpClientTransport,
        auth::{AuthorizationCallback, AuthorizationRequest, OAuthState, WWWAuthenticateParams},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::sync::Mutex;
use url::Url;

use crate::{handler::Handler, redirect_listener::RedirectListener};

/// A connection to a server, as rmcp has it.
pub(crate) type Service = RunningService<RoleClient, Arc<Handler>>;

/// MCP client of one server that logs in through the browser.
pub(crate) struct OAuthClient {
    url: String,
    lifecycle: ClientLifecycleMode,
    handler: Arc<Handler>,
    redirect_listener: RedirectListener,
    connection: Option<Connection>,
}

struct Connection {
    url: Url,
    service: Service,
    authorization: Arc<Mutex<AuthorizationManager>>,
}

impl OAuthClient {
    /// Creates a client that is not connected. With `modern`, it negotiates protocol revision 2026-07-28 first. With
    /// `tasks`, it declares the extension for tasks.
    pub(crate) async fn new(url: String, modern: bool, tasks: bool) -> anyhow::Result<Self> {
        let lifecycle = if modern {
            ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            }
        } else {
            ClientLifecycleMode::Initialize
        };
        let (handler, redirect_listener) = (Arc::new(Handler::new(tasks)), RedirectListener::bind().await?);
        Ok(Self { url, lifecycle, handler, redirect_listener, connection: None })
    }

    /// Connects without a token, logs in as the challenge requires, and connects again. Returns the negotiated protocol
    /// version.
    pub(crate) async fn connect(&mut self) -> anyhow::Result<String> {
        let challenge = self.challenge().await?;
        let manager = self.log_in(&challenge).await?;
        let http = AuthClient::new(reqwest::Client::new(), manager);
        let authorization = Arc::clone(&http.auth_manager);
        let transport = StreamableHttpClientTransport::with_client(http, self.config());
        let service = Arc::clone(&self.handler).serve_with_lifecycle(transport, self.lifecycle.clone()).await?;
        let info = service.peer_info().context("the server sent no information about itself")?;
        let protocol_version = info.protocol_version.to_string();
        self.connection = Some(Connection { url: Url::parse(&self.url)?, service, authorization });
        Ok(protocol_version)
    }

    fn config(&self) -> StreamableHttpClientTransportConfig {
        StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
    }

    async fn challenge(&self) -> anyhow::Result<String> {
        let transport = StreamableHttpClientTransport::with_client(reqwest::Client::new(), self.config());
        match ().serve_with_lifecycle(transport, self.lifecycle.clone()).await {
            Ok(_) => bail!("the server accepted a client without a token"),
            Err(error) => match error.auth_challenge() {
                Some(challenge) => Ok(challenge.to_owned()),
                None => Err(error.into()),
            },
        }
    }

    async fn log_in(&self, challenge: &str) -> anyhow::Result<AuthorizationManager> {
        let mut oauth = OAuthState::new(&self.url, None).await?;
        let request = AuthorizationRequest::new(self.redirect_listener.redirect_uri())
            .with_client_name("rmcp")
            .with_challenge(challenge);
        oauth.start_authorization(request).await?;
        let response = self.redirect_listener.authorize(&oauth.get_authorization_url().await?).await?;
        oauth.handle_callback_url(&response).await?;
        oauth.into_authorization_manager().context("the login did not complete")
    }

    /// Makes a request. If it requires more scopes, requests them from the user and makes the request again.
    pub(crate) async fn request<T>(
        &self,
        request: impl AsyncFn(&Service) -> Result<T, ServiceError>,
    ) -> anyhow::Result<T> {
        let connection = self.connected()?;
        let error = match request(&connection.service).await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let Some(scopes) = connection.challenged_scopes(&error) else { return Err(error.into()) };
        self.step_up(connection, &scopes).await?;
        request(&connection.service).await.map_err(|error| match connection.challenged_scopes(&error) {
            Some(scopes) => anyhow!("after the step-up, the request still requires {scopes}"),
            None => error.into(),
        })
    }

    pub(crate) fn service(&self) -> anyhow::Result<&Service> {
        Ok(&self.connected()?.service)
    }

    pub(crate) fn handler(&self) -> &Arc<Handler> {
        &self.handler
    }

    async fn step_up(&self, connection: &Connection, scopes: &str) -> anyhow::Result<()> {
        let manager = connection.authorization.lock().await;
        let authorization_url = manager.request_scope_upgrade(scopes).await?;
        let response = self.redirect_listener.authorize(&authorization_url).await?;
        let callback = AuthorizationCallback::from_redirect_url(&response)?;
        let issuer = callback.issuer.as_deref();
        manager.exchange_code_for_token_with_issuer(&callback.code, &callback.csrf_token, issuer).await?;
        Ok(())
    }

    fn connected(&self) -> anyhow::Result<&Connection> {
        self.connection.as_ref().context("not connected")
    }
}

impl Connection {
    fn challenged_scopes(&self, error: &ServiceError) -> Option<String> {
        let challenge = WWWAuthenticateParams::parse(error.auth_challenge()?, &self.url);
        if challenge.is_insufficient_scope() { challenge.scope } else { None }
    }
}
