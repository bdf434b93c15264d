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

/// Independent switches, each documented at its builder method.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in PropelAuth's dashboard")]
pub(crate) struct Settings {
    pub(crate) issuer_variant: IssuerVariant,
    pub(crate) resources: ResourcePolicy,
    pub(crate) mcp_enabled: bool,
    pub(crate) registration: bool,
    pub(crate) client_id_metadata_documents: bool,
    pub(crate) iss_parameter: bool,
    pub(crate) optional_scopes: bool,
    pub(crate) allowed_redirect_uris: Option<Vec<String>>,
    /// In seconds, as the others.
    pub(crate) code_lifetime: u64,
    pub(crate) access_token_lifetime: u64,
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
            iss_parameter: false,
            optional_scopes: true,
            allowed_redirect_uris: None,
            code_lifetime: 5 * 60,
            access_token_lifetime: 60 * 60,
            refresh_token_lifetime: 30 * 24 * 60 * 60,
        }
    }
}
