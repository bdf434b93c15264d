//! What a `PromQL` expression names: metrics and labels.

use std::collections::BTreeSet;

use toolgate::metrics::{DEFINITIONS, Definition, Kind};

/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];
/// Beginning of the names of all metrics of toolgate.
const PREFIX: &str = "toolgate_";

/// A metric in an expression.
#[derive(Debug)]
pub struct Use<'a> {
    /// The metric.
    pub metric: &'static Definition,
    /// Text before the name.
    before: &'a str,
    /// Text after the name.
    after: &'a str,
}

/// Returns the metrics that an expression names.
///
/// # Errors
///
/// A metric is not defined, or its suffix is not that of its kind.
pub fn metrics(expression: &str) -> Result<Vec<Use<'_>>, String> {
    let mut uses = Vec::new();
    let mut from = 0;
    while let Some(start) = expression[from..].find(PREFIX).map(|at| from + at) {
        let rest = &expression[start..];
        let end = start + rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = &expression[start..end];
        from = end;
        // The name of a label, such as `toolgate_version`.
        if DEFINITIONS.iter().any(|metric| metric.labels.iter().any(|label| label.name == name)) {
            continue;
        }
        let metric = DEFINITIONS.iter().find(|metric| match metric.kind {
            Kind::Histogram => {
                name.strip_prefix(metric.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
            }
            _ => name == metric.name,
        });
        let metric = metric.ok_or_else(|| format!("`{name}` is not a metric, in `{expression}`"))?;
        uses.push(Use { metric, before: &expression[..start], after: &expression[end..] });
    }
    Ok(uses)
}

/// Checks that an expression names only metrics and labels that exist, and reads counters and histograms as rates.
///
/// # Errors
///
/// What is wrong.
pub fn check(expression: &str) -> Result<Vec<&'static Definition>, String> {
    let uses = metrics(expression)?;
    if uses.is_empty() {
        return Err(format!("`{expression}` names no metric"));
    }
    let mut known: BTreeSet<&str> = ADDED.into_iter().collect();
    for used in &uses {
        known.extend(used.metric.labels.iter().map(|label| label.name));
        let is_rate = ["rate(", "increase("].iter().any(|function| used.before.ends_with(function));
        if (used.metric.kind != Kind::Gauge) != is_rate {
            return Err(format!("only a counter or a histogram is read by `rate` or `increase`, in `{expression}`"));
        }
        if let Some(selector) = used.after.strip_prefix('{') {
            let selector = selector.split('}').next().unwrap_or_default();
            for matcher in selector.split(',').map(str::trim) {
                check_matcher(used.metric, matcher).map_err(|problem| format!("{problem}, in `{expression}`"))?;
            }
        }
    }
    for list in ["by (", "on (", "group_left (", "without ("].iter().flat_map(|word| expression.split(word).skip(1)) {
        for label in list.split(')').next().unwrap_or_default().split(',').map(str::trim) {
            if !known.contains(label) {
                return Err(format!("no metric of `{expression}` has the label `{label}`"));
            }
        }
    }
    Ok(uses.iter().map(|used| used.metric).collect())
}

/// Checks a matcher, such as `reason=~"too_many_.*"`.
fn check_matcher(metric: &Definition, matcher: &str) -> Result<(), String> {
    let end = matcher.find(['=', '!']).ok_or_else(|| format!("`{matcher}` is not a matcher"))?;
    let (label, rest) = matcher.split_at(end);
    if ADDED.contains(&label) {
        return Ok(());
    }
    let label = metric.labels.iter().find(|defined| defined.name == label);
    let label = label.ok_or_else(|| format!("{} has no label for `{matcher}`", metric.name))?;
    let pattern = rest.trim_start_matches(['=', '!', '~']).trim_matches('"');
    for alternative in pattern.split('|') {
        let exists = match alternative.strip_suffix(".*") {
            Some(beginning) => label.values.iter().any(|value| value.starts_with(beginning)),
            None => label.values.contains(&alternative),
        };
        if !label.values.is_empty() && !exists {
            return Err(format!("`{}` of {} has no value `{alternative}`", label.name, metric.name));
        }
    }
    Ok(())
}

/// Adds matchers to each metric in an expression.
///
/// # Panics
///
/// If a metric is not defined.
pub fn with_matchers(expression: &str, matchers: &str) -> String {
    let mut text = String::new();
    let mut from = 0;
    for used in metrics(expression).unwrap_or_else(|problem| panic!("{problem}")) {
        let end = expression.len() - used.after.len();
        text.push_str(&expression[from..end]);
        text.push('{');
        text.push_str(matchers);
        from = end;
        match used.after.strip_prefix('{') {
            Some(_) => {
                text.push_str(", ");
                from += 1;
            }
            None => text.push('}'),
        }
    }
    text + &expression[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_with_a_name_that_does_not_exist_is_invalid() {
        for (expression, problem) in [
            ("toolgate_calls > 1", "`toolgate_calls` is not a metric"),
            ("rate(toolgate_call_duration_seconds[5m])", "is not a metric"),
            ("toolgate_calls_total > 1", "only a counter"),
            ("rate(toolgate_sessions[5m])", "only a counter"),
            ("rate(toolgate_decisions_total{tool=\"a\"}[5m])", "no label"),
            ("rate(toolgate_decisions_total{reason=\"denid\"}[5m])", "no value `denid`"),
            ("rate(toolgate_decisions_total{reason=~\"denied|to_many_.*\"}[5m])", "no value `to_many_.*`"),
            ("sum by (tool) (rate(toolgate_decisions_total[5m]))", "no metric of"),
            ("up == 0", "names no metric"),
        ] {
            let found = check(expression);
            assert!(found.as_ref().is_err_and(|found| found.contains(problem)), "{expression}: {found:?}");
        }
        let valid = "histogram_quantile(0.9, sum by (le, tool) (rate(toolgate_call_duration_seconds_bucket{tool=\"x\", job=\"y\"}[5m])))";
        assert_eq!(check(valid).unwrap()[0].name, "toolgate_call_duration_seconds");
    }

    #[test]
    fn matchers_are_added_to_each_metric() {
        let text =
            with_matchers("toolgate_sessions / rate(toolgate_decisions_total{reason=\"denied\"}[5m])", "job=\"a\"");
        assert_eq!(
            text,
            "toolgate_sessions{job=\"a\"} / rate(toolgate_decisions_total{job=\"a\", reason=\"denied\"}[5m])"
        );
    }
}
