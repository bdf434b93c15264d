//! Results of the preflight check.

use std::fmt;

/// Codes of diagnostics that are also reasons why a server is not ready.
pub(crate) mod code {
    /// The authorization server rejects this server's credentials.
    pub(crate) const CREDENTIALS_REJECTED: &str = "credentials_rejected";
    /// The authorization server does not respond.
    pub(crate) const UNAVAILABLE: &str = "authorization_server_unavailable";
}

/// Severity of a [`Diagnostic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Information.
    Note,
    /// A problem that does not stop the server from working.
    Warning,
    /// No token can be validated, or no client can discover the authorization server, until this is fixed.
    Fatal,
}

/// One result of the [preflight check](super::TokenValidator::preflight). Its text says what is wrong and what to do.
///
/// ```
/// use toolgate::auth::{Diagnostic, Severity};
///
/// let diagnostic = Diagnostic::fatal("directory_unreachable", "the directory does not respond: check DIRECTORY_URL");
/// assert_eq!(diagnostic.severity(), Severity::Fatal);
/// assert_eq!(diagnostic.code(), "directory_unreachable");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    code: &'static str,
    text: String,
}

impl Diagnostic {
    /// Creates a diagnostic that prevents the server from working. `/readyz` shows the code. The text is logged and
    /// must not contain a token or a secret.
    pub fn fatal(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, code, text: text.into() }
    }

    /// Creates a diagnostic of severity [`Severity::Warning`].
    pub fn warning(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code, text: text.into() }
    }

    /// Creates a diagnostic of severity [`Severity::Note`].
    pub fn note(code: &'static str, text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, code, text: text.into() }
    }

    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Returns the code, a stable identifier for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns the text, a description for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.severity, self.code, self.text)
    }
}

/// Diagnostics of one preflight check: whether tokens can be validated, whether clients can discover the
/// authorization server, and whether both define the same scopes. `Display` prints the fatal ones.
///
/// ```no_run
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["employees:read:public"]);
/// # #[tokio::main]
/// # async fn main() -> Result<(), toolgate::Error> {
/// let server = Server::new("My MCP server", &SCOPES).auth(PropelAuth::from_env()?).build()?;
/// let preflight = server.preflight().await;
/// for diagnostic in preflight.diagnostics() {
///     println!("{:?}: {diagnostic}", diagnostic.severity());
/// }
/// if preflight.passed() {
///     server.serve().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    diagnostics: Vec<Diagnostic>,
}

impl Preflight {
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| std::cmp::Reverse(diagnostic.severity()));
        Self { diagnostics }
    }

    /// Returns all diagnostics, the most severe first.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Returns whether no diagnostic is fatal.
    pub fn passed(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_fatal)
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fatal = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_fatal());
        let Some(first) = fatal.next() else { return f.write_str("no fatal diagnostic") };
        write!(f, "{first}")?;
        fatal.try_for_each(|diagnostic| write!(f, "\n- {diagnostic}"))
    }
}
