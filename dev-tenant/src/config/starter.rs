//! The text of a first `tenant.toml` for a server with these scopes.

use std::fmt::Write as _;

use super::ScopeInfo;

/// Words of a scope whose action reads.
const READING: [&str; 8] = ["find", "get", "list", "read", "readonly", "search", "show", "view"];

/// Words of a scope whose action changes something, even if it also reads.
const CHANGING: [&str; 18] = [
    "add", "admin", "approve", "cancel", "create", "delete", "edit", "execute", "invite", "manage", "modify",
    "remove", "run", "send", "set", "update", "upload", "write",
];

/// Returns the text of a `tenant.toml` with all scopes, two roles and one person in each role.
pub(super) fn text(organization: &str, scopes: &[ScopeInfo]) -> String {
    let all: Vec<&str> = scopes.iter().map(|scope| scope.name.as_str()).collect();
    let reading: Vec<&str> = all.iter().copied().filter(|scope| is_reading(scope)).collect();
    let definitions: String = scopes.iter().map(definition).collect();
    // A key of the root table must precede the first table.
    let no_scopes = if scopes.is_empty() { "# The server defines no scopes yet.\nscopes = []\n\n" } else { "" };
    format!(
        r#"# The people, roles and scopes of a development tenant, which reads this file when it starts. Login asks for no
# password: all people here are sample data. In a PropelAuth project, the same settings are in the dashboard.

{no_scopes}[organization]
id = "5a3e1f00-0000-4000-8000-000000001000"
name = {organization}

# The scopes of the server. In the dashboard: MCP -> Org Scopes. The consent page shows the description.
{definitions}
# The roles, each with the scopes that it can grant to an application. In the dashboard: Roles & Permissions.

[[roles]]
name = "Admin"
scopes = {admin}

# `Member` has the scopes whose names have a word such as `read` or `list`, and none such as `write` or `delete`.
# Change this to what every member may do.
[[roles]]
name = "Member"
scopes = {member}

# The people who can log in. Tokens refer to the id, so keep it when you change the name or the role. Add a person to
# see what someone with another role can do.

[[people]]
id = "5a3e1f00-0000-4000-8000-000000001101"
name = "Ada (sample)"
email = "ada.admin@example.com"
role = "Admin"

[[people]]
id = "5a3e1f00-0000-4000-8000-000000001201"
name = "Mio (sample)"
email = "mio.member@example.com"
role = "Member"

# A caller without a browser, such as a CI job, has an API key. Its owner is `organization`, `generic`, or the e-mail
# address of a person. The server prints the key when it starts.

# [[api_keys]]
# name = "nightly-report"
# owner = "organization"
# scopes = {member_line}
"#,
        organization = quoted(organization),
        admin = list(&all),
        member = list(&reading),
        member_line = line(&reading),
    )
}

fn definition(scope: &ScopeInfo) -> String {
    format!("\n[[scopes]]\nname = {}\ndescription = {}\n", quoted(&scope.name), quoted(&scope.description))
}

/// Returns whether the words of a scope say that it only reads.
fn is_reading(scope: &str) -> bool {
    let scope = scope.to_ascii_lowercase();
    let mut words = scope.split(|char: char| !char.is_ascii_alphanumeric());
    words.clone().any(|word| READING.contains(&word)) && !words.any(|word| CHANGING.contains(&word))
}

/// Returns a TOML array with one scope on each line.
fn list(scopes: &[&str]) -> String {
    if scopes.is_empty() {
        return "[]".to_owned();
    }
    let mut text = "[\n".to_owned();
    for scope in scopes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {},", quoted(scope));
    }
    text + "]"
}

/// Returns a TOML array on one line.
fn line(scopes: &[&str]) -> String {
    format!("[{}]", scopes.iter().map(|scope| quoted(scope)).collect::<Vec<_>>().join(", "))
}

/// Returns a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_if_it_has_a_word_for_reading_and_none_for_changing() {
        for scope in ["ticket:read:all", "read:users", "files.list", "calendar.readonly", "GET_report"] {
            assert!(is_reading(scope), "{scope}");
        }
        for scope in ["ticket:write:update", "ticket:read-write", "thread", "refund:create", "admin:read", ""] {
            assert!(!is_reading(scope), "{scope}");
        }
    }
}
