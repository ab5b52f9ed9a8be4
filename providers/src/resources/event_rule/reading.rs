//! Looking at rules, and what shows whose they are.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchevents::operation::describe_rule::DescribeRuleOutput;
use aws_sdk_cloudwatchevents::types::{Rule as Listed, RuleState, Target};
use futures::future::join_all;
use grail_state::{Handle, Proof, StepToken};
use serde_json::{Value, json};

use super::{Details, EventRule, Spec, TARGET};
use crate::aws::Outcome;
use crate::port::{Failure, Locator, Seen, Sight};

/// The tag that carries the attempt.
pub(super) const MARK: &str = "grail";
/// How many rules one answer of `ListRules` holds at most.
pub(super) const PAGE: u32 = 100;
/// How many rules are looked at at once.
const AT_ONCE: usize = 16;

/// A rule as EventBridge tells it, without its targets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) arn: String,
    schedule: Option<String>,
    pattern: Option<String>,
    description: Option<String>,
    pub(super) state: Option<RuleState>,
    pub(super) role: Option<String>,
    /// The AWS service that made it for its own use.
    pub(super) managed_by: Option<String>,
}

/// The SDK has two types for one thing.
macro_rules! rules {
    ($($answer:ty),+) => {
        $(impl From<$answer> for Rule {
            fn from(answer: $answer) -> Self {
                // Emulators answer with empty texts for what is not there.
                let text = |text: Option<String>| text.filter(|text| !text.is_empty());
                Self {
                    name: answer.name.unwrap_or_default(),
                    arn: answer.arn.unwrap_or_default(),
                    schedule: text(answer.schedule_expression),
                    pattern: text(answer.event_pattern),
                    description: text(answer.description),
                    state: answer.state,
                    role: text(answer.role_arn),
                    managed_by: text(answer.managed_by),
                }
            }
        })+
    };
}

rules!(DescribeRuleOutput, Listed);

impl Rule {
    pub(super) fn is_enabled(&self) -> bool {
        self.state != Some(RuleState::Disabled)
    }
}

/// What a look gives, without what others have added.
pub(super) fn seen(spec: Spec, arn: &str, proof: Proof) -> Seen<Spec> {
    Seen {
        handle: Handle(spec.name.clone()),
        outputs: BTreeMap::from([
            ("name".to_owned(), json!(spec.name)),
            ("arn".to_owned(), json!(arn)),
        ]),
        spec,
        proof,
        additions: Vec::new(),
    }
}

/// The target `1`.
pub(super) fn our_target(targets: &[Target]) -> Option<&Target> {
    targets.iter().find(|target| target.id == TARGET)
}

/// How the words of such a target begin.
pub(super) const OTHER: &str = "target ";

/// The targets of others, in words.
pub(super) fn other_targets(targets: &[Target]) -> Vec<String> {
    let others = targets.iter().filter(|target| target.id != TARGET);
    others.map(told).collect()
}

/// One of them.
pub(super) fn told(target: &Target) -> String {
    format!("{OTHER}{} ({})", target.id, target.arn)
}

/// The names to look for, most telling first.
fn names(at: &Locator<'_>) -> Vec<String> {
    let handle = at.handle.map(|handle| handle.0.clone());
    let natural = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
    let mut names: Vec<_> = handle.into_iter().chain(natural.map(ToOwned::to_owned)).collect();
    names.dedup();
    names
}

impl EventRule {
    /// The rule of that name.
    pub(super) async fn rule(&self, name: &str) -> Result<Option<Rule>, Failure> {
        let answer = self.read().describe_rule().name(name).send().await;
        Ok(answer.found("events:DescribeRule")?.map(Rule::from))
    }

