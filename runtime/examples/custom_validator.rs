//! A token validator for an authorization server other than PropelAuth.
//!
//! The sample directory holds its tokens in memory. It has a webhook that ends the access of a user who leaves the
//! company. Because it reports revocations, the server caches its responses for five minutes instead of ten seconds.
//!
//! ```sh
//! cargo run -p toolgate --example custom_validator
//! ```
//!
//! ```console
//! $ whoami() { curl -s http://127.0.0.1:8000/mcp -H 'Authorization: Bearer sample-token' -w '\n%{http_code}\n' \
//! >     -H 'Accept: application/json, text/event-stream' \
//! >     --json '{ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "whoami" } }'; }
//! $ whoami
//! {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"harriet"}],"isError":false}}
//! 200
//! $ curl -s http://127.0.0.1:8000/webhooks/directory -d harriet -w '%{http_code}\n'
//! 401
//! $ curl -s http://127.0.0.1:8000/webhooks/directory -d harriet -w '%{http_code}\n' \
//! >     -H 'X-Directory-Secret: sample-webhook-secret'
//! 204
//! $ whoami
//! {"error":"invalid_token","error_description":"the token is invalid, expired, or not meant for this server"}
//! 401
//! ```

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::RwLock;
use toolgate::{
    auth::{
        BearerToken, Claims, Inactive, Resource, Revocation, Revocations, Route, SetupError, TokenValidator,
        ValidationError, ValidatorTexts, async_trait,
    },
    prelude::*,
};

/// Every scope of this server.
pub static SCOPES: Scopes = Scopes::new(&["profile:read"]);

/// Return the ID of the caller.
#[tool(scopes = "profile:read", read_only)]
async fn whoami(caller: &Caller) -> String {
    caller.user_id().unwrap_or("unknown").to_owned()
}

/// A directory of users. Clones share it.
#[derive(Clone)]
struct Directory {
    users_by_token: Arc<RwLock<HashMap<String, String>>>,
    webhook_secret: String,
}

/// Error in the configuration of a [`Directory`].
#[derive(Debug, thiserror::Error)]
enum DirectoryError {
    #[error("the webhook secret must have at least 16 bytes, got {0}")]
    ShortSecret(usize),
}

// Converts into `toolgate::Error`, so that `main` can use `?`.
impl SetupError for DirectoryError {}

impl Directory {
    fn new(webhook_secret: &str) -> Result<Self, DirectoryError> {
        if webhook_secret.len() < 16 {
            return Err(DirectoryError::ShortSecret(webhook_secret.len()));
        }
        let users_by_token = HashMap::from([("sample-token".to_owned(), "harriet".to_owned())]);
        Ok(Self { users_by_token: Arc::new(RwLock::new(users_by_token)), webhook_secret: webhook_secret.to_owned() })
    }
}

#[async_trait]
impl TokenValidator for Directory {
    // A validator that sends requests returns `ValidationError::Unavailable` if they fail: the client then retries with
    // the same token. It discards a token that is `Inactive`.
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        let users_by_token = self.users_by_token.read().await;
        let user = users_by_token
            .get(token.expose())
            .ok_or_else(|| Inactive::new("the directory does not know the token"))?;
        Ok(Claims::new().subject(user).scopes(["profile:read"]).audience_verified())
    }

    fn routes(&self, revocations: Revocations) -> Vec<Route> {
        vec![Route::new("/webhooks/directory", post(user_left).with_state((self.clone(), revocations)))]
    }

    fn reports_revocations(&self) -> bool {
        true
    }

    fn texts(&self) -> ValidatorTexts {
        let mut texts = ValidatorTexts::default();
        texts.name = "the sample directory".into();
        texts
    }
}

/// Handles `POST /webhooks/directory`. The body is the ID of a user who left the company.
async fn user_left(
    State((directory, revocations)): State<(Directory, Revocations)>,
    headers: HeaderMap,
    user: String,
) -> StatusCode {
    let secret = headers.get("x-directory-secret").map_or(&[][..], |value| value.as_bytes());
    if !bool::from(secret.ct_eq(directory.webhook_secret.as_bytes())) {
        return StatusCode::UNAUTHORIZED;
    }
    // The directory is changed first, because a token that is validated after the revocation must be inactive.
    directory.users_by_token.write().await.retain(|_, owner| *owner != user);
    match revocations.revoke(&[Revocation::User(user)]).await {
        Ok(()) => StatusCode::NO_CONTENT,
        // Not acknowledged, so the directory sends the webhook again.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[tokio::main]
async fn main() -> Result<(), toolgate::Error> {
    let _log = toolgate::logging::init()?;
    Server::new("Profiles", &SCOPES).auth(Directory::new("sample-webhook-secret")?).serve().await
}
