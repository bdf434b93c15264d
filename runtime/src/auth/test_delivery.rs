//! Requests that test the routes of a validator.

use std::{borrow::Cow, fmt};

use http::HeaderMap;

/// A request to a [route](super::TokenValidator::routes) of a validator that is accepted like one of the authorization
/// server and changes nothing; see [`TokenValidator::test_deliveries`](super::TokenValidator::test_deliveries).
///
/// ```
/// use toolgate::auth::TestDelivery;
///
/// let delivery = TestDelivery::new("/webhooks/directory", br#"{"event":"ping"}"#.to_vec())
///     .rejected("DIRECTORY_SECRET of the running server is another one");
/// assert_eq!(delivery.path, "/webhooks/directory");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TestDelivery {
    /// Path of the route.
    pub path: &'static str,
    /// Headers, such as those of a signature.
    pub headers: HeaderMap,
    /// Body of the `POST` request.
    pub body: Vec<u8>,
    /// What is wrong and what to do if the server rejects the request with 401 or 403.
    pub rejected: Cow<'static, str>,
}

impl TestDelivery {
    /// Creates a `POST` request without headers.
    pub fn new(path: &'static str, body: Vec<u8>) -> Self {
        let rejected = "the running server has another secret for this route: restart it with the current settings";
        Self { path, headers: HeaderMap::new(), body, rejected: rejected.into() }
    }

    /// Sets the headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sets what is wrong and what to do if the server rejects the request with 401 or 403.
    #[must_use]
    pub fn rejected(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.rejected = text.into();
        self
    }
}

/// Omits the headers, which contain a signature.
impl fmt::Debug for TestDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDelivery").field("path", &self.path).finish_non_exhaustive()
    }
}
