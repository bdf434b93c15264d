//! Explanation of a decision: each rule of an operation, in the order of the gate, and what it decides for one caller.

use std::fmt;

use serde::Serialize;

use crate::operation::{OperationKind, parse_label};

/// Why a caller is or is not authorized for an operation, rule by rule. `Display` prints one line for each rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The operation: the name of a tool, `prompt` and the name of a prompt, or a URI.
    pub operation: String,
    /// The caller, such as `role HR with payroll:read:all`.
    pub caller: String,
    /// The rules in the order in which they are decided, up to the first that rejects the call.
    pub rules: Vec<ExplainedRule>,
    /// Rates of the operation, such as `30/minute per caller`, which limit allowed calls. They are those of the server's
    /// settings, where these have one.
    pub rates: Vec<String>,
    /// The decision.
    pub decision: ExplainedDecision,
}

/// A rule of an operation and what it decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExplainedRule {
    /// The rule, such as ``guard `own_ticket(caller, &ticket_id)` ``.
    pub rule: String,
    /// What it decides.
    pub effect: RuleEffect,
}

/// What a rule decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RuleEffect {
    /// The rule allows the call, for this reason.
    Allows(String),
    /// The rule rejects the call, for this reason.
    Rejects(String),
    /// The rule was not evaluated, for this reason, and can reject the call.
    NotEvaluated(String),
}

/// The decision about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExplainedDecision {
    /// The body would run.
    Allowed,
    /// The rules that were evaluated allow the call; others decide when it is made.
    MayBeAllowed,
    /// The response is a challenge that names these scopes.
    #[non_exhaustive]
    MissingScopes {
        /// Scopes that the token lacks.
        missing: Vec<String>,
        /// Every scope of the call.
        required: Vec<String>,
    },
    /// The response is the same as for an operation that does not exist.
    Hidden,
    /// The arguments do not fit the schema of the operation.
    InvalidArguments,
    /// A guard or a condition denies the call.
    Denied,
    /// The server has no such operation.
    Unknown,
}

impl Explanation {
    pub(crate) fn new(operation: &str, caller: String) -> Self {
        Self {
            operation: operation.to_owned(),
            caller,
            rules: Vec::new(),
            rates: Vec::new(),
            decision: ExplainedDecision::Unknown,
        }
    }

    /// Adds a rule that allows or rejects the call.
    pub(crate) fn decided(&mut self, rule: impl Into<String>, outcome: Result<String, String>) {
        let effect = outcome.map_or_else(RuleEffect::Rejects, RuleEffect::Allows);
        self.rules.push(ExplainedRule { rule: rule.into(), effect });
    }

    /// Adds a rule that is not evaluated.
    pub(crate) fn not_evaluated(&mut self, rule: impl Into<String>, reason: &str) {
        self.rules.push(ExplainedRule { rule: rule.into(), effect: RuleEffect::NotEvaluated(reason.to_owned()) });
    }

    /// Returns whether the call is allowed, or may be.
    pub fn may_be_allowed(&self) -> bool {
        matches!(self.decision, ExplainedDecision::Allowed | ExplainedDecision::MayBeAllowed)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match parse_label(&self.operation).0 {
            OperationKind::Tool => "called",
            OperationKind::Prompt => "requested",
            OperationKind::Resource => "read",
        };
        writeln!(f, "{}, {done} by {}", self.operation, self.caller)?;
        for ExplainedRule { rule, effect } in &self.rules {
            writeln!(f, "  {effect}: {rule}")?;
        }
        writeln!(f, "{}", self.decision)?;
        if !self.rates.is_empty() && self.may_be_allowed() {
            writeln!(f, "limited to {}", self.rates.join(" and "))?;
        }
        Ok(())
    }
}

impl fmt::Display for RuleEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = match self {
            Self::Allows(reason) => ("allows", reason),
            Self::Rejects(reason) => ("REJECTS", reason),
            Self::NotEvaluated(reason) => ("not evaluated", reason),
        };
        if reason.is_empty() { f.write_str(word) } else { write!(f, "{word} ({reason})") }
    }
}

impl fmt::Display for ExplainedDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::MayBeAllowed => f.write_str("may be allowed: the rules that were not evaluated decide"),
            Self::MissingScopes { missing, required } => {
                write!(f, "rejected: missing {}", missing.join(" and "))?;
                if missing == required { Ok(()) } else { write!(f, " of {}", required.join(" and ")) }
            }
            Self::Hidden => f.write_str("rejected: hidden from this caller"),
            Self::InvalidArguments => f.write_str("rejected: the arguments do not fit the schema"),
            Self::Denied => f.write_str("rejected: denied"),
            Self::Unknown => f.write_str("rejected: the server has no such operation"),
        }
    }
}
