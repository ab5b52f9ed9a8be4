//! A rule and our target `1` of it: PutRule and PutTargets. Found by name; ours by its mark, which can only be set at its
//! birth, or by a target `1` that is our function. Others' targets stay, and a rule that has some outlives its deletion by us.

use grail_state::digest::Digester;
use grail_state::{Kind, Proof, StepToken, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{by_mark, names, seen, text, whole};
use super::physics::{Progress, Refused, Written};
use super::world::{Rule, World};
use crate::port::{
    Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Secured, Seen, Sight, Undelete,
};

/// The id of our target, as Chalice has it.
const TARGET: &str = "1";

/// What belongs to the rule itself.
const FIELDS: &[&str] = &["schedule", "pattern", "description", "enabled"];

pub(super) struct ModelRule(pub(super) Cloud);

/// The form of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    function: String,
}

fn yes() -> bool {
    true
}

impl Resource for ModelRule {
    const KIND: Kind = Kind::new("event_rule");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Exact;
    const ACTIONS: &'static [&'static str] = &[];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        handle: Some("rule_name"),
        ..Wire::to("cloudwatch_event")
    }];
    type Spec = Spec;

    fn lane(spec: &Value) -> Option<Lane> {
        Some(Lane(format!("rule:{}", spec.get("name")?.as_str()?)))
    }

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        let meaning = |text: &String| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!(text));
        json!({
            "name": spec.name, "schedule": spec.schedule, "pattern": spec.pattern.as_ref().map(meaning),
            "description": spec.description.as_ref().filter(|text| !text.is_empty()), "enabled": spec.enabled,
            "function": spec.function,
        })
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let natural = text(at.spec, "name").map(ToOwned::to_owned);
        let ours = text(at.spec, "function");
        let see = |world: &World, name: &str| see(world, name, ours);
        self.0.find("DescribeRule", names(&at, natural), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.spec;
        let there = self
            .0
            .read("DescribeRule", &want.name, |world| {
                see(world, &want.name, Some(&want.function))
            })
            .await?;
        let proof = there.map_or(Proof::Ours, |there| there.proof);
        if proof != Proof::Ours && proof != Proof::Mark(request.token.clone()) {
            return Err(Failure::foreign(format!("the rule {}", want.name)));
        }
        let mut progress = Progress::default();
        progress.step(self.put(want, Some(request.token)).await)?;
        progress.step(self.aim(want).await)?;
        self.left(want, &progress).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let mut progress = Progress::default();
        if FIELDS.iter().any(|field| request.diff.touches(field)) {
            progress.step(self.put(want, None).await)?;
        }
        if request.diff.touches("function") {
            progress.step(self.aim(want).await)?;
        }
        self.left(want, &progress).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let rule = name.clone();
        let mut progress = Progress::default();
        let removed = self.0.write("RemoveTargets", name, move |world, _| {
            if let Some(rule) = world.rules.get_mut(&rule) {
                rule.targets.remove(TARGET);
            }
            Ok(())
        });
        progress.step(removed.await)?;
        let others = |world: &World| {
            let rule = world.rules.get(name);
            rule.is_some_and(|rule| rule.targets.keys().any(|id| id != TARGET))
        };
        let listed = self.0.read("ListTargetsByRule", name, others).await;
        if listed.map_err(|failure| progress.fail(failure))? {
            return Ok(());
        }
        let rule = name.clone();
        let gone = self.0.write("DeleteRule", name, move |world, _| {
            match world.rules.get(&rule) {
                Some(there) if !there.targets.is_empty() => return Err(Refused::Exists(rule)),
                _ => drop(world.rules.remove(&rule)),
            }
            Ok(())
        });
        match gone.await {
            // Somebody has put a target meanwhile.
            Err(Written::Refused(Refused::Exists(_))) => Ok(()),
            other => progress.step(other),
        }
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        whole(&seen.spec)
    }
}

impl ModelRule {
    async fn put(&self, want: &Spec, token: Option<&StepToken>) -> Result<(), Written> {
        let (want, token) = (want.clone(), token.map(|token| token.0.clone()));
        let name = want.name.clone();
        self.0
            .write("PutRule", &name, move |world, _| {
                let there = world.rules.get(&want.name);
                let rule = Rule {
                    schedule: want.schedule,
                    pattern: want.pattern,
                    description: want.description.unwrap_or_default(),
                    enabled: want.enabled,
                    targets: there.map(|rule| rule.targets.clone()).unwrap_or_default(),
                    mark: there.map_or(token, |rule| rule.mark.clone()),
                };
                world.rules.insert(want.name, rule);
                Ok(())
            })
            .await
    }

    async fn aim(&self, want: &Spec) -> Result<(), Written> {
        let (name, function) = (want.name.clone(), want.function.clone());
        self.0
            .write("PutTargets", &want.name, move |world, _| {
                let rule = world.rules.get_mut(&name).ok_or(Refused::NotFound(name))?;
                rule.targets.insert(TARGET.to_owned(), function);
                Ok(())
            })
            .await
    }

    async fn left(&self, want: &Spec, progress: &Progress) -> Result<Seen<Spec>, Failure> {
        let see = |world: &World, name: &str| see(world, name, Some(&want.function));
        self.0.left("DescribeRule", &want.name, progress, see).await
    }
}

fn see(world: &World, name: &str, ours: Option<&str>) -> Option<Seen<Spec>> {
    let rule = world.rules.get(name)?;
    let target = rule.targets.get(TARGET);
    let proof = if target.is_some() && target.map(String::as_str) == ours {
        Proof::Ours
    } else {
        by_mark(rule.mark.as_ref())
    };
    let spec = Spec {
        name: name.to_owned(),
        schedule: rule.schedule.clone(),
        pattern: rule.pattern.clone(),
        description: Some(rule.description.clone()),
        enabled: rule.enabled,
        function: target.cloned().unwrap_or_default(),
    };
    let arn = format!("arn:aws:events:eu-west-1:123456789012:rule/{name}");
    Some(seen(
        name,
        spec,
        [("name", json!(name)), ("arn", json!(arn))],
        proof,
    ))
}
