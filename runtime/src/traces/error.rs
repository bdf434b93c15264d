//! Errors of exporting traces.

use std::fmt;

use opentelemetry_otlp::ExporterBuildError;
use thiserror::Error;

/// Traces cannot be exported. `Debug` prints the same text as `Display`.
#[derive(Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The value of a variable is invalid. It is not shown, because it may have credentials.
    #[error(
        "cannot export traces: the value of {variable} is invalid; an endpoint is a URL such as http://127.0.0.1:4318"
    )]
    Variable {
        /// The variable.
        variable: String,
    },
    /// The exporter cannot be created.
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

impl TracesError {
    pub(super) fn of_exporter(error: &ExporterBuildError) -> Self {
        match error {
            // The text begins with the name of the variable, and continues with its value.
            ExporterBuildError::InvalidConfiguration(text) => {
                Self::Variable { variable: text.split(':').next().unwrap_or_default().to_owned() }
            }
            ExporterBuildError::InternalFailure(_) => Self::Exporter(error.to_string()),
        }
    }
}

impl fmt::Debug for TracesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
