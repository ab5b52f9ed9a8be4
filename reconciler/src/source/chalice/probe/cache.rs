//! Answers of earlier imports, each kept with the state of everything that it read.
//!
//! An answer holds while every file, folder listing, looked-up name, package folder and environment variable that the import
//! read is as it was; what was read is found out by listening, not by guessing. So `chalicelib/`, `vendor/`, other modules of
//! the project and files that the app opens count, and files that nobody read do not. An import that ran a program, opened a
//! connection or wrote a file is not kept. **Boundary:** what an import takes from the clock, from chance, or through a
//! library written in C is not seen; an app whose routes hang on such things must be probed without a cache.
//!
//! One file per project, interpreter and configured environment. Values of environment variables are kept as keyed digests
//! only. A cache that cannot be read or written is as good as none: it never fails a deploy.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use grail_state::digest::{Digest, Digester};
use serde::{Deserialize, Serialize};

use super::{Facts, Read, Request, SCRIPT};
use crate::source::chalice::app::App;

/// Variables that shells change from call to call. They matter to no import.
const RESTLESS: [&str; 3] = ["_", "SHLVL", "OLDPWD"];

/// A folder of kept answers.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    digester: Digester,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    read: Read,
    variables: BTreeMap<String, Option<String>>,
    facts: Facts,
    app: App,
}

impl Cache {
    /// A cache in `folder`, which need not exist yet. `digester` makes environment variables comparable without keeping them.
    pub fn new(folder: impl Into<PathBuf>, digester: Digester) -> Self {
        Self {
            folder: folder.into(),
            digester,
        }
    }

    /// The kept answer, where it still holds.
    pub(super) fn find(&self, request: &Request<'_>) -> Option<(App, Facts)> {
        let bytes = fs::read(self.file(request)?).ok()?;
        let entry: Entry = serde_json::from_slice(&bytes).ok()?;
        let holds =
            entry.variables == self.variables(&entry.read.variables, request) && is_as_read(&entry.read);
        holds.then_some((entry.app, entry.facts))
    }

    /// Keeps an answer, unless the import did what no note can cover.
    pub(super) fn keep(&self, request: &Request<'_>, facts: &Facts, app: &App, read: &Read) {
        let Some(file) = self.file(request) else { return };
        if !read.volatile.is_empty() {
            tracing::debug!(because = ?read.volatile, "the answer of this import is not kept");
            return;
        }
        let variables = self.variables(&read.variables, request);
        let entry = Entry {
            read: read.clone(),
            variables,
            facts: facts.clone(),
            app: app.clone(),
        };
        if let Err(error) = write(&self.folder, &file, &entry) {
            tracing::debug!(%error, "the answer of this import could not be kept");
        }
    }

    fn file(&self, request: &Request<'_>) -> Option<PathBuf> {
        let project = request.project.canonicalize().ok()?;
        let key = serde_json::json!({
            "script": Digest::of(SCRIPT.as_bytes()),
            "python": request.python,
            "project": project,
            "configured": self.digester.secret(&serde_json::json!(request.configured).to_string()),
        });
        Some(self.folder.join(format!("probe-{}.json", Digest::of_value(&key))))
    }

    /// The variables `names` as the app would find them: keyed digests, `None` for what is not set.
    fn variables(&self, names: &[String], request: &Request<'_>) -> BTreeMap<String, Option<String>> {
        let mut seen: BTreeMap<OsString, &OsStr> = request
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.as_os_str()))
            .collect();
        seen.extend(
            request
                .configured
                .iter()
                .map(|(name, value)| (OsString::from(name), OsStr::new(value))),
        );
        let all = names.iter().any(|name| name == "*");
        let mut wanted: Vec<OsString> = names
            .iter()
            .filter(|name| *name != "*")
            .map(OsString::from)
            .collect();
        let steering = |name: &OsString| name.to_string_lossy().starts_with("PYTHON");
        wanted.extend(seen.keys().filter(|name| all || steering(name)).cloned());
        wanted.retain(|name| !RESTLESS.iter().any(|restless| name == *restless));
        let digest = |value: &OsStr| self.digester.secret(&value.to_string_lossy());
        wanted
            .into_iter()
            .map(|name| {
                let value = seen.get(&name).map(|value| digest(value));
                (name.to_string_lossy().into_owned(), value)
            })
            .collect()
    }
}

fn is_as_read(read: &Read) -> bool {
    let same_file = |(path, digest): (&PathBuf, &Option<String>)| file_digest(path) == *digest;
    let same_folder = |(path, names): (&PathBuf, &Option<Vec<String>>)| listing(path) == *names;
    let same_kind = |(path, kind): (&PathBuf, &String)| kind_of(path) == kind;
    let same_packages = |(path, stamp): (&PathBuf, &Option<String>)| time_stamp(path) == *stamp;
    read.packages.iter().all(same_packages)
        && read.asked.iter().all(same_kind)
        && read.folders.iter().all(same_folder)
        && read.files.iter().all(same_file)
}

fn file_digest(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|bytes| Digest::of(&bytes).0)
}

/// As the probe lists: without what Python itself leaves in a folder.
fn listing(path: &Path) -> Option<Vec<String>> {
    let entries = fs::read_dir(path).ok()?;
    let mut names: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "__pycache__" && !name.ends_with(".pyc"))
        .collect();
    names.sort();
    Some(names)
}

fn kind_of(path: &Path) -> &'static str {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => "folder",
        Ok(_) => "file",
        Err(_) => "none",
    }
}

fn time_stamp(path: &Path) -> Option<String> {
    let changed = fs::metadata(path).and_then(|found| found.modified()).ok()?;
    changed
        .duration_since(UNIX_EPOCH)
        .ok()
        .map(|since| since.as_nanos().to_string())
}

fn write(folder: &Path, file: &Path, entry: &Entry) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    // Made readable by its owner alone, and put in place whole.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&serde_json::to_vec(entry)?)?;
    temporary.persist(file)?;
    Ok(())
}
