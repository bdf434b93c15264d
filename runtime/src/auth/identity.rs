//! Identity of a caller: what the token cache stores, and all requests with a token share.

use std::{sync::Arc, time::SystemTime};

use super::{
    BearerToken, Claims, UserNamespace, compact_claims::CompactClaims, revocation_clock::TokenOwner,
    token_digest::TokenDigest,
};
use crate::{
    json_memory,
    scope::{ScopeIndex, ScopeSet},
};

/// Claims and scopes of a token. It is small, because there may be a million of them.
pub(crate) struct Identity {
    pub(super) claims: CompactClaims,
    pub(super) granted: ScopeSet,
    pub(super) index: Arc<ScopeIndex>,
    /// Digest of the token, if it has no user. Boxed, because most of the cached tokens have one.
    token: Option<Box<TokenDigest>>,
}

/// Whom a request acts for: the unit of the in-flight limit, and of the calls that a signed state is valid for.
///
/// A user in an organization is one principal, with any number of tokens. The same ID in another namespace is another
/// user. A token without a user is a principal of its own: two of them can have the same claims.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Principal<'a> {
    User { users: &'a UserNamespace, id: &'a str, org: Option<&'a str> },
    Token(&'a TokenDigest),
}

/// Whom a rate counts requests of: a user in an organization or, without a user, a client in an organization, with any
/// number of tokens. A token without both is counted by itself.
#[cfg(feature = "rates")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RateSubject<'a> {
    User { users: &'a UserNamespace, id: &'a str, org: Option<&'a str> },
    Client { users: &'a UserNamespace, id: &'a str, org: Option<&'a str> },
    Token(&'a TokenDigest),
}

#[cfg(all(feature = "rates", feature = "redis"))]
impl<'a> RateSubject<'a> {
    /// Returns bytes that differ for two subjects, as parts of which any can be empty.
    pub(crate) fn parts(self) -> [&'a [u8]; 4] {
        let (kind, users, id, org) = match self {
            Self::User { users, id, org } => (&b"user"[..], users, id, org),
            Self::Client { users, id, org } => (&b"client"[..], users, id, org),
            Self::Token(digest) => return [b"token", b"", digest.as_bytes(), b""],
        };
        [kind, users.as_bytes(), id.as_bytes(), org.unwrap_or_default().as_bytes()]
    }
}

impl Identity {
    pub(crate) fn new(token: &BearerToken, claims: &Claims, index: Arc<ScopeIndex>) -> Self {
        let granted = index.expand(claims.scopes.iter().map(String::as_str));
        let has_user = claims.subject.as_deref().is_some_and(|user| !user.is_empty());
        let token = (!has_user).then(|| Box::new(TokenDigest::of(token)));
        Self { claims: CompactClaims::new(claims), granted, index, token }
    }

    /// Returns whom a request with the token acts for.
    pub(crate) fn principal(&self) -> Principal<'_> {
        match &self.token {
            Some(token) => Principal::Token(token),
            None => Principal::User {
                users: self.claims.user_namespace(),
                id: self.claims.subject().unwrap_or_default(),
                org: self.claims.org_id(),
            },
        }
    }

    /// Returns whom a rate counts a request with the token for.
    #[cfg(feature = "rates")]
    pub(crate) fn rate_subject(&self) -> RateSubject<'_> {
        match self.principal() {
            Principal::User { users, id, org } => RateSubject::User { users, id, org },
            Principal::Token(digest) => match self.claims.client_id().filter(|id| !id.is_empty()) {
                Some(id) => {
                    RateSubject::Client { users: self.claims.user_namespace(), id, org: self.claims.org_id() }
                }
                None => RateSubject::Token(digest),
            },
        }
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.claims.expires_at().is_some_and(|expires_at| expires_at <= now)
    }

    /// Returns the user and organization by which a revocation can end the access.
    pub(crate) fn owner(&self) -> TokenOwner<'_> {
        TokenOwner { user: self.claims.subject(), org: self.claims.org_id() }
    }

    /// Returns an upper bound of the bytes that this value in an `Arc` takes.
    pub(crate) fn bytes(&self) -> usize {
        let counts = 2 * size_of::<usize>();
        let token = self.token.as_ref().map_or(0, |_| size_of::<TokenDigest>() + json_memory::ALLOCATION);
        size_of::<Self>()
            + counts
            + json_memory::ALLOCATION
            + self.claims.heap_bytes()
            + self.granted.heap_bytes()
            + token
    }
}
