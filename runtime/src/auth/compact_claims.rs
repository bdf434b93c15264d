//! Compact claims: one JSON buffer plus offsets into it, because the token cache may hold a million of them.

use std::{
    num::NonZeroU32,
    ops::Range,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::SystemTime,
};

use serde_json::{Map, Value};

use super::{Claims, UserNamespace};
use crate::json_memory;

/// Maximum nesting depth of a claim that is parsed from the buffer again. `serde_json` parses at most 127 levels.
const MAX_DEPTH: usize = 100;
/// Bytes of a map in an `Arc`, without its entries.
const MAP_ALLOCATION: usize = size_of::<Map<String, Value>>() + 2 * size_of::<usize>() + json_memory::ALLOCATION;

/// Claims of one token in compact form. A text that occurs several times is stored once.
pub(crate) struct CompactClaims {
    /// [`Claims::raw`] as JSON, followed by the fields that do not occur verbatim in it.
    buffer: Box<str>,
    /// Length of the JSON at the start of the buffer, in bytes.
    json_len: u32,
    subject: Option<Span>,
    client_id: Option<Span>,
    username: Option<Span>,
    org_id: Option<Span>,
    org_role: Option<Span>,
    expires_at: Option<SystemTime>,
    user_namespace: UserNamespace,
    raw: RawClaims,
}

/// [`Claims::raw`] as a map. It may take a hundred times the memory of its JSON, so it is not stored.
enum RawClaims {
    /// The map that was parsed from the JSON in the buffer, while a request uses it.
    Parsed(Mutex<Weak<Map<String, Value>>>),
    /// The map of JSON that is nested too deeply to be parsed again.
    Stored(Arc<Map<String, Value>>),
}

/// Byte range in the buffer. It stores the end plus one, so that `Option<Span>` takes no extra space.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end_plus_one: NonZeroU32,
}

impl CompactClaims {
    pub(crate) fn new(claims: &Claims) -> Self {
        let mut buffer = serde_json::to_string(&claims.raw).expect("a JSON object can be serialized");
        let json_len = to_u32(buffer.len());
        let mut store = |text: &Option<String>| text.as_deref().map(|text| Span::find_or_append(text, &mut buffer));
        let subject = store(&claims.subject);
        let client_id = store(&claims.client_id);
        let username = store(&claims.username);
        let org_id = store(&claims.org_id);
        let org_role = store(&claims.org_role);
        let is_deep = claims.raw.values().any(|value| is_deeper_than(value, MAX_DEPTH));
        let raw = if is_deep {
            RawClaims::Stored(Arc::new(claims.raw.clone()))
        } else {
            RawClaims::Parsed(Mutex::default())
        };
        Self {
            buffer: buffer.into(),
            json_len,
            subject,
            client_id,
            username,
            org_id,
            org_role,
            expires_at: claims.expires_at,
            user_namespace: claims.user_namespace,
            raw,
        }
    }

    pub(crate) fn subject(&self) -> Option<&str> {
        self.text(self.subject)
    }

    pub(crate) fn user_namespace(&self) -> &UserNamespace {
        &self.user_namespace
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.text(self.client_id)
    }

    pub(crate) fn username(&self) -> Option<&str> {
        self.text(self.username)
    }

    pub(crate) fn org_id(&self) -> Option<&str> {
        self.text(self.org_id)
    }

    pub(crate) fn org_role(&self) -> Option<&str> {
        self.text(self.org_role)
    }

    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// Returns [`Claims::raw`]. Parses the JSON, unless another request uses the result at the same time.
    pub(crate) fn raw(&self) -> Arc<Map<String, Value>> {
        let parsed = match &self.raw {
            RawClaims::Parsed(parsed) => parsed,
            RawClaims::Stored(map) => return Arc::clone(map),
        };
        let mut parsed = parsed.lock().unwrap_or_else(PoisonError::into_inner);
        parsed.upgrade().unwrap_or_else(|| {
            let json = &self.buffer[..self.json_len as usize];
            let map = Arc::new(serde_json::from_str(json).expect("the JSON was serialized from an object"));
            *parsed = Arc::downgrade(&map);
            map
        })
    }

