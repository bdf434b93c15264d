//! The authorization server: whether it validates tokens, what clients discover, its scopes, and its clock.

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};
use tokio::time::timeout;
use url::Url;

use super::{
    metadata,
    probe::{Probe, ProbeError},
    report::{CheckResult, Level},
    time_limit::TimeLimit,
};
use crate::{
    auth::{AuthorizationServer, TokenValidator, ValidatorTexts},
    server::Deployment,
};

/// Time limit of a preflight check, which sends several requests at the same time.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Code of the results about metadata that did not arrive.
const METADATA_UNAVAILABLE: &str = "metadata_unavailable";
/// Time after which the first request of a user with a new token is noticeably slow.
const SLOW: Duration = Duration::from_secs(1);
/// Difference between two clocks that is reported.
const SKEW: Duration = Duration::from_secs(30);
/// Difference beyond which webhooks are rejected (Standard Webhooks).
const MAX_SKEW: Duration = Duration::from_mins(5);

pub(super) async fn check(deployment: &Deployment, limit: TimeLimit) -> Vec<CheckResult> {
    let validators = &deployment.validators;
    let preflights = join_all(validators.iter().map(|validator| preflight(&**validator)));
    let discovered = discover(deployment, limit);
    let (preflights, discovered) = tokio::join!(preflights, discovered);
    let mut results: Vec<_> = preflights.into_iter().flatten().collect();
    // The preflight check of the validator reports the same problem.
    let is_new =
        |result: &CheckResult| !results.iter().any(|other| other.code == result.code && other.level == Level::Error);
    let discovered: Vec<_> = discovered.into_iter().filter(is_new).collect();
    results.extend(discovered);
    results.extend(revocations(deployment));
    results
}

async fn preflight(validator: &dyn TokenValidator) -> Vec<CheckResult> {
    let ValidatorTexts { name, .. } = validator.texts();
    let started = Instant::now();
    let Ok(checked) = timeout(TIMEOUT, validator.preflight()).await else {
        return vec![CheckResult::error("tokens", format!("{name} did not respond within {TIMEOUT:?}"))];
    };
    let elapsed = started.elapsed();
    let Some(diagnostics) = checked else {
        return vec![CheckResult::note("tokens", format!("the validator of {name} has no check of its own"))];
    };
    let mut results: Vec<_> = diagnostics.into_iter().map(CheckResult::from).collect();
    if !results.iter().any(|result| result.level == Level::Error) {
        let text = format!("{name} validates tokens, and responded within {} ms", elapsed.as_millis());
        let result = if elapsed > SLOW {
            let action =
                "look for a proxy or a distant region between the two: a user waits for it once for each new token";
            CheckResult::warning("tokens", text).action(action)
        } else {
            CheckResult::ok("tokens", text)
        };
        results.insert(0, result);
    }
    results
}

/// Reads what clients discover: the authorization server, its metadata, and its scopes.
async fn discover(deployment: &Deployment, limit: TimeLimit) -> Vec<CheckResult> {
    let validators = &deployment.validators;
    let ValidatorTexts { name, .. } = validators.texts();
    let base_url = deployment.url.base();
    let server = match timeout(TIMEOUT, validators.authorization_server(base_url)).await {
        Ok(Ok(server)) => server,
        Ok(Err(unavailable)) => return vec![CheckResult::error(METADATA_UNAVAILABLE, unavailable.to_string())],
        Err(_) => {
            let text = format!("the metadata of {name} did not arrive within {TIMEOUT:?}");
            return vec![CheckResult::error(METADATA_UNAVAILABLE, text)];
        }
    };
    let mut results = scopes(deployment, &server);
    let AuthorizationServer { issuer, document, .. } = server;
    let Some(issuer) = issuer else {
        let text = format!("{name} names no issuer, so clients cannot discover where users log in");
        results.push(CheckResult::note("discovery", text));
        return results;
    };
    // This server serves the document itself if it is the issuer. The clock is that of the authorization server.
    let is_own = issuer == base_url;
    let fetched_from = if is_own { validators.default_issuer() } else { Some(issuer.clone()) };
    let fetched = match fetched_from {
        Some(url) => {
            let step = format!("the request for the metadata of {url}");
            let fetched = limit.within(METADATA_UNAVAILABLE, step, fetch(&url)).await;
            fetched.unwrap_or_else(|unfinished| Err(vec![unfinished]))
        }
        None => Err(Vec::new()),
    };
    let published = match fetched {
        Ok((published, headers, elapsed)) => {
            results.extend(clock(&headers, elapsed, &name));
            Some(published)
        }
        Err(problems) => {
            results.extend(problems);
            None
        }
    };
    match (is_own, published) {
        (false, Some(published)) => {
            results.extend(metadata::issuer(&published, &issuer));
            results.extend(metadata::check(&published, &name));
        }
        (true, _) => results.extend(document.iter().flat_map(|document| metadata::check(document, &name))),
        (false, None) => {}
    }
    results
}

fn scopes(deployment: &Deployment, server: &AuthorizationServer) -> Vec<CheckResult> {
    let advertised = server.scopes_supported.as_deref();
    let drift = deployment.scope_drift(advertised);
    if !drift.is_empty() || advertised.is_none() {
        return drift.into_iter().map(CheckResult::from).collect();
    }
    let ValidatorTexts { name, .. } = deployment.validators.texts();
    let count = deployment.policy.scopes.len();
    let text = format!("SCOPES and {name} have the same {count} scope{}", if count == 1 { "" } else { "s" });
    vec![CheckResult::ok("scopes", text)]
}

