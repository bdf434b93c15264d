//! Tests of the pages and of their protection against other sites.

use reqwest::header::ORIGIN;

use crate::browser::{
    Browser, REDIRECT, hidden_field, location, redeem, redirect_params, register, register_as, request,
};
use crate::support::{http, start};
use serde_json::{Value, json};
use toolgate_dev_tenant::DevTenant;

#[tokio::test]
async fn every_page_has_security_headers_and_names_the_development_tenant() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let login = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&client, &[]));
    let broken = format!("{}/oauth/2.1/authorize", tenant.auth_url());
    let mut pages = vec![browser.get(&login).await, browser.get(&broken).await];
    browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    pages.push(browser.get(&login).await);
    for page in pages {
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
        let policy = header("content-security-policy");
        for directive in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        let html = page.text().await.unwrap();
        assert!(html.contains("<html lang=\"en\">") && html.contains("<main id=\"main\">"));
        assert!(html.contains("Development tenant."), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains('`'), "{html}");
        assert_eq!(html.matches("<h1>").count(), 1);
    }
}

#[tokio::test]
async fn the_consent_form_can_redirect_only_to_the_redirect_uri() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&client, &[]));
    let page = browser.get(&url).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:41999;"), "{policy}");
}

#[tokio::test]
async fn client_metadata_is_escaped() {
    let tenant = start().await;
    let metadata = json!({
        "client_name": "<img src=x onerror=alert(1)>\"'&",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let registration: Value = register_as(&tenant, &metadata).await.json().await.unwrap();
    let client = registration["client_id"].as_str().unwrap();
    let query = request(client, &[("state", "\"><script>alert(1)</script>")]);
    let page = Browser::default().log_in(&tenant, &query, "HR").await;
    assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
    assert!(page.contains("&#60;img src=x"), "{page}");
}

#[tokio::test]
async fn the_name_of_a_client_cannot_change_the_direction_of_the_text_around_it() {
    let tenant = start().await;
    // A name in a script from right to left is legal.
    let metadata = json!({
        "client_name": "שלום",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let registration: Value = register_as(&tenant, &metadata).await.json().await.unwrap();
    let query = request(registration["client_id"].as_str().unwrap(), &[]);
    let url = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
    let login = http().get(&url).send().await.unwrap().text().await.unwrap();
    assert_eq!(login.matches("<bdi>שלום</bdi>").count(), login.matches("שלום").count(), "{login}");
    let consent = Browser::default().log_in(&tenant, &query, "HR").await;
    assert_eq!(consent.matches(">שלום</bdi>").count(), consent.matches("שלום").count(), "{consent}");
    assert_eq!(consent.matches("<bdi").count(), 2, "{consent}");
}

#[tokio::test]
async fn a_page_quotes_little_of_a_request_and_no_character_that_garbles_it() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let authorize = async |query: &str| {
        http().get(format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url())).send().await.unwrap()
    };
    // The request itself is too long for a page.
    let response = authorize(&format!("client_id={client}&state={}", "x".repeat(40_000))).await;
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().len() < 4000);

    for (changes, error) in [
        (("resource", "http://127.0.0.1:8000/mcp\u{202e}".to_owned()), "invalid_target"),
        (("resource", format!("http://127.0.0.1:8000/{}", "x".repeat(2048))), "invalid_target"),
        (("resource", format!("http://example.com/{}", "x".repeat(2000))), "invalid_target"),
        (("scope", "employees:read:public ".repeat(200)), "invalid_scope"),
    ] {
        let response = authorize(&request(&client, &[(changes.0, changes.1.as_str())])).await;
        let params = redirect_params(&response);
        assert_eq!(params["error"], error, "{changes:?}");
        assert!(params["error_description"].len() <= 301 && params["error_description"].is_ascii());
    }

    let id = format!("\u{202e}{}", "x".repeat(3000));
    let encoded: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let url = format!("{}/admin/api/people/{}/disable", tenant.auth_url(), encoded.replace('+', "%20"));
    let error = http().post(url).send().await.unwrap().text().await.unwrap();
    assert!(error.chars().count() < 400 && !error.contains('\u{202e}'), "{error}");
}

#[tokio::test]
async fn rejects_a_form_without_its_cookie_or_from_another_browser() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut victim = Browser::default();
    let page = victim.log_in(&tenant, &request(&client, &[]), "HR").await;
    let mut without_cookie = Browser::default();
    assert_eq!(without_cookie.decide(&tenant, &page, "allow").await.status(), 403);
    let mut other = Browser::default();
    let others_page = other.log_in(&tenant, &request(&client, &[]), "HR").await;
    assert_eq!(victim.decide(&tenant, &others_page, "allow").await.status(), 403);
    assert_eq!(victim.decide(&tenant, &page, "allow").await.status(), 303);
}

