//! What the command `check` needs of a server that is neither built nor serving.

use super::{Server, config::Config, scope_drift, server_url::ServerUrl, well_known};
use crate::{
    auth::{AudiencePolicy, Diagnostic, ProviderError, Resource, Validators},
    error::BuildError,
    gate::AllowedOrigins,
    policy::Policy,
};
#[cfg(feature = "redis")]
use crate::{error::BuildProblem, operation::OperationDescriptor, replication::Replication};

/// A configured server, and how clients and its authorization server reach it.
pub(crate) struct Deployment {
    pub(crate) config: Config,
    pub(crate) validators: Validators,
    pub(crate) url: ServerUrl,
    pub(crate) resource: Resource,
    /// URL of the protected resource metadata.
    pub(crate) metadata_url: String,
    pub(crate) audience: AudiencePolicy,
    pub(crate) hosts: AllowedOrigins,
    pub(crate) policy: Policy,
    #[cfg(feature = "redis")]
    pub(crate) replication: Result<Option<Replication>, BuildProblem>,
    /// Whether a tool can have tasks, which need Redis if there are several replicas.
    #[cfg(feature = "redis")]
    pub(crate) has_tasks: bool,
}

impl Server {
    /// Returns the validators, without starting anything. `None` if the server would start an authorization server, or
    /// if the program sets no validator.
    ///
    /// # Errors
    ///
    /// The provider of the validator reports why the server cannot start.
    pub(crate) fn take_external_validators(&mut self) -> Result<Option<Validators>, ProviderError> {
        match (self.validators.take(), &self.provider) {
            (Some(validators), _) => Ok(Some(validators)),
            (None, Some(provider)) => provider.external(),
            (None, None) => Ok(None),
        }
    }

    /// Returns the parts that `check` needs, with the settings of all layers.
    ///
    /// # Errors
    ///
    /// A setting or the public URL is invalid.
    pub(crate) fn into_deployment(mut self, validators: Validators) -> Result<Deployment, BuildError> {
        self.resolve_settings()?;
        let url = self.config.http.public_url().map_err(|problem| BuildError::new(vec![problem]))?;
        let endpoint = &self.config.http.endpoint_path;
        let equivalents: Vec<_> = url.equivalents().iter().map(|url| url.resource(endpoint)).collect();
        Ok(Deployment {
            resource: Resource::new(&equivalents[0]).with_equivalents(equivalents[1..].to_vec()),
            metadata_url: well_known::protected_resource_url(&url, endpoint),
            audience: self.audience,
            hosts: AllowedOrigins::new(url.url(), &self.config.http.allowed_hosts, &[]),
            policy: self.policy(),
            #[cfg(feature = "redis")]
            replication: super::build::configured_replication(self.replication.take(), &self.config),
            #[cfg(feature = "redis")]
            has_tasks: OperationDescriptor::registered(&self.scope_lists).any(OperationDescriptor::has_tasks),
            validators,
            url,
            config: self.config,
        })
    }
}

impl Deployment {
    /// Returns the differences between the scopes of the server and those of the authorization server.
    pub(crate) fn scope_drift(&self, advertised: Option<&[String]>) -> Vec<Diagnostic> {
        let declared: Vec<_> = self.policy.scopes.iter().map(String::as_str).collect();
        scope_drift::diagnostics(&declared, advertised, &self.policy.operations, &self.validators.texts())
    }
}
