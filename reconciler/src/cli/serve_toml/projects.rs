//! The tables `[projects.NAME]`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use toml_edit::{Item, TableLike};

use super::{GitSource, Project, ServeToml, Source, StageOptions, is_name, without_credentials};
use crate::cli::toml_reader::{Reader, any};

/// Between two looks at a remote, where nothing is said.
const POLL: Duration = Duration::from_secs(60);

/// What says how a stage is carried. It stands at a stage, or at a project for all of its stages.
const OPTIONS: [&str; 11] = [
    "allow_replace",
    "follow",
    "interval",
    "max_deletes",
    "on_drift",
    "on_failure",
    "parallelism",
    "paused",
    "profile",
    "region",
    "require_approval",
];

/// What a project says besides.
const OF_PROJECT: [&str; 8] = [
    "branch",
    "git",
    "path",
    "poll",
    "ref",
    "stages",
    "subdirectory",
    "webhook_secret_env",
];

impl Reader {
    pub(super) fn project(&mut self, name: &str, item: &Item, toml: &mut ServeToml) {
        let path = format!("projects.{name}");
        let Some(table) = item.as_table_like() else {
            return self.wrong(item, &format!("`{path}` is a table: `[{path}]`"));
        };
        if name.is_empty() || !is_name(name) {
            self.wrong(
                item,
                "the name of a project has letters, digits, `-`, `_` and `.`",
            );
        }
        let mut all = StageOptions::default();
        for (key, item) in table.iter() {
            if !self.option(item, key, &path, &mut all) && !OF_PROJECT.contains(&key) {
                let known = [&OPTIONS[..], &OF_PROJECT].concat();
                self.unknown(table, key, &format!("{path}."), &known);
            }
        }
        if let Some(item) = table.get("webhook_secret_env")
            && let Some(variable) = self.variable(item, &format!("{path}.webhook_secret_env"))
        {
            toml.http.webhooks.insert(name.to_owned(), variable);
        }
        let stages = match table.get("stages") {
            Some(stages) => self.stages_of(stages, &path, &all),
            None => {
                self.wrong(item, &format!("`{path}` names no stages: `stages = [\"dev\"]`"));
                BTreeMap::new()
            }
        };
        if let Some(source) = self.source(item, table, &path) {
            toml.projects.insert(name.to_owned(), Project { source, stages });
        }
    }

    fn source(&mut self, item: &Item, table: &dyn TableLike, path: &str) -> Option<Source> {
        match (table.get("path"), table.get("git")) {
            (Some(folder), None) => {
                for key in ["branch", "poll", "ref", "subdirectory"] {
                    if let Some(item) = table.get(key) {
                        self.wrong(
                            item,
                            &format!("`{path}.{key}` is for a project that comes from `git`"),
                        );
                    }
                }
                let form = "a path that is not empty";
                let folder = self.text(folder, &format!("{path}.path"), form, any)?;
                Some(Source::Folder(folder.into()))
            }
            (None, Some(git)) => self.git(git, table, path).map(Source::Git),
            (Some(_), Some(git)) => {
                self.wrong(
                    git,
                    &format!("`{path}` comes from a folder (`path`) or from `git`, not from both"),
                );
                None
            }
            (None, None) => {
                self.wrong(
                    item,
                    &format!("`{path}` comes from nowhere: it needs `path` or `git`"),
                );
                None
            }
        }
    }

    fn git(&mut self, item: &Item, table: &dyn TableLike, path: &str) -> Option<GitSource> {
        let at = |key: &str| format!("{path}.{key}");
        let url = self.text(
            item,
            &at("git"),
            "the address of a remote, as `git clone` takes it",
            is_remote,
        );
        let reference = match (table.get("branch"), table.get("ref")) {
            (Some(_), Some(item)) => {
                self.wrong(item, &format!("`{path}` follows a `branch` or a `ref`, not both"));
                None
            }
            (Some(branch), None) => {
                let branch = self.text(branch, &at("branch"), "the name of a branch", is_reference);
                branch.map(|name| format!("refs/heads/{name}"))
            }
            (None, Some(item)) => {
                let form = "the full name of a reference, such as `refs/tags/live`";
                self.text(item, &at("ref"), form, |text| {
                    text.starts_with("refs/") && is_reference(text)
                })
            }
            (None, None) => None,
        };
        let subdirectory = table.get("subdirectory").and_then(|item| {
            let form = "a folder inside of the repository";
            self.text(item, &at("subdirectory"), form, is_inside)
        });
        let poll = match table.get("poll") {
            Some(item) => self.poll(item, &at("poll")),
            None => Some(POLL),
        };
        Some(GitSource {
            url: url?,
            reference,
            subdirectory: subdirectory.map(PathBuf::from),
            poll: poll?,
        })
    }

