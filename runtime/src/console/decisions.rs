//! The latest decisions, filtered by the query of the request.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::SystemTime};

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use url::form_urlencoded;

use super::{Console, Page, respond};
use crate::{audit::RecentDecision, page::PageKind, policy::OperationPolicy};

/// Selection of decisions. An empty text selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Filter {
    /// A part of the person's ID, without regard to case.
    person: String,
    /// The label of an operation.
    operation: String,
    /// An outcome.
    outcome: String,
}

impl Filter {
    /// Reads the query of a form. Unknown parameters are ignored.
    fn parse(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "person" => value.trim().clone_into(&mut filter.person),
                "operation" => value.trim().clone_into(&mut filter.operation),
                "outcome" => value.trim().clone_into(&mut filter.outcome),
                _ => {}
            }
        }
        filter
    }

    fn selects(&self, decision: &RecentDecision) -> bool {
        let person = self.person.to_lowercase();
        let has_person = || decision.user.as_ref().is_some_and(|user| user.to_lowercase().contains(&person));
        (person.is_empty() || has_person())
            && (self.operation.is_empty() || decision.operation.as_deref() == Some(&self.operation))
            && (self.outcome.is_empty() || decision.outcome == self.outcome)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Template)]
#[template(path = "decisions.html")]
struct DecisionsTemplate<'a> {
    style: &'static str,
    title: &'a str,
    page: Page,
    filter: &'a Filter,
    /// Values of the form's lists.
    operations: BTreeSet<Cow<'a, str>>,
    outcomes: BTreeSet<&'a str>,
    rows: Vec<Row<'a>>,
    /// Number of decisions without the filter.
    total: usize,
}

/// One decision.
struct Row<'a> {
    decision: &'a RecentDecision,
    /// Time as RFC 3339.
    at: String,
    latency: String,
}

impl<'a> Row<'a> {
    fn of(decision: &'a RecentDecision) -> Self {
        Self { decision, at: time(decision.at), latency: format!("{:.1}", decision.latency.as_secs_f64() * 1000.0) }
    }

    /// The time without `T` and the time zone.
    fn shown_time(&self) -> String {
        self.at.trim_end_matches('Z').replace('T', " ")
    }

    fn is_good(&self) -> bool {
        matches!(
            self.decision.outcome,
            "completed"
                | "listed"
                | "subscribed"
                | "task_created"
                | "input_required"
                | "approval_required"
                | "approval_given"
        )
    }

    fn person_link(&self) -> String {
        link("person", self.decision.user.as_deref().unwrap_or_default())
    }

    fn operation_link(&self) -> String {
        link("operation", self.decision.operation.as_deref().unwrap_or_default())
    }

    /// What was listed, such as `3 tools listed`.
    fn listed(&self) -> Option<String> {
        let list = self.decision.list?.replace('_', " ");
        Some(format!("{} {list} listed", self.decision.items?))
    }

    fn missing(&self) -> String {
        self.decision.missing.join(" ")
    }

    fn required(&self) -> String {
        self.decision.required.join(" ")
    }
}

pub(super) async fn page(State(console): State<Arc<Console>>, RawQuery(query): RawQuery) -> Response {
    let filter = Filter::parse(query.as_deref().unwrap_or_default());
    let latest = console.decisions.latest();
    let declared = console.policy.operations.iter().map(OperationPolicy::label);
    let mut operations: BTreeSet<_> = declared
        .chain(latest.iter().filter_map(|decision| decision.operation.as_deref().map(Cow::Borrowed)))
        .collect();
    let mut outcomes: BTreeSet<_> = latest.iter().map(|decision| decision.outcome).collect();
    // The form shows what was selected, even if no decision has it.
    operations.extend((!filter.operation.is_empty()).then_some(Cow::Borrowed(&*filter.operation)));
    outcomes.extend((!filter.outcome.is_empty()).then_some(&*filter.outcome));
    let rows = latest.iter().filter(|decision| filter.selects(decision)).map(|decision| Row::of(decision));
    respond(&DecisionsTemplate {
        style: PageKind::Console.style(),
        title: &console.title,
        page: Page::Decisions,
        rows: rows.collect(),
        total: latest.len(),
        filter: &filter,
        operations,
        outcomes,
    })
}

fn time(at: SystemTime) -> String {
    // The clock may be set to a time that RFC 3339 cannot express.
    if at < SystemTime::UNIX_EPOCH { String::new() } else { humantime::format_rfc3339_seconds(at).to_string() }
}

/// Returns the link to the decisions with this value.
fn link(parameter: &str, value: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(parameter, value).finish();
    format!("/decisions?{query}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn decision(user: Option<&str>, operation: Option<&str>, outcome: &'static str) -> RecentDecision {
        RecentDecision {
            at: SystemTime::UNIX_EPOCH,
            outcome,
            request_id: None,
            trace_id: None,
            user: user.map(Into::into),
            organization: None,
            role: None,
            client: None,
            operation: operation.map(Into::into),
            required: [].into(),
            missing: [].into(),
            required_by: None,
            list: None,
            items: None,
            latency: Duration::from_millis(1),
        }
    }

    #[test]
    fn every_part_of_a_filter_must_match() {
        let sam = decision(Some("user-Sam"), Some("refund"), "completed");
        let anonymous = decision(None, None, "missing_token");
        for (query, selected) in [
            ("", [true, true]),
            ("person=&operation=&outcome=", [true, true]),
            ("person=sam", [true, false]),
            ("person=USER-s&operation=refund", [true, false]),
            ("person=sam&operation=ref", [false, false]),
            ("outcome=missing_token", [false, true]),
            ("outcome=missing_token&person=sam", [false, false]),
            ("unknown=1", [true, true]),
        ] {
            let filter = Filter::parse(query);
            assert_eq!([filter.selects(&sam), filter.selects(&anonymous)], selected, "{query}");
        }
    }

    #[test]
    fn a_link_selects_exactly_its_value() {
        let query = link("person", "a&b=c +%\"<é");
        let filter = Filter::parse(query.strip_prefix("/decisions?").unwrap());
        assert_eq!(filter.person, "a&b=c +%\"<é");
    }
}
