//! A plan in a file: written by `grail plan --out`, carried out by `grail deploy FILE`.
//!
//! The file is no list of calls. `deploy` reads the project and the account again, on the terms that stand in the file, and
//! goes on only if the same plan comes of it: same steps, same forms, made from the same state. So what was approved is what
//! is done, and a file that was altered or is out of date does nothing. It holds no secret: forms are as projected.

use std::path::Path;

use grail_state::snapshot::Home;
use grail_state::{Digest, StackId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::goal::Terms;
use super::refusal::Refusal;
use super::report::plan::Counts;
use crate::plan::Plan;

/// The version of the written form.
const VERSION: u32 = 2;

/// A plan with all that binds it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    version: u32,
    /// The digest of all the rest, so that nothing of what was read and agreed to is another thing by now.
    #[serde(default)]
    sum: Digest,
    /// The grail that made it.
    grail: String,
    stack: StackId,
    home: Home,
    /// Which key hid the secrets in it: under another the same value looks different. Older files do not say.
    #[serde(default)]
    key_id: String,
    /// What it was made on, beside project and account.
    pub terms: Terms,
    #[serde(skip_deserializing)]
    counts: Counts,
    /// What was approved.
    pub plan: Plan,
}

impl SavedPlan {
    /// Writes `plan` to the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(
        path: &Path,
        stack: &StackId,
        home: Home,
        key_id: &str,
        terms: &Terms,
        plan: &Plan,
    ) -> Result<(), Refusal> {
        let saved = Self {
            version: VERSION,
            sum: Digest::default(),
            grail: env!("CARGO_PKG_VERSION").to_owned(),
            stack: stack.clone(),
            home,
            key_id: key_id.to_owned(),
            terms: terms.clone(),
            counts: Counts::of(plan),
            plan: plan.without_secrets(),
        };
        let unwritten = |error| Refusal::new("could not write the plan down").because(error);
        let mut document = serde_json::to_value(&saved).map_err(unwritten)?;
        let sum = summed(&document);
        if let Some(written) = document.get_mut(SUM) {
            *written = Value::String(sum.0);
        }
        let mut text = serde_json::to_string_pretty(&document).map_err(unwritten)?;
        text.push('\n');
        std::fs::write(path, text)
            .map_err(|error| Refusal::new(format!("could not write {}", path.display())).because(error))
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// Where it is none of `grail plan --out`, or was altered since.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let name = path.display();
        let text = std::fs::read(path)
            .map_err(|error| Refusal::new(format!("could not read the plan {name}")).because(error))?;
        let no_plan = |error| {
            Refusal::new(format!("{name} is no plan of this grail"))
                .because(error)
                .hint("make one with `grail plan --out FILE`")
        };
        let document: Value = serde_json::from_slice(&text).map_err(no_plan)?;
        let version = document.get("version").and_then(Value::as_u64);
        if let Some(found) = version.filter(|found| *found != u64::from(VERSION)) {
            let by = document.get("grail").and_then(Value::as_str).unwrap_or("unknown");
            return Err(Refusal::new(format!(
                "{name} has version {found} (of grail {by}); this grail reads version {VERSION}"
            ))
            .hint("make a new plan with this grail and approve that"));
        }
        let saved = Self::deserialize(&document).map_err(no_plan)?;
        if !saved.plan.is_intact() || saved.sum != summed(&document) {
            return Err(Refusal::new(format!("{name} was altered since it was made"))
                .hint("make a new plan and approve that"));
        }
        Ok(saved)
    }

    /// Checks that it is a plan for this stage in this account, made under the key that is at hand.
    ///
    /// # Errors
    /// Where it is for another, or was made under another.
    pub fn check(&self, stack: &StackId, home: &Home, key_id: &str) -> Result<(), Refusal> {
        let told = |stack: &StackId, home: &Home| {
            format!("{stack} in account {}, region {}", home.account, home.region)
        };
        if self.stack == *stack && self.home == *home {
            return self.check_key(key_id);
        }
        let (theirs, ours) = (told(&self.stack, &self.home), told(stack, home));
        Err(
            Refusal::new(format!("the plan is for {theirs}, and this is {ours}"))
                .hint("name the stage, profile and region that it was made with"),
        )
    }

    /// Checks that it is a plan for this stage, in whatever account: enough to look at it.
    ///
    /// # Errors
    /// Where it is for another.
    pub fn check_stack(&self, stack: &StackId) -> Result<(), Refusal> {
        if self.stack == *stack {
            return Ok(());
        }
        let told = format!("the plan is for {}, and this is {stack}", self.stack);
        Err(Refusal::new(told).hint("name the project and the stage that it was made with"))
    }

    fn check_key(&self, key_id: &str) -> Result<(), Refusal> {
        if self.key_id.is_empty() || self.key_id == key_id {
            return Ok(());
        }
        let told = format!(
            "the secrets in the plan are hidden under the key {}, and the one at hand is {key_id}: they cannot be compared",
            self.key_id
        );
        Err(Refusal::new(told)
            .hint("set GRAIL_SEAL_KEY to the same key where the plan is made and where it is carried out"))
    }
}

