//! The development tenant as the authorization server, and servers that accept its tokens.

use std::time::Duration;

use toolgate::{PropelAuth, Server, propelauth::PropelAuthApiKeys};
use toolgate_dev_tenant::{DevTenant, DevTenantBuilder, Mint, TenantConfig};

use crate::TestServer;

/// The organization, and one person of each role.
const PEOPLE: &str = r#"
[organization]
id = "5a3e1f00-0000-4000-8000-000000000001"
name = "Example Company"

[[people]]
id = "5a3e1f00-0000-4000-8000-000000000201"
name = "Harriet (sample)"
email = "harriet.hr@example.com"
role = "HR"
providers = ["google"]

[[people]]
id = "5a3e1f00-0000-4000-8000-000000000401"
name = "Sanna (sample)"
email = "sanna.support@example.com"
role = "Support"
"#;

/// Scopes of the test server, and `tickets:read`, which it lacks.
const SCOPES: &str = r#"
[[scopes]]
name = "files:read"
description = "Read files."

[[scopes]]
name = "people:read:private"
description = "Read people's private records."

[[scopes]]
name = "people:read:public"
description = "Read people's profiles."

[[scopes]]
name = "tickets:read"
description = "Read tickets."

[[roles]]
name = "HR"
scopes = ["people:read:private", "people:read:public"]

[[roles]]
name = "Support"
scopes = ["people:read:public", "tickets:read"]
"#;

/// The scope of the servers whose tools need approvals.
const PAYROLL_SCOPES: &str = r#"
[[scopes]]
name = "payroll:export"
description = "Export the payroll."

[[roles]]
name = "HR"
scopes = ["payroll:export"]

[[roles]]
name = "Support"
scopes = ["payroll:export"]
"#;

/// Starts a tenant with some of the scopes of the test server, and with `tickets:read`, which the test server lacks.
pub async fn start_tenant() -> DevTenant {
    start_tenant_with(|tenant| tenant).await
}

/// Starts a tenant like [`start_tenant`], configured by the test.
///
/// # Panics
///
/// If the tenant does not start.
pub async fn start_tenant_with(configure: impl FnOnce(DevTenantBuilder) -> DevTenantBuilder) -> DevTenant {
    start(SCOPES, configure).await
}

/// Starts a tenant whose people all have the scope `payroll:export`.
///
/// # Panics
///
/// If the tenant does not start.
pub async fn start_payroll_tenant() -> DevTenant {
    start(PAYROLL_SCOPES, |tenant| tenant).await
}

async fn start(scopes: &str, configure: impl FnOnce(DevTenantBuilder) -> DevTenantBuilder) -> DevTenant {
    let config = TenantConfig::from_toml(&format!("{PEOPLE}{scopes}")).expect("the configuration is valid");
    configure(DevTenant::builder(config)).start().await.expect("a free port")
}

/// Returns a validator that introspects at a tenant.
///
/// # Panics
///
/// If the settings of the tenant are rejected.
pub fn propel_auth(tenant: &DevTenant) -> PropelAuth {
    PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret())
        .expect("the settings of the tenant are valid")
        .timeout(Duration::from_secs(5))
}

/// Returns a validator for the API keys of a tenant.
///
/// # Panics
///
/// If the settings of the tenant are rejected.
pub fn propel_auth_api_keys(tenant: &DevTenant) -> PropelAuthApiKeys {
    PropelAuthApiKeys::new(tenant.auth_url(), tenant.backend_api_key()).expect("the settings of the tenant are valid")
}

/// Starts a server that accepts tokens of a tenant.
pub async fn tenant_server(tenant: &DevTenant) -> TestServer {
    tenant_server_with(tenant, |server| server).await
}

/// Starts a server that accepts tokens of a tenant, configured by the test.
pub async fn tenant_server_with(tenant: &DevTenant, configure: impl FnOnce(Server) -> Server) -> TestServer {
    TestServer::with(|server| configure(server.auth(propel_auth(tenant)))).await
}

/// Mints a token of a person with this role, with all scopes of the role, for a resource.
///
/// # Panics
///
/// If no person has the role.
pub fn token_for(tenant: &DevTenant, role: &str, resource: &str) -> String {
    let person = tenant.person_of_role(role).expect("a person has the role");
    tenant.mint(&Mint::for_person(person.id).resource(resource)).expect("the person can have a token")
}
