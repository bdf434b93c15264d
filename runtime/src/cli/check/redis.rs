//! Redis: whether the replicas can share revocations through it.

use std::time::Duration;

use super::report::{CheckResult, Level};
use crate::{
    BuildProblem,
    replication::{RedisDiagnosis, Replication, StoredParts},
    server::Deployment,
};

/// Oldest version that has streams.
const MIN_MAJOR_VERSION: u32 = 5;
/// Time of one command beyond which a request waits noticeably for an entry of another replica.
const SLOW: Duration = Duration::from_millis(50);

pub(super) async fn check(
    deployment: &Deployment,
    replication: Result<Option<Replication>, BuildProblem>,
) -> Vec<CheckResult> {
    const CODE: &str = "redis";
    let replication = match replication {
        Ok(Some(replication)) => replication,
        Ok(None) => return Vec::new(),
        Err(problem) => return vec![CheckResult::error(CODE, problem.to_string())],
    };
    let parts = stored_parts(deployment);
    match replication.diagnose(parts).await {
        Ok(Ok(diagnosis)) => results(&diagnosis, parts),
        Ok(Err(error)) => vec![CheckResult::error(CODE, error.to_string()).action(
            "check TOOLGATE_REPLICATION_URL with its user and password, the network, and, for rediss://, the certificate",
        )],
        Err(problem) => vec![CheckResult::error(CODE, problem.to_string())],
    }
}

fn stored_parts(deployment: &Deployment) -> StoredParts {
    let operations = &deployment.policy.operations;
    let rates = &deployment.config.rates;
    StoredParts {
        tasks: deployment.has_tasks,
        approvals: operations.iter().any(|operation| operation.approve.is_some()),
        rates: rates.caller.is_some()
            || !(rates.roles.is_empty() && rates.operations.is_empty() && rates.operation_totals.is_empty())
            || operations.iter().any(|operation| operation.rate.is_some() || operation.total_rate.is_some()),
    }
}

fn results(diagnosis: &RedisDiagnosis, parts: StoredParts) -> Vec<CheckResult> {
    let connection = connection(diagnosis);
    if connection.level == Level::Error {
        return vec![connection];
    }
    let mut results = vec![connection, commands(diagnosis)];
    results.extend(eviction(diagnosis));
    results.extend(persistence(diagnosis, parts));
    results
}

fn connection(diagnosis: &RedisDiagnosis) -> CheckResult {
    const CODE: &str = "redis";
    let RedisDiagnosis { version, round_trip, .. } = diagnosis;
    let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < MIN_MAJOR_VERSION {
        let text = format!("Redis has the version {version:?}, and 5 is required");
        return CheckResult::error(CODE, text).action("upgrade Redis");
    }
    if diagnosis.role != "master" {
        let text = format!("Redis has the role {:?}: it accepts no writes", diagnosis.role);
        return CheckResult::error(CODE, text).action("set TOOLGATE_REPLICATION_URL to the primary");
    }
    if diagnosis.is_cluster {
        return CheckResult::error(CODE, "Redis is part of a cluster, which is not supported")
            .action("use one Redis server, or a primary with replicas");
    }
    let text = format!("Redis {version} responds within {} ms", round_trip.as_millis());
    if *round_trip > SLOW {
        let action = "run Redis near the server: requests with a new token wait for it, at most 100 ms";
        return CheckResult::warning(CODE, text).action(action);
    }
    CheckResult::ok(CODE, text)
}

fn commands(diagnosis: &RedisDiagnosis) -> CheckResult {
    const CODE: &str = "redis_commands";
    if diagnosis.rejected.is_empty() {
        return CheckResult::ok(CODE, "Redis accepts the commands of the server");
    }
    let rejected: Vec<_> = diagnosis.rejected.iter().map(|(command, code)| format!("{command} ({code})")).collect();
    let text = format!("Redis rejects {}", rejected.join(", "));
    let action = "NOPERM: allow them for the user of Redis with ACL SETUSER, on the keys of `replication.key_prefix`; OOM: \
                  give Redis more memory; READONLY: connect to the primary";
    CheckResult::error(CODE, text).action(action)
}

fn eviction(diagnosis: &RedisDiagnosis) -> Option<CheckResult> {
    const CODE: &str = "redis_eviction";
    let policy = &diagnosis.maxmemory_policy;
    policy.starts_with("allkeys-").then(|| {
        let when = if diagnosis.maxmemory == 0 { "if a `maxmemory` is set" } else { "at its `maxmemory`" };
        let text = format!("Redis can evict revocations {when} (`maxmemory-policy` is {policy}), and every token is then validated again");
        CheckResult::warning(CODE, text).action("set `maxmemory-policy` to noeviction or to a policy that begins with volatile-")
    })
}

/// Revocations need no persistence: after a restart of Redis, all cached tokens are validated again.
fn persistence(diagnosis: &RedisDiagnosis, parts: StoredParts) -> Option<CheckResult> {
    (!diagnosis.is_persistent && (parts.tasks || parts.approvals)).then(|| {
        let text =
            "Redis loses tasks and approvals when it restarts: it writes neither an append-only file nor snapshots";
        CheckResult::warning("redis_persistence", text).action("start Redis with `appendonly yes`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: StoredParts = StoredParts { tasks: false, approvals: false, rates: false };

    fn healthy() -> RedisDiagnosis {
        RedisDiagnosis {
            version: "7.0.15".to_owned(),
            round_trip: Duration::from_millis(1),
            role: "master".to_owned(),
            is_cluster: false,
            maxmemory_policy: "noeviction".to_owned(),
            maxmemory: 0,
            is_persistent: false,
            rejected: Vec::new(),
        }
    }

    fn worst(diagnosis: &RedisDiagnosis, parts: StoredParts) -> Level {
        results(diagnosis, parts).iter().map(|result| result.level).max().unwrap()
    }

    #[test]
    fn what_prevents_replication_is_an_error_and_what_weakens_it_a_warning() {
        assert_eq!(worst(&healthy(), NOTHING), Level::Ok);
        assert_eq!(worst(&healthy(), StoredParts { approvals: true, ..NOTHING }), Level::Warning);
        let old = RedisDiagnosis { version: "4.0.9".to_owned(), ..healthy() };
        let replica = RedisDiagnosis { role: "slave".to_owned(), ..healthy() };
        let cluster = RedisDiagnosis { is_cluster: true, ..healthy() };
        let forbidden = RedisDiagnosis { rejected: vec![("XADD", "NOPERM".to_owned())], ..healthy() };
        for diagnosis in [old, replica, cluster, forbidden] {
            assert_eq!(worst(&diagnosis, NOTHING), Level::Error, "{diagnosis:?}");
        }
        let evicting = RedisDiagnosis { maxmemory_policy: "allkeys-lru".to_owned(), ..healthy() };
        let slow = RedisDiagnosis { round_trip: Duration::from_millis(60), ..healthy() };
        for diagnosis in [evicting, slow] {
            assert_eq!(worst(&diagnosis, NOTHING), Level::Warning, "{diagnosis:?}");
        }
    }
}
