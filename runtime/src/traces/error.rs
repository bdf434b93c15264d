//! Errors of exporting traces.

use std::fmt;

use thiserror::Error;

/// Traces cannot be exported. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The variables of OpenTelemetry are invalid.
    #[error("cannot export traces: {0}; check the variables that begin with OTEL_EXPORTER_OTLP_")]
    Exporter(String),
    /// A variable names a protocol that is not supported.
    #[error("{variable} must be `http/protobuf`, which is the default, got `{value}`")]
    Protocol {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
}

impl fmt::Debug for TracesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
