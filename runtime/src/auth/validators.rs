//! Validators of a server, of which each token is validated by those that know its form.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "cli")]
use super::TestDelivery;
use super::{
    AuthorizationServer, Directory, Revocations, Route, TokenValidator, Unavailable, UserNamespace, ValidatorTexts,
};

/// The validators of a server, in the order in which they validate a token.
///
/// [`TokenValidator::or`] creates it from two validators:
///
/// ```
/// use toolgate::auth::{Claims, StaticTokens, TokenValidator};
///
/// let people = StaticTokens::new().token("person", Claims::new().subject("harriet"));
/// let machines = StaticTokens::new().token("machine", Claims::new().client_id("nightly-report"));
/// let validators = people.or(machines);
/// # let _ = validators;
/// ```
///
/// If a validator [recognizes](TokenValidator::token_form) a token as its own, only such validators are asked about it.
/// Otherwise all are asked that do not know the token as foreign, until one returns claims, and first those whose tokens
/// have this form. If none does and one of them could not validate the token, the response is 503: the token may be valid
/// there. Each validator has its own circuit breaker and readiness. The server is ready while one validator can validate
/// tokens.
///
/// The same user ID ([`Claims::subject`](super::Claims::subject)) is the same user for two validators only if they have
/// the same [namespace](TokenValidator::user_namespace): limits, rates, sessions, tasks, approvals and signed states
/// distinguish others. Revocations do not: one ends the access of every user with this ID.
/// [`Caller::user_id`](crate::Caller::user_id) does not show the namespace, so an operation that stores data by ID
/// needs validators whose IDs differ. [Profiles](crate::Caller::profile) exist for the users of the first validator
/// that has a [directory](TokenValidator::directory) and a namespace, and for those of the other validators of their
/// namespace.
///
/// Clients discover the authorization server of the first validator that has one. Revocations that a validator reports
/// end access of the users of all validators. Of two routes with the same path, the server has that of the first
/// validator.
#[must_use]
pub struct Validators(Vec<Arc<dyn TokenValidator>>);

impl Validators {
    pub(crate) fn single(validator: Arc<dyn TokenValidator>) -> Self {
        Self(vec![validator])
    }

    /// Adds validators, which are asked about a token last.
    pub fn or(mut self, others: impl IntoValidators) -> Self {
        self.0.extend(others.into_validators().0);
        self
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<dyn TokenValidator>> {
        self.0.iter()
    }

    /// Returns the index of the validator whose authorization server clients discover.
    pub(crate) fn primary_index(&self) -> usize {
        self.0.iter().position(|validator| validator.default_issuer().is_some()).unwrap_or(0)
    }

    fn primary(&self) -> &dyn TokenValidator {
        &*self.0[self.primary_index()]
    }

    pub(crate) async fn authorization_server(&self, base_url: &str) -> Result<AuthorizationServer, Unavailable> {
        self.primary().authorization_server(base_url).await
    }

    pub(crate) fn default_issuer(&self) -> Option<String> {
        self.primary().default_issuer()
    }

    pub(crate) fn texts(&self) -> ValidatorTexts {
        self.primary().texts()
    }

    /// Returns whether every validator reports revocations.
    pub(crate) fn report_revocations(&self) -> bool {
        self.0.iter().all(|validator| validator.reports_revocations())
    }

    /// Returns the maximum time for which self-contained tokens are valid, if a validator accepts such tokens.
    pub(crate) fn self_contained_lifetime(&self) -> Option<Duration> {
        self.0.iter().filter_map(|validator| validator.self_contained_lifetime()).max()
    }

    /// Returns the texts of a validator that does not report revocations, if there is one.
    pub(crate) fn revocation_texts(&self) -> ValidatorTexts {
        let silent = self.0.iter().find(|validator| !validator.reports_revocations());
        silent.map_or_else(|| self.texts(), |validator| validator.texts())
    }

    /// Returns the directory of the first validator that has one, with the namespace of its users. Of several validators,
    /// it must have a namespace: the user IDs of another one would be taken for those of the directory.
    pub(crate) fn directory(&self) -> Option<(Arc<dyn Directory>, UserNamespace)> {
        let (directory, validator) = self.0.iter().find_map(|validator| Some((validator.directory()?, validator)))?;
        if self.0.len() > 1 && validator.user_namespace().is_none() {
            tracing::warn!(
                "callers have no profiles and no tokens of identity providers: the validator with a directory has no \
                 `user_namespace`, which several validators need"
            );
            return None;
        }
        Some((directory, UserNamespace::of(&**validator)))
    }

    /// Returns the requests that test the routes of all validators, one for each path.
    #[cfg(feature = "cli")]
    pub(crate) fn test_deliveries(&self) -> Vec<TestDelivery> {
        let mut deliveries: Vec<TestDelivery> = Vec::new();
        for delivery in self.0.iter().flat_map(|validator| validator.test_deliveries()) {
            if deliveries.iter().all(|other| other.path != delivery.path) {
                deliveries.push(delivery);
            }
        }
        deliveries
    }

    /// Returns the routes of all validators, each path once.
    pub(crate) fn routes(&self, revocations: &Revocations) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        for route in self.0.iter().flat_map(|validator| validator.routes(revocations.clone())) {
            if routes.iter().all(|other| other.path != route.path) {
                routes.push(route);
            }
        }
        routes
    }
}

/// Shows the number of validators only.
impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validators").field("len", &self.0.len()).finish_non_exhaustive()
    }
}

/// One or several validators: a [`TokenValidator`], or [`Validators`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token validator",
    label = "not a token validator",
    note = "pass `PropelAuth::from_env()?`, `StaticTokens` for tests and samples, or a type with `impl TokenValidator` for \
            another authorization server"
)]
pub trait IntoValidators {
    /// Returns the validators.
    fn into_validators(self) -> Validators;
}

impl<V: TokenValidator> IntoValidators for V {
    fn into_validators(self) -> Validators {
        Validators::single(Arc::new(self))
    }
}

impl IntoValidators for Validators {
    fn into_validators(self) -> Validators {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use async_trait::async_trait;

    use super::*;
    use crate::auth::{
        BearerToken, Claims, DirectoryError, Inactive, Profile, Resource, StaticTokens, ValidationError,
    };

    /// Validator with a directory, whose users are in a namespace.
    struct WithUsers(Option<&'static str>);

    struct Users;

    #[async_trait]
    impl Directory for Users {
        async fn profile(&self, user_id: &str) -> Result<Profile, DirectoryError> {
            Ok(Profile::new(user_id))
        }
    }

    #[async_trait]
    impl TokenValidator for WithUsers {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Inactive::new("unknown").into())
        }

        fn user_namespace(&self) -> Option<Cow<'_, str>> {
            self.0.map(Cow::Borrowed)
        }

        fn directory(&self) -> Option<Arc<dyn Directory>> {
            Some(Arc::new(Users))
        }
    }

    #[test]
    fn several_validators_have_a_directory_only_of_users_in_a_namespace() {
        let users = |validators: Validators| validators.directory().map(|(_, users)| users);
        let named = UserNamespace::of(&WithUsers(Some("a")));
        assert_eq!(users(WithUsers(None).into_validators()), Some(UserNamespace::default()));
        assert_eq!(users(StaticTokens::new().or(WithUsers(Some("a")))), Some(named));
        assert_eq!(users(WithUsers(Some("a")).or(WithUsers(Some("b")))), Some(named));
        assert_eq!(users(WithUsers(None).or(StaticTokens::new())), None);
        assert_ne!(named, UserNamespace::default());
    }
}
