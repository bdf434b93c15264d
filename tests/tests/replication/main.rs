//! Several replicas of one server that share revocations through a real Redis. Requires the feature `drills`, and starts
//! `redis-server`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod approvals;
mod outages;
mod percentiles;
mod rates;
mod redis_server;
mod replica;
mod revocation;
mod scale;
mod self_contained;
mod shared_cache;
mod tasks;
mod tls;

pub(crate) use redis_server::{Proxy, RedisServer};
pub(crate) use replica::{Replica, Users};
