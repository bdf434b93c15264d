//! Comparison of the policy with its lock file.

use std::{env, fs, path::Path};

use crate::policy::{LockDifference, Policy};

/// Variable that accepts the changes.
const ACCEPT: &str = "ACCEPT_POLICY";

/// Asserts that the policy equals the lock file at `path`, which is relative to the folder of the crate. Check the file in:
/// each change of access is then a change of a file, which a review shows.
///
/// ```no_run
/// # use toolgate::prelude::*;
/// # pub static SCOPES: Scopes = Scopes::new(&["tickets:read"]);
/// # fn server() -> Server { Server::new("tickets", &SCOPES) }
/// #[test]
/// fn the_policy_is_the_reviewed_one() {
///     toolgate::testing::assert_policy_lock(&server().policy(), "policy.lock");
/// }
/// # fn main() {}
/// ```
///
/// If the environment variable `ACCEPT_POLICY` is `1`, it writes the file instead. Roles are part of the file if the
/// policy [has them](Policy::with_roles).
///
/// # Panics
///
/// If the policy differs from the file, with a message that says who gains or loses access. If the file cannot be read or
/// written.
#[track_caller]
pub fn assert_policy_lock(policy: &Policy, path: impl AsRef<Path>) {
    let path = path.as_ref();
    if env::var_os(ACCEPT).is_some_and(|value| value == "1") {
        if let Err(error) = fs::write(path, policy.to_lock()) {
            panic!("cannot write {}: {error}", path.display());
        }
        return;
    }
    let accept = format!("To accept the policy, run the test with {ACCEPT}=1.");
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("cannot read {}: {error}\n{accept}", path.display()),
    };
    match policy.check_lock(&text) {
        Ok(()) => {}
        Err(LockDifference::Changed(diff)) => {
            panic!("the policy differs from {}:\n\n{diff}\n{accept}", path.display());
        }
        Err(LockDifference::Unreadable(error)) => panic!("{}: {error}\n{accept}", path.display()),
    }
}
