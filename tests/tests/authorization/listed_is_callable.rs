//! Properties: the tools, prompts and resources that a token is shown are exactly those that it can call, get and read, and
//! a call ends as the documented order of its rules says. With `operations.list_acquirable`, the list of tools also has exactly
//! the tools that a token with the missing scopes can call.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use proptest::{collection::btree_set, prelude::*, sample::select, test_runner::TestCaseResult};
use serde_json::Value;
use tokio::runtime::Runtime;
use toolgate::{
    OperationKind,
    auth::Claims,
    policy::{ExplainedDecision, scopes},
    prelude::*,
    testing::{CallOutcome, Outcome, TestCaller, TestServer},
};
use toolgate_tests::ToolBodies;

/// `all` implies `a` and `b:write`, which implies `b:read`; `c:admin` implies `c`.
static CATALOGUE: Scopes = Scopes::new(&["a", "all", "b:read", "b:write", "c", "c:admin", "d", "e"])
    .implies("all", &["a", "b:write"])
    .implies("b:write", &["b:read"])
    .implies("c:admin", &["c"]);

const HEADQUARTERS: &str = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11";
const BRANCH: &str = "2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22";

/// The policy of a tool, a prompt and a resource: what the attributes below declare, stated again.
#[derive(Clone, Copy)]
struct Policy {
    name: &'static str,
    all: &'static [&'static str],
    any: &'static [&'static str],
    roles: &'static [&'static str],
    orgs: &'static [&'static str],
    /// Whether only users on duty see the tool.
    on_duty: bool,
    /// Scopes of a call with `amount` above 10.
    if_large: &'static [&'static str],
    /// Scopes of a call with `urgent`.
    if_urgent: &'static [&'static str],
    guards: &'static [Guard],
    /// Scopes that the body requires if `urgent`.
    in_body: &'static [&'static str],
}

/// What a guard denies.
#[derive(Clone, Copy)]
enum Guard {
    /// Callers that are not the user `sanna`.
    Strangers,
    /// Amounts that are a multiple of 5.
    RoundAmounts,
    /// Calls by callers without the scope `e`, with a challenge, if they are urgent.
    WithoutE,
}

const OPEN: Policy = Policy {
    name: "",
    all: &[],
    any: &[],
    roles: &[],
    orgs: &[],
    on_duty: false,
    if_large: &[],
    if_urgent: &[],
    guards: &[],
    in_body: &[],
};

const OPERATIONS: [Policy; 22] = [
    Policy { name: "authenticated", ..OPEN },
    Policy { name: "all_of_three", all: &["a", "b:read", "c"], ..OPEN },
    Policy { name: "all_of_two", all: &["a", "d"], ..OPEN },
    Policy { name: "any_of_three", any: &["c", "d", "e"], ..OPEN },
    Policy { name: "any_of_two", any: &["b:write", "e"], ..OPEN },
    Policy { name: "both_kinds", all: &["a"], any: &["c:admin", "e"], ..OPEN },
    Policy { name: "broad", all: &["all"], ..OPEN },
    Policy { name: "one_a", all: &["a"], ..OPEN },
    Policy { name: "one_b", all: &["b:read"], ..OPEN },
    Policy { name: "owners", roles: &["Owner"], ..OPEN },
    Policy { name: "owners_with_c", all: &["c"], roles: &["Owner"], ..OPEN },
    Policy { name: "overlapping", all: &["d"], any: &["d", "e"], ..OPEN },
    Policy { name: "headquarters", orgs: &[HEADQUARTERS], ..OPEN },
    Policy { name: "leads_of_two", orgs: &[HEADQUARTERS, BRANCH], roles: &["Owner", "Member"], all: &["a"], ..OPEN },
    Policy { name: "duty", on_duty: true, all: &["c"], ..OPEN },
    Policy { name: "large", all: &["a"], if_large: &["b:write"], ..OPEN },
    Policy { name: "large_or_urgent", any: &["c", "d"], if_large: &["b:read", "d"], if_urgent: &["c", "d"], ..OPEN },
    Policy { name: "guarded", all: &["a"], guards: &[Guard::Strangers], ..OPEN },
    Policy { name: "two_guards", guards: &[Guard::RoundAmounts, Guard::WithoutE], any: &["a", "c"], ..OPEN },
    Policy { name: "step_up", all: &["b:read"], in_body: &["c:admin", "d"], ..OPEN },
    Policy {
        name: "everything",
        all: &["b:read"],
        any: &["c", "e"],
        roles: &["Owner", "Member"],
        orgs: &[BRANCH],
        on_duty: true,
        if_large: &["d"],
        if_urgent: &["a", "d"],
        guards: &[Guard::Strangers, Guard::WithoutE, Guard::RoundAmounts],
        in_body: &["b:write"],
    },
    Policy {
        name: "everything_with_context",
        all: &["b:read"],
        any: &["c", "e"],
        on_duty: true,
        if_large: &["d"],
        if_urgent: &["a", "d"],
        guards: &[Guard::WithoutE, Guard::Strangers],
        in_body: &["b:write"],
        ..OPEN
    },
];

