//! What compiles and what does not.
//!
//! The `.stderr` files are what rustc 1.95 says; another version words some of it in another way. After a change of the
//! toolchain or of a message, `TRYBUILD=overwrite cargo test -p toolgate --test ui` writes them again: read the diff
//! as somebody who has never seen toolgate, because that is who will.

#[test]
fn refusals() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
