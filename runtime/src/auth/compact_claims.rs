//! Claims as they are kept: in one text, because there may be a million of them.

use std::{ops::Range, sync::OnceLock, time::SystemTime};

use serde_json::{Map, Value};

use super::Claims;

/// Values are nested at most so deep in a text that is read; `serde_json` reads 127 levels.
const MAX_DEPTH: usize = 100;

/// The claims of one token. What the answer holds is there once, however many names it has.
#[derive(Clone)]
pub(crate) struct CompactClaims {
    /// The answer as JSON, and after it the parts that do not stand in it word by word.
    text: Box<str>,
    /// How much of the text is the answer.
    answer: u32,
    /// About what they take, in bytes, the map included.
    weight: u32,
    subject: Option<Part>,
    client_id: Option<Part>,
    username: Option<Part>,
    org_id: Option<Part>,
    org_role: Option<Part>,
    expires_at: Option<SystemTime>,
    /// The answer as a map, once somebody asked for it.
    map: OnceLock<Box<Map<String, Value>>>,
}

/// A part of the text, by where it begins and one more than where it ends; the one more makes room for `None`.
#[derive(Clone, Copy)]
struct Part {
    start: u32,
    after_end: std::num::NonZeroU32,
}

impl CompactClaims {
    pub(crate) fn new(claims: &Claims) -> Self {
        let mut text = serde_json::to_string(&claims.raw).expect("a JSON object can be written");
        let answer = small(text.len());
        let mut keep = |part: &Option<String>| part.as_deref().map(|part| Part::of(part, &mut text));
        let subject = keep(&claims.subject);
        let client_id = keep(&claims.client_id);
        let username = keep(&claims.username);
        let org_id = keep(&claims.org_id);
        let org_role = keep(&claims.org_role);
        // What could not be read again is kept as it is.
        let is_deep = claims.raw.values().any(|value| is_deeper_than(value, MAX_DEPTH));
        let map = if is_deep { OnceLock::from(Box::new(claims.raw.clone())) } else { OnceLock::new() };
        Self {
            weight: u32::try_from(claims.size() + text.len()).unwrap_or(u32::MAX),
            text: text.into(),
            answer,
            subject,
            client_id,
            username,
            org_id,
            org_role,
            expires_at: claims.expires_at,
            map,
        }
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.part(self.subject)
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.part(self.client_id)
    }

    pub(crate) fn username(&self) -> Option<&str> {
        self.part(self.username)
    }

    pub(crate) fn org_id(&self) -> Option<&str> {
        self.part(self.org_id)
    }

    pub(crate) fn org_role(&self) -> Option<&str> {
        self.part(self.org_role)
    }

    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The whole answer; it is read when somebody first asks.
    pub(crate) fn map(&self) -> &Map<String, Value> {
        self.map.get_or_init(|| {
            let answer = &self.text[..self.answer as usize];
            Box::new(serde_json::from_str(answer).expect("it was written from a JSON object"))
        })
    }

    /// About how many bytes these claims take, the map included.
    pub(crate) fn weight(&self) -> u32 {
        self.weight
    }

    fn part(&self, part: Option<Part>) -> Option<&str> {
        part.map(|part| &self.text[part.range()])
    }
}

impl Part {
    /// Where this stands in the text, which it is added to if it does not yet.
    fn of(part: &str, text: &mut String) -> Self {
        let start = text.find(part).unwrap_or_else(|| {
            text.push_str(part);
            text.len() - part.len()
        });
        let after_end = std::num::NonZeroU32::MIN.saturating_add(small(start + part.len()));
        Self { start: small(start), after_end }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.after_end.get() as usize - 1
    }
}

fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth == 0 || values.iter().any(|value| is_deeper_than(value, depth - 1)),
        Value::Object(object) => depth == 0 || object.values().any(|value| is_deeper_than(value, depth - 1)),
        _ => false,
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("the claims of one token are far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn raw(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_said(
            texts in prop::array::uniform5(prop::option::of("[a\"\\\\ é]{0,4}")),
            others in prop::collection::btree_map(".{0,4}", prop_oneof![
                ".{0,8}".prop_map(Value::from),
                any::<f64>().prop_map(Value::from),
                any::<i64>().prop_map(Value::from),
                any::<bool>().prop_map(Value::from),
                Just(json!({ "inside": ["é", null] })),
            ], 0..6),
        ) {
            let mut claims = Claims::new();
            let [subject, client_id, username, org_id, org_role] = texts;
            claims.raw = others.into_iter().collect();
            if let Some(subject) = &subject {
                claims.raw.insert("sub".to_owned(), subject.as_str().into());
            }
            Claims { subject, client_id, username, org_id, org_role, ..claims }.assert_kept();
        }
    }

    impl Claims {
        fn assert_kept(&self) {
            let kept = CompactClaims::new(self);
            assert_eq!(kept.subject(), self.subject.as_deref());
            assert_eq!(kept.client_id(), self.client_id.as_deref());
            assert_eq!(kept.username(), self.username.as_deref());
            assert_eq!(kept.org_id(), self.org_id.as_deref());
            assert_eq!(kept.org_role(), self.org_role.as_deref());
            assert_eq!(kept.expires_at(), self.expires_at);
            assert_eq!(*kept.map(), self.raw);
            assert_eq!(kept.clone().map(), kept.map());
        }
    }

    #[test]
    fn claims_may_be_nested_as_deep_as_a_validator_likes() {
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 1000] {
            let mut claims = Claims::new();
            claims.raw.insert("deep".to_owned(), (0..depth).fold(json!(1), |value, _| json!([value])));
            claims.assert_kept();
        }
    }

    #[test]
    fn what_stands_in_the_answer_is_not_kept_twice() {
        let mut claims = Claims::new().subject("31c41c16").organization("1189c444", "Member");
        claims.raw = raw(&json!({ "sub": "31c41c16", "org_id": "1189c444", "org_role": "Member" }));
        let kept = CompactClaims::new(&claims);
        assert_eq!(kept.text.len(), kept.answer as usize);
        let escaped = Claims { username: Some("\"".to_owned()), ..claims };
        assert_eq!(CompactClaims::new(&escaped).username(), Some("\""));
    }
}
