//! The text that the server prints when it starts: its URL, how to connect a client, and tokens.

use std::fmt;

use toolgate_dev_tenant::DevTenant;

use crate::{auth::ServerDescription, connect};

/// The text for standard output. It shows tokens, so it must not be logged.
pub(super) struct Banner<'a> {
    pub(super) server: &'a ServerDescription,
    pub(super) source: TokenSource<'a>,
}

/// Authorization server that issues the tokens.
pub(super) enum TokenSource<'a> {
    PropelAuth {
        auth_url: &'a str,
        /// Whether API keys are validated, too.
        has_api_keys: bool,
    },
    Tenant {
        tenant: &'a DevTenant,
        /// Paragraphs about `tenant.toml`, such as that it was written.
        remarks: Vec<String>,
        tokens: Vec<RoleToken>,
    },
}

/// A token of a person with a role.
pub(super) struct RoleToken {
    pub(super) role: String,
    pub(super) person: String,
    pub(super) token: String,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.server.endpoint;
        match &self.source {
            TokenSource::PropelAuth { auth_url, has_api_keys } => {
                let keys = if *has_api_keys { "Tokens and API keys" } else { "Tokens" };
                writeln!(f, "{keys} are validated with PropelAuth at {auth_url}.")?;
                writeln!(f, "\nMCP URL: {endpoint}")?;
            }
            TokenSource::Tenant { tenant, remarks, .. } => {
                writeln!(f, "No PROPELAUTH_* variable is set: using a development tenant instead of PropelAuth.")?;
                let auth_url = tenant.auth_url();
                writeln!(f, "It runs at {auth_url}, on this machine only. Any user can log in as any person.")?;
                for remark in remarks {
                    writeln!(f, "{remark}")?;
                }
                writeln!(f, "\nMCP URL: {endpoint}")?;
                writeln!(f, "Admin page: {} (disable people, change roles, revoke access)", tenant.admin_url())?;
            }
        }
        writeln!(f, "\nConnect a client, which opens a browser to log in:")?;
        for client in connect::clients(&self.server.name, endpoint) {
            // One line for each client. The last way of a client has the fewest requirements.
            if let Some(step) = client.steps.last() {
                writeln!(f, "  {:<15}{step}", client.name)?;
            }
        }
        if let TokenSource::Tenant { tenant, .. } = &self.source {
            write_api_keys(f, tenant, &self.server.scopes)?;
        }
        if let TokenSource::Tenant { tokens, .. } = &self.source
            && !tokens.is_empty()
        {
            writeln!(f, "\nOr send one of these tokens as `Authorization: Bearer <token>`, also after a restart:")?;
            let width = |cell: fn(&RoleToken) -> &str| {
                tokens.iter().map(|token| cell(token).chars().count()).max().unwrap_or_default()
            };
            let (role, person) = (width(|token| &token.role), width(|token| &token.person));
            for token in tokens {
                writeln!(f, "  {:role$}  {:person$}  {}", token.role, token.person, token.token)?;
            }
        }
        writeln!(f)
    }
}

/// Writes the API keys of `tenant.toml`, and how to create another one.
fn write_api_keys(f: &mut fmt::Formatter<'_>, tenant: &DevTenant, scopes: &[&str]) -> fmt::Result {
    writeln!(f, "\nA caller without a browser, such as a CI job, sends an API key. Create one with:")?;
    let scopes = scopes.first().map_or(String::new(), |scope| format!("\"{scope}\""));
    let body = format!("{{\"name\": \"CI\", \"scopes\": [{scopes}]}}");
    writeln!(f, "  curl {}/api/keys --json '{body}'", tenant.admin_url())?;
    for key in tenant.config().api_keys() {
        if let Some(text) = tenant.declared_api_key(&key.name) {
            writeln!(f, "  {}: {text}", key.name)?;
        }
    }
    Ok(())
}
