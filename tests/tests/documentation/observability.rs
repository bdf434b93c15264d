//! The files that are generated from the definitions of the metrics, and the runbook.

use std::{collections::BTreeSet, fs};

use toolgate::metrics::DEFINITIONS;
use toolgate_tests::observability::{
    alerts::{ALERTS, Severity},
    dashboard, expression, generated, repository,
};

#[test]
fn the_generated_files_are_up_to_date() {
    for (path, text) in generated() {
        let found = fs::read_to_string(repository().join(path)).unwrap_or_default();
        assert!(found == text, "{path} is out of date: run `cargo run -p toolgate-tests --bin observability`");
    }
}

#[test]
fn alerts_and_panels_name_only_metrics_and_labels_that_exist() {
    let alerts = ALERTS.iter().map(|alert| alert.expression).filter(|expression| !expression.starts_with("absent("));
    for text in alerts.chain(dashboard::expressions()) {
        expression::check(text).unwrap_or_else(|problem| panic!("{problem}"));
    }
    for (series, _) in ALERTS.iter().flat_map(|alert| alert.fires_on) {
        expression::metrics(series).unwrap_or_else(|problem| panic!("{problem}"));
    }
}

#[test]
fn every_metric_is_on_the_dashboard_or_left_out_with_a_reason() {
    let shown: BTreeSet<_> = dashboard::expressions()
        .flat_map(|text| expression::check(text).unwrap())
        .map(|metric| metric.name)
        .collect();
    for metric in DEFINITIONS {
        let reason = dashboard::LEFT_OUT.iter().find(|(name, _)| *name == metric.name);
        assert!(
            reason.is_some() != shown.contains(metric.name),
            "{} is not on the dashboard, or on it and left out",
            metric.name
        );
    }
    for (name, reason) in dashboard::LEFT_OUT {
        assert!(DEFINITIONS.iter().any(|metric| metric.name == name) && !reason.is_empty(), "{name}");
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_a_row_in_the_book() {
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let book = fs::read_to_string(repository().join("docs/observability.md")).unwrap();
    let sections: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, ALERTS.each_ref().map(|alert| alert.name));
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**Means:**", "**Look at**", "**Do"] {
            assert!(section.contains(part), "{part} is missing: {section}");
        }
    }
    for alert in &ALERTS {
        let severity = if alert.severity == Severity::Critical { "critical" } else { "warning" };
        let row = format!("| [`{}`](runbook.md#{}) | {severity} |", alert.name, alert.anchor());
        assert!(book.contains(&row), "docs/observability.md lacks `{row}`");
    }
}

#[test]
fn the_runbook_names_panels_of_the_dashboard() {
    let dashboard = dashboard::json();
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let runbook = runbook.replace('\n', " ");
    let named = runbook.split("panel").skip(1).flat_map(|text| {
        let sentence = text.split('.').next().unwrap();
        sentence.split('"').skip(1).step_by(2)
    });
    let mut count = 0;
    for panel in named {
        count += 1;
        assert!(dashboard.contains(&format!("\"title\": \"{panel}\"")), "there is no panel `{panel}`");
    }
    assert!(count > 10, "{count} panels were found");
}
