//! The page on which a person approves a call: `/approve/<id>`.
//!
//! Its URL is not a secret and opens nothing by itself. A person who opens it logs in at the authorization server, and
//! sees the approval only if the call acts for them. The login is valid for this one approval, in this browser, for a
//! few minutes.

mod cookies;
mod endpoints;
mod http;
mod login;
mod page;
mod registration;

use std::{sync::Arc, time::Duration};

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use self::{
    cookies::{Cookies, Session},
    login::{LoginClient, LoginConfig, LoginError},
    page::{Message, Pages},
};
use super::{discovery::Discovery, server_url::ServerUrl};
use crate::{
    approvals::{Approval, ApprovalError, ApprovalId, Approvals, Decision, Opener, State as ApprovalState},
    audit::{self, ApprovalEvent, RequestInfo},
    auth::{BearerToken, Caller, Claims, TokenClass, ValidationError},
    gate::{Gate, PeerLimit},
    log_limit::LogLimit,
    operation::RequestStateSigner,
    page::protect,
    scope::ScopeIndex,
};

/// Path of an approval, without its identifier.
const PATH: &str = "/approve";
/// Path to which the authorization server sends the browser back.
pub(crate) const CALLBACK_PATH: &str = "/approve/callback";
/// Maximum number of requests for pages of approvals that are served at the same time. They ask the store and the
/// authorization server, and anybody can send them.
const MAX_REQUESTS: usize = 64;
/// Maximum size of a form, in bytes.
const MAX_FORM_BYTES: usize = 1024;
/// Time limit for reading a form.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of the query of a callback, in bytes.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Input of [`ApprovalPages::new`].
pub(crate) struct ApprovalPagesConfig<'a> {
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) signer: RequestStateSigner,
    pub(crate) index: Arc<ScopeIndex>,
    pub(crate) server_url: &'a ServerUrl,
    pub(crate) resource: &'a str,
    /// Title of the server.
    pub(crate) title: &'a str,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
}

/// The pages of one server.
pub(crate) struct ApprovalPages {
    approvals: Arc<Approvals>,
    gate: Arc<Gate>,
    login: Arc<LoginClient>,
    cookies: Cookies,
    pages: Pages,
    index: Arc<ScopeIndex>,
    base_url: String,
    places: Arc<PeerLimit>,
    /// Failures that anybody can cause by opening a link.
    failures: LogLimit,
}

impl ApprovalPages {
    pub(crate) fn new(config: ApprovalPagesConfig<'_>) -> Self {
        let base_url = config.server_url.base().to_owned();
        let login = LoginClient::new(LoginConfig {
            discovery: config.discovery,
            client_id: config.client_id,
            client_secret: config.client_secret,
            redirect_uri: format!("{base_url}{CALLBACK_PATH}"),
            resource: config.resource.to_owned(),
            title: config.title.to_owned(),
        });
        let base_path = config.server_url.path().to_owned();
        Self {
            approvals: config.approvals,
            gate: config.gate,
            login: Arc::new(login),
            cookies: Cookies::new(config.signer, config.resource.to_owned(), config.server_url.url()),
            pages: Pages { server: config.title.to_owned(), base_path },
            index: config.index,
            base_url,
            places: Arc::new(PeerLimit::new(MAX_REQUESTS)),
            failures: LogLimit::default(),
        }
    }
}

/// Creates the routes below `base`, which is the path of `SERVER_URL` or empty.
pub(crate) fn router(pages: Arc<ApprovalPages>, base: &str) -> Router {
    let router = Router::new()
        .route(&format!("{base}{CALLBACK_PATH}"), get(callback))
        .route(&format!("{base}{PATH}/{{id}}"), get(show).post(decide));
    router.route_layer(from_fn_with_state(Arc::clone(&pages), admit)).with_state(pages)
}

/// Rejects requests from foreign origins, and those of a peer that has its share of the places.
async fn admit(State(pages): State<Arc<ApprovalPages>>, request: Request, next: Next) -> Response {
    if let Some(rejected) = pages.gate.reject_foreign_origin(request.uri(), request.headers()) {
        return rejected;
    }
    let Some(_place) = pages.places.acquire(pages.gate.client(&request)) else {
        pages.failures.log(|suppressed| {
            tracing::warn!(suppressed, "a client sends too many requests for the pages of approvals");
        });
        return pages.pages.message(&Message::Busy);
    };
    next.run(request).await
}

