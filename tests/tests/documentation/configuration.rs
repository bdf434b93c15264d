//! `docs/configuration.md`: its table has every setting, and its example is valid.

use std::{collections::BTreeMap, fs, path::PathBuf};

use toolgate::{Server, config::Source};
use toolgate_tests::SCOPES;

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// Returns the rows of the table of settings: the cells after the key, by the key.
fn rows(document: &str) -> BTreeMap<String, Vec<String>> {
    let (_, table) =
        document.split_once("| key | variable | unit | default | meaning |\n|---|---|---|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap().trim_matches('`').to_owned(), cells.collect())
    })
    .collect()
}

#[test]
fn the_table_has_every_setting_with_its_variables_and_its_default() {
    let rows = rows(&fs::read_to_string(docs().join("configuration.md")).unwrap());
    let settings = Server::new("defaults", &SCOPES).ignore_environment().settings().unwrap();
    let keys: Vec<_> = settings.values().iter().map(|value| value.key).collect();
    for key in rows.keys() {
        assert!(keys.contains(&key.as_str()), "{key} is not a setting");
    }
    for setting in settings.values() {
        let [variables, unit, default, meaning] = rows.get(setting.key).map(Vec::as_slice).unwrap_or_default() else {
            panic!("{} has no row with five cells", setting.key);
        };
        let expected: Vec<_> = setting.variables.iter().map(|variable| format!("`{variable}`")).collect();
        assert_eq!(*variables, expected.join(", "), "{}", setting.key);
        assert!(!unit.is_empty() && meaning.ends_with('.'), "{}", setting.key);
        let shown = default.strip_prefix('`').and_then(|rest| rest.split('`').next()).unwrap_or("(none)");
        assert_eq!(shown, setting.value, "{}", setting.key);
    }
}

#[test]
fn the_unit_of_every_setting_is_what_its_value_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toolgate.toml");
    for (key, cells) in rows(&fs::read_to_string(docs().join("configuration.md")).unwrap()) {
        let expected = match cells[1].as_str() {
            "text" | "path" | "secret" | "URL" | "filter" => "a text",
            "number" => "a number such as 64, without a sign",
            "bytes" => "a number of bytes such as 65536, without a unit",
            "switch" => "true or false",
            "duration" => "a duration such as 30s or 5m",
            "duration or `none`" => "a duration such as 30s or 5m, or none",
            "address" => "an address and a port, such as 127.0.0.1:8000, localhost:8000, or :8000 for all interfaces",
            "list" => r#"a list of texts such as ["a", "b"]"#,
            "rate" => "a rate such as 600/minute, with second, minute, hour or day, or none",
            "rates" => r#"a table of names and rates such as { HR = "60/minute", Support = "none" }"#,
            "choice" => "one of ",
            unit => panic!("{key} has the unit {unit}, which is not explained"),
        };
        // No setting is a fraction.
        let line = match key.split_once('.') {
            Some((section, field)) => format!("[{section}]\n{field} = 1.5\n"),
            None => format!("{key} = 1.5\n"),
        };
        fs::write(&path, line).unwrap();
        let settings = Server::new("units", &SCOPES).config_file(&path).settings();
        let error = settings.err().unwrap_or_else(|| panic!("{key} may be a fraction")).to_string();
        let (_, rest) = error.split_once(&format!("must be {expected}")).unwrap_or_else(|| panic!("{key}: {error}"));
        // What is expected ends here. No secret is repeated.
        let is_complete = rest.starts_with(", got ") || rest.trim_end().is_empty() || expected.ends_with(' ');
        assert!(is_complete, "{key}: {error}");
    }
}

#[test]
fn the_example_is_valid_and_every_line_of_it_is_used() {
    let path = docs().join("toolgate.toml");
    let server = || Server::new("example", &SCOPES).config_file(&path);
    let settings = server().settings().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let keys = text.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
    let from_file = settings.values().iter().filter(|value| value.source == Source::File(path.clone())).count();
    assert_eq!(from_file, keys);
    // The lines that are commented out are settings, too.
    let folder = tempfile::tempdir().unwrap();
    let (secret, other) = (folder.path().join("secret"), folder.path().join("toolgate.toml"));
    fs::write(&secret, "redis://127.0.0.1:6379/0123456789012345678901234567890123456789\n").unwrap();
    let text =
        text.replace("# request_state", "request_state").replace("# [repl", "[repl").replace("# url_f", "url_f");
    let text = text.replace("/run/secrets/request-state-key", secret.to_str().unwrap());
    fs::write(&other, text.replace("/run/secrets/redis-url", secret.to_str().unwrap())).unwrap();
    let settings = Server::new("example", &SCOPES).config_file(other).settings().unwrap();
    assert!(settings.config().replication.url.is_some() && settings.config().operations.request_state_key.is_some());
}