/// The name of the member that holds the digest of the others.
const SUM: &str = "sum";

fn summed(document: &Value) -> Digest {
    let mut rest = document.clone();
    if let Value::Object(members) = &mut rest {
        members.remove(SUM);
    }
    Digest::of_value(&rest)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::cli::report::plan::tests::{created, planned};
    use crate::plan::Broadening;
    use crate::plan::broadening::Way;

    fn stack(stage: &str) -> StackId {
        StackId {
            app: "shop".into(),
            stage: stage.into(),
        }
    }

    fn home() -> Home {
        Home {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
        }
    }

    fn written(folder: &Path) -> PathBuf {
        let file = folder.join("plan.json");
        let role = created(0, "iam_role.default-role", json!({"name": "shop-dev"}));
        let mut plan = planned(vec![role], vec![]);
        plan.digest = plan.digested();
        plan.broadenings = vec![Broadening {
            resource: "iam_role.default-role".parse().unwrap(),
            way: Way::Policy,
            what: "allows s3:* on *".to_owned(),
        }];
        let terms = Terms {
            allow_replace: true,
            ..Terms::default()
        };
        SavedPlan::write(&file, &stack("dev"), home(), "key1", &terms, &plan).unwrap();
        file
    }

    #[test]
    fn a_plan_comes_back_from_its_file_with_its_terms() {
        let folder = tempfile::tempdir().unwrap();
        let saved = SavedPlan::read(&written(folder.path())).unwrap();
        assert!(saved.terms.allow_replace);
        assert_eq!(saved.plan.build.len(), 1);
        assert!(saved.check(&stack("dev"), &home(), "key1").is_ok());
        assert!(saved.check_stack(&stack("dev")).is_ok());
        let other = saved.check_stack(&stack("prod")).unwrap_err();
        assert_eq!(
            other.faults[0].what,
            "the plan is for shop-dev, and this is shop-prod"
        );
        let refused = saved.check(&stack("prod"), &home(), "key1").unwrap_err();
        assert_eq!(
            refused.faults[0].what,
            "the plan is for shop-dev in account 123456789012, region eu-west-1, \
             and this is shop-prod in account 123456789012, region eu-west-1"
        );
    }

    #[test]
    fn a_plan_made_under_another_key_says_which_variable_to_set() {
        let folder = tempfile::tempdir().unwrap();
        let mut saved = SavedPlan::read(&written(folder.path())).unwrap();
        let refused = saved.check(&stack("dev"), &home(), "key2").unwrap_err();
        let fault = &refused.faults[0];
        assert!(
            fault.what.contains("key1") && fault.what.contains("key2"),
            "{fault}"
        );
        assert!(fault.hint.as_deref().unwrap().contains("GRAIL_SEAL_KEY"));
        saved.key_id.clear();
        assert!(saved.check(&stack("dev"), &home(), "key2").is_ok());
    }

    #[test]
    fn an_altered_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path());
        let whole: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for (pointer, value, why) in [
            ("/plan/build/0/wanted/name", json!("other"), "was altered"),
            ("/plan/base", json!("another"), "was altered"),
            ("/plan/build/0/why", json!("adopted"), "was altered"),
            ("/terms/allow_replace", json!(false), "was altered"),
            ("/counts/create", json!(0), "was altered"),
            ("/plan/broadenings/0/what", json!("allows nothing"), "was altered"),
            ("/version", json!(1), "has version 1"),
            ("/version", json!(3), "has version 3"),
            ("/plan", json!({}), "is no plan of this grail"),
        ] {
            let mut document = whole.clone();
            *document.pointer_mut(pointer).unwrap() = value;
            std::fs::write(&file, document.to_string()).unwrap();
            let refused = SavedPlan::read(&file).unwrap_err();
            assert!(refused.faults[0].what.contains(why), "{refused:?}");
        }
        std::fs::write(&file, "{").unwrap();
        assert!(SavedPlan::read(&file).is_err());
    }
}
