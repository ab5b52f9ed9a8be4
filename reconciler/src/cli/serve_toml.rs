//! The configuration of `grail serve`: which projects, from where, which stages of each, and how.
//!
//! Strict, as `grail.toml` is. What stands at a project holds for each of its stages that does not say otherwise. Paths are
//! relative to the file. It holds no secret: tokens and webhooks name the file or variable that does. (The address of a remote
//! may hold credentials; they are never shown.)

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_edit::{Item, TableLike};

use super::args::{Follow, OnDrift, OnFailure, RequireApproval};
use super::refusal::Refusal;
use super::toml_reader::{Reader, any};
use crate::serve::HttpTable;
use crate::source::diagnostic::Problems;

mod projects;
#[cfg(test)]
mod tests;

/// The file, where none is named.
pub const FILE: &str = "grail-serve.toml";

/// What the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeToml {
    /// What the replicas of this service have in common, beside the state.
    pub name: String,
    /// How many passes are made at once; `None` for as many as there are processors, and four at least.
    pub concurrency: Option<usize>,
    /// How many passes of one project are made at once at most.
    pub per_project: Option<usize>,
    /// Where the state lies, as `GRAIL_STATE` says it.
    pub state: Option<String>,
    /// Work on the local cloud.
    pub local_cloud: bool,
    /// One endpoint for every AWS service.
    pub endpoint_url: Option<String>,
    /// How the service is reached.
    pub http: HttpTable,
    /// The projects by their names.
    pub projects: BTreeMap<String, Project>,
}

/// A project.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// Where it comes from.
    pub source: Source,
    /// Its stages.
    pub stages: BTreeMap<String, StageOptions>,
}

/// Where a project comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder, relative to the configuration.
    Folder(PathBuf),
    /// A git remote.
    Git(GitSource),
}

/// A git remote.
#[derive(Clone, PartialEq, Eq)]
pub struct GitSource {
    /// Its address, as `git` takes it.
    pub url: String,
    /// The full name of what is followed: `refs/heads/main`; `None` for the remote's `HEAD`.
    pub reference: Option<String>,
    /// The project's folder in it.
    pub subdirectory: Option<PathBuf>,
    /// Between two looks at the remote.
    pub poll: Duration,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Git(git) => write!(f, "{git}"),
        }
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.url))?;
        if let Some(reference) = &self.reference {
            write!(f, " {}", reference.trim_start_matches("refs/heads/"))?;
        }
        match &self.subdirectory {
            Some(folder) => write!(f, " /{}", folder.display()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GitSource({self}, {:?})", self.poll)
    }
}

/// An address without what stands before the `@` of its authority.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// How a stage is carried.
#[derive(Clone, Debug, PartialEq)]
pub struct StageOptions {
    /// How long after a pass the next one begins by itself.
    pub interval: Duration,
    /// How changes of files are noticed.
    pub follow: Follow,
    /// What to do where others have changed what is deployed.
    pub on_drift: OnDrift,
    /// What to do when a step fails for good.
    pub on_failure: OnFailure,
    /// What a person has to agree to.
    pub require_approval: Option<RequireApproval>,
    /// How many things one pass may delete.
    pub max_deletes: Option<usize>,
    /// Whether what cannot change in place may be deleted and made anew.
    pub allow_replace: bool,
    /// Whether nothing is done until somebody resumes it.
    pub paused: bool,
    /// How many calls may be in flight at once.
    pub parallelism: u16,
    /// The AWS profile.
    pub profile: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5 * 60),
            follow: Follow::Notify,
            on_drift: OnDrift::Repair,
            on_failure: OnFailure::Rollback,
            require_approval: None,
            max_deletes: None,
            allow_replace: false,
            paused: false,
            parallelism: 32,
            profile: None,
            region: None,
        }
    }
}

impl Default for ServeToml {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            concurrency: None,
            per_project: None,
            state: None,
            local_cloud: false,
            endpoint_url: None,
            http: HttpTable::default(),
            projects: BTreeMap::new(),
        }
    }
}

