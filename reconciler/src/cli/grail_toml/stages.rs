//! The tables that say what must not happen by mistake: `[protect]`, and `[stages.NAME]` with the place of a stage.

use std::collections::BTreeMap;
use std::time::Duration;

use toml_edit::{Item, TableLike};

use super::{ProtectTable, StageTable};
use crate::cli::args;
use crate::cli::toml_reader::{Reader, any};
use crate::plan::guard::Pattern;

/// How long credentials of a role may last (API reference, `AssumeRole`).
const DURATIONS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(15 * 60)..=Duration::from_secs(12 * 3600);

impl Reader {
    pub(super) fn protect(&mut self, table: &dyn TableLike, protect: &mut ProtectTable) {
        const KNOWN: [&str; 4] = ["max_deletes", "require_approval", "resources", "stages"];
        for (key, item) in table.iter() {
            match key {
                "stages" => protect.stages = self.names(item, "protect.stages"),
                "resources" => protect.resources = self.patterns(item, "protect.resources"),
                "max_deletes" => protect.max_deletes = self.count(item, "protect.max_deletes"),
                "require_approval" => {
                    protect.require_approval = self.approval(item, "protect.require_approval");
                }
                _ => self.unknown(table, key, "protect.", &KNOWN),
            }
        }
    }

    pub(super) fn stages(&mut self, table: &dyn TableLike, stages: &mut BTreeMap<String, StageTable>) {
        for (name, item) in table.iter() {
            match item.as_table_like() {
                Some(table) => drop(stages.insert(name.to_owned(), self.stage(name, table))),
                None => self.wrong(item, &format!("`stages.{name}` is a table: `[stages.{name}]`")),
            }
        }
    }

    fn stage(&mut self, name: &str, table: &dyn TableLike) -> StageTable {
        const KNOWN: [&str; 10] = [
            "account",
            "duration",
            "external_id",
            "max_deletes",
            "profile",
            "protect",
            "region",
            "require_approval",
            "role_arn",
            "session_name",
        ];
        let mut stage = StageTable::default();
        for (key, item) in table.iter() {
            let path = format!("stages.{name}.{key}");
            match key {
                "account" => stage.account = self.text(item, &path, "an account has 12 digits", is_account),
                "region" => {
                    stage.region = self.text(item, &path, "a region is written `eu-west-1`", is_region);
                }
                "profile" => stage.profile = self.text(item, &path, "a text that is not empty", any),
                "role_arn" => {
                    let form = "a role is written `arn:aws:iam::123456789012:role/NAME`";
                    stage.role_arn = self.text(item, &path, form, is_role);
                }
                "external_id" => {
                    let form = "it has 2 to 1224 letters, digits and `+=,.@:/-_`";
                    stage.external_id =
                        self.text(item, &path, form, |text| is_label(text, "+=,.@:/-_", 1224));
                }
                "session_name" => {
                    let form = "it has 2 to 64 letters, digits and `+=,.@-_`";
                    stage.session_name = self.text(item, &path, form, |text| is_label(text, "+=,.@-_", 64));
                }
                "duration" => stage.duration = self.duration(item, &path),
                "protect" => stage.protect = self.patterns(item, &path),
                "max_deletes" => stage.max_deletes = self.count(item, &path),
                "require_approval" => stage.require_approval = self.approval(item, &path),
                _ => self.unknown(table, key, &format!("stages.{name}."), &KNOWN),
            }
        }
        self.fits(name, table, &stage);
        stage
    }

    /// What of a stage does not go together.
    fn fits(&mut self, name: &str, table: &dyn TableLike, stage: &StageTable) {
        if let (Some(account), Some(role)) = (&stage.account, &stage.role_arn)
            && role.split(':').nth(4) != Some(account)
            && let Some(item) = table.get("role_arn")
        {
            let said = format!("`stages.{name}.role_arn` is a role of another account than `account` says");
            self.wrong(item, &said);
        }
        for key in ["external_id", "session_name", "duration"] {
            if let (None, Some(item)) = (table.get("role_arn"), table.get(key)) {
                let said =
                    format!("`stages.{name}.{key}` says how a role is assumed, and there is no `role_arn`");
                self.wrong(item, &said);
            }
        }
    }

    fn patterns(&mut self, item: &Item, path: &str) -> Option<Vec<Pattern>> {
        let names = self.names(item, path)?;
        Some(names.iter().filter_map(|name| Pattern::written(name)).collect())
    }

