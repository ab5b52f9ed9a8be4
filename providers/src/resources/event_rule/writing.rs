//! The requests that make, change and end a rule and its target.

use std::time::Duration;

use aws_sdk_cloudwatchevents::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchevents::operation::put_rule::builders::PutRuleFluentBuilder;
use aws_sdk_cloudwatchevents::types::builders::TargetBuilder;
use aws_sdk_cloudwatchevents::types::{RuleState, Tag, Target};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use grail_state::{Proof, StepToken};
use serde_json::Value;

use super::reading::{MARK, Rule, our_target, told};
use super::{EventRule, Spec, TARGET};
use crate::aws::Outcome;
use crate::aws::outcome::{Sequence, Verdict, verdict};
use crate::port::{Birth, Diff, Failure, Removal, Seen};

/// Before another try where EventBridge says that a target failed for a passing reason.
const AFTER: Duration = Duration::from_secs(1);

impl EventRule {
    /// A rule of the wanted name exists. With proof it is given as it is: what differs is for the next step.
    pub(super) async fn made_before(
        &self,
        rule: Rule,
        request: &Birth<'_, Spec>,
    ) -> Result<Seen<Spec>, Failure> {
        let name = rule.name.clone();
        let Some(there) = self.whole(rule, Some(&request.spec.function)).await? else {
            return Err(Failure::later(format!("the rule {name} is just going"), AFTER));
        };
        match &there.proof {
            Proof::Ours => Ok(there),
            Proof::Mark(token) if token == request.token => Ok(there),
            _ => Err(Failure::foreign(format_args!("the rule {name}"))),
        }
    }

    /// `PutRule` for a rule that does not exist, with its mark. Gives its ARN.
    pub(super) async fn send_new_rule(&self, spec: &Spec, token: &StepToken) -> Result<String, Failure> {
        let mark = Tag::builder().key(MARK).value(&token.0).build();
        let mark = mark.map_err(|error| Failure::refused(error.to_string()))?;
        let described = spec.schedule.is_some() || spec.description.is_some();
        let request = self.put_rule(spec, described).tags(mark);
        let answer = request.send().await.wrote("events:PutRule")?;
        answer
            .rule_arn
            .ok_or_else(|| Failure::maybe("the new rule has no ARN", AFTER).answered())
    }

    /// `PutRule` for a rule that exists. A description that is to go is sent empty: not every emulator takes one away that
    /// is left out.
    pub(super) async fn send_rule(&self, rule: &Rule, spec: &Spec, diff: &Diff) -> Result<(), Failure> {
        let described = spec.schedule.is_some() || spec.description.is_some() || diff.touches("description");
        let request = self.put_rule(spec, described).set_role_arn(rule.role.clone());
        // One of several states in which it fires.
        let request = match &rule.state {
            Some(state) if spec.enabled && rule.is_enabled() => request.state(state.clone()),
            _ => request,
        };
        let answer = request.send().await;
        answer
            .map(|_| ())
            .map_err(|error| unmanaged("events:PutRule", error))
    }

    /// Chalice sends a description with each schedule, also an empty one.
    fn put_rule(&self, spec: &Spec, described: bool) -> PutRuleFluentBuilder {
        let state = if spec.enabled {
            RuleState::Enabled
        } else {
            RuleState::Disabled
        };
        let description = described.then(|| spec.description.clone().unwrap_or_default());
        self.write()
            .put_rule()
            .name(&spec.name)
            .set_schedule_expression(spec.schedule.clone())
            .set_event_pattern(spec.pattern.clone())
            .set_description(description)
            .state(state)
    }

    /// Makes the function of `spec` the target `1`.
    pub(super) async fn send_target(&self, rule: &str, spec: &Spec) -> Result<(), Failure> {
        let plain = Target::builder().id(TARGET).arn(&spec.function);
        let target = match &spec.target {
            Some(details) => details.on(plain),
            None => Ok(plain),
        };
        let target = target
            .and_then(TargetBuilder::build)
            .map_err(|error| Failure::refused(error.to_string()))?;
        let answer = self.write().put_targets().rule(rule).targets(target).send().await;
        let answer = answer.map_err(|error| unmanaged("events:PutTargets", error))?;
        match answer.failed_entries.unwrap_or_default().first() {
            Some(entry) => Err(failed(
                "events:PutTargets",
                entry.error_code(),
                entry.error_message(),
            )),
            None if answer.failed_entry_count > 0 => Err(failed("events:PutTargets", None, None)),
            None => Ok(()),
        }
    }

