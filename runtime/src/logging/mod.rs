//! The log of a server on standard error, safe against what callers send and against a reader that does not read.
//!
//! ```no_run
//! # async fn run(server: toolgate::Server) -> Result<(), toolgate::Error> {
//! let _log = toolgate::logging::init();
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
//! - **Colors** are used on a terminal, unless `NO_COLOR` is set.
//!
//! `RUST_LOG` sets the filter, such as `RUST_LOG=info,my_server=debug` ([syntax](EnvFilter#directives)). The default
//! is `info`.
//!
//! # Arguments and results in the log
//!
//! toolgate logs neither arguments nor results of tools. rmcp logs the parameters of notifications at the level `info`,
//! and arguments and results at `debug` and `trace`. Its events below `warn` are therefore disabled, even with
//! `RUST_LOG=debug`, unless the filter names rmcp, such as `RUST_LOG=info,rmcp=debug`.

#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) mod one_line;
#[cfg(not(any(fuzzing, toolgate_internals)))]
mod one_line;
mod panic_hook;
mod stderr_queue;

use std::{
    env,
    io::{self, IsTerminal},
    sync::Arc,
};

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, FilterFn, ParseError, filter_fn},
    fmt,
    layer::{Identity, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use one_line::{OneLine, OneLineFields};
use stderr_queue::{StderrQueue, StderrWriter};

/// Filter if `RUST_LOG` is not set.
const DEFAULT_FILTER: &str = "info";

/// Guard of the log. Dropping it waits until the last line is written, for at most one second.
#[derive(Debug)]
#[must_use = "the last lines of the log are lost unless the guard is held until the program ends"]
pub struct LogGuard(Arc<StderrQueue>);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Installs the log as described in [this module](self).
///
/// # Panics
///
/// The process has another global subscriber, or the thread that writes the log cannot be started.
pub fn init() -> LogGuard {
    init_with(Identity::new())
}

/// Installs the log together with another layer, such as the audit log. The filter of the log does not apply to this
/// layer.
///
/// ```no_run
/// # #[cfg(feature = "audit-file")]
/// # async fn run(server: toolgate::Server) -> Result<(), Box<dyn std::error::Error>> {
/// use toolgate::{audit::JsonLines, logging};
///
/// let (audit, audit_guard) = JsonLines::file("/var/log/company/audit.jsonl").daily().keep(90).open()?;
/// let _log = logging::init_with(audit);
/// server.serve().await?;
/// drop(audit_guard); // waits until the last record is on disk
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// The process has another global subscriber, or the thread that writes the log cannot be started.
pub fn init_with(layer: impl Layer<Registry> + Send + Sync) -> LogGuard {
    let directives = env::var(EnvFilter::DEFAULT_ENV).ok().filter(|directives| !directives.trim().is_empty());
    let (filter, invalid) = match directives.as_deref().map(parse_filter) {
        None => (parse_filter(DEFAULT_FILTER), None),
        Some(Ok(filter)) => (Ok(filter), None),
        Some(Err(error)) => (parse_filter(DEFAULT_FILTER), Some(error)),
    };
    let queue = StderrQueue::start(stderr_queue::stderr()).expect("the thread that writes the log can be started");
    let is_colored = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let filter = filter.expect("the default filter is valid");
    let log = log_layer(Arc::clone(&queue), is_colored)
        .with_filter(filter.and(rmcp_filter(directives.as_deref().unwrap_or_default())));
    tracing_subscriber::registry().with(layer).with(log).init();
    panic_hook::install(&queue);
    if let Some(error) = invalid {
        tracing::warn!(%error, "RUST_LOG is not a valid filter; the filter is `{DEFAULT_FILTER}`");
    }
    LogGuard(queue)
}

fn parse_filter(directives: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(directives)
}

/// Disables the events of rmcp below `warn`, unless the directives name rmcp.
fn rmcp_filter(directives: &str) -> FilterFn<impl Fn(&Metadata<'_>) -> bool + use<>> {
    let is_named = directives.split(',').any(|directive| {
        let rest = directive.strip_prefix("rmcp");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':', '[']))
    });
    let is_enabled = move |metadata: &Metadata<'_>| {
        is_named || *metadata.level() <= Level::WARN || !is_target_of("rmcp", metadata.target())
    };
    filter_fn(is_enabled).with_max_level_hint(LevelFilter::TRACE)
}

/// Returns whether an event has the target of a crate or of one of its modules.
fn is_target_of(name: &str, target: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn log_layer<S>(queue: Arc<StderrQueue>, is_colored: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer()
        .event_format(OneLine)
        .fmt_fields(OneLineFields)
        .with_ansi(is_colored)
        .with_writer(StderrWriter(queue))
        // Otherwise, the layer reports its errors with `eprintln!`, which panics if standard error is closed.
        .log_internal_errors(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether an event of each level is enabled, from `ERROR` to `TRACE`.
    fn enabled(directives: &str, target: &'static str) -> String {
        use std::{io::Write, sync::mpsc};
        struct Output(mpsc::Sender<Vec<u8>>);
        impl Write for Output {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.send(bytes.to_vec());
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, receiver) = mpsc::channel();
        let queue = StderrQueue::start(Output(sender)).unwrap();
        let filter = parse_filter(directives).unwrap().and(rmcp_filter(directives));
        let layer = log_layer(Arc::clone(&queue), false).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || match target {
            "rmcp" => events!("rmcp::service"),
            "h2" => events!("h2"),
            _ => events!("rmcpx"),
        });
        queue.flush();
        let text: Vec<u8> = receiver.try_iter().flatten().collect();
        let levels = String::from_utf8(text).unwrap();
        levels.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect::<Vec<_>>().join(" ")
    }

    macro_rules! events {
        ($target:literal) => {{
            tracing::error!(target: $target, "");
            tracing::warn!(target: $target, "");
            tracing::info!(target: $target, "");
            tracing::debug!(target: $target, "");
            tracing::trace!(target: $target, "");
        }};
    }
    use events;

    #[test]
    fn rmcp_logs_messages_only_if_the_filter_names_it() {
        assert_eq!(enabled(DEFAULT_FILTER, "h2"), "ERROR WARN INFO");
        assert_eq!(enabled(DEFAULT_FILTER, "rmcp"), "ERROR WARN");
        for directives in ["trace", "debug,h2=info", "[span]=trace,trace", "rmcpx=trace,trace"] {
            assert_eq!(enabled(directives, "rmcp"), "ERROR WARN", "{directives}");
        }
        assert_eq!(enabled("error", "rmcp"), "ERROR");
        assert_eq!(enabled("trace", "rmcpx"), "ERROR WARN INFO DEBUG TRACE");
        assert_eq!(enabled("info,rmcp=debug", "rmcp"), "ERROR WARN INFO DEBUG");
        assert_eq!(enabled("warn,rmcp::service", "rmcp"), "ERROR WARN INFO DEBUG TRACE");
    }
}
