//! Settings of replication.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{error::BuildProblem, settings::value};

/// Settings of replication, which needs the feature `redis`. They take precedence over
/// `Server::replication`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReplicationConfig {
    /// URL of the Redis server that the replicas of this server share, `redis://[user]:[password]@host:port/database`, or
    /// `rediss://` for TLS. Default: none, which means one replica.
    #[serde(with = "value::secret")]
    pub url: Option<SecretString>,
    /// Prefix of all keys in Redis. Replicas with the same prefix share revocations. Default: `toolgate`.
    pub key_prefix: Option<String>,
    /// Secret with which introspection responses and [tasks](crate::tasks) are encrypted in Redis, so that the replicas
    /// share them: a text of at least 32 bytes, such as the output of `openssl rand -hex 32`, the same on every
    /// replica. Required if a tool has `task`, unless [`Server::task_store`](crate::Server::task_store) sets another
    /// store. Default: none, which means that every replica introspects tokens itself.
    #[serde(with = "value::secret")]
    pub shared_cache_secret: Option<SecretString>,
}

impl ReplicationConfig {
    pub(super) fn problems(&self) -> Option<BuildProblem> {
        let is_set = self.url.is_some() || self.key_prefix.is_some() || self.shared_cache_secret.is_some();
        (is_set && !cfg!(feature = "redis"))
            .then_some(BuildProblem::MissingFeature { setting: "replication.*", feature: "redis" })
    }
}
