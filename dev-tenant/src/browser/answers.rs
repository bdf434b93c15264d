//! Which consent forms and authorization requests were answered, for doubled submits and the back button.

use std::collections::HashMap;

use url::Url;

use crate::clock::now;
use crate::secret::Digest;

use super::session::SessionId;

/// How long an answer is remembered, in seconds; as long as its form is good.
const LIFETIME: u64 = 60 * 60;

/// What a consent form was answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) redirect: Url,
    /// `None` if it was denied.
    pub(crate) code: Option<String>,
}

/// The answers of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    by_form: HashMap<Digest, (Answer, u64)>,
    by_request: HashMap<Digest, u64>,
}

impl Answers {
    /// What this form was answered with before.
    pub(crate) fn of_form(&self, form_token: &str) -> Option<&Answer> {
        self.by_form.get(&Digest::of(form_token)).map(|(answer, _)| answer)
    }

    /// Whether this browser answered this very authorization request before.
    pub(crate) fn has_request(&self, session: &SessionId, query: &str) -> bool {
        self.by_request.contains_key(&request_key(session, query))
    }

    pub(crate) fn remember(&mut self, session: &SessionId, query: &str, form_token: &str, answer: Answer) {
        let now = now();
        self.by_form.retain(|_, (_, until)| *until > now);
        self.by_request.retain(|_, until| *until > now);
        let until = now.saturating_add(LIFETIME);
        self.by_form.insert(Digest::of(form_token), (answer, until));
        self.by_request.insert(request_key(session, query), until);
    }
}

fn request_key(session: &SessionId, query: &str) -> Digest {
    Digest::of(&format!("{} {query}", session.as_str()))
}
