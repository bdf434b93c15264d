//! The welcome banner: the MCP URL, how to connect a client, and the development tenant's tokens.

use std::fmt;

/// The authorization server that issues the tokens.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A PropelAuth project.
    PropelAuth {
        /// Its Auth URL.
        auth_url: String,
    },
    /// The development tenant on this machine.
    DevTenant {
        /// Its Auth URL.
        auth_url: String,
        /// One token for each role.
        tokens: Vec<RoleToken>,
    },
}

/// A token that the development tenant issued to a person with a role.
#[derive(Clone)]
pub struct RoleToken {
    /// The role's name.
    pub role: String,
    /// The person's name.
    pub person: String,
    /// The token, which is valid only for this process.
    pub token: String,
}

impl fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleToken").field("role", &self.role).field("person", &self.person).finish_non_exhaustive()
    }
}

/// The banner that the server prints when it starts.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// The URL that clients connect to.
    pub mcp_url: String,
    /// The authorization server that issues the tokens.
    pub tokens: TokenSource,
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.mcp_url;
        match &self.tokens {
            TokenSource::PropelAuth { auth_url } => {
                writeln!(f, "Tokens are validated with PropelAuth at {auth_url}.")?;
            }
            TokenSource::DevTenant { auth_url, .. } => {
                writeln!(f, "No PROPELAUTH_* variable is set: using a development tenant instead of PropelAuth.")?;
                writeln!(f, "It runs at {auth_url}, on this machine only. Any user can log in as any person.")?;
            }
        }
        writeln!(f, "\nMCP URL: {url}\n")?;
        writeln!(f, "Connect a client, which opens a browser to log in:")?;
        writeln!(f, "  Claude Code    claude mcp add --transport http company {url}")?;
        writeln!(
            f,
            r#"  VS Code        in .vscode/mcp.json: {{"servers": {{"company": {{"type": "http", "url": "{url}"}}}}}}"#
        )?;
        writeln!(f, r#"  Cursor         in .cursor/mcp.json: {{"mcpServers": {{"company": {{"url": "{url}"}}}}}}"#)?;
        writeln!(f, "  MCP Inspector  npx @modelcontextprotocol/inspector, then Streamable HTTP and the URL")?;
        if let TokenSource::DevTenant { tokens, .. } = &self.tokens {
            writeln!(f, "\nOr send one of these tokens as `Authorization: Bearer <token>` while this server runs:")?;
            let width =
                |cell: fn(&RoleToken) -> &str| tokens.iter().map(|token| cell(token).len()).max().unwrap_or(0);
            let (role, person) = (width(|token| &token.role), width(|token| &token.person));
            for token in tokens {
                writeln!(f, "  {:role$}  {:person$}  {}", token.role, token.person, token.token)?;
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_the_development_tenant_the_banner_shows_its_tokens() {
        let token = |role: &str, token: &str| RoleToken {
            role: role.to_owned(),
            person: format!("Sample ({role})"),
            token: token.to_owned(),
        };
        let welcome = Welcome {
            mcp_url: "http://127.0.0.1:8000/mcp".to_owned(),
            tokens: TokenSource::DevTenant {
                auth_url: "http://127.0.0.1:9000".to_owned(),
                tokens: vec![token("HR", "token-of-hr"), token("Support", "token-of-support")],
            },
        };
        let text = welcome.to_string();
        assert!(text.lines().next().unwrap().contains("development tenant"));
        assert!(text.contains("claude mcp add --transport http company http://127.0.0.1:8000/mcp"));
        assert!(text.contains(r#"{"mcpServers": {"company": {"url": "http://127.0.0.1:8000/mcp"}}}"#));
        assert!(text.contains("  HR       Sample (HR)       token-of-hr\n"));
        assert!(!format!("{welcome:?}").contains("token-of-"));
    }

    #[test]
    fn with_propelauth_the_banner_shows_no_tokens() {
        let welcome = Welcome {
            mcp_url: "https://mcp.example.com/mcp".to_owned(),
            tokens: TokenSource::PropelAuth { auth_url: "https://auth.example.com".to_owned() },
        };
        let text = welcome.to_string();
        assert!(text.starts_with("Tokens are validated with PropelAuth at https://auth.example.com."));
        assert!(!text.contains("Bearer"));
    }
}
