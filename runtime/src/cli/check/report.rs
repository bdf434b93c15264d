//! Results of the checks, for people and for programs.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use serde_json::json;

use crate::{
    auth::{Diagnostic, Severity},
    cli::{
        app::{Status, json},
        config::setting_object,
    },
    config::{Settings, Source},
};

/// Maximum length of a text that another machine chose, in characters.
const MAX_QUOTED_CHARS: usize = 200;

/// Level of a result. A later one is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Note,
    Warning,
    Error,
}

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct CheckResult {
    pub(super) level: Level,
    /// Stable identifier for programs.
    pub(super) code: Cow<'static, str>,
    /// What was found.
    pub(super) text: String,
    /// What to do, if the text does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<String>,
}

impl CheckResult {
    pub(super) fn ok(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Ok, code, text)
    }

    pub(super) fn note(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Note, code, text)
    }

    pub(super) fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Warning, code, text)
    }

    pub(super) fn error(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Error, code, text)
    }

    pub(super) fn new(level: Level, code: &'static str, text: impl Into<String>) -> Self {
        Self { level, code: code.into(), text: text.into(), action: None }
    }

    pub(super) fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }
}

impl From<Diagnostic> for CheckResult {
    fn from(diagnostic: Diagnostic) -> Self {
        let level = match diagnostic.severity() {
            Severity::Note => Level::Note,
            Severity::Warning => Level::Warning,
            Severity::Fatal => Level::Error,
        };
        Self::new(level, diagnostic.code(), diagnostic.text())
    }
}

/// Formats a text that another machine chose: escaped, and cut.
pub(super) fn quoted(text: &str) -> String {
    text.escape_debug().take(MAX_QUOTED_CHARS).collect()
}

/// All results. `Display` has a line for each setting that is not a default, for each result, and for what to do.
pub(super) struct Report<'a> {
    pub(super) settings: &'a Settings,
    pub(super) results: Vec<CheckResult>,
}

impl Report<'_> {
    pub(super) fn to_json(&self) -> String {
        let settings = self.settings.values().iter().filter(|value| value.source != Source::Default);
        json(&json!({
            "settings": settings.map(setting_object).collect::<Vec<_>>(),
            "results": self.results,
            "counts": {
                "ok": self.count(Level::Ok),
                "note": self.count(Level::Note),
                "warning": self.count(Level::Warning),
                "error": self.count(Level::Error),
            },
        }))
    }

    pub(super) fn status(&self) -> Status {
        match self.results.iter().map(|result| result.level).max() {
            Some(Level::Error) => Status::Problem,
            Some(Level::Warning) => Status::Warning,
            _ => Status::Clean,
        }
    }

    fn count(&self, level: Level) -> usize {
        self.results.iter().filter(|result| result.level == level).count()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.settings)?;
        let width = self.results.iter().map(|result| result.code.len()).max().unwrap_or_default();
        for CheckResult { level, code, text, action } in &self.results {
            let level = match level {
                Level::Ok => "ok",
                Level::Note => "note",
                Level::Warning => "warning",
                Level::Error => "error",
            };
            let mut lines = text.lines();
            writeln!(f, "{level:<7}  {code:<width$}  {}", lines.next().unwrap_or_default())?;
            for line in lines.chain(action.as_deref().unwrap_or_default().lines()) {
                let indent = if line.is_empty() { 0 } else { width + 11 };
                writeln!(f, "{:indent$}{line}", "")?;
            }
        }
        if self.results.len() > 1 {
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            let [notes, warnings, errors] =
                [Level::Note, Level::Warning, Level::Error].map(|level| self.count(level));
            writeln!(
                f,
                "{} ok, {notes} note{}, {warnings} warning{}, {errors} error{}",
                self.count(Level::Ok),
                plural(notes),
                plural(warnings),
                plural(errors)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Server, scope::Scopes};

    static SCOPES: Scopes = Scopes::new(&["a"]);

    fn report(settings: &Settings, results: Vec<CheckResult>) -> Report<'_> {
        Report { settings, results }
    }

    #[test]
    fn the_worst_level_decides_the_exit_status() {
        let settings = Server::new("company", &SCOPES).ignore_environment().settings().unwrap();
        let [ok, note] = [CheckResult::ok("a", ""), CheckResult::note("b", "")];
        let [warning, error] = [CheckResult::warning("c", ""), CheckResult::error("d", "")];
        for (results, expected) in [
            (vec![], Status::Clean),
            (vec![ok, note.clone()], Status::Clean),
            (vec![warning.clone(), note], Status::Warning),
            (vec![error, warning], Status::Problem),
        ] {
            assert_eq!(report(&settings, results).status(), expected);
        }
    }

    #[test]
    fn results_are_aligned_and_what_to_do_is_below_them() {
        let settings = Server::new("company", &SCOPES).ignore_environment().settings().unwrap();
        let results = vec![
            CheckResult::ok("policy", "the policy equals policy.lock"),
            CheckResult::warning("clock", "first\nsecond").action("do this"),
        ];
        assert_eq!(
            report(&settings, results).to_string(),
            "ok       policy  the policy equals policy.lock\n\
             warning  clock   first\n                 second\n                 do this\n\
             1 ok, 0 notes, 1 warning, 0 errors\n"
        );
    }

    #[test]
    fn a_text_of_another_machine_is_escaped_and_cut() {
        assert_eq!(quoted("a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
        assert_eq!(quoted(&"x".repeat(1000)).len(), MAX_QUOTED_CHARS);
    }
}
