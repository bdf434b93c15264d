//! Snapshots of the generated code, one for each shape of an operation.
//!
//! After a change of the generated code, run `INSTA_UPDATE=always cargo test -p toolgate-macros` and read the diff.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, File, Item, ItemConst, Stmt, parse_quote};

use crate::kind::Kind;

/// Formats an expansion like rustfmt.
fn format(expansion: TokenStream) -> String {
    let mut file: File = syn::parse2(expansion).expect("the expansion is a list of items");
    file.items.iter_mut().for_each(unwrap_registration);
    file.items.iter_mut().for_each(unwrap_submit);
    prettyplease::unparse(&file)
}

/// Replaces the `impl` with `#[register]` by its content, as the attribute does.
fn unwrap_registration(item: &mut Item) {
    if let Item::Impl(registration) = item {
        let mut constant: ItemConst =
            syn::parse2(super::content(registration.to_token_stream())).expect("a constant");
        registration.attrs.retain(|attribute| attribute.path().is_ident("cfg"));
        constant.attrs.append(&mut registration.attrs);
        *item = Item::Const(constant);
    }
}

/// Replaces `submit! { descriptor }` by a constant, because prettyplease does not format the input of a macro.
fn unwrap_submit(item: &mut Item) {
    let Item::Const(constant) = item else { return };
    let Expr::Block(block) = &mut *constant.expr else { return };
    for statement in &mut block.block.stmts {
        if let Stmt::Macro(submit) = statement {
            let descriptor: Expr = submit.mac.parse_body().expect("`submit!` has an expression");
            *statement = parse_quote!(const SUBMITTED: ::toolgate::__private::OperationDescriptor = #descriptor;);
        }
    }
}

/// Compares an expansion with the snapshot that is named like the test.
macro_rules! assert_expansion {
    (#[tool($($argument:tt)*)] $($function:tt)*) => {
        assert_expansion!(super::operation(Kind::Tool, quote!($($argument)*), quote!($($function)*)))
    };
    (#[prompt($($argument:tt)*)] $($function:tt)*) => {
        assert_expansion!(super::operation(Kind::Prompt, quote!($($argument)*), quote!($($function)*)))
    };
    (#[resource($($argument:tt)*)] $($function:tt)*) => {
        assert_expansion!(super::operation(Kind::Resource, quote!($($argument)*), quote!($($function)*)))
    };
    ($expansion:expr) => {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format($expansion));
        })
    };
}

#[test]
fn minimal_tool() {
    assert_expansion!(
        #[tool(authenticated)]
        async fn ping() {}
    );
}

#[test]
fn arguments_and_state() {
    assert_expansion!(
        #[tool(scopes = "employees:read:public", read_only)]
        /// Return an employee's public information.
        pub async fn employee_information_public(
            /// The employee's ID, such as `emp_0042`.
            employee_id: String,
            #[arg(header = "Region")] region: Option<String>,
            r#type: Kind,
            directory: &Directory,
            caller: &Caller,
        ) -> Result<Json<PublicProfile>, ToolError> {
            body()
        }
    );
}

#[test]
fn every_attribute_argument() {
    assert_expansion!(
        #[tool(
            scopes("a:read", "b:read"),
            any_scope("c:read", "d:read"),
            scopes_in = policy::SCOPES,
            name = "every.argument",
            title = "Every argument",
            description = "Has every argument of the attribute.",
            read_only = false,
            destructive,
            task,
            approve = "Reopen {ticket_id}",
            idempotent = true,
            open_world = false,
            scopes_if(ticket_id.starts_with("tkt_9"), "e:write"),
            guard(office_hours(context), own_ticket(caller, &ticket_id, tickets)),
            visible_to(is_employee(caller), on_duty(caller, rota)),
            org_role("Owner", "Admin"),
            org = "1f1fd1ab-5bd1-4a6a-9a5a-0a8c4a3f6b11",
            timeout = "1m 30s 250ms",
            concurrency = 4,
            rate = "30/minute",
            total_rate = "1000/hour",
            audit("ticket_id"),
            meta = json!({ "cost": 3 }),
            crate = gate::toolgate,
        )]
        async fn every_argument(ticket_id: String, tickets: &Tickets, rota: &Rota) -> String {
            body()
        }
    );
}

