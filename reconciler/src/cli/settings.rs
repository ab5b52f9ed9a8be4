//! The command line as resolved: flags, then environment, then defaults, once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use grail_providers::aws;
use grail_state::StackId;
use grail_state::seal::{self, Keys};
use grail_state::store::Wait;
use jiff::Timestamp;

use super::args::{Global, Output};
use super::ci::Ci;
use super::environment::Environment;
use super::exit::Exit;
use super::grail_toml::{FILE, GrailToml, StageTable};
use super::refusal::Refusal;
use super::shared::{self, SharedState};
use crate::engine::Limits;
use crate::source::manifest;

/// The region of the local cloud where none is named: every region is the same there.
const LOCAL_REGION: &str = "us-east-1";

/// What every command works with.
#[derive(Clone)]
pub struct Settings {
    /// The command's name, for events, locks and messages.
    pub command: &'static str,
    /// The project's folder, absolute.
    pub project: PathBuf,
    /// The Chalice stage.
    pub stage: String,
    /// Work on the local cloud.
    pub local: bool,
    /// Words or JSON lines.
    pub output: Output,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether progress may be drawn.
    pub draws: bool,
    /// grail's folder in the user's cache.
    pub cache: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// The job of a CI service that this is, where it was said so.
    pub ci: Option<Ci>,
    /// What `grail.toml` says.
    pub toml: GrailToml,
    /// Where the state lies that a team shares; `None` for a state of this machine.
    pub shared: Option<SharedState>,
    /// What keeps the rates of the accounts of all stages, where this process works with more than one.
    pub pacers: Option<aws::Pacers>,
    profile: Option<String>,
    region: Option<String>,
    endpoint_url: Option<String>,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Only errors.
    Quiet,
    /// One line a resource.
    Normal,
    /// More about each.
    Verbose,
}

impl Settings {
    /// Resolves the flags.
    ///
    /// # Errors
    /// Where the project's folder is none, or the stage's name cannot be one.
    pub fn resolve(
        command: &'static str,
        global: &Global,
        environment: Environment,
    ) -> Result<Self, Refusal> {
        let project = std::fs::canonicalize(&global.project_dir).map_err(|error| {
            Refusal::new(format!(
                "there is no project folder {}",
                global.project_dir.display()
            ))
            .because(error)
            .hint("name the folder that holds `.chalice` with `--project-dir`")
        })?;
        let stage = &global.stage;
        if stage.is_empty() || stage.starts_with('.') || stage.contains(['/', '\\']) {
            return Err(Refusal::new(format!("`{stage}` cannot be the name of a stage"))
                .hint("a stage is named by letters, digits, `-` and `_`"));
        }
        let cache = environment.cache.clone().ok_or_else(|| {
            Refusal::new("there is no cache folder for this user").hint("set HOME, or GRAIL_CACHE_DIR")
        })?;
        let verbosity = match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let colour = environment.colours(global.no_color || global.ci);
        let ci = global
            .ci
            .then(|| Ci::of(&environment, &project, stage, global.ci_reports.as_deref()));
        if ci.is_none() && global.ci_reports.is_some() {
            return Err(Refusal::new("`--ci-reports` is for jobs of a CI service")
                .hint("add `--ci`")
                .exit(Exit::Usage));
        }
        let toml = GrailToml::read(&project)?;
        let pinned = toml.stages.get(stage).and_then(|stage| stage.region.as_ref());
        if let (false, Some(asked), Some(pinned)) = (global.local, &global.region, pinned)
            && asked != pinned
        {
            return Err(elsewhere(stage, "region", pinned, asked));
        }
        let shared = match global.local {
            true => None,
            false => shared::place(environment.text(shared::VARIABLE).as_deref(), &toml.state)?,
        };
        Ok(Self {
            command,
            project,
            stage: stage.clone(),
            local: global.local,
            output: global.output,
            verbosity,
            colour,
            ci,
            draws: environment.draws
                && !global.ci
                && global.output == Output::Human
                && verbosity != Verbosity::Quiet,
            cache,
            profile: global.profile.clone(),
            region: global.region.clone(),
            endpoint_url: global.endpoint_url.clone(),
            environment,
            toml,
            shared,
            pacers: None,
        })
    }