    fn duration(&mut self, item: &Item, path: &str) -> Option<Duration> {
        let wrong = match item.as_str().map(args::duration) {
            Some(Ok(time)) if DURATIONS.contains(&time) => return Some(time),
            Some(Err(why)) => why,
            _ => "a role is assumed for 15 minutes to 12 hours, written `1h`".to_owned(),
        };
        self.wrong(item, &format!("`{path}`: {wrong}"));
        None
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    text.contains('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_role(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", account, role]
        if is_account(account) && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

fn is_label(text: &str, besides: &str, longest: usize) -> bool {
    (2..=longest).contains(&text.len())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || besides.contains(letter))
}

#[cfg(test)]
mod tests {
    use super::super::GrailToml;
    use super::super::tests::problems;
    use super::*;
    use crate::cli::args::RequireApproval;

    #[test]
    fn every_setting_of_a_stage_is_read() {
        let text = "[protect]\nstages = ['prod', 'live-*']\nresources = ['rest_api', 'lambda_function.*']\nmax_deletes = 5\n\
                    require_approval = 'broadening'\n[stages.prod]\naccount = '123456789012'\nregion = 'eu-west-1'\n\
                    profile = 'p'\nrole_arn = 'arn:aws:iam::123456789012:role/ci/deployer'\nexternal_id = 'x/1'\n\
                    session_name = 'grail'\nduration = '1h'\nprotect = ['*']\nmax_deletes = 0\nrequire_approval = 'any'\n";
        let toml = GrailToml::parse(text.to_owned()).unwrap();
        let patterns = |texts: &[&str]| {
            texts
                .iter()
                .filter_map(|text| Pattern::written(text))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            toml.protect,
            ProtectTable {
                stages: Some(vec!["prod".into(), "live-*".into()]),
                resources: Some(patterns(&["rest_api", "lambda_function.*"])),
                max_deletes: Some(5),
                require_approval: Some(RequireApproval::Broadening),
            }
        );
        assert_eq!(
            toml.stages["prod"],
            StageTable {
                account: Some("123456789012".into()),
                region: Some("eu-west-1".into()),
                profile: Some("p".into()),
                role_arn: Some("arn:aws:iam::123456789012:role/ci/deployer".into()),
                external_id: Some("x/1".into()),
                session_name: Some("grail".into()),
                duration: Some(Duration::from_secs(3600)),
                protect: Some(patterns(&["*"])),
                max_deletes: Some(0),
                require_approval: Some(RequireApproval::Any),
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        insta::assert_snapshot!(problems(
            "protect = 1\n[stages.a]\naccount = 123456789012\nregoin = 'x'\nregion = 'EU'\nrole_arn = 'deployer'\n\
             external_id = ''\nduration = '1m'\nmax_deletes = -1\nrequire_approval = 'yes'\nprotect = 'rest_api'\n\
             [stages.b]\naccount = '111111111111'\nrole_arn = 'arn:aws:iam::222222222222:role/x'\n\
             [stages.c]\nsession_name = 'xx'\n[stages]\nd = 1\n"
        ).join("\n"), @r#"
        grail.toml:1:11: `protect` is a table: `[protect]` ()
        grail.toml:3:11: `stages.a.account`: an account has 12 digits ()
        grail.toml:4:1: there is no setting `stages.a.regoin` (`stages.a.region` may be meant)
        grail.toml:5:10: `stages.a.region`: a region is written `eu-west-1` ()
        grail.toml:6:12: `stages.a.role_arn`: a role is written `arn:aws:iam::123456789012:role/NAME` ()
        grail.toml:7:15: `stages.a.external_id`: it has 2 to 1224 letters, digits and `+=,.@:/-_` ()
        grail.toml:8:12: `stages.a.duration`: a role is assumed for 15 minutes to 12 hours, written `1h` ()
        grail.toml:9:15: `stages.a.max_deletes` is a number, 0 or more ()
        grail.toml:10:20: `stages.a.require_approval` is `"broadening"`, `"any"` or `"never"` ()
        grail.toml:11:11: `stages.a.protect` is a list of texts that are not empty ()
        grail.toml:14:12: `stages.b.role_arn` is a role of another account than `account` says ()
        grail.toml:16:16: `stages.c.session_name` says how a role is assumed, and there is no `role_arn` ()
        grail.toml:18:5: `stages.d` is a table: `[stages.d]` ()
        "#);
        insta::assert_snapshot!(problems(
            "[protect]\nstage = ['a']\nstages = ['']\nresources = [1]\n"
        ).join("\n"), @r"
        grail.toml:2:1: there is no setting `protect.stage` (`protect.stages` may be meant)
        grail.toml:3:10: `protect.stages` is a list of texts that are not empty ()
        grail.toml:4:13: `protect.resources` is a list of texts that are not empty ()
        ");
    }
}
