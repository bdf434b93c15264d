//! What Redis is given is sealed: it can neither be read there nor made up.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::auth::BearerToken;

const SALT: &[u8] = b"toolgate replicas 1";
/// Of the form of what is sealed; part of what is authenticated.
const VERSION: u8 = 1;
const NONCE: usize = 24;

/// The keys that all replicas derive from their secret, for one resource: what one server was told is nothing to
/// another, even if they share Redis and the secret.
pub(super) struct Keys {
    names: SecretBox<[u8; 32]>,
    answers: SecretBox<[u8; 32]>,
}

/// What an answer is found by: a keyed hash of its token.
#[derive(Debug)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Keys {
    /// `None` never comes about: the keys are not too long to be derived.
    pub(super) fn new(secret: &[u8], resource: &str) -> Option<Self> {
        let master = Hkdf::<Sha256>::new(Some(SALT), secret);
        let derive = |purpose: &[u8]| {
            let mut key = Box::new([0; 32]);
            master.expand_multi_info(&[purpose, b" ", resource.as_bytes()], key.as_mut()).ok()?;
            Some(SecretBox::new(key))
        };
        Some(Self { names: derive(b"names")?, answers: derive(b"answers")? })
    }

    pub(super) fn name(&self, token: &BearerToken) -> Name {
        let digest = Sha256::digest(token.expose());
        // HKDF's extraction is HMAC, with the salt for a key (RFC 5869, 2.2).
        let (name, _) = Hkdf::<Sha256>::extract(Some(self.names.expose_secret()), &digest);
        Name(name.iter().fold(String::with_capacity(64), |name, byte| name + &format!("{byte:02x}")))
    }

    pub(super) fn seal(&self, token: &BearerToken, name: &Name, plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: plain, aad: &associated(name) };
        let sealed = self.cipher(token)?.encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut value = Vec::with_capacity(1 + NONCE + sealed.len());
        value.push(VERSION);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Some(value)
    }

    /// `None` if it was not sealed with these keys, for this token, under this name.
    pub(super) fn open(&self, token: &BearerToken, name: &Name, value: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = value.split_first()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        if version != VERSION {
            return None;
        }
        let payload = Payload { msg: sealed, aad: &associated(name) };
        self.cipher(token)?.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// A cipher for one token: whoever has the secret, and not the token, reads nothing either.
    fn cipher(&self, token: &BearerToken) -> Option<XChaCha20Poly1305> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(self.answers.expose_secret()), token.expose().as_bytes())
            .expand(b"answer", &mut key)
            .ok()?;
        Some(XChaCha20Poly1305::new(&key.into()))
    }
}

fn associated(name: &Name) -> Vec<u8> {
    [&[VERSION], name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> BearerToken {
        BearerToken::parse(text).unwrap()
    }

    fn seal(secret: u8, resource: &str) -> Keys {
        Keys::new(&[secret; 32], resource).unwrap()
    }

    #[test]
    fn what_one_replica_sealed_another_opens() {
        let (one, other, token) = (seal(1, "r"), seal(1, "r"), token("t"));
        let name = one.name(&token);
        assert_eq!(name.as_str(), other.name(&token).as_str());
        assert!(name.as_str().len() == 64 && name.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        let sealed = one.seal(&token, &name, b"claims").unwrap();
        assert_ne!(sealed, one.seal(&token, &name, b"claims").unwrap());
        assert_eq!(other.open(&token, &name, &sealed).unwrap(), b"claims");
    }

    #[test]
    fn it_opens_for_its_own_secret_resource_token_and_name_only() {
        let (mine, token) = (seal(1, "r"), token("t"));
        let name = mine.name(&token);
        let sealed = mine.seal(&token, &name, b"claims").unwrap();
        for other in [seal(2, "r"), seal(1, "s")] {
            assert_ne!(other.name(&token).as_str(), name.as_str());
            assert!(other.open(&token, &name, &sealed).is_none());
        }
        let another = BearerToken::parse("u").unwrap();
        assert!(mine.open(&another, &name, &sealed).is_none());
        assert!(mine.open(&token, &mine.name(&another), &sealed).is_none());
    }

    #[test]
    fn what_was_changed_anywhere_does_not_open() {
        let (mine, token) = (seal(1, "r"), token("t"));
        let name = mine.name(&token);
        let sealed = mine.seal(&token, &name, b"claims").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(mine.open(&token, &name, &changed).is_none(), "{at}");
            assert!(mine.open(&token, &name, &sealed[..at]).is_none(), "{at}");
        }
    }
}
