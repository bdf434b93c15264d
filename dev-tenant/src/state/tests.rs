//! Tests of the sweep of expired records.

use super::*;
use crate::config::TenantConfig;
use crate::oauth::{AuthorizationRequest, CodeVerifier, Params};
use crate::settings::Settings;

const REDIRECT: &str = "http://127.0.0.1/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn empty() -> State {
    State::restore(Records::new(), &Journal::default())
}

fn client() -> Client {
    let metadata = serde_json::json!({"redirect_uris": [REDIRECT], "grant_types": ["authorization_code"]});
    let metadata: crate::oauth::ClientMetadata = serde_json::from_value(metadata).unwrap();
    metadata.register(None).unwrap().0
}

fn request(client: Client) -> AuthorizationRequest {
    let params = Params::parse(
        b"response_type=code&resource=http://127.0.0.1:8000/mcp&code_challenge_method=S256\
          &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
    AuthorizationRequest::check(&Settings::default(), "issuer", client, &params).unwrap()
}

#[test]
fn a_sweep_keeps_the_grant_of_a_code_that_is_being_redeemed() {
    let config = TenantConfig::sample();
    let person = &config.people()[0].id;
    let (mut state, client) = (empty(), client());
    let code = state.issue_code(&request(client.clone()), person, Vec::new(), 60);
    state.swept_at = 0;
    let verifier = CodeVerifier::parse(VERIFIER).unwrap();
    let redemption = Redemption { code: &code, verifier: &verifier, redirect_uri: None, resource: None };
    let grant = state.redeem_code(&client, &redemption).unwrap();
    state.swept_at = 0;
    let token = state.issue_access_token(&grant, Vec::new(), 60);
    assert!(state.active_token(&config, &token).is_some());
    state.swept_at = 0;
    state.sweep();
    assert!(state.active_token(&config, &token).is_some());
}

#[test]
fn the_number_of_records_is_bounded_and_the_newest_tokens_stay_active() {
    let config = TenantConfig::sample();
    let person = &config.people()[0].id;
    let (mut state, client) = (empty(), client());
    let request = request(client);
    let (mut code, mut token) = (String::new(), String::new());
    for _ in 0..MAX_RECORDS + 200 {
        code = state.issue_code(&request, person, Vec::new(), 60);
        let grant = state.put_grant(Grant {
            person: person.clone(),
            client_id: "x".to_owned(),
            resource: None,
            scopes: Vec::new(),
            issued_at: 0,
        });
        token = state.issue_access_token(&grant, Vec::new(), 60);
        state.issue_refresh_token(&grant, 60);
    }
    assert_eq!(state.codes.len(), MAX_RECORDS);
    assert_eq!((state.access_tokens.len(), state.refresh_tokens.len()), (MAX_RECORDS, MAX_RECORDS));
    assert!(state.grants.len() <= 4 * MAX_RECORDS);
    assert!(state.is_code_redeemable(&code) && state.active_token(&config, &token).is_some());
    // Grants without a code or token are removed at the maximum, and not only once a minute.
    for _ in 0..4 * MAX_RECORDS {
        state.put_grant(Grant {
            person: person.clone(),
            client_id: "x".to_owned(),
            resource: None,
            scopes: Vec::new(),
            issued_at: 0,
        });
    }
    assert!(state.grants.len() <= 4 * MAX_RECORDS, "{} grants", state.grants.len());
    assert!(state.is_code_redeemable(&code) && state.active_token(&config, &token).is_some());
}

#[test]
fn a_sweep_removes_everything_that_expired() {
    let config = TenantConfig::sample();
    let person = &config.people()[0].id;
    let mut state = empty();
    state.issue_code(&request(client()), person, Vec::new(), 0);
    let grant = state.put_grant(Grant {
        person: person.clone(),
        client_id: "x".to_owned(),
        resource: None,
        scopes: Vec::new(),
        issued_at: 0,
    });
    state.issue_access_token(&grant, Vec::new(), 0);
    state.issue_refresh_token(&grant, 0);
    state.swept_at = 0;
    state.sweep();
    assert_eq!(state.grants.len(), 0);
    assert_eq!(state.codes.len() + state.access_tokens.len() + state.refresh_tokens.len(), 0);
}

#[test]
fn the_history_is_bounded_and_newest_first() {
    let mut state = empty();
    for i in 0..1000 {
        state.record(HistoryEntry::new(Action::LoggedIn).person(&i.to_string()));
    }
    let history = state.history();
    assert_eq!(history.len(), 200);
    let people: Vec<_> = history.iter().map(|entry| entry.person.clone().unwrap()).collect();
    assert_eq!((people[0].as_str(), people[199].as_str()), ("999", "800"));
}
