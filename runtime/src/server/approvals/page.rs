//! The pages of approvals.

use askama::Template;
use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};

use super::cookies::Session;
use crate::{
    approvals::{Approval, ApprovalId},
    page::{self, ICON_PATH, PageKind},
};

/// Creates the pages of one server.
pub(super) struct Pages {
    /// Title of the server.
    pub(super) server: String,
    /// Path of the public URL; empty for the root.
    pub(super) base_path: String,
}

#[derive(Template)]
#[template(path = "approval_form.html")]
struct FormPage<'a> {
    style: &'static str,
    icon: &'a str,
    server: &'a str,
    heading: &'static str,
    approval: &'a Approval,
    account: &'a str,
    requested_at: String,
    action: String,
    token: &'a str,
}

#[derive(Template)]
#[template(path = "approval_message.html")]
struct MessagePage<'a> {
    style: &'static str,
    icon: &'a str,
    server: &'a str,
    heading: &'static str,
    paragraphs: &'a [&'static str],
    link: Option<Link>,
}

struct Link {
    href: String,
    text: &'static str,
}

/// A page without a form.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// There is no such approval, or it has expired.
    Unknown,
    /// Another person logged in.
    OtherPerson(ApprovalId),
    /// The login was not completed.
    NotLoggedIn(ApprovalId),
    /// The browser did not begin this login, or it took too long.
    UnknownLogin,
    /// The form is not from this browser, or too old.
    InvalidForm(ApprovalId),
    Approved,
    Declined,
    /// The call ran.
    Used,
    /// The approval was decided or expired before the form was sent.
    TooLate,
    /// Too many requests of this peer are being served.
    Busy,
    Unavailable,
}

impl Message {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::OtherPerson(_) | Self::InvalidForm(_) => StatusCode::FORBIDDEN,
            Self::NotLoggedIn(_) | Self::UnknownLogin => StatusCode::BAD_REQUEST,
            Self::Approved | Self::Declined | Self::Used => StatusCode::OK,
            Self::TooLate => StatusCode::CONFLICT,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn heading(&self) -> &'static str {
        match self {
            Self::Unknown => "This approval does not exist",
            Self::OtherPerson(_) => "This approval belongs to another account",
            Self::NotLoggedIn(_) => "You are not logged in",
            Self::UnknownLogin => "This login cannot be completed",
            Self::InvalidForm(_) => "This page is too old",
            Self::Approved => "Approved",
            Self::Declined => "Declined",
            Self::Used => "This approval was used",
            Self::TooLate => "This approval was decided before",
            Self::Busy => "Too many approvals are open at the moment",
            Self::Unavailable => "Approvals are not available at the moment",
        }
    }

    fn paragraphs(&self) -> &'static [&'static str] {
        const GO_BACK: &str = "You can close this window.";
        match self {
            Self::Unknown => {
                &["It has expired, or its link is not complete.", "Ask your client to call the tool again."]
            }
            Self::OtherPerson(_) => &[
                "Only the account for which the client asked, in the same organization, can approve or decline it.",
                "Nothing was approved.",
            ],
            Self::NotLoggedIn(_) => &["The login was cancelled. Nothing was approved."],
            Self::UnknownLogin => &[
                "It was begun in another browser, took too long, or was completed before. Nothing was approved.",
                "Open the link of the approval again.",
            ],
            Self::InvalidForm(_) => &["It was sent from another window or login. Nothing was approved."],
            Self::Approved => &["Go back to your client, which can call the tool now.", GO_BACK],
            Self::Declined => &["The tool does not run.", GO_BACK],
            Self::Used => &["The tool ran with it.", GO_BACK],
            Self::TooLate => &["It was approved, declined or withdrawn, or it has expired.", GO_BACK],
            Self::Busy | Self::Unavailable => &["Nothing was approved. Open the link again in a moment."],
        }
    }
}

impl Pages {
    /// Returns the page on which the person decides.
    pub(super) fn form(&self, approval: &Approval, session: &Session) -> Response {
        let icon = self.icon();
        let form = FormPage {
            style: PageKind::Approval.style(),
            icon: &icon,
            server: &self.server,
            heading: "Approve this?",
            approval,
            account: approval.person.username.as_deref().unwrap_or(&approval.person.user),
            requested_at: httpdate::fmt_http_date(approval.requested_at()),
            action: self.path_of(&approval.id),
            token: &session.form_token,
        };
        respond(StatusCode::OK, &form)
    }

    pub(super) fn message(&self, message: &Message) -> Response {
        let icon = self.icon();
        let link = match message {
            Message::OtherPerson(id) => {
                let href = format!("{}?account=other", self.path_of(id));
                Some(Link { href, text: "Log in with another account" })
            }
            Message::NotLoggedIn(id) => Some(Link { href: self.path_of(id), text: "Log in" }),
            Message::InvalidForm(id) => Some(Link { href: self.path_of(id), text: "Open it again" }),
            _ => None,
        };
        let page = MessagePage {
            style: PageKind::Approval.style(),
            icon: &icon,
            server: &self.server,
            heading: message.heading(),
            paragraphs: message.paragraphs(),
            link,
        };
        let mut response = respond(message.status(), &page);
        if matches!(message, Message::Busy) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// Returns the path of an approval.
    pub(super) fn path_of(&self, id: &ApprovalId) -> String {
        format!("{}/approve/{}", self.base_path, id.as_str())
    }

    fn icon(&self) -> String {
        format!("{}{ICON_PATH}", self.base_path)
    }
}

fn respond(status: StatusCode, template: &impl Template) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let html = template.render().expect("writing to a string succeeds");
    page::set_page(&mut response, html, PageKind::Approval);
    // With `no-referrer`, a browser sends the form with `Origin: null`.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
