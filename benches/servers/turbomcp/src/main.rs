//! Server under test, in turbomcp: `server-turbomcp ADDRESS TOOLS AUTH_URL`.
//!
//! turbomcp validates JWTs and leaves introspection to the application. Here the application has all introspection
//! responses cached, so it sends no request and checks no signature. The visibility policy of turbomcp filters by
//! scope.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::{Map, json};
use toolgate_bench_tools::warm_tokens;
use turbomcp::{
    Visibility,
    auth::{AuthError, AuthPrincipal, BearerValidator, ResourceMetadata, ResourceServer},
    http::{HttpConfig, ServeHttp},
};

#[allow(clippy::pedantic, reason = "generated code")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/tools.rs"));
}

/// Validator with the principals of all tokens.
struct CachedPrincipals(HashMap<String, AuthPrincipal>);

impl BearerValidator for CachedPrincipals {
    fn validate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<AuthPrincipal, AuthError>> {
        let principal = self.0.get(token).cloned();
        Box::pin(async move { principal.ok_or_else(|| AuthError::InvalidToken("inactive".to_owned())) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("{name} is missing"));
    let address: SocketAddr = next("ADDRESS")?.parse()?;
    let tools: usize = next("TOOLS")?.parse()?;
    let auth_url = next("AUTH_URL")?;

    let resource = format!("http://{address}/mcp");
    let principal = |scopes: Vec<String>| {
        let mut claims = Map::new();
        claims.insert("scope".to_owned(), json!(scopes.join(" ")));
        AuthPrincipal { subject: "user".to_owned(), scopes, claims }
    };
    let cached = warm_tokens(tools).into_iter().map(|(token, scopes)| (token, principal(scopes))).collect();
    let authenticator = ResourceServer::new(
        CachedPrincipals(cached),
        ResourceMetadata::new(resource, [auth_url]),
        format!("http://{address}/.well-known/oauth-protected-resource"),
    );
    let config = HttpConfig::new().with_authenticator(Arc::new(authenticator));
    let visibility = Arc::new(Visibility::new().requiring_declared_scopes());
    // The variants have different types.
    macro_rules! run {
        ($tools:ident) => {
            generated::$tools::Tools.into_server().with_visibility(visibility).run_http(address, config).await?
        };
    }
    match tools {
        20 => run!(tools_20),
        100 => run!(tools_100),
        500 => run!(tools_500),
        _ => return Err("expected 20, 100 or 500 tools".into()),
    }
    Ok(())
}
