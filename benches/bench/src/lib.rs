//! What the load and the other measurements share.

pub mod request;
