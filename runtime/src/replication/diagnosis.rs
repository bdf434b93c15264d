//! Properties of a Redis server that the command `check` reports. Nothing is written.

use std::time::{Duration, Instant};

use redis::Cmd;

use super::{
    Replication,
    redis_client::{RedisClient, RedisError},
};
use crate::error::BuildProblem;

/// Time limit of a command.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What a Redis server says about itself, and which commands it rejects.
#[derive(Debug)]
pub(crate) struct RedisDiagnosis {
    pub(crate) version: String,
    /// Time of the fastest command.
    pub(crate) round_trip: Duration,
    /// `master`, or `slave` for a replica.
    pub(crate) role: String,
    /// Whether the server is part of a cluster.
    pub(crate) is_cluster: bool,
    /// Policy by which keys are evicted at `maxmemory`, and that limit in bytes; 0 is none.
    pub(crate) maxmemory_policy: String,
    pub(crate) maxmemory: u64,
    /// Whether data survive a restart: `appendonly yes`, or snapshots.
    pub(crate) is_persistent: bool,
    /// Commands that were rejected, each with the code of the error, such as `NOPERM`.
    pub(crate) rejected: Vec<(&'static str, String)>,
}

/// What the server stores in Redis beside revocations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredParts {
    pub(crate) tasks: bool,
    pub(crate) approvals: bool,
    pub(crate) rates: bool,
}

impl Replication {
    /// Connects and reads the properties of the server.
    ///
    /// # Errors
    ///
    /// The outer error is an invalid setting, and the inner one a failure of Redis.
    pub(crate) async fn diagnose(
        self,
        parts: StoredParts,
    ) -> Result<Result<RedisDiagnosis, RedisError>, BuildProblem> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(problem);
        }
        let client = self.client.ok_or(BuildProblem::RedisUrl)?;
        let commands = commands(&self.prefix, self.secret.is_some(), parts);
        Ok(diagnose(&RedisClient::new(client, &self.prefix), commands).await)
    }
}

async fn diagnose(client: &RedisClient, commands: Vec<(&'static str, Cmd)>) -> Result<RedisDiagnosis, RedisError> {
    let mut connection = client.connect(TIMEOUT).await?;
    let started = Instant::now();
    let info: String = connection.query("INFO", &redis::cmd("INFO")).await?;
    let mut round_trip = started.elapsed();
    let field = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    };
    let mut rejected = Vec::new();
    for (name, command) in commands {
        let started = Instant::now();
        let response = connection.query::<redis::Value>(name, &command).await;
        round_trip = round_trip.min(started.elapsed());
        // Outside of a transaction, the following commands would write.
        let is_last = name == "MULTI" && response.is_err();
        match response {
            // The arguments are invalid on purpose: the command is allowed, and changes nothing.
            Ok(_) | Err(RedisError::InvalidResponse(_)) => {}
            Err(RedisError::Rejected { code, .. }) if is_about_arguments(&code) => {}
            Err(RedisError::Rejected { code, .. }) => {
                if !rejected.contains(&(name, code.clone())) {
                    rejected.push((name, code));
                }
            }
            Err(error) => return Err(error),
        }
        if is_last {
            break;
        }
    }
    let has_snapshots = field("rdb_saves").parse::<u64>().is_ok_and(|saves| saves > 0);
    Ok(RedisDiagnosis {
        version: field("redis_version"),
        round_trip,
        role: field("role"),
        is_cluster: field("cluster_enabled") == "1",
        maxmemory_policy: field("maxmemory_policy"),
        maxmemory: field("maxmemory").parse().unwrap_or_default(),
        is_persistent: field("aof_enabled") == "1" || has_snapshots,
        rejected,
    })
}

/// Returns whether Redis rejected the arguments of a command, and not the command.
fn is_about_arguments(code: &str) -> bool {
    matches!(code, "ERR" | "NOSCRIPT" | "WRONGTYPE" | "response error")
}

/// Returns the commands that the server uses, with arguments that change nothing. Redis checks whether a user may run a
/// command before it checks the arguments.
fn commands(prefix: &str, has_secret: bool, parts: StoredParts) -> Vec<(&'static str, Cmd)> {
    let command = |name: &'static str, arguments: &[&str]| {
        let mut command = redis::cmd(name);
        command.arg(arguments);
        (name, command)
    };
    let stream = &format!("{prefix}:revocations");
    // No stream has an entry with the ID 0-0.
    let mut commands = vec![
        command("XADD", &[stream, "0-0", "v", "check"]),
        command("XREAD", &["COUNT", "1", "STREAMS", stream, "0"]),
        command("XRANGE", &[stream, "-", "+", "COUNT", "1"]),
    ];
    // No script has this hash, and Redis cannot compile the other one.
    let run_script = |key: &str| {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg("(");
        [command("EVALSHA", &[&"0".repeat(40), "1", key]), ("SCRIPT LOAD", load)]
    };
    // `XX` sets only a key that exists.
    let get_and_set = |key: &str| [command("GET", &[key]), command("SET", &[key, "check", "PX", "1", "XX"])];
    if has_secret {
        let key = &format!("{prefix}:token:check");
        commands.extend(get_and_set(key));
        commands.push(command("PTTL", &[key]));
    }
    if parts.approvals {
        let key = &format!("{prefix}:approval:check");
        commands.extend(get_and_set(key));
        commands.extend(run_script(key));
    }
    if parts.rates {
        let key = &format!("{prefix}:rate:check");
        commands.extend(get_and_set(key));
        commands.extend(run_script(key));
    }
    if parts.tasks {
        let key = &format!("{prefix}:task-check:check");
        commands.extend(get_and_set(key));
        commands.extend([
            command("PEXPIRE", &[key, "1"]),
            command("LTRIM", &[key, "0", "-1"]),
            command("LRANGE", &[key, "0", "0"]),
            command("SREM", &[key, "check"]),
            command("SRANDMEMBER", &[key, "1"]),
            command("DEL", &[key]),
            // In a transaction, a command is checked and not executed. The connection is closed with it.
            command("MULTI", &[]),
            command("RPUSH", &[key, "check"]),
            command("SADD", &[key, "check"]),
        ]);
    }
    commands
}