// The model

/// Everything that the outcome of a call depends on.
#[derive(Clone, Debug)]
struct Situation {
    kind: OperationKind,
    scopes: BTreeSet<&'static str>,
    user: &'static str,
    organization: Option<(&'static str, &'static str)>,
    on_duty: BTreeSet<&'static str>,
    disabled: BTreeSet<&'static str>,
    arguments: Arguments,
}

/// Arguments of a call, or variables of a URI. An amount above 100 violates the schema.
#[derive(Clone, Copy, Debug)]
struct Arguments {
    amount: u32,
    urgent: bool,
}

/// How a call ends.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Hidden,
    /// The required scopes and the missing ones.
    MissingScopes(Vec<&'static str>, BTreeSet<&'static str>),
    /// For a resource: no resource has this URI, because a variable does not fit its type.
    InvalidArguments,
    Denied,
    Allowed,
}

impl Policy {
    /// Returns what requests of this kind name.
    fn requested(&self, kind: OperationKind, arguments: &Value) -> String {
        match kind {
            OperationKind::Tool | OperationKind::Prompt => self.name.to_owned(),
            OperationKind::Resource => {
                let text = |name: &str| arguments[name].to_string().trim_matches('"').to_owned();
                format!("catalogue://{}/{}/{}", self.name, text("amount"), text("urgent"))
            }
        }
    }

    /// Returns the text that names the operation of this kind.
    fn label(&self, kind: OperationKind, arguments: &Value) -> String {
        match kind {
            OperationKind::Prompt => format!("prompt {}", self.name),
            OperationKind::Tool | OperationKind::Resource => self.requested(kind, arguments),
        }
    }
}

/// Returns the name of the policy of an operation that was declared with this name or URI template.
fn policy_name(declared: &str) -> &str {
    let name = declared.strip_prefix("catalogue://").unwrap_or(declared);
    name.split_once('/').map_or(name, |(name, _)| name)
}

impl Arguments {
    fn json(self) -> Value {
        json!({ "amount": self.amount, "urgent": self.urgent })
    }
}

/// Returns arguments as a prompt receives them: every value is a text.
fn as_texts(arguments: &Value) -> Value {
    let texts = arguments.as_object().unwrap().iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    texts.map(|(name, value)| (name.clone(), Value::from(text(value)))).collect::<serde_json::Map<_, _>>().into()
}

impl Situation {
    fn has(&self, scope: &str) -> bool {
        let implied_by: &[&str] = match scope {
            "a" | "b:write" => &["all"],
            "b:read" => &["all", "b:write"],
            "c" => &["c:admin"],
            _ => &[],
        };
        self.scopes.contains(scope) || implied_by.iter().any(|broader| self.scopes.contains(broader))
    }

