use serde_json::json;

use super::*;

fn event(body: &Value) -> Event {
    Event::parse(body.to_string().as_bytes())
}

fn revoked(body: &Value) -> Vec<Revocation> {
    event(body).revocations()
}

fn user() -> Revocation {
    Revocation::User("u".to_owned())
}

fn member() -> Revocation {
    Revocation::Member { user: "u".to_owned(), org: "o".to_owned() }
}

fn organization() -> Revocation {
    Revocation::Organization("o".to_owned())
}

fn machines() -> Revocation {
    Revocation::Machines("o".to_owned())
}

const USER_EVENTS: [&str; 5] =
    ["user.deleted", "user.disabled", "user.locked", "user.logged_out", "user.deleted_personal_api_key"];
const MEMBER_EVENTS: [&str; 5] = [
    "user.removed_from_org",
    "user.role_changed_within_org",
    "user.added_to_org",
    "user.removed_from_scim_group",
    "user.added_to_scim_group",
];
const ORGANIZATION_EVENTS: [&str; 4] =
    ["org.deleted", "org.scim_group_updated", "org.scim_group_deleted", "org.scim_key_revoked"];
const EVENTS_WITHOUT_EFFECT: [&str; 14] = [
    "user.created",
    "user.updated",
    "user.enabled",
    "user.login",
    "user.impersonated",
    "user.invited_to_org",
    "user.send_mfa_phone_code",
    "org.created",
    "org.updated",
    "org.saml_setup",
    "org.saml_went_live",
    "org.saml_removed",
    "org.scim_group_created",
    "org.scim_key_created",
];

#[test]
fn a_user_event_revokes_the_users_access() {
    for event_type in USER_EVENTS {
        assert_eq!(revoked(&json!({"event_type": event_type, "user_id": "u"})), [user()], "{event_type}");
        assert_eq!(
            revoked(&json!({"event_type": event_type, "user_id": "u", "org_id": "o"})),
            [user()],
            "{event_type}"
        );
    }
}

#[test]
fn a_member_event_revokes_the_users_access_in_that_organization() {
    for event_type in MEMBER_EVENTS {
        for id in ["user_id", "removed_user_id"] {
            assert_eq!(
                revoked(&json!({"event_type": event_type, id: "u", "org_id": "o"})),
                [member()],
                "{event_type}"
            );
        }
    }
}

#[test]
fn an_event_with_two_users_affects_both() {
    let body = json!({"event_type": "user.removed_from_org", "removed_user_id": "u", "user_id": "v", "org_id": "o"});
    let other = Revocation::Member { user: "v".to_owned(), org: "o".to_owned() };
    assert_eq!(revoked(&body), [other, member()]);
    let body = json!({"event_type": "user.deleted", "removed_user_id": "u", "user_id": "u"});
    assert_eq!(revoked(&body), [user()]);
}

#[test]
fn an_organization_event_revokes_all_access_in_it() {
    for event_type in ORGANIZATION_EVENTS {
        assert_eq!(revoked(&json!({"event_type": event_type, "org_id": "o"})), [organization()], "{event_type}");
        assert_eq!(
            revoked(&json!({"event_type": event_type, "org_id": "o", "user_id": "u"})),
            [organization()],
            "{event_type}"
        );
    }
}

#[test]
fn the_deletion_of_an_organizations_key_revokes_its_machines_and_nobody_else() {
    let deleted = |org: Value| event(&json!({"event_type": "org.api_key_deleted", "api_key_id": "k", "org_id": org}));
    assert_eq!(deleted(json!("o")).revocations(), [machines()]);
    assert!(deleted(json!("o")).is_complete());
    assert_eq!(deleted(json!(null)).revocations(), [Revocation::All]);
    assert!(!deleted(json!(null)).is_complete());
}

#[test]
fn an_event_without_effect_revokes_nothing() {
    for event_type in EVENTS_WITHOUT_EFFECT {
        let event = event(&json!({"event_type": event_type, "user_id": "u", "org_id": "o"}));
        assert_eq!(event.revocations(), [], "{event_type}");
        assert!(event.is_complete() && !event.is_unknown(), "{event_type}");
    }
}

#[test]
fn an_unknown_event_revokes_access_of_the_organization_or_otherwise_of_the_user() {
    for event_type in ["user.teleported", "org", "USER.DELETED", "user.deleted "] {
        assert_eq!(revoked(&json!({"event_type": event_type, "org_id": "o", "user_id": "u"})), [organization()]);
        assert_eq!(revoked(&json!({"event_type": event_type, "org_id": "o"})), [organization()]);
        assert_eq!(revoked(&json!({"event_type": event_type, "user_id": "u"})), [user()]);
        let without_ids = event(&json!({"event_type": event_type}));
        assert_eq!(without_ids.revocations(), []);
        assert!(without_ids.is_unknown() && without_ids.is_complete());
    }
}

#[test]
fn an_event_without_its_ids_revokes_more_access_rather_than_less() {
    let long = "x".repeat(MAX_ID_BYTES + 1);
    for missing in [json!(null), json!(7), json!(""), json!(["u"]), json!(long)] {
        for event_type in USER_EVENTS {
            let event = event(&json!({"event_type": event_type, "user_id": missing, "org_id": "o"}));
            assert_eq!(event.revocations(), [Revocation::All], "{event_type}");
            assert!(!event.is_complete(), "{event_type}");
        }
        for event_type in MEMBER_EVENTS {
            let event =
                |user: &Value, org: &Value| event(&json!({"event_type": event_type, "user_id": user, "org_id": org}));
            assert_eq!(event(&missing, &json!("o")).revocations(), [organization()], "{event_type}");
            assert_eq!(event(&json!("u"), &missing).revocations(), [user()], "{event_type}");
            assert_eq!(event(&missing, &missing).revocations(), [Revocation::All], "{event_type}");
            assert!(!event(&missing, &json!("o")).is_complete() && !event(&json!("u"), &missing).is_complete());
        }
        for event_type in ORGANIZATION_EVENTS {
            let event = event(&json!({"event_type": event_type, "user_id": "u", "org_id": missing}));
            assert_eq!(event.revocations(), [Revocation::All], "{event_type}");
            assert!(!event.is_complete(), "{event_type}");
        }
    }
}

#[test]
fn an_unreadable_body_revokes_all_access() {
    for body in ["", "{", "[]", "null", "{}", r#"{"event_type": 7}"#, r#"{"event_type": ""}"#] {
        let event = Event::parse(body.as_bytes());
        assert_eq!(event.revocations(), [Revocation::All], "{body}");
        assert!(!event.is_complete() && !event.is_unknown(), "{body}");
    }
}

#[test]
fn each_unknown_type_is_logged_once_up_to_a_limit() {
    let mut types = UnknownEventTypes::default();
    assert!(types.insert("a") && !types.insert("a"));
    let logged = (0..1000).filter(|i| types.insert(&format!("type {i}"))).count();
    assert_eq!(logged, MAX_LOGGED_TYPES - 1);
    let mut types = UnknownEventTypes::default();
    let long = "ü".repeat(MAX_TYPE_CHARS);
    assert!(types.insert(&format!("{long}a")) && !types.insert(&format!("{long}b")));
}
