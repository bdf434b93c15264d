//! Whether a server is one of several.

use super::Server;
use crate::replicas::Replicas;

impl Server {
    /// Says that this server is one of several replicas, which hear of each other's webhooks by way of Redis: access
    /// that ends at one ends at all of them. While Redis does not answer, an answer about a token is used for 10 seconds
    /// at most, and webhooks are not acknowledged, so that PropelAuth sends them again.
    ///
    /// ```
    /// # use toolgate::{prelude::*, replicas::Replicas};
    /// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
    /// # fn main() {
    /// let server = Server::new("company", &SCOPES).replicas(Replicas::redis("redis://127.0.0.1:6379"));
    /// # let _ = server;
    /// # }
    /// ```
    pub fn replicas(mut self, replicas: Replicas) -> Self {
        self.replicas = Some(replicas);
        self
    }
}