    /// Returns whether the caller sees the operation, if its scopes allow it.
    fn sees(&self, tool: &Policy) -> bool {
        let (org, role) = self.organization.unzip();
        !self.disabled.contains(tool.name)
            && (tool.orgs.is_empty() || org.is_some_and(|org| tool.orgs.contains(&org.to_ascii_lowercase().as_str())))
            && (tool.roles.is_empty() || role.is_some_and(|role| tool.roles.contains(&role)))
            && (!tool.on_duty || self.on_duty.contains(self.user))
    }

    fn meets_unconditional_scopes(&self, tool: &Policy) -> bool {
        tool.all.iter().all(|scope| self.has(scope))
            && (tool.any.is_empty() || tool.any.iter().any(|scope| self.has(scope)))
    }

    /// Returns the outcome of a call, in the order that the guide on policies documents.
    fn expected(&self, tool: &Policy, conceals: bool) -> Expected {
        if !self.sees(tool) {
            return Expected::Hidden;
        }
        let Arguments { amount, urgent } = self.arguments;
        let are_valid = amount <= 100;
        let mut required = tool.all.to_vec();
        // Of the alternatives, a challenge names one that the caller has.
        add(&mut required, tool.any.iter().find(|scope| self.has(scope)).or(tool.any.first()));
        if are_valid && amount > 10 {
            add(&mut required, tool.if_large);
        }
        if are_valid && urgent {
            add(&mut required, tool.if_urgent);
        }
        if !self.meets_unconditional_scopes(tool) {
            return if conceals { Expected::Hidden } else { self.challenge(required) };
        }
        if !are_valid {
            return Expected::InvalidArguments;
        }
        if required.iter().any(|scope| !self.has(scope)) {
            return self.challenge(required);
        }
        for guard in tool.guards {
            match guard {
                Guard::Strangers if self.user != "sanna" => return Expected::Denied,
                Guard::RoundAmounts if amount % 5 == 0 => return Expected::Denied,
                Guard::WithoutE if urgent && !self.has("e") => {
                    add(&mut required, &["e"]);
                    return self.challenge(required);
                }
                _ => {}
            }
        }
        // The body requires one scope after the other.
        for scope in tool.in_body {
            if urgent && !self.has(scope) {
                add(&mut required, [scope]);
                return self.challenge(required);
            }
        }
        Expected::Allowed
    }

    /// The audit record of a call with this outcome, under another policy.
    fn record(&self, tool: &Policy, outcome: &Expected) -> Value {
        let granted: Vec<_> = CATALOGUE.names().iter().copied().filter(|scope| self.has(scope)).collect();
        let mut record = json!({
            "time": "2026-10-01T00:00:00Z",
            "user": self.user,
            "granted": granted.join(" "),
            "policy": "0000000000000000",
            "outcome": match outcome {
                Expected::Hidden => "hidden",
                Expected::MissingScopes(..) => "insufficient_scope",
                Expected::InvalidArguments => "invalid_arguments",
                Expected::Denied => "denied",
                Expected::Allowed => "completed",
            },
        });
        if self.kind == OperationKind::Resource {
            record["resource"] = format!("catalogue://{}/{{amount}}/{{urgent}}", tool.name).into();
            record["uri"] = tool.requested(self.kind, &self.arguments.json()).into();
        } else {
            record[self.kind.name()] = tool.name.into();
        }
        if let Some((org, role)) = self.organization {
            record["organization"] = org.into();
            record["role"] = role.into();
        }
        if let Expected::MissingScopes(required, missing) = outcome {
            record["required"] = required.join(" ").into();
            record["missing"] = missing.iter().copied().collect::<Vec<_>>().join(" ").into();
            record["required_by"] = if !self.meets_unconditional_scopes(tool) {
                "operation"
            } else if *outcome == self.expected(&Policy { guards: &[], in_body: &[], ..*tool }, false) {
                "arguments"
            } else {
                "body"
            }
            .into();
        }
        record
    }

    fn challenge(&self, required: Vec<&'static str>) -> Expected {
        let missing = required.iter().copied().filter(|scope| !self.has(scope)).collect();
        Expected::MissingScopes(required, missing)
    }
}

fn add<'a>(required: &mut Vec<&'static str>, scopes: impl IntoIterator<Item = &'a &'static str>) {
    for scope in scopes {
        if !required.contains(scope) {
            required.push(scope);
        }
    }
}