    /// The same settings for the local cloud.
    #[must_use]
    pub fn on_local_cloud(&self) -> Self {
        Self {
            local: true,
            shared: None,
            ..self.clone()
        }
    }

    /// The folder of grail's own files for all stages: `.chalice/grail`, or `.grail` in a project that has never had anything
    /// to do with Chalice.
    pub fn grail_folder(&self) -> PathBuf {
        match self.knows_chalice() {
            true => self.project.join(".chalice").join("grail"),
            false => self.project.join(".grail"),
        }
    }

    /// Whether there is a Chalice that this project shares its files with. A `.grail` that is there stays in use.
    pub fn knows_chalice(&self) -> bool {
        if self.project.join(".grail").is_dir() {
            return false;
        }
        self.project.join(".chalice").is_dir() || manifest::find(&self.project).is_none()
    }

    /// The folder of grail's own files for this stage.
    pub fn folder(&self) -> PathBuf {
        let grail = self.grail_folder();
        if self.local {
            grail.join(".local").join(&self.stage)
        } else {
            grail.join(&self.stage)
        }
    }

    /// Chalice's record of this stage; with `--local` a file of the same form beside our own.
    pub fn deployed_file(&self) -> PathBuf {
        if self.local {
            self.folder().join("deployed.json")
        } else {
            self.project
                .join(".chalice")
                .join("deployed")
                .join(format!("{}.json", self.stage))
        }
    }

    /// The record of Chalice before 1.2, for all stages.
    pub fn old_deployed_file(&self) -> Option<PathBuf> {
        (!self.local).then(|| self.project.join(".chalice").join("deployed.json"))
    }

    /// What `grail.toml` says of this stage. Nothing, with `--local`: that is another place.
    pub fn of_stage(&self) -> Option<&StageTable> {
        self.toml.stages.get(&self.stage).filter(|_| !self.local)
    }

    /// Checks that the account is the one that `grail.toml` pins the stage to.
    ///
    /// # Errors
    /// Where it is another.
    pub fn check_account(&self, account: &str) -> Result<(), Refusal> {
        match self.of_stage().and_then(|stage| stage.account.as_deref()) {
            Some(pinned) if pinned != account => Err(elsewhere(&self.stage, "account", pinned, account)),
            _ => Ok(()),
        }
    }

    fn role(&self) -> Option<aws::RoleToAssume> {
        let stage = self.of_stage()?;
        Some(aws::RoleToAssume {
            arn: stage.role_arn.clone()?,
            external_id: stage.external_id.clone(),
            session_name: stage.session_name.clone(),
            duration: stage.duration,
        })
    }

