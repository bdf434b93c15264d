//! Settings of all tools, prompts and resources.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::{error::BuildProblem, operation::RequestStateSigner, settings::value};

/// Settings that apply to all tools, prompts and resources.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OperationsConfig {
    /// Time limit of tools, prompts and resources that declare none. `None` (`"none"`) means no limit. Default: 60 seconds.
    #[serde(with = "value::duration_or_none")]
    pub timeout: Option<Duration>,
    /// Time for which a client may cache a list (`ttlMs`). A longer time delays the effect of changed scopes on
    /// the list; calls are not affected. Default: zero.
    #[serde(with = "humantime_serde")]
    pub list_ttl: Duration,
    /// Key that signs `requestState`, the state of a call between two rounds, and approvals: a text of at least 32
    /// bytes, such as the output of `openssl rand -hex 32`, the same on every replica. It takes precedence over
    /// [`Server::request_state_key`](crate::Server::request_state_key). Default: a random key, so that a client must
    /// return to the same process.
    #[serde(with = "value::secret")]
    pub request_state_key: Option<SecretString>,
    /// Whether `tools/list` also shows the tools for which the token only lacks scopes, so that clients which never call a
    /// tool that is not listed can step up. Every tool then states in `_meta` whether it is granted (`toolgate/access`) and
    /// which scopes it needs (`securitySchemes`, as in the Apps SDK of `OpenAI`). A longer list takes more of a model's context,
    /// and shows every caller which tools exist. Default: false, so that every listed tool can be called.
    pub list_acquirable: bool,
    /// Maximum number of tools, prompts, resources or resource templates on one page of a list. Many clients read only the
    /// first page. Default: 1000.
    pub list_page_size: usize,
}

impl Default for OperationsConfig {
    fn default() -> Self {
        Self {
            timeout: Some(Duration::from_mins(1)),
            list_ttl: Duration::ZERO,
            request_state_key: None,
            list_acquirable: false,
            list_page_size: 1000,
        }
    }
}

impl OperationsConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        let page_size = check_minimum("operations.list_page_size", self.list_page_size, 1);
        self.signer().err().into_iter().chain(page_size)
    }

    /// Returns the signer with the key of the settings.
    pub(crate) fn signer(&self) -> Result<Option<RequestStateSigner>, BuildProblem> {
        let key = self.request_state_key.as_ref().map(|key| key.expose_secret().as_bytes().to_vec());
        key.map(RequestStateSigner::with_key).transpose().map_err(|_| BuildProblem::ShortRequestStateKey)
    }
}
