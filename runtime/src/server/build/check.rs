//! The checks that need no validator: of the settings, the policy, the scopes and the operations.

use std::{fs, net::SocketAddr, sync::Arc};

#[cfg(feature = "redis")]
use secrecy::ExposeSecret as _;

use super::{Parts, collect};
#[cfg(feature = "redis")]
use crate::replication::Replication;
use crate::{
    error::BuildProblem,
    operation::RegisteredForm,
    policy::Policy,
    registry::{RateOverrides, Registry, RegistryConfig},
    scope::{self, ScopeIndex},
    server::{Server, advertised_scopes::AdvertisedScopes, config::Config},
};

impl Server {
    /// Checks everything that needs no validator, after [`resolve_settings`](Self::resolve_settings). Returns `None` if a
    /// part has problems.
    pub(in crate::server) fn check(&mut self, problems: &mut Vec<BuildProblem>) -> Option<Parts> {
        let server_url = collect(self.config.http.public_url(), problems);
        problems.extend(self.config.problems());
        self.config.http.metrics_address = metrics_address(&self.config);
        self.config.http.console_address = collect(console_address(&self.config), problems).flatten();
        problems.extend(unwritten_audit_file(&self.config));
        #[cfg(feature = "redis")]
        {
            let replication = configured_replication(self.replication.take(), &self.config);
            self.replication = collect(replication, problems).flatten();
            problems.extend(self.replication.iter().flat_map(Replication::problems));
        }
        problems.extend(RegisteredForm::problems().map(|(name, problem)| BuildProblem::Form { name, problem }));
        let policy = self.policy();
        let lock = collect(self.read_policy_lock(), problems).flatten();
        problems.extend(self.unknown_rate_roles(lock.as_deref()));
        if let Some(lock) = lock {
            let difference = policy.check_lock(&lock).err();
            problems.extend(difference.map(|difference| BuildProblem::PolicyLock(difference.to_string())));
        }
        let index = Arc::new(ScopeIndex::new(self.scope_lists.iter().copied()));
        let unknown = self.required_for_all.iter().filter(|&&scope| index.bit(scope).is_none());
        problems.extend(unknown.map(|&scope| BuildProblem::UnknownRequiredScope(scope)));
        if self.conceal && self.config.operations.list_acquirable {
            problems.push(BuildProblem::ConcealedAcquirableTools);
        }
        let scopes = AdvertisedScopes::new(&index, self.initial_scopes.take());
        let scopes = scopes.map_err(|found| problems.extend(found));
        let mounted = std::mem::take(&mut self.mounts).into_iter().flat_map(|mount| {
            mount.into_operations().unwrap_or_else(|found| {
                problems.extend(found);
                Vec::new()
            })
        });
        let mounted = mounted.collect();
        let registry = Registry::new(RegistryConfig {
            lists: &self.scope_lists,
            index: &index,
            mounted,
            required_for_all: &self.required_for_all,
            states: std::mem::take(&mut self.states),
            deny: std::mem::take(&mut self.deny),
            default_timeout: self.config.operations.timeout,
            max_result_bytes: self.config.limits.max_result_bytes,
            lists_acquirable_tools: self.config.operations.list_acquirable,
            rates: RateOverrides {
                per_caller: &self.config.rates.operations,
                total: &self.config.rates.operation_totals,
            },
        })
        .map_err(|found| problems.extend(found));
        let registry = Arc::new(registry.ok()?);
        problems.extend(self.approvals_problem(&registry));
        Some(Parts { registry, policy, index, scopes: scopes.ok()?, server_url: server_url? })
    }

