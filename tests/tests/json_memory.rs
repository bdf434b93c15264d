//! The bound of the memory of a JSON value, compared with what its parser allocates.
//!
//! One test in a process of its own, because the allocator counts the bytes of all threads.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::alloc::System;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use toolgate_tests::heap_bytes;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Parses JSON text. Returns the bytes that the value has allocated, and their bound.
fn measure(text: &str) -> (usize, usize) {
    let before = heap_bytes();
    let value: Value = serde_json::from_str(text).unwrap();
    let allocated = heap_bytes() - before;
    (allocated, toolgate::__bench::json_memory(&value))
}

/// Returns values of which an array, an object or a string has this length.
fn containers(length: usize) -> Vec<Value> {
    let object = |value: Value| (0..length).map(|key| (key.to_string(), value.clone())).collect();
    vec![
        Value::Array(vec![json!(0); length]),
        Value::Array(vec![json!({ "": 0 }); length]),
        Value::Array(vec![json!([[], {}, ""]); length]),
        Value::Object(object(json!(0))),
        Value::Object(object(json!("text"))),
        Value::Object(object(json!({ "": 0 }))),
        json!("a".repeat(length)),
        (0..length.min(100)).fold(json!(0), |value, _| json!([value])),
    ]
}

/// Returns JSON text whose objects have their keys in any order.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("0".to_owned()), Just("null".to_owned()), "\"[a-z]{0,20}\""];
    leaf.prop_recursive(4, 256, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec(("[a-z]{0,3}", inner), 0..40).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

#[test]
fn the_bound_of_the_memory_of_a_json_value_is_above_and_near_what_it_allocates() {
    let mut percents = (usize::MAX, 0);
    for value in (0..400).flat_map(containers) {
        let text = value.to_string();
        let (allocated, bound) = measure(&text);
        let start = &text[..text.len().min(100)];
        assert!(bound >= allocated, "{bound} < {allocated} bytes: {start}");
        assert!(bound <= 2 * allocated + 64, "{bound} > 2 * {allocated} bytes: {start}");
        if allocated >= 1024 {
            let percent = bound * 100 / allocated;
            percents = (percents.0.min(percent), percents.1.max(percent));
        }
    }
    println!("the bound is {} to {} % of what is allocated", percents.0, percents.1);

    let config = ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() };
    let result = TestRunner::new(config).run(&json_text(), |text| {
        let (allocated, bound) = measure(&text);
        prop_assert!(bound >= allocated && bound <= 3 * allocated + 64, "{} bytes, bound {}", allocated, bound);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