    /// A time, or a number of seconds.
    fn poll(&mut self, item: &Item, path: &str) -> Option<Duration> {
        match item.as_integer() {
            Some(seconds @ 1..) => Some(Duration::from_secs(seconds.unsigned_abs())),
            Some(_) => {
                self.wrong(item, &format!("`{path}` is a second at least"));
                None
            }
            None => self.time(item, path, Duration::from_secs(1)),
        }
    }

    fn stages_of(&mut self, item: &Item, path: &str, all: &StageOptions) -> BTreeMap<String, StageOptions> {
        let mut stages = BTreeMap::new();
        let path = format!("{path}.stages");
        if let Some(tables) = item.as_array_of_tables() {
            for table in tables {
                self.stage_in_table(table, item, &path, all, &mut stages);
            }
        } else if let Some(array) = item.as_array() {
            for value in array {
                let value_item = Item::Value(value.clone());
                match (value.as_str(), value.as_inline_table()) {
                    (Some(name), _) => self.add(name, &value_item, &path, all.clone(), &mut stages),
                    (_, Some(table)) => self.stage_in_table(table, &value_item, &path, all, &mut stages),
                    _ => self.wrong(
                        &value_item,
                        &format!("`{path}` holds names and tables with a `name`"),
                    ),
                }
            }
        } else {
            self.wrong(item, &format!("`{path}` is a list: `[\"dev\"]`"));
        }
        stages
    }

    fn stage_in_table(
        &mut self,
        table: &dyn TableLike,
        item: &Item,
        path: &str,
        all: &StageOptions,
        stages: &mut BTreeMap<String, StageOptions>,
    ) {
        let mut options = all.clone();
        for (key, item) in table.iter() {
            if key != "name" && !self.option(item, key, path, &mut options) {
                let known = [&OPTIONS[..], &["name"]].concat();
                self.unknown(table, key, &format!("{path}."), &known);
            }
        }
        match table.get("name") {
            Some(name) => {
                let text = self.text(name, &format!("{path}.name"), "the name of a stage", any);
                if let Some(text) = text {
                    self.add(&text, name, path, options, stages);
                }
            }
            None => self.wrong(item, &format!("a stage of `{path}` has no `name`")),
        }
    }

    fn add(
        &mut self,
        name: &str,
        item: &Item,
        path: &str,
        options: StageOptions,
        stages: &mut BTreeMap<String, StageOptions>,
    ) {
        if name.is_empty() || !is_name(name) {
            self.wrong(item, "the name of a stage has letters, digits, `-`, `_` and `.`");
        } else if stages.insert(name.to_owned(), options).is_some() {
            self.wrong(item, &format!("`{path}` names `{name}` twice"));
        }
    }

    /// Reads the option, if it is one.
    fn option(&mut self, item: &Item, key: &str, path: &str, options: &mut StageOptions) -> bool {
        let path = format!("{path}.{key}");
        let text = |reader: &mut Self| reader.text(item, &path, "a text that is not empty", any);
        match key {
            "allow_replace" => set(&mut options.allow_replace, self.choice(item, &path)),
            "paused" => set(&mut options.paused, self.choice(item, &path)),
            "follow" => set(&mut options.follow, self.one_of(item, &path)),
            "on_drift" => set(&mut options.on_drift, self.one_of(item, &path)),
            "on_failure" => set(&mut options.on_failure, self.one_of(item, &path)),
            "require_approval" => options.require_approval = self.approval(item, &path),
            "interval" => set(
                &mut options.interval,
                self.time(item, &path, Duration::from_secs(1)),
            ),
            "max_deletes" => options.max_deletes = self.count(item, &path),
            "profile" => options.profile = text(self),
            "region" => options.region = text(self),
            "parallelism" => {
                let number = item.as_integer().and_then(|number| u16::try_from(number).ok());
                match number.filter(|number| (1..=1000).contains(number)) {
                    Some(number) => options.parallelism = number,
                    None => self.wrong(item, &format!("`{path}` is a number from 1 to 1000")),
                }
            }
            _ => return false,
        }
        true
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// What begins with a dash would be taken for a flag, and `ext::` would run a program.
fn is_remote(text: &str) -> bool {
    !text.starts_with('-')
        && !text.contains(char::is_control)
        && !text.contains("::")
        && !without_credentials(text).is_empty()
}

/// A name that `git check-ref-format` would take, as far as it matters here.
fn is_reference(text: &str) -> bool {
    let bad = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    !text.starts_with(['-', '/', '.']) && !text.ends_with('/') && !text.contains("..") && !text.contains(bad)
}

fn is_inside(text: &str) -> bool {
    let normal = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(text).components().all(normal)
}
