//! Bytes by digest: packages, and old code that a way back needs.

use crate::digest::Digest;

/// Why bytes could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system refused.
    #[error("could not {doing} the artifact {digest}")]
    Io {
        /// What was being attempted.
        doing: &'static str,
        /// Which artifact.
        digest: Digest,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes that were kept are no longer those of the digest.
    #[error("the artifact {digest} is damaged")]
    Damaged {
        /// Which artifact.
        digest: Digest,
    },
}

/// A store of bytes under their SHA-256.
pub trait Artifacts: Send + Sync {
    /// Keeps `bytes`; keeping the same bytes twice is one artifact. Durable when it returns.
    ///
    /// # Errors
    /// Where they could not be written.
    fn put(&self, bytes: &[u8]) -> Result<Digest, ArtifactError>;

    /// The bytes of `digest`, if they are kept.
    ///
    /// # Errors
    /// Where they could not be read, or are damaged.
    fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ArtifactError>;
}
