//! What does not compile, and what the compiler says about it.
//!
//! The `.stderr` files are what rustc 1.95 says; another version words some of it in another way. After a change of the
//! toolchain or of a message, `TRYBUILD=overwrite cargo test -p toolgate --test ui` writes them again: read the diff
//! as somebody who has never seen toolgate, because that is who will.
//!
//! What does compile stands beside this file as ordinary tests (`strict_lints`, `clashing_names`, `places`,
//! `descriptors`, and the packages in `crates`), so that its lints are those of a user's crate and clippy sees it.

#[test]
fn refusals() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
