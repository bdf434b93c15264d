//! The log of a server on standard error, safe against what callers send and against a reader that does not read.
//!
//! ```no_run
//! # async fn run(server: toolgate::Server) -> Result<(), toolgate::Error> {
//! let _log = toolgate::logging::init()?;
//! server.serve().await
//! # }
//! ```
//!
//! - **Each event is one line.** Control characters, line breaks, characters that change the text direction, and
//!   invisible characters are escaped, as in `\u{202e}`. A field is cut to 4 KiB, or 256 bytes in an event of rmcp, and
//!   a line to 16 KiB.
//! - **Logging never blocks and never panics.** A separate thread writes to standard error. Up to 1 MiB of lines wait for
//!   it. Further lines are lost, and the log shows their number. If standard error is closed, all lines are lost.
//! - **Panics are events,** also those of a tool, so that they do not block on standard error. With `RUST_BACKTRACE=1`,
//!   they have a backtrace.
//! - **Colors** are used on a terminal, unless `NO_COLOR` is set to a value that is not empty
//!   ([no-color.org](https://no-color.org)).
//!
//! The settings are those of [`LogConfig`]:
//!
//! - `TOOLGATE_LOG` or `RUST_LOG` sets the filter, such as `RUST_LOG=info,my_server=debug`
//!   ([syntax](EnvFilter#directives)). The default is `info`. An invalid filter is an error.
//! - `TOOLGATE_LOG_FORMAT=json` writes one JSON object for each event, with `time`, `level`, `target`, `message`, the
//!   fields of the event in `fields`, and its spans, from the outermost, in `spans`. Texts are escaped and cut as above.
//! - `TOOLGATE_AUDIT_PATH` writes the [audit log](crate::audit) to a file (feature `audit-file`; see [`AuditConfig`]).
//!
//! # Change the filter while the server runs
//!
//! [`Server::serve`](crate::Server::serve) reads `log.filter` again when the process receives SIGHUP, and logs what has
//! changed. An invalid filter has no effect. The environment of a process cannot change, so set the filter in the
//! configuration file. In a terminal, and in a program with its own subscriber, SIGHUP ends the process, as usual.
//! [`set_filter`] changes the filter from code.
//!
//! # Arguments and results in the log
//!
//! toolgate logs neither arguments nor results of tools. rmcp logs the parameters of notifications at the level `info`,
//! and arguments and results at `debug` and `trace`. Its events below `warn` are therefore disabled, even with
//! `RUST_LOG=debug`, unless the filter names rmcp, such as `RUST_LOG=info,rmcp=debug`.

mod filter;
mod json;
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod one_line;
#[cfg(not(any(fuzzing, toolgate_internals)))]
mod one_line;
mod panic_hook;
mod reload;
mod stderr_queue;

use std::{
    env,
    io::{self, IsTerminal},
    sync::{Arc, OnceLock},
};

use serde::{Deserialize, Serialize};
use tracing::Subscriber;
#[cfg(doc)]
use tracing_subscriber::EnvFilter;
use tracing_subscriber::{
    Layer, Registry, fmt,
    layer::{Identity, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

#[cfg(unix)]
pub(crate) use self::reload::FilterSource;
pub use self::reload::set_filter;
use self::{
    json::{JsonFields, JsonObject},
    one_line::{OneLine, OneLineFields},
    reload::CurrentFilter,
    stderr_queue::{LostLines, StderrQueue, StderrWriter},
};
#[cfg(feature = "audit-file")]
use crate::audit::{AuditGuard, JsonLines};
pub use crate::error::LogError;
use crate::settings::{AuditConfig, CommandLine, Environment, Layers, LogConfig, LogFormat, TracesConfig};

/// The log of the process, once it is installed.
static INSTALLED: OnceLock<InstalledLog> = OnceLock::new();

#[derive(Debug)]
struct InstalledLog {
    queue: Arc<StderrQueue>,
    filter: CurrentFilter,
}

/// The audit file that the log of the process writes.
#[cfg(feature = "audit-file")]
static AUDIT_FILE: OnceLock<std::path::PathBuf> = OnceLock::new();

/// Guard of the log. Dropping it waits until the last line is written, for at most one second, and until the last record of
/// the audit file is on disk and the last spans are exported, for at most 5 seconds each.
#[derive(Debug)]
#[must_use = "the last lines of the log are lost unless the guard is held until the program ends"]
pub struct LogGuard {
    queue: Arc<StderrQueue>,
    #[cfg(feature = "otel")]
    traces: Option<crate::traces::TracesGuard>,
    #[cfg(feature = "audit-file")]
    audit: Option<AuditGuard>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        // The guards log what they cannot export or write.
        #[cfg(feature = "otel")]
        drop(self.traces.take());
        #[cfg(feature = "audit-file")]
        drop(self.audit.take());
        self.queue.flush();
    }
}

/// Installs the log as described in [this module](self), with the settings of the environment and of the configuration file
/// that `TOOLGATE_CONFIG` names. [`init_from`] takes the settings of a server.
///
/// # Errors
///
/// A setting is invalid, the audit file cannot be opened, or the process has a subscriber.
pub fn init() -> Result<LogGuard, LogError> {
    init_with(Identity::new())
}

/// Installs the log together with another layer. The filter of the log does not apply to this layer.
///
/// ```no_run
/// # #[cfg(feature = "audit-file")]
/// # async fn run(server: toolgate::Server) -> Result<(), Box<dyn std::error::Error>> {
/// use toolgate::{audit::JsonLines, logging};
///
/// let (audit, audit_guard) = JsonLines::file("/var/log/company/audit.jsonl").daily().keep(90).open()?;
/// let _log = logging::init_with(audit)?;
/// server.serve().await?;
/// drop(audit_guard); // waits until the last record is on disk
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As for [`init`].
pub fn init_with(layer: impl Layer<Registry> + Send + Sync) -> Result<LogGuard, LogError> {
    let layers =
        Layers { file: None, environment: &Environment::of_process(), command_line: &CommandLine::default() };
    let LogSettings { log, audit, traces } = layers.load(&LogSettings::default())?.settings;
    install(&log, &audit, &traces, layer)
}

/// Installs the log with these settings, such as those of [`Server::settings`](crate::Server::settings), which include the
/// settings of the code and of the command line.
///
/// ```no_run
/// # use toolgate::{logging, prelude::*};
/// # pub static SCOPES: Scopes = Scopes::new(&["a:read"]);
/// # async fn run() -> Result<(), toolgate::Error> {
/// let server = Server::new("company", &SCOPES).config_file("/etc/company/toolgate.toml");
/// let settings = server.settings()?;
/// let config = settings.config();
/// let _log = logging::init_from(&config.log, &config.audit, &config.traces)?;
/// server.serve().await
/// # }
/// ```
///
/// # Errors
///
/// As for [`init`].
pub fn init_from(log: &LogConfig, audit: &AuditConfig, traces: &TracesConfig) -> Result<LogGuard, LogError> {
    install(log, audit, traces, Identity::new())
}

/// The settings that the log has without a server.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct LogSettings {
    log: LogConfig,
    audit: AuditConfig,
    traces: TracesConfig,
}

