//! The project's own files, where Chalice puts them.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use grail_providers::package::{Bundle, is_litter};
use walkdir::{DirEntry, WalkDir};

use super::{PackageError, Warning};
use crate::source::python::Chalice;

/// The runtime of `chalice`, `app.py` and `chalicelib/`.
pub(super) fn app(
    project_dir: &Path,
    chalice: &Chalice,
    warnings: &mut Vec<Warning>,
) -> Result<Bundle, PackageError> {
    let mut bundle = Bundle::new();
    let runtime = [
        ("chalice/app.py", &chalice.app_py),
        ("chalice/__init__.py", &chalice.init_py),
    ];
    for (path, file) in runtime {
        // Its mode is an accident of how it was installed.
        bundle.insert_file(path, file, false)?;
    }
    let app = project_dir.join("app.py");
    let meta = app.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PackageError::NoApp {
            project_dir: project_dir.to_owned(),
        },
        _ => PackageError::Read {
            path: app.clone(),
            source,
        },
    })?;
    bundle.insert_file("app.py", &app, executable(&meta))?;
    let mut packing = Packing {
        bundle: &mut bundle,
        warnings,
    };
    // Chalice walks `chalicelib` without following linked folders, and `vendor` following them.
    packing.folder(&project_dir.join("chalicelib"), "chalicelib/", false)?;
    Ok(bundle)
}

/// What is in `vendor/`, which lies over all else.
pub(super) fn vendor(project_dir: &Path, warnings: &mut Vec<Warning>) -> Result<Bundle, PackageError> {
    let mut bundle = Bundle::new();
    let mut packing = Packing {
        bundle: &mut bundle,
        warnings,
    };
    packing.folder(&project_dir.join("vendor"), "", true)?;
    Ok(bundle)
}

struct Packing<'a> {
    bundle: &'a mut Bundle,
    warnings: &'a mut Vec<Warning>,
}

impl Packing<'_> {
    /// Puts every file below `root`, if that is a folder, at its path behind `prefix`.
    fn folder(&mut self, root: &Path, prefix: &str, follow: bool) -> Result<(), PackageError> {
        if !root.is_dir() {
            return Ok(());
        }
        let walk = WalkDir::new(root)
            .follow_links(follow)
            .sort_by_file_name()
            .into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_litter_folder(entry)) {
            let entry = entry.map_err(|error| failed(root, error))?;
            if !entry.file_type().is_dir() {
                self.file(root, prefix, entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &Path, prefix: &str, file: &Path) -> Result<(), PackageError> {
        let path = format!("{prefix}{}", path_in_package(root, file)?);
        if is_litter(&path) {
            if path.ends_with(".pyc") && !file.with_extension("py").exists() {
                self.warnings.push(Warning::NoSource { path });
            }
            return Ok(());
        }
        let link = |source| PackageError::Link {
            path: file.to_owned(),
            source,
        };
        let meta = file.metadata().map_err(link)?;
        if meta.is_dir() {
            // A linked folder in `chalicelib`.
            return Ok(());
        }
        if !meta.is_file() {
            self.warnings.push(Warning::NoFile { path });
            return Ok(());
        }
        Ok(self.bundle.insert_file(&path, file, executable(&meta))?)
    }
}

/// Not even entered: `.git` is large, and may hold what cannot be read.
fn is_litter_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_dir() && entry.file_name().to_str().is_some_and(is_litter)
}

fn path_in_package(root: &Path, file: &Path) -> Result<String, PackageError> {
    let not_text = || PackageError::Name {
        path: file.to_owned(),
    };
    let inside = file.strip_prefix(root).map_err(|_| not_text())?;
    let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
    Ok(parts.ok_or_else(not_text)?.join("/"))
}

fn failed(root: &Path, error: walkdir::Error) -> PackageError {
    let path = error.path().unwrap_or(root).to_owned();
    let dangling = path.is_symlink();
    let circle = error.loop_ancestor().is_some();
    let source = error
        .into_io_error()
        .unwrap_or_else(|| io::Error::other("it leads in a circle"));
    if circle || dangling {
        PackageError::Link { path, source }
    } else {
        PackageError::Read { path, source }
    }
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

#[cfg(test)]
mod tests;
