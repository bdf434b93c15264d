use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_token_is_valid_with_each_type_of_key() {
    let keys = [Key::rsa("rsa"), Key::ec("ec"), Key::p384("p384"), Key::ed25519("ed")];
    let issuer = TestIssuer::new(keys.clone()).await;
    let all = [SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::Es384, SigningAlgorithm::EdDsa];
    let auth = issuer.jwt().algorithms(all).unwrap();
    for key in &keys {
        let claims = validate(&auth, &key.token(&issuer.claims())).await.unwrap();
        assert_eq!(claims.subject.as_deref(), Some("harriet"), "{}", key.id);
    }
    assert_eq!(issuer.key_requests(), 1);
}

#[tokio::test]
async fn a_signing_algorithm_that_is_not_accepted_is_rejected() {
    let key = Key::rsa("rsa");
    let issuer = TestIssuer::new([key.clone()]).await;
    let token = key.token(&issuer.claims());
    let pss = key.sign(r#"{"typ":"at+jwt","alg":"PS256","kid":"rsa"}"#, issuer.claims().to_string());
    assert!(validate(&issuer.jwt(), &pss).await.is_ok());
    let auth = issuer.jwt().algorithms([SigningAlgorithm::Ps256]).unwrap();
    assert!(validate(&auth, &pss).await.is_ok());
    assert_eq!(reason(&auth, &token).await, r#"the signing algorithm "RS256" is not accepted"#);
    // Not in the default list.
    let key = Key::p384("p384");
    let issuer = TestIssuer::new([key.clone()]).await;
    assert_eq!(
        reason(&issuer.jwt(), &key.token(&issuer.claims())).await,
        r#"the signing algorithm "ES384" is not accepted"#
    );
}

#[tokio::test]
async fn a_key_is_used_only_with_its_own_algorithm_and_for_signatures() {
    let key = Key::rsa("rsa");
    let issuer = TestIssuer::new([]).await;
    let token = key.token(&issuer.claims());
    for (member, value, is_valid) in [
        ("alg", json!("RS256"), true),
        ("use", json!("sig"), true),
        ("key_ops", json!(["verify"]), true),
        ("key_ops", json!(null), true),
        ("alg", json!("PS256"), false),
        ("alg", json!("ES256"), false),
        ("alg", json!("HS256"), false),
        ("alg", json!("unknown"), false),
        ("alg", json!(1), false),
        ("use", json!("enc"), false),
        ("key_ops", json!(["sign"]), false),
        ("key_ops", json!("verify"), false),
        ("kty", json!("EC"), false),
        ("kid", json!("other"), false),
        ("e", json!("AA"), false),
        ("n", json!("AQAB"), false),
    ] {
        let mut jwk = key.jwk();
        jwk[member] = value.clone();
        // Another key, so that the set is never empty.
        issuer.set_keys(&json!({"keys": [jwk, Key::ec("ec").jwk()]}));
        let result = validate(&issuer.jwt(), &token).await;
        assert_eq!(result.is_ok(), is_valid, "{member} {value}: {result:?}");
    }
}

#[tokio::test]
async fn a18_a_public_key_is_never_used_as_a_shared_secret() {
    use aws_lc_rs::hmac;

    let key = Key::rsa("rsa");
    let issuer = TestIssuer::new([key.clone()]).await;
    let jwk = key.jwk();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        for algorithm in ["HS256", "hs256", "RS256"] {
            let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": "rsa"}).to_string();
            let message = format!("{}.{}", encode(header), encode(issuer.claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
            let token = format!("{message}.{}", encode(tag));
            let reason = reason(&issuer.jwt(), &token).await;
            let expected = if algorithm == "RS256" { "does not match" } else { "is not accepted" };
            assert!(reason.contains(expected), "{algorithm}: {reason}");
        }
    }
    // A shared secret in the key set does not make it one.
    issuer.set_keys(&json!({"keys": [{"kty": "oct", "kid": "rsa", "k": encode("secret")}, Key::ec("ec").jwk()]}));
    let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": "rsa"}).to_string();
    let message = format!("{}.{}", encode(header), encode(issuer.claims().to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), message.as_bytes());
    let token = format!("{message}.{}", encode(tag));
    assert!(reason(&issuer.jwt(), &token).await.contains("is not accepted"));
}

#[tokio::test]
async fn a18_a_token_without_a_signature_is_rejected() {
    let key = Key::ec("ec");
    let issuer = TestIssuer::new([key.clone()]).await;
    let auth = issuer.jwt().accept_untyped_tokens();
    let payload = encode(issuer.claims().to_string());
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(json!({"alg": algorithm, "kid": "ec"}).to_string());
        let expected = format!("the signing algorithm {algorithm:?} is not accepted");
        assert_eq!(reason(&auth, &format!("{header}.{payload}.AA")).await, expected);
    }
    let header = encode(json!({"alg": "ES256", "kid": "ec"}).to_string());
    for (token, expected) in [
        (format!("{header}.{payload}.AA"), "the signature does not match the key of the issuer"),
        (format!("{header}.{payload}."), "the signature does not match the key of the issuer"),
        (format!("{header}.{payload}"), "the token is not a JWT"),
        (format!("{header}.{payload}.AA.AA"), "the token is not a JWT"),
        (format!("{header}.{payload}.AA.AA.AA"), "the token is an encrypted JWT"),
        ("control-token".to_owned(), "the token is not a JWT"),
    ] {
        assert_eq!(reason(&auth, &token).await, expected, "{token}");
    }
}

#[tokio::test]
async fn a_key_that_a_token_brings_or_refers_to_is_ignored() {
    let issuer = TestIssuer::new([Key::ec("ec")]).await;
    let evil = TestIssuer::new([Key::ec("evil")]).await;
    let own = Key::ec("ec");
    for (member, value) in [
        ("jwk", own.jwk()),
        ("jku", json!(format!("{}/keys", evil.url()))),
        ("x5u", json!(format!("{}/keys", evil.url()))),
        ("x5c", json!(["AA=="])),
    ] {
        let mut header = own.header();
        header[member] = value;
        let token = own.sign(header.to_string(), issuer.claims().to_string());
        assert!(reason(&issuer.jwt(), &token).await.contains("does not match"), "{member}");
    }
    assert_eq!(evil.key_requests(), 0);
}

#[tokio::test]
async fn a_header_that_is_ambiguous_or_requires_extensions_is_rejected() {
    let key = Key::ec("ec");
    let issuer = TestIssuer::new([key.clone()]).await;
    for (header, expected) in [
        (r#"{"typ":"at+jwt","alg":"ES256","kid":"ec","crit":["exp"],"exp":1}"#, "requires an extension"),
        (r#"{"typ":"at+jwt","alg":"ES256","kid":"ec","crit":["b64"],"b64":false}"#, "requires an extension"),
        (r#"{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"ec"}"#, "duplicate key"),
        (r#"{"typ":"at+jwt","alg":"ES256","kid":1}"#, "`kid` is not a string"),
        (r#"{"typ":"at+jwt","alg":["ES256"],"kid":"ec"}"#, "`alg` is not a string"),
        (r#"{"typ":"at+jwt","kid":"ec"}"#, "is not accepted"),
        ("[]", "not a JSON object"),
        ("", "not JSON"),
    ] {
        let token = key.sign(header, issuer.claims().to_string());
        let reason = reason(&issuer.jwt(), &token).await;
        assert!(reason.contains(expected), "{header}: {reason}");
    }
    let long = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{}"}}"#, "k".repeat(2000));
    assert!(reason(&issuer.jwt(), &key.sign(long, "{}")).await.contains("too long"));
    let large = format!(r#"{{"typ":"at+jwt","alg":"ES256","x":"{}"}}"#, "k".repeat(8000));
    assert!(reason(&issuer.jwt(), &key.sign(large, "{}")).await.contains("too large"));
}

#[tokio::test]
async fn a_token_without_a_key_id_is_valid_only_if_one_key_fits() {
    let (rsa, ec) = (Key::rsa("rsa"), Key::ec("ec"));
    let issuer = TestIssuer::new([rsa, ec.clone()]).await;
    let token = ec.sign(r#"{"typ":"at+jwt","alg":"ES256"}"#, issuer.claims().to_string());
    assert!(validate(&issuer.jwt(), &token).await.is_ok());
    issuer.rotate([ec, Key::ec("second")]);
    let reason = reason(&issuer.jwt(), &token).await;
    assert_eq!(reason, "several keys of the issuer fit the token, which has no `kid`");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_token_with_one_changed_character_is_never_valid(position: prop::sample::Index, replacement in "[A-Za-z0-9_.~-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let key = Key::ec("ec");
            let issuer = TestIssuer::new([key.clone()]).await;
            let mut token = key.token(&issuer.claims());
            let position = position.index(token.len());
            prop_assume!(token[position..=position] != replacement);
            token.replace_range(position..=position, &replacement);
            prop_assert!(validate(&issuer.jwt(), &token).await.is_err(), "{}", token);
            Ok(())
        })?;
    }
}
