//! Recognizing form fields that ask for a secret.
//!
//! MCP 2026-07-28, Elicitation: a server must not use a form to request passwords, API keys, access tokens, or payment
//! credentials.

use serde_json::{Map, Value};

/// Words that name a secret in any position of a field's name.
const WORDS: [&str; 18] = [
    "apikey",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "mnemonic",
    "otp",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pin",
    "pwd",
    "secret",
    "secrets",
    "token",
];
/// Pairs of words that name a secret together.
const PAIRS: [[&str; 2]; 10] = [
    ["access", "key"],
    ["api", "key"],
    ["card", "number"],
    ["encryption", "key"],
    ["private", "key"],
    ["recovery", "code"],
    ["security", "code"],
    ["seed", "phrase"],
    ["signing", "key"],
    ["verification", "code"],
];

/// Returns what says that a field asks for a secret: its name, its title, `format: password`, or `writeOnly`.
pub(super) fn evidence(name: &str, schema: &Map<String, Value>) -> Option<String> {
    if schema.get("writeOnly") == Some(&Value::Bool(true)) {
        return Some("`writeOnly`".to_owned());
    }
    if schema.get("format").and_then(Value::as_str) == Some("password") {
        return Some("the format `password`".to_owned());
    }
    // A boolean such as `reset_password` and a choice such as `token_kind` hold no secret.
    if !matches!(schema.get("type").and_then(Value::as_str), Some("string" | "integer" | "number"))
        || ["enum", "const", "oneOf", "anyOf"].iter().any(|keyword| schema.contains_key(*keyword))
    {
        return None;
    }
    let title = schema.get("title").and_then(Value::as_str);
    std::iter::once(name).chain(title).find_map(secret_word).map(|word| format!("the word `{word}`"))
}

/// Returns the word of a name, or the pair of words, that names a secret.
fn secret_word(name: &str) -> Option<String> {
    let words = words(name);
    let single = words.iter().find(|word| WORDS.contains(&word.as_str())).cloned();
    let pair = || words.windows(2).find(|pair| PAIRS.iter().any(|[a, b]| pair[0] == *a && pair[1] == *b));
    single.or_else(|| pair().map(|pair| pair.join(" ")))
}

/// Returns the words of a name in `snake_case`, `camelCase` or prose, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let characters: Vec<char> = name.chars().collect();
    for (i, &c) in characters.iter().enumerate() {
        let follows_lower = i > 0 && characters[i - 1].is_lowercase();
        let precedes_lower = characters.get(i + 1).is_some_and(|next| next.is_lowercase());
        let ends_acronym = i > 0 && characters[i - 1].is_uppercase() && precedes_lower;
        if !c.is_alphanumeric() || (c.is_uppercase() && (follows_lower || ends_acronym)) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_secret(name: &str, schema: &Value) -> bool {
        evidence(name, schema.as_object().unwrap()).is_some()
    }

    #[test]
    fn e1_fields_that_ask_for_secrets_are_recognized() {
        for name in [
            "password",
            "newPassword",
            "DB_PASSWORD",
            "api-key",
            "APIKey",
            "accessToken",
            "client_secret",
            "card_number",
            "CVV",
            "Your private key",
            "one_time_pin",
        ] {
            assert!(is_secret(name, &json!({ "type": "string" })), "{name}");
        }
        assert!(is_secret("code", &json!({ "type": "string", "title": "Verification code" })));
        assert!(is_secret("pin", &json!({ "type": "integer" })));
        assert!(is_secret("value", &json!({ "type": "string", "format": "password" })));
        assert!(is_secret("value", &json!({ "type": "string", "writeOnly": true })));
    }

    #[test]
    fn other_fields_are_not_taken_for_secrets() {
        for name in ["name", "secretary", "opinion", "spin", "max_tokens", "key", "tokenized", "compass", "code"] {
            assert!(!is_secret(name, &json!({ "type": "string" })), "{name}");
        }
        assert!(!is_secret("reset_password", &json!({ "type": "boolean" })));
        assert!(!is_secret("token_kind", &json!({ "type": "string", "enum": ["personal", "service"] })));
    }
}
