//! Users of PropelAuth: their records, and their tokens at identity providers, from the backend API.

mod identity_providers;
mod provider_token;
mod user_record;

use async_trait::async_trait;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

pub use self::identity_providers::{
    Apple, Atlassian, GitHub, GitLab, Google, LinkedIn, Microsoft, Outreach, QuickBooks, Salesforce, Salesloft,
    Slack, Xero,
};
use self::{provider_token::TokenRecord, user_record::UserRecord};
use super::{ADVICE, auth_url::AuthUrl};
use crate::{
    auth::{Directory, DirectoryError, Profile, ProviderToken, Unavailable},
    oauth::http_client::{HttpClient, HttpError},
};

/// Directory of the users of a PropelAuth environment.
pub(super) struct PropelAuthUsers {
    auth_url: AuthUrl,
    backend_key: SecretString,
    http: HttpClient,
}

/// A request for a user failed. The text is for the log, says what to do, and holds neither a token nor a part of a
/// response.
#[derive(Debug, Error)]
enum UserRequestError {
    #[error("{}", ADVICE.describe(.0))]
    Http(#[from] HttpError),
    #[error("the user ID `{0}` cannot be part of a URL")]
    UserId(String),
    #[error(
        "the backend integration key of this server was rejected ({0}): create one in the dashboard under Backend \
         Integration -> Create New API Key with \"Read and Validate\", in the environment of this Auth URL, and set \
         PROPELAUTH_API_KEY"
    )]
    BackendKeyRejected(StatusCode),
    #[error("the response is not {0}, as PropelAuth documents it")]
    Unreadable(&'static str),
}

impl From<UserRequestError> for DirectoryError {
    fn from(error: UserRequestError) -> Self {
        let unavailable = Unavailable::new(format!("PropelAuth's backend API: {error}"));
        match error {
            UserRequestError::Http(HttpError::NotFound) => Self::NotFound,
            _ => Self::Unavailable(unavailable),
        }
    }
}

impl PropelAuthUsers {
    pub(super) fn new(auth_url: AuthUrl, backend_key: SecretString, http: HttpClient) -> Self {
        Self { auth_url, backend_key, http }
    }

    /// Returns the body of the response about a user.
    async fn get(&self, user_id: &str, path: &[&str], query: &str) -> Result<Vec<u8>, UserRequestError> {
        let url = self.auth_url.user_url(user_id, path, query);
        let url = url.ok_or_else(|| UserRequestError::UserId(user_id.to_owned()))?;
        let request = self.http.client()?.get(url).bearer_auth(self.backend_key.expose_secret());
        self.http.send(request, self.http.limits().max_response_bytes).await.map_err(|error| match error {
            HttpError::Status(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
                UserRequestError::BackendKeyRejected(status)
            }
            error => error.into(),
        })
    }
}

#[async_trait]
impl Directory for PropelAuthUsers {
    async fn profile(&self, user_id: &str) -> Result<Profile, DirectoryError> {
        let body = self.get(user_id, &[], "include_orgs=true").await?;
        let record = UserRecord::parse(&body).ok_or(UserRequestError::Unreadable("a user"))?;
        // A response about another user would give a caller the roles of that user.
        if record.user_id() != user_id {
            return Err(UserRequestError::Unreadable("about the requested user").into());
        }
        Ok(record.into_profile())
    }

    /// Asks for a fresh token of the provider, so that PropelAuth sends no other token of the user. An environment without
    /// that endpoint responds 404, as does one in which the user has no such token.
    async fn provider_token(&self, user_id: &str, provider: &str) -> Result<ProviderToken, DirectoryError> {
        match self.get(user_id, &[provider, "fresh_token"], "").await {
            Ok(body) => {
                let token = provider_token::parse(&body, provider).ok_or(UserRequestError::Unreadable("a token"))?;
                return token.into_valid().ok_or(DirectoryError::NotFound);
            }
            Err(UserRequestError::Http(HttpError::NotFound)) => {}
            Err(error) => return Err(error.into()),
        }
        let body = self.get(user_id, &["oauth_token"], "").await?;
        let record = provider_token::of_provider(&body, provider);
        let record = record.map_err(|_| UserRequestError::Unreadable("an object of tokens"))?;
        record.and_then(TokenRecord::into_valid).ok_or(DirectoryError::NotFound)
    }
}
