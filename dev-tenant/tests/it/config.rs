//! Tests of the validation of `tenant.toml`.

use toolgate_dev_tenant::{ConfigError, ScopeInfo, TenantConfig};

const VALID: &str = r#"
[organization]
id = "org"
name = "Org"

[[scopes]]
name = "a:read"
description = "Read a."

[[roles]]
name = "Reader"
scopes = ["a:read"]

[[people]]
id = "p1"
name = "Rita (sample)"
email = "rita@example.com"
role = "Reader"
"#;

fn error(from: &str, to: &str) -> String {
    assert!(VALID.contains(from));
    let text = VALID.replacen(from, to, 1);
    TenantConfig::from_toml(&text).unwrap_err().to_string()
}

#[test]
fn the_sample_has_ten_scopes_and_four_roles_of_two_people() {
    let config = TenantConfig::sample();
    assert_eq!(config.scopes().len(), 10);
    let roles: Vec<_> = config.roles().iter().map(|role| (role.name.as_str(), role.scopes.len())).collect();
    assert_eq!(roles, [("Management", 5), ("HR", 3), ("Engineering", 4), ("Support", 5)]);
    for role in config.roles() {
        let people = config.people().iter().filter(|person| person.role == role.name);
        assert!(people.count() >= 2, "{}", role.name);
    }
}

#[test]
fn rejects_a_role_with_an_unknown_scope_and_names_its_line() {
    let message = error(r#"scopes = ["a:read"]"#, r#"scopes = ["a:reed"]"#);
    assert!(message.contains("line 12"), "{message}");
    assert!(message.contains("Reader") && message.contains("a:reed"), "{message}");
}

#[test]
fn rejects_a_person_with_an_unknown_role_and_lists_the_roles() {
    let message = error(r#"role = "Reader""#, r#"role = "Writer""#);
    assert!(message.contains("line 18"), "{message}");
    assert!(message.contains("Writer") && message.contains("Reader"), "{message}");
}

#[test]
fn rejects_duplicate_names() {
    let scope = "[[scopes]]\nname = \"a:read\"\ndescription = \"Read a.\"\n";
    let message = error(scope, &scope.repeat(2));
    assert!(message.contains("duplicate scope `a:read`"), "{message}");
    let message = error(r#"["a:read"]"#, r#"["a:read", "a:read"]"#);
    assert!(message.contains("duplicate scope of the role"), "{message}");
    let second = "[[people]]\nid = \"p1\"\nname = \"B\"\nemail = \"b@example.com\"\nrole = \"Reader\"\n[[people]]";
    let message = error("[[people]]", second);
    assert!(message.contains("duplicate person id `p1`"), "{message}");
}

#[test]
fn rejects_invalid_scope_tokens_and_empty_values() {
    let message = error(r#"name = "a:read""#, r#"name = "a read""#);
    assert!(message.contains("not a scope token"), "{message}");
    let message = error(r#"id = "p1""#, r#"id = """#);
    assert!(message.contains("person id is empty"), "{message}");
}

#[test]
fn rejects_unknown_keys_and_invalid_toml_and_names_the_line() {
    let message = error("name = \"Org\"", "title = \"Org\"");
    assert!(message.contains("line 4"), "{message}");
    let message = error("[[roles]]", "[[roles]");
    assert!(message.contains("line 10"), "{message}");
}

#[test]
fn a_starter_has_every_scope_and_a_person_of_sample_data_in_each_role() {
    let scopes = [
        ScopeInfo::new("ticket:read:all", "Read \"all\" tickets.\nAnd \\ their comments: größe."),
        ScopeInfo::new("ticket:write:update", "Change tickets."),
        ScopeInfo::new("users.list", ""),
    ];
    let config = TenantConfig::from_scopes("O'Neill \"Ltd\" # (sample)", &scopes).unwrap();
    assert_eq!(config.organization().name, "O'Neill \"Ltd\" # (sample)");
    assert_eq!(config.scopes(), scopes);
    let roles: Vec<_> = config.roles().iter().map(|role| (role.name.as_str(), role.scopes.len())).collect();
    assert_eq!(roles, [("Admin", 3), ("Member", 2)]);
    for (person, role) in config.people().iter().zip(config.roles()) {
        assert_eq!(person.role, role.name);
        assert!(person.name.contains("sample") && person.email.ends_with("@example.com"), "{person:?}");
    }
    let text = TenantConfig::starter_toml("O'Neill \"Ltd\" # (sample)", &scopes);
    assert_eq!(TenantConfig::from_toml(&text).unwrap(), config);
    assert!(text.lines().all(|line| line.len() <= 120), "{text}");
}

#[test]
fn a_starter_can_have_no_scopes_but_no_invalid_or_duplicate_one() {
    let config = TenantConfig::from_scopes("Example", &[]).unwrap();
    assert!(config.scopes().is_empty() && config.roles().iter().all(|role| role.scopes.is_empty()));
    let only_writes = [ScopeInfo::new("refund:create", "Create refunds.")];
    let config = TenantConfig::from_scopes("Example", &only_writes).unwrap();
    assert!(config.role("Member").unwrap().scopes.is_empty());
    let twice = [ScopeInfo::new("a:read", ""), ScopeInfo::new("a:read", "")];
    assert!(matches!(TenantConfig::from_scopes("Example", &twice), Err(ConfigError::Duplicate { .. })));
    let invalid = [ScopeInfo::new("a read", "")];
    assert!(matches!(TenantConfig::from_scopes("Example", &invalid), Err(ConfigError::InvalidScope { .. })));
}

#[test]
fn rejects_an_api_key_with_an_unknown_owner_or_scope_and_names_its_line() {
    let with_key = |owner: &str, scope: &str| {
        let key = format!("\n[[api_keys]]\nname = \"CI\"\nowner = \"{owner}\"\nscopes = [\"{scope}\"]\n");
        TenantConfig::from_toml(&format!("{VALID}{key}"))
    };
    for owner in ["organization", "generic", "rita@example.com"] {
        assert_eq!(with_key(owner, "a:read").unwrap().api_keys()[0].name, "CI");
    }
    let message = with_key("rita", "a:read").unwrap_err().to_string();
    assert!(message.contains("line 22") && message.contains("`rita`"), "{message}");
    let message = with_key("generic", "a:reed").unwrap_err().to_string();
    assert!(message.contains("line 23") && message.contains("a:reed") && message.contains("CI"), "{message}");
}
