//! Secrets that the way back needs, under a key that lies outside the project.
//!
//! One master key gives two others by HMAC with a label, one to seal and one for the keyed digests of
//! [`Digester`]: neither tells anything of the other. Sealing is XChaCha20-Poly1305 with a random nonce, which at 24 bytes
//! needs no counter; the id of the key is authenticated with the text. What is given up: whoever has the key reads
//! everything that was sealed with it. A key is rotated by naming the new one first and the old one behind it
//! ([`Keys::from_masters`]): the first seals, all of them open. With another key alone the old text is not readable
//! ([`SealError::OtherKey`]), and the caller says what it cannot restore.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::digest::Digester;
use crate::disk;
use crate::journal::Sealed;

const NONCE: usize = 24;
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Why something could not be sealed or opened.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with another key than the one at hand.
    #[error("it is sealed with the key {sealed}, and the key at hand is {ours}")]
    OtherKey {
        /// The id of the key that it was sealed with.
        sealed: String,
        /// The id of the key at hand.
        ours: String,
    },
    /// It is no longer what was sealed.
    #[error("the sealed text is damaged")]
    Damaged,
    /// The operating system gave no random bytes, or the cipher refused.
    #[error("the text could not be sealed")]
    Unavailable,
}

/// Seals documents and opens them again.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: String,
    /// Those of earlier keys, which only open.
    older: Vec<Sealer>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer with `key`.
    pub fn new(key: [u8; 32]) -> Self {
        let key_id = hex::encode(&Sha256::digest([b"grail seal key id".as_slice(), &key].concat())[..4]);
        Self {
            cipher: XChaCha20Poly1305::new(&key.into()),
            key_id,
            older: Vec::new(),
        }
    }

    /// The same, which also opens what these have sealed.
    #[must_use]
    pub fn with_older(self, older: Vec<Self>) -> Self {
        Self { older, ..self }
    }

    /// Whichever of its keys has this id.
    fn of_key(&self, key_id: &str) -> Result<&Self, SealError> {
        if key_id == self.key_id {
            return Ok(self);
        }
        let older = self.older.iter().find(|older| older.key_id == key_id);
        older.ok_or_else(|| SealError::OtherKey {
            sealed: key_id.to_owned(),
            ours: self.key_id.clone(),
        })
    }

    /// Names the key without giving it away.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The document, readable only with this key. Sealing it twice gives two different texts.
    ///
    /// # Errors
    /// [`SealError::Unavailable`] where there are no random bytes.
    pub fn seal(&self, document: &Value) -> Result<Sealed, SealError> {
        let bytes = self.seal_bytes(document.to_string().as_bytes(), self.key_id.as_bytes())?;
        let (nonce, bytes) = bytes.split_at(NONCE);
        Ok(Sealed {
            key_id: self.key_id.clone(),
            nonce: STANDARD.encode(nonce),
            bytes: STANDARD.encode(bytes),
        })
    }

    /// The document that was sealed.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] and [`SealError::Damaged`].
    pub fn open(&self, sealed: &Sealed) -> Result<Value, SealError> {
        self.of_key(&sealed.key_id)?;
        let damaged = |_| SealError::Damaged;
        let nonce = STANDARD.decode(&sealed.nonce).map_err(damaged)?;
        let bytes = STANDARD.decode(&sealed.bytes).map_err(damaged)?;
        if nonce.len() != NONCE {
            return Err(SealError::Damaged);
        }
        let bytes = [nonce, bytes].concat();
        let text = self.open_bytes(&sealed.key_id, &bytes, sealed.key_id.as_bytes())?;
        serde_json::from_slice(&text).map_err(|_| SealError::Damaged)
    }

    /// The nonce, and `text` readable only with this key. `about` is authenticated with it and must be named again to open it.
    ///
    /// # Errors
    /// [`SealError::Unavailable`] where there are no random bytes.
    pub fn seal_bytes(&self, text: &[u8], about: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Unavailable)?;
        let payload = Payload {
            msg: text,
            aad: about,
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Unavailable)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The text that the key `key_id` has sealed about just that.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] and [`SealError::Damaged`].
    pub fn open_bytes(&self, key_id: &str, sealed: &[u8], about: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealer = self.of_key(key_id)?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let payload = Payload {
            msg: sealed,
            aad: about,
        };
        sealer
            .cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)
    }
}

/// What one master key gives.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Seals what the way back needs.
    pub sealer: Sealer,
    /// Makes the digests by which a change of a secret is seen.
    pub digester: Digester,
}