/// Shows an approval to the person whom its call acts for, after a login.
async fn show(State(pages): State<Arc<ApprovalPages>>, Path(id): Path<String>, request: Request) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let approval = match pages.find(&id).await {
        Ok(approval) => approval,
        Err(message) => return pages.pages.message(&message),
    };
    let asks_for_account = uri.query() == Some("account=other");
    let session = pages.cookies.session(headers).filter(|session| session.approval == approval.id);
    match session {
        Some(session) if !asks_for_account => pages.show_to(&approval, &session),
        _ => pages.begin_login(&approval, asks_for_account).await,
    }
}

/// Completes a login.
async fn callback(State(pages): State<Arc<ApprovalPages>>, request: Request) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    let info = RequestInfo::from_headers(headers);
    let query = uri.query().filter(|query| query.len() <= MAX_QUERY_BYTES).unwrap_or_default();
    let mut response = match pages.complete_login(query, headers, info).await {
        Ok(session) => {
            let mut response = see_other(&format!("{}{PATH}/{}", pages.base_url, session.approval.as_str()));
            pages.cookies.set_session(&session, response.headers_mut());
            response
        }
        Err(message) => pages.pages.message(&message),
    };
    pages.cookies.remove_login(response.headers_mut());
    response
}

/// Records the decision of the person.
async fn decide(State(pages): State<Arc<ApprovalPages>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let decided = pages.decide(&id, &parts.headers, body).await;
    let mut response = pages.pages.message(&decided.unwrap_or_else(|message| message));
    if response.status() != StatusCode::SERVICE_UNAVAILABLE {
        pages.cookies.remove_session(response.headers_mut());
    }
    response
}

impl ApprovalPages {
    async fn find(&self, id: &str) -> Result<Approval, Message> {
        let id = ApprovalId::parse(id).ok_or(Message::Unknown)?;
        let found = self.approvals.find(&id).await.map_err(|error| self.unavailable(&error))?;
        found.ok_or(Message::Unknown)
    }

    /// Shows an approval to the person who logged in for it.
    fn show_to(&self, approval: &Approval, session: &Session) -> Response {
        match Approvals::opener(approval, Some(&session.user), session.org.as_deref()) {
            Opener::Other => self.pages.message(&Message::OtherPerson(approval.id.clone())),
            Opener::Subject => match approval.state {
                ApprovalState::Pending => self.pages.form(approval, session),
                ApprovalState::Given => self.pages.message(&Message::Approved),
                ApprovalState::Declined => self.pages.message(&Message::Declined),
                ApprovalState::Used => self.pages.message(&Message::Used),
            },
        }
    }

    async fn begin_login(&self, approval: &Approval, asks_for_account: bool) -> Response {
        match self.login.begin(&approval.id, approval.scope.as_deref(), asks_for_account).await {
            Ok((url, attempt)) => {
                let mut response = see_other(url.as_str());
                self.cookies.set_login(&attempt, response.headers_mut());
                response
            }
            Err(error) => self.pages.message(&self.unavailable(&error)),
        }
    }