/// Fetches the metadata of an issuer as a client does.
async fn fetch(issuer: &str) -> Result<(Map<String, Value>, HeaderMap, Duration), Vec<CheckResult>> {
    let error = |error: ProbeError| vec![error.result(METADATA_UNAVAILABLE)];
    let urls = metadata::urls(issuer);
    let (Some(first), Ok(url)) = (urls.first(), Url::parse(issuer)) else {
        return Err(vec![CheckResult::error(METADATA_UNAVAILABLE, format!("the issuer {issuer} is not a URL"))]);
    };
    let probe = Probe::new(&url).map_err(error)?;
    for url in &urls {
        let received = probe.send(probe.request(Method::GET, url)).await.map_err(error)?;
        if received.status == StatusCode::OK
            && let Ok(document) = serde_json::from_slice(&received.body)
        {
            return Ok((document, received.headers, received.elapsed));
        }
    }
    let text = format!("{first} and the other URLs of the issuer have no metadata document");
    Err(vec![CheckResult::error(METADATA_UNAVAILABLE, text)])
}

/// Compares the clock of this machine with the `Date` of a response, which has a precision of one second.
fn clock(headers: &HeaderMap, elapsed: Duration, name: &str) -> Option<CheckResult> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?;
    Some(compare_clocks(theirs, SystemTime::now() - elapsed / 2, name))
}

fn compare_clocks(theirs: SystemTime, ours: SystemTime, name: &str) -> CheckResult {
    const CODE: &str = "clock";
    let (skew, direction) = match ours.duration_since(theirs) {
        Ok(skew) => (skew, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    let seconds = skew.as_secs();
    if skew <= SKEW {
        return CheckResult::ok(CODE, format!("the clock differs from that of {name} by {seconds} s"));
    }
    let text = format!("the clock of this machine is {seconds} s {direction} that of {name}");
    let action = "synchronize the clock of this machine, for example with chrony or systemd-timesyncd";
    if skew <= MAX_SKEW {
        return CheckResult::warning(CODE, format!("{text}: tokens expire too early or too late")).action(action);
    }
    CheckResult::error(CODE, format!("{text}: every webhook is rejected, and tokens expire too early or too late"))
        .action(action)
}

/// Says when revoked access ends, if the validators do not report revocations.
fn revocations(deployment: &Deployment) -> Option<CheckResult> {
    let validators = &deployment.validators;
    (!validators.report_revocations()).then(|| {
        let ValidatorTexts { name, report_revocations, .. } = validators.revocation_texts();
        let ttl = deployment.config.token_cache.effective_ttl(false);
        let text = format!("{name} does not report revocations: revoked access ends within {ttl:?}");
        CheckResult::note("revocations", text).action(format!("to end it immediately, {report_revocations}"))
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::{
        Server,
        auth::{
            BearerToken, Claims, Diagnostic, IntoValidators as _, Resource, Unavailable, ValidationError, async_trait,
        },
        scope::Scopes,
    };

    static SCOPES: Scopes = Scopes::new(&["a:read"]);

    /// Validator whose metadata is at an issuer that does not respond.
    struct Directory {
        issuer: String,
    }

    #[async_trait]
    impl TokenValidator for Directory {
        async fn validate(&self, _: &BearerToken, _: &Resource) -> Result<Claims, ValidationError> {
            Err(Unavailable::new("not used").into())
        }

        async fn preflight(&self) -> Option<Vec<Diagnostic>> {
            Some(Vec::new())
        }

        async fn authorization_server(&self, _: &str) -> Result<AuthorizationServer, Unavailable> {
            let mut server = AuthorizationServer::new(&self.issuer);
            server.scopes_supported = Some(vec!["a:read".to_owned()]);
            Ok(server)
        }
    }

    #[tokio::test]
    async fn the_time_limit_ends_the_request_for_the_metadata_and_keeps_the_other_results() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::new("company", &SCOPES).ignore_environment();
        let deployment = server.into_deployment(Directory { issuer }.into_validators()).unwrap();
        let results = check(&deployment, TimeLimit::ending_at(Instant::now())).await;
        let found: Vec<_> = results.iter().map(|result| (&*result.code, result.level)).collect();
        let expected = [
            ("tokens", Level::Ok),
            ("scopes", Level::Warning),
            (METADATA_UNAVAILABLE, Level::Error),
            ("revocations", Level::Note),
        ];
        assert_eq!(found, expected, "{results:?}");
        assert!(results[2].text.starts_with("the request for the metadata of http://127.0.0.1:"), "{results:?}");
    }

    #[test]
    fn a_clock_that_differs_is_a_warning_and_beyond_the_tolerance_of_webhooks_an_error() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (seconds, expected) in
            [(0, Level::Ok), (30, Level::Ok), (31, Level::Warning), (300, Level::Warning), (301, Level::Error)]
        {
            let skew = Duration::from_secs(seconds);
            assert_eq!(compare_clocks(now, now + skew, "Directory").level, expected, "{seconds}");
            assert_eq!(compare_clocks(now, now - skew, "Directory").level, expected, "-{seconds}");
        }
        let ahead = compare_clocks(now, now + Duration::from_secs(90), "Directory").text;
        assert!(ahead.contains("90 s ahead of that of Directory"), "{ahead}");
    }
}