#[tokio::test]
async fn rejects_a_form_for_another_request_or_person() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let more = request(&client, &[("scope", "employees:read:private")]);
    let url = format!("{}/oauth/2.1/consent", tenant.auth_url());
    let form =
        [("form_token", hidden_field(&page, "form_token")), ("request", more), ("decision", "allow".to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post(&url, &form).await.status(), 403);

    // Another window logs in as another person before the first form is sent.
    let mut window = browser.clone();
    window.log_in(&tenant, &request(&client, &[("prompt", "login")]), "Support").await;
    assert_eq!(window.decide(&tenant, &page, "allow").await.status(), 403);
}

#[tokio::test]
async fn rejects_a_form_from_another_site() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), request(&client, &[]));
    let shown = http().get(&url).send().await.unwrap();
    let cookie = shown.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let page = shown.text().await.unwrap();
    let form = [
        ("form_token", hidden_field(&page, "form_token")),
        ("request", hidden_field(&page, "request")),
        ("person", tenant.person_of_role("HR").unwrap().id),
    ];
    let post = |name: &'static str, value: &'static str| {
        http()
            .post(format!("{}/oauth/2.1/login", tenant.auth_url()))
            .header("cookie", cookie.split(';').next().unwrap())
            .header(name, value)
            .form(&form)
            .send()
    };
    for (name, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        (ORIGIN.as_str(), "http://evil.example.com", 403),
        (ORIGIN.as_str(), "null", 303),
        ("sec-fetch-site", "same-origin", 303),
    ] {
        assert_eq!(post(name, value).await.unwrap().status(), status, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_repeated_submit_redirects_to_the_same_url_until_the_code_is_redeemed() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let first = browser.decide(&tenant, &page, "allow").await;
    let second = browser.decide(&tenant, &page, "allow").await;
    assert_eq!(location(&first), location(&second));
    // Another decision does not change the first one.
    assert_eq!(location(&first), location(&browser.decide(&tenant, &page, "deny").await));

    let code = redirect_params(&first)["code"].clone();
    let (_, tokens) = redeem(&tenant, &client, &code).await;
    let late = browser.decide(&tenant, &page, "allow").await;
    assert_eq!(late.status(), 200);
    assert!(late.text().await.unwrap().contains("already completed"));
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(crate::support::introspect(&tenant, access).await["active"], true, "the code was not replayed");
}

#[tokio::test]
async fn navigating_back_explains_the_completed_consent_and_offers_another() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let query = request(&client, &[]);
    let page = browser.log_in(&tenant, &query, "HR").await;
    browser.decide(&tenant, &page, "allow").await;
    let url = format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url());
    let back = browser.get(&url).await;
    assert_eq!(back.status(), 200);
    let back = back.text().await.unwrap();
    assert!(back.contains("already completed") && back.contains("prompt=consent"));
    let again = browser.get(&format!("{url}&prompt=consent")).await.text().await.unwrap();
    assert_eq!(browser.decide(&tenant, &again, "allow").await.status(), 303);
}

#[tokio::test]
async fn a_person_whose_session_ended_during_the_consent_is_told_so() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    tenant.revoke_all(&tenant.person_of_role("HR").unwrap().id).unwrap();
    let response = browser.decide(&tenant, &page, "allow").await;
    assert_eq!(response.status(), 403);
    let page = response.text().await.unwrap();
    assert!(page.contains("You are not logged in any more") && page.contains("Log in again"), "{page}");
}

#[tokio::test]
async fn a_person_who_is_disabled_during_the_consent_is_told_so_and_cannot_log_in() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let person = tenant.person_of_role("HR").unwrap();
    tenant.disable_person(&person.id).unwrap();
    let response = browser.decide(&tenant, &page, "allow").await;
    assert_eq!(response.status(), 403);
    let told = response.text().await.unwrap();
    assert!(told.contains(&format!("<h1>{} is disabled</h1>", person.name)), "{told}");

    let next = told.split("href=\"/oauth/2.1/authorize?").nth(1).unwrap().split('"').next().unwrap();
    let url = format!("{}/oauth/2.1/authorize?{}", tenant.auth_url(), next.replace("&#38;", "&"));
    let login = browser.get(&url).await.text().await.unwrap();
    assert!(login.contains(&format!("You were logged in as {}", person.name)), "{login}");
    assert!(login.contains("disabled by an administrator"), "{login}");
    let form = [
        ("form_token", hidden_field(&login, "form_token")),
        ("request", hidden_field(&login, "request")),
        ("person", person.id),
    ];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let url = format!("{}/oauth/2.1/login", tenant.auth_url());
    let response = browser.post(&url, &form).await;
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("is disabled"));
}

