//! Code that must not compile, and the compiler's message for each mistake.
//!
//! The `.stderr` files hold the messages of rustc 1.95; other versions word some of them differently. After a change of
//! the toolchain or of a message, run `TRYBUILD=overwrite cargo test -p toolgate --test ui` and read the diff: each
//! message must name the mistake and the correction for a reader who does not know toolgate.
//!
//! Code that must compile is in ordinary tests (`strict_lints`, `clashing_names`, `placement`, `descriptors`, and the
//! packages in `crates`), so that clippy checks it and lints apply as in a user's crate.

#[test]
fn invalid_code_is_rejected_with_an_explanation() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
