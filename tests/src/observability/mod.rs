//! The files for operators that are generated from the definitions of the metrics: alert rules, a dashboard, and the
//! table in the book.

pub mod alerts;
pub mod dashboard;
pub mod expression;
pub mod table;

use std::path::{Path, PathBuf};

/// Returns the folder of the repository.
///
/// # Panics
///
/// Never: this crate is in a folder of it.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a folder").to_owned()
}

/// Returns each generated file, by its path in the repository, with what it must contain.
pub fn generated() -> [(&'static str, String); 4] {
    [
        ("deploy/prometheus/alerts.yml", alerts::rules(&alerts::ALERTS)),
        ("deploy/prometheus/alerts_test.yml", alerts::tests()),
        ("deploy/grafana/toolgate.json", dashboard::json()),
        ("docs/observability.md", table::in_document(&repository().join("docs/observability.md"))),
    ]
}
