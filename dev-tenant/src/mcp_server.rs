//! MCP servers that the tenant names on its pages.

use crate::resource::{ResourceError, ResourcePolicy};
use crate::text::shown;

/// An MCP server that uses the tenant, for [`DevTenantBuilder::mcp_server`](crate::DevTenantBuilder::mcp_server).
///
/// ```
/// use toolgate_dev_tenant::McpServer;
///
/// let server = McpServer::new("Sample company", "http://127.0.0.1:8000/mcp")?;
/// assert_eq!(server.url(), "http://127.0.0.1:8000/mcp");
/// # Ok::<(), toolgate_dev_tenant::ResourceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpServer {
    name: String,
    url: String,
}

impl McpServer {
    /// Describes a server: its name for people, which is the `resource_name` of its metadata (RFC 9728 section 2), and
    /// the URL of its MCP endpoint, which is the `resource` of its tokens. With an empty name, the tenant fetches the name
    /// from the metadata of the server.
    ///
    /// # Errors
    ///
    /// [`ResourceError::Invalid`] if the URL is not a valid resource, such as one with a fragment.
    pub fn new(name: impl AsRef<str>, url: impl AsRef<str>) -> Result<Self, ResourceError> {
        let url = ResourcePolicy::Any.check(url.as_ref())?;
        Ok(Self { name: shown(name.as_ref().trim()), url })
    }

    /// Returns the name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL of the MCP endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }
}
