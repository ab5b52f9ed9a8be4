//! `grail.toml`: settings of a project that Chalice has no place for. It says nothing about resources.
//!
//! Every key is known or refused, with its place and the key that may have been meant: a setting that is passed over in
//! silence would be believed to hold.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use toml_edit::TableLike;

use super::args::{self, RequireApproval};
use super::refusal::Refusal;
use super::toml_reader::Reader;
use crate::plan::guard::Pattern;
use crate::source::chalice::diagnostic::Problems;

/// The file's name, in the project's folder.
pub const FILE: &str = "grail.toml";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrailToml {
    /// The table `[state]`.
    pub state: StateTable,
    /// The table `[protect]`.
    pub protect: ProtectTable,
    /// The tables `[stages.NAME]`.
    pub stages: BTreeMap<String, StageTable>,
}

/// What must not be ended by mistake, in every stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtectTable {
    /// Patterns of the stages of which every resource is protected; `None` where it says nothing of stages.
    pub stages: Option<Vec<String>>,
    /// What is protected in every stage; `None` where it says nothing of resources.
    pub resources: Option<Vec<Pattern>>,
    /// How many things one command may delete.
    pub max_deletes: Option<usize>,
    /// What a person has to agree to.
    pub require_approval: Option<RequireApproval>,
}

/// What holds for one stage. It goes before what holds for every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageTable {
    /// The account that the stage lives in.
    pub account: Option<String>,
    /// The region that it lives in.
    pub region: Option<String>,
    /// The AWS profile.
    pub profile: Option<String>,
    /// The role that is assumed to work with it.
    pub role_arn: Option<String>,
    /// What the role's trust policy may ask for.
    pub external_id: Option<String>,
    /// What the session is called in the account's logs.
    pub session_name: Option<String>,
    /// How long the credentials of the role last.
    pub duration: Option<Duration>,
    /// What is protected in it besides.
    pub protect: Option<Vec<Pattern>>,
    /// How many things one command may delete.
    pub max_deletes: Option<usize>,
    /// What a person has to agree to.
    pub require_approval: Option<RequireApproval>,
}

/// Where the state lies, and how it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateTable {
    /// `s3://BUCKET/PREFIX`, or `local`.
    pub url: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
    /// Another store that speaks S3's language.
    pub endpoint: Option<String>,
    /// The KMS key with which the bucket encrypts.
    pub kms_key: Option<String>,
    /// The AWS profile for the bucket.
    pub profile: Option<String>,
    /// Whether every object is sealed as a whole, and not the secrets alone.
    pub seals_everything: bool,
    /// Whether every command that reads the state writes Chalice's file as the state has it.
    pub mirrors_always: bool,
    /// How long to wait for the stage's lock.
    pub lock_timeout: Option<Duration>,
}

impl GrailToml {
    /// Reads the file of `project`. One that is not there says nothing.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn read(project: &Path) -> Result<Self, Refusal> {
        let path = project.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self::parse(text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Refusal::new(format!("could not read {}", path.display())).because(error)),
        }
    }

    fn parse(text: String) -> Result<Self, Problems> {
        let mut toml = Self::default();
        Reader::read(FILE, text, |reader, table| reader.root(table, &mut toml))?;
        Ok(toml)
    }
}

mod stages;

impl Reader {
    fn root(&mut self, table: &dyn TableLike, toml: &mut GrailToml) {
        const KNOWN: [&str; 3] = ["protect", "stages", "state"];
        for (key, item) in table.iter() {
            match (key, item.as_table_like()) {
                ("state", Some(table)) => self.state(table, &mut toml.state),
                ("state", None) => self.wrong(item, "`state` is a table: `[state]`"),
                ("protect", Some(table)) => self.protect(table, &mut toml.protect),
                ("protect", None) => self.wrong(item, "`protect` is a table: `[protect]`"),
                ("stages", Some(table)) => self.stages(table, &mut toml.stages),
                ("stages", None) => self.wrong(item, "`stages` is a table: `[stages.NAME]`"),
                _ => self.unknown(table, key, "", &KNOWN),
            }
        }
    }

