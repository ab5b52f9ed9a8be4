//! The environment of this process as a value. The one place that reads it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::source::python::Surroundings;

/// The variable that holds the key of sealed secrets.
const SEAL_KEY: &str = "GRAIL_SEAL_KEY";

/// Variables in which CI services give the URL of the job: GitLab, CircleCI, Buildkite, Travis, CodeBuild, Drone, Jenkins.
const JOBS: [&str; 7] = [
    "CI_JOB_URL",
    "CIRCLE_BUILD_URL",
    "BUILDKITE_BUILD_URL",
    "TRAVIS_JOB_WEB_URL",
    "CODEBUILD_BUILD_URL",
    "DRONE_BUILD_LINK",
    "BUILD_URL",
];

/// The environment variables, and what standard input and output are.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// Kept apart from the variables: what grail starts (the app, its requirements' builds) must not see it.
    seal_key: Option<OsString>,
    /// Standard error is a terminal: progress may be drawn there.
    pub draws: bool,
    /// Standard output is a terminal.
    pub shows: bool,
    /// Somebody can be asked: standard input and standard error are terminals.
    pub asks: bool,
    /// grail's folder in the user's cache.
    pub cache: Option<PathBuf>,
    /// grail's folder in the user's configuration.
    pub config: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        let (variables, seal_key) = parted(std::env::vars_os().collect());
        Self {
            variables,
            seal_key,
            draws: std::io::stderr().is_terminal(),
            shows: std::io::stdout().is_terminal(),
            asks: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            cache: std::env::var_os("GRAIL_CACHE_DIR")
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from)
                .or_else(|| dirs::cache_dir().map(|folder| folder.join("grail"))),
            config: dirs::config_dir().map(|folder| folder.join("grail")),
        }
    }

    /// An environment of these variables alone, without a terminal: for tests.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let (variables, seal_key) = parted(variables.collect());
        Self {
            variables,
            seal_key,
            draws: false,
            shows: false,
            asks: false,
            cache: None,
            config: None,
        }
    }

    /// True if colours may be used: on a terminal, unless `refused` by flag or `NO_COLOR` is set.
    pub fn colours(&self, refused: bool) -> bool {
        self.draws && !refused && self.get("NO_COLOR").is_none()
    }

    /// The same with another value of a variable, for what is done in this environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same without these variables, for what must not see them.
    #[must_use]
    pub fn without<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            self.variables.remove(OsStr::new(name));
        }
        self
    }

    /// The same where nobody looks: nothing is drawn, and nobody is asked.
    #[must_use]
    pub fn unattended(self) -> Self {
        Self {
            draws: false,
            asks: false,
            ..self
        }
    }

    /// A variable; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// A variable as text, also where it is empty.
    pub fn given(&self, name: &str) -> Option<String> {
        let value = self.variables.get(OsStr::new(name))?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The key of sealed secrets, as `GRAIL_SEAL_KEY` gives it. No other way leads to it.
    pub fn seal_key(&self) -> Option<String> {
        let key = self.seal_key.as_deref().filter(|key| !key.is_empty());
        key.map(|key| key.to_string_lossy().into_owned())
    }

    /// All variables but the key of sealed secrets, for the tools that grail starts.
    pub fn variables(&self) -> &BTreeMap<OsString, OsString> {
        &self.variables
    }

    /// The same, as the source's tools take them.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::new(self.variables.clone())
    }

    /// Who works here, as well as it is known: for the text of a lock.
    pub fn who(&self) -> String {
        [
            "GITHUB_ACTOR",
            "GITLAB_USER_LOGIN",
            "BUILDKITE_BUILD_CREATOR",
            "CIRCLE_USERNAME",
            "USER",
            "LOGNAME",
            "USERNAME",
        ]
        .iter()
        .find_map(|name| self.text(name))
        .unwrap_or_else(|| "somebody".to_owned())
    }

    /// The URL of the CI job in which this process runs, where it runs in one that says so.
    pub fn job(&self) -> Option<String> {
        let github = || {
            let of = |name| self.text(name);
            let (server, repository) = (of("GITHUB_SERVER_URL")?, of("GITHUB_REPOSITORY")?);
            Some(format!(
                "{server}/{repository}/actions/runs/{}",
                of("GITHUB_RUN_ID")?
            ))
        };
        let azure = || {
            let of = |name| self.text(name);
            let (place, project) = (of("SYSTEM_COLLECTIONURI")?, of("SYSTEM_TEAMPROJECT")?);
            Some(format!(
                "{place}{project}/_build/results?buildId={}",
                of("BUILD_BUILDID")?
            ))
        };
        JOBS.iter()
            .find_map(|name| self.text(name))
            .or_else(github)
            .or_else(azure)
    }

    /// The name of this machine, for the text of a lock.
    pub fn host(&self) -> String {
        let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let named = self
            .text("HOSTNAME")
            .or_else(kernel)
            .map(|name| name.trim().to_owned());
        named
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "this machine".to_owned())
    }
}

