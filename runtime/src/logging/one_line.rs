//! Format of an event: one line, whose text from callers is escaped and cut.

use std::fmt::{self, Write};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::filter::is_target_of;
use crate::audit::{is_plain, is_plain_text, is_verbatim};

/// Maximum size of the fields of a line, in bytes.
pub(super) const MAX_LINE: usize = 16 * 1024;
/// Maximum size of a field, in bytes.
const MAX_FIELD: usize = 4 * 1024;
/// Maximum size of a field in an event of rmcp and in a span, in bytes. Such a field may hold a whole message.
pub(super) const MAX_RMCP_FIELD: usize = 256;
/// Size of the fields of most spans, in bytes.
pub(super) const SPAN_FIELDS: usize = 256;
/// Mark at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Format of an event: time, level, spans, target and fields.
pub(super) struct OneLine;

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // An event of the crate `log` has its target and its level in fields.
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let (dim, level_color, reset) = match (writer.has_ansi_escapes(), *metadata.level()) {
            (false, _) => ("", "", ""),
            (true, Level::ERROR) => ("\x1b[2m", "\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[2m", "\x1b[33m", "\x1b[0m"),
            (true, Level::INFO) => ("\x1b[2m", "\x1b[32m", "\x1b[0m"),
            (true, Level::DEBUG) => ("\x1b[2m", "\x1b[34m", "\x1b[0m"),
            (true, Level::TRACE) => ("\x1b[2m", "\x1b[35m", "\x1b[0m"),
        };
        writer.write_str(dim)?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "{reset} {level_color}{:>5}{reset} ", metadata.level())?;
        for span in ctx.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            writer.write_str(span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(writer, "{{{fields}}}")?;
            }
            writer.write_str(": ")?;
        }
        let mut target = Escaped::new(&mut writer, MAX_RMCP_FIELD);
        let _ = target.write_str(metadata.target());
        writer.write_str(": ")?;
        event.record(&mut Fields::new(&mut writer, max_field(metadata.target())));
        writeln!(writer)
    }
}

/// Returns the maximum size of a field of an event with this target, in bytes.
pub(super) fn max_field(target: &str) -> usize {
    if is_target_of("rmcp", target) { MAX_RMCP_FIELD } else { MAX_FIELD }
}

/// Format of the fields of spans.
pub(super) struct OneLineFields;

impl<'writer> FormatFields<'writer> for OneLineFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        // Each write to the text of a new span may allocate, so the fields are one write.
        let mut text = String::with_capacity(SPAN_FIELDS);
        fields.record(&mut Fields::new(&mut text, MAX_RMCP_FIELD));
        writer.write_str(&text)
    }
}

/// Visitor that writes fields, the message without its name.
struct Fields<'a, W> {
    writer: &'a mut W,
    max_field: usize,
    /// Number of bytes that the line may still have.
    left: usize,
    is_first: bool,
}

impl<'a, W: Write> Fields<'a, W> {
    fn new(writer: &'a mut W, max_field: usize) -> Self {
        Self { writer, max_field, left: MAX_LINE, is_first: true }
    }

    /// Writes a field whose value `write` writes.
    fn field(&mut self, field: &Field, write: impl FnOnce(&mut Escaped<'_, W>) -> fmt::Result) {
        // The crate `log` passes its metadata as fields.
        if self.left == 0 || field.name().starts_with("log.") {
            return;
        }
        let separator = if std::mem::take(&mut self.is_first) { "" } else { " " };
        let mut text = Escaped::new(self.writer, self.max_field.min(self.left));
        // An error means that the text was cut, or that a value failed to format itself.
        let _ = text.append(separator).and_then(|()| {
            if field.name() != "message" {
                text.write_str(name_of(field))?;
                text.append("=")?;
            }
            write(&mut text)
        });
        self.left -= text.written.min(self.left);
    }
}

/// Returns the name of a field, without the mark of a raw identifier.
pub(super) fn name_of(field: &Field) -> &'static str {
    field.name().strip_prefix("r#").unwrap_or(field.name())
}

impl<W: Write> Visit for Fields<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |text| match field.name() {
            "message" => text.write_str(value),
            // What `Debug` would write, which takes longer.
            _ if is_verbatim(value) => {
                text.append("\"")?;
                text.write_plain(value)?;
                text.append("\"")
            }
            _ => write!(text, "{value:?}"),
        });
    }
}

/// Writer that escapes characters that are not plain text, and fails once the text is too long. It has then written
/// the beginning and an ellipsis.
pub(super) struct Escaped<'a, W> {
    writer: &'a mut W,
    max: usize,
    written: usize,
    is_cut: bool,
}

impl<'a, W: Write> Escaped<'a, W> {
    pub(super) fn new(writer: &'a mut W, max: usize) -> Self {
        Self { writer, max, written: 0, is_cut: false }
    }

    /// Returns the size of what was written, in bytes; the maximum if it was cut.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Writes a text without characters to escape.
    fn write_plain(&mut self, text: &str) -> fmt::Result {
        if self.fits(text) { self.append(text) } else { self.write_characters(text) }
    }

    fn write_characters(&mut self, text: &str) -> fmt::Result {
        let mut utf8 = [0; 4];
        for c in text.chars() {
            if is_plain(c) {
                self.append(c.encode_utf8(&mut utf8))?;
            } else {
                // As a whole, so that a cut does not leave a part of it.
                self.append(&c.escape_default().to_string())?;
            }
        }
        Ok(())
    }

