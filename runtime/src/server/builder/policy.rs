//! The policy of the server: scopes and rules that apply to all operations, and the lock file.

#[cfg(doc)]
use crate::config::OperationsConfig;
use crate::{
    policy::{OperationPolicy, Policy, ServerRules},
    scope::{Roles, Scope},
    server::{Server, mount::Mount},
};

impl Server {
    /// Sets the scopes that a client should request at its first login, so that people consent to less. They are the
    /// `scope` of the challenge for a request without a token, and the `scopes_supported` of the protected resource
    /// metadata and of the authorization server metadata that this server serves, which many clients prefer to the
    /// challenge. Default: all scopes.
    ///
    /// Clients get further scopes by step-up: a call that needs more is rejected with 403 and a challenge. Not every
    /// client can follow it. Clients of the TypeScript SDK 1 that hold a refresh token cannot, and some clients do not call
    /// a tool that is not in their list: for these, set [`list_acquirable`](OperationsConfig::list_acquirable).
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public", "payroll:read:all"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES)
    ///     .initial_scopes([scope!("employees:read:public")])
    ///     .operations(|operations| operations.list_acquirable = true);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn initial_scopes(mut self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        self.initial_scopes = Some(scopes.into_iter().map(Scope::name).collect());
        self
    }

    /// Sets the list of the roles that users can have in an organization, so that the names in
    /// [`rates.roles`](crate::config::RatesConfig::roles) are checked against it. Default: the roles of the policy's lock
    /// file; without them, the names are not checked.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// pub static ROLES: Roles = Roles::new(&["Owner", "Admin", "Member"]);
    ///
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).roles(&ROLES);
    /// # let _ = server;
    /// # }
    /// ```
    pub fn roles(mut self, roles: &'static Roles) -> Self {
        self.roles = Some(roles);
        self
    }

    /// Requires a scope for every operation in addition to the operation's own scopes.
    pub fn require_for_all(mut self, scope: Scope) -> Self {
        self.required_for_all.push(scope.name());
        self
    }

    /// Adds a rule that disables operations: one for which the rule returns `true` is neither listed nor callable. The rule
    /// is evaluated for every list and every call, so what it reads can change while the server runs.
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let read_only = Arc::new(AtomicBool::new(false));
    /// let switch = Arc::clone(&read_only);
    /// let server = Server::new("company", &SCOPES)
    ///     .deny(move |operation| switch.load(Ordering::Relaxed) && operation.annotations.destructive == Some(true));
    ///
    /// read_only.store(true, Ordering::Relaxed); // disables all destructive tools
    /// # let _ = server;
    /// # }
    /// ```
    pub fn deny(mut self, rule: impl Fn(&OperationPolicy) -> bool + Send + Sync + 'static) -> Self {
        self.deny.push(Box::new(rule));
        self
    }

    /// Returns the policy of the server: everything that decides who may call which operation. It needs neither a
    /// validator nor states.
    ///
    /// ```
    /// # use toolgate::prelude::*;
    /// # pub static SCOPES: Scopes = Scopes::new(&["mcp:connect", "tickets:read"]);
    /// /// Read a ticket.
    /// #[tool(scopes = "tickets:read", read_only)]
    /// async fn ticket(ticket_id: String) -> String {
    ///     format!("{ticket_id} is open")
    /// }
    ///
    /// # fn main() {
    /// let server = Server::new("tickets", &SCOPES).require_for_all(scope!("mcp:connect"));
    /// assert_eq!(server.policy().operations[0].requirement(), "tickets:read and mcp:connect");
    /// # }
    /// ```
    pub fn policy(&self) -> Policy {
        let server = ServerRules {
            required_scopes: self.required_for_all.iter().map(|&scope| scope.to_owned()).collect(),
            conceal_forbidden: self.conceal,
            switches: self.deny.len(),
        };
        let mounted = self.mounts.iter().flat_map(Mount::descriptors);
        Policy::declared(&self.scope_lists, mounted, server)
    }

    /// Fails to build if the policy differs from a lock file, which was reviewed: see [`Policy::to_lock`]. Roles in the
    /// file are ignored, because the authorization server has them.
    ///
    /// `server.policy_lock(include_str!("../policy.lock"))` compares with the file at compile time;
    /// `std::fs::read_to_string` with the one at the place of deployment.
    pub fn policy_lock(mut self, lock: impl Into<String>) -> Self {
        self.policy_lock = Some(lock.into());
        self
    }

    /// Responds to a call that the token's scopes do not allow as if the operation did not exist, instead of with a
    /// challenge. Callers without the scopes cannot detect the operation, and clients cannot step up.
    ///
    /// ```
    /// # use toolgate::{prelude::*, testing::TestServer};
    /// # pub static SCOPES: Scopes = Scopes::new(&["payroll:read:all", "tickets:read"]);
    /// /// Return the total payroll of a month.
    /// #[tool(scopes = "payroll:read:all", read_only)]
    /// async fn payroll_total(month: u32) -> String {
    ///     format!("the total of month {month}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), toolgate::BuildError> {
    /// let server = TestServer::new(Server::new("company", &SCOPES).conceal_forbidden())?;
    /// let support = server.with_scopes(["tickets:read"]);
    /// support.call("payroll_total", json!({ "month": 7 })).await.hidden();
    /// # Ok(())
    /// # }
    /// ```
    pub fn conceal_forbidden(mut self) -> Self {
        self.conceal = true;
        self
    }
}
