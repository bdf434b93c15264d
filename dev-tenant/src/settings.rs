//! Settings of a tenant, as PropelAuth has them in its dashboard.

use crate::mcp_server::McpServer;
use crate::resource::ResourcePolicy;

/// Variants of `issuer` in the authorization server metadata. The tenants of PropelAuth differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerVariant {
    /// `AUTH_URL/oauth/2.1`, which matches the URL of the document.
    #[default]
    AtPath,
    /// `AUTH_URL`, which does not match the URL of the document. Strict clients reject it (RFC 8414 section 3.3).
    AtRoot,
}

/// The settings of a running tenant. [`DevTenantBuilder`](crate::DevTenantBuilder) documents each of them.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch, as in PropelAuth's dashboard")]
pub(crate) struct Settings {
    pub(crate) issuer_variant: IssuerVariant,
    pub(crate) resources: ResourcePolicy,
    pub(crate) mcp_enabled: bool,
    pub(crate) registration: bool,
    pub(crate) client_id_metadata_documents: bool,
    /// Hosts of client ID metadata documents, with the port unless it is the default one.
    pub(crate) client_document_hosts: Vec<String>,
    pub(crate) iss_parameter: bool,
    pub(crate) optional_scopes: bool,
    pub(crate) allowed_redirect_uris: Option<Vec<String>>,
    /// MCP servers that the pages name.
    pub(crate) mcp_servers: Vec<McpServer>,
    /// Lifetime of an authorization code, in seconds.
    pub(crate) code_lifetime: u64,
    /// Lifetime of an access token, in seconds.
    pub(crate) access_token_lifetime: u64,
    /// Lifetime of a refresh token, in seconds.
    pub(crate) refresh_token_lifetime: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer_variant: IssuerVariant::AtPath,
            resources: ResourcePolicy::LoopbackOnly,
            mcp_enabled: true,
            registration: true,
            client_id_metadata_documents: false,
            client_document_hosts: Vec::new(),
            iss_parameter: false,
            optional_scopes: true,
            allowed_redirect_uris: None,
            mcp_servers: Vec::new(),
            code_lifetime: 5 * 60,
            access_token_lifetime: 60 * 60,
            refresh_token_lifetime: 30 * 24 * 60 * 60,
        }
    }
}
