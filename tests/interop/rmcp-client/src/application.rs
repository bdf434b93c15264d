//! What an application does around rmcp: it authorizes when the server asks it to, and asks for more scopes when a call
//! needs them.

use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rmcp::{
    model::{CallToolRequestParams, JsonObject, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService, ServiceError},
    transport::{
        AuthClient, AuthorizationManager, StreamableHttpClientTransport,
        auth::{AuthorizationCallback, AuthorizationRequest, OAuthState, WWWAuthenticateParams},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::callback::Callback;

/// An MCP client with one server.
pub(crate) struct Application {
    url: String,
    lifecycle: ClientLifecycleMode,
    callback: Callback,
    connection: Option<Connection>,
}

struct Connection {
    url: Url,
    client: RunningService<RoleClient, ()>,
    authorization: Arc<Mutex<AuthorizationManager>>,
}

impl Application {
    pub(crate) async fn new(url: String, modern: bool) -> anyhow::Result<Self> {
        let lifecycle = if modern {
            ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            }
        } else {
            ClientLifecycleMode::Initialize
        };
        Ok(Self { url, lifecycle, callback: Callback::bind().await?, connection: None })
    }

    /// Connects without a token, is told to authorize, does, and connects again. Returns the protocol version.
    pub(crate) async fn connect(&mut self) -> anyhow::Result<String> {
        let challenge = self.challenge().await?;
        let manager = self.authorize(&challenge).await?;
        let http = AuthClient::new(reqwest::Client::new(), manager);
        let authorization = Arc::clone(&http.auth_manager);
        let transport = StreamableHttpClientTransport::with_client(http, self.config());
        let client = ().serve_with_lifecycle(transport, self.lifecycle.clone()).await?;
        let info = client.peer_info().context("the server said nothing of itself")?;
        let protocol = info.protocol_version.to_string();
        self.connection = Some(Connection { url: Url::parse(&self.url)?, client, authorization });
        Ok(protocol)
    }

    fn config(&self) -> StreamableHttpClientTransportConfig {
        StreamableHttpClientTransportConfig::with_uri(self.url.as_str())
    }

    async fn challenge(&self) -> anyhow::Result<String> {
        let transport = StreamableHttpClientTransport::with_client(reqwest::Client::new(), self.config());
        match ().serve_with_lifecycle(transport, self.lifecycle.clone()).await {
            Ok(_) => bail!("the server let a client without a token in"),
            Err(error) => match error.auth_challenge() {
                Some(challenge) => Ok(challenge.to_owned()),
                None => Err(error.into()),
            },
        }
    }

    async fn authorize(&self, challenge: &str) -> anyhow::Result<AuthorizationManager> {
        let mut oauth = OAuthState::new(&self.url, None).await?;
        let request = AuthorizationRequest::new(self.callback.redirect_uri())
            .with_client_name("rmcp")
            .with_challenge(challenge);
        oauth.start_authorization(request).await?;
        let answer = self.callback.visit(&oauth.get_authorization_url().await?).await?;
        oauth.handle_callback_url(&answer).await?;
        oauth.into_authorization_manager().context("the login left no authorization")
    }

    pub(crate) async fn list(&self) -> anyhow::Result<Vec<String>> {
        let tools = self.connected()?.client.list_all_tools().await?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls the tool; where it needs more scopes, asks the person for them and calls again.
    pub(crate) async fn call(&self, tool: &str, arguments: &JsonObject) -> anyhow::Result<Value> {
        let connection = self.connected()?;
        match connection.call(tool, arguments).await? {
            Called::Answered(content) => Ok(content),
            Called::Challenged(scopes) => {
                self.step_up(connection, &scopes).await?;
                match connection.call(tool, arguments).await? {
                    Called::Answered(content) => Ok(content),
                    Called::Challenged(scopes) => bail!("the call needs {scopes} also after asking for it"),
                }
            }
        }
    }

    async fn step_up(&self, connection: &Connection, scopes: &str) -> anyhow::Result<()> {
        let manager = connection.authorization.lock().await;
        let page = manager.request_scope_upgrade(scopes).await?;
        let answer = AuthorizationCallback::from_redirect_url(&self.callback.visit(&page).await?)?;
        let issuer = answer.issuer.as_deref();
        manager.exchange_code_for_token_with_issuer(&answer.code, &answer.csrf_token, issuer).await?;
        Ok(())
    }

    fn connected(&self) -> anyhow::Result<&Connection> {
        self.connection.as_ref().context("not connected")
    }
}

enum Called {
    Answered(Value),
    /// These scopes are needed.
    Challenged(String),
}

impl Connection {
    async fn call(&self, tool: &str, arguments: &JsonObject) -> anyhow::Result<Called> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments.clone());
        match self.client.call_tool(params).await {
            Ok(result) if result.is_error == Some(true) => Err(anyhow!("the tool failed: {:?}", result.content)),
            Ok(result) => Ok(Called::Answered(result.structured_content.context("the answer has no structure")?)),
            Err(error) => match self.scopes_asked_for(&error) {
                Some(scopes) => Ok(Called::Challenged(scopes)),
                None => Err(error.into()),
            },
        }
    }
    /// The scopes of a step-up challenge.
    fn scopes_asked_for(&self, error: &ServiceError) -> Option<String> {
        let challenge = WWWAuthenticateParams::parse(error.auth_challenge()?, &self.url);
        if challenge.is_insufficient_scope() { challenge.scope } else { None }
    }
}
