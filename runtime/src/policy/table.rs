//! The table of a policy, as text and as Markdown.

use std::fmt;

use super::{
    Policy,
    access_matrix::Mark,
    text_table::{TextTable, code},
};

impl Policy {
    /// Formats the policy as a Markdown table, followed by the rules for all operations and the hierarchy of scopes as a list.
    /// `Display` prints the same as text.
    ///
    /// ```
    /// use toolgate::policy::Policy;
    ///
    /// let policy = Policy::from_lock("scope a\n\nrole HR\n  a\n\ntool first\n  scopes a\n  read_only\n")?;
    /// assert_eq!(
    ///     policy.to_markdown(),
    ///     "| operation | hints | HR | requires |\n|---|---|---|---|\n| `first` | read-only | x | `a` |\n"
    /// );
    /// # Ok::<(), toolgate::policy::LockError>(())
    /// ```
    pub fn to_markdown(&self) -> String {
        let mut lines = vec![self.table(&code).to_markdown()];
        lines.extend(self.notes(&code).iter().map(|note| format!("- {note}\n")));
        // A list needs an empty line before it.
        if lines.len() > 1 {
            lines.insert(1, "\n".to_owned());
        }
        lines.concat()
    }

    fn table(&self, quote: &dyn Fn(&str) -> String) -> TextTable {
        let matrix = self.access_matrix();
        let mut header = vec!["operation".to_owned(), "hints".to_owned()];
        header.extend(matrix.roles);
        // The requirement is last: it can be long.
        header.push("requires".to_owned());
        let rows = self.operations.iter().zip(matrix.operations).map(|(operation, row)| {
            let mut cells = vec![quote(&operation.label()), operation.annotations.to_string()];
            cells.extend(row.marks.iter().map(Mark::to_string));
            cells.push(operation.requirement_quoted(quote));
            cells
        });
        TextTable { header, rows: rows.collect() }
    }

    /// Returns what applies to all operations, one sentence for each fact.
    pub(crate) fn notes(&self, quote: &dyn Fn(&str) -> String) -> Vec<String> {
        let quoted = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(" and ");
        let mut notes = Vec::new();
        if self.access_matrix().operations.iter().any(|row| row.marks.contains(&Mark::MayAllow)) {
            notes.push("x: every call is allowed; (x): the server's own checks decide".to_owned());
        }
        if !self.server.required_scopes.is_empty() {
            notes.push(format!("all operations require {}", quoted(&self.server.required_scopes)));
        }
        if self.server.conceal_forbidden {
            notes.push("operations that a caller lacks scopes for are concealed".to_owned());
        }
        match self.server.switches {
            0 => {}
            1 => notes.push("1 `Server::deny` rule can disable operations at run time".to_owned()),
            count => notes.push(format!("{count} `Server::deny` rules can disable operations at run time")),
        }
        notes.extend(
            self.hierarchy.iter().map(|rule| format!("{} implies {}", quote(&rule.scope), quoted(&rule.implies))),
        );
        notes
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(&str::to_owned).fmt(f)?;
        let notes = self.notes(&str::to_owned);
        if !notes.is_empty() {
            writeln!(f)?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
