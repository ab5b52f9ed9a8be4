//! What `requirements.txt` asks for, with everything that it includes.
//!
//! Only as much of pip's format is understood as is needed to tell whether anything at all is asked for, whether two
//! states of a project ask for the same, and which requirements are folders of this machine. The rest is pip's.
//!
//! Not seen: a change behind an address (`-r https://...`), in an index, or in a variable that a line names (`${...}`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use grail_providers::package::Bundle;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

mod line;

pub(crate) use line::normal_name;

use line::{decode, is_place, leading_name, logical_lines, option};

/// Folders of a local requirement that building it makes or that belong to a machine.
const PASSED_OVER: &[&str] = &["node_modules", "venv"];

/// The requirements of a project.
#[derive(Clone, Debug)]
pub struct Requirements {
    file: PathBuf,
    digest: String,
    empty: bool,
    names: BTreeSet<String>,
    placed: BTreeSet<String>,
    folders: Vec<PathBuf>,
}

/// The requirements could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    /// A file of requirements or constraints.
    #[error("reading {}{}", .file.display(), included(.by))]
    Read {
        /// The file.
        file: PathBuf,
        /// The file and line that include it.
        by: Option<(PathBuf, usize)>,
        /// Why.
        source: io::Error,
    },
    /// A folder or file of this machine that a line names.
    #[error("reading {}, which {}:{line} names", .path.display(), .file.display())]
    Local {
        /// The folder or file.
        path: PathBuf,
        /// The file of requirements.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: io::Error,
    },
}

fn included(by: &Option<(PathBuf, usize)>) -> String {
    by.as_ref()
        .map(|(file, line)| format!(", which {}:{line} includes", file.display()))
        .unwrap_or_default()
}

impl RequirementsError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read {
                by: Some((file, line)),
                ..
            } => Some(format!(
                "correct line {line} of {}, or add the file",
                file.display()
            )),
            Self::Read { by: None, .. } | Self::Local { .. } => Some("check that it can be read".to_owned()),
        }
    }
}

impl Requirements {
    /// The `requirements.txt` of a project; none is the same as an empty one.
    ///
    /// # Errors
    /// [`RequirementsError`] when it, a file that it includes, or a folder that it names cannot be read.
    pub fn read(project_dir: &Path) -> Result<Self, RequirementsError> {
        let file = project_dir.join("requirements.txt");
        let mut reading = Reading {
            project_dir,
            sha: Sha256::new(),
            seen: BTreeSet::new(),
            empty: true,
            names: BTreeSet::new(),
            placed: BTreeSet::new(),
            folders: Vec::new(),
        };
        if file.exists() {
            reading.file(&file, None)?;
        }
        let Reading {
            sha,
            empty,
            names,
            placed,
            folders,
            ..
        } = reading;
        Ok(Self {
            file,
            digest: hex::encode(sha.finalize()),
            empty,
            names,
            placed,
            folders,
        })
    }

    /// The path of `requirements.txt`, whether or not it exists.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A digest of all that was read: the lines, of included files too, and the contents of local folders.
    /// Comments and blank lines do not count.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether nothing is asked for, so that no tool need run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Whether a line names this package (in its normal form, such as `typing-extensions`).
    #[must_use]
    pub fn names(&self, package: &str) -> bool {
        self.names.contains(package)
    }

    /// Whether a line says where this package is to be had from, so that one of the same name from an index is not it.
    #[must_use]
    pub fn places(&self, package: &str) -> bool {
        self.placed.contains(package)
    }

    /// The folders of this machine that are asked for as packages.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

struct Reading<'a> {
    project_dir: &'a Path,
    sha: Sha256,
    seen: BTreeSet<PathBuf>,
    empty: bool,
    names: BTreeSet<String>,
    placed: BTreeSet<String>,
    folders: Vec<PathBuf>,
}

