//! Filter of the log.

use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt as _, FilterFn, filter_fn},
    layer::Filter,
};

use super::LogError;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Returns the directives, or `info` if they are blank.
pub(super) fn or_default(directives: &str) -> &str {
    if directives.trim().is_empty() { "info" } else { directives }
}

/// Parses a filter. A blank one is `info`.
pub(super) fn parse(directives: &str) -> Result<EnvFilter, LogError> {
    let directives = or_default(directives);
    let invalid = |directive: &str, problem: String| LogError::Filter {
        filter: directives.to_owned(),
        directive: directive.to_owned(),
        problem,
    };
    let filter = EnvFilter::builder().parse(directives).map_err(|error| {
        let is_invalid = |directive: &&str| EnvFilter::builder().parse(directive).is_err();
        invalid(directives.split(',').find(is_invalid).unwrap_or(directives), error.to_string())
    })?;
    // A word alone is a level or else the name of a crate, of which everything is logged. A misspelled level would turn off
    // all other events.
    for word in directives.split(',').map(str::trim) {
        let lower = word.to_lowercase();
        let similar = LEVELS.iter().find(|level| {
            strsim::damerau_levenshtein(&lower, level) == 1 || level.len() > 3 && lower.starts_with(*level)
        });
        if let Some(level) =
            similar.filter(|_| !LEVELS.contains(&&*lower) && word.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            return Err(invalid(
                word,
                format!(
                    "`{word}` is not a level; did you mean `{level}`? Write `{word}=trace` for a crate of this name"
                ),
            ));
        }
    }
    Ok(filter)
}

/// Creates the filter of the log, which also disables events of rmcp.
pub(super) fn of_log<S: Subscriber>(directives: &str) -> Result<Box<dyn Filter<S> + Send + Sync>, LogError> {
    Ok(Box::new(parse(directives)?.and(of_rmcp(directives))))
}

/// Disables the events of rmcp below `warn`, unless the directives name rmcp, and the spans that are only for traces.
pub(super) fn of_rmcp(directives: &str) -> FilterFn<impl Fn(&Metadata<'_>) -> bool + use<>> {
    let is_named = directives.split(',').any(|directive| {
        let rest = directive.strip_prefix("rmcp");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':', '[']))
    });
    let is_enabled = move |metadata: &Metadata<'_>| {
        #[cfg(feature = "otel")]
        if metadata.target() == crate::traces::TARGET {
            return false;
        }
        is_named || *metadata.level() <= Level::WARN || !is_target_of("rmcp", metadata.target())
    };
    filter_fn(is_enabled).with_max_level_hint(LevelFilter::TRACE)
}

/// Returns whether an event has the target of a crate or of one of its modules.
pub(super) fn is_target_of(name: &str, target: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use tracing_subscriber::{Layer as _, layer::SubscriberExt as _};

    use super::{
        super::{
            log_layer,
            stderr_queue::{LostLines, StderrQueue},
        },
        *,
    };
    use crate::settings::LogFormat;

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
        let queue = StderrQueue::start(Output(sender), LostLines::Text).unwrap();
        let filter = of_log(directives).unwrap();
        let layer = log_layer(Arc::clone(&queue), LogFormat::Human, false).with_filter(filter);
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
        assert_eq!(enabled("info", "h2"), "ERROR WARN INFO");
        assert_eq!(enabled("info", "rmcp"), "ERROR WARN");
        for directives in ["trace", "debug,h2=info", "[span]=trace,trace", "rmcpx=trace,trace"] {
            assert_eq!(enabled(directives, "rmcp"), "ERROR WARN", "{directives}");
        }
        assert_eq!(enabled("error", "rmcp"), "ERROR");
        assert_eq!(enabled("trace", "rmcpx"), "ERROR WARN INFO DEBUG TRACE");
        assert_eq!(enabled("info,rmcp=debug", "rmcp"), "ERROR WARN INFO DEBUG");
        assert_eq!(enabled("warn,rmcp::service", "rmcp"), "ERROR WARN INFO DEBUG TRACE");
    }

    #[test]
    fn an_invalid_filter_is_an_error_that_says_what_is_wrong() {
        for valid in ["", "info", "INFO", "off", "warn,my_server=debug", "my_server", "[call{tool=x}]=debug", "0"] {
            assert!(parse(valid).is_ok(), "{valid}");
        }
        for (filter, problem) in [
            ("toolgate=loud", "the filter of the log `toolgate=loud` is invalid (`toolgate=loud`): "),
            ("info,a==b", "the filter of the log `info,a==b` is invalid (`a==b`): "),
            ("inof", "the filter of the log `inof` is invalid (`inof`): `inof` is not a level; did you mean `info`?"),
            ("toolgate=debug,warning", "(`warning`): `warning` is not a level; did you mean `warn`?"),
        ] {
            let error = parse(filter).unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("TOOLGATE_LOG or RUST_LOG"), "{filter}: {error}");
        }
    }
}