    fn fits(&self, text: &str) -> bool {
        self.written + text.len() + ELLIPSIS.len_utf8() <= self.max
    }

    /// Appends a text, or cuts before it.
    fn append(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        if !self.fits(text) {
            self.is_cut = true;
            self.written = self.max;
            self.writer.write_char(ELLIPSIS)?;
            return Err(fmt::Error);
        }
        self.written += text.len();
        self.writer.write_str(text)
    }
}

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_plain_text(text) { self.write_plain(text) } else { self.write_characters(text) }
    }
}

/// Returns a text as it is in a field of at most `max` bytes.
#[cfg(any(fuzzing, toolgate_internals))]
pub(crate) fn escaped(text: &str, max: usize) -> String {
    let mut field = String::new();
    let _ = Escaped::new(&mut field, max).write_str(text);
    field
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Mutex, PoisonError};

    use proptest::prelude::*;
    use tracing_subscriber::{layer::SubscriberExt, registry};

    use super::*;

    type TestLayer<F, E> = tracing_subscriber::fmt::Layer<tracing_subscriber::Registry, F, E>;

    /// Logs with the format of a layer and returns the text.
    pub(in super::super) fn log_with<F, E>(layer: impl FnOnce() -> TestLayer<F, E>, events: impl FnOnce()) -> String
    where
        F: for<'a> FormatFields<'a> + Send + Sync + 'static,
        E: FormatEvent<tracing_subscriber::Registry, F> + Send + Sync + 'static,
    {
        static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        struct Output;
        impl std::io::Write for Output {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                TEXT.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let layer = layer().with_writer(|| Output).log_internal_errors(false);
        tracing::subscriber::with_default(registry().with(layer), events);
        String::from_utf8(std::mem::take(&mut *TEXT.lock().unwrap())).unwrap()
    }

    fn log(ansi: bool, events: impl FnOnce()) -> String {
        let layer =
            || tracing_subscriber::fmt::layer().event_format(OneLine).fmt_fields(OneLineFields).with_ansi(ansi);
        log_with(layer, events)
    }

    /// Logs a text in every place of an event.
    fn log_everywhere(text: &str) -> String {
        log(false, || {
            let _span = tracing::info_span!(target: "rmcp", "request", id = %text).entered();
            tracing::warn!(target: "rmcp::service", id = %text, error = ?Some(text), text, "response error: {text}");
            tracing::warn!(target: "toolgate::gate", host = text, reason = %text, "rejected: {text}");
        })
    }

    #[test]
    fn an_event_has_its_time_level_spans_target_and_fields() {
        let text = log(false, || {
            let _span = tracing::info_span!("request", id = 7).entered();
            tracing::info!(target: "toolgate::x", endpoint = "http://x", count = 3, r#type = true, "serving {}", "all");
        });
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.ends_with('Z'), "{text}");
        let expected = " INFO request{id=7}: toolgate::x: serving all endpoint=\"http://x\" count=3 type=true\n";
        assert_eq!(rest, expected);
    }

    #[test]
    fn colors_are_the_only_escape_sequences() {
        let text = log(true, || tracing::error!("a\u{1b}[2Jb"));
        assert_eq!(text.matches('\u{1b}').count(), 4, "{text:?}");
        assert!(text.contains("a\\u{1b}[2Jb") && text.contains("\u{1b}[31mERROR\u{1b}[0m"), "{text:?}");
    }

    #[test]
    fn a_caller_cannot_forge_a_line_or_control_the_terminal() {
        let forged = "7\n2026-11-22T20:03:12Z INFO toolgate::audit: \u{1b}]0;x\u{7}\u{202e}\u{200b}\u{2028}\r\u{9b}";
        let text = log_everywhere(forged);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.trim_end_matches('\n').chars().all(|c| c == '\n' || is_plain(c)), "{text:?}");
        assert!(
            text.contains("id=7\\n2026-11-22T20:03:12Z INFO toolgate::audit: \\u{1b}]0;x\\u{7}\\u{202e}"),
            "{text}"
        );
    }

    #[test]
    fn a_caller_cannot_write_megabytes() {
        let text = log_everywhere(&"x".repeat(4 * 1024 * 1024));
        let lines: Vec<_> = text.lines().collect();
        // The span's field, the message and three fields; the span's field, the message and two fields.
        assert!(lines[0].len() < 5 * MAX_RMCP_FIELD + 100, "{} bytes", lines[0].len());
        assert!(lines[1].len() < MAX_RMCP_FIELD + 3 * MAX_FIELD + 100, "{} bytes", lines[1].len());
        assert_eq!(text.matches(ELLIPSIS).count(), 9);
        let many = "x".repeat(MAX_FIELD);
        let text = log(false, || {
            tracing::warn!(target: "toolgate", a = %many, b = %many, c = %many, d = %many, e = %many, f = %many);
        });
        assert!(text.len() <= MAX_LINE + 100, "{} bytes", text.len());
    }

    proptest! {
        #[test]
        fn any_text_is_one_plain_line(text: String, repetitions in 1..200_usize) {
            let log = log_everywhere(&text.repeat(repetitions));
            prop_assert_eq!(log.lines().count(), 2);
            prop_assert_eq!(log.matches('\n').count(), 2);
            prop_assert!(log.chars().all(|c| c == '\n' || is_plain(c)));
            prop_assert!(log.len() < 2 * MAX_LINE);
        }
    }
}
