//! Alert rules for Prometheus, and their unit tests for `promtool test rules`.

use std::fmt::Write as _;

/// Beginning of the URL of a section of the runbook, which is the name of the alert.
const RUNBOOK: &str = "https://github.com/toolgate-rs/toolgate/blob/main/docs/runbook.md#";

/// How soon a person has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Now: callers are rejected, or a promise of the server does not hold.
    Critical,
    /// During working hours.
    Warning,
}

/// An alert rule.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Name, and heading of its section in the runbook.
    pub name: &'static str,
    /// How soon a person has to act.
    pub severity: Severity,
    /// Time that the expression must hold, in the syntax of Prometheus.
    pub hold: &'static str,
    /// `PromQL` expression, which has a result while something is wrong.
    pub expression: &'static str,
    /// What is wrong, as one line.
    pub summary: &'static str,
    /// What it means and what to do first.
    pub description: &'static str,
    /// Series and their values, minute by minute, for which the alert fires within 30 minutes.
    pub fires_on: &'static [(&'static str, &'static str)],
}

/// All alerts.
pub static ALERTS: [Alert; 18] = [
    Alert {
        name: "ToolgateAbsent",
        severity: Severity::Critical,
        hold: "5m",
        expression: "absent(toolgate_build_info)",
        summary: "Prometheus scrapes no toolgate server",
        description: "No server exports metrics: none runs, none has `METRICS_ADDR`, or the scrape fails. Look at the \
                      targets of Prometheus and at the state of the processes.",
        fires_on: &[],
    },
    Alert {
        name: "ToolgateNotReady",
        severity: Severity::Critical,
        hold: "5m",
        expression: "toolgate_ready == 0",
        summary: "{{ $labels.instance }} is not ready",
        description: "The load balancer sends this server no requests. `GET /readyz` names the reasons; the log says what \
                      to do about each.",
        fires_on: &[("toolgate_ready{job=\"a\", instance=\"b\"}", "1x5 0x30")],
    },
    Alert {
        name: "ToolgatePreflightFatal",
        severity: Severity::Critical,
        hold: "2m",
        expression: "toolgate_preflight_fatal_diagnostics > 0",
        summary: "the preflight check of {{ $labels.instance }} has {{ $value }} fatal diagnostics",
        description: "The configuration of the authorization server or of this server is wrong. The log has a line of \
                      level ERROR for each diagnostic, with what to change.",
        fires_on: &[("toolgate_preflight_fatal_diagnostics{job=\"a\", instance=\"b\"}", "0x5 2x30")],
    },
    Alert {
        name: "ToolgateTokensUnavailable",
        severity: Severity::Critical,
        hold: "2m",
        expression: "sum by (job, instance) (increase(toolgate_decisions_total{reason=\"tokens_unavailable\"}[5m])) > 0",
        summary: "{{ $labels.instance }} cannot validate tokens",
        description: "Requests with tokens that are not cached get 503, because the authorization server does not respond \
                      to introspection requests or rejects the server's credentials. Check the status of the \
                      authorization server, then the server's way to it.",
        fires_on: &[("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"tokens_unavailable\"}", "0+3x30")],
    },
    Alert {
        name: "ToolgateCircuitBreakerOpen",
        severity: Severity::Warning,
        hold: "1m",
        expression: "toolgate_circuit_breaker_state > 0",
        summary: "the circuit breaker of {{ $labels.instance }} is not closed",
        description: "Introspection requests failed five times in succession. Until the authorization server responds \
                      again, only one request at a time is sent to it, and cached tokens expire one after another.",
        fires_on: &[("toolgate_circuit_breaker_state{job=\"a\", instance=\"b\"}", "0x5 2x30")],
    },
    Alert {
        name: "ToolgateIntrospectionSlow",
        severity: Severity::Warning,
        hold: "10m",
        expression: "histogram_quantile(0.95, sum by (job, instance, le) \
                     (rate(toolgate_introspection_duration_seconds_bucket{outcome!=\"unavailable\"}[5m]))) > 1",
        summary: "introspection takes {{ $value | humanizeDuration }} on {{ $labels.instance }}",
        description: "The 95th percentile of introspection requests is above one second. First requests with a token wait \
                      this long. Compare with other clients of the authorization server, and check the network and DNS.",
        fires_on: &[
            (
                "toolgate_introspection_duration_seconds_bucket{job=\"a\", instance=\"b\", outcome=\"active\", le=\"1\"}",
                "0x40",
            ),
            (
                "toolgate_introspection_duration_seconds_bucket{job=\"a\", instance=\"b\", outcome=\"active\", le=\"5\"}",
                "0+10x40",
            ),
            (
                "toolgate_introspection_duration_seconds_bucket{job=\"a\", instance=\"b\", outcome=\"active\", le=\"+Inf\"}",
                "0+10x40",
            ),
        ],
    },
    Alert {
        name: "ToolgateManyRejections",
        severity: Severity::Warning,
        hold: "15m",
        expression: "sum by (job, instance) (rate(toolgate_decisions_total{reason!~\"allowed|listed\"}[5m])) \
                     / sum by (job, instance) (rate(toolgate_decisions_total[5m])) > 0.5 \
                     and sum by (job, instance) (rate(toolgate_decisions_total[5m])) > 0.2",
        summary: "{{ $labels.instance }} rejects {{ $value | humanizePercentage }} of its requests",
        description: "More than half of the requests are rejected. The panel \"Rejections\" shows the reasons: \
                      `invalid_token` after a change of the issuer or an attack, `insufficient_scope` after a change of \
                      roles, `foreign_origin` after a change of the public URL.",
        fires_on: &[
            ("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"invalid_token\"}", "0+60x40"),
            ("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"allowed\"}", "0+10x40"),
        ],
    },
    Alert {
        name: "ToolgateLimitReached",
        severity: Severity::Warning,
        hold: "5m",
        expression: "sum by (job, instance, reason) \
                     (increase(toolgate_decisions_total{reason=~\"too_many_.*|too_much_body_memory\"}[5m])) > 0",
        summary: "{{ $labels.instance }} rejects requests with 429: {{ $labels.reason }}",
        description: "A limit of the server or of a caller is reached. Compare with the panels \"Requests in flight\" and \
                      \"Duration of calls\": slow tools fill the limit. Raise it only if memory allows.",
        fires_on: &[("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"too_many_requests\"}", "0+3x30")],
    },
    Alert {
        name: "ToolgateConnectionsExhausted",
        severity: Severity::Warning,
        hold: "5m",
        expression: "sum by (job, instance) (increase(toolgate_connections_closed_total{reason=\"rejected\"}[5m])) > 0",
        summary: "{{ $labels.instance }} has no connection left for new clients",
        description: "All connections are in use, and new clients get 503. Raise `ulimit -n` and `http.max_connections`, \
                      or find the clients with many connections.",
        fires_on: &[("toolgate_connections_closed_total{job=\"a\", instance=\"b\", reason=\"rejected\"}", "0+3x30")],
    },
    Alert {
        name: "ToolgateCallsFailing",
        severity: Severity::Warning,
        hold: "10m",
        expression: "sum by (job, instance, tool) \
                     (rate(toolgate_calls_total{outcome=~\"internal_error|panicked|timed_out|result_too_large\"}[5m])) \
                     / sum by (job, instance, tool) (rate(toolgate_calls_total[5m])) > 0.05",
        summary: "{{ $value | humanizePercentage }} of the calls of {{ $labels.tool }} on {{ $labels.instance }} fail",
        description: "The tool returns masked errors, panics or exceeds its timeout. The log has the cause of each error \
                      under the reference that the caller saw.",
        fires_on: &[
            ("toolgate_calls_total{job=\"a\", instance=\"b\", tool=\"t\", outcome=\"panicked\"}", "0+1x40"),
            ("toolgate_calls_total{job=\"a\", instance=\"b\", tool=\"t\", outcome=\"completed\"}", "0+9x40"),
        ],
    },
    Alert {
        name: "ToolgateAuditLogUnavailable",
        severity: Severity::Critical,
        hold: "1m",
        expression: "sum by (job, instance) (increase(toolgate_decisions_total{reason=\"audit_log_unavailable\"}[5m])) > 0",
        summary: "{{ $labels.instance }} rejects all requests because it cannot write its audit log",
        description: "The disk is full or the audit file cannot be written, and no call may run without its record. Free \
                      space or repair the disk: the server continues by itself.",
        fires_on: &[(
            "toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"audit_log_unavailable\"}",
            "0+3x30",
        )],
    },
    Alert {
        name: "ToolgateAuditWritesFailing",
        severity: Severity::Critical,
        hold: "1m",
        expression: "increase(toolgate_audit_write_failures_total[5m]) > 0",
        summary: "{{ $labels.instance }} fails to write its audit log",
        description: "Records wait in memory. If this lasts for seconds, the server rejects all requests. Check the free \
                      space and the permissions of the file that `audit.path` names.",
        fires_on: &[("toolgate_audit_write_failures_total{job=\"a\", instance=\"b\"}", "0+3x30")],
    },
    Alert {
        name: "ToolgateAuditRecordsLost",
        severity: Severity::Critical,
        hold: "0m",
        expression: "increase(toolgate_audit_records_lost_total[30m]) > 0",
        summary: "{{ $labels.instance }} lost {{ $value | humanize }} audit records",
        description: "Calls ran whose records are lost: the disk failed and memory was full. Note the time for the \
                      auditors, repair the disk, and consider a larger `audit.max_queue_bytes`.",
        fires_on: &[("toolgate_audit_records_lost_total{job=\"a\", instance=\"b\"}", "0x5 4x30")],
    },
    Alert {
        name: "ToolgateReplicationDisconnected",
        severity: Severity::Critical,
        hold: "2m",
        expression: "toolgate_replication_connected == 0",
        summary: "{{ $labels.instance }} does not receive the revocations of other replicas",
        description: "Redis cannot be reached. The server uses introspection responses for at most 10 seconds and does \
                      not acknowledge webhooks. Check Redis and the network to it.",
        fires_on: &[("toolgate_replication_connected{job=\"a\", instance=\"b\"}", "1x5 0x30")],
    },
    Alert {
        name: "ToolgateRevocationsLate",
        severity: Severity::Warning,
        hold: "5m",
        expression: "histogram_quantile(0.95, sum by (job, instance, le) \
                     (rate(toolgate_revocation_lag_seconds_bucket[10m]))) > 5",
        summary: "revoked access ends {{ $value | humanizeDuration }} late on {{ $labels.instance }}",
        description: "Webhooks or the entries of other replicas arrive late. Check the clocks of all machines first, \
                      then the deliveries of webhooks at the authorization server, then Redis.",
        fires_on: &[
            ("toolgate_revocation_lag_seconds_bucket{job=\"a\", instance=\"b\", le=\"5\"}", "0x40"),
            ("toolgate_revocation_lag_seconds_bucket{job=\"a\", instance=\"b\", le=\"30\"}", "0+2x40"),
            ("toolgate_revocation_lag_seconds_bucket{job=\"a\", instance=\"b\", le=\"+Inf\"}", "0+2x40"),
        ],
    },
    Alert {
        name: "ToolgateStaleTokensUsed",
        severity: Severity::Warning,
        hold: "0m",
        expression: "sum by (job, instance) (increase(toolgate_token_cache_lookups_total{result=\"stale\"}[5m])) > 0",
        summary: "{{ $labels.instance }} accepts tokens that it cannot validate again",
        description: "The authorization server does not respond, and `token_cache.stale_if_error` extends the use of \
                      cached introspection responses. Revocations that no webhook reports have no effect meanwhile.",
        fires_on: &[("toolgate_token_cache_lookups_total{job=\"a\", instance=\"b\", result=\"stale\"}", "0+3x30")],
    },
    Alert {
        name: "ToolgateSpansLost",
        severity: Severity::Warning,
        hold: "10m",
        expression: "sum by (job, instance, reason) \
                     (increase(toolgate_spans_lost_total{reason=~\"export_failed|queue_full\"}[5m])) > 0",
        summary: "{{ $labels.instance }} loses spans: {{ $labels.reason }}",
        description: "Traces are incomplete: the receiver does not accept the spans of this server, or not fast enough. \
                      Requests are not affected.",
        fires_on: &[("toolgate_spans_lost_total{job=\"a\", instance=\"b\", reason=\"export_failed\"}", "0+9x30")],
    },
    Alert {
        name: "ToolgateVersionsDiffer",
        severity: Severity::Warning,
        hold: "1h",
        expression: "count by (job, server) (count by (job, server, server_version, toolgate_version) (toolgate_build_info)) > 1",
        summary: "{{ $value }} versions of {{ $labels.server }} run at the same time",
        description: "A rollout has not finished for an hour. Replicas with different policies decide the same request \
                      differently: finish the rollout or undo it.",
        fires_on: &[
            (
                "toolgate_build_info{job=\"a\", instance=\"b\", server=\"s\", server_version=\"1\", toolgate_version=\"1\"}",
                "1x90",
            ),
            (
                "toolgate_build_info{job=\"a\", instance=\"c\", server=\"s\", server_version=\"2\", toolgate_version=\"1\"}",
                "1x90",
            ),
        ],
    },
];