    fn state(&mut self, table: &dyn TableLike, state: &mut StateTable) {
        const KNOWN: [&str; 8] = [
            "endpoint",
            "kms_key",
            "lock_timeout",
            "mirror",
            "profile",
            "region",
            "seal",
            "url",
        ];
        for (key, item) in table.iter() {
            let text = match item.as_str() {
                Some(text) if !text.is_empty() => text.to_owned(),
                _ if !KNOWN.contains(&key) => {
                    self.unknown(table, key, "state.", &KNOWN);
                    continue;
                }
                _ => {
                    self.wrong(item, &format!("`state.{key}` is a text that is not empty"));
                    continue;
                }
            };
            match key {
                "url" => state.url = Some(text),
                "region" => state.region = Some(text),
                "endpoint" => state.endpoint = Some(text),
                "kms_key" => state.kms_key = Some(text),
                "profile" => state.profile = Some(text),
                "seal" => match text.as_str() {
                    "everything" => state.seals_everything = true,
                    "secrets" => {}
                    _ => self.wrong(item, "`state.seal` is `\"secrets\"` or `\"everything\"`"),
                },
                "mirror" => match text.as_str() {
                    "always" => state.mirrors_always = true,
                    "on-request" => {}
                    _ => self.wrong(item, "`state.mirror` is `\"on-request\"` or `\"always\"`"),
                },
                "lock_timeout" => match args::duration(&text) {
                    Ok(time) => state.lock_timeout = Some(time),
                    Err(why) => self.wrong(item, &format!("`state.lock_timeout`: {why}")),
                },
                _ => self.unknown(table, key, "state.", &KNOWN),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::diagnostic::Problem;

    pub(super) fn problems(text: &str) -> Vec<String> {
        let problems = GrailToml::parse(text.to_owned()).unwrap_err();
        let told = |problem: &Problem| {
            let place = problem.place.as_ref().map(ToString::to_string);
            let hint = problem.hint.clone().unwrap_or_default();
            format!("{}: {problem} ({hint})", place.unwrap_or_default())
        };
        problems.0.iter().map(told).collect()
    }

    #[test]
    fn every_setting_is_read() {
        let text = "[state]\nurl = 's3://team/grail'\nregion = \"eu-west-1\"\nendpoint = 'http://127.0.0.1:1'\n\
                    kms_key = 'alias/x'\nprofile = 'tools'\nseal = 'everything'\nmirror = 'always'\nlock_timeout = '1h 30m'\n";
        let state = GrailToml::parse(text.to_owned()).unwrap().state;
        assert_eq!(state.url.as_deref(), Some("s3://team/grail"));
        assert_eq!(state.region.as_deref(), Some("eu-west-1"));
        assert_eq!(state.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(state.kms_key.as_deref(), Some("alias/x"));
        assert_eq!(state.profile.as_deref(), Some("tools"));
        assert!(state.seals_everything && state.mirrors_always);
        assert_eq!(state.lock_timeout, Some(Duration::from_secs(5400)));
        assert_eq!(GrailToml::parse(String::new()).unwrap(), GrailToml::default());
        let inline = GrailToml::parse("state = {seal = 'secrets', mirror = 'on-request'}".to_owned());
        assert_eq!(inline.unwrap(), GrailToml::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_all_at_once() {
        insta::assert_snapshot!(problems(
            "stage = 1\n[state]\nurll = 's3://x'\n  regoin = 3\nseal = 'all'\nmirror = true\nlock_timeout = '10'\nurl = ''\n\
             zone = 'a'\n"
        ).join("\n"), @r#"
        grail.toml:1:1: there is no setting `stage` (`stages` may be meant)
        grail.toml:3:1: there is no setting `state.urll` (`state.url` may be meant)
        grail.toml:4:3: there is no setting `state.regoin` (`state.region` may be meant)
        grail.toml:5:8: `state.seal` is `"secrets"` or `"everything"` ()
        grail.toml:6:10: `state.mirror` is a text that is not empty ()
        grail.toml:7:16: `state.lock_timeout`: a time is written `90s`, `10m` or `1h 30m` ()
        grail.toml:8:7: `state.url` is a text that is not empty ()
        grail.toml:9:1: there is no setting `state.zone` (known here: endpoint, kms_key, lock_timeout, mirror, profile, region, seal, url)
        "#);
        assert_eq!(
            problems("[state]\nurl = s3\n"),
            ["grail.toml:2:7: string values must be quoted, expected literal string ()"]
        );
    }
}
