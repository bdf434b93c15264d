//! The numbers of the server since it started.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{extract::State, response::Response};

use super::{Console, Page, respond};
use crate::{
    audit::{self, Reason},
    metrics::Label as _,
    page::PageKind,
};

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewTemplate<'a> {
    style: &'static str,
    title: &'a str,
    page: Page,
    endpoint: &'a str,
    /// Why the server is not ready; empty if it is ready.
    unready: Vec<&'static str>,
    uptime: String,
    in_flight: usize,
    cached_tokens: u64,
    operations: usize,
    lists: u64,
    calls: Counts,
    rejections: Counts,
}

/// Numbers by name, and their sum.
struct Counts {
    total: u64,
    rows: Vec<(&'static str, u64)>,
}

impl Counts {
    fn new(rows: Vec<(&'static str, u64)>) -> Self {
        Self { total: rows.iter().map(|(_, count)| count).sum(), rows }
    }
}

pub(super) async fn page(State(console): State<Arc<Console>>) -> Response {
    let mut unready = console.readiness.reasons();
    if !audit::is_available() {
        unready.push("audit_log_unavailable");
    }
    let decisions = console.decisions.by_reason();
    let lists = decisions.iter().find(|(reason, _)| *reason == Reason::Listed).map_or(0, |(_, count)| *count);
    let rejected = decisions.iter().filter(|(reason, _)| !matches!(reason, Reason::Allowed | Reason::Listed));
    let calls = console.decisions.calls_by_outcome().into_iter().map(|(outcome, count)| (outcome.name(), count));
    respond(&OverviewTemplate {
        style: PageKind::Console.style(),
        title: &console.title,
        page: Page::Overview,
        endpoint: &console.endpoint,
        unready,
        uptime: humantime::format_duration(Duration::from_secs(console.started.elapsed().as_secs())).to_string(),
        in_flight: console.gate.requests_in_flight(),
        cached_tokens: console.gate.authenticator.cached_tokens(),
        operations: console.policy.operations.len(),
        lists,
        calls: Counts::new(calls.collect()),
        rejections: Counts::new(rejected.map(|(reason, count)| (reason.name(), *count)).collect()),
    })
}
