//! `Granted`: a data layer whose functions require a proof of a scope.

use toolgate::{
    auth::Claims,
    prelude::*,
    testing::{self, TestServer},
};

/// `payroll:admin` and `payroll:audit` imply `payroll:read`. `vault:open` is in both lists.
static PAYROLL: Scopes =
    Scopes::new(&["directory:read", "payroll:admin", "payroll:audit", "payroll:read", "vault:open"])
        .implies("payroll:admin", &["payroll:read"])
        .implies("payroll:audit", &["payroll:read"]);

/// The list of another crate, whose tools the server has too.
static VAULT: Scopes = Scopes::new(&["vault:close", "vault:open"]);

/// Access to salaries.
#[derive(ScopeMarker)]
#[scope("payroll:read", in PAYROLL)]
struct PayrollRead;

/// Access to the directory.
#[derive(ScopeMarker)]
#[scope("directory:read", in PAYROLL)]
struct DirectoryRead;

/// Access to the vault, checked against the list of the other crate.
#[derive(ScopeMarker)]
#[scope("vault:open", in VAULT)]
struct VaultOpen;

/// Permission to close the vault.
#[derive(ScopeMarker)]
#[scope("vault:close", in VAULT)]
struct VaultClose;

/// An alias does not hide that a parameter is a proof.
type SalaryAccess = Granted<PayrollRead>;

/// The data layer.
struct Data {
    salary: &'static str,
    name: &'static str,
    vault: &'static str,
}

impl Data {
    const fn new() -> Self {
        Self { salary: "a salary", name: "a name", vault: "the vault" }
    }

    fn salary(&self, _access: &Granted<PayrollRead>) -> &'static str {
        self.salary
    }

    fn name(&self, _access: &Granted<DirectoryRead>) -> &'static str {
        self.name
    }

    fn open_vault(&self, _access: &Granted<VaultOpen>) -> String {
        format!("open {}", self.vault)
    }

    fn close_vault(&self, _access: &Granted<VaultClose>) -> String {
        format!("close {}", self.vault)
    }
}

#[tool(scopes = "payroll:read", scopes_in = PAYROLL)]
async fn direct(data: &Data, access: &Granted<PayrollRead>) -> &'static str {
    data.salary(access)
}

#[tool(scopes = "payroll:admin", scopes_in = PAYROLL)]
async fn through_a_hierarchy(data: &Data, access: &Granted<PayrollRead>) -> &'static str {
    data.salary(access)
}

#[tool(any_scope("payroll:audit", "payroll:admin"), scopes_in = PAYROLL)]
async fn through_every_alternative(data: &Data, access: &Granted<PayrollRead>) -> &'static str {
    data.salary(access)
}

#[tool(scopes = "payroll:read", scopes_in = PAYROLL)]
async fn through_an_alias(data: &Data, access: &SalaryAccess) -> &'static str {
    data.salary(access)
}

#[tool(scopes("payroll:read", "directory:read"), scopes_in = PAYROLL)]
async fn two_proofs(
    data: &Data,
    salaries: &Granted<PayrollRead>,
    names: &Granted<DirectoryRead>,
    _: &Context,
) -> String {
    format!("{} {}", data.name(names), data.salary(salaries))
}

fn has_a_salary(data: &Data, access: &Granted<PayrollRead>) -> Result<(), Denied> {
    if data.salary(access).is_empty() { Err(Denied::new("no salary")) } else { Ok(()) }
}

/// The guard uses a proof that the body does not.
#[tool(scopes = "payroll:read", scopes_in = PAYROLL, guard = has_a_salary(data, access))]
async fn in_a_guard(data: &Data, access: &Granted<PayrollRead>) -> &'static str {
    "guarded"
}

/// The tool's list and the marker's list both have the scope.
#[tool(scopes = "vault:open", scopes_in = PAYROLL)]
async fn of_another_list(data: &Data, access: &Granted<VaultOpen>) -> String {
    data.open_vault(access)
}

macro_rules! step_ups {
    ($($name:ident($($context:ident)?))*) => {$(
        #[tool(scopes = "directory:read", scopes_in = PAYROLL)]
        async fn $name(what: String, caller: &Caller, data: &Data $(, _: &$context)?) -> Result<String, ToolError> {
            let name = data.name(caller.grant()?);
            Ok(match what.as_str() {
                "salary" => format!("{name} {}", data.salary(caller.grant()?)),
                "vault" => format!("{name} {}", data.close_vault(caller.grant()?)),
                _ => name.to_owned(),
            })
        }
    )*};
}