/// Series of a server that works, for which no alert fires.
const HEALTHY: [(&str, &str); 12] = [
    (
        "toolgate_build_info{job=\"a\", instance=\"b\", server=\"s\", server_version=\"1\", toolgate_version=\"1\"}",
        "1x90",
    ),
    ("toolgate_ready{job=\"a\", instance=\"b\"}", "1x90"),
    ("toolgate_preflight_fatal_diagnostics{job=\"a\", instance=\"b\"}", "0x90"),
    ("toolgate_circuit_breaker_state{job=\"a\", instance=\"b\"}", "0x90"),
    ("toolgate_replication_connected{job=\"a\", instance=\"b\"}", "1x90"),
    ("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"allowed\"}", "0+60x90"),
    ("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"invalid_token\"}", "0+20x90"),
    ("toolgate_decisions_total{job=\"a\", instance=\"b\", reason=\"tokens_unavailable\"}", "5x90"),
    ("toolgate_audit_write_failures_total{job=\"a\", instance=\"b\"}", "7x90"),
    ("toolgate_audit_records_lost_total{job=\"a\", instance=\"b\"}", "0x90"),
    ("toolgate_calls_total{job=\"a\", instance=\"b\", tool=\"t\", outcome=\"completed\"}", "0+60x90"),
    ("toolgate_calls_total{job=\"a\", instance=\"b\", tool=\"t\", outcome=\"timed_out\"}", "0+1x90"),
];

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl Alert {
    /// Returns the anchor of the section of the runbook.
    pub fn anchor(&self) -> String {
        self.name.to_lowercase()
    }
}