#[test]
fn minimal_prompt() {
    assert_expansion!(
        #[prompt(authenticated)]
        async fn greeting() -> String {
            body()
        }
    );
}

#[test]
fn prompt_with_completions() {
    assert_expansion!(
        #[prompt(scopes = "tickets:read", title = "Quarterly review", guard = own_department(caller, &department))]
        /// Write a quarterly review.
        async fn quarterly_review(
            /// The department.
            #[arg(complete = departments)]
            department: String,
            #[arg(complete = quarters(value, arguments.get("department"), caller, calendar))] quarter: Option<String>,
            tone: Tone,
            calendar: &Calendar,
        ) -> Result<Vec<PromptMessage>, ToolError> {
            body()
        }
    );
}

#[test]
fn minimal_resource() {
    assert_expansion!(
        #[resource(uri = "company://policies/handbook", authenticated)]
        async fn handbook() -> String {
            body()
        }
    );
}

#[test]
fn every_argument_of_a_resource() {
    assert_expansion!(
        #[resource(
            uri = "company://policies/security",
            scopes = "policies:read",
            name = "security.policy",
            title = "Security policy",
            mime_type = "text/markdown",
            size = 2048,
            audience("user", "assistant"),
            priority = 0.8,
            visible_to = is_employee(caller),
            timeout = "5s",
        )]
        /// The company's security policy.
        async fn security_policy(library: &Library) -> Result<String, ToolError> {
            body()
        }
    );
}

#[test]
fn resource_template() {
    assert_expansion!(
        #[resource(
            uri = "company://employees/{employee_id}{?year}",
            scopes = "employees:read:public",
            audit("employee_id")
        )]
        async fn employee(
            #[arg(complete = directory.ids(value))] employee_id: EmployeeId,
            year: Option<u16>,
            directory: &Directory,
        ) -> Json<Employee> {
            body()
        }
    );
}

#[test]
fn invalid_resource_expands_to_its_errors_and_the_function() {
    assert_expansion!(
        #[resource(scopes = "policies:read", read_only, priority = 2)]
        async fn handbook(#[arg(header = "Region")] region: String) -> String {
            body()
        }
    );
}

#[test]
fn derived_arguments() {
    assert_expansion!(
        #[tool(scopes = "employees:read:public")]
        async fn employee_search(
            /// Text to search for.
            query: String,
            #[serde(default = "ten")]
            #[schemars(range(min = 1, max = 50))]
            #[arg(header = "Limit")]
            limit: u32,
            directory: &Directory,
        ) -> Vec<Content> {
            body()
        }
    );
}

#[test]
fn flattened_argument() {
    assert_expansion!(
        #[tool(scopes = "employees:read:public")]
        #[cfg(feature = "raw")]
        async fn raw(#[serde(flatten)] arguments: JsonObject) {}
    );
}

#[test]
fn invalid_tool_expands_to_its_errors_and_the_function() {
    assert_expansion!(
        #[tool(name = "look up", read_only = 7)]
        async fn profile(#[arg(header = "Region")] region: String, name: &str) -> String {
            body()
        }
    );
}

#[test]
fn scope_macro() {
    let crate_list = crate::scope::expand(quote!("employees:read:private"));
    let named_list = crate::scope::expand(quote!("employees:read:private", in policy::SCOPES));
    assert_expansion!(quote!(
        const CRATE_LIST: Scope = #crate_list;
        const NAMED_LIST: Scope = #named_list;
    ));
}

#[test]
fn a_tool_has_at_most_64_conditions() {
    let expand = |count| {
        let conditions = (0..count).map(|i| quote!(scopes_if(amount > #i, "a:write")));
        super::operation(
            Kind::Tool,
            quote!(scopes = "a:read", #(#conditions),*),
            quote!(
                async fn refund(amount: i32) {}
            ),
        )
        .to_string()
    };
    assert!(!expand(64).contains("compile_error"));
    assert!(expand(65).contains("at most 64 `scopes_if`"));
}
