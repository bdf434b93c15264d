//! The tenant that plays PropelAuth, and a server that trusts it.

use std::time::Duration;

use toolgate::{PropelAuth, Server};
use toolgate_dev_tenant::{DevTenant, DevTenantBuilder, Mint, TenantConfig};

use crate::TestServer;

const TENANT: &str = r#"
[organization]
id = "5a3e1f00-0000-4000-8000-000000000001"
name = "Example Company"

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

[[people]]
id = "5a3e1f00-0000-4000-8000-000000000201"
name = "Harriet (sample, HR)"
email = "harriet.hr@example.com"
role = "HR"

[[people]]
id = "5a3e1f00-0000-4000-8000-000000000401"
name = "Sanna (sample, Support)"
email = "sanna.support@example.com"
role = "Support"
"#;

/// A tenant that knows some of the test server's scopes, and one that the test server does not know.
///
/// # Panics
///
/// When it does not start.
pub async fn tenant(configure: impl FnOnce(DevTenantBuilder) -> DevTenantBuilder) -> DevTenant {
    let config = TenantConfig::from_toml(TENANT).expect("the tenant above is one");
    configure(DevTenant::builder(config)).start().await.expect("a free port")
}

/// The validator that asks this tenant, and gives up after a moment.
///
/// # Panics
///
/// When the tenant's own settings are refused.
pub fn propel_auth(tenant: &DevTenant) -> PropelAuth {
    PropelAuth::new(tenant.auth_url(), tenant.introspection_client_id(), tenant.introspection_client_secret())
        .expect("the tenant's settings are right")
        .timeout(Duration::from_secs(5))
}

/// A server that trusts this tenant, configured further.
pub async fn tenant_server(tenant: &DevTenant, configure: impl FnOnce(Server) -> Server) -> TestServer {
    TestServer::with(|server| configure(server.auth(propel_auth(tenant)))).await
}

/// A token of somebody with this role, with all of the role's scopes, for this resource.
///
/// # Panics
///
/// When nobody has the role.
pub fn token_for(tenant: &DevTenant, role: &str, resource: &str) -> String {
    let person = tenant.person_of_role(role).expect("somebody has the role");
    let order = Mint::for_person(person.id).resource(resource);
    tenant.mint(&order).expect("the order is in order")
}