// The operations

/// The users on duty.
#[derive(Clone, Default)]
struct Rota(Arc<Mutex<BTreeSet<&'static str>>>);

fn is_on_duty(caller: &Caller, rota: &Rota) -> bool {
    let on_duty = rota.0.lock().unwrap();
    caller.user_id().is_some_and(|user| on_duty.contains(user))
}

fn only_sanna(caller: &Caller) -> Result<(), Denied> {
    if caller.user_id() == Some("sanna") { Ok(()) } else { Err(Denied::new("not you")) }
}

async fn no_round_amount(amount: u32) -> Result<(), Denied> {
    tokio::task::yield_now().await;
    if amount.is_multiple_of(5) { Err(Denied::new("a round amount")) } else { Ok(()) }
}

#[derive(ScopeMarker)]
#[scope("e", in CATALOGUE)]
struct E;

fn needs_e(caller: &Caller, urgent: bool) -> Result<(), Denied> {
    if urgent {
        caller.grant::<E>()?;
    }
    Ok(())
}

// The names of the parameters come from the call of the macro, so that the attributes can refer to them.
macro_rules! operations {
    (
        parameters $amount:ident $urgent:ident $caller:ident $rota:ident;
        $(($($policy:tt)*) $name:ident $uri:literal $(requires($($scope:literal),*))? $(takes($context:ident))?;)*
    ) => {
        mod tools {
            use super::*;

            $(operation! {
                #[tool($($policy)*)]
                $name $amount $urgent $caller $rota ($($($scope)*)?) ($($context)?)
            })*
        }

        mod prompts {
            use super::*;

            $(operation! {
                #[prompt($($policy)*)]
                $name $amount $urgent $caller $rota ($($($scope)*)?) ($($context)?)
            })*
        }

        mod resources {
            use super::*;

            $(operation! {
                #[resource(uri = $uri, $($policy)*)]
                $name $amount $urgent $caller $rota ($($($scope)*)?) ($($context)?)
            })*
        }
    };
}

macro_rules! operation {
    (
        #[$attribute:meta]
        $name:ident $amount:ident $urgent:ident $caller:ident $rota:ident ($($scope:literal)*) ($($context:ident)?)
    ) => {
        /// An operation that records its run.
        #[$attribute]
        async fn $name(
            #[schemars(range(max = 100))] $amount: u32,
            $urgent: bool,
            $caller: &Caller,
            $rota: &Rota,
            bodies: &ToolBodies
            $(, _: &$context)?
        ) -> Result<&'static str, ToolError> {
            $(if $urgent {
                $caller.require(scope!($scope, in CATALOGUE))?;
            })*
            let _ = ($amount, $urgent, $caller, $rota);
            bodies.record_run();
            Ok("ran")
        }
    };
}

