//! The code of a function as a set of files: a [`Bundle`], its zip, and the [`Content`] by which two packages are compared.
//!
//! Two tools that pack the same project write different zip bytes: another order, another compressor, another
//! umask. So code is never compared by its zip. It is compared by [`Content`], a digest of what a function can
//! see of its files: their paths, whether they may be executed, and their bytes. [`content_of_zip`] reads the same
//! digest off any zip, whoever wrote it.
//!
//! The zip that a `Bundle` writes is nevertheless the same to the byte wherever it is written: sorted names, the
//! first day of 1980, modes 0644 and 0755, Unix as the system, DEFLATE at level 6 by a compressor that takes the
//! same decisions on every processor. A later version of the compressor may write other bytes; the content stays.
//!
//! Given up: directories without files, symbolic links (a bundle holds what they point to), times, owners, and all
//! permission bits but "may be executed". A few names are left out everywhere because they belong to a machine and
//! not to the code, see [`is_litter`].
//!
//! This module does not know where files come from, what Python is, or how a package gets to AWS.

mod archive;
mod bundle;
mod content;
mod foreign;
mod litter;

pub use archive::{WriteError, ZipDigest};
pub use bundle::{BadPath, Bundle, Entry, FileError, Origin};
pub use content::{Content, FileDigest};
pub use foreign::{ForeignZip, Limits, content_of_zip};
pub use litter::is_litter;

#[cfg(test)]
mod tests;