#[tokio::test]
async fn a_person_whose_role_changes_during_the_consent_is_asked_again() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let mut browser = Browser::default();
    let page = browser.log_in(&tenant, &request(&client, &[]), "HR").await;
    let person = tenant.person_of_role("HR").unwrap();
    tenant.set_role(&person.id, "Support").unwrap();
    let response = browser.decide(&tenant, &page, "allow").await;
    assert_eq!(response.status(), 403);
    let page = response.text().await.unwrap();
    assert!(page.contains("Your role has changed") && page.contains("now has the role Support"), "{page}");
    // The form of another request is not one for another role.
    let mut other = Browser::default();
    let form = other.log_in(&tenant, &request(&client, &[]), "HR").await;
    let response = browser.decide(&tenant, &form, "allow").await.text().await.unwrap();
    assert!(response.contains("out of date"), "{response}");
}

async fn register_with(tenant: &DevTenant, name: &str, redirect_uris: &[&str]) -> String {
    let metadata = json!({"client_name": name, "redirect_uris": redirect_uris, "token_endpoint_auth_method": "none"});
    let registration: Value = register_as(tenant, &metadata).await.json().await.unwrap();
    registration["client_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_application_with_its_own_scheme_is_opened_by_a_page_that_says_what_happened() {
    const EDITOR: &str = "cursor://anysphere.cursor/callback";
    let tenant = start().await;
    let client = register_with(&tenant, "שלום", &[EDITOR]).await;
    let query = request(&client, &[("redirect_uri", EDITOR)]);
    for (decision, heading) in [("allow", "You allowed"), ("deny", "gets no access")] {
        let mut browser = Browser::default();
        let consent = browser.log_in(&tenant, &query, "HR").await;
        for _ in 0..2 {
            let response = browser.decide(&tenant, &consent, decision).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["cache-control"], "no-store");
            let refresh = response.headers()["refresh"].to_str().unwrap().to_owned();
            let url = refresh.strip_prefix("0; url=").unwrap();
            assert!(url.starts_with(EDITOR) && url.contains("state=st%26te"), "{url}");
            let page = response.text().await.unwrap();
            assert!(page.contains(&format!("href=\"{}\"", url.replace('&', "&#38;"))), "{page}");
            assert!(page.contains(heading) && page.contains("If it did not open"), "{page}");
            assert_eq!(page.matches(">שלום</bdi>").count(), page.matches("שלום").count(), "{page}");
        }
    }
    let invalid = request(&client, &[("redirect_uri", EDITOR), ("code_challenge", "")]);
    let url = format!("{}/oauth/2.1/authorize?{invalid}", tenant.auth_url());
    let response = http().get(url).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("refresh"), "any website can send an invalid request");
    let page = response.text().await.unwrap();
    assert!(page.contains("code_challenge") && page.contains("error=invalid_request"), "{page}");
}

#[tokio::test]
async fn a_redirect_uri_error_shows_the_address_sent_and_those_registered() {
    let tenant = start().await;
    let registered: Vec<String> = (0..20).map(|i| format!("https://app.example.com/{i}?<b>")).collect();
    let registered: Vec<&str> = registered.iter().map(String::as_str).collect();
    let client = register_with(&tenant, "An application", &registered).await;
    let authorize = async |sent: &str| {
        let query = request(&client, &[("redirect_uri", sent)]);
        let response = http().get(format!("{}/oauth/2.1/authorize?{query}", tenant.auth_url())).send().await.unwrap();
        assert_eq!(response.status(), 400);
        response.text().await.unwrap()
    };
    let page = authorize("http://127.0.0.1:7/<script>\u{202e}").await;
    assert!(page.contains("<code>http://127.0.0.1:7/&#60;script&#62;\u{fffd}</code>"), "{page}");
    assert!(page.contains("<code>https://app.example.com/0?&#60;b&#62;</code>"), "{page}");
    assert!(page.contains("and 15 more") && page.contains("An application"), "{page}");
    let missing = authorize("").await;
    assert!(missing.contains("<dd>none</dd>"), "{missing}");
    assert!(authorize(&"x".repeat(20_000)).await.len() < 4000);
}

#[tokio::test]
async fn the_page_of_a_consent_has_its_buttons_before_the_scopes_that_cannot_be_granted() {
    let tenant = start().await;
    let client = register(&tenant).await;
    let all: Vec<_> = tenant.config().scopes().iter().map(|scope| scope.name.as_str()).collect();
    let query = request(&client, &[("scope", &all.join(" "))]);
    let page = Browser::default().log_in(&tenant, &query, "HR").await;
    let (buttons, rest) = page.split_once("</form>").unwrap();
    assert!(buttons.contains("value=\"allow\"") && !buttons.contains("ticket:read:all"), "{page}");
    assert!(rest.contains("<summary>Requested, but not grantable by your role: 7 scopes</summary>"), "{page}");
    assert!(rest.contains("<details class=\"refused\">"), "it is folded: {page}");
}
