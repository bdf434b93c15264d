//! Validator that issues a token for each caller of a test, and the directory of their users.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::auth::{
    Audience, BearerToken, Claims, Directory, DirectoryError, Inactive, Profile, ProviderToken, Resource,
    TokenValidator, ValidationError, async_trait,
};

/// The tokens that were issued, with their claims, and the users of the test.
#[derive(Default)]
pub(super) struct IssuedTokens {
    tokens: Mutex<HashMap<String, Claims>>,
    pub(super) users: Arc<TestUsers>,
}

/// Profiles and tokens of identity providers, by the ID of the user.
#[derive(Default)]
pub(super) struct TestUsers(Mutex<HashMap<String, TestUser>>);

#[derive(Default)]
struct TestUser {
    profile: Option<Profile>,
    provider_tokens: HashMap<&'static str, ProviderToken>,
}

impl TestUsers {
    pub(super) fn set_profile(&self, user: &str, profile: Profile) {
        self.users().entry(user.to_owned()).or_default().profile = Some(profile);
    }

    pub(super) fn set_provider_token(&self, user: &str, provider: &'static str, token: ProviderToken) {
        self.users().entry(user.to_owned()).or_default().provider_tokens.insert(provider, token);
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, TestUser>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for TestUsers {
    async fn profile(&self, user_id: &str) -> Result<Profile, DirectoryError> {
        let users = self.users();
        users.get(user_id).and_then(|user| user.profile.clone()).ok_or(DirectoryError::NotFound)
    }

    async fn provider_token(&self, user_id: &str, provider: &str) -> Result<ProviderToken, DirectoryError> {
        let users = self.users();
        let token = users.get(user_id).and_then(|user| user.provider_tokens.get(provider).cloned());
        token.ok_or(DirectoryError::NotFound)
    }
}

impl IssuedTokens {
    /// Issues a token. Claims without an audience are for this server.
    pub(super) fn issue(&self, mut claims: Claims) -> String {
        if claims.audience == Audience::Unknown {
            claims.audience = Audience::Verified;
        }
        let mut tokens = self.tokens();
        let token = format!("test-token-{}", tokens.len());
        tokens.insert(token.clone(), claims);
        token
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, Claims>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for IssuedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tokens().values()).finish()
    }
}

#[async_trait]
impl TokenValidator for IssuedTokens {
    async fn validate(&self, token: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
        self.tokens().get(token.expose()).cloned().ok_or_else(|| Inactive::new("not issued by the test").into())
    }

    fn directory(&self) -> Option<Arc<dyn Directory>> {
        Some(Arc::clone(&self.users) as _)
    }
}
