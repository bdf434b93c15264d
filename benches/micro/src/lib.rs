//! What the measurements of toolgate's inside share.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;
use toolgate::{
    __bench::Decision,
    Scopes,
    auth::{BearerToken, Claims, TokenValidator, ValidationError},
};

/// A thousand scopes, and tools without a body: nothing here calls one.
#[allow(clippy::pedantic, missing_docs)]
pub mod lists {
    use toolgate::{
        __private::{
            BodyFuture, Invocation, ToolDescriptor, inventory,
            schemars::{Schema, SchemaGenerator},
            scope,
        },
        Scopes,
    };

    fn input(_: &mut SchemaGenerator) -> Schema {
        toolgate::__private::schemars::json_schema!({ "type": "object" })
    }

    fn output(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn body(_: Invocation<'_>) -> BodyFuture<'_> {
        Box::pin(std::future::pending())
    }

    include!(concat!(env!("OUT_DIR"), "/lists.rs"));
}

/// The list with so many tools: ten, a hundred, or a thousand.
#[must_use]
pub fn list(tools: usize) -> &'static Scopes {
    match tools {
        10 => &lists::SCOPES_10,
        100 => &lists::SCOPES_100,
        _ => &lists::SCOPES_1000,
    }
}

/// So many tools, and a caller with every second of the thousand scopes.
///
/// # Panics
///
/// When no server could be built of the tools.
#[must_use]
pub fn decision(tools: usize) -> Decision {
    let scopes = list(tools);
    let granted: Vec<_> = scopes.names().iter().step_by(2).copied().collect();
    Decision::new(scopes, &granted).expect("the tools are sound")
}

/// The names of so many tools.
#[must_use]
pub fn names(tools: usize) -> Vec<String> {
    (0..tools).map(|tool| format!("tool_{tool:04}")).collect()
}

/// Answers like an authorization server that knows every token.
pub struct Everybody;

static ASKED: AtomicUsize = AtomicUsize::new(0);

/// How often [`Everybody`] was asked.
#[must_use]
pub fn asked() -> usize {
    ASKED.load(Ordering::Relaxed)
}

/// What it answers about a token: as much as real answers hold.
#[must_use]
pub fn claims(token: &str) -> Claims {
    let raw = json!({
        "active": true,
        "sub": format!("31c41c16-c281-44ae-9602-{token:0>12}"),
        "client_id": "b1c2d3e4f5",
        "username": format!("{token}@example.com"),
        "org_id": "1189c444-8a2d-4c41-8b4b-ae43ce79a492",
        "org_role": "Member",
        "aud": "https://mcp.example.com/mcp",
        "iss": "https://auth.example.com/oauth/2.1",
        "token_type": "access_token",
        "iat": 1_790_000_000,
        "exp": 4_000_000_000_u32,
        "scope": "area000:records:read area001:records:read area002:records:read",
    });
    let text = |key: &str| raw[key].as_str().unwrap_or_default().to_owned();
    let mut claims = Claims::new()
        .subject(text("sub"))
        .client_id(text("client_id"))
        .organization(text("org_id"), text("org_role"))
        .scopes(text("scope").split(' '))
        .audience([text("aud")])
        .expires_at(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000));
    claims.username = Some(text("username"));
    claims.raw = raw.as_object().cloned().unwrap_or_default();
    claims
}

#[async_trait]
impl TokenValidator for Everybody {
    async fn validate(&self, token: &BearerToken) -> Result<Claims, ValidationError> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok(claims(token.expose()))
    }
}
