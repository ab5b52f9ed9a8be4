//! The questions that a deployment on a terminal asks before it begins, where it is not a saved plan: what somebody has to agree
//! to because the project says so (`require_approval`); what cannot change in place is deleted and made anew
//! and away for a while; what nobody could bring back is deleted. Anything but a clear yes is a no.

use std::io::BufRead as _;
use std::sync::Arc;

use async_trait::async_trait;
use grail_providers::port::{Catalog, RuleBook as _, Undelete};

use super::args::RequireApproval;
use super::report::plan::Counts;
use super::{report, words};
use crate::engine::{Approval, EngineError};
use crate::plan::{Action, Plan, Step, Why};

/// Asks the person at the terminal.
pub struct Person {
    /// What can be brought back after a deletion, by kind.
    pub catalog: Arc<Catalog>,
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether a replacement was allowed on the command line.
    pub replace: bool,
    /// What has to be agreed to besides.
    pub required: RequireApproval,
}

/// Stands where nobody can be asked: what has to be agreed to is refused.
pub struct Nobody {
    /// What has to be agreed to.
    pub required: RequireApproval,
}

#[async_trait]
impl Approval for Nobody {
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError> {
        match awaiting(plan, self.required) {
            None => Ok(()),
            Some(what) => Err(EngineError::Unapproved(what)),
        }
    }
}

/// What of `plan` has to be agreed to; `None` if nothing has.
fn awaiting(plan: &Plan, required: RequireApproval) -> Option<Vec<String>> {
    let broadened: Vec<_> = plan.broadenings.iter().map(ToString::to_string).collect();
    match required {
        RequireApproval::Never => None,
        RequireApproval::Broadening => Some(broadened).filter(|broadened| !broadened.is_empty()),
        RequireApproval::Any if plan.is_empty() => None,
        RequireApproval::Any => Some([vec![Counts::of(plan).to_string()], broadened].concat()),
    }
}

#[async_trait]
impl Approval for Person {
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError> {
        let mut doubtful = doubtful(plan, &self.catalog, self.replace);
        let awaiting = awaiting(plan, self.required);
        if doubtful.is_empty() && awaiting.is_none() {
            return Ok(());
        }
        if awaiting.is_some() && !plan.broadenings.is_empty() {
            doubtful.push("It lets somebody do what they could not do before, as listed above.\n".to_owned());
        }
        words::words(&report::plan::human(plan, self.colour));
        match agrees(&doubtful.concat()).await {
            true => Ok(()),
            false => Err(EngineError::Declined),
        }
    }
}

/// Whether the person at the terminal says yes to what `doubtful` tells them.
pub async fn agrees(doubtful: &str) -> bool {
    words::words(&format!("{doubtful}Go on? [y/N] "));
    // The thread that reads outlives a request to stop; the process does not wait for it.
    let said = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    matches!(said.await, Ok(Ok(line)) if is_yes(&line))
}

fn is_yes(line: &str) -> bool {
    ["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str())
}

/// What a person should know before they say yes, one sentence a line.
fn doubtful(plan: &Plan, catalog: &Catalog, replace_allowed: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let replaced: Vec<_> = plan
        .build
        .iter()
        .filter(|step| !replace_allowed && is_replaced_in_place(plan, step))
        .map(name)
        .collect();
    if !replaced.is_empty() {
        lines.push(format!(
            "Deleted and made anew, and unavailable meanwhile: {}\n",
            replaced.join(", ")
        ));
    }
    let lost: Vec<_> = plan
        .sweep
        .iter()
        .filter(|step| is_lost(step, catalog))
        .map(name)
        .collect();
    if !lost.is_empty() {
        lines.push(format!(
            "Deleted, and nothing can bring it back as it is: {}\n",
            lost.join(", ")
        ));
    }
    lines
}

/// Whether the old one has to go before the new one is made: then its deletion stands in the build.
fn is_replaced_in_place(plan: &Plan, step: &Step) -> bool {
    let Action::Create { replaces: Some(old) } = step.action else {
        return false;
    };
    plan.build.iter().any(|other| other.id == old)
}

fn is_lost(step: &Step, catalog: &Catalog) -> bool {
    let rules = catalog.rules(&step.resource.kind);
    matches!(step.action, Action::Delete { replaced_by: None })
        && step.why == Why::NotWanted
        && rules.is_some_and(|rules| rules.undelete() == Undelete::Never)
}

fn name(step: &Step) -> String {
    match &step.label {
        Some(label) if *label != step.resource.name => format!("{} ({label})", step.resource),
        _ => step.resource.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use grail_providers::fake::{Cloud, Physics, catalog};
    use grail_state::seal::Keys;
    use serde_json::json;

    use super::*;
    use crate::cli::report::plan::tests::{created, deleted, planned};
    use crate::plan::StepId;

    #[test]
    fn what_is_away_for_a_while_and_what_is_lost_is_asked_about() {
        let digester = Arc::new(Keys::from_master(&[7; 32]).digester);
        let catalog: Catalog = catalog(&Cloud::new(Physics::default()), &digester);
        let replaced = |made: u32, old: u32, id: &str| {
            let (mut made, mut old) = (created(made, id, json!({})), deleted(old, id, "old"));
            made.action = Action::Create {
                replaces: Some(old.id),
            };
            old.action = Action::Delete {
                replaced_by: Some(made.id),
            };
            (made, old)
        };
        let (stage, old_stage) = replaced(1, 0, "api_stage.rest_api");
        let (layer, old_layer) = replaced(2, 5, "lambda_layer.managed-layer");
        let function = deleted(3, "lambda_function.gone", "f");
        let mut left_over = deleted(6, "rest_api.other", "api0");
        left_over.why = Why::LeftOver;
        let api = deleted(4, "rest_api.rest_api", "api1");
        assert_eq!(api.id, StepId(4));
        let plan = planned(
            vec![old_stage, stage, layer, function],
            vec![api, old_layer, left_over],
        );
        assert_eq!(
            doubtful(&plan, &catalog, false).concat(),
            "Deleted and made anew, and unavailable meanwhile: api_stage.rest_api\n\
             Deleted, and nothing can bring it back as it is: rest_api.rest_api\n"
        );
        assert_eq!(doubtful(&plan, &catalog, true).len(), 1, "that was allowed");
        let plain = planned(
            vec![created(0, "lambda_function.a", json!({"name": "a"}))],
            vec![],
        );
        assert!(doubtful(&plain, &catalog, false).is_empty());
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in ["y\n", "Y", " yes \n", "YES\n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no", "yeah", "of course"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
