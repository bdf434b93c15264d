use crate::resource::{UriTemplate, Variables};

mod checks;
mod hostile;
mod matching;
mod properties;

fn template(text: &str) -> UriTemplate {
    UriTemplate::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// Matches a URI, and returns the values as `name=value` texts.
fn matched(text: &str, uri: &str) -> Option<Vec<String>> {
    let variables = template(text).matches(uri)?;
    Some(variables.iter().map(|(name, value)| format!("{name}={value}")).collect())
}

fn variables(values: &[(&str, &str)]) -> Variables {
    values.iter().copied().collect()
}
