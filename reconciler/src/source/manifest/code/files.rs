//! Files of the project, as they are packed.

use std::fs::{self, File, Metadata};
use std::io::{BufReader, Read as _};
use std::path::Path;

use grail_providers::package::{Bundle, is_litter};
use walkdir::{DirEntry, WalkDir};
use zip::ZipArchive;

use super::CodeError;
use crate::source::chalice::package::PackageError;

/// What is never packed of a folder: what belongs to grail, to tools and to a machine.
const NEVER: [&str; 10] = [
    ".chalice",
    ".git",
    ".gitignore",
    ".grail",
    ".venv",
    "grail.json",
    "grail.schema.json",
    "grail.toml",
    "grail.yaml",
    ".DS_Store",
];

/// The largest zip that is read, unzipped: more than Lambda takes, so that its own limit is what is told.
const UNZIPPED: u64 = 300 << 20;

/// What of a folder is left out.
pub(super) struct Ignore(Vec<Vec<String>>);

impl Ignore {
    /// Patterns of paths below the folder. `*` stands for any part of a name, `**` for any folders; one without a slash
    /// holds at any depth, one that ends in a slash is as without it.
    pub(super) fn new(patterns: &[String]) -> Self {
        let parts = |pattern: &String| {
            let whole = pattern.trim_start_matches("./").trim_end_matches('/');
            let rooted = whole.contains('/');
            let own = whole.trim_start_matches('/').split('/').map(ToOwned::to_owned);
            match rooted {
                true => own.collect(),
                false => std::iter::once("**".to_owned()).chain(own).collect(),
            }
        };
        Self(patterns.iter().map(parts).collect())
    }

    /// Whether a path is left out, or a folder above it.
    pub(super) fn holds(&self, path: &str) -> bool {
        let parts: Vec<_> = path.split('/').collect();
        (1..=parts.len()).any(|end| {
            let part = parts.get(..end).unwrap_or_default();
            self.0.iter().any(|pattern| fits(pattern, part))
        })
    }
}

fn fits(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            fits(rest, path) || path.split_first().is_some_and(|(_, below)| fits(pattern, below))
        }
        (Some((first, rest)), Some((name, below))) => like(first, name) && fits(rest, below),
        _ => false,
    }
}

/// Whether a name is as a pattern with `*` says. In one pass: a long pattern takes no longer than its length says.
pub(in crate::source::manifest) fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let others: Vec<_> = parts.collect();
    let Some((last, middle)) = others.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// Every file of a folder.
pub(super) fn pack_dir(root: &Path, ignore: &Ignore) -> Result<Bundle, CodeError> {
    let mut bundle = Bundle::new();
    // Neither a file nor a folder that is left out is looked into: what is wrong in there is of no concern.
    let is_left_out = |path: &Path, folder: bool| {
        let name = path.file_name().and_then(|name| name.to_str());
        let inside = inside(root, path);
        name.is_some_and(|name| NEVER.contains(&name) || folder && is_litter(name))
            || inside.is_ok_and(|inside| ignore.holds(&inside))
    };
    let wanted =
        |entry: &DirEntry| entry.depth() == 0 || !is_left_out(entry.path(), entry.file_type().is_dir());
    let walk = WalkDir::new(root)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    for entry in walk.filter_entry(wanted) {
        // A link that leads nowhere or back comes as an error.
        let lost = entry.as_ref().err().and_then(walkdir::Error::path);
        if lost.is_some_and(|path| path != root && is_left_out(path, false)) {
            continue;
        }
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            let source = error
                .into_io_error()
                .unwrap_or_else(|| std::io::Error::other("it leads in a circle"));
            PackageError::Read { path, source }
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = inside(root, entry.path())?;
        let meta = entry.metadata().map_err(|error| PackageError::Read {
            path: entry.path().to_owned(),
            source: error.into(),
        })?;
        let may_run = executable(&meta) || path == "bootstrap";
        bundle
            .insert_file(&path, entry.path(), may_run)
            .map_err(PackageError::from)?;
    }
    Ok(bundle)
}

/// One file under its own name.
pub(super) fn pack_file(file: &Path) -> Result<Bundle, CodeError> {
    let read = |source| PackageError::Read {
        path: file.to_owned(),
        source,
    };
    let meta = file.metadata().map_err(read)?;
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| PackageError::Name {
        path: file.to_owned(),
    })?;
    let mut bundle = Bundle::new();
    let may_run = executable(&meta) || name == "bootstrap";
    bundle
        .insert_file(name, file, may_run)
        .map_err(PackageError::from)?;
    Ok(bundle)
}

/// The files of a zip.
pub(super) fn pack_zip(file: &Path) -> Result<Bundle, CodeError> {
    let shown = file.display();
    let broken = |error: &dyn std::fmt::Display| CodeError::Words(format!("reading {shown}: {error}"));
    let open = File::open(file).map_err(|error| broken(&error))?;
    let mut zip = ZipArchive::new(BufReader::new(open)).map_err(|error| broken(&error))?;
    let (mut bundle, mut left) = (Bundle::new(), UNZIPPED);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| broken(&error))?;
        if entry.is_dir() {
            continue;
        }
        let path = entry.name().map_err(|error| broken(&error))?.replace('\\', "/");
        if entry.is_symlink() {
            let said = format!("{shown} holds a symbolic link, `{path}`");
            return Err(CodeError::Words(said));
        }
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(left + 1).read_to_end(&mut bytes);
        let read = read.map_err(|error| broken(&error))? as u64;
        left = left
            .checked_sub(read)
            .ok_or_else(|| CodeError::Words(format!("{shown} holds more than 300 MB")))?;
        let may_run = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        bundle
            .insert_bytes(&path, bytes, may_run)
            .map_err(PackageError::from)?;
    }
    Ok(bundle)
}

fn inside(root: &Path, file: &Path) -> Result<String, CodeError> {
    let inside = file.strip_prefix(root).ok();
    let parts: Option<Vec<&str>> =
        inside.and_then(|inside| inside.iter().map(|part| part.to_str()).collect());
    let parts = parts.ok_or_else(|| PackageError::Name {
        path: file.to_owned(),
    })?;
    Ok(parts.join("/"))
}

#[cfg(unix)]
fn executable(meta: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &Metadata) -> bool {
    false
}

/// Writes the requirements that a manifest lists where pip finds them.
pub(super) fn write_requirements(folder: &Path, lines: &str) -> Result<(), CodeError> {
    let path = folder.join("requirements.txt");
    fs::write(&path, lines).map_err(|source| PackageError::Read { path, source }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_left_out_with_all_below_it() {
        let ignore = Ignore::new(&[
            "*.md".into(),
            "tests/".into(),
            "/docs/*.txt".into(),
            "a/**/b".into(),
        ]);
        for path in [
            "README.md",
            "x/notes.md",
            "tests/one.py",
            "x/tests/two/three.py",
            "docs/a.txt",
            "a/b",
            "a/x/y/b/c",
        ] {
            assert!(ignore.holds(path), "{path}");
        }
        for path in ["main.py", "docs/sub/a.txt", "x/docs/a.txt", "testsuite.py", "b/a"] {
            assert!(!ignore.holds(path), "{path}");
        }
    }

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name) in [
            ("*", ""),
            ("a*", "a"),
            ("*.rs", "x.rs"),
            ("a*b*c", "aXbYbc"),
            ("**", "x"),
        ] {
            assert!(like(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a*b", "ba"), ("ab*ba", "aba"), ("*.rs", "x.rsx")] {
            assert!(!like(pattern, name), "{pattern} {name}");
        }
    }
}
