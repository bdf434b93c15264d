//! Counters of rates in Redis, for all replicas together.
//!
//! If Redis does not respond, the replica counts in memory: neither without a limit, nor is a request rejected because
//! of it.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::{
    deadline::Deadline,
    redis_client::{RedisClient, RedisError},
};
use crate::{hexadecimal::hexadecimal, log_limit::LogLimit, rate::Rate};

/// Maximum time that a request waits for Redis.
const TIMEOUT: Duration = Duration::from_millis(100);
/// Time after a failure during which Redis is not used.
const PAUSE: Duration = Duration::from_secs(1);

/// Script that counts a request in one limit for each key, up to the first that rejects it. Redis runs a script atomically,
/// and its own clock is that of all replicas. All times are in microseconds.
///
/// The value of a key is the theoretical arrival time of GCRA: the time at which the quota is full again, when the key
/// expires. The result has, for each limit, the requests that are left, or the negative time until the next one.
const COUNT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local results = {}
for i, key in ipairs(KEYS) do
    local quantity, interval = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local full_at = math.max(tonumber(redis.call('GET', key) or '') or now, now)
    local next = full_at + interval
    local early = next - quantity * interval - now
    if early > 0 then
        results[i] = -early
        return results
    end
    redis.call('SET', key, string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
    results[i] = math.floor(-early / interval)
end
return results
";

/// Counters in Redis.
pub(crate) struct SharedRates {
    redis: Arc<RedisClient>,
    script: redis::Script,
    prefix: String,
    /// Hash of the resource: servers with the same prefix count separately.
    resource: Sha256,
    paused_until: Deadline,
    outage: LogLimit,
}

/// A limit in which a request is counted.
pub(crate) struct SharedCount<'a> {
    /// What identifies the limit and the caller.
    pub(crate) parts: &'a [&'a [u8]],
    pub(crate) rate: Rate,
}

/// Result of counting a request in one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedOutcome {
    Counted { remaining: u32 },
    Rejected { retry_after: Duration },
}

/// Redis did not count a request.
#[derive(Debug)]
pub(crate) struct NotShared;

impl SharedRates {
    pub(super) fn new(redis: Arc<RedisClient>, prefix: &str, resource: &str) -> Self {
        let resource = Sha256::new().chain_update(resource).chain_update([0]);
        let (paused_until, outage) = (Deadline::passed(), LogLimit::default());
        let (script, prefix) = (redis::Script::new(COUNT), format!("{prefix}:rate:"));
        Self { redis, script, prefix, resource, paused_until, outage }
    }

    /// Counts a request in each limit, up to the first that rejects it. The last outcome is that of the limit which rejects
    /// it, if there is one.
    ///
    /// # Errors
    ///
    /// Redis did not respond in time, or it failed a moment ago. The reason is logged.
    pub(crate) async fn count(&self, counts: &[SharedCount<'_>]) -> Result<Vec<SharedOutcome>, NotShared> {
        if !self.paused_until.has_passed() {
            return Err(NotShared);
        }
        let mut invocation = self.script.prepare_invoke();
        for count in counts {
            invocation.key(self.key(count));
        }
        for SharedCount { rate, .. } in counts {
            let interval = (rate.period() / rate.quantity()).as_micros();
            invocation.arg(rate.quantity()).arg(u64::try_from(interval).unwrap_or(u64::MAX));
        }
        let run = async { self.redis.command_connection().await?.run_script(&invocation).await };
        let result = tokio::time::timeout(TIMEOUT, run).await;
        let outcomes = result.unwrap_or(Err(RedisError::Timeout)).and_then(|replies: Vec<i64>| {
            let is_complete = replies.len() == counts.len() || replies.last().is_some_and(|&last| last < 0);
            if is_complete { Ok(replies) } else { Err(RedisError::InvalidResponse("EVALSHA")) }
        });
        match outcomes {
            Ok(replies) => Ok(replies.into_iter().map(SharedOutcome::of).collect()),
            Err(reason) => {
                self.redis.disconnect();
                self.paused_until.set(Instant::now() + PAUSE);
                self.outage.log(|suppressed| {
                    tracing::warn!(%reason, suppressed, "rates are not shared with the other replicas: this replica counts by itself");
                });
                Err(NotShared)
            }
        }
    }

    /// Returns the key of a counter, which shows neither the caller nor the operation. Its value has a meaning for one rate
    /// only, so another rate has another key.
    fn key(&self, SharedCount { parts, rate }: &SharedCount<'_>) -> String {
        let mut hash = self.resource.clone();
        hash.update(rate.quantity().to_be_bytes());
        hash.update(rate.period().as_micros().to_be_bytes());
        for part in *parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        self.prefix.clone() + &hexadecimal(&hash.finalize()[..16])
    }
}

impl SharedOutcome {
    fn of(reply: i64) -> Self {
        match u64::try_from(reply) {
            Ok(remaining) => Self::Counted { remaining: u32::try_from(remaining).unwrap_or(u32::MAX) },
            Err(_) => Self::Rejected { retry_after: Duration::from_micros(reply.unsigned_abs()) },
        }
    }
}