    /// Takes the target `1` away. One that is gone is success.
    pub(super) async fn remove_target(&self, rule: &str) -> Result<(), Failure> {
        self.remove_one(rule, TARGET).await
    }

    /// Removes those targets of others that `children` name.
    pub(super) async fn prune_others(&self, rule: &str, children: &[String]) -> Result<(), Failure> {
        let mut requests = Sequence::default();
        let targets = self.targets(rule).await?.unwrap_or_default();
        let others = targets.iter().filter(|target| target.id != TARGET);
        for target in others.filter(|target| children.contains(&told(target))) {
            requests.step(self.remove_one(rule, &target.id).await)?;
        }
        Ok(())
    }

    async fn remove_one(&self, rule: &str, target: &str) -> Result<(), Failure> {
        let answer = match self.write().remove_targets().rule(rule).ids(target).send().await {
            Err(error) if verdict(&error) == Verdict::NotFound => return Ok(()),
            answer => answer.map_err(|error| unmanaged("events:RemoveTargets", error))?,
        };
        match answer.failed_entries.unwrap_or_default().first() {
            Some(entry) if entry.error_code() == Some("ResourceNotFoundException") => Ok(()),
            Some(entry) => Err(failed(
                "events:RemoveTargets",
                entry.error_code(),
                entry.error_message(),
            )),
            None if answer.failed_entry_count > 0 => Err(failed("events:RemoveTargets", None, None)),
            None => Ok(()),
        }
    }

    /// Removes our target, then the rule unless others have targets on it.
    pub(super) async fn end(&self, request: &Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let Some(targets) = self.targets(name).await? else {
            return Ok(());
        };
        let known = request.spec.get("function").and_then(Value::as_str);
        let (target, rule) = taken(&targets, known);
        let mut requests = Sequence::default();
        if target {
            requests.step(self.remove_target(name).await)?;
        }
        if !rule {
            return Ok(());
        }
        let deleted = requests.step(self.delete_rule(name).await)?;
        match deleted {
            true => Ok(()),
            false => requests.look(self.kept_for_others(name, known).await),
        }
    }

    /// False if EventBridge keeps the rule because of its targets.
    async fn delete_rule(&self, name: &str) -> Result<bool, Failure> {
        match self.write().delete_rule().name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if verdict(&error) == Verdict::NotFound => Ok(true),
            Err(error) if has_targets(&error) => Ok(false),
            Err(error) => Err(unmanaged("events:DeleteRule", error)),
        }
    }

    /// A rule that got another target meanwhile stays, and that is done. Else it is ours that EventBridge still sees: it
    /// agrees with itself only after a while.
    async fn kept_for_others(&self, name: &str, known: Option<&str>) -> Result<(), Failure> {
        match self.targets(name).await? {
            Some(targets) if taken(&targets, known).1 => Err(Failure::awaiting(
                format!("the rule {name} cannot be deleted: EventBridge still sees its target"),
                AFTER,
                "the target of the rule to be gone",
            )),
            _ => Ok(()),
        }
    }
}

/// What a deletion takes of a rule with these targets: whether our target, and whether the rule. `known` is the function that
/// we know as our target; one that somebody has pointed elsewhere is theirs.
pub(super) fn taken(targets: &[Target], known: Option<&str>) -> (bool, bool) {
    let ours = our_target(targets).is_some_and(|target| known.is_none_or(|known| known == target.arn));
    (ours, targets.len() == usize::from(ours))
}

/// True if EventBridge keeps a rule because of its targets.
fn has_targets<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let said = error.as_service_error().and_then(ProvideErrorMetadata::message);
    said.is_some_and(|said| said.to_ascii_lowercase().contains("has targets"))
}

/// The failure of a write, with a hint where the rule belongs to a service of AWS.
fn unmanaged<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let managed = code == Some("ManagedRuleException");
    let failed = crate::aws::outcome::failure(action, error);
    if managed {
        failed.with_hint("a service of AWS manages this rule and alone may change it: choose another name")
    } else {
        failed
    }
}

/// A call that EventBridge answered with success and one entry that failed.
fn failed(action: &'static str, code: Option<&str>, message: Option<&str>) -> Failure {
    let code = code.unwrap_or("no reason given");
    let said = format!(
        "{action} failed for the target: {code}: {}",
        message.unwrap_or_default()
    );
    let passing = code.starts_with("Internal")
        || code.starts_with("Throttl")
        || matches!(code, "ConcurrentModificationException" | "ServiceUnavailable");
    if passing {
        Failure::later(said, AFTER)
    } else {
        Failure::refused(said)
    }
}
