//! `tenant.toml`: read, or written from the scopes of the server.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use toolgate_dev_tenant::{ScopeInfo, TenantConfig};

use super::super::{StartError, TenantToml};
use crate::auth::ServerDescription;

/// Name of the organization in a file that is written.
const ORGANIZATION: &str = "Example Company (sample)";

/// The configuration of a tenant, and what the developer should know about it.
pub(super) struct LoadedConfig {
    pub(super) config: TenantConfig,
    pub(super) remarks: Vec<String>,
}

impl TenantToml {
    /// Reads the configuration. A missing file is written.
    pub(super) fn load(&self, server: &ServerDescription) -> Result<LoadedConfig, StartError> {
        let (name, text, is_new) = match self {
            Self::Text(text) => ("tenant.toml".to_owned(), (*text).to_owned(), false),
            Self::File(path) => {
                let (text, is_new) = read_or_write(path, server)?;
                (path.display().to_string(), text, is_new)
            }
        };
        let config = TenantConfig::from_toml(&text).map_err(|error| StartError::Tenant(error.into()))?;
        let mut remarks = Vec::new();
        if is_new {
            tracing::info!(
                path = name,
                "wrote the configuration of the development tenant, from the server's scopes"
            );
            remarks.push(format!("Wrote {name} from the scopes of this server. Edit its people and roles."));
        }
        remarks.extend(missing_scopes(&name, &config, server));
        Ok(LoadedConfig { config, remarks })
    }
}

/// Returns the text that the consent page shows for a scope, until the developer writes a better one.
fn description(scope: &str) -> String {
    format!("Use the tools that require {scope}.")
}

/// Returns the text of the file, and whether it was written now.
fn read_or_write(path: &Path, server: &ServerDescription) -> Result<(String, bool), StartError> {
    let failed = |action| move |source| StartError::TenantToml { action, path: path.to_owned(), source };
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map(|text| (text, false)).map_err(failed("read")),
    }
    let scopes: Vec<_> = server.scopes.iter().map(|scope| ScopeInfo::new(*scope, description(scope))).collect();
    let text = TenantConfig::starter_toml(ORGANIZATION, &scopes);
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed("write"))?;
    file.write_all(text.as_bytes()).map_err(failed("write"))?;
    Ok((text, true))
}

/// Returns the lines to add for scopes of the server that the tenant does not define, so that no person can grant them.
fn missing_scopes(name: &str, config: &TenantConfig, server: &ServerDescription) -> Option<String> {
    let is_defined = |scope: &str| config.scopes().iter().any(|defined| defined.name == scope);
    let missing: Vec<&str> = server.scopes.iter().copied().filter(|scope| !is_defined(scope)).collect();
    if missing.is_empty() {
        return None;
    }
    let mut text = format!(
        "\nWarning: {name} lacks scopes of this server, so no person can grant them. Add these lines, and the scopes to \
         the roles that may grant them:\n"
    );
    for scope in missing {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  [[scopes]]\n  name = \"{scope}\"\n  description = \"{}\"\n", description(scope));
    }
    Some(text)
}
