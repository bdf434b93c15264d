//! Property: the tools that a token is shown are exactly the tools that it can call.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use proptest::{collection::btree_set, prelude::*, sample::select, test_runner::TestCaseResult};
use tokio::runtime::Runtime;
use toolgate::{
    auth::Claims,
    prelude::*,
    testing::{Outcome, TestCaller, TestServer},
};
use toolgate_tests::ToolBodies;

/// `all` implies `a` and `b:write`, which implies `b:read`; `c:admin` implies `c`.
static CATALOGUE: Scopes = Scopes::new(&["a", "all", "b:read", "b:write", "c", "c:admin", "d", "e"])
    .implies("all", &["a", "b:write"])
    .implies("b:write", &["b:read"])
    .implies("c:admin", &["c"]);

/// Name of a tool, its scopes, its alternative scopes and its role: what the attributes below require, stated again.
type Requirement = (&'static str, &'static [&'static str], &'static [&'static str], Option<&'static str>);

const TOOLS: [Requirement; 12] = [
    ("authenticated", &[], &[], None),
    ("all_of_three", &["a", "b:read", "c"], &[], None),
    ("all_of_two", &["a", "d"], &[], None),
    ("any_of_three", &[], &["c", "d", "e"], None),
    ("any_of_two", &[], &["b:write", "e"], None),
    ("both_kinds", &["a"], &["c:admin", "e"], None),
    ("broad", &["all"], &[], None),
    ("one_a", &["a"], &[], None),
    ("one_b", &["b:read"], &[], None),
    ("owners", &[], &[], Some("Owner")),
    ("owners_with_c", &["c"], &[], Some("Owner")),
    ("overlapping", &["d"], &["d", "e"], None),
];

/// Returns the tools that a token may call, computed without toolgate.
fn permitted(scopes: &BTreeSet<&str>, role: Option<&str>, disabled: &BTreeSet<&str>) -> BTreeSet<&'static str> {
    let implied: [(&str, &[&str]); 3] =
        [("all", &["a", "b:write", "b:read"]), ("b:write", &["b:read"]), ("c:admin", &["c"])];
    let mut granted = scopes.clone();
    for (broad, narrow) in implied {
        if scopes.contains(broad) {
            granted.extend(narrow);
        }
    }
    TOOLS
        .into_iter()
        .filter(|(name, all, any, needed_role)| {
            !disabled.contains(name)
                && all.iter().all(|scope| granted.contains(scope))
                && (any.is_empty() || any.iter().any(|scope| granted.contains(scope)))
                && needed_role.is_none_or(|needed| role == Some(needed))
        })
        .map(|(name, ..)| name)
        .collect()
}

macro_rules! tools {
    ($($(#[$tool:meta])* $name:ident)*) => {$(
        /// A tool that records its run.
        $(#[$tool])*
        async fn $name(bodies: &ToolBodies) {
            bodies.record_run();
        }
    )*};
}

tools! {
    #[tool(authenticated, scopes_in = CATALOGUE)]
    authenticated
    #[tool(scopes("a", "b:read", "c"), scopes_in = CATALOGUE)]
    all_of_three
    #[tool(scopes("a", "d"), scopes_in = CATALOGUE)]
    all_of_two
    #[tool(any_scope("c", "d", "e"), scopes_in = CATALOGUE)]
    any_of_three
    #[tool(any_scope("b:write", "e"), scopes_in = CATALOGUE)]
    any_of_two
    #[tool(scopes = "a", any_scope("c:admin", "e"), scopes_in = CATALOGUE)]
    both_kinds
    #[tool(scopes = "all", scopes_in = CATALOGUE)]
    broad
    #[tool(scopes = "a", scopes_in = CATALOGUE)]
    one_a
    #[tool(scopes = "b:read", scopes_in = CATALOGUE)]
    one_b
    #[tool(authenticated, org_role = "Owner", scopes_in = CATALOGUE)]
    owners
    #[tool(scopes = "c", org_role = "Owner", scopes_in = CATALOGUE)]
    owners_with_c
    #[tool(scopes = "d", any_scope("d", "e"), scopes_in = CATALOGUE)]
    overlapping
}

/// Scopes of tokens that are not in the list; some are similar to scopes that are.
const FOREIGN: [&str; 6] = ["A", "a:", "b", "b:read:x", "offline_access", "*"];

/// Claims of a caller.
#[derive(Clone, Debug)]
struct TestClaims {
    scopes: BTreeSet<&'static str>,
    role: Option<&'static str>,
}

struct Fixture {
    runtime: Runtime,
    server: TestServer,
    disabled: Arc<Mutex<BTreeSet<&'static str>>>,
    bodies: ToolBodies,
}

impl Fixture {
    fn new(conceal: bool) -> Self {
        let disabled = Arc::new(Mutex::new(BTreeSet::new()));
        let denied = Arc::clone(&disabled);
        let bodies = ToolBodies::default();
        let mut server = Server::new("catalogue", &CATALOGUE)
            .state(bodies.clone())
            .deny(move |tool| denied.lock().unwrap().contains(tool.name));
        if conceal {
            server = server.conceal_forbidden_tools();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, server: TestServer::new(server).unwrap(), disabled, bodies }
    }

    /// Calls every tool and returns those whose bodies ran.
    fn callable(&self, caller: &TestCaller, conceal: bool) -> BTreeSet<String> {
        let mut callable = BTreeSet::new();
        for (name, ..) in TOOLS {
            let before = self.bodies.runs();
            let call = self.runtime.block_on(caller.call(name, json!({})));
            let runs = self.bodies.runs() - before;
            match call.outcome() {
                Outcome::Allowed(_) => {
                    assert_eq!(runs, 1, "{name} ran once");
                    callable.insert(name.to_owned());
                }
                Outcome::Hidden => assert_eq!(runs, 0, "{name} was hidden and ran"),
                Outcome::MissingScopes(_) if !conceal => assert_eq!(runs, 0, "{name} was rejected and ran"),
                outcome => panic!("{outcome}\n{call:?}"),
            }
        }
        callable
    }

    fn check(&self, claims: &TestClaims, disabled: BTreeSet<&'static str>, conceal: bool) -> TestCaseResult {
        let permitted = permitted(&claims.scopes, claims.role, &disabled);
        let permitted: BTreeSet<String> = permitted.into_iter().map(str::to_owned).collect();
        *self.disabled.lock().unwrap() = disabled;
        let token = Claims::new().scopes(claims.scopes.iter().copied());
        let caller = self.server.as_caller(match claims.role {
            Some(role) => token.organization("org-1", role),
            None => token,
        });
        let listed: BTreeSet<String> = self.runtime.block_on(caller.tools()).into_iter().collect();
        prop_assert_eq!(&listed, &self.callable(&caller, conceal), "the listed tools are not the callable ones");
        prop_assert_eq!(&listed, &permitted, "the listed tools are not the permitted ones");
        Ok(())
    }
}

fn claims() -> impl Strategy<Value = TestClaims> {
    let scopes = [CATALOGUE.names(), &FOREIGN[..]].concat();
    let roles = select(vec![None, Some("Owner"), Some("Member"), Some("owner")]);
    (btree_set(select(scopes), 0..9), roles).prop_map(|(scopes, role)| TestClaims { scopes, role })
}

fn disabled_tools() -> impl Strategy<Value = BTreeSet<&'static str>> {
    let names: Vec<_> = TOOLS.iter().map(|(name, ..)| *name).collect();
    prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(select(names), 1..4)]
}

fn run(conceal: bool) {
    let fixture = Fixture::new(conceal);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let checked =
        runner.run(&(claims(), disabled_tools()), |(claims, disabled)| fixture.check(&claims, disabled, conceal));
    if let Err(error) = checked {
        panic!("{error}");
    }
}

#[test]
fn listed_is_callable_for_any_token() {
    run(false);
}

#[test]
fn listed_is_callable_for_any_token_on_a_concealing_server() {
    run(true);
}
