//! An issuer of tokens: keys, and an HTTP server with its metadata and key set.

use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{RESOURCE, unix_now};
use crate::oauth::{
    Jwt,
    stub::{Request, Stub, response},
};

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Key of an issuer, with its key ID.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: &'static str,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    P256(Arc<EcdsaKeyPair>),
    P384(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl Key {
    /// Returns the RSA key that all tests share, because generating one takes a while.
    pub(super) fn rsa(id: &'static str) -> Self {
        static KEY: LazyLock<Arc<RsaKeyPair>> =
            LazyLock::new(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
        Self { id, pair: Pair::Rsa(Arc::clone(&KEY)) }
    }

    /// Generates a key on P-256.
    pub(super) fn ec(id: &'static str) -> Self {
        Self { id, pair: Pair::P256(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())) }
    }

    pub(super) fn p384(id: &'static str) -> Self {
        Self { id, pair: Pair::P384(Arc::new(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())) }
    }

    pub(super) fn ed25519(id: &'static str) -> Self {
        Self { id, pair: Pair::Ed25519(Arc::new(Ed25519KeyPair::generate().unwrap())) }
    }

    /// Returns the algorithm with which the key signs by default.
    pub(super) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::P384(_) => "ES384",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// Returns the public key without `alg` and `use`.
    pub(super) fn jwk(&self) -> Value {
        let point = |key: &EcdsaKeyPair, curve: &str| {
            let (x, y) = key.public_key().as_ref()[1..].split_at((key.public_key().as_ref().len() - 1) / 2);
            json!({"kid": self.id, "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        };
        match &self.pair {
            Pair::Rsa(key) => {
                let modulus = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
                let exponent = key.public_key().exponent().big_endian_without_leading_zero().to_vec();
                json!({"kid": self.id, "kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
            }
            Pair::P256(key) => point(key, "P-256"),
            Pair::P384(key) => point(key, "P-384"),
            Pair::Ed25519(key) => {
                json!({"kid": self.id, "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref())})
            }
        }
    }

    /// Signs a token with this header and payload, which need not be JSON.
    pub(super) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", encode(header.as_ref()), encode(payload.as_ref()));
        let is_pss = String::from_utf8_lossy(header.as_ref()).contains("PS256");
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let encoding = if is_pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                key.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::P256(key) | Pair::P384(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed25519(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }

    /// Signs an access token with these claims.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(self.header().to_string(), claims.to_string())
    }

    pub(super) fn header(&self) -> Value {
        json!({"typ": "at+jwt", "alg": self.algorithm(), "kid": self.id})
    }
}

/// Running issuer.
pub(super) struct TestIssuer {
    stub: Stub,
    /// Key set, or `None` during an outage.
    keys: Arc<Mutex<Option<String>>>,
}

impl TestIssuer {
    pub(super) async fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let keys: Vec<_> = keys.into_iter().map(|key| key.jwk()).collect();
        let keys = Arc::new(Mutex::new(Some(json!({"keys": keys}).to_string())));
        let served = Arc::clone(&keys);
        let stub = Stub::new(move |request: &Request| {
            let issuer = format!("http://{}", request.headers["host"].to_str().unwrap());
            let metadata = json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/keys"),
                "code_challenge_methods_supported": ["S256"],
            });
            let keys = served.lock().unwrap().clone();
            Some(match (request.uri.path(), keys) {
                ("/.well-known/oauth-authorization-server", Some(_)) => response(200, &[], metadata.to_string()),
                ("/keys", Some(keys)) => response(200, &[], keys),
                (_, None) => response(503, &[], ""),
                _ => response(404, &[], ""),
            })
        })
        .await;
        Self { stub, keys }
    }

    pub(super) fn url(&self) -> &str {
        &self.stub.url
    }

    pub(super) fn jwt(&self) -> Jwt {
        Jwt::new(self.url()).unwrap()
    }

    /// Replaces the document at `jwks_uri`.
    pub(super) fn set_keys(&self, document: &Value) {
        *self.keys.lock().unwrap() = Some(document.to_string());
    }

    pub(super) fn rotate(&self, keys: impl IntoIterator<Item = Key>) {
        let keys: Vec<_> = keys.into_iter().map(|key| key.jwk()).collect();
        self.set_keys(&json!({"keys": keys}));
    }

    /// Responds 503 to every request from now on.
    pub(super) fn stop(&self) {
        *self.keys.lock().unwrap() = None;
    }

    /// Returns the number of requests for the key set.
    pub(super) fn key_requests(&self) -> usize {
        self.stub.requests().iter().filter(|request| request.uri.path() == "/keys").count()
    }

    /// Returns the claims of a valid access token.
    pub(super) fn claims(&self) -> Value {
        let now = unix_now();
        json!({
            "iss": self.url(), "aud": RESOURCE, "sub": "harriet", "client_id": "client", "iat": now, "exp": now + 60,
            "jti": "1", "scope": "employees:read payroll:read",
        })
    }

    /// Returns the claims of a valid access token with others in their place. `null` removes a claim.
    pub(super) fn claims_with(&self, changes: &Value) -> Value {
        let mut claims: Map<_, _> = self.claims().as_object().unwrap().clone();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        claims.into()
    }
}