impl ServeToml {
    /// Reads the file.
    ///
    /// # Errors
    /// Where it cannot be read, and all that is wrong with it, each with its place.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Refusal::new(format!("could not read {}", path.display()))
                .because(error)
                .hint("name the configuration with `--config`; the manual shows one")
        })?;
        Ok(Self::parse(&path.display().to_string(), text)?)
    }

    /// Reads `text`, which stands in `file`.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(file: &str, text: String) -> Result<Self, Problems> {
        let mut toml = Self::default();
        Reader::read(file, text, |reader, table| reader.service(table, &mut toml))?;
        Ok(toml)
    }
}

impl Reader {
    fn service(&mut self, table: &dyn TableLike, toml: &mut ServeToml) {
        const KNOWN: [&str; 8] = [
            "concurrency",
            "endpoint_url",
            "http",
            "local_cloud",
            "name",
            "per_project",
            "projects",
            "state",
        ];
        for (key, item) in table.iter() {
            match key {
                "name" => {
                    let form = "a name has letters, digits, `-` and `_`";
                    toml.name = self.text(item, key, form, is_name).unwrap_or_default();
                }
                "concurrency" => toml.concurrency = self.some(item, key),
                "per_project" => toml.per_project = self.some(item, key),
                "state" => {
                    let form = "a state is `s3://BUCKET/PREFIX`, with options, or `local`";
                    toml.state = self.text(item, key, form, |text| {
                        text == "local" || text.starts_with("s3://")
                    });
                }
                "local_cloud" => toml.local_cloud = self.choice(item, key).unwrap_or_default(),
                "endpoint_url" => {
                    let form = "an endpoint is a URL such as `http://127.0.0.1:4566`";
                    toml.endpoint_url = self.text(item, key, form, |text| text.contains("://"));
                }
                "http" => self.sub_table(item, key, |reader, table| reader.http(table, &mut toml.http)),
                "projects" => self.sub_table(item, key, |reader, table| {
                    for (name, item) in table.iter() {
                        reader.project(name, item, toml);
                    }
                }),
                _ => self.unknown(table, key, "", &KNOWN),
            }
        }
        if let (true, Some(item)) = (toml.local_cloud, table.get("endpoint_url")) {
            self.wrong(
                item,
                "`local_cloud` is an endpoint by itself: only one of the two can be meant",
            );
        }
    }

    fn sub_table(&mut self, item: &Item, path: &str, read: impl FnOnce(&mut Self, &dyn TableLike)) {
        match item.as_table_like() {
            Some(table) => read(self, table),
            None => self.wrong(item, &format!("`{path}` is a table: `[{path}]`")),
        }
    }

    /// A number that is not zero.
    fn some(&mut self, item: &Item, path: &str) -> Option<usize> {
        let count = self.count(item, path)?;
        if count == 0 {
            self.wrong(item, &format!("`{path}` is 1 at least"));
        }
        Some(count.max(1))
    }

    fn http(&mut self, table: &dyn TableLike, http: &mut HttpTable) {
        const KNOWN: [&str; 6] = [
            "client_ca",
            "listen",
            "tls_cert",
            "tls_key",
            "token_env",
            "token_file",
        ];
        for (key, item) in table.iter() {
            let path = format!("http.{key}");
            let file = |reader: &mut Self| {
                let form = "a path that is not empty";
                reader.text(item, &path, form, any).map(PathBuf::from)
            };
            match key {
                "client_ca" => http.client_ca = file(self),
                "tls_cert" => http.tls_cert = file(self),
                "tls_key" => http.tls_key = file(self),
                "token_file" => http.token_file = file(self),
                "token_env" => http.token_env = self.variable(item, &path),
                "listen" => match item.as_str().map(str::parse) {
                    Some(Ok(address)) => http.listen = address,
                    _ => self.wrong(item, "`http.listen` is an address and a port: `127.0.0.1:7465`"),
                },
                _ => self.unknown(table, key, "http.", &KNOWN),
            }
        }
        for (key, why) in http.contradictions() {
            if let Some(item) = table.get(key) {
                self.wrong(item, &format!("`http.{key}`: {why}"));
            }
        }
    }

    /// The name of an environment variable.
    fn variable(&mut self, item: &Item, path: &str) -> Option<String> {
        let form = "the name of an environment variable has letters, digits and `_`";
        self.text(item, path, form, |text| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    }
}

/// Whether it can be the name of a project or stage: it becomes part of keys, paths and addresses.
fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 100 && !text.starts_with(['.', '-']) && text.bytes().all(good)
}
