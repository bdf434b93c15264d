//! Encryption of what replicas share: Redis can neither read entries nor forge them.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretBox};
use sha2::{Digest as _, Sha256};

use crate::hexadecimal::hexadecimal;

const SALT: &[u8] = b"toolgate replicas 1";
/// Version of the format of an encrypted entry. It is authenticated with the entry.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 24;

/// Keys that all replicas derive from their secret and the resource. Servers for different resources therefore share
/// no entries, even if they share Redis and the secret.
pub(super) struct EncryptionKeys {
    name_key: SecretBox<[u8; 32]>,
    entry_key: SecretBox<[u8; 32]>,
}

/// Name of an encrypted entry in Redis: a keyed hash of its token or ID, as 64 hexadecimal digits.
#[derive(Debug)]
pub(super) struct EntryName(String);

impl EntryName {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl EncryptionKeys {
    /// Derives the keys of the shared token cache from the secret of the replicas and the resource of their server.
    pub(super) fn new(secret: &[u8], resource: &str) -> Self {
        Self::derive(secret, resource, [b"names", b"entries"])
    }

    /// Derives the keys of tasks.
    pub(super) fn of_tasks(secret: &[u8], resource: &str) -> Self {
        Self::derive(secret, resource, [b"task names", b"tasks"])
    }

    fn derive(secret: &[u8], resource: &str, [names, entries]: [&[u8]; 2]) -> Self {
        let master = Hkdf::<Sha256>::new(Some(SALT), secret);
        let derive = |purpose: &[u8]| {
            let mut key = Box::new([0; 32]);
            let info = [purpose, b" ", resource.as_bytes()];
            master.expand_multi_info(&info, key.as_mut()).expect("HKDF can derive 32 bytes");
            SecretBox::new(key)
        };
        Self { name_key: derive(names), entry_key: derive(entries) }
    }

    /// Returns the name of the entry of a token, or of another text that only those have who may read the entry.
    pub(super) fn entry_name(&self, token: &str) -> EntryName {
        let digest = Sha256::digest(token);
        // HKDF-Extract is HMAC with the salt as its key (RFC 5869, section 2.2).
        let (hash, _) = Hkdf::<Sha256>::extract(Some(self.name_key.expose_secret()), &digest);
        EntryName(hexadecimal(&hash))
    }

    /// Encrypts an entry: the version, the nonce and the ciphertext.
    pub(super) fn encrypt(&self, token: &str, name: &EntryName, plaintext: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload { msg: plaintext, aad: &associated_data(name) };
        let ciphertext = self.cipher(token)?.encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut entry = Vec::with_capacity(1 + NONCE_LEN + ciphertext.len());
        entry.push(VERSION);
        entry.extend_from_slice(&nonce);
        entry.extend_from_slice(&ciphertext);
        Some(entry)
    }

    /// Decrypts an entry. `None` if it was not encrypted with these keys, for this token and with this name.
    pub(super) fn decrypt(&self, token: &str, name: &EntryName, entry: &[u8]) -> Option<Vec<u8>> {
        let (&version, rest) = entry.split_first()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>()?;
        if version != VERSION {
            return None;
        }
        let payload = Payload { msg: ciphertext, aad: &associated_data(name) };
        self.cipher(token)?.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// Returns the cipher for one token. Its key depends on the token, so that the secret alone decrypts nothing.
    fn cipher(&self, token: &str) -> Option<XChaCha20Poly1305> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(Some(self.entry_key.expose_secret()), token.as_bytes())
            .expand(b"entry", &mut key)
            .ok()?;
        Some(XChaCha20Poly1305::new(&key.into()))
    }
}

fn associated_data(name: &EntryName) -> Vec<u8> {
    [&[VERSION], name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8, resource: &str) -> EncryptionKeys {
        EncryptionKeys::new(&[secret; 32], resource)
    }

    #[test]
    fn another_replica_decrypts_an_entry() {
        let (first, second, token) = (keys(1, "r"), keys(1, "r"), "t");
        let name = first.entry_name(token);
        assert_eq!(name.as_str(), second.entry_name(token).as_str());
        assert!(name.as_str().len() == 64 && name.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        let entry = first.encrypt(token, &name, b"claims").unwrap();
        assert_ne!(entry, first.encrypt(token, &name, b"claims").unwrap());
        assert_eq!(second.decrypt(token, &name, &entry).unwrap(), b"claims");
    }

    #[test]
    fn an_entry_is_bound_to_its_secret_resource_token_and_name() {
        let (keys_of_entry, token_of_entry) = (keys(1, "r"), "t");
        let name = keys_of_entry.entry_name(token_of_entry);
        let entry = keys_of_entry.encrypt(token_of_entry, &name, b"claims").unwrap();
        for other in [keys(2, "r"), keys(1, "s")] {
            assert_ne!(other.entry_name(token_of_entry).as_str(), name.as_str());
            assert!(other.decrypt(token_of_entry, &name, &entry).is_none());
        }
        let other = "u";
        assert!(keys_of_entry.decrypt(other, &name, &entry).is_none());
        assert!(keys_of_entry.decrypt(token_of_entry, &keys_of_entry.entry_name(other), &entry).is_none());
    }

    #[test]
    fn a_modified_or_truncated_entry_is_rejected() {
        let (keys, token) = (keys(1, "r"), "t");
        let name = keys.entry_name(token);
        let entry = keys.encrypt(token, &name, b"claims").unwrap();
        for index in 0..entry.len() {
            let mut modified = entry.clone();
            modified[index] ^= 1;
            assert!(keys.decrypt(token, &name, &modified).is_none(), "{index}");
            assert!(keys.decrypt(token, &name, &entry[..index]).is_none(), "{index}");
        }
    }
}
