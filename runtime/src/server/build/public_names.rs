//! The names under which clients know the server.

use crate::{
    gate::{HostNames, RejectionResponder},
    server::{
        advertised_scopes::AdvertisedScopes,
        server_url::ServerUrl,
        well_known::{self, ResourceMetadata},
    },
};

/// The names under which clients know the server; the first is that of `SERVER_URL`.
pub(super) struct PublicNames {
    hosts: HostNames,
    /// The resource under each name.
    pub(super) resources: Vec<String>,
    /// URL of the protected resource metadata under each name.
    metadata_urls: Vec<String>,
}

impl PublicNames {
    pub(super) fn new(server_url: &ServerUrl, endpoint_path: &str) -> Self {
        let urls = server_url.equivalents();
        let names = match urls.as_slice() {
            [_] => Vec::new(),
            urls => urls.iter().map(|url| url.url().authority().to_owned()).collect(),
        };
        Self {
            hosts: HostNames::new(names),
            resources: urls.iter().map(|url| url.resource(endpoint_path)).collect(),
            metadata_urls: urls.iter().map(|url| well_known::protected_resource_url(url, endpoint_path)).collect(),
        }
    }

    pub(super) fn responder(&self, scopes: &AdvertisedScopes) -> RejectionResponder {
        let initial = scopes.initial.as_deref().unwrap_or_default();
        RejectionResponder::new(&self.metadata_urls, initial, self.hosts.clone())
    }

    pub(super) fn metadata(self, name: String, scopes: AdvertisedScopes) -> ResourceMetadata {
        ResourceMetadata { name, resources: self.resources, names: self.hosts, scopes: scopes.supported }
    }
}
