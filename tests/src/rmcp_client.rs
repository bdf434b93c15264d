//! The client of rmcp, an independent MCP client.

use rmcp::{
    ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{ClientConfig, ProtocolVersion},
    service::{ClientInitializeError, RunningService},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};

use crate::{Revision, http_client};

type RmcpClient = RunningService<RoleClient, ClientConfig>;

async fn connect(
    endpoint: &str,
    token: Option<&str>,
    revision: Revision,
) -> Result<RmcpClient, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(endpoint);
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    let transport = StreamableHttpClientTransport::with_client(http_client(), config);
    let lifecycle = match revision {
        Revision::Legacy => ClientLifecycleMode::Initialize,
        Revision::Modern => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
    };
    ClientConfig::default().serve_with_lifecycle(transport, lifecycle).await
}

/// Connects rmcp's client.
///
/// # Panics
///
/// If it cannot connect.
pub async fn connect_rmcp(endpoint: &str, token: &str, revision: Revision) -> RmcpClient {
    match connect(endpoint, Some(token), revision).await {
        Ok(client) => client,
        Err(error) => panic!("rmcp's client could not connect: {error}"),
    }
}

/// Returns the error with which rmcp's client fails to connect.
///
/// # Panics
///
/// If it connects.
pub async fn fail_to_connect_rmcp(endpoint: &str, token: Option<&str>, revision: Revision) -> ClientInitializeError {
    match connect(endpoint, token, revision).await {
        Ok(_) => panic!("rmcp's client connected"),
        Err(error) => error,
    }
}