impl Keys {
    /// Both, from `master`.
    pub fn from_master(master: &[u8; 32]) -> Self {
        Self {
            sealer: Sealer::new(derived(master, b"grail seal 1")),
            digester: Digester::new(derived(master, b"grail digest 1")),
        }
    }

    /// Those of `newest`, which also open what is sealed with one of `older`.
    pub fn from_masters(newest: &[u8; 32], older: &[[u8; 32]]) -> Self {
        let keys = Self::from_master(newest);
        let older = older.iter().map(|master| Self::from_master(master).sealer);
        Self {
            sealer: keys.sealer.with_older(older.collect()),
            ..keys
        }
    }
}

fn derived(master: &[u8; 32], label: &[u8]) -> [u8; 32] {
    // A key of one hash block at most is taken as it is, so this is HMAC-SHA256 with the master as key.
    let mut block = [0; 64];
    block[..32].copy_from_slice(master);
    <Hmac<Sha256> as Mac>::new(&block.into())
        .chain_update(label)
        .finalize()
        .into_bytes()
        .into()
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is no key. It is not repeated here.
    #[error("{origin} holds no key: 32 bytes in hexadecimal or Base64 are expected")]
    Malformed {
        /// Where the text stands: a file or a variable.
        origin: String,
    },
    /// Others than its owner may read the file.
    #[error("the key file {path} can be read by others (mode {mode:o})", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits. `chmod 600` heals it, if nobody has read it yet.
        mode: u32,
    },
    /// The operating system refused.
    #[error("could not {doing} the key file {path}", path = path.display())]
    Io {
        /// What was being attempted.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("there are no random bytes to make a key of")]
    NoRandomness,
}

/// Reads a key of 32 bytes written in hexadecimal or in Base64 (either alphabet, padded or not). `origin` names where the
/// text stands (`GRAIL_SEAL_KEY`), for the error.
///
/// # Errors
/// [`KeyError::Malformed`], which does not repeat the text.
pub fn parse_key(text: &str, origin: &str) -> Result<[u8; 32], KeyError> {
    let text = text.trim();
    let sized = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).ok();
    hex::decode(text)
        .ok()
        .and_then(sized)
        .or_else(|| STANDARD.decode(text).ok().and_then(sized))
        .or_else(|| URL_SAFE.decode(text).ok().and_then(sized))
        .ok_or_else(|| KeyError::Malformed {
            origin: origin.to_owned(),
        })
}

/// Reads keys that are parted by commas, the newest first.
///
/// # Errors
/// As [`parse_key`].
pub fn parse_keys(text: &str, origin: &str) -> Result<([u8; 32], Vec<[u8; 32]>), KeyError> {
    let mut keys = text.split(',').map(|text| parse_key(text, origin));
    let newest = keys.next().unwrap_or_else(|| parse_key("", origin))?;
    Ok((newest, keys.collect::<Result<_, _>>()?))
}

/// The key in the file at `path`; `None` where there is no file.
///
/// # Errors
/// [`KeyError::Exposed`] if others may read it, [`KeyError::Malformed`] if it holds no key; it is left as it is.
pub fn load_key(path: &Path) -> Result<Option<[u8; 32]>, KeyError> {
    let unreadable = |source| KeyError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let Some(bytes) = disk::read(path).map_err(unreadable)? else {
        return Ok(None);
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
    }
    parse_key(&String::from_utf8_lossy(&bytes), &path.display().to_string()).map(Some)
}