    /// All targets of a rule; `None` if there is no such rule.
    pub(super) async fn targets(&self, rule: &str) -> Result<Option<Vec<Target>>, Failure> {
        let mut targets = Vec::new();
        let mut next = None;
        loop {
            let request = self.read().list_targets_by_rule().rule(rule).set_next_token(next);
            let Some(page) = request.send().await.found("events:ListTargetsByRule")? else {
                return Ok(None);
            };
            targets.extend(page.targets.unwrap_or_default());
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(Some(targets)),
            }
        }
    }

    /// The attempt that made the rule, if it bears a mark.
    pub(super) async fn mark(&self, rule: &Rule) -> Result<Option<StepToken>, Failure> {
        let answer = self
            .read()
            .list_tags_for_resource()
            .resource_arn(&rule.arn)
            .send()
            .await;
        let tags = answer
            .found("events:ListTagsForResource")?
            .and_then(|answer| answer.tags);
        let mark = tags.unwrap_or_default().into_iter().find(|tag| tag.key == MARK);
        Ok(mark.map(|tag| StepToken(tag.value)))
    }

    /// The rule with its target, and whose it is: `function` is the one that ought to be its target.
    pub(super) async fn whole(&self, rule: Rule, function: Option<&str>) -> Result<Sight<Spec>, Failure> {
        let Some(targets) = self.targets(&rule.name).await? else {
            return Ok(None);
        };
        let ours = our_target(&targets);
        let target = ours.map(|target| target.arn.clone()).unwrap_or_default();
        let proof = if !target.is_empty() && function == Some(target.as_str()) {
            Proof::Ours
        } else if let Some(service) = &rule.managed_by {
            Proof::Theirs {
                owner: service.clone(),
            }
        } else {
            self.mark(&rule).await?.map_or(Proof::NameOnly, Proof::Mark)
        };
        let spec = Spec {
            enabled: rule.is_enabled(),
            target: ours.and_then(Details::of),
            name: rule.name,
            schedule: rule.schedule,
            pattern: rule.pattern,
            description: rule.description,
            function: target,
        };
        Ok(Some(Seen {
            additions: other_targets(&targets),
            ..seen(spec, &rule.arn, proof)
        }))
    }

    /// Looks at one.
    pub(super) async fn look(&self, at: &Locator<'_>) -> Result<Sight<Spec>, Failure> {
        for name in names(at) {
            if let Some(rule) = self.rule(&name).await? {
                return self.whole(rule, function(at)).await;
            }
        }
        Ok(None)
    }

    /// Looks at many: the rules of this stack are listed together. Where one has another name, or the list cannot be had,
    /// each is looked at alone.
    pub(super) async fn look_at_all(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        let prefix = format!("{}-", self.context.stack);
        let all_ours = at.iter().flat_map(names).all(|name| name.starts_with(&prefix));
        let listed = match at.len() > 1 && all_ours {
            true => self.list(&prefix).await.ok(),
            false => None,
        };
        let mut sights = Vec::with_capacity(at.len());
        for some in at.chunks(AT_ONCE) {
            let looks = some.iter().map(|one| async {
                let Some(listed) = &listed else {
                    return self.look(one).await;
                };
                match names(one).iter().find_map(|name| listed.get(name)) {
                    Some(rule) => self.whole(rule.clone(), function(one)).await,
                    None => Ok(None),
                }
            });
            sights.extend(join_all(looks).await);
        }
        sights
    }

    async fn list(&self, prefix: &str) -> Result<BTreeMap<String, Rule>, Failure> {
        let mut found = BTreeMap::new();
        let mut next = None;
        loop {
            let request = self.read().list_rules().name_prefix(prefix).set_next_token(next);
            let page = request.send().await.read("events:ListRules")?;
            let rules = page.rules.unwrap_or_default().into_iter().map(Rule::from);
            found.extend(rules.map(|rule| (rule.name.clone(), rule)));
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(found),
            }
        }
    }
}

/// The function that ought to be the target. One that is not known yet is a stand-in, which no target equals.
fn function<'a>(at: &Locator<'a>) -> Option<&'a str> {
    at.spec
        .and_then(|spec| spec.get("function"))
        .and_then(Value::as_str)
}
