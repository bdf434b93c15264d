//! Credentials with which this server authenticates its introspection requests (RFC 6749, section 2.3.1).

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded::byte_serialize;

/// How the credentials are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAuthentication {
    /// HTTP Basic with form-encoded credentials: `client_secret_basic`.
    Basic,
    /// HTTP Basic with the credentials as they are.
    UnencodedBasic,
    /// In the form of the request: `client_secret_post`.
    Post,
}

pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) authentication: ClientAuthentication,
}

impl Credentials {
    /// Adds a form and the credentials to a request.
    pub(super) fn authenticate<'a>(
        &'a self,
        request: RequestBuilder,
        mut form: Vec<(&'static str, &'a str)>,
    ) -> RequestBuilder {
        let secret = self.client_secret.expose_secret();
        let request = match self.authentication {
            ClientAuthentication::Basic => {
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                request.basic_auth(encode(&self.client_id), Some(encode(secret)))
            }
            ClientAuthentication::UnencodedBasic => request.basic_auth(&self.client_id, Some(secret)),
            ClientAuthentication::Post => {
                form.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)]);
                request
            }
        };
        request.form(&form)
    }
}