operations! {
    parameters amount urgent caller rota;
    (authenticated, scopes_in = CATALOGUE)
    authenticated "catalogue://authenticated/{amount}/{urgent}";
    (scopes("a", "b:read", "c"), scopes_in = CATALOGUE)
    all_of_three "catalogue://all_of_three/{amount}/{urgent}";
    (scopes("a", "d"), scopes_in = CATALOGUE)
    all_of_two "catalogue://all_of_two/{amount}/{urgent}";
    (any_scope("c", "d", "e"), scopes_in = CATALOGUE)
    any_of_three "catalogue://any_of_three/{amount}/{urgent}";
    (any_scope("b:write", "e"), scopes_in = CATALOGUE)
    any_of_two "catalogue://any_of_two/{amount}/{urgent}";
    (scopes = "a", any_scope("c:admin", "e"), scopes_in = CATALOGUE)
    both_kinds "catalogue://both_kinds/{amount}/{urgent}";
    (scopes = "all", scopes_in = CATALOGUE)
    broad "catalogue://broad/{amount}/{urgent}";
    (scopes = "a", scopes_in = CATALOGUE)
    one_a "catalogue://one_a/{amount}/{urgent}";
    (scopes = "b:read", scopes_in = CATALOGUE)
    one_b "catalogue://one_b/{amount}/{urgent}";
    (authenticated, org_role = "Owner", scopes_in = CATALOGUE)
    owners "catalogue://owners/{amount}/{urgent}";
    (scopes = "c", org_role = "Owner", scopes_in = CATALOGUE)
    owners_with_c "catalogue://owners_with_c/{amount}/{urgent}";
    (scopes = "d", any_scope("d", "e"), scopes_in = CATALOGUE)
    overlapping "catalogue://overlapping/{amount}/{urgent}";
    (authenticated, org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11", scopes_in = CATALOGUE)
    headquarters "catalogue://headquarters/{amount}/{urgent}";
    (
        scopes = "a",
        org("1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11", "2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22"),
        org_role("Owner", "Member"),
        scopes_in = CATALOGUE
    )
    leads_of_two "catalogue://leads_of_two/{amount}/{urgent}";
    (scopes = "c", visible_to = is_on_duty(caller, rota), scopes_in = CATALOGUE)
    duty "catalogue://duty/{amount}/{urgent}";
    (scopes = "a", scopes_if(amount > 10, "b:write"), scopes_in = CATALOGUE)
    large "catalogue://large/{amount}/{urgent}";
    (
        any_scope("c", "d"),
        scopes_if(amount > 10, "b:read", "d"),
        scopes_if(urgent, "c", "d"),
        scopes_in = CATALOGUE
    )
    large_or_urgent "catalogue://large_or_urgent/{amount}/{urgent}";
    (scopes = "a", guard = only_sanna(caller), scopes_in = CATALOGUE)
    guarded "catalogue://guarded/{amount}/{urgent}";
    (
        any_scope("a", "c"),
        guard(no_round_amount(amount), needs_e(caller, urgent)),
        scopes_in = CATALOGUE
    )
    two_guards "catalogue://two_guards/{amount}/{urgent}";
    (scopes = "b:read", scopes_in = CATALOGUE)
    step_up "catalogue://step_up/{amount}/{urgent}" requires("c:admin", "d");
    (
        scopes = "b:read",
        any_scope("c", "e"),
        org_role("Owner", "Member"),
        org = "2a2ad1ab-5bd1-4a6a-9a5a-0a8c4a3f6b22",
        visible_to = is_on_duty(caller, rota),
        scopes_if(amount > 10, "d"),
        scopes_if(urgent, "a", "d"),
        guard(only_sanna(caller), needs_e(caller, urgent), no_round_amount(amount)),
        scopes_in = CATALOGUE
    )
    everything "catalogue://everything/{amount}/{urgent}" requires("b:write");
    (
        scopes = "b:read",
        any_scope("c", "e"),
        visible_to = is_on_duty(caller, rota),
        scopes_if(amount > 10, "d"),
        scopes_if(urgent, "a", "d"),
        guard(needs_e(caller, urgent), only_sanna(caller)),
        scopes_in = CATALOGUE
    )
    everything_with_context "catalogue://everything_with_context/{amount}/{urgent}" requires("b:write") takes(Context);
}

// The properties

/// Which tools a list shows, and how a call of another tool is rejected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Strict,
    Conceal,
    ListAcquirable,
}

struct Fixture {
    runtime: Runtime,
    server: TestServer,
    disabled: Arc<Mutex<BTreeSet<&'static str>>>,
    rota: Rota,
    bodies: ToolBodies,
    mode: Mode,
    policy: toolgate::Policy,
}

