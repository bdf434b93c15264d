//! A browser without JavaScript, for the login at the tenant and the pages of a server.

use std::collections::BTreeMap;

use reqwest::{
    RequestBuilder,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
};
use toolgate_dev_tenant::DevTenant;
use url::Url;

use crate::{HttpResponse, http_client, send};

/// A browser that stores cookies, which browsers share between the ports of a host, and follows redirects.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

/// A page, and its URL after all redirects.
#[derive(Clone, Debug)]
pub struct Page {
    /// URL of the page.
    pub url: Url,
    /// The response.
    pub response: HttpResponse,
}

impl Browser {
    /// Opens a URL.
    ///
    /// # Panics
    ///
    /// If the URL is invalid, or after ten redirects.
    pub async fn open(&mut self, url: &str) -> Page {
        let url = Url::parse(url).expect("a valid URL");
        self.follow(url.clone(), http_client().get(url)).await
    }

    /// Opens a URL, and does not follow a redirect.
    pub async fn fetch(&mut self, url: &str) -> HttpResponse {
        self.send(http_client().get(url)).await
    }

    /// Sends the form of a page with these fields in addition to its hidden ones.
    ///
    /// # Panics
    ///
    /// If the page has no form.
    pub async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let text = &page.response.text;
        let action = attribute(text.split("<form ").nth(1).expect("a form"), "action");
        let url = page.url.join(&action).expect("a valid action");
        let mut form = hidden_fields(text);
        form.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let origin = page.url.origin().ascii_serialization();
        let request = http_client().post(url.clone()).header(ORIGIN, origin).form(&form);
        self.follow(url, request).await
    }

    /// Opens a page that requires a login at the tenant, logs in as a person with this role, and allows the access. A
    /// browser that is logged in only allows it.
    ///
    /// # Panics
    ///
    /// If no person has the role, or a page of the tenant is another one.
    pub async fn log_in(&mut self, url: &str, tenant: &DevTenant, role: &str) -> Page {
        let mut page = self.open(url).await;
        let is_of_tenant = |page: &Page| page.url.as_str().starts_with(tenant.auth_url());
        assert!(is_of_tenant(&page), "a login is required: {page:?}");
        if page.response.text.contains("name=\"person\"") {
            let person = tenant.person_of_role(role).expect("a person has the role");
            page = self.submit(&page, &[("person", &person.id)]).await;
        }
        if is_of_tenant(&page) { self.submit(&page, &[("decision", "allow")]).await } else { page }
    }

    /// Removes all cookies.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Returns the names of the cookies.
    pub fn cookie_names(&self) -> Vec<&str> {
        self.cookies.keys().map(String::as_str).collect()
    }

    /// Sets a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Returns the cookies as the header `Cookie`.
    pub fn cookie_header(&self) -> String {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    async fn follow(&mut self, mut url: Url, request: RequestBuilder) -> Page {
        let mut response = self.send(request).await;
        for _ in 0..10 {
            if response.status != 303 {
                return Page { url, response };
            }
            url = url.join(response.header(LOCATION.as_str())).expect("a valid location");
            response = self.send(http_client().get(url.clone())).await;
        }
        panic!("too many redirects to {url}");
    }

    async fn send(&mut self, request: RequestBuilder) -> HttpResponse {
        let response = send(request.header(COOKIE, self.cookie_header())).await;
        for cookie in response.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a cookie is ASCII");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
        response
    }
}

/// Returns the hidden fields of a page, and the scopes that are selected on a consent page.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap_or_default());
    inputs
        .filter(|input| input.contains("type=\"hidden\"") || input.contains("name=\"scope\""))
        .map(|input| (attribute(input, "name"), attribute(input, "value")))
        .collect()
}

fn attribute(tag: &str, name: &str) -> String {
    let value = tag.split(&format!("{name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {tag}"));
    value.split('"').next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&")
}
