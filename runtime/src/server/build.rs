//! Building a server: checks every setting, reports all problems together, and connects the parts.

mod check;
mod connect;
mod public_names;
mod server_info;

use std::sync::Arc;

#[cfg(all(feature = "cli", feature = "redis"))]
pub(super) use self::check::configured_replication;
use super::{BuiltServer, Server, advertised_scopes::AdvertisedScopes, config::SettingValue, server_url::ServerUrl};
use crate::{
    audit::AuditLog,
    error::{BuildError, BuildProblem},
    policy::Policy,
    registry::{Dispatcher, ListSettings, Registry},
    scope::ScopeIndex,
};

impl Server {
    /// Checks every setting and builds the server.
    ///
    /// # Errors
    ///
    /// Every problem of the configuration, such as a state that an operation takes and the server does not have, two
    /// operations with the same name or URI, an invalid `SERVER_URL`, or a missing validator.
    pub fn build(mut self) -> Result<BuiltServer, BuildError> {
        let values = self.resolve_settings()?;
        let http = &self.config.http;
        if http.bind_address().port() == 0 && http.server_url.is_none() {
            self.problems.push(BuildProblem::UnknownPort);
        }
        self.build_with(values)
    }

    /// Builds the server with settings that have been [resolved](Self::resolve_settings).
    pub(super) fn build_with(mut self, values: Vec<SettingValue>) -> Result<BuiltServer, BuildError> {
        let mut problems = std::mem::take(&mut self.problems);
        let parts = self.check(&mut problems);
        let validators = self.validators.take();
        match (&validators, &self.provider) {
            (Some(_), _) => {}
            (None, Some(_)) => problems.push(BuildProblem::ProvidedValidator),
            (None, None) => problems.push(BuildProblem::MissingValidator),
        }
        let (Some(parts), Some(validators)) = (parts, validators) else {
            return Err(BuildError::new(problems));
        };
        self.connect(parts, validators, values, problems)
    }

    /// Replaces the settings of the program with those of all layers. Returns each setting with its source.
    ///
    /// # Errors
    ///
    /// A setting cannot be read. The error has the problems of earlier calls, too.
    pub(super) fn resolve_settings(&mut self) -> Result<Vec<SettingValue>, BuildError> {
        match self.load_settings() {
            Ok(settings) => {
                #[cfg(all(feature = "logging", unix))]
                if self.reads_environment {
                    self.log_filter = Some(crate::logging::FilterSource {
                        code: self.config.log.clone(),
                        file: self.config_file.clone(),
                        command_line: self.command_line.clone(),
                    });
                }
                let values;
                (self.config, values) = settings.into_config();
                Ok(values)
            }
            Err(error) => {
                self.problems.extend(error.problems().iter().cloned());
                Err(BuildError::new(std::mem::take(&mut self.problems)))
            }
        }
    }
}

/// Parts that are valid on their own.
pub(super) struct Parts {
    registry: Arc<Registry>,
    policy: Policy,
    pub(super) index: Arc<ScopeIndex>,
    scopes: AdvertisedScopes,
    pub(super) server_url: ServerUrl,
}

impl Parts {
    #[cfg_attr(not(feature = "console"), expect(unused_variables, reason = "there is no console"))]
    fn dispatcher(&self, conceal: bool, lists: ListSettings, has_console: bool) -> Arc<Dispatcher> {
        let audit = AuditLog::new(self.policy.fingerprint());
        #[cfg(feature = "console")]
        let audit = if has_console { audit.keep_recent() } else { audit };
        Arc::new(Dispatcher::new(Arc::clone(&self.registry), audit, conceal, lists))
    }
}

/// Moves an error to the list of problems.
fn collect<T>(result: Result<T, BuildProblem>, problems: &mut Vec<BuildProblem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}
