//! Strategies for schemas, for property tests.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keywords: simple ones, other ones, and ones that have a meaning in other places only.
const KEYWORDS: &str = "\
    $anchor $comment $defs $dynamicRef $id $ref $schema additionalProperties allOf anyOf const contains default \
    deprecated description enum examples exclusiveMaximum exclusiveMinimum format id if items maxItems maxLength \
    maxProperties maximum minItems minLength minProperties minimum multipleOf not nullable oneOf pattern \
    patternProperties prefixItems properties readOnly required title type unevaluatedProperties uniqueItems writeOnly \
    x-mcp-header";
const TYPES: &str = "array boolean integer null number object string";
const WORDS: &str = "\
    a b string integer text ( date uuid regex # #/$defs/a #/$defs/c #/properties/a \
    https://json-schema.org/draft/2020-12/schema http://json-schema.org/draft-07/schema#";

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(words.split(' ').collect::<Vec<_>>())
}

fn some_of(words: &'static str, count: std::ops::Range<usize>) -> impl Strategy<Value = Value> + Clone {
    prop::sample::subsequence(words.split(' ').collect::<Vec<_>>(), count).prop_map(|words| json!(words))
}

/// Strategy for schemas. Most are simple; the rest have a problem in any place.
pub(super) fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Value::from), Just(json!({}))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let keyword = prop_oneof![40 => valid_keyword(inner.clone().boxed()), 1 => any_keyword(inner.boxed())];
        prop::collection::vec(keyword, 0..4).prop_map(|parts| parts.into_iter().collect::<Map<_, _>>().into())
    })
}

/// Strategy for a keyword with a valid value.
fn valid_keyword(inner: BoxedStrategy<Value>) -> impl Strategy<Value = (String, Value)> {
    let some = prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from);
    let named = prop::collection::btree_map(one_of("a b c/~%"), inner.clone(), 0..3).prop_map(|all| json!(all));
    let number = prop_oneof![(-2..5_i64).prop_map(Value::from), Just(json!(0.5)), Just(json!(-1e300))];
    let count = prop_oneof![(0..5_u64).prop_map(Value::from), Just(json!(u64::MAX))];
    let word = one_of(WORDS).prop_map(Value::from);
    let scalars = prop::collection::vec(scalar(), 1..4).prop_map(Value::from);
    let reference = one_of("#/$defs/a #/$defs/b").prop_map(Value::from);
    let of = |keywords, value: BoxedStrategy<Value>| (one_of(keywords).prop_map(str::to_owned), value);
    prop_oneof![
        of("type", one_of(TYPES).prop_map(Value::from).boxed()),
        of("type", some_of(TYPES, 1..4).boxed()),
        of("properties", named.boxed()),
        of("required", some_of("a b c/~%", 0..3).boxed()),
        of("items additionalProperties", inner.boxed()),
        of("allOf anyOf oneOf prefixItems", some.boxed()),
        of("$ref", reference.boxed()),
        of("enum examples", scalars.boxed()),
        of("const default", scalar().boxed()),
        of("minimum maximum exclusiveMinimum exclusiveMaximum", number.boxed()),
        of("minLength maxLength minItems maxItems minProperties maxProperties", count.boxed()),
        of("uniqueItems deprecated readOnly writeOnly", any::<bool>().prop_map(Value::from).boxed()),
        of("title description format x-mcp-header", word.boxed()),
    ]
}

/// Strategy for any keyword with any value.
fn any_keyword(inner: BoxedStrategy<Value>) -> impl Strategy<Value = (String, Value)> {
    let many = prop::collection::vec(prop_oneof![scalar(), inner.clone()], 0..3).prop_map(Value::from);
    let named = prop::collection::btree_map(one_of("a $ref $id $schema"), inner.clone(), 0..3);
    let value = prop_oneof![scalar(), many, inner, named.prop_map(|all| json!(all))];
    (one_of(KEYWORDS).prop_map(str::to_owned), value)
}

pub(super) fn scalar() -> impl Strategy<Value = Value> {
    let word = one_of(WORDS).prop_map(Value::from);
    prop_oneof![Just(json!(null)), any::<bool>().prop_map(Value::from), (-1..3_i64).prop_map(Value::from), word]
}
