//! All checks of connections. They run at the same time, within one time limit.

use std::error::Error as StdError;

use futures_util::{FutureExt as _, future::join_all};
use secrecy::SecretString;

#[cfg(feature = "redis")]
use super::redis;
use super::{audit_file, authorization, public_url, report::CheckResult, time_limit::TimeLimit, token};
use crate::{
    cli::{App, Error},
    oauth, propelauth,
    server::Deployment,
};

/// Checks the connections of the server. Without an authorization server there is nothing to connect to, and the only
/// result is a note, or an error if the connections are required.
///
/// # Errors
///
/// A setting is invalid.
pub(super) async fn check(
    app: App,
    token: Option<SecretString>,
    is_required: bool,
) -> Result<Vec<CheckResult>, Error> {
    #[cfg_attr(not(feature = "redis"), expect(unused_mut, reason = "only the check of Redis takes a part"))]
    let mut deployment = match configured(app)? {
        Ok(deployment) => deployment,
        Err(Unconfigured::Incomplete(result)) => return Ok(vec![result]),
        Err(Unconfigured::Absent(text)) => {
            let result = if is_required || token.is_some() { CheckResult::error } else { CheckResult::note };
            let result = result("connections", format!("no connection was checked: {text}"));
            let action = "set the variables of the authorization server, and run `check` where the server runs";
            return Ok(vec![result.action(action)]);
        }
    };
    #[cfg(feature = "redis")]
    let replication = std::mem::replace(&mut deployment.replication, Ok(None));
    let limit = TimeLimit::start();
    let mut checks = vec![
        authorization::check(&deployment, limit).boxed(),
        public_url::check(&deployment, token.as_ref(), limit).boxed(),
        async { audit_file::check(&deployment.config.audit) }.boxed(),
    ];
    #[cfg(feature = "redis")]
    checks.push(limit.step("redis", "the check of Redis", redis::check(&deployment, replication)).boxed());
    if let Some(token) = &token {
        checks.push(limit.step("token", "the validation of the token", token::check(&deployment, token)).boxed());
    }
    Ok(join_all(checks).await.into_iter().flatten().collect())
}

/// Reason why the connections cannot be checked.
enum Unconfigured {
    /// The server would not start.
    Incomplete(CheckResult),
    /// Nothing is configured, as where a policy is reviewed.
    Absent(String),
}

fn configured(app: App) -> Result<Result<Deployment, Unconfigured>, Error> {
    let absent = |text: &str| Ok(Err(Unconfigured::Absent(text.to_owned())));
    let mut server = match app.into_server_with_auth() {
        Ok(Some(server)) => server,
        Ok(None) => return absent("the program sets no validator for tokens"),
        Err(error) if is_unconfigured(&*error) => return Ok(Err(Unconfigured::Absent(error.to_string()))),
        Err(error) => {
            return Ok(Err(Unconfigured::Incomplete(CheckResult::error("configuration", error.to_string()))));
        }
    };
    match server.take_external_validators() {
        Ok(Some(validators)) => Ok(Ok(server.into_deployment(validators)?)),
        Ok(None) => absent(
            "no authorization server is configured; `serve` would start one for development, or not start at all",
        ),
        Err(error) => Ok(Err(Unconfigured::Incomplete(CheckResult::error("configuration", error.to_string())))),
    }
}

/// Returns whether the validator was not created because no variable is set.
fn is_unconfigured(error: &(dyn StdError + 'static)) -> bool {
    let is_unset = |error: &(dyn StdError + 'static)| {
        error.downcast_ref().is_some_and(propelauth::ConfigError::is_unconfigured)
            || error.downcast_ref().is_some_and(oauth::ConfigError::is_unconfigured)
    };
    match error.downcast_ref() {
        Some(crate::Error::Validator(error)) => is_unset(&**error),
        _ => is_unset(error),
    }
}
