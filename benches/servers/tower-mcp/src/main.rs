//! Server under test, in tower-mcp: `server-tower-mcp ADDRESS TOOLS AUTH_URL`.
//!
//! tower-mcp validates JWTs and leaves introspection to the application. Here the application has all introspection
//! responses cached, so it sends no request and checks no signature. A policy of tower-mcp checks the scope of each
//! call, and a filter checks the scope of each listed tool.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use toolgate_bench_tools::{tools, warm_tokens};
use tower_mcp::{
    CapabilityFilter, HttpTransport, McpRouter, Tool,
    oauth::{OAuthError, ProtectedResourceMetadata, ScopePolicy, TokenClaims, TokenValidator, token::TokenAudience},
};

#[allow(clippy::pedantic, reason = "generated code")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/tools.rs"));
}

/// Validator with the claims of all tokens.
#[derive(Clone)]
struct CachedClaims(Arc<HashMap<String, TokenClaims>>);

impl TokenValidator for CachedClaims {
    async fn validate_token(&self, token: &str) -> Result<TokenClaims, OAuthError> {
        self.0.get(token).cloned().ok_or_else(|| OAuthError::InvalidToken { description: "inactive".to_owned() })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let address: SocketAddr = next("ADDRESS")?.parse()?;
    let count: usize = next("TOOLS")?.parse()?;
    let auth_url = next("AUTH_URL")?;

    let resource = format!("http://{address}/mcp");
    let claims = |scopes: Vec<String>| TokenClaims {
        sub: Some("user".to_owned()),
        iss: None,
        aud: Some(TokenAudience::Single(resource.clone())),
        exp: Some(4_000_000_000),
        scope: Some(scopes.join(" ")),
        client_id: None,
        extra: HashMap::new(),
    };
    let cached = warm_tokens(count).into_iter().map(|(token, scopes)| (token, claims(scopes))).collect();
    let tools = tools(count);
    let policy = tools.iter().fold(ScopePolicy::new(), |policy, tool| policy.tool_scope(&tool.name, &tool.scope));
    let scope_of: HashMap<String, String> = tools.into_iter().map(|tool| (tool.name, tool.scope)).collect();
    let filter = CapabilityFilter::new_with_context(move |context, tool: &Tool| {
        let granted =
            context.extension::<TokenClaims>().and_then(|claims| claims.scope.as_deref()).unwrap_or_default();
        // `TokenClaims::has_scope` would build a set of all scopes for each tool.
        scope_of.get(&tool.name).is_some_and(|scope| granted.split(' ').any(|granted| granted == scope))
    });
    let router = McpRouter::new().server_info("tower-mcp", "1.0.0");
    let router = match count {
        20 => generated::tools_20::router(router),
        100 => generated::tools_100::router(router),
        500 => generated::tools_500::router(router),
        _ => return Err("expected 20, 100 or 500 tools".into()),
    };
    let metadata = ProtectedResourceMetadata::new(&resource).authorization_server(&auth_url);
    let app = HttpTransport::new(router.tool_filter(filter)).into_oauth_router_at(
        "/mcp",
        CachedClaims(Arc::new(cached)),
        metadata,
        policy,
    )?;
    axum::serve(TcpListener::bind(address).await?, app).await?;
    Ok(())
}