step_ups! {
    step_up()
    step_up_with_context(Context)
}

/// Close the vault: a tool of the other list.
#[tool(scopes = "vault:close", scopes_in = VAULT)]
async fn vault_close(data: &Data, access: &Granted<VaultClose>) -> String {
    data.close_vault(access)
}

fn server() -> TestServer {
    TestServer::new(Server::new("payroll", &PAYROLL).add_from(&VAULT).state(Data::new())).unwrap()
}

#[tokio::test]
async fn a_proof_is_a_parameter_of_a_tool_that_declares_its_scope() {
    let server = server();
    for (tool, granted, text) in [
        ("direct", &["payroll:read"][..], "a salary"),
        ("direct", &["payroll:audit"], "a salary"),
        ("through_a_hierarchy", &["payroll:admin"], "a salary"),
        ("through_every_alternative", &["payroll:admin"], "a salary"),
        ("through_every_alternative", &["payroll:audit"], "a salary"),
        ("through_an_alias", &["payroll:read"], "a salary"),
        ("two_proofs", &["payroll:read", "directory:read"], "a name a salary"),
        ("two_proofs", &["payroll:admin", "directory:read"], "a name a salary"),
        ("in_a_guard", &["payroll:read"], "guarded"),
        ("of_another_list", &["vault:open"], "open the vault"),
        ("vault_close", &["vault:close"], "close the vault"),
    ] {
        let caller = server.with_scopes(granted.iter().copied());
        assert_eq!(caller.call(tool, json!({})).await.allowed().text(), text, "{tool} {granted:?}");
    }
}

#[tokio::test]
async fn a_tool_with_a_proof_gets_the_challenge_of_its_scopes() {
    let server = server();
    for (tool, granted, missing) in [
        ("direct", &["directory:read"][..], "payroll:read"),
        ("through_a_hierarchy", &["payroll:read"], "payroll:admin"),
        ("through_every_alternative", &["payroll:read"], "payroll:audit"),
        ("through_an_alias", &[], "payroll:read"),
        ("two_proofs", &["payroll:read"], "directory:read"),
        ("in_a_guard", &[], "payroll:read"),
        ("of_another_list", &["vault:close"], "vault:open"),
        ("vault_close", &["vault:open"], "vault:close"),
    ] {
        let caller = server.as_caller(Claims::new().scopes(granted.iter().copied()));
        caller.call(tool, json!({})).await.missing_scopes([missing]);
    }
}

#[tokio::test]
async fn a_body_that_needs_a_proof_gets_the_challenge_with_every_scope_of_the_call() {
    let server = server();
    for tool in ["step_up", "step_up_with_context"] {
        let clerk = server.with_scopes(["directory:read"]);
        assert_eq!(clerk.call(tool, json!({ "what": "name" })).await.allowed().text(), "a name");
        // The second scope is of the other list of the server.
        for (what, scope, text) in
            [("salary", "payroll:read", "a name a salary"), ("vault", "vault:close", "a name close the vault")]
        {
            let scopes = clerk.call(tool, json!({ "what": what })).await.missing_scopes([scope]);
            assert_eq!(scopes.required, ["directory:read", scope], "{tool} {what}");
            let caller = server.with_scopes(["directory:read", scope]);
            assert_eq!(caller.call(tool, json!({ "what": what })).await.allowed().text(), text, "{tool} {what}");
        }
        let admin = server.with_scopes(["directory:read", "payroll:admin"]);
        admin.call(tool, json!({ "what": "salary" })).await.allowed();
    }
}

#[tokio::test]
async fn a_scope_of_a_list_that_the_server_does_not_have_is_never_proved() {
    let server = TestServer::new(Server::new("payroll", &PAYROLL).state(Data::new())).unwrap();
    let caller = server.as_caller(Claims::new().scopes(["directory:read", "vault:close"]));
    let call = caller.call("step_up", json!({ "what": "vault" })).await;
    call.missing_scopes(["vault:close"]);
}

#[test]
fn a_data_layer_is_tested_with_the_proofs_of_a_caller() {
    let caller = testing::caller(&PAYROLL, Claims::new().scopes(["payroll:audit"]));
    assert_eq!(Data::new().salary(caller.grant().unwrap()), "a salary");
    assert!(caller.grant::<DirectoryRead>().is_err());
    assert!(caller.grant::<VaultClose>().is_err());
}