/// Returns the rules as a file for Prometheus.
///
/// # Panics
///
/// Never: writing to a text succeeds.
pub fn rules(alerts: &[Alert]) -> String {
    let mut text =
        "# Generated from the definitions of the metrics by `cargo run -p toolgate-tests --bin observability`.\n\
                    groups:\n  - name: toolgate\n    rules:\n"
            .to_owned();
    for alert in alerts {
        let Alert { name, hold, expression, summary, description, .. } = alert;
        let severity = alert.severity.name();
        write!(
            text,
            "      - alert: {name}\n        expr: |-\n          {expression}\n        for: {hold}\n        labels:\n          \
             severity: {severity}\n        annotations:\n          summary: {}\n          description: {}\n          \
             runbook_url: {RUNBOOK}{}\n",
            quoted(summary),
            quoted(description),
            alert.anchor(),
        )
        .expect("a text accepts any other");
    }
    text
}

/// Returns unit tests for `promtool test rules`: each alert fires for its own series, and none for a server that works.
pub fn tests() -> String {
    let mut text = "# Generated by `cargo run -p toolgate-tests --bin observability`.\nrule_files:\n  - alerts.yml\n\
                    evaluation_interval: 1m\ntests:\n"
        .to_owned();
    let firing = |alert: &str| format!("count(ALERTS{{alertname=~\"{alert}\", alertstate=\"firing\"}})");
    for alert in &ALERTS {
        let at = if alert.hold == "1h" { "80m" } else { "30m" };
        text += &test(alert.name, alert.fires_on, &firing(alert.name), at, true);
    }
    text + &test("a server that works", &HEALTHY, &firing(".*"), "80m", false)
}

fn test(name: &str, series: &[(&str, &str)], expression: &str, at: &str, has_result: bool) -> String {
    let mut text = format!(
        "  - name: {name}\n    interval: 1m\n    input_series:{}\n",
        if series.is_empty() { " []" } else { "" }
    );
    for (series, values) in series {
        let _ = write!(text, "      - series: '{series}'\n        values: {values}\n");
    }
    let samples = if has_result { "\n          - labels: '{}'\n            value: 1" } else { " []" };
    text + &format!(
        "    promql_expr_test:\n      - expr: {}\n        eval_time: {at}\n        exp_samples:{samples}\n",
        quoted(expression)
    )
}

/// Returns a YAML string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}
