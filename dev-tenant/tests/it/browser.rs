//! A browser without JavaScript, and the requests of an OAuth client.

use std::collections::HashMap;

use reqwest::Response;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use toolgate_dev_tenant::DevTenant;
use url::Url;

use crate::support::{RESOURCE, http};

/// The example of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:41999/callback";

/// A browser that stores the session cookie and follows no redirects.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    cookie: Option<String>,
}

impl Browser {
    pub(crate) async fn get(&mut self, url: &str) -> Response {
        self.send(http().get(url)).await
    }

    pub(crate) async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Response {
        self.send(http().post(url).form(form)).await
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Response {
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        response
    }

    /// Opens the authorization page, logs in as the first person of a role, and returns the consent page.
    pub(crate) async fn log_in(&mut self, tenant: &DevTenant, query: &str, role: &str) -> String {
        let url = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
        let page = self.get(&url).await.text().await.unwrap();
        let person = tenant.person_of_role(role).unwrap();
        let response = self
            .post(
                &format!("{}/oauth/2.1/login", tenant.auth_url()),
                &[
                    ("form_token", &hidden_field(&page, "form_token")),
                    ("request", &hidden_field(&page, "request")),
                    ("person", &person.id),
                ],
            )
            .await;
        assert_eq!(response.status(), 303, "a login redirects to the authorization request");
        let next = format!("{}{}", tenant.auth_url(), location(&response));
        let response = self.get(&next).await;
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// Sends the consent form of a page with all scopes selected.
    pub(crate) async fn decide(&mut self, tenant: &DevTenant, page: &str, decision: &str) -> Response {
        let scopes = selected_scopes(page);
        self.decide_with(tenant, page, decision, &scopes).await
    }

    /// Sends the consent form of a page with these scopes selected.
    pub(crate) async fn decide_with(
        &mut self,
        tenant: &DevTenant,
        page: &str,
        decision: &str,
        scopes: &[String],
    ) -> Response {
        let (token, request) = (hidden_field(page, "form_token"), hidden_field(page, "request"));
        let mut form = vec![("form_token", token.as_str()), ("request", request.as_str()), ("decision", decision)];
        form.extend(scopes.iter().map(|scope| ("scope", scope.as_str())));
        let url = format!("{}/oauth/2.1/consent", tenant.auth_url());
        self.post(&url, &form).await
    }

    /// Logs in and allows a request. Returns the parameters of the redirect to the client.
    pub(crate) async fn allow(&mut self, tenant: &DevTenant, query: &str, role: &str) -> HashMap<String, String> {
        let page = self.log_in(tenant, query, role).await;
        redirect_params(&self.decide(tenant, &page, "allow").await)
    }
}

/// Registers a public client with refresh tokens and returns its id.
pub(crate) async fn register(tenant: &DevTenant) -> String {
    let registration = register_as(
        tenant,
        &json!({
            "client_name": "Test client",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }),
    )
    .await;
    assert_eq!(registration.status(), 201);
    let registration: Value = registration.json().await.unwrap();
    registration["client_id"].as_str().unwrap().to_owned()
}

pub(crate) async fn register_as(tenant: &DevTenant, metadata: &Value) -> Response {
    let url = format!("{}/oauth/2.1/register", tenant.auth_url());
    http().post(url).json(metadata).send().await.unwrap()
}

/// Returns the query of a valid authorization request with changed parameters. An empty value omits the parameter.
pub(crate) fn request(client_id: &str, changes: &[(&str, &str)]) -> String {
    let mut params = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT),
        ("state", "st&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", RESOURCE),
        ("scope", "employees:read:public payroll:read:all"),
    ];
    for (name, value) in changes {
        params.retain(|(existing, _)| existing != name);
        if !value.is_empty() {
            params.push((name, value));
        }
    }
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// Posts a form to the token endpoint.
pub(crate) async fn token(tenant: &DevTenant, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/oauth/2.1/token", tenant.auth_url());
    let response = http().post(url).form(form).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Redeems a code as the client of [`register`].
pub(crate) async fn redeem(tenant: &DevTenant, client_id: &str, code: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    token(tenant, &form).await
}

pub(crate) fn location(response: &Response) -> String {
    response.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// Returns the parameters of a redirect to the client.
pub(crate) fn redirect_params(response: &Response) -> HashMap<String, String> {
    assert_eq!(response.status(), 303);
    let url = Url::parse(&location(response)).unwrap();
    assert!(url.as_str().starts_with(REDIRECT), "{url}");
    url.query_pairs().into_owned().collect()
}

/// Returns the value of a hidden field.
pub(crate) fn hidden_field(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let value = page.split(&field).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    unescape(value.split('"').next().unwrap())
}

/// Returns the scopes that are selected on a consent page, or that it has as hidden fields.
pub(crate) fn selected_scopes(page: &str) -> Vec<String> {
    let values = page.split("name=\"scope\" value=\"").skip(1);
    values.map(|rest| unescape(rest.split('"').next().unwrap())).collect()
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}
