//! Words that open something, and comparing them without telling by the time it takes how much was right.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::settings::HttpError;

/// A token, or the key of a webhook. Its text is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text, without the white space around it that files and editors leave.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_owned())
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A key that never leaves the process.
#[derive(Clone)]
pub(super) struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Thirty-two bytes from the system.
    pub(super) fn random() -> Result<Self, HttpError> {
        let mut bytes = [0; 32];
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let filled = provider.secure_random.fill(&mut bytes);
        filled.map_err(|_refused| HttpError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// One that follows from a secret, for one purpose: who has the same secret has the same key.
    pub(super) fn derived(secret: &Secret, purpose: &str) -> Self {
        Self(digest(secret.bytes(), purpose.as_bytes()))
    }

    /// Signs a text, as hexadecimal digits.
    pub(super) fn sign(&self, text: &str) -> String {
        hex::encode(digest(&self.0, text.as_bytes()))
    }

    /// Whether this is the signature of that text.
    pub(super) fn verifies(&self, text: &str, signature: &str) -> bool {
        verifies(&self.0, text.as_bytes(), signature)
    }

    /// A signature that nobody can know.
    pub(super) fn signing(&self) -> Signing {
        Signing::under(&self.0)
    }

    /// Whether two texts are the same. How long it takes depends on neither: both are signed, and the signatures compared.
    pub(super) fn same(&self, one: &[u8], other: &[u8]) -> bool {
        verifies(&self.0, one, &hex::encode(digest(&self.0, other)))
    }
}

/// HMAC-SHA256 of a text that comes in pieces.
pub(super) struct Signing(Option<Hmac<Sha256>>);

impl Signing {
    /// Under a key of any length.
    pub(super) fn under(key: &[u8]) -> Self {
        // A key of any length is a key of HMAC.
        Self(Hmac::new_from_slice(key).ok())
    }

    /// The text goes on.
    pub(super) fn add(&mut self, piece: &[u8]) {
        if let Some(mac) = &mut self.0 {
            mac.update(piece);
        }
    }

    /// Whether this is the signature of what was added; compared in constant time.
    pub(super) fn verifies(self, signature: &[u8]) -> bool {
        self.0.is_some_and(|mac| mac.verify_slice(signature).is_ok())
    }
}

/// Whether `signature`, in hexadecimal digits, is HMAC-SHA256 of `text` under `key`; compared in constant time.
fn verifies(key: &[u8], text: &[u8], signature: &str) -> bool {
    let mut signing = Signing::under(key);
    signing.add(text);
    hex::decode(signature).is_ok_and(|signature| signing.verifies(&signature))
}

fn digest(key: &[u8], text: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(text).finalize().into_bytes().into(),
        Err(_never) => [0; 32],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_its_text_and_key_alone() {
        let key = Key::random().unwrap();
        let signature = key.sign("text");
        assert!(key.verifies("text", &signature));
        assert!(!key.verifies("other", &signature) && !key.verifies("text", &signature[2..]));
        assert!(!key.verifies("text", "no digits") && !key.verifies("text", ""));
        assert!(!Key::random().unwrap().verifies("text", &signature));
        assert!(key.same(b"a", b"a") && !key.same(b"a", b"b") && !key.same(b"a", b""));
    }

    #[test]
    fn the_example_of_github_is_verified() {
        // From GitHub's page "Validating webhook deliveries".
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(verifies(
            b"It's a Secret to Everybody",
            b"Hello, World!",
            signature
        ));
        assert!(!verifies(
            b"It's a Secret to Everybody",
            b"Hello, World?",
            signature
        ));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Secret::new("canary-1\n"));
        assert_eq!(shown, "Secret(..)");
        assert_eq!(Secret::new(" x\n").len(), 1);
    }
}
