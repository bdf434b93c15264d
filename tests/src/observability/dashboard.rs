//! The Grafana dashboard.

use serde_json::{Value, json};

use super::expression::with_matchers;

/// Metrics that are not on the dashboard, each with the reason.
pub const LEFT_OUT: [(&str, &str); 0] = [];

/// Matchers of the variables of the dashboard.
pub const MATCHERS: &str = "job=~\"$job\", instance=~\"$instance\"";

/// Panels of a row, which have equal widths.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    title: &'static str,
    /// Panels of the row.
    pub panels: &'static [Panel],
}

/// A panel.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    title: &'static str,
    /// What the panel shows, and what to look for.
    description: &'static str,
    shown_as: ShownAs,
    /// Unit of the values, as Grafana names it.
    unit: &'static str,
    /// `PromQL` expressions without the matchers of the variables, each with its legend.
    pub queries: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShownAs {
    /// Lines over time.
    Lines,
    /// Areas over time whose sum is shown, too.
    Stacked,
    /// The latest value.
    Number,
    /// The latest labels.
    Table,
}

use ShownAs::{Lines, Number, Stacked, Table};

/// Number of columns of Grafana's grid.
const COLUMNS: usize = 24;

/// Everything on the dashboard.
pub const ROWS: [Row; 8] = [
    Row {
        title: "State",
        panels: &[
            Panel {
                title: "Ready servers",
                description: "Servers that are ready for requests.",
                shown_as: Number,
                unit: "none",
                queries: &[("sum(toolgate_ready)", "ready")],
            },
            Panel {
                title: "Servers that are not ready",
                description: "Servers whose `/readyz` reports a reason.",
                shown_as: Number,
                unit: "none",
                queries: &[("count(toolgate_ready == 0) or vector(0)", "not ready")],
            },
            Panel {
                title: "Fatal diagnostics",
                description: "Fatal diagnostics of the preflight check. The log has what to do about each.",
                shown_as: Number,
                unit: "none",
                queries: &[("sum(toolgate_preflight_fatal_diagnostics)", "fatal")],
            },
            Panel {
                title: "Circuit breaker",
                description: "0: closed. 1: probing. 2: open, the authorization server does not respond.",
                shown_as: Number,
                unit: "none",
                queries: &[("max(toolgate_circuit_breaker_state)", "state")],
            },
            Panel {
                title: "Versions",
                description: "More than one version runs during a rollout only.",
                shown_as: Table,
                unit: "none",
                queries: &[("count by (server, server_version, toolgate_version) (toolgate_build_info)", "")],
            },
        ],
    },
    Row {
        title: "Requests",
        panels: &[
            Panel {
                title: "Decisions",
                description: "Authorized calls and lists, and all rejections.",
                shown_as: Stacked,
                unit: "reqps",
                queries: &[
                    ("sum(rate(toolgate_decisions_total{reason=\"allowed\"}[$__rate_interval]))", "allowed"),
                    ("sum(rate(toolgate_decisions_total{reason=\"listed\"}[$__rate_interval]))", "listed"),
                    ("sum(rate(toolgate_decisions_total{reason!~\"allowed|listed\"}[$__rate_interval]))", "rejected"),
                ],
            },
            Panel {
                title: "Rejections",
                description: "Rejections by reason. `missing_token` is the first request of each client.",
                shown_as: Lines,
                unit: "reqps",
                queries: &[(
                    "sum by (reason) (rate(toolgate_decisions_total{reason!~\"allowed|listed\"}[$__rate_interval])) > 0",
                    "{{reason}}",
                )],
            },
            Panel {
                title: "Rates",
                description: "Requests beyond a rate, by rate, and requests that were counted in memory because Redis did not respond.",
                shown_as: Lines,
                unit: "reqps",
                queries: &[
                    ("sum by (limit) (rate(toolgate_rate_limited_total[$__rate_interval]))", "{{limit}}"),
                    ("sum(rate(toolgate_rate_fallbacks_total[$__rate_interval]))", "counted in memory"),
                ],
            },
            Panel {
                title: "Requests in flight",
                description: "Compare with `limits.max_requests_in_flight`.",
                shown_as: Lines,
                unit: "none",
                queries: &[("sum by (instance) (toolgate_requests_in_flight)", "{{instance}}")],
            },
        ],
    },
    Row {
        title: "Tools",
        panels: &[
            Panel {
                title: "Calls",
                description: "Calls by tool.",
                shown_as: Stacked,
                unit: "reqps",
                queries: &[("sum by (tool) (rate(toolgate_calls_total[$__rate_interval]))", "{{tool}}")],
            },
            Panel {
                title: "Outcomes of calls",
                description: "Calls that did not complete, by outcome.",
                shown_as: Lines,
                unit: "reqps",
                queries: &[(
                    "sum by (outcome) (rate(toolgate_calls_total{outcome!=\"completed\"}[$__rate_interval])) > 0",
                    "{{outcome}}",
                )],
            },
            Panel {
                title: "Duration of calls",
                description: "95th percentile, from the arrival of the request to the result.",
                shown_as: Lines,
                unit: "s",
                queries: &[(
                    "histogram_quantile(0.95, sum by (tool, le) (rate(toolgate_call_duration_seconds_bucket[$__rate_interval])))",
                    "{{tool}}",
                )],
            },
        ],
    },
    Row {
        title: "Prompts and resources",
        panels: &[
            Panel {
                title: "Prompts",
                description: "Requests for prompts, by outcome.",
                shown_as: Lines,
                unit: "reqps",
                queries: &[(
                    "sum by (prompt, outcome) (rate(toolgate_prompts_total[$__rate_interval]))",
                    "{{prompt}} {{outcome}}",
                )],
            },
            Panel {
                title: "Reads of resources",
                description: "Reads, by outcome.",
                shown_as: Lines,
                unit: "reqps",
                queries: &[(
                    "sum by (resource, outcome) (rate(toolgate_resource_reads_total[$__rate_interval]))",
                    "{{resource}} {{outcome}}",
                )],
            },
            Panel {
                title: "Duration of prompts and reads",
                description: "95th percentile.",
                shown_as: Lines,
                unit: "s",
                queries: &[
                    (
                        "histogram_quantile(0.95, sum by (prompt, le) (rate(toolgate_prompt_duration_seconds_bucket[$__rate_interval])))",
                        "prompt {{prompt}}",
                    ),
                    (
                        "histogram_quantile(0.95, sum by (resource, le) (rate(toolgate_resource_read_duration_seconds_bucket[$__rate_interval])))",
                        "{{resource}}",
                    ),
                ],
            },
        ],
    },
    Row {
        title: "Authorization server",
        panels: &[
            Panel {
                title: "Introspection requests",
                description: "`unavailable`: the authorization server does not respond, or rejects the credentials.",
                shown_as: Stacked,
                unit: "reqps",
                queries: &[(
                    "sum by (outcome) (rate(toolgate_introspection_duration_seconds_count[$__rate_interval]))",
                    "{{outcome}}",
                )],
            },
            Panel {
                title: "Duration of introspection",
                description: "Median and 95th percentile of the requests that had a response.",
                shown_as: Lines,
                unit: "s",
                queries: &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(toolgate_introspection_duration_seconds_bucket{outcome!=\"unavailable\"}[$__rate_interval])))",
                        "median",
                    ),
                    (
                        "histogram_quantile(0.95, sum by (le) (rate(toolgate_introspection_duration_seconds_bucket{outcome!=\"unavailable\"}[$__rate_interval])))",
                        "95 %",
                    ),
                ],
            },
            Panel {
                title: "Token cache",
                description: "Lookups by result. `hit` needs no introspection.",
                shown_as: Stacked,
                unit: "reqps",
                queries: &[(
                    "sum by (result) (rate(toolgate_token_cache_lookups_total[$__rate_interval]))",
                    "{{result}}",
                )],
            },
        ],
    },
    Row {
        title: "Revocations and audit log",
        panels: &[
            Panel {
                title: "Revocations",
                description: "Applied revocations, of webhooks and of other replicas.",
                shown_as: Lines,
                unit: "ops",
                queries: &[(
                    "sum by (instance) (rate(toolgate_revocations_total[$__rate_interval]))",
                    "{{instance}}",
                )],
            },
            Panel {
                title: "Delay of revocations",
                description: "95th percentile, from the event to its application.",
                shown_as: Lines,
                unit: "s",
                queries: &[(
                    "histogram_quantile(0.95, sum by (instance, le) (rate(toolgate_revocation_lag_seconds_bucket[$__rate_interval])))",
                    "{{instance}}",
                )],
            },
            Panel {
                title: "Replication",
                description: "1: the server receives the revocations of the other replicas.",
                shown_as: Lines,
                unit: "none",
                queries: &[("min by (instance) (toolgate_replication_connected)", "{{instance}}")],
            },
            Panel {
                title: "Audit log",
                description: "Failed writes, and records that are lost.",
                shown_as: Lines,
                unit: "none",
                queries: &[
                    (
                        "sum by (instance) (increase(toolgate_audit_write_failures_total[$__rate_interval]))",
                        "failed writes {{instance}}",
                    ),
                    (
                        "sum by (instance) (increase(toolgate_audit_records_lost_total[$__rate_interval]))",
                        "lost records {{instance}}",
                    ),
                ],
            },
        ],
    },
    Row {
        title: "Connections, streams and tasks",
        panels: &[
            Panel {
                title: "Connections",
                description: "Open connections. Compare with `http.max_connections`.",
                shown_as: Lines,
                unit: "none",
                queries: &[("sum by (instance) (toolgate_connections)", "{{instance}}")],
            },
            Panel {
                title: "Closed connections",
                description: "Connections that were closed because of the limit. `rejected`: the client got 503.",
                shown_as: Lines,
                unit: "cps",
                queries: &[(
                    "sum by (reason) (rate(toolgate_connections_closed_total[$__rate_interval]))",
                    "{{reason}}",
                )],
            },
            Panel {
                title: "Streams, sessions and tasks",
                description: "Compare with `limits.max_streams`, `sessions.max_sessions` and the limits of tasks.",
                shown_as: Lines,
                unit: "none",
                queries: &[
                    ("sum(toolgate_streams)", "streams"),
                    ("sum(toolgate_sessions)", "sessions"),
                    ("sum(toolgate_tasks_running)", "tasks"),
                ],
            },
            Panel {
                title: "Requests aborted at shutdown",
                description: "Requests that did not finish within `http.shutdown_timeout`.",
                shown_as: Lines,
                unit: "none",
                queries: &[(
                    "sum by (instance) (increase(toolgate_requests_aborted_total[$__rate_interval]))",
                    "{{instance}}",
                )],
            },
        ],
    },
    Row {
        title: "Traces",
        panels: &[
            Panel {
                title: "Exported spans",
                description: "Spans that the receiver of traces accepted.",
                shown_as: Lines,
                unit: "ops",
                queries: &[(
                    "sum by (instance) (rate(toolgate_spans_exported_total[$__rate_interval]))",
                    "{{instance}}",
                )],
            },
            Panel {
                title: "Lost spans",
                description: "`too_many`: requests that were not traced because of `traces.max_per_second`.",
                shown_as: Lines,
                unit: "ops",
                queries: &[("sum by (reason) (rate(toolgate_spans_lost_total[$__rate_interval]))", "{{reason}}")],
            },
        ],
    },
];