impl Reading<'_> {
    fn file(&mut self, file: &Path, by: Option<(PathBuf, usize)>) -> Result<(), RequirementsError> {
        let failed = |source| RequirementsError::Read {
            file: file.to_owned(),
            by: by.clone(),
            source,
        };
        // `a/../b` and `b` are one file: files may include each other in a circle.
        if !self.seen.insert(file.canonicalize().map_err(failed)?) {
            return Ok(());
        }
        let bytes = fs::read(file).map_err(failed)?;
        for (number, line) in logical_lines(&decode(&bytes)) {
            self.sha.update(line.as_bytes());
            self.sha.update(b"\n");
            self.line(file, number, &line)?;
        }
        if by.is_some() {
            // Moving a line out of an included file is a change; where the file lies is not.
            self.sha.update(b"end\n");
        }
        Ok(())
    }

    fn line(&mut self, file: &Path, number: usize, line: &str) -> Result<(), RequirementsError> {
        let beside = |name: &str| file.parent().unwrap_or(Path::new("")).join(name);
        if let Some(name) = option(line, "-r", "--requirement").or_else(|| option(line, "-c", "--constraint"))
        {
            if name.contains("://") {
                // What is behind it cannot be told; pip is asked.
                self.empty &= option(line, "-r", "--requirement").is_none();
                return Ok(());
            }
            let constraint = option(line, "-c", "--constraint").is_some();
            let before = (
                self.empty,
                self.names.clone(),
                self.placed.clone(),
                self.folders.len(),
            );
            self.file(&beside(name), Some((file.to_owned(), number)))?;
            if constraint {
                // A constraint asks for nothing, it only says which.
                let (empty, names, placed, folders) = before;
                (self.empty, self.names, self.placed) = (empty, names, placed);
                self.folders.truncate(folders);
            }
            return Ok(());
        }
        if let Some(place) = option(line, "-f", "--find-links") {
            let place = place.strip_prefix("file://").unwrap_or(place);
            let near = beside(place);
            return if near.exists() {
                self.local(&near, file, number)
            } else {
                Ok(())
            };
        }
        if let Some(place) = option(line, "-e", "--editable") {
            return self.requirement(place, file, number);
        }
        if line.starts_with('-') {
            return Ok(());
        }
        self.requirement(line, file, number)
    }

    fn requirement(&mut self, text: &str, file: &Path, number: usize) -> Result<(), RequirementsError> {
        self.empty = false;
        let name = leading_name(text);
        let place = text
            .split_once('@')
            .filter(|(before, _)| leading_name(before.trim()).is_some());
        match place {
            Some((_, place)) if !text.contains("://") || place.contains("://") => {
                self.names.extend(name.clone());
                self.placed.extend(name);
                self.place(place.trim(), file, number)
            }
            _ if is_place(text) => {
                if let Some((_, egg)) = text.split_once("#egg=") {
                    let egg = leading_name(egg);
                    self.names.extend(egg.clone());
                    self.placed.extend(egg);
                }
                self.place(text, file, number)
            }
            _ => {
                self.names.extend(name);
                Ok(())
            }
        }
    }

    /// A requirement that says where it is: followed if that is on this machine.
    fn place(&mut self, place: &str, file: &Path, number: usize) -> Result<(), RequirementsError> {
        // The blank keeps a marker apart from an address, which may hold a semicolon.
        let path = place.split_once(" ;").map_or(place, |(path, _)| path).trim();
        let path = path.strip_prefix("file://").unwrap_or(path);
        let path = path.split_once('#').map_or(path, |(path, _)| path);
        if path.contains("://") {
            return Ok(());
        }
        let whole = self.project_dir.join(path);
        // `./lib[extra]` asks for the folder `./lib`.
        let path = match path.rsplit_once('[') {
            Some((folder, _)) if !whole.exists() => self.project_dir.join(folder.trim()),
            _ => whole,
        };
        if path.is_dir() {
            self.folders.push(path.clone());
        }
        if path.exists() {
            self.local(&path, file, number)
        } else {
            Ok(())
        }
    }

    /// Takes the contents of a file or folder of this machine into the digest.
    fn local(&mut self, path: &Path, file: &Path, line: usize) -> Result<(), RequirementsError> {
        let failed = |source: io::Error| RequirementsError::Local {
            path: path.to_owned(),
            file: file.to_owned(),
            line,
            source,
        };
        let mut bundle = Bundle::new();
        let walk = WalkDir::new(path)
            .into_iter()
            .filter_entry(|entry| !passed_over(entry.depth(), &entry.file_name().to_string_lossy()));
        for entry in walk {
            let entry = entry.map_err(|error| failed(error.into()))?;
            if !entry.file_type().is_file() {
                continue;
            }
            let inside = entry
                .path()
                .strip_prefix(path)
                .unwrap_or(entry.path())
                .to_string_lossy();
            let name = if inside.is_empty() { "file".into() } else { inside };
            bundle
                .insert_file(&name, entry.path(), false)
                .map_err(|error| failed(io::Error::other(error)))?;
        }
        self.sha.update(bundle.content().as_str());
        Ok(())
    }
}

/// What building a package leaves in its folder, and what is no source of it.
fn passed_over(depth: usize, name: &str) -> bool {
    match depth {
        0 => false,
        1 if matches!(name, "build" | "dist") => true,
        _ => name.starts_with('.') || name.ends_with(".egg-info") || PASSED_OVER.contains(&name),
    }
}

#[cfg(test)]
mod tests;
