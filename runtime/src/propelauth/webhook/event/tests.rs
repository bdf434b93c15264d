use serde_json::json;

use super::*;

fn event(body: &Value) -> Event {
    Event::read(body.to_string().as_bytes())
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

/// The whole table.
const USER: [&str; 4] = ["user.deleted", "user.disabled", "user.locked", "user.logged_out"];
const MEMBER: [&str; 5] = [
    "user.removed_from_org",
    "user.role_changed_within_org",
    "user.added_to_org",
    "user.removed_from_scim_group",
    "user.added_to_scim_group",
];
const ORGANIZATION: [&str; 4] =
    ["org.deleted", "org.scim_group_updated", "org.scim_group_deleted", "org.scim_key_revoked"];
const NOBODY: [&str; 16] = [
    "user.created",
    "user.updated",
    "user.enabled",
    "user.login",
    "user.impersonated",
    "user.invited_to_org",
    "user.send_mfa_phone_code",
    "user.deleted_personal_api_key",
    "org.created",
    "org.updated",
    "org.api_key_deleted",
    "org.saml_setup",
    "org.saml_went_live",
    "org.saml_removed",
    "org.scim_group_created",
    "org.scim_key_created",
];

#[test]
fn a_users_event_ends_the_users_access() {
    for kind in USER {
        assert_eq!(revoked(&json!({"event_type": kind, "user_id": "u"})), [user()], "{kind}");
        assert_eq!(revoked(&json!({"event_type": kind, "user_id": "u", "org_id": "o"})), [user()], "{kind}");
    }
}

#[test]
fn a_members_event_ends_the_users_access_in_that_organization() {
    for kind in MEMBER {
        for id in ["user_id", "removed_user_id"] {
            assert_eq!(revoked(&json!({"event_type": kind, id: "u", "org_id": "o"})), [member()], "{kind}");
        }
    }
}

#[test]
fn an_event_that_names_two_users_is_about_both() {
    let body = json!({"event_type": "user.removed_from_org", "removed_user_id": "u", "user_id": "v", "org_id": "o"});
    let other = Revocation::Member { user: "v".to_owned(), org: "o".to_owned() };
    assert_eq!(revoked(&body), [other, member()]);
    let body = json!({"event_type": "user.deleted", "removed_user_id": "u", "user_id": "u"});
    assert_eq!(revoked(&body), [user()]);
}

#[test]
fn an_organizations_event_ends_everybodys_access_in_it() {
    for kind in ORGANIZATION {
        assert_eq!(revoked(&json!({"event_type": kind, "org_id": "o"})), [organization()], "{kind}");
        assert_eq!(revoked(&json!({"event_type": kind, "org_id": "o", "user_id": "u"})), [organization()], "{kind}");
    }
}

#[test]
fn an_event_that_changes_no_access_ends_none() {
    for kind in NOBODY {
        let event = event(&json!({"event_type": kind, "user_id": "u", "org_id": "o"}));
        assert_eq!(event.revocations(), [], "{kind}");
        assert!(event.is_complete() && !event.is_unknown(), "{kind}");
    }
}

#[test]
fn an_unknown_event_ends_everybodys_access_in_the_organization_or_else_the_users() {
    for kind in ["user.teleported", "org", "USER.DELETED", "user.deleted "] {
        assert_eq!(revoked(&json!({"event_type": kind, "org_id": "o", "user_id": "u"})), [organization()]);
        assert_eq!(revoked(&json!({"event_type": kind, "org_id": "o"})), [organization()]);
        assert_eq!(revoked(&json!({"event_type": kind, "user_id": "u"})), [user()]);
        let nameless = event(&json!({"event_type": kind}));
        assert_eq!(nameless.revocations(), []);
        assert!(nameless.is_unknown() && nameless.is_complete());
    }
}

#[test]
fn an_event_without_its_ids_ends_more_access_rather_than_less() {
    let long = "x".repeat(LONGEST_ID + 1);
    for missing in [json!(null), json!(7), json!(""), json!(["u"]), json!(long)] {
        for kind in USER {
            let event = event(&json!({"event_type": kind, "user_id": missing, "org_id": "o"}));
            assert_eq!(event.revocations(), [Revocation::All], "{kind}");
            assert!(!event.is_complete(), "{kind}");
        }
        for kind in MEMBER {
            let event =
                |user: &Value, org: &Value| event(&json!({"event_type": kind, "user_id": user, "org_id": org}));
            assert_eq!(event(&missing, &json!("o")).revocations(), [organization()], "{kind}");
            assert_eq!(event(&json!("u"), &missing).revocations(), [user()], "{kind}");
            assert_eq!(event(&missing, &missing).revocations(), [Revocation::All], "{kind}");
            assert!(!event(&missing, &json!("o")).is_complete() && !event(&json!("u"), &missing).is_complete());
        }
        for kind in ORGANIZATION {
            let event = event(&json!({"event_type": kind, "user_id": "u", "org_id": missing}));
            assert_eq!(event.revocations(), [Revocation::All], "{kind}");
            assert!(!event.is_complete(), "{kind}");
        }
    }
}

#[test]
fn a_body_that_cannot_be_read_may_be_about_everybody() {
    for body in ["", "{", "[]", "null", "{}", r#"{"event_type": 7}"#, r#"{"event_type": ""}"#] {
        let event = Event::read(body.as_bytes());
        assert_eq!(event.revocations(), [Revocation::All], "{body}");
        assert!(!event.is_complete() && !event.is_unknown(), "{body}");
    }
}

#[test]
fn an_unknown_type_is_named_once_and_not_without_end() {
    let mut types = UnknownTypes::default();
    assert!(types.is_first("a") && !types.is_first("a"));
    let named = (0..1000).filter(|i| types.is_first(&format!("type {i}"))).count();
    assert_eq!(named, MAX_UNKNOWN_TYPES - 1);
    let mut types = UnknownTypes::default();
    let long = "ü".repeat(LONGEST_TYPE);
    assert!(types.is_first(&format!("{long}a")) && !types.is_first(&format!("{long}b")));
}
