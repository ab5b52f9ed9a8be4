//! A project under test: a copy of a fixture in a folder of its own, which a scenario may edit.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use walkdir::WalkDir;

use crate::python;

/// A copied project. Its folder goes when it is dropped.
#[derive(Debug)]
pub struct Project {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Project {
    /// A copy of `tests/fixtures/<name>`.
    pub fn fixture(name: &str) -> Project {
        Project::copy_of(&python::repository().join("tests/fixtures").join(name))
    }

    /// A copy of `examples/<name>`.
    pub fn example(name: &str) -> Project {
        Project::copy_of(&python::repository().join("examples").join(name))
    }

    /// A copy of any project. What tools leave behind (`__pycache__`, `.chalice/deployments`) is not copied.
    pub fn copy_of(source: &Path) -> Project {
        assert!(source.is_dir(), "there is no project at {}", source.display());
        let name = source.file_name().expect("a project has a name");
        let project = Project::empty_named(&name.to_string_lossy());
        for entry in WalkDir::new(source)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| !is_left_over(entry))
        {
            let entry = entry.unwrap_or_else(|error| panic!("reading {}: {error}", source.display()));
            let inside = entry
                .path()
                .strip_prefix(source)
                .expect("an entry lies in its folder");
            let target = project.root.join(inside);
            let done = if entry.file_type().is_dir() {
                fs::create_dir_all(&target)
            } else {
                fs::copy(entry.path(), &target).map(|_| ())
            };
            done.unwrap_or_else(|error| {
                panic!(
                    "copying {} to {}: {error}",
                    entry.path().display(),
                    target.display()
                )
            });
        }
        project
    }

    /// An empty folder.
    pub fn empty() -> Project {
        Project::empty_named("project")
    }

    fn empty_named(name: &str) -> Project {
        let folder = tempfile::tempdir().expect("creating a folder for a project");
        let root = folder.path().join(name);
        fs::create_dir(&root).expect("creating the project's own folder");
        Project { folder, root }
    }

    /// A copy of all that is there: the project with what tools have left in it, and what lies beside it.
    #[must_use]
    pub fn twin(&self) -> Project {
        let folder = tempfile::tempdir().expect("creating a folder for a project");
        copy(self.folder.path(), folder.path());
        let inside = self.root.strip_prefix(self.folder.path());
        let root = folder
            .path()
            .join(inside.expect("a project lies in its own folder"));
        Project { folder, root }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder beside the project that lives as long: homes and caches of the tools under test.
    pub fn beside(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).expect("creating a folder beside the project");
        folder
    }

    /// A file of the project as text.
    pub fn read(&self, file: &str) -> String {
        let path = self.root.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
    }

    /// Whether the project has this file or folder.
    pub fn has(&self, file: &str) -> bool {
        self.root.join(file).exists()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&path, text))
            .unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
    }

    /// Removes a file.
    pub fn remove(&self, file: &str) {
        let path = self.root.join(file);
        fs::remove_file(&path).unwrap_or_else(|error| panic!("removing {}: {error}", path.display()));
    }

    /// Replaces the one place in a file that reads `old`. Fails where there is none, or more than one.
    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert_eq!(
            text.matches(old).count(),
            1,
            "{file} has not exactly one place that reads {old:?}"
        );
        self.write(file, &text.replacen(old, new, 1));
    }

    /// Changes `.chalice/config.json`.
    pub fn configure(&self, change: impl FnOnce(&mut Value)) {
        const FILE: &str = ".chalice/config.json";
        let mut config = serde_json::from_str(&self.read(FILE)).expect("the fixture's config.json is JSON");
        change(&mut config);
        self.write(FILE, &format!("{config:#}\n"));
    }

    /// Chalice's record of a stage as text; none where there is no file.
    pub fn deployed_text(&self, stage: &str) -> Option<String> {
        fs::read_to_string(self.deployed_file(stage)).ok()
    }

    /// Chalice's record of a stage; fails where there is none.
    pub fn deployed(&self, stage: &str) -> Value {
        let path = self.deployed_file(stage);
        let text = self
            .deployed_text(stage)
            .unwrap_or_else(|| panic!("there is no {}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
    }

    /// Where Chalice records a stage.
    pub fn deployed_file(&self, stage: &str) -> PathBuf {
        self.root.join(format!(".chalice/deployed/{stage}.json"))
    }

    /// Chalice's record as text with the server's ids replaced by words, so that two deployments compare to the byte.
    pub fn deployed_without_ids(&self, stage: &str) -> String {
        const IDS: [&str; 4] = [
            "rest_api_id",
            "websocket_api_id",
            "event_uuid",
            "alias_domain_name",
        ];
        let record = self.deployed(stage);
        let mut text = self.deployed_text(stage).unwrap_or_default();
        for resource in record["resources"].as_array().into_iter().flatten() {
            let ids = IDS
                .iter()
                .filter_map(|key| Some((*key, resource[*key].as_str()?)));
            // Of these only the end is the server's: a number, and a time.
            let ends = [("subscription_arn", ':'), ("stream_arn", '/')];
            let ends = ends
                .iter()
                .filter_map(|(key, sign)| Some((*key, resource[*key].as_str()?.rsplit(*sign).next()?)));
            for (key, id) in ids.chain(ends) {
                text = text.replace(id, &format!("<{key}>"));
            }
        }
        text
    }

    /// One resource of Chalice's record, by its logical name.
    pub fn recorded(&self, stage: &str, name: &str) -> Value {
        let record = self.deployed(stage);
        let found = record["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|resource| resource["name"] == name);
        found
            .unwrap_or_else(|| panic!("{stage}.json records no {name}: {record:#}"))
            .clone()
    }

    /// Every file of the project with its content, for "nothing here was touched".
    pub fn files(&self) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
        let entries = WalkDir::new(&self.root).into_iter().filter_map(Result::ok);
        let files = entries
            .filter(|entry| entry.file_type().is_file())
            .filter_map(|entry| {
                let inside = entry.path().strip_prefix(&self.root).ok()?.to_path_buf();
                Some((inside, fs::read(entry.path()).ok()?))
            });
        files.collect()
    }
}

/// Copies files, folders and links as they are.
fn copy(from: &Path, to: &Path) {
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry.unwrap_or_else(|error| panic!("reading {}: {error}", from.display()));
        let inside = entry.path().strip_prefix(from);
        let target = to.join(inside.expect("an entry lies in its folder"));
        let kind = entry.file_type();
        let done = if kind.is_dir() {
            fs::create_dir_all(&target)
        } else if kind.is_symlink() {
            fs::read_link(entry.path()).and_then(|leads_to| std::os::unix::fs::symlink(leads_to, &target))
        } else {
            fs::copy(entry.path(), &target).map(|_| ())
        };
        done.unwrap_or_else(|error| panic!("copying {}: {error}", entry.path().display()));
    }
}

fn is_left_over(entry: &walkdir::DirEntry) -> bool {
    const LEFT_OVER: [&str; 5] = ["__pycache__", ".venv", "deployments", "deployed", "grail"];
    entry.depth() > 0 && LEFT_OVER.iter().any(|name| entry.file_name() == *name)
}
