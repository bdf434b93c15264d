//! An access token: whether it is valid, for which resource it was issued, and what it can use.

use std::{env, path::Path, sync::Arc, time::SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::report::{CheckResult, quoted};
use crate::{
    auth::{Audience, AudiencePolicy, BearerToken, Claims, Readiness, TokenClass, ValidationError, ValidatorChain},
    cli::{Error, app::read},
    policy::{self, OperationPolicy},
    server::Deployment,
    settings::CHECK_TOKEN,
};

/// Maximum number of operations that are named.
const MAX_NAMES: usize = 20;

/// Reads the token of the file, or of the environment. It is not an option of the command line, which other users can see.
pub(super) fn read_token(file: Option<&Path>) -> Result<Option<SecretString>, Error> {
    let text = match file {
        Some(path) => read(path)?,
        None => env::var(CHECK_TOKEN).unwrap_or_default(),
    };
    let token = text.trim();
    Ok((file.is_some() || !token.is_empty()).then(|| token.into()))
}

pub(super) async fn check(deployment: &Deployment, token: &SecretString) -> Vec<CheckResult> {
    const CODE: &str = "token";
    let token = match BearerToken::parse(token.expose_secret()) {
        Ok(token) => token,
        Err(error) => {
            return vec![
                CheckResult::error(CODE, error.to_string()).action("pass the token alone, without `Bearer`"),
            ];
        }
    };
    let validators = &deployment.validators;
    let readiness = Arc::new(Readiness::new(validators.iter().len()));
    let chain = ValidatorChain::new(validators, &readiness, &Arc::new(deployment.resource.clone()));
    let class = TokenClass::Unknown { validations_of_peer: Arc::new(Semaphore::new(1)) };
    let claims = match chain.validate(&token, &class).await {
        Ok(claims) => claims,
        Err(ValidationError::Inactive(inactive)) => {
            let error = CheckResult::error(CODE, format!("the token is not valid: {}", quoted(&inactive.reason)));
            return vec![error.action("log in again with a client, and pass its new token")];
        }
        Err(ValidationError::Unavailable(unavailable)) => {
            return vec![CheckResult::error(
                CODE,
                format!("the token could not be validated: {}", unavailable.reason),
            )];
        }
    };
    let mut results = vec![identity(&claims), audience(&claims.audience, deployment)];
    results.extend(foreign_scopes(&claims, deployment));
    results.push(operations(&claims, deployment));
    results
}

fn identity(claims: &Claims) -> CheckResult {
    const CODE: &str = "token";
    if claims.is_expired(SystemTime::now()) {
        return CheckResult::error(CODE, "the token has expired").action("pass a new token");
    }
    let subject = claims.subject.as_ref().or(claims.client_id.as_ref());
    let subject = subject.map_or_else(|| "nobody".to_owned(), |subject| quoted(subject));
    let expiry = match claims.expires_at.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default()) {
        Some(left) => {
            format!("expires in {}", humantime::format_duration(std::time::Duration::from_secs(left.as_secs())))
        }
        None => "has no known expiry".to_owned(),
    };
    let scopes = if claims.scopes.is_empty() { "no scopes".to_owned() } else { quoted(&claims.scopes.join(" ")) };
    CheckResult::ok(CODE, format!("the token is valid for {subject}, {expiry}, and has {scopes}"))
}

fn audience(audience: &Audience, deployment: &Deployment) -> CheckResult {
    const CODE: &str = "token_audience";
    let own = deployment.resource.url();
    match audience {
        Audience::Verified => {
            CheckResult::ok(CODE, "the validator verified that the token was issued for this server")
        }
        Audience::Unknown if deployment.audience == AudiencePolicy::ThisServer => {
            let text =
                "the authorization server does not say which resource the token was issued for: it is rejected";
            let action = "have the authorization server report `aud`; `Server::accept_tokens_without_audience` accepts tokens \
                          that were issued for other servers";
            CheckResult::error(CODE, text).action(action)
        }
        Audience::Unknown => {
            CheckResult::note(CODE, "the authorization server does not say which resource the token is for")
        }
        Audience::Resources(resources) => {
            let named = quoted(&resources.join(", "));
            if resources.iter().any(|resource| resource == own) {
                return CheckResult::ok(
                    CODE,
                    format!("the token was issued for {own}, exactly as this server names itself"),
                );
            }
            if resources.iter().any(|resource| deployment.resource.is_named(resource)) {
                return CheckResult::ok(
                    CODE,
                    format!("the token was issued for {named}, which is another form of {own}"),
                );
            }
            let text = format!("the token was issued for {named}, and this server is {own}");
            if deployment.audience == AudiencePolicy::Any {
                return CheckResult::warning(CODE, format!("{text}; this server accepts it nevertheless"))
                    .action("remove `Server::accept_tokens_for_any_resource`");
            }
            let action = "if both are this server, set SERVER_URL to the URL that users enter in their clients, without the \
                          path of the endpoint";
            CheckResult::error(CODE, text).action(action)
        }
    }
}

/// Names the scopes that mean nothing to this server.
fn foreign_scopes(claims: &Claims, deployment: &Deployment) -> Option<CheckResult> {
    let is_foreign = |scope: &&String| !deployment.policy.scopes.contains(scope);
    let foreign: Vec<_> = claims.scopes.iter().filter(is_foreign).map(String::as_str).collect();
    (!foreign.is_empty()).then(|| {
        let text = format!("the token has scopes that are not in SCOPES: {}", quoted(&foreign.join(" ")));
        CheckResult::note("token_scopes", text)
    })
}

fn operations(claims: &Claims, deployment: &Deployment) -> CheckResult {
    const CODE: &str = "token_operations";
    let policy = &deployment.policy;
    let mut subject = policy::scopes(claims.scopes.iter().filter(|scope| policy.scopes.contains(scope)).cloned());
    if let Some(role) = &claims.org_role {
        subject = subject.with_org_role(role);
    }
    if let Some(org) = &claims.org_id {
        subject = subject.with_org(org);
    }
    let may_use = |operation: &&OperationPolicy| policy.access(subject.clone(), &operation.label()).may_allow();
    let open: Vec<_> =
        policy.operations.iter().filter(may_use).map(|operation| operation.label().into_owned()).collect();
    let (count, all) = (open.len(), policy.operations.len());
    if count == 0 {
        let text = format!("the token may use none of {all} operations");
        return CheckResult::warning(CODE, text)
            .action("`policy` prints which scopes and roles each operation requires");
    }
    let rest = if count > MAX_NAMES { ", .." } else { "" };
    CheckResult::ok(
        CODE,
        format!("the token may use {count} of {all} operations: {}{rest}", open[..count.min(MAX_NAMES)].join(", ")),
    )
}