    /// Returns a problem if a tool needs approvals that this server cannot have.
    #[cfg_attr(not(feature = "approvals"), expect(clippy::unused_self, reason = "only approvals have settings"))]
    fn approvals_problem(&self, registry: &Registry) -> Option<BuildProblem> {
        let tool = registry.first_with_approval()?;
        if !cfg!(feature = "approvals") {
            return Some(BuildProblem::ApprovalsFeature(tool));
        }
        #[cfg(feature = "approvals")]
        {
            let has_key = self.signer.is_some() || self.config.operations.request_state_key.is_some();
            let is_shared = self.approval_store.is_some();
            #[cfg(feature = "redis")]
            let is_shared = is_shared || self.replication.is_some();
            if is_shared && !has_key {
                return Some(BuildProblem::ApprovalsKey(tool));
            }
        }
        None
    }

    /// Finds the roles with a rate that are not among those of the server: the ones of `Server::roles` or, without them,
    /// those of the lock file. If there are none, every role is accepted.
    fn unknown_rate_roles(&self, lock: Option<&str>) -> Vec<BuildProblem> {
        let lock = lock.and_then(|lock| Policy::from_lock(lock).ok()).unwrap_or_default();
        let known: Vec<&str> = match self.roles {
            Some(roles) => roles.names().to_vec(),
            None => lock.roles.iter().map(|role| role.name.as_str()).collect(),
        };
        let roles =
            self.config.rates.roles.keys().filter(|role| !known.is_empty() && !known.contains(&role.as_str()));
        let problem = |role: &String| BuildProblem::UnknownRateRole {
            role: role.clone(),
            similar: scope::nearest(role, &known).map(str::to_owned),
        };
        roles.map(problem).collect()
    }

    /// Returns the lock file of the settings, or the one that the program passed.
    fn read_policy_lock(&mut self) -> Result<Option<String>, BuildProblem> {
        let Some(path) = &self.config.policy_lock else { return Ok(self.policy_lock.take()) };
        fs::read_to_string(path)
            .map(Some)
            .map_err(|error| BuildProblem::PolicyLockFile { path: path.clone(), problem: error.to_string() })
    }
}

/// Returns the address of the metrics endpoint, if it can be served.
fn metrics_address(config: &Config) -> Option<SocketAddr> {
    let address = config.http.metrics_address?;
    if !cfg!(feature = "prometheus") {
        tracing::warn!("a metrics address is set, but toolgate was built without the feature `prometheus`");
        return None;
    }
    Some(address)
}

/// Returns a problem if the settings name a file for the audit log that the program does not write.
fn unwritten_audit_file(config: &Config) -> Option<BuildProblem> {
    let path = config.audit.path.as_ref()?;
    #[cfg(all(feature = "audit-file", feature = "logging"))]
    if crate::logging::writes_audit_file(path) {
        return None;
    }
    Some(BuildProblem::AuditFileNotWritten(path.clone()))
}

/// Returns the address of the console, if it can be served.
fn console_address(config: &Config) -> Result<Option<SocketAddr>, BuildProblem> {
    let Some(address) = config.http.console_address else { return Ok(None) };
    if !cfg!(feature = "console") {
        tracing::warn!("a console address is set, but toolgate was built without the feature `console`");
        return Ok(None);
    }
    if !address.ip().is_loopback() && !config.http.expose_console_without_authentication {
        return Err(BuildProblem::ConsoleAddress(address));
    }
    Ok(Some(address))
}

/// Returns the replication of the settings, which take precedence over that of the program.
#[cfg(feature = "redis")]
pub(in crate::server) fn configured_replication(
    code: Option<Replication>,
    config: &Config,
) -> Result<Option<Replication>, BuildProblem> {
    let config = &config.replication;
    let mut replication = match (&config.url, code) {
        (Some(url), code) => Replication::redis(url.clone()).with_options_of(code),
        (None, Some(code)) => code,
        (None, None) if config.key_prefix.is_some() || config.shared_cache_secret.is_some() => {
            return Err(BuildProblem::MissingRedisUrl);
        }
        (None, None) => return Ok(None),
    };
    if let Some(prefix) = &config.key_prefix {
        replication = replication.key_prefix(prefix);
    }
    if let Some(secret) = &config.shared_cache_secret {
        replication = replication.shared_cache(secret.expose_secret());
    }
    Ok(Some(replication))
}
