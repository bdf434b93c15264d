//! What the macros write, for shapes of tools that differ. A change of generated code is a change of these snapshots:
//! `cargo insta review`, or `INSTA_UPDATE=always cargo test -p toolgate-macros`, and read the diff.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, File, Item, Stmt, parse_quote};

/// The expansion as rustfmt would print it.
fn expand(arguments: TokenStream, function: TokenStream) -> String {
    print(super::tool(arguments, function))
}

fn print(expansion: TokenStream) -> String {
    let mut file: File = syn::parse2(expansion).expect("the expansion is a list of items");
    file.items.iter_mut().for_each(show_descriptor);
    prettyplease::unparse(&file)
}

/// A printer leaves what is inside a macro's braces as it is, so the descriptor is taken out of them.
fn show_descriptor(item: &mut Item) {
    let Item::Const(constant) = item else { return };
    let Expr::Block(block) = &mut *constant.expr else { return };
    for statement in &mut block.block.stmts {
        if let Stmt::Macro(submit) = statement {
            let descriptor: Expr = submit.mac.parse_body().expect("`submit!` has an expression");
            *statement = parse_quote!(const SUBMITTED: ::toolgate::ToolDescriptor = #descriptor;);
        }
    }
}

fn assert(name: &str, expansion: &str) {
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, expansion);
    });
}

macro_rules! assert_expansion {
    ($name:literal, #[tool($($argument:tt)*)] $($function:tt)*) => {
        assert($name, &expand(quote!($($argument)*), quote!($($function)*)))
    };
}

#[test]
fn the_smallest_tool() {
    assert_expansion!(
        "the_smallest_tool",
        #[tool(authenticated)]
        async fn ping() {}
    );
}

#[test]
fn arguments_and_states() {
    assert_expansion!(
        "arguments_and_states",
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
fn every_argument_of_the_attribute() {
    assert_expansion!(
        "every_argument_of_the_attribute",
        #[tool(
            scopes("a:read", "b:read"),
            any_scope("c:read", "d:read"),
            scopes_in = policy::SCOPES,
            name = "every.argument",
            title = "Every argument",
            description = "Takes all of them.",
            destructive,
            open_world = false,
            guard(office_hours, own_department),
            visible_to = is_somebody,
            timeout = "30s",
            meta = json!({ "cost": 3 }),
            crate = gate::toolgate,
        )]
        async fn every_argument() -> String {
            body()
        }
    );
}

#[test]
fn arguments_through_derives() {
    assert_expansion!(
        "arguments_through_derives",
        #[tool(scopes = "employees:read:public")]
        async fn employee_search(
            /// What to look for.
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
fn all_arguments_in_one() {
    assert_expansion!(
        "all_arguments_in_one",
        #[tool(scopes = "employees:read:public")]
        #[cfg(feature = "raw")]
        async fn raw(#[serde(flatten)] arguments: JsonObject) {}
    );
}

#[test]
fn a_refused_tool_is_errors_and_the_function() {
    assert_expansion!(
        "a_refused_tool",
        #[tool(name = "look up", read_only = 7)]
        async fn profile(#[arg(header = "Region")] region: String, name: &str) -> String {
            body()
        }
    );
}

#[test]
fn a_checked_scope() {
    let here = crate::scope::expand(quote!("employees:read:private"));
    let elsewhere = crate::scope::expand(quote!("employees:read:private", in policy::SCOPES));
    assert(
        "a_checked_scope",
        &print(quote!(
            const HERE: Scope = #here;
            const ELSEWHERE: Scope = #elsewhere;
        )),
    );
}
