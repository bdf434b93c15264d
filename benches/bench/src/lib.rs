//! Requests of the benchmarks, shared with `in-process`.

pub mod request;