/// The variables that others may see, and the key.
fn parted(mut variables: BTreeMap<OsString, OsString>) -> (BTreeMap<OsString, OsString>, Option<OsString>) {
    let key = variables.remove(OsStr::new(SEAL_KEY));
    (variables, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_sealed_secrets_is_handed_to_nobody() {
        let given = [(SEAL_KEY, "k"), ("PATH", "/bin")];
        let given = given.map(|(name, value)| (name.into(), value.into()));
        let (variables, seal_key) = parted(given.into());
        let environment = Environment {
            variables,
            seal_key,
            draws: false,
            shows: false,
            asks: false,
            cache: None,
            config: None,
        };
        assert_eq!(environment.seal_key().as_deref(), Some("k"));
        assert_eq!(environment.get(SEAL_KEY), None);
        assert_eq!(environment.variables().keys().collect::<Vec<_>>(), ["PATH"]);
        assert_eq!(environment.surroundings().get(SEAL_KEY), None);
    }

    #[test]
    fn what_is_withheld_reaches_no_tool() {
        let environment = Environment::of(&[("PATH", "/bin"), ("HOOK", "hush"), ("TOKEN", "hush")]);
        let less = environment.without(["HOOK", "TOKEN", "NONE"]);
        assert_eq!(less.surroundings().get("HOOK"), None);
        assert_eq!(less.variables().keys().collect::<Vec<_>>(), ["PATH"]);
    }

    #[test]
    fn a_ci_job_is_known_by_its_url() {
        let of = |variables: &[(&str, &str)]| Environment {
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            seal_key: None,
            draws: false,
            shows: false,
            asks: false,
            cache: None,
            config: None,
        };
        let github = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "ann/shop"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_ACTOR", "ann"),
            ("USER", "runner"),
        ];
        assert_eq!(
            of(&github).job().as_deref(),
            Some("https://github.com/ann/shop/actions/runs/7")
        );
        assert_eq!(of(&github).who(), "ann");
        assert_eq!(of(&github[..2]).job(), None);
        let gitlab = of(&[("CI_JOB_URL", "https://gitlab.com/x/-/jobs/1")]);
        assert_eq!(gitlab.job().as_deref(), Some("https://gitlab.com/x/-/jobs/1"));
    }

    #[test]
    fn colours_are_for_terminals_and_can_be_refused() {
        let of = |draws: bool, variables: &[(&str, &str)]| Environment {
            variables: variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            seal_key: None,
            draws,
            shows: false,
            asks: false,
            cache: None,
            config: None,
        };
        assert!(of(true, &[]).colours(false) && of(true, &[("NO_COLOR", "")]).colours(false));
        assert!(!of(true, &[("NO_COLOR", "1")]).colours(false));
        assert!(!of(true, &[]).colours(true) && !of(false, &[]).colours(false));
    }
}
