//! Settings of rates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check_minimum;
use crate::{error::BuildProblem, rate::Rate, settings::value};

/// Settings of rates: how often a caller may call. They need the feature `rates`.
///
/// A caller is a user in an organization, with any number of tokens; without a user, an OAuth client; without either, a
/// token. With [replication](super::ReplicationConfig), the rates hold for all replicas together.
///
/// In a map, `None` (`"none"`) means no limit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RatesConfig {
    /// Rate of the requests of each caller to the MCP endpoint and to routes behind the gate. A request beyond it is
    /// rejected with 429 before its body is read. Default: none.
    #[serde(with = "value::rate_or_none")]
    pub caller: Option<Rate>,
    /// Rates that replace [`caller`](Self::caller) for the callers with a role in their organization, by the names of the
    /// roles. The rate is that of each caller. Default: empty.
    #[serde(with = "value::rates")]
    pub roles: BTreeMap<String, Option<Rate>>,
    /// Rates that replace the `rate` of the attribute of a tool, a prompt or a resource, by label:
    /// `payroll_summary`, `prompt quarterly_review`, `company://policies/{name}`. Default: empty.
    #[serde(with = "value::rates")]
    pub operations: BTreeMap<String, Option<Rate>>,
    /// Rates that replace the `total_rate` of an attribute, by label. Default: empty.
    #[serde(with = "value::rates")]
    pub operation_totals: BTreeMap<String, Option<Rate>>,
    /// Maximum number of counters in memory. A caller has one, and one for each operation with a `rate`. A counter is
    /// removed when its quota is full again and another caller needs one. Callers without a counter share one for each
    /// limit. A counter takes about 40 bytes. Default: 100000.
    pub max_counters: usize,
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            caller: None,
            roles: BTreeMap::new(),
            operations: BTreeMap::new(),
            operation_totals: BTreeMap::new(),
            max_counters: 100_000,
        }
    }
}

impl RatesConfig {
    pub(super) fn problems(&self) -> impl Iterator<Item = BuildProblem> {
        let Self { caller, roles, operations, operation_totals, max_counters } = self;
        let is_set = caller.is_some() || !roles.is_empty() || !operations.is_empty() || !operation_totals.is_empty();
        let feature = (is_set && !cfg!(feature = "rates"))
            .then_some(BuildProblem::MissingFeature { setting: "rates.*", feature: "rates" });
        feature.into_iter().chain(check_minimum("rates.max_counters", *max_counters, 1))
    }
}