    /// Returns an upper bound of the bytes that the claims have allocated, without this struct and without a map that
    /// requests use.
    pub(crate) fn heap_bytes(&self) -> usize {
        let map = match &self.raw {
            // The allocation of the latest map stays until the next one is parsed.
            RawClaims::Parsed(_) => 0,
            RawClaims::Stored(map) => json_memory::of_object(map),
        };
        json_memory::STRING + self.buffer.len() + MAP_ALLOCATION + map
    }

    fn text(&self, span: Option<Span>) -> Option<&str> {
        span.map(|span| &self.buffer[span.range()])
    }
}

impl Span {
    /// Returns the position of the text in the buffer, and appends the text if the buffer does not contain it.
    fn find_or_append(text: &str, buffer: &mut String) -> Self {
        let start = buffer.find(text).unwrap_or_else(|| {
            buffer.push_str(text);
            buffer.len() - text.len()
        });
        let end_plus_one = NonZeroU32::MIN.saturating_add(to_u32(start + text.len()));
        Self { start: to_u32(start), end_plus_one }
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end_plus_one.get() as usize - 1
    }
}

fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => depth == 0 || values.iter().any(|value| is_deeper_than(value, depth - 1)),
        Value::Object(object) => depth == 0 || object.values().any(|value| is_deeper_than(value, depth - 1)),
        _ => false,
    }
}

fn to_u32(len: usize) -> u32 {
    u32::try_from(len).expect("the claims of one token are smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn assert_lossless(claims: &Claims) {
        let compact = CompactClaims::new(claims);
        assert_eq!(compact.subject(), claims.subject.as_deref());
        assert_eq!(compact.client_id(), claims.client_id.as_deref());
        assert_eq!(compact.username(), claims.username.as_deref());
        assert_eq!(compact.org_id(), claims.org_id.as_deref());
        assert_eq!(compact.org_role(), claims.org_role.as_deref());
        assert_eq!(compact.expires_at(), claims.expires_at);
        assert_eq!(*compact.raw(), claims.raw);
        assert_eq!(compact.raw(), compact.raw());
    }

    proptest! {
        #[test]
        fn compact_claims_return_the_original_claims(
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
            assert_lossless(&Claims { subject, client_id, username, org_id, org_role, ..claims });
        }
    }

    #[test]
    fn the_map_is_shared_by_its_users_and_freed_after_the_last_one() {
        let mut claims = Claims::new();
        claims.raw = object(&json!({ "a": [1, 2, 3] }));
        let compact = CompactClaims::new(&claims);
        let (first, second) = (compact.raw(), compact.raw());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(Arc::strong_count(&first), 2, "the claims do not use it");
    }

    #[test]
    fn claims_can_be_nested_to_any_depth() {
        for depth in [MAX_DEPTH, MAX_DEPTH + 1, 1000] {
            let mut claims = Claims::new();
            claims.raw.insert("deep".to_owned(), (0..depth).fold(json!(1), |value, _| json!([value])));
            assert_lossless(&claims);
        }
    }

    #[test]
    fn a_field_that_occurs_in_the_json_is_not_stored_twice() {
        let mut claims = Claims::new().subject("31c41c16").organization("1189c444", "Member");
        claims.raw = object(&json!({ "sub": "31c41c16", "org_id": "1189c444", "org_role": "Member" }));
        let compact = CompactClaims::new(&claims);
        assert_eq!(compact.buffer.len(), compact.json_len as usize);
        let escaped = Claims { username: Some("\"".to_owned()), ..claims };
        assert_eq!(CompactClaims::new(&escaped).username(), Some("\""));
    }
}