impl Fixture {
    fn new(mode: Mode) -> Self {
        let disabled = Arc::new(Mutex::new(BTreeSet::new()));
        let denied = Arc::clone(&disabled);
        let (bodies, rota) = (ToolBodies::default(), Rota::default());
        let mut server = Server::new("catalogue", &CATALOGUE)
            .state(bodies.clone())
            .state(rota.clone())
            .deny(move |operation| denied.lock().unwrap().contains(policy_name(&operation.name)));
        match mode {
            Mode::Strict => {}
            Mode::Conceal => server = server.conceal_forbidden(),
            Mode::ListAcquirable => server = server.operations(|operations| operations.list_acquirable = true),
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let policy = server.policy();
        Self { runtime, server: TestServer::new(server).unwrap(), disabled, rota, bodies, mode, policy }
    }

    /// Calls a tool, gets a prompt or reads a resource, and returns the outcome. Asserts that the body ran to its end only if
    /// the call was allowed.
    fn call(&self, caller: &TestCaller, kind: OperationKind, policy: &Policy, arguments: &Value) -> Expected {
        let before = self.bodies.runs();
        let name = policy.requested(kind, arguments);
        let (outcome, call) = self.runtime.block_on(async {
            match kind {
                OperationKind::Tool => outcome(&caller.call(&name, arguments.clone()).await),
                OperationKind::Prompt => outcome(&caller.prompt(&name, as_texts(arguments)).await),
                OperationKind::Resource => outcome(&caller.resource(&name).await),
            }
        });
        let runs = self.bodies.runs() - before;
        assert_eq!(runs, usize::from(outcome == Expected::Allowed), "the body ran {runs} times\n{call}");
        outcome
    }

    /// Returns the names of the policies of the operations that a list shows, and the tools that only lack scopes.
    fn list(&self, caller: &TestCaller, kind: OperationKind) -> (BTreeSet<String>, Vec<Value>) {
        let names = |names: Vec<String>| names.iter().map(|name| policy_name(name).to_owned()).collect();
        match kind {
            OperationKind::Tool => {
                let list = self.runtime.block_on(caller.list()).into_iter();
                let (listed, acquirable): (Vec<_>, Vec<_>) =
                    list.partition(|tool| tool["_meta"]["toolgate/access"]["granted"] != false);
                (names(listed.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()), acquirable)
            }
            OperationKind::Prompt => (names(self.runtime.block_on(caller.prompts())), Vec::new()),
            OperationKind::Resource => {
                assert!(self.runtime.block_on(caller.resources()).is_empty());
                (names(self.runtime.block_on(caller.resource_templates())), Vec::new())
            }
        }
    }

    fn check(&self, situation: &Situation) -> TestCaseResult {
        self.disabled.lock().unwrap().clone_from(&situation.disabled);
        self.rota.0.lock().unwrap().clone_from(&situation.on_duty);
        let caller = self.caller(situation);
        let kind = situation.kind;
        let (listed, acquirable) = self.list(&caller, kind);
        self.check_acquirable(situation, &acquirable)?;
        for operation in &OPERATIONS {
            let name = operation.name;
            let arguments = situation.arguments.json();
            let outcome = self.call(&caller, kind, operation, &arguments);
            prop_assert_eq!(&outcome, &situation.expected(operation, self.mode == Mode::Conceal), "{}", name);
            self.check_explanation(situation, operation, &caller)?;
            self.check_policy(situation, operation, &outcome)?;
            // A listed operation can be rejected only for its arguments, or by what runs after they have been read.
            let invalid = json!({ "amount": "none", "urgent": situation.arguments.urgent });
            let is_callable = self.call(&caller, kind, operation, &invalid) == Expected::InvalidArguments;
            prop_assert_eq!(listed.contains(name), is_callable, "{} {} is listed but not callable", kind, name);
            let is_permitted = situation.sees(operation) && situation.meets_unconditional_scopes(operation);
            prop_assert_eq!(is_callable, is_permitted, "{} {} is callable but not permitted", kind, name);
        }
        prop_assert!(listed.iter().all(|name| OPERATIONS.iter().any(|operation| operation.name == name)));
        Ok(())
    }

    fn caller(&self, situation: &Situation) -> TestCaller {
        let claims = Claims::new().subject(situation.user).scopes(situation.scopes.iter().copied());
        self.server.as_caller(match situation.organization {
            Some((org, role)) => claims.organization(org, role),
            None => claims,
        })
    }

    /// Only a server in that mode lists tools that cannot be called: exactly those that a token with the missing scopes
    /// can call, and with each of its security schemes.
    fn check_acquirable(&self, situation: &Situation, acquirable: &[Value]) -> TestCaseResult {
        let lists_acquirable = self.mode == Mode::ListAcquirable && situation.kind == OperationKind::Tool;
        for tool in &OPERATIONS {
            let listed = acquirable.iter().find(|listed| listed["name"] == tool.name);
            let expected = lists_acquirable && situation.sees(tool) && !situation.meets_unconditional_scopes(tool);
            prop_assert_eq!(listed.is_some(), expected, "{} is acquirable", tool.name);
            let Some(listed) = listed else { continue };
            let known = |name: &Value| *CATALOGUE.names().iter().find(|scope| *name == **scope).unwrap();
            let names = |value: &Value| value.as_array().unwrap().iter().map(known).collect::<BTreeSet<_>>();
            let missing = names(&listed["_meta"]["toolgate/access"]["missingScopes"]);
            let required = names(&listed["_meta"]["toolgate/access"]["requiredScopes"]);
            prop_assert!(missing.is_subset(&required) && !missing.iter().any(|scope| situation.has(scope)));
            let schemes = listed["_meta"]["securitySchemes"].as_array().unwrap().iter();
            let with_missing = situation.scopes.union(&missing).copied().collect();
            for scopes in schemes.map(|scheme| names(&scheme["scopes"])).chain([with_missing]) {
                let caller = self.caller(&Situation { scopes: scopes.clone(), ..situation.clone() });
                let invalid = self.call(&caller, situation.kind, tool, &json!({ "amount": "none", "urgent": false }));
                prop_assert_eq!(invalid, Expected::InvalidArguments, "{} with {:?}", tool.name, scopes);
            }
        }
        Ok(())
    }

    /// The explanation is the outcome of the call up to its body. It says why on a concealing server, too.
    fn check_explanation(&self, situation: &Situation, tool: &Policy, caller: &TestCaller) -> TestCaseResult {
        let arguments = situation.arguments.json();
        let label = tool.label(situation.kind, &arguments);
        let arguments = match situation.kind {
            OperationKind::Tool => arguments,
            OperationKind::Prompt => as_texts(&arguments),
            // They are in the URI.
            OperationKind::Resource => Value::Null,
        };
        let explanation = self.runtime.block_on(caller.explain(&label, arguments));
        let decision = match explanation.decision.clone() {
            ExplainedDecision::Allowed => Expected::Allowed,
            ExplainedDecision::Hidden => Expected::Hidden,
            ExplainedDecision::InvalidArguments => Expected::InvalidArguments,
            ExplainedDecision::Denied => Expected::Denied,
            ExplainedDecision::MissingScopes { missing, required, .. } => {
                let known = |name: &String| CATALOGUE.names().iter().copied().find(|scope| scope == name).unwrap();
                Expected::MissingScopes(required.iter().map(known).collect(), missing.iter().map(known).collect())
            }
            // The guards of an operation that takes a context are not evaluated.
            ExplainedDecision::MayBeAllowed => {
                prop_assert_eq!(tool.name, "everything_with_context");
                let without_guards = Policy { guards: &[], in_body: &[], ..*tool };
                prop_assert_eq!(situation.expected(&without_guards, false), Expected::Allowed, "{}", explanation);
                return Ok(());
            }
            other => panic!("{other:?}"),
        };
        let expected = situation.expected(&Policy { in_body: &[], ..*tool }, false);
        prop_assert_eq!(decision, expected, "{}", explanation);
        Ok(())
    }

    /// The policy as data allows what the gate can allow, and its replay of the recorded call changes nothing.
    fn check_policy(&self, situation: &Situation, tool: &Policy, outcome: &Expected) -> TestCaseResult {
        let mut subject = scopes(situation.scopes.iter().copied());
        if let Some((org, role)) = situation.organization {
            subject = subject.with_org(org).with_org_role(role);
        }
        let access = self.policy.access(subject, &tool.label(situation.kind, &situation.arguments.json()));
        let is_rejected = matches!(outcome, Expected::Hidden | Expected::MissingScopes(..));
        // Rejections that only a running server decides: deny rules, visibility rules, conditions, guards and bodies.
        prop_assert!(is_rejected || access.may_allow(), "{}: {} but {:?}", tool.name, access, outcome);
        let always = access.is_allowed() && tool.in_body.is_empty();
        prop_assert!(!always || !is_rejected, "{}: {} but {:?}", tool.name, access, outcome);

        let record = situation.record(tool, outcome);
        let replay = self.policy.replay(record.to_string().as_bytes()).unwrap();
        prop_assert_eq!(replay.calls, 1, "{}", record);
        prop_assert!(replay.is_unchanged(), "{}: {}", record, replay);
        Ok(())
    }
}

/// Returns the outcome of a call, and its description.
fn outcome<R>(call: &CallOutcome<R>) -> (Expected, String) {
    let outcome = match call.outcome() {
        Outcome::Allowed(_) => Expected::Allowed,
        Outcome::Hidden => Expected::Hidden,
        Outcome::MissingScopes(scopes) => {
            let missing: BTreeSet<_> = scopes.missing.iter().copied().collect();
            assert_eq!(missing.len(), scopes.missing.len(), "{call:?}");
            Expected::MissingScopes(scopes.required.clone(), missing)
        }
        Outcome::InvalidArguments(_) | Outcome::NotFound => Expected::InvalidArguments,
        Outcome::DeniedByGuard(_) => Expected::Denied,
        outcome => panic!("{outcome}\n{call:?}"),
    };
    (outcome, format!("{call:?}"))
}

/// Scopes of tokens that are not in the list; some are similar to scopes that are.
const FOREIGN: [&str; 6] = ["A", "a:", "b", "b:read:x", "offline_access", "*"];

fn situations() -> impl Strategy<Value = Situation> {
    const UPPER_BRANCH: &str = "2A2AD1AB-5BD1-4A6A-9A5A-0A8C4A3F6B22";
    let few = btree_set(select([CATALOGUE.names(), CATALOGUE.names(), &FOREIGN[..]].concat()), 0..9);
    // Most scopes, so that some calls get as far as the body of a tool with every rule.
    let most = btree_set(select(CATALOGUE.names()), 0..4).prop_map(|without| {
        CATALOGUE.names().iter().copied().filter(|scope| *scope != "all" && !without.contains(scope)).collect()
    });
    let scopes = prop_oneof![few, most];
    let organization =
        (select(vec![HEADQUARTERS, BRANCH, BRANCH, UPPER_BRANCH, "org-1"]), select(vec!["Owner", "Member", "owner"]));
    let organization = prop_oneof![1 => Just(None), 4 => organization.prop_map(Some)];
    let users = || select(vec!["sanna", "sanna", "silas"]);
    let names: Vec<_> = OPERATIONS.iter().map(|tool| tool.name).collect();
    let disabled = prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(select(names), 1..4)];
    let amount = prop_oneof![4 => 0..14_u32, 1 => 95..105_u32];
    let arguments = (amount, any::<bool>()).prop_map(|(amount, urgent)| Arguments { amount, urgent });
    let kind = select(vec![OperationKind::Tool, OperationKind::Prompt, OperationKind::Resource]);
    (kind, scopes, users(), organization, btree_set(users(), 0..4), disabled, arguments).prop_map(
        |(kind, scopes, user, organization, on_duty, disabled, arguments)| Situation {
            kind,
            scopes,
            user,
            organization,
            on_duty,
            disabled,
            arguments,
        },
    )
}

fn run(mode: Mode) {
    let fixture = Fixture::new(mode);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    if let Err(error) = runner.run(&situations(), |situation| fixture.check(&situation)) {
        panic!("{error}");
    }
}

#[test]
fn listed_is_callable_for_any_token() {
    run(Mode::Strict);
}

#[test]
fn listed_is_callable_for_any_token_on_a_concealing_server() {
    run(Mode::Conceal);
}

#[test]
fn listed_is_callable_or_acquirable_for_any_token() {
    run(Mode::ListAcquirable);
}