    /// Returns the session of the person who logged in, if the call acts for them.
    async fn complete_login(
        &self,
        query: &str,
        headers: &HeaderMap,
        info: RequestInfo<'_>,
    ) -> Result<Session, Message> {
        let parameter = |name: &str| {
            let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            // A parameter must not occur twice (RFC 6749, section 3.1).
            values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.into_owned())
        };
        let attempt = self.cookies.login(headers).ok_or(Message::UnknownLogin)?;
        let state = parameter("state").unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(attempt.state.as_bytes())) {
            return Err(Message::UnknownLogin);
        }
        let Some(code) = parameter("code") else { return Err(Message::NotLoggedIn(attempt.approval)) };
        let id = attempt.approval.clone();
        let authenticated = self.login.finish(attempt, code, async |token| self.authenticate(token).await).await;
        let caller = match authenticated {
            Ok(Ok(caller)) => caller,
            Ok(Err(error)) => return Err(self.unavailable(&error)),
            // The code is not valid, for example because it was used.
            Err(LoginError::Rejected(_)) => return Err(Message::UnknownLogin),
            Err(error) => return Err(self.unavailable(&error)),
        };
        let approval = self.find(id.as_str()).await?;
        let is_same_namespace = *caller.user_namespace() == approval.person.users;
        if !is_same_namespace || Approvals::opener(&approval, caller.user_id(), caller.org_id()) == Opener::Other {
            let audit = self.gate.dispatcher.audit();
            audit.approval(info, &caller, &approval.tool, ApprovalEvent::Rejected, &id.reference());
            return Err(Message::OtherPerson(id));
        }
        Ok(Session {
            approval: id,
            user: approval.person.user,
            org: approval.person.org,
            form_token: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
        })
    }

    /// Validates the token of a login like that of a call.
    async fn authenticate(&self, token: &BearerToken) -> Result<Arc<Caller>, ValidationError> {
        // The authorization server issued it a moment ago, so it is not one that a client invented.
        self.gate.authenticator.authenticate(token, TokenClass::Known).await
    }

    /// Records a decision. The page of an error is an error, too.
    async fn decide(&self, id: &str, headers: &HeaderMap, body: Body) -> Result<Message, Message> {
        let info = RequestInfo::from_headers(headers);
        let id = ApprovalId::parse(id).ok_or(Message::Unknown)?;
        let invalid = || Message::InvalidForm(id.clone());
        let session = self.cookies.session(headers).filter(|session| session.approval == id).ok_or_else(invalid)?;
        let form = tokio::time::timeout(FORM_TIMEOUT, to_bytes(body, MAX_FORM_BYTES)).await;
        let form = form.ok().and_then(Result::ok).ok_or_else(invalid)?;
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(&form);
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        if !bool::from(field("form_token").as_bytes().ct_eq(session.form_token.as_bytes())) {
            return Err(invalid());
        }
        let (decision, event, message) = match field("decision").as_str() {
            "approve" => (Decision::Approve, ApprovalEvent::Given, Message::Approved),
            "decline" => (Decision::Decline, ApprovalEvent::Declined, Message::Declined),
            _ => return Err(invalid()),
        };
        let approval = self.find(id.as_str()).await?;
        if Approvals::opener(&approval, Some(&session.user), session.org.as_deref()) == Opener::Other {
            return Err(Message::OtherPerson(id));
        }
        if !audit::is_available() {
            return Err(Message::Unavailable);
        }
        let (approvals, gate, caller) = (Arc::clone(&self.approvals), Arc::clone(&self.gate), self.caller(&approval));
        // A task of its own, so that a decision has its record even if the browser closes the connection.
        let decided = tokio::spawn(async move {
            let is_decided = approvals.decide(&id, decision).await?;
            if is_decided {
                gate.dispatcher.audit().approval(info, &caller, &approval.tool, event, &id.reference());
            }
            Ok::<_, ApprovalError>(is_decided)
        });
        let is_decided = decided.await.map_err(|error| self.unavailable(&error))?;
        if is_decided.map_err(|error| self.unavailable(&error))? { Ok(message) } else { Err(Message::TooLate) }
    }

    /// Returns the person of an approval for its record, with the client that asked.
    fn caller(&self, approval: &Approval) -> Caller {
        let mut claims = Claims::new().subject(&approval.person.user);
        claims.org_id.clone_from(&approval.person.org);
        claims.client_id.clone_from(&approval.client_id);
        let token = BearerToken::parse("approval").expect("the token is valid");
        Caller::of_token(&token, &claims, Arc::clone(&self.index))
    }

    /// Logs an error, of which the page says nothing.
    fn unavailable(&self, error: &(impl std::error::Error + ?Sized)) -> Message {
        self.failures
            .log(|suppressed| tracing::error!(%error, suppressed, "the page of an approval is not available"));
        Message::Unavailable
    }
}

/// Creates a redirect that a browser follows with GET.
fn see_other(url: &str) -> Response {
    let mut response = Response::new(Body::empty());
    let Ok(location) = HeaderValue::try_from(url) else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    protect(response.headers_mut());
    response
}
