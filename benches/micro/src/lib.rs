//! Scope lists, tools and a validator for the benchmarks of internal parts.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;
use toolgate::{
    __bench::Decision,
    Scopes,
    auth::{BearerToken, Claims, Resource, TokenValidator, ValidationError},
};

/// Lists of 1,000 scopes with different numbers of tools, whose bodies are never called.
#[allow(clippy::pedantic, missing_docs, reason = "generated code")]
pub mod lists {
    use std::collections::BTreeMap;

    use toolgate::{
        __private::{
            BodyFuture, InputSchema, Invocation, OperationDescriptor, input_schema, inventory,
            schemars::{Schema, SchemaGenerator},
            scope,
        },
        Scopes,
    };

    fn input(generator: &mut SchemaGenerator) -> InputSchema {
        input_schema::<BTreeMap<String, serde_json::Value>>(generator)
    }

    fn output(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }

    fn body(_: Invocation<'_>) -> BodyFuture<'_> {
        Box::pin(std::future::pending())
    }

    include!(concat!(env!("OUT_DIR"), "/lists.rs"));
}

/// Returns the scope list with 10, 100 or 1,000 tools.
#[must_use]
pub fn list(tools: usize) -> &'static Scopes {
    match tools {
        10 => &lists::SCOPES_10,
        100 => &lists::SCOPES_100,
        _ => &lists::SCOPES_1000,
    }
}

/// Returns the given number of tools, and a caller with every second scope.
///
/// # Panics
///
/// Panics if no server can be built from the tools.
#[must_use]
pub fn decision(tools: usize) -> Decision {
    let scopes = list(tools);
    let granted: Vec<_> = scopes.names().iter().step_by(2).copied().collect();
    Decision::new(scopes, &granted).expect("the generated tools are valid")
}

/// Returns the names of the given number of tools.
#[must_use]
pub fn names(tools: usize) -> Vec<String> {
    (0..tools).map(|tool| format!("tool_{tool:04}")).collect()
}

/// Validator that accepts every token, and counts its calls.
pub struct AcceptAll;

static VALIDATIONS: AtomicUsize = AtomicUsize::new(0);

/// Returns how often [`AcceptAll`] was called.
#[must_use]
pub fn validations() -> usize {
    VALIDATIONS.load(Ordering::Relaxed)
}

/// Returns the claims of a token, of the size of a real introspection response.
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
impl TokenValidator for AcceptAll {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        VALIDATIONS.fetch_add(1, Ordering::Relaxed);
        Ok(claims(token.expose()))
    }
}
