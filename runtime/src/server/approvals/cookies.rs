//! Cookies of the approval pages: a login that was begun, and who logged in for an approval.
//!
//! Both are signed values, so that the server needs no memory for them, and every replica can read them.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::login::LoginAttempt;
use crate::{approvals::ApprovalId, operation::RequestStateSigner};

/// Time for a login.
const LOGIN_LIFETIME: Duration = Duration::from_mins(10);
/// Time after a login in which its approval can be decided.
const SESSION_LIFETIME: Duration = Duration::from_mins(5);

/// Who logged in for one approval.
#[derive(Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) approval: ApprovalId,
    pub(super) user: String,
    pub(super) org: Option<String>,
    /// Token of the form, which a page of another site cannot read.
    pub(super) form_token: String,
}

/// Reads and writes the cookies.
pub(super) struct Cookies {
    signer: RequestStateSigner,
    /// URL of the MCP endpoint. A cookie of another server with the same key is not valid.
    resource: String,
    /// What follows the names. Browsers share the cookies of all ports of a host, and plain `http` is for development.
    suffix: String,
    is_secure: bool,
}

/// A kind of cookie.
#[derive(Clone, Copy)]
enum Kind {
    Login,
    Session,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Login => "toolgate-login",
            Self::Session => "toolgate-approval",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::Login => "cookie of a login",
            Self::Session => "cookie of an approval",
        }
    }

    fn lifetime(self) -> Duration {
        match self {
            Self::Login => LOGIN_LIFETIME,
            Self::Session => SESSION_LIFETIME,
        }
    }
}

impl Cookies {
    pub(super) fn new(signer: RequestStateSigner, resource: String, server_url: &url::Url) -> Self {
        let is_secure = server_url.scheme() == "https";
        let suffix = if is_secure { String::new() } else { format!("-{}", server_url.port().unwrap_or(80)) };
        Self { signer, resource, suffix, is_secure }
    }

    pub(super) fn login(&self, headers: &HeaderMap) -> Option<LoginAttempt> {
        self.read(headers, Kind::Login)
    }

    pub(super) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.read(headers, Kind::Session)
    }

    pub(super) fn set_login(&self, attempt: &LoginAttempt, headers: &mut HeaderMap) {
        self.set(Kind::Login, attempt, headers);
    }

    pub(super) fn set_session(&self, session: &Session, headers: &mut HeaderMap) {
        self.set(Kind::Session, session, headers);
    }

    /// Removes the cookie of a login, which is for one attempt.
    pub(super) fn remove_login(&self, headers: &mut HeaderMap) {
        self.append(Kind::Login, "", Duration::ZERO, headers);
    }

    pub(super) fn remove_session(&self, headers: &mut HeaderMap) {
        self.append(Kind::Session, "", Duration::ZERO, headers);
    }

    /// Returns the name. With `__Host-`, a browser accepts the cookie only from this host, over `https`.
    fn name(&self, kind: Kind) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        format!("{prefix}{}{}", kind.name(), self.suffix)
    }

    fn purpose(&self, kind: Kind) -> String {
        format!("{} for {}", kind.purpose(), self.resource)
    }

    fn read<T: DeserializeOwned>(&self, headers: &HeaderMap, kind: Kind) -> Option<T> {
        let name = self.name(kind);
        let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values = pairs
            .flat_map(|pairs| pairs.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        // Another program on the host can add a cookie of this name.
        let purpose = self.purpose(kind);
        values.find_map(|value| self.signer.open(&purpose, value).ok())
    }

    fn set<T: Serialize>(&self, kind: Kind, value: &T, headers: &mut HeaderMap) {
        let value = self.signer.seal(&self.purpose(kind), value, kind.lifetime());
        self.append(kind, &value, kind.lifetime(), headers);
    }

    fn append(&self, kind: Kind, value: &str, lifetime: Duration, headers: &mut HeaderMap) {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name(kind);
        let max_age = lifetime.as_secs();
        // Lax, because the authorization server sends the browser back from another site.
        let cookie = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(url: &str, resource: &str) -> Cookies {
        let signer = RequestStateSigner::with_key(vec![7; 32]).unwrap();
        Cookies::new(signer, resource.to_owned(), &url::Url::parse(url).unwrap())
    }

    fn session() -> Session {
        Session { approval: ApprovalId::random(), user: "harriet".to_owned(), org: None, form_token: "t".to_owned() }
    }

    /// Sets the cookie of a session and returns its header.
    fn set(cookies: &Cookies) -> String {
        let mut headers = HeaderMap::new();
        cookies.set_session(&session(), &mut headers);
        headers[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    fn sent(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("a=b; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_cookie_is_for_this_host_over_https_and_not_for_scripts() {
        let cookie = set(&cookies("https://mcp.example.com", "r"));
        assert!(cookie.starts_with("__Host-toolgate-approval=rs1."), "{cookie}");
        assert!(cookie.ends_with("; Path=/; Max-Age=300; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        // Browsers reject the prefix and `Secure` over plain http, which is for development.
        let cookie = set(&cookies("http://127.0.0.1:8000", "r"));
        assert!(cookie.starts_with("toolgate-approval-8000=") && !cookie.contains("Secure"), "{cookie}");
    }

    #[test]
    fn a_cookie_is_valid_for_its_kind_and_its_server() {
        let own = cookies("https://mcp.example.com", "r");
        let cookie = set(&own);
        assert_eq!(own.session(&sent(&cookie)).unwrap().user, "harriet");
        assert!(cookies("https://mcp.example.com", "s").session(&sent(&cookie)).is_none());
        assert!(own.login(&sent(&cookie)).is_none());
        assert!(own.login(&sent(&cookie.replace("-approval=", "-login="))).is_none());
        assert!(own.session(&sent(&cookie.replace("rs1.", "rs1.A"))).is_none());
        assert!(own.session(&HeaderMap::new()).is_none());
        // Another program on the host added a cookie of this name.
        let mut headers = sent(&cookie);
        headers.insert(header::COOKIE, format!("__Host-toolgate-approval=x; {cookie}").parse().unwrap());
        assert!(own.session(&headers).is_some());
    }
}