/// Returns every expression on the dashboard, without the matchers of the variables.
pub fn expressions() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|row| row.panels).flat_map(|panel| panel.queries).map(|&(expression, _)| expression)
}

/// Returns the dashboard as a file to import.
///
/// # Panics
///
/// Never: the dashboard is JSON.
pub fn json() -> String {
    let mut panels = Vec::new();
    let mut y = 0;
    for row in &ROWS {
        panels.push(json!({
            "type": "row", "title": row.title, "collapsed": false, "panels": [], "id": panels.len() + 1,
            "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
        }));
        let is_low = row.panels.iter().all(|panel| matches!(panel.shown_as, Number | Table));
        let (width, height) = (COLUMNS / row.panels.len(), if is_low { 5 } else { 8 });
        for (i, panel) in row.panels.iter().enumerate() {
            let is_last = i + 1 == row.panels.len();
            let w = if is_last { COLUMNS - i * width } else { width };
            let position = json!({ "x": i * width, "y": y + 1, "w": w, "h": height });
            panels.push(panel.json(panels.len() + 1, &position));
        }
        y += 1 + height;
    }
    let variable = |name: &str| {
        json!({
            "name": name, "label": name, "type": "query", "multi": true, "includeAll": true, "refresh": 2, "sort": 1,
            "datasource": datasource(), "definition": format!("label_values(toolgate_build_info, {name})"),
            "query": { "query": format!("label_values(toolgate_build_info, {name})"), "refId": name },
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        })
    };
    let dashboard = json!({
        "title": "toolgate", "uid": "toolgate", "tags": ["mcp", "toolgate"], "schemaVersion": 39, "version": 1,
        "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": { "from": "now-3h", "to": "now" },
        "description": "MCP servers that are built with toolgate. Generated from the definitions of the metrics.",
        "templating": { "list": [
            { "name": "datasource", "label": "data source", "type": "datasource", "query": "prometheus" },
            variable("job"), variable("instance"),
        ] },
        "panels": panels,
    });
    serde_json::to_string_pretty(&dashboard).expect("the dashboard is JSON") + "\n"
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    fn json(&self, id: usize, position: &Value) -> Value {
        let targets = self.queries.iter().zip('A'..).map(|((expression, legend), id)| {
            let expr = with_matchers(expression, MATCHERS);
            let is_table = self.shown_as == Table;
            json!({
                "refId": id.to_string(), "expr": expr, "legendFormat": legend, "datasource": datasource(),
                "range": !is_table, "instant": is_table, "format": if is_table { "table" } else { "time_series" },
            })
        });
        let targets: Vec<_> = targets.collect();
        let kind = match self.shown_as {
            Lines | Stacked => "timeseries",
            Number => "stat",
            Table => "table",
        };
        let custom = match self.shown_as {
            Stacked => json!({ "fillOpacity": 30, "stacking": { "mode": "normal", "group": "A" } }),
            Lines => json!({ "fillOpacity": 0, "stacking": { "mode": "none", "group": "A" } }),
            Number | Table => json!({}),
        };
        json!({
            "id": id, "title": self.title, "description": self.description, "type": kind, "gridPos": position,
            "datasource": datasource(), "targets": targets,
            "fieldConfig": { "defaults": { "unit": self.unit, "min": 0, "custom": custom }, "overrides": [] },
        })
    }
}
