//! Format of an event: one JSON object, whose texts are escaped and cut as in the other format.

use std::fmt::{self, Write};

use tracing::{
    Event, Subscriber,
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

use super::one_line::{Escaped, MAX_LINE, MAX_RMCP_FIELD, SPAN_FIELDS, max_field, name_of};
use crate::audit::is_verbatim;

/// Format of an event: `time`, `level`, `target`, `message`, `fields` and `spans`.
pub(super) struct JsonObject;

impl<S, N> FormatEvent<S, N> for JsonObject
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        writer.write_str("{\"time\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\",\"target\":", metadata.level())?;
        write_text(&mut writer, MAX_RMCP_FIELD, |text| text.write_str(metadata.target()))?;
        let mut message = Message { writer: &mut writer, max: max_field(metadata.target()), is_written: false };
        event.record(&mut message);
        let mut members = Members::new(&mut writer, max_field(metadata.target()));
        members.opening = ",\"fields\":{";
        event.record(&mut members);
        if members.count > 0 {
            writer.write_char('}')?;
        }
        let mut separator = ",\"spans\":[";
        for span in ctx.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            write!(writer, "{separator}{{\"name\":")?;
            write_text(&mut writer, MAX_RMCP_FIELD, |text| text.write_str(span.name()))?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(writer, ",{fields}")?;
            }
            writer.write_char('}')?;
            separator = ",";
        }
        writer.write_str(if separator == "," { "]}\n" } else { "}\n" })
    }
}

/// Format of the fields of spans: members of a JSON object, separated by commas.
pub(super) struct JsonFields;

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut text = String::with_capacity(SPAN_FIELDS);
        fields.record(&mut Members::new(&mut text, MAX_RMCP_FIELD));
        writer.write_str(&text)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        if !current.fields.is_empty() {
            current.fields.push(',');
        }
        self.format_fields(current.as_writer(), fields)
    }
}

/// Writes a JSON string whose text `write` writes. It has at most `max` bytes before it is encoded. Returns the size.
fn write_text<W: Write>(
    writer: &mut W,
    max: usize,
    write: impl FnOnce(&mut Escaped<'_, Encoded<'_, W>>) -> fmt::Result,
) -> Result<usize, fmt::Error> {
    writer.write_char('"')?;
    let mut encoded = Encoded(writer);
    let mut escaped = Escaped::new(&mut encoded, max);
    // An error means that the text was cut, or that a value failed to format itself.
    let _ = write(&mut escaped);
    let written = escaped.written();
    writer.write_char('"')?;
    Ok(written)
}

/// Writer of plain text into a JSON string, where only two plain characters are escaped.
struct Encoded<'a, W>(&'a mut W);

impl<W: Write> Write for Encoded<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if is_verbatim(text) {
            return self.0.write_str(text);
        }
        for part in text.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(plain) => {
                    self.0.write_str(plain)?;
                    self.0.write_char('\\')?;
                    self.0.write_str(&part[plain.len()..])?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Visitor that writes the message as a member.
struct Message<'a, W> {
    writer: &'a mut W,
    max: usize,
    is_written: bool,
}

impl<W: Write> Visit for Message<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" && !std::mem::replace(&mut self.is_written, true) {
            let _ = self.writer.write_str(",\"message\":");
            let _ = write_text(self.writer, self.max, |text| write!(text, "{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Visitor that writes all fields but the message as members.
struct Members<'a, W> {
    writer: &'a mut W,
    max_field: usize,
    /// Number of bytes that the members may still have.
    left: usize,
    count: usize,
    /// What is written before the first member.
    opening: &'static str,
}

impl<'a, W: Write> Members<'a, W> {
    fn new(writer: &'a mut W, max_field: usize) -> Self {
        Self { writer, max_field, left: MAX_LINE, count: 0, opening: "" }
    }

    /// Writes the name of a member. Returns whether its value is to be written.
    fn name(&mut self, field: &Field) -> bool {
        // The crate `log` passes its metadata as fields.
        if self.left == 0 || field.name() == "message" || field.name().starts_with("log.") {
            return false;
        }
        let separator = if self.count == 0 { self.opening } else { "," };
        self.count += 1;
        let name = name_of(field);
        let is_written = self.writer.write_str(separator).is_ok()
            && write_text(self.writer, MAX_RMCP_FIELD, |text| text.write_str(name)).is_ok();
        self.left = self.left.saturating_sub(name.len());
        is_written && self.writer.write_char(':').is_ok()
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Escaped<'_, Encoded<'_, W>>) -> fmt::Result) {
        if self.name(field)
            && let Ok(written) = write_text(self.writer, self.max_field.min(self.left), write)
        {
            self.left = self.left.saturating_sub(written);
        }
    }

    /// Writes a value whose text is JSON.
    fn json(&mut self, field: &Field, value: &dyn fmt::Display) {
        if self.name(field) {
            let _ = write!(self.writer, "{value}");
        }
    }
}

impl<W: Write> Visit for Members<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.json(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.json(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.json(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.json(field, &value);
        } else {
            self.text(field, |text| write!(text, "{value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::one_line::tests::log_with, *};
    use crate::audit::is_plain;

    fn log(events: impl FnOnce()) -> String {
        log_with(|| tracing_subscriber::fmt::layer().event_format(JsonObject).fmt_fields(JsonFields), events)
    }

    fn parse(line: &str) -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    #[test]
    fn an_event_is_one_object_with_its_fields_and_spans() {
        let text = log(|| {
            let span = tracing::info_span!("request", id = 7, user = tracing::field::Empty);
            span.record("user", "a \"b\"");
            let _span = span.entered();
            let _inner = tracing::info_span!("call").entered();
            tracing::info!(target: "toolgate::x", count = 3, rate = 0.5, nan = f64::NAN, r#type = true, path = ?"c:\\x", "serving {}", "all");
        });
        let mut event = parse(&text);
        let time = event.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
        assert_eq!(
            event,
            json!({
                "level": "INFO", "target": "toolgate::x", "message": "serving all",
                "fields": { "count": 3, "rate": 0.5, "nan": "NaN", "type": true, "path": "\"c:\\\\x\"" },
                "spans": [{ "name": "request", "id": 7, "user": "a \"b\"" }, { "name": "call" }],
            })
        );
        let event = parse(&log(|| tracing::warn!("alone")));
        assert_eq!(event.as_object().unwrap().keys().collect::<Vec<_>>(), ["level", "message", "target", "time"]);
    }

    #[test]
    fn a_caller_cannot_write_megabytes() {
        let many = "x\"".repeat(1024 * 1024);
        let text = log(|| tracing::warn!(a = %many, b = %many, c = %many, d = %many, e = %many, f = %many, "{many}"));
        parse(&text);
        assert!(text.len() < 3 * MAX_LINE, "{} bytes", text.len());
    }

    proptest! {
        #[test]
        fn any_text_is_a_plain_string_of_one_line(text: String, repetitions in 1..200_usize) {
            let text = text.repeat(repetitions);
            let log = log(|| {
                let _span = tracing::info_span!(target: "rmcp", "request", id = %text).entered();
                tracing::warn!(target: "rmcp::service", id = %text, error = ?Some(&text), text, "error: {text}");
            });
            prop_assert_eq!(log.matches('\n').count(), 1);
            prop_assert!(log.chars().all(|c| c == '\n' || is_plain(c)));
            let event = parse(&log);
            prop_assert!(event["message"].as_str().unwrap().chars().all(is_plain));
            prop_assert!(event["spans"][0]["id"].as_str().unwrap().chars().all(is_plain));
        }
    }
}