#[cfg_attr(not(feature = "otel"), expect(unused_variables, reason = "no traces are exported"))]
fn install(
    log: &LogConfig,
    audit: &AuditConfig,
    traces: &TracesConfig,
    layer: impl Layer<Registry> + Send + Sync,
) -> Result<LogGuard, LogError> {
    let (filter, current_filter) = CurrentFilter::new(&log.filter)?;
    #[cfg(feature = "audit-file")]
    let (audit_layer, audit_guard) = open_audit_file(audit)?.unzip();
    #[cfg(not(feature = "audit-file"))]
    let audit_layer: Option<Identity> = match &audit.path {
        Some(_) => return Err(LogError::WithoutAuditFile),
        None => None,
    };
    #[cfg(feature = "otel")]
    let (traces_layer, traces_guard) = crate::traces::layer(traces)?.unzip();
    #[cfg(not(feature = "otel"))]
    let traces_layer: Option<Identity> = None;
    let lost_lines = match log.format {
        LogFormat::Human => LostLines::Text,
        LogFormat::Json => LostLines::Json,
    };
    let queue = StderrQueue::start(stderr_queue::stderr(), lost_lines).map_err(LogError::Thread)?;
    let log_layer = log_layer(Arc::clone(&queue), log.format, is_colored()).with_filter(filter);
    let registry = tracing_subscriber::registry().with(layer).with(audit_layer).with(traces_layer).with(log_layer);
    registry.try_init().map_err(|_| LogError::Installed)?;
    panic_hook::install(&queue);
    let _ = INSTALLED.set(InstalledLog { queue: Arc::clone(&queue), filter: current_filter });
    #[cfg(feature = "audit-file")]
    if let (Some(_), Some(path)) = (&audit_guard, &audit.path) {
        let _ = AUDIT_FILE.set(path.clone());
    }
    Ok(LogGuard {
        queue,
        #[cfg(feature = "otel")]
        traces: traces_guard,
        #[cfg(feature = "audit-file")]
        audit: audit_guard,
    })
}

#[cfg(feature = "audit-file")]
fn open_audit_file(config: &AuditConfig) -> Result<Option<(JsonLines, AuditGuard)>, LogError> {
    let Some(path) = &config.path else { return Ok(None) };
    let mut file = JsonLines::file(path).max_bytes(config.max_bytes).keep(config.keep);
    if config.daily {
        file = file.daily();
    }
    let opened = file.max_queue_bytes(config.max_queue_bytes).open();
    opened.map(Some).map_err(|source| LogError::AuditFile { path: path.clone(), source })
}

/// Returns whether the log of this process writes the audit log to `path`.
#[cfg(feature = "audit-file")]
pub(crate) fn writes_audit_file(path: &std::path::Path) -> bool {
    AUDIT_FILE.get().is_some_and(|file| file == path)
}

/// Returns whether the process has the log of this module, and not a subscriber of its own.
#[cfg(unix)]
pub(crate) fn is_installed() -> bool {
    INSTALLED.get().is_some()
}

/// Waits until the lines that were logged are written, for at most one second.
pub(crate) fn flush() {
    if let Some(installed) = INSTALLED.get() {
        installed.queue.flush();
    }
}

fn is_colored() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn log_layer<S>(queue: Arc<StderrQueue>, format: LogFormat, is_colored: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Otherwise, the layer reports its errors with `eprintln!`, which panics if standard error is closed.
    let layer = fmt::layer().with_writer(StderrWriter(queue)).log_internal_errors(false);
    match format {
        LogFormat::Human => layer.event_format(OneLine).fmt_fields(OneLineFields).with_ansi(is_colored).boxed(),
        LogFormat::Json => layer.event_format(JsonObject).fmt_fields(JsonFields).with_ansi(false).boxed(),
    }
}
