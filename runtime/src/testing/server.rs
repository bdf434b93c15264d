//! A server in process.

#[cfg(any(feature = "approvals", feature = "rates"))]
use std::time::Duration;
use std::{fmt, sync::Arc};

use super::{TestCaller, connection::Connection, issued_tokens::IssuedTokens};
#[cfg(feature = "rates")]
use crate::rates::RateClock;
use crate::{BuildError, Server, auth::Claims, policy::Role, scope::ScopeIndex};

/// Organization of the callers that [`TestServer::as_role`] creates.
const ORGANIZATION: &str = "test-organization";

/// User of the callers that [`TestServer::with_scopes`] creates.
const USER: &str = "test-user";

/// A server in process, whose tokens are issued for the callers of a test.
///
/// ```
/// use toolgate::{auth::Claims, prelude::*, testing::TestServer};
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read", "tickets:write"]);
/// # /// Read a ticket.
/// # #[tool(scopes = "tickets:read", read_only)]
/// # async fn ticket(ticket_id: u32) -> String {
/// #     format!("ticket {ticket_id} is open")
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), toolgate::BuildError> {
/// let server = TestServer::new(Server::new("tickets", &SCOPES))?
///     .role("Support", ["tickets:read", "tickets:write"])
///     .role("Finance", ["revenue:read"]);
///
/// assert_eq!(server.as_role("Support").tools().await, ["ticket"]);
/// assert!(server.as_role("Finance").tools().await.is_empty());
/// let sam = server.as_caller(Claims::new().subject("sam").scopes(["tickets:read"]));
/// sam.call("ticket", json!({ "ticket_id": 7 })).await.allowed();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestServer {
    connection: Arc<Connection>,
    tokens: Arc<IssuedTokens>,
    scopes: Arc<ScopeIndex>,
    #[cfg(feature = "rates")]
    rate_clock: RateClock,
    /// Scopes of each role.
    roles: Vec<(String, Vec<String>)>,
}

impl TestServer {
    /// Builds a server for tests. It has an address and a validator of its own, so the builder needs neither, and
    /// those that it has are not used, nor are its replication and its stores of tasks and approvals. All other settings
    /// apply: states, limits, deny rules. Only `approvals.wait` is zero, so that a repeated call does not wait for a person.
    ///
    /// The server opens no socket, runs no preflight check, and reads no environment variable.
    ///
    /// # Errors
    ///
    /// Every problem that [`Server::build`] finds, except those of the address, the validator and replication.
    pub fn new(server: Server) -> Result<Self, BuildError> {
        let tokens = Arc::new(IssuedTokens::default());
        let scopes = Arc::new(ScopeIndex::new(server.scope_lists().iter().copied()));
        #[cfg(feature = "approvals")]
        let server = server.approvals(|approvals| approvals.wait = Duration::ZERO);
        let server = server.in_process(Arc::clone(&tokens) as _);
        #[cfg(feature = "rates")]
        let rate_clock = server.rate_clock();
        let connection = Arc::new(Connection::new(server.build()?));
        Ok(Self {
            connection,
            tokens,
            scopes,
            #[cfg(feature = "rates")]
            rate_clock,
            roles: Vec::new(),
        })
    }

    /// Advances the clock of [rates](crate::config::RatesConfig) by this time. It stands still otherwise, so that a test
    /// does not depend on how long it takes.
    #[cfg(feature = "rates")]
    pub fn advance_rates(&self, time: Duration) {
        self.rate_clock.advance(time);
    }

    /// Adds a role for [`as_role`](Self::as_role), with the scopes that the authorization server maps it to. Replaces
    /// an earlier role with the same name.
    pub fn role(mut self, name: impl Into<String>, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let name = name.into();
        self.roles.retain(|(known, _)| *known != name);
        self.roles.push((name, scopes.into_iter().map(Into::into).collect()));
        self
    }

    /// Adds roles for [`as_role`](Self::as_role): those of a policy, or those that
    /// [`Role::from_toml`](crate::policy::Role::from_toml) reads from a file.
    pub fn roles(self, roles: impl IntoIterator<Item = Role>) -> Self {
        roles.into_iter().fold(self, |server, role| server.role(role.name, role.scopes))
    }

    /// Creates a caller whose token has these claims. Claims without an audience are for this server. All other claims
    /// apply: the token of another audience, or one that has expired, is rejected.
    pub fn as_caller(&self, claims: Claims) -> TestCaller {
        TestCaller::new(Arc::clone(&self.connection), &self.tokens, Arc::clone(&self.scopes), claims)
    }

    /// Creates a caller with a user and these scopes, without an organization.
    ///
    /// # Panics
    ///
    /// If a scope is in no list of the server. For a token with foreign scopes, use [`as_caller`](Self::as_caller).
    #[track_caller]
    pub fn with_scopes(&self, scopes: impl IntoIterator<Item = impl Into<String>>) -> TestCaller {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        if let Some(unknown) = scopes.iter().find(|scope| self.scopes.bit(scope).is_none()) {
            panic!(
                "the scope `{unknown}` is in no list of the server; its scopes are {}",
                self.scopes.names().join(", ")
            );
        }
        self.as_caller(Claims::new().subject(USER).scopes(scopes))
    }

    /// Creates a caller with this role in an organization, a user, and the scopes of the role.
    ///
    /// # Panics
    ///
    /// If the role was not [added](Self::role).
    #[track_caller]
    pub fn as_role(&self, name: &str) -> TestCaller {
        self.as_caller(self.role_claims(name))
    }

    /// Returns the claims of [`as_role`](Self::as_role), to add what a policy beyond scopes reads:
    /// `server.as_caller(server.role_claims("Support").username("sanna@example.com"))`.
    ///
    /// # Panics
    ///
    /// If the role was not [added](Self::role).
    #[track_caller]
    pub fn role_claims(&self, name: &str) -> Claims {
        let Some((role, scopes)) = self.roles.iter().find(|(known, _)| known == name) else {
            let known: Vec<_> = self.roles.iter().map(|(known, _)| known.as_str()).collect();
            panic!("unknown role `{name}`; the roles are {}", known.join(", "));
        };
        let claims = Claims::new().subject(format!("{USER}-{role}")).organization(ORGANIZATION, role);
        claims.scopes(scopes)
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("roles", &self.roles).finish_non_exhaustive()
    }
}
