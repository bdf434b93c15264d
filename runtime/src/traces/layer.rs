//! The layer that records spans and exports them.

use std::{env, time::Duration};

use opentelemetry::{InstrumentationScope, trace::TracerProvider as _};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{Config, SdkTracerProvider},
};
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::{TARGET, TracesError, export, head::TraceIds, sampler::BoundedSampler, spans};
use crate::settings::TracesConfig;

/// Maximum time that the guard waits for the export of the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// Variables that enable traces.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// Guard of the export. Dropping it exports the spans that wait, for at most 5 seconds.
#[derive(Debug)]
#[must_use = "the last spans are lost unless the guard is held until the program ends"]
pub struct TracesGuard(SdkTracerProvider);

impl Drop for TracesGuard {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_TIMEOUT) {
            tracing::warn!(%error, "spans that were not exported are lost");
        }
    }
}

/// Layer that records spans and exports them.
pub type TracesLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Returns the layer that exports traces, for a program that installs its own subscriber. `None` if no variable of
/// OpenTelemetry names a receiver. [`logging::init`](crate::logging::init) adds it itself.
///
/// ```no_run
/// use toolgate::{config::TracesConfig, traces};
/// use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (layer, _guard) = traces::layer(&TracesConfig::default())?.unzip();
/// tracing_subscriber::registry().with(layer).try_init()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A variable of OpenTelemetry is invalid, or the HTTP client cannot be set up.
pub fn layer<S>(config: &TracesConfig) -> Result<Option<(TracesLayer<S>, TracesGuard)>, TracesError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    if !is_enabled() {
        return Ok(None);
    }
    if let Some((variable, value)) = PROTOCOLS.into_iter().find_map(|name| Some((name, variable(name)?)))
        && value != "http/protobuf"
    {
        return Err(TracesError::Protocol { variable, value });
    }
    let exporter = SpanExporter::builder().with_http().build();
    let exporter = exporter.map_err(|error| TracesError::of_exporter(&error))?;
    // The sampler that `OTEL_TRACES_SAMPLER` sets.
    let sampler = BoundedSampler::new(Config::default().sampler, config.max_per_second);
    let provider = SdkTracerProvider::builder()
        .with_sampler(sampler.clone())
        .with_id_generator(TraceIds::new())
        .with_resource(resource())
        .with_span_processor(export::processor(exporter))
        .build();
    let scope = InstrumentationScope::builder("toolgate").with_version(env!("CARGO_PKG_VERSION")).build();
    let tracer = provider.tracer_with_scope(scope);
    spans::activate(config.caller, sampler);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_exported).with_max_level_hint(LevelFilter::INFO));
    Ok(Some((layer.boxed(), TracesGuard(provider))))
}

/// Spans of the program are exported. Events may hold what must not leave the log, and the spans of the log and of rmcp name
/// users and arguments.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_own = target.starts_with("toolgate::") || target.starts_with("rmcp");
    metadata.is_span() && (target == TARGET || !is_own && *metadata.level() <= Level::INFO)
}

fn is_enabled() -> bool {
    let is_disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    !is_disabled && ENDPOINTS.into_iter().any(|name| variable(name).is_some())
}

/// Returns the value of a variable that is not blank.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Returns what the spans say about this process: the variables of OpenTelemetry, and otherwise the name of the program.
fn resource() -> Resource {
    let builder = Resource::builder();
    let names_service = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|attributes| attributes.contains("service.name="));
    let program = env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    match program.filter(|_| !names_service) {
        Some(program) => builder.with_service_name(program).build(),
        None => builder.build(),
    }
}