/// The key in the file at `path`, which is made, of mode 0600 and with a new random key, where there is none. Of two that
/// make it at once, both get the key of the first.
///
/// # Errors
/// As [`load_key`], and where the file could not be written.
pub fn load_or_create_key(path: &Path) -> Result<[u8; 32], KeyError> {
    if let Some(key) = load_key(path)? {
        return Ok(key);
    }
    let unwritable = |source| KeyError::Io {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|_| KeyError::NoRandomness)?;
    path.parent()
        .map_or(Ok(()), disk::create_folder)
        .map_err(unwritable)?;
    let text = format!("{}\n", hex::encode(key));
    if disk::create_new(path, text.as_bytes()).map_err(unwritable)? {
        return Ok(key);
    }
    load_key(path)?.ok_or_else(|| unwritable(std::io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_only() {
        let one = Sealer::new([1; 32]);
        let document = json!({"environment": {"PASSWORD": "hunter2"}});
        let sealed = one.seal(&document).unwrap();
        assert_eq!(one.open(&sealed).unwrap(), document);
        assert_ne!(one.seal(&document).unwrap(), sealed, "each nonce is new");
        let two = Sealer::new([2; 32]);
        assert_eq!(
            two.open(&sealed),
            Err(SealError::OtherKey {
                sealed: one.key_id().to_owned(),
                ours: two.key_id().to_owned()
            })
        );
    }

    #[test]
    fn a_rotated_key_opens_what_the_old_one_sealed() {
        let (old, new) = ([1; 32], [2; 32]);
        let sealed = Keys::from_master(&old).sealer.seal(&json!("x")).unwrap();
        let text = format!("{}, {}", hex::encode(new), STANDARD.encode(old));
        let (newest, older) = parse_keys(&text, "test").unwrap();
        let keys = Keys::from_masters(&newest, &older);
        assert_eq!(keys.sealer.open(&sealed).unwrap(), json!("x"));
        let again = keys.sealer.seal(&json!("x")).unwrap();
        assert_eq!(again.key_id, Keys::from_master(&new).sealer.key_id());
        for text in [
            "",
            ",",
            &format!("{},", hex::encode(new)),
            &format!("{},x", hex::encode(new)),
        ] {
            assert!(
                matches!(parse_keys(text, "test"), Err(KeyError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn any_change_of_a_sealed_text_is_seen() {
        let sealer = Sealer::new([1; 32]);
        let sealed = sealer.seal(&json!("x")).unwrap();
        let mut bytes = STANDARD.decode(&sealed.bytes).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = Sealed {
                bytes: STANDARD.encode(&bytes),
                ..sealed.clone()
            };
            assert_eq!(sealer.open(&changed), Err(SealError::Damaged));
            bytes[at] ^= 1;
        }
        for (nonce, text) in [
            ("", ""),
            ("AAAA", "AAAA"),
            ("***", "*"),
            (sealed.nonce.as_str(), ""),
        ] {
            let changed = Sealed {
                nonce: nonce.to_owned(),
                bytes: text.to_owned(),
                ..sealed.clone()
            };
            assert_eq!(sealer.open(&changed), Err(SealError::Damaged));
        }
    }

    #[test]
    fn a_key_id_taken_for_another_is_not_enough_to_open() {
        let (one, two) = (Sealer::new([1; 32]), Sealer::new([2; 32]));
        let sealed = Sealed {
            key_id: two.key_id().to_owned(),
            ..one.seal(&json!(1)).unwrap()
        };
        assert_eq!(two.open(&sealed), Err(SealError::Damaged));
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let keys = Keys::from_master(&[7; 32]);
        let shown = format!("{keys:?}");
        assert!(shown.contains(keys.sealer.key_id()) && !shown.contains("07, 07") && !shown.contains("7, 7"));
    }

    #[test]
    fn the_derived_keys_are_those_of_hmac_and_stay_the_same() {
        // `printf 'grail seal 1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707...`
        assert_eq!(
            hex::encode(derived(&[7; 32], b"grail seal 1")),
            "54d1d8ce70653dabba724ffb1d03e53e68cedfa55692606c89b00f74df795863"
        );
        assert_ne!(
            derived(&[7; 32], b"grail seal 1"),
            derived(&[7; 32], b"grail digest 1")
        );
    }

    #[test]
    fn a_key_is_read_in_every_usual_spelling() {
        let key = std::array::from_fn(|at| (at * 8 + 3) as u8 | 0xc0);
        for text in [
            hex::encode(key),
            hex::encode_upper(key),
            STANDARD.encode(key),
            URL_SAFE.encode(key),
            STANDARD.encode(key).trim_end_matches('=').to_owned(),
            format!(" {}\n", hex::encode(key)),
        ] {
            assert_eq!(parse_key(&text, "test").unwrap(), key, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_key_is_not_repeated() {
        let short = "00".repeat(31);
        for text in ["", "hunter2hunter2", &"00".repeat(33), &short] {
            let error = parse_key(text, "GRAIL_SEAL_KEY").unwrap_err().to_string();
            assert!(error.starts_with("GRAIL_SEAL_KEY"), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_key_file_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grail/seal.key");
        assert!(load_key(&path).unwrap().is_none());
        let key = load_or_create_key(&path).unwrap();
        assert_eq!(load_or_create_key(&path).unwrap(), key);
        assert_eq!(load_key(&path).unwrap(), Some(key));
        fs::write(&path, "no key").unwrap();
        assert!(matches!(
            load_or_create_key(&path),
            Err(KeyError::Malformed { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "no key");
    }

    #[test]
    fn all_who_make_the_key_at_once_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_create_key(&path).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        load_or_create_key(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create_key(&path).unwrap_err();
        assert!(error.to_string().ends_with("(mode 640)"), "{error}");
    }
}
