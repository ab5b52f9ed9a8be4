//! Reading of the project's files without being led astray: what a manifest names may be a device that never ends, a pipe that
//! nobody writes to, or a file of gigabytes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// The text of the file at `path` of at most `most` bytes.
///
/// # Errors
/// Why there is none, in words that end a sentence.
pub(super) fn text(path: &Path, most: u64) -> Result<String, String> {
    let meta = path.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    // It may have grown since it was looked at.
    let read = file.take(most + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| error.to_string())? as u64;
    if read > most {
        return Err(format!("it is larger than {} MB", most >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}

/// A path below the project's folder in its shortest form: `./a//b` and `a/b` are one. `None` for one that leads out of it.
pub(super) fn inside(path: &str) -> Option<PathBuf> {
    let parts = Path::new(path)
        .components()
        .filter(|part| *part != Component::CurDir);
    let own = parts.map(|part| match part {
        Component::Normal(part) => Some(part),
        _ => None,
    });
    own.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_project_has_one_form() {
        for (path, short) in [("a/b", "a/b"), ("./a//b", "a/b"), ("a/./b/", "a/b")] {
            assert_eq!(inside(path), Some(short.into()), "{path}");
        }
        for path in ["/a", "../a", "a/../b"] {
            assert_eq!(inside(path), None, "{path}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_largest_size_and_what_is_none_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(text(&file, 1 << 20).unwrap().len(), 1 << 20);
        std::fs::write(&file, vec![b'x'; (1 << 20) + 1]).unwrap();
        assert_eq!(text(&file, 1 << 20).unwrap_err(), "it is larger than 1 MB");
        assert_eq!(text(folder.path(), 1).unwrap_err(), "it is no file");
        #[cfg(unix)]
        assert_eq!(text(Path::new("/dev/zero"), 1).unwrap_err(), "it is no file");
    }
}
