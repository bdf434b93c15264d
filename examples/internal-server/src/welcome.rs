//! What the server says when it starts.

use std::fmt;

/// Where the tokens come from.
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
        /// A token for somebody of each role.
        tokens: Vec<RoleToken>,
    },
}

/// A token for somebody of a role of the development tenant.
#[derive(Clone)]
pub struct RoleToken {
    /// The role.
    pub role: String,
    /// The person's name.
    pub person: String,
    /// The token. It is worth something on this machine only, and only while the server runs.
    pub token: String,
}

impl fmt::Debug for RoleToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleToken").field("role", &self.role).field("person", &self.person).finish_non_exhaustive()
    }
}

/// The first lines of the server's output.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// The URL that clients connect to.
    pub mcp_url: String,
    /// Where the tokens come from.
    pub tokens: TokenSource,
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.mcp_url;
        match &self.tokens {
            TokenSource::PropelAuth { auth_url } => {
                writeln!(f, "Tokens are checked with PropelAuth at {auth_url}.")?;
            }
            TokenSource::DevTenant { auth_url, .. } => {
                writeln!(f, "No PROPELAUTH_* variable is set: a development tenant stands in for PropelAuth.")?;
                writeln!(f, "It runs at {auth_url}, on this machine only, and lets anybody in as anybody.")?;
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
            writeln!(f, "\nOr send one of these, as `Authorization: Bearer <token>`, while this server runs:")?;
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
    fn the_first_line_says_that_a_development_tenant_runs() {
        let token = |role: &str, token: &str| RoleToken {
            role: role.to_owned(),
            person: format!("Somebody ({role})"),
            token: token.to_owned(),
        };
        let welcome = Welcome {
            mcp_url: "http://127.0.0.1:8000/mcp".to_owned(),
            tokens: TokenSource::DevTenant {
                auth_url: "http://127.0.0.1:9000".to_owned(),
                tokens: vec![token("HR", "one"), token("Support", "other")],
            },
        };
        let text = welcome.to_string();
        assert!(text.lines().next().unwrap().contains("development tenant"));
        assert!(text.contains("claude mcp add --transport http company http://127.0.0.1:8000/mcp"));
        assert!(text.contains(r#"{"mcpServers": {"company": {"url": "http://127.0.0.1:8000/mcp"}}}"#));
        assert!(text.contains("  HR       Somebody (HR)       one\n"));
        assert!(!format!("{welcome:?}").contains("other"));
    }

    #[test]
    fn with_propelauth_there_is_no_token_to_print() {
        let welcome = Welcome {
            mcp_url: "https://mcp.example.com/mcp".to_owned(),
            tokens: TokenSource::PropelAuth { auth_url: "https://auth.example.com".to_owned() },
        };
        let text = welcome.to_string();
        assert!(text.starts_with("Tokens are checked with PropelAuth at https://auth.example.com."));
        assert!(!text.contains("Bearer"));
    }
}
