//! A rule of EventBridge (a schedule or an event pattern) together with its target `1`, our function.
//!
//! Calls to look: `ListRules` by the stack's prefix and `ListTargetsByRule` for each rule; `DescribeRule` for one alone. To
//! make and change: `PutRule`, `PutTargets`. To end: `RemoveTargets`, `DeleteRule`. Each has 50 a second of its own. Only the
//! default event bus, as Chalice.
//!
//! Identity: the name, which proves nothing. A rule whose target `1` is our function is ours, whoever made it; so is one
//! that bears the tag `grail` with the attempt that made it, and the tags are read only where the target does not say it
//! already. `PutRule` writes over whatever has the name, so each write looks first.
//!
//! Other targets are other people's: they stay, and while there are any, so does the rule. A deletion then takes our target
//! alone and is done.
//!
//! `PutRule` sets a rule whole. A role that somebody has given the rule is sent along, and so is a state in which it fires
//! for more events than usual. The target is set with its ARN alone: an input that somebody has given our target is a
//! difference, and goes (`details`).
//!
//! What it does not know: the order of the alternatives in an event pattern means nothing to EventBridge, and is a
//! difference here.

mod details;
mod pattern;
#[cfg(test)]
mod properties;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

use std::sync::Arc;

use grail_state::digest::{Digester, canonical};
use grail_state::template::has_stand_in;
use grail_state::{Kind, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use details::Details;

use crate::aws::Context;
use crate::aws::outcome::Sequence;
use crate::port::{
    Birth, Change, Cost, Failure, Invalid, Lane, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// The id of our target, as Chalice has it.
const TARGET: &str = "1";
/// The longest name of a rule.
const LONGEST_NAME: usize = 64;
/// The longest description of a rule.
const LONGEST_DESCRIPTION: usize = 512;
/// The fields that `PutRule` sets.
const RULE: &[&str] = &["description", "enabled", "pattern", "schedule"];

/// A rule and its target `1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The rule's name.
    pub name: String,
    /// When it fires: `rate(5 minutes)`, `cron(0 12 * * ? *)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// Which events fire it: a JSON text, compared by what it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What it is for. Empty is the same as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it fires.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The ARN of the function that is its target `1`; empty where it has no such target.
    pub function: String,
    /// What that target has besides: no wish has any, and a write takes it away. Set where a rule is brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Details>,
}

fn yes() -> bool {
    true
}

/// The resource type.
#[derive(Debug)]
pub struct EventRule {
    context: Arc<Context>,
}

impl EventRule {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_cloudwatchevents::Client {
        self.context.clients.events.read()
    }

    fn write(&self) -> &aws_sdk_cloudwatchevents::Client {
        self.context.clients.events.write()
    }
}

/// A pattern with the blanks and the order of keys that every equal one has.
fn meaning(pattern: &str) -> String {
    serde_json::from_str(pattern).map_or_else(|_| pattern.to_owned(), |value: Value| canonical(&value))
}

impl Spec {
    fn problems(&self) -> Vec<Invalid> {
        let invalid = |field: &str, why: String| Invalid {
            field: field.to_owned(),
            why,
        };
        let mut problems = Vec::new();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let length = self.name.chars().count();
        if !has_stand_in(&self.name) && !self.name.chars().all(legal) {
            let why = format!("`{}` may have letters, digits, `.`, `-` and `_`", self.name);
            problems.push(invalid("name", why));
        } else if !has_stand_in(&self.name) && !(1..=LONGEST_NAME).contains(&length) {
            let why = format!(
                "`{}` has {length} characters, and a rule's name 1 to {LONGEST_NAME}",
                self.name
            );
            problems.push(invalid("name", why));
        }
        if self.schedule.is_none() && self.pattern.is_none() {
            problems.push(invalid(
                "",
                "a rule needs a schedule or an event pattern".to_owned(),
            ));
        }
        if let Some(Err(error)) = self.schedule.as_deref().map(crate::schedule::check) {
            problems.push(invalid("schedule", error.to_string()));
        }
        if let Some(Err(error)) = self.pattern.as_deref().map(pattern::check) {
            problems.push(invalid("pattern", error.to_string()));
        }
        let length = self.description.as_ref().map_or(0, |text| text.chars().count());
        if length > LONGEST_DESCRIPTION {
            let why = format!("has {length} characters, and may have {LONGEST_DESCRIPTION}");
            problems.push(invalid("description", why));
        }
        problems
    }

    fn projected(&self) -> Value {
        let plain = Self {
            pattern: self.pattern.as_deref().map(meaning),
            description: self.description.clone().filter(|text| !text.is_empty()),
            target: None,
            ..self.clone()
        };
        let mut projected = serde_json::to_value(plain).unwrap_or(Value::Null);
        if let Some(details) = &self.target {
            projected["target"] = json!(details.names());
        }
        projected
    }
}

impl Resource for EventRule {
    const KIND: Kind = Kind::new("event_rule");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Exact;
    const NAME_BOUND: bool = true;
    const PRUNES: &'static [&'static str] = &[reading::OTHER];
    const ACTIONS: &'static [&'static str] = &[
        "events:DeleteRule",
        "events:DescribeRule",
        "events:ListRules",
        "events:ListTagsForResource",
        "events:ListTargetsByRule",
        "events:PutRule",
        "events:PutTargets",
        "events:RemoveTargets",
        "events:TagResource",
    ];
    /// Pages of the rules with the stack's prefix, and the targets of each. One rule alone is described instead. Tags are
    /// read besides where the target `1` is not the function that is wanted there.
    const READS: Cost = Cost {
        each: 1,
        lists: 1,
        page: reading::PAGE,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("rule_name", "name")],
        handle: Some("rule_name"),
        ..Wire::to("cloudwatch_event")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        spec.problems()
    }

    fn project(spec: &Spec, _: &Digester) -> Value {
        spec.projected()
    }

    fn lane(spec: &Value) -> Option<Lane> {
        let name = spec.get("name").and_then(Value::as_str)?;
        Some(Lane(format!("rule:{name}")))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        self.look(&at).await
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        self.look_at_all(at).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        if let Some(rule) = self.rule(&want.name).await? {
            return self.made_before(rule, &request).await;
        }
        let mut requests = Sequence::default();
        let arn = requests.step(self.send_new_rule(want, request.token).await)?;
        if !want.function.is_empty() {
            requests.step(self.send_target(&want.name, want).await)?;
        }
        let proof = grail_state::Proof::Mark(request.token.clone());
        Ok(reading::seen(want.clone(), &arn, proof))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (name, want) = (&request.handle.0, request.want);
        let mut requests = Sequence::default();
        if RULE.iter().any(|field| request.diff.touches(field)) {
            let Some(rule) = self.rule(name).await? else {
                return Err(Failure::refused(format!("the rule {name} is gone")));
            };
            requests.step(self.send_rule(&rule, want, request.diff).await)?;
        }
        if request.diff.touches("function") || request.diff.touches("target") {
            let changed = if want.function.is_empty() {
                self.remove_target(name).await
            } else {
                self.send_target(name, want).await
            };
            requests.step(changed)?;
        }
        Ok(Seen {
            handle: request.handle.clone(),
            spec: want.clone(),
            outputs: request.outputs.clone(),
            proof: grail_state::Proof::Ours,
            additions: Vec::new(),
        })
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        self.prune_others(&have.handle.0, children).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        self.end(&request).await
    }

    /// The pattern to the letter, where the projected form has only its meaning, and what the target has besides.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let spec = serde_json::to_value(&seen.spec)
            .map_err(|error| Failure::refused(format!("the rule's form cannot be written down: {error}")))?;
        Ok(Some(Secured {
            spec,
            artifacts: Vec::new(),
            // A constant input may hold one.
            secret: seen.spec.target.is_some(),
            lost: Vec::new(),
        }))
    }
}
