//! What a tenant's operator chooses, as PropelAuth's dashboard would have it.

use crate::resource::ResourcePolicy;

/// Which `issuer` the authorization server metadata carries. PropelAuth's tenants differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerVariant {
    /// `AUTH_URL/oauth/2.1`: consistent with the address that the document is served at.
    #[default]
    AtPath,
    /// `AUTH_URL`: strict clients refuse the document, because it was fetched for another issuer
    /// (RFC 8414 section 3.3).
    AtRoot,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) issuer_variant: IssuerVariant,
    pub(crate) resources: ResourcePolicy,
    pub(crate) mcp_enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer_variant: IssuerVariant::AtPath,
            resources: ResourcePolicy::LoopbackOnly,
            mcp_enabled: true,
        }
    }
}
