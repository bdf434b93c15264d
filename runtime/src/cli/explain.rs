//! `explain`.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, ValueEnum};

use super::{
    App, Error,
    app::{Status, json, print},
};
use crate::{
    JsonObject,
    auth::{Claims, StaticTokens},
    policy::Policy,
};

/// Organization of a caller that is described by a role.
const ORGANIZATION: &str = "00000000-0000-4000-8000-000000000000";

/// Options of `explain`.
#[derive(Args, Clone, Debug)]
#[non_exhaustive]
pub struct ExplainOptions {
    /// The operation, as `policy` prints it: the name of a tool, "prompt NAME", or the URI of a resource
    #[arg(value_name = "OPERATION")]
    pub operation: String,

    /// A caller with this role and all of its scopes; this or `--scopes` is required
    #[arg(long, required_unless_present = "scopes")]
    pub role: Option<String>,

    /// A caller with these scopes, separated by spaces; with `--role`, instead of the scopes of the role
    #[arg(long, value_name = "SCOPES")]
    pub scopes: Option<String>,

    /// The ID of the user
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,

    /// The name of the user, such as an e-mail address
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,

    /// The ID of the organization
    #[arg(long, value_name = "ID", default_value = ORGANIZATION)]
    pub org: String,

    /// Arguments of a tool or a prompt: a JSON object. Without them, conditions and guards are not evaluated
    #[arg(long, value_name = "JSON", value_parser = parse_object)]
    pub arguments: Option<JsonObject>,

    /// Roles and their scopes: a TOML file with `[[roles]]`, such as roles.toml or tenant.toml
    #[arg(long, value_name = "FILE")]
    pub roles: Option<PathBuf>,

    /// The format
    #[arg(long, value_enum, default_value_t)]
    pub format: ExplainFormat,
}

/// Format of an explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum ExplainFormat {
    /// One line for each rule
    #[default]
    Text,
    /// A JSON object
    Json,
}

impl ExplainOptions {
    pub(super) async fn execute(self, app: App) -> Result<Status, Error> {
        let policy = app.policy(self.roles.as_deref())?;
        if policy.find(&self.operation).is_none() {
            let similar = policy.similar_operation(&self.operation);
            return Err(Error::UnknownOperation { name: self.operation, similar });
        }
        let claims = self.claims(&policy)?;
        let server = app.into_server().await?.in_process(Arc::new(StaticTokens::new())).build()?;
        let explanation = server.explain(&claims, &self.operation, self.arguments).await;
        print(&match self.format {
            ExplainFormat::Text => explanation.to_string(),
            ExplainFormat::Json => json(&explanation),
        });
        Ok(if explanation.may_be_allowed() { Status::Clean } else { Status::Problem })
    }

    /// Returns the claims of the caller.
    fn claims(&self, policy: &Policy) -> Result<Claims, Error> {
        let mut claims = Claims::new();
        claims.subject.clone_from(&self.user);
        claims.username.clone_from(&self.username);
        if let Some(name) = &self.role {
            let role = policy.role(name).ok_or_else(|| unknown_role(name, policy))?;
            claims = claims.organization(&self.org, name).scopes(&role.scopes);
        } else {
            claims.org_id = Some(self.org.clone());
        }
        if let Some(scopes) = &self.scopes {
            let scopes: Vec<_> = scopes.split_whitespace().collect();
            if let Some(unknown) = scopes.iter().find(|scope| !policy.scopes.iter().any(|known| known == *scope)) {
                return Err(Error::UnknownScope((*unknown).to_owned()));
            }
            claims = claims.scopes(scopes);
        }
        Ok(claims)
    }
}

fn unknown_role(name: &str, policy: &Policy) -> Error {
    let names: Vec<_> = policy.roles.iter().map(|role| role.name.as_str()).collect();
    let known = if names.is_empty() {
        "no roles are known; name a file with `--roles`".to_owned()
    } else {
        format!("the roles are {}", names.join(", "))
    };
    Error::UnknownRole { name: name.to_owned(), known }
}

fn parse_object(text: &str) -> Result<JsonObject, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object, such as {{\"year\": 2026}}: {error}"))
}
