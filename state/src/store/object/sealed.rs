//! Objects that nobody reads who has the bucket alone: each is sealed as a whole before it is put, under its own name.
//!
//! A sealed object is the line `grail-sealed-1 <key id>`, the nonce (24 bytes), and the text with its tag, all as
//! XChaCha20-Poly1305 gives them. Authenticated with it are that line and the object's key, so that none can be passed off as
//! another; an older version of the same object can. Keys of objects and the sizes of their contents stay to be seen.
//!
//! What was put before sealing was asked for is read as it is, and sealed when it is next written.

use std::sync::Arc;

use async_trait::async_trait;

use super::objects::{Condition, Found, ObjectError, Objects, Tag};
use crate::seal::{SealError, Sealer};

const MARK: &str = "grail-sealed-1 ";

/// Objects that are opened when they are read, and sealed when they are written if that is wished.
pub struct SealedObjects {
    objects: Arc<dyn Objects>,
    sealer: Sealer,
    seals: bool,
}

impl SealedObjects {
    /// Seals what is put among `objects`, and opens what it or another of the sealer's keys has sealed.
    pub fn above(objects: Arc<dyn Objects>, sealer: Sealer) -> Self {
        Self {
            objects,
            sealer,
            seals: true,
        }
    }

    /// Only opens: what is put stays as it is.
    pub fn opening(objects: Arc<dyn Objects>, sealer: Sealer) -> Self {
        Self {
            objects,
            sealer,
            seals: false,
        }
    }

    fn open(&self, key: &str, bytes: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let Some(rest) = bytes.strip_prefix(MARK.as_bytes()) else {
            return Ok(bytes);
        };
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(SealError::Damaged)?;
        let (key_id, sealed) = rest.split_at(end);
        let key_id = std::str::from_utf8(key_id).map_err(|_| SealError::Damaged)?;
        let sealed = sealed.get(1..).unwrap_or_default();
        self.sealer.open_bytes(key_id, sealed, &about(key_id, key))
    }

    fn seal(&self, key: &str, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        let key_id = self.sealer.key_id();
        let sealed = self.sealer.seal_bytes(bytes, &about(key_id, key))?;
        Ok([MARK.as_bytes(), key_id.as_bytes(), b"\n", &sealed].concat())
    }
}

fn about(key_id: &str, key: &str) -> Vec<u8> {
    format!("{MARK}{key_id}\n{key}").into_bytes()
}

fn refused(error: SealError) -> ObjectError {
    ObjectError::Refused(Box::new(error))
}

#[async_trait]
impl Objects for SealedObjects {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        let Some(found) = self.objects.get(key).await? else {
            return Ok(None);
        };
        let bytes = self.open(key, found.bytes).map_err(refused)?;
        Ok(Some(Found {
            bytes,
            tag: found.tag,
        }))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let bytes = match self.seals {
            true => self.seal(key, &bytes).map_err(refused)?,
            false => bytes,
        };
        self.objects.put(key, bytes, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.objects.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.objects.delete(key).await
    }
}
