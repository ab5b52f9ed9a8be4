//! Finished packages in the cache, by their content.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use grail_providers::package::{Bundle, Content, ZipDigest};
use serde::{Deserialize, Serialize};

use super::PackageError;

/// Names the way in which a zip is written. Another way, another name: a package is the same on every machine that
/// runs the same grail, whatever is in its cache.
const FORM: &str = "1";
/// How many packages are kept. Stages, targets and projects take turns.
const KEPT: usize = 16;
/// What was used this shortly before the last is kept, however much it is: a manifest of many functions has all of them packed
/// before the first is read, and other processes pack as well.
const TOGETHER: Duration = Duration::from_secs(10 * 60);

/// The folder of finished packages.
#[derive(Clone, Debug)]
pub(super) struct Shelf(PathBuf);

/// A package on the shelf.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) digest: ZipDigest,
    pub(super) size: u64,
}

#[derive(Serialize, Deserialize)]
struct Label {
    sha256: String,
    size: u64,
}

impl Shelf {
    pub(super) fn new(cache: &Path) -> Self {
        Self(cache.join("packages"))
    }

    /// The zip of `bundle`: the one on the shelf, or a new one that is put there.
    pub(super) fn keep(&self, bundle: &Bundle, content: &Content) -> Result<Kept, PackageError> {
        let zip = self.0.join(format!("{content}-{FORM}.zip"));
        let label = zip.with_extension("json");
        if let Some(kept) = kept(&zip, &label) {
            touch(&zip);
            return Ok(kept);
        }
        let failed = |source| PackageError::Cache {
            path: zip.clone(),
            source,
        };
        fs::create_dir_all(&self.0).map_err(failed)?;
        let bytes = bundle.zip()?;
        let digest = ZipDigest::of(&bytes);
        let size = bytes.len() as u64;
        write_whole(&zip, &bytes).map_err(failed)?;
        // The label comes last: a zip without one is written again.
        let text = serde_json::to_vec(&Label {
            sha256: digest.hex(),
            size,
        })
        .map_err(|error| failed(error.into()))?;
        write_whole(&label, &text).map_err(failed)?;
        keep_newest(&self.0, "zip", KEPT);
        Ok(Kept {
            path: zip,
            digest,
            size,
        })
    }
}

fn kept(zip: &Path, label: &Path) -> Option<Kept> {
    let label: Label = serde_json::from_slice(&fs::read(label).ok()?).ok()?;
    if zip.metadata().ok()?.len() != label.size {
        return None;
    }
    Some(Kept {
        path: zip.to_owned(),
        digest: ZipDigest::from_hex(&label.sha256)?,
        size: label.size,
    })
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    // Without this a power cut may leave the name of the file and not its bytes.
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Marks something in the cache as used now. The mark is the time of a file beside it; failing does no harm.
pub(super) fn touch(path: &Path) {
    let _ = fs::write(path.with_extension("used"), b"");
}

/// Removes all but the `count` entries with this extension that were used last, with what belongs to them. What was used with the
/// last of all, within [`TOGETHER`], stays as well.
pub(super) fn keep_newest(dir: &Path, extension: &str, count: usize) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let used = |path: &Path| {
        let time = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
        time(&path.with_extension("used")).max(time(path))
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .map(|path| (used(&path), path))
        .collect();
    found.sort_by(|one, other| other.cmp(one));
    let newest = found.first().and_then(|(used, _)| *used);
    let before = newest.and_then(|newest| newest.checked_sub(TOGETHER));
    for (_, path) in found.iter().skip(count).filter(|(used, _)| *used < before) {
        for sibling in ["json", "used", extension] {
            let _ = fs::remove_file(path.with_extension(sibling));
        }
    }
}
