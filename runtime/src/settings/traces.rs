//! Settings of traces.

use serde::{Deserialize, Serialize};

/// Settings of traces (feature `otel`). Where they are exported to, and which requests are traced, is set by the variables
/// of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TracesConfig {
    /// Maximum number of traces that begin at this server in a second. Further ones are not sampled. A client can ask for
    /// its request to be traced, also without a token. Default: 100.
    pub max_per_second: u32,
    /// Whether spans name the user and the organization of the caller, as audit records do. Default: `false`.
    pub caller: bool,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self { max_per_second: 100, caller: false }
    }
}