    /// The AWS profile that the command line names.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The first flag of the command line that leads elsewhere than the environment does and that Chalice has no word for.
    pub fn leads_elsewhere(&self) -> Option<&'static str> {
        let flags = [
            ("--local", self.local),
            ("--endpoint-url", self.endpoint_url.is_some()),
            ("--region", self.region.is_some()),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    /// Where packages of Chalice's making lie.
    pub fn chalice_packages(&self) -> PathBuf {
        self.project.join(".chalice").join("deployments")
    }

    /// How to reach AWS, or what stands in for it. `port` is the local cloud's.
    pub fn aws(&self, port: Option<u16>, connect_timeout: Option<Duration>) -> aws::Settings {
        let env = &self.environment;
        let local_url = port.map(|port| format!("http://127.0.0.1:{port}"));
        let default_region = || {
            env.text("AWS_REGION")
                .is_none()
                .then(|| env.text("AWS_DEFAULT_REGION"))
                .flatten()
        };
        let pinned = |field: fn(&StageTable) -> &Option<String>| {
            self.of_stage().and_then(|stage| field(stage).clone())
        };
        aws::Settings {
            profile: self
                .profile
                .clone()
                .or_else(|| pinned(|stage| &stage.profile))
                .filter(|_| port.is_none()),
            role: self.role().filter(|_| port.is_none()),
            region: self
                .region
                .clone()
                .or_else(|| pinned(|stage| &stage.region))
                .or_else(default_region)
                .or_else(|| {
                    port.and(Some(
                        env.text("AWS_REGION").unwrap_or_else(|| LOCAL_REGION.to_owned()),
                    ))
                }),
            endpoint_url: local_url.or_else(|| self.endpoint_url.clone()),
            connect_timeout,
            ca_bundle: env.get("AWS_CA_BUNDLE").map(PathBuf::from),
            code_bucket: env.text("GRAIL_CODE_BUCKET"),
            local: port.map(|port| aws::LocalCloud { port }),
            loopback_only: port.is_some() || env.get("GRAIL_LOOPBACK_ONLY").is_some(),
            rates: (!self.is_loopback() || env.get("GRAIL_PACE").is_some()).then(|| aws::Rates {
                folder: self.cache.join("rates"),
                now: Timestamp::now().into(),
                in_flight: Limits::default().parallelism,
                shared: None,
                pacers: self.pacers.clone(),
            }),
        }
    }

    /// True if the cloud is on this machine, where nothing is late and nothing needs pacing.
    pub fn is_loopback(&self) -> bool {
        let named = self
            .endpoint_url
            .clone()
            .or_else(|| self.environment.text("AWS_ENDPOINT_URL"));
        self.local || named.is_some_and(|url| is_loopback_url(&url))
    }

    /// The keys under which secrets are hidden: `GRAIL_SEAL_KEY`, or a file in the user's configuration that is made once.
    ///
    /// # Errors
    /// Where the key is malformed, readable by others, or cannot be made.
    pub fn keys(&self) -> Result<Keys, Refusal> {
        let (newest, older) = match self.environment.seal_key() {
            Some(text) => seal::parse_keys(&text, "GRAIL_SEAL_KEY")?,
            None => (seal::load_or_create_key(&self.key_file()?)?, Vec::new()),
        };
        Ok(Keys::from_masters(&newest, &older))
    }

    /// The keys of the stage's state. One that is shared needs a key that is shared too: under a key of this machine nobody
    /// else could go the way back.
    ///
    /// # Errors
    /// As [`Settings::keys`], and where the state is shared and `GRAIL_SEAL_KEY` is not set.
    pub fn keys_of_state(&self) -> Result<Keys, Refusal> {
        if let Some(shared) = &self.shared
            && self.environment.seal_key().is_none()
        {
            let said = format!("the state in {shared} is shared, and there is no key that is shared too");
            return Err(Refusal::new(said).hint(
                "set GRAIL_SEAL_KEY to the same key on every machine: 64 hexadecimal digits, such as `openssl rand -hex 32` \
                 gives; it seals the secrets that a way back needs, so that any machine can go it and the bucket shows none",
            ));
        }
        self.keys()
    }

    /// How long to wait for the stage's lock: what the command line says, or `grail.toml`, or not at all.
    pub fn lock_wait(&self, asked: Option<Duration>) -> Wait {
        asked
            .or(self.toml.state.lock_timeout)
            .map_or(Wait::No, Wait::AtMost)
    }

    fn key_file(&self) -> Result<PathBuf, Refusal> {
        let folder = self
            .environment
            .config
            .as_deref()
            .map(|folder: &Path| folder.join("seal.key"));
        folder.ok_or_else(|| {
            Refusal::new("there is no configuration folder for this user").hint("set HOME, or GRAIL_SEAL_KEY")
        })
    }

    /// The stack of an application in this stage.
    pub fn stack(&self, app: &str) -> StackId {
        StackId {
            app: app.to_owned(),
            stage: self.stage.clone(),
        }
    }
}

fn elsewhere(stage: &str, what: &str, pinned: &str, found: &str) -> Refusal {
    let said =
        format!("`{stage}` belongs in {what} {pinned}, as {FILE} says, and this would be {what} {found}");
    Refusal::new(said).hint(format!(
        "name the profile, the role or the stage that is meant, or change `stages.{stage}.{what}` in {FILE}; nothing was looked at"
    ))
}

fn is_loopback_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let name = if let Some(v6) = host.strip_prefix('[') {
        v6.split(']').next().unwrap_or(v6)
    } else {
        host.split(':').next().unwrap_or(host)
    };
    aws::connector::is_loopback(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_the_rest() {
        for url in [
            "http://127.0.0.1:5000",
            "http://localhost:1/x",
            "http://[::1]:80",
            "http://a.localhost",
        ] {
            assert!(is_loopback_url(url), "{url}");
        }
        for url in [
            "https://lambda.eu-west-1.amazonaws.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://127.evil.example",
        ] {
            assert!(!is_loopback_url(url), "{url}");
        }
    }
}
